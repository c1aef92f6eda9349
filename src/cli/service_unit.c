/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the units say. A backup reads everything and writes to the vault, the
 * cache and the writer's state alone, and sees no network unless the vault is on a server; maintenance writes to the vault. Both give
 * way to everything else on the machine.
 *
 *  1. Whatever a path holds, it is one word in a unit (put_word), or refused.
 *  2. Commands of the administrator are not confined: nobody knows what they need.
 */
#include "cli/service_unit.h"

#include <stdio.h>
#include <string.h>

void service_unit_name(enum service_unit unit, const char *profile, char out[SERVICE_NAME_BYTES])
{
    bool backup = unit == SERVICE_BACKUP || unit == SERVICE_BACKUP_TIMER;
    bool timer = unit == SERVICE_BACKUP_TIMER || unit == SERVICE_MAINTENANCE_TIMER;
    (void)snprintf(out, SERVICE_NAME_BYTES, "abri-%s-%.64s.%s", backup ? "backup" : "maintenance",
                   profile, timer ? "timer" : "service");
}

static void put(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

/* In double quotes; specifiers, and for commands variables, mean themselves. */
static void put_word(struct buf *b, const char *prefix, const char *text, bool is_command)
{
    put(b, "\"");
    put(b, prefix);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(b, "\\");
        if (*text == '%' || (*text == '$' && is_command))
            buf_put_u8(b, (uint8_t)*text);
        buf_put_u8(b, (uint8_t)*text);
    }
    put(b, "\"");
}

static void put_setting(struct buf *b, const char *name, const char *prefix, const char *text)
{
    put(b, name);
    put_word(b, prefix, text, false);
    put(b, "\n");
}

static int check_text(const char *what, const char *text, struct err *e)
{
    for (const char *p = text; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(e, ERR_USAGE, "%s: a control character cannot stand in a unit", what);
    return 0;
}

/* Times are not quoted in a timer. */
static int check_time(const char *what, const char *text, struct err *e)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789 *:,./~-_+";
    if (*text && strspn(text, fine) == strlen(text))
        return 0;
    return err_set(e, ERR_USAGE, "%s: '%.100s' is not a time such as systemd.time(7) describes",
                   what, text);
}

static int check_plan(const struct service_plan *p, struct err *e)
{
    if (check_text("the program's path", p->program, e) || check_text("the vault", p->vault, e) ||
        check_text("the configuration's path", p->config_dir, e) ||
        check_text("the profile's path", p->profile_path, e) ||
        check_text("the cache's path", p->cache_dir, e) ||
        check_time("[service] schedule", p->schedule, e) ||
        check_time("[service] maintenance", p->maintenance, e) ||
        check_time("[service] random-delay", p->delay, e))
        return -1;
    return 0;
}

/* ---- services ------------------------------------------------------------------------ */

static void put_head(struct buf *b, const struct service_plan *p, const char *what)
{
    put(b, SERVICE_MARK ". Change the profile and install again.\n# Profile: ");
    put(b, p->profile_path);
    put(b, "\n[Unit]\nDescription=abri: ");
    put(b, what);
    put(b, " of profile ");
    put(b, p->profile);
    put(b, "\n");
}

static void put_command(struct buf *b, const struct service_plan *p, const char *words)
{
    put(b, "ExecStart=");
    put_word(b, "", p->program, true);
    put(b, " --profile ");
    put_word(b, "", p->profile, true);
    put(b, " ");
    put(b, words);
    put(b, "\n");
}

/* A cache at its usual place is made by systemd; another may be missing. */
static void put_paths(struct buf *b, const struct service_plan *p, bool backup)
{
    put(b, "ProtectSystem=strict\n");
    if (!p->vault_is_far)
        put_setting(b, "ReadWritePaths=", "", p->vault);
    if (!p->cache_dir)
        put(b, "# No cache is kept.\n");
    else if (strcmp(p->cache_dir, "/var/cache/abri") == 0)
        put(b, "CacheDirectory=abri\nCacheDirectoryMode=0700\n");
    else
        put_setting(b, "ReadWritePaths=", "-", p->cache_dir);
    if (backup)
        put_setting(b, "ReadWritePaths=", "-", p->config_dir);
}

static void put_confinement(struct buf *b, const struct service_plan *p, bool backup)
{
    put(b, "NoNewPrivileges=yes\nUMask=0077\n");
    if (backup && p->has_hooks) {
        put(b, "# Not confined further: commands of the profile run in here.\n");
        return;
    }
    put(b, "LockPersonality=yes\nMemoryDenyWriteExecute=yes\nRestrictRealtime=yes\n"
           "RestrictNamespaces=yes\nSystemCallArchitectures=native\n"
           "SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n");
    if (p->user)
        return;
    put(b, "CapabilityBoundingSet=");
    put(b, backup ? "CAP_DAC_READ_SEARCH CAP_FOWNER" : "CAP_DAC_READ_SEARCH");
    put(b, p->vault_is_foreign ? " CAP_DAC_OVERRIDE\n" : "\n");
    put_paths(b, p, backup);
    put(b, p->vault_is_far ? "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
                           : "PrivateNetwork=yes\nRestrictAddressFamilies=AF_UNIX\n");
    put(b, "RestrictSUIDSGID=yes\n"
           "ProtectKernelTunables=yes\nProtectControlGroups=yes\nProtectHostname=yes\n"
           "KeyringMode=private\n");
}

static void put_service(struct buf *b, const struct service_plan *p, bool backup)
{
    put_head(b, p, backup ? "backup" : "forget, free, check");
    put(b, backup ? "Documentation=man:abri-backup(1)\n" : "Documentation=man:abri-gc(1)\n");
    if (p->vault_is_far)
        put(b, "Wants=network-online.target\nAfter=network-online.target\n");
    else
        put_setting(b, "RequiresMountsFor=", "", p->vault);
    put(b, "\n[Service]\nType=oneshot\n");
    put_setting(b, "Environment=", "ABRI_CONFIG_DIR=", p->config_dir);
    if (p->cache_dir)
        put_setting(b, "Environment=", "ABRI_CACHE_DIR=", p->cache_dir);
    if (backup) {
        put_command(b, p, "--quiet backup");
    } else {
        if (p->has_rules)
            put_command(b, p, "--quiet forget");
        put_command(b, p, "--quiet gc");
        put_command(b, p, p->passphrase_file ? "--quiet check" : "--quiet check --keyless");
    }
    put(b, "Nice=10\nCPUSchedulingPolicy=batch\nIOSchedulingClass=best-effort\n"
           "IOSchedulingPriority=7\n");
    put_confinement(b, p, backup);
}

static void put_timer(struct buf *b, const struct service_plan *p, bool backup)
{
    put_head(b, p, backup ? "when to run the backup" : "when to run forget, free, check");
    put(b, "\n[Timer]\nOnCalendar=");
    put(b, backup ? p->schedule : p->maintenance);
    put(b, "\nRandomizedDelaySec=");
    put(b, p->delay);
    put(b, "\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n");
}

int service_unit_text(enum service_unit unit, const struct service_plan *p, struct buf *out,
                      struct err *e)
{
    bool backup = unit == SERVICE_BACKUP || unit == SERVICE_BACKUP_TIMER;
    if (check_plan(p, e))
        return -1;
    if (unit == SERVICE_BACKUP || unit == SERVICE_MAINTENANCE)
        put_service(out, p, backup);
    else
        put_timer(out, p, backup);
    return buf_check(out, "a unit", e);
}
