/* SPDX-License-Identifier: Apache-2.0 */
/* abri doctor: this machine. Reads; writes nothing. */
#include "cli/doctor.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#define YEAR_2024_S INT64_C(1704067200)
#define LOCKED_MIN_BYTES ((rlim_t)64 << 10)

/* ---- keys ----------------------------------------------------------------------- */

void doctor_writer_key(struct doctor *d)
{
    struct err e = ERR_INIT;
    char name[2 * UID_BYTES + 1];
    CLEANUP(buf_done) struct buf certificate = {0};
    if (!d->access.vault)
        return;
    if (access_as_writer(&d->access, &d->cli->dirs, &e)) {
        doctor_tell(d, DOCTOR_BAD, "writer key",
                    "backups need it; with the passphrase, everything else works without", "%s",
                    e.msg);
        return;
    }
    d->is_writer = true;
    hex_encode(d->access.writer->id, UID_BYTES, name);
    if (vault_get(d->access.vault, VAULT_WRITER, name, &certificate, &e))
        doctor_tell(d, DOCTOR_BAD, "writer key", "make this machine a writer again",
                    "the vault has no certificate of this machine: %s", e.msg);
    else
        doctor_tell(d, DOCTOR_OK, "writer key", NULL, "this machine may add to the vault, as '%s'",
                    d->access.writer->machine);
}

/* ---- who can read secrets ------------------------------------------------------------ */

/* True if it is there and only ours. */
static void look_at_secret(struct doctor *d, const char *what, const char *path, bool is_dir)
{
    struct stat st;
    if (stat(path, &st)) {
        if (errno != ENOENT || !is_dir)
            doctor_tell(d, DOCTOR_BAD, "secrets", "check the path and its permissions",
                        "%s '%s': %s", what, path, strerror(errno));
        return;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0)
        doctor_tell(d, DOCTOR_BAD, "secrets", "make it yours: chown",
                    "%s '%s' belongs to user %u", what, path, st.st_uid);
    else if (S_ISREG(st.st_mode) || is_dir)
        doctor_tell(d, st.st_mode & (is_dir ? 022 : 077) ? DOCTOR_BAD : DOCTOR_OK, "secrets",
                    st.st_mode & (is_dir ? 022 : 077)
                        ? (is_dir ? "take it from others: chmod go-w" : "take it from others: chmod 600")
                        : NULL,
                    "%s '%s' has mode %04o", what, path, st.st_mode & 07777);
}

void doctor_secrets(struct doctor *d)
{
    char path[4096];
    struct err e = ERR_INIT;
    const struct cli *c = d->cli;
    look_at_secret(d, "directory of keys", c->dirs.config, true);
    if (d->is_writer && writer_key_path(&c->dirs, vault_get_info(d->access.vault)->id, path,
                                        sizeof path, &e) == 0)
        look_at_secret(d, "writer key", path, false);
    if (c->global.passphrase_file)
        look_at_secret(d, "passphrase file", c->global.passphrase_file, false);
    if (c->has_passphrase)
        doctor_tell(d, DOCTOR_WARN, "secrets", "use ABRI_PASSPHRASE_FILE",
                    "the passphrase is in the environment, for other programs to see");
}

/* ---- cache ------------------------------------------------------------------------------ */

void doctor_cache(struct doctor *d)
{
    const char *dir = d->cli->dirs.cache;
    if (!dir)
        doctor_tell(d, DOCTOR_WARN, "cache", "leave out --no-cache",
                    "there is none: every backup reads every file");
    else if (access(dir, F_OK) && errno == ENOENT)
        doctor_tell(d, DOCTOR_OK, "cache", NULL, "'%s' will be made by the first backup", dir);
    else if (access(dir, W_OK | X_OK))
        doctor_tell(d, DOCTOR_WARN, "cache", "change its owner, or set ABRI_CACHE_DIR",
                    "'%s': %s: every backup reads every file", dir, strerror(errno));
    else
        doctor_tell(d, DOCTOR_OK, "cache", NULL, "'%s' is writable", dir);
}

/* ---- clock -------------------------------------------------------------------------------- */

void doctor_clock(struct doctor *d)
{
    struct timex state = {0};
    int64_t now = clock_realtime_ns();
    char text[CLOCK_TEXT_BYTES];
    clock_format(now, text);
    bool before_vault = d->access.vault && now < vault_get_info(d->access.vault)->created_ns;
    if (now / NS_PER_S < YEAR_2024_S || before_vault)
        doctor_tell(d, DOCTOR_BAD, "clock", "set it, and keep it with NTP",
                    "it says %s%s", text, before_vault ? ", before the vault was made" : "");
    else if (adjtimex(&state) == TIME_ERROR)
        doctor_tell(d, DOCTOR_WARN, "clock", "run an NTP client (systemd-timesyncd, chrony)",
                    "it says %s, but nothing keeps it right", text);
    else
        doctor_tell(d, DOCTOR_OK, "clock", NULL, "it says %s and is kept right", text);
}

/* ---- memory -------------------------------------------------------------------------------- */

static bool has_disk_swap(void)
{
    char line[512];
    bool found = false;
    FILE *f = fopen("/proc/swaps", "re");
    if (!f)
        return false;
    for (bool head = true; fgets(line, sizeof line, f); head = false)
        found = found || (!head && !strstr(line, "/zram") && !strstr(line, "/dm-"));
    (void)fclose(f);
    return found;
}

void doctor_memory(struct doctor *d)
{
    struct rlimit locked;
    bool few = getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur < LOCKED_MIN_BYTES;
    if (few && has_disk_swap())
        doctor_tell(d, DOCTOR_WARN, "memory",
                    "raise `ulimit -l` to 64, or encrypt the swap space",
                    "secrets cannot be locked in memory, and there is swap space that keeps them");
    else
        doctor_tell(d, DOCTOR_OK, "memory", NULL,
                    few ? "no swap space that would keep secrets" : "secrets are locked in memory");
}
