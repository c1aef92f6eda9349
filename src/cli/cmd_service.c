/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abri service install|remove|show: the systemd units that run a profile. Writes
 * and removes their files; starts, enables and stops nothing, which is systemctl's.
 *
 *  1. A file that does not begin with our mark is neither replaced nor removed.
 */
#include "cli/json_out.h"
#include "cli/service_unit.h"
#include "cli/settings.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNIT_BYTES_MAX ((size_t)1 << 20)

struct service_args {
    bool user, dry_run;
    const char *unit_dir;
};

#define OPTION_USER                                                                                \
    {.name = "user", .kind = OPTION_FLAG, OPTION_AT(service_args, user),                           \
     .help = "units of this user, not of the machine"}
#define OPTION_UNIT_DIR                                                                            \
    {.name = "unit-dir", .kind = OPTION_TEXT, .arg = "DIR", OPTION_AT(service_args, unit_dir),     \
     .help = "where the units' files are (default: /etc/systemd/system; with --user "              \
             "~/.config/systemd/user)"}
#define OPTION_DRY_RUN(what)                                                                       \
    {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, OPTION_AT(service_args, dry_run),      \
     .help = what}

/* ---- the plan ------------------------------------------------------------------- */

struct service {
    struct service_plan plan;
    char program[4096], config_dir[4096], cache_dir[4096], unit_dir[4096];
};

static const char *text_of(const struct cli *c, const char *name, const char *otherwise)
{
    const struct profile_key *k = settings_find(c, "service", name);
    return k ? k->items[0] : otherwise;
}

static int whole_path(const char *path, char out[4096], struct err *e)
{
    char here[2048] = "";
    if (*path != '/' && !getcwd(here, sizeof here))
        return err_sys(e, errno, "the current directory");
    int n = snprintf(out, 4096, "%s%s%s", here, *here ? "/" : "", path);
    return n < 0 || n >= 4096 ? err_set(e, ERR_LIMIT, "'%s': the path is too long", path) : 0;
}

static int find_program(char out[4096], struct err *e)
{
    ssize_t n = readlink("/proc/self/exe", out, 4095);
    if (n < 0)
        return err_sys(e, errno, "where this program is");
    out[n] = '\0';
    return 0;
}

static int find_unit_dir(const struct service_args *a, char out[4096], struct err *e)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    bool in_xdg = xdg && *xdg == '/';
    if (a->unit_dir)
        return whole_path(a->unit_dir, out, e);
    if (!a->user)
        return whole_path("/etc/systemd/system", out, e);
    if (!in_xdg && (!home || *home != '/'))
        return err_set(e, ERR_USAGE, "HOME is not set: set it, or give --unit-dir");
    int n = snprintf(out, 4096, "%s%s/systemd/user", in_xdg ? xdg : home, in_xdg ? "" : "/.config");
    return n < 0 || n >= 4096 ? err_set(e, ERR_LIMIT, "the path of units is too long") : 0;
}

/* What the service is told must stand in the profile: there is no command line. */
static int check_profile(const struct cli *c, struct err *e)
{
    if (!c->has_profile)
        return err_set(e, ERR_USAGE, "there is no profile '%s' to run: write '%s' first (see `abri help "
                       "profiles`)", settings_name(c), c->profile_path);
    if (!settings_find(c, "", "vault"))
        return err_set(e, ERR_USAGE, "profile '%s': a service needs to know the vault: vault = \"/…\"",
                       c->profile_path);
    if (!settings_find(c, "backup", "paths") && !settings_find(c, "backup", "files-from") &&
        !settings_find(c, "backup", "files-from-raw") &&
        !settings_find(c, "backup", "files-from-verbatim"))
        return err_set(e, ERR_USAGE, "profile '%s': a service needs to know what to back up: paths = "
                       "[\"/…\"] in [backup]", c->profile_path);
    return 0;
}

static bool has_rules(const struct cli *c)
{
    for (size_t i = 0; i < c->profile.count; i++)
        if (strcmp(c->profile.keys[i].table, "forget") == 0 &&
            strncmp(c->profile.keys[i].name, "keep-", 5) == 0)
            return true;
    return false;
}

static int plan(struct cli *c, const struct service_args *a, struct service *s, struct err *e)
{
    struct stat st;
    struct service_plan *p = &s->plan;
    if (check_profile(c, e) || find_program(s->program, e) ||
        whole_path(c->dirs.config, s->config_dir, e) ||
        (c->dirs.cache && whole_path(c->dirs.cache, s->cache_dir, e)))
        return -1;
    const struct profile_key *secret = settings_find(c, "", "passphrase-file");
    const struct profile_key *key = settings_find(c, "", "key-file");
    p->program = s->program;
    p->profile = settings_name(c);
    p->profile_path = c->profile_path;
    p->vault = settings_find(c, "", "vault")->items[0];
    p->config_dir = s->config_dir;
    p->cache_dir = c->dirs.cache ? s->cache_dir : NULL;
    p->passphrase_file = secret ? secret->items[0] : key ? key->items[0] : NULL;
    p->schedule = text_of(c, "schedule", "daily");
    p->maintenance = text_of(c, "maintenance", "weekly");
    p->delay = text_of(c, "random-delay", "1h");
    p->user = a->user;
    p->has_hooks = settings_find(c, "backup", "before") || settings_find(c, "backup", "after") ||
                   settings_find(c, "backup", "on-failure");
    p->has_rules = has_rules(c);
    p->vault_is_far = strstr(p->vault, "://") != NULL;
    p->vault_is_foreign = stat(p->vault, &st) == 0 && st.st_uid != 0;
    return 0;
}

static bool is_wanted(const struct service *s, enum service_unit unit)
{
    bool maintenance = unit == SERVICE_MAINTENANCE || unit == SERVICE_MAINTENANCE_TIMER;
    return !maintenance || (!s->plan.vault_is_far && strcmp(s->plan.maintenance, "never") != 0);
}

/* ---- files -------------------------------------------------------------------------- */

static int unit_path(const struct service *s, enum service_unit unit, const char *profile,
                     const char *below, char out[4096 + 256])
{
    char name[SERVICE_NAME_BYTES];
    service_unit_name(unit, profile, name);
    return snprintf(out, 4096 + 256, "%s/%s%s", s->unit_dir, below, name);
}

/* 1: it is ours, 0: it is not there, −1: it is somebody else's or cannot be read. */
static int look_at(const char *path, struct err *e)
{
    char begin[sizeof SERVICE_MARK] = "";
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(e, errno, "'%s'", path);
    ssize_t n = file_read(fd, begin, sizeof begin - 1);
    if (n < 0)
        return err_sys(e, errno, "'%s'", path);
    if (strcmp(begin, SERVICE_MARK) == 0)
        return 1;
    return err_set(e, ERR_EXISTS, "'%s' was not written by abri: nothing was done; move it away", path);
}

static int show(struct cli *c, const struct service *s, struct err *e)
{
    for (int u = SERVICE_BACKUP; u < SERVICE_END; u++) {
        CLEANUP(buf_done) struct buf text = {.max = UNIT_BYTES_MAX};
        char path[4096 + 256];
        if (!is_wanted(s, (enum service_unit)u))
            continue;
        if (service_unit_text((enum service_unit)u, &s->plan, &text, e))
            return -1;
        (void)unit_path(s, (enum service_unit)u, s->plan.profile, "", path);
        if (c->global.json) {
            json_t *o = json_object_of("unit");
            json_put_text(o, "path", path, strlen(path));
            json_put_text(o, "text", (const char *)text.data, text.len);
            json_emit(c, stdout, o);
            continue;
        }
        say(c, "# %s", path);
        for (size_t at = 0; at < text.len;) {
            const char *p = (const char *)text.data + at;
            const char *end = memchr(p, '\n', text.len - at);
            size_t n = end ? (size_t)(end - p) : text.len - at;
            say(c, "%.*s", (int)n, p);
            at += n + 1;
        }
        say(c, "%s", "");
    }
    return 0;
}

static int write_unit(const struct service *s, enum service_unit unit, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {.max = UNIT_BYTES_MAX};
    char path[4096 + 256];
    (void)unit_path(s, unit, s->plan.profile, "", path);
    if (service_unit_text(unit, &s->plan, &text, e))
        return -1;
    if (file_replace(path, text.data, text.len, 0644, e))
        return -1;
    return chmod(path, 0644) ? err_sys(e, errno, "chmod '%s'", path) : 0; /* whatever the umask is */
}

static void tell_unit(struct cli *c, const char *action, const char *path)
{
    if (c->global.json) {
        json_t *o = json_object_of("unit_changed");
        json_put_string(o, "action", action);
        json_put_text(o, "path", path, strlen(path));
        json_emit(c, stdout, o);
        return;
    }
    say_note(c, "%s %s", action, path);
}

/* Units that the profile no longer asks for go. */
static int remove_unit(struct cli *c, const struct service *s, enum service_unit unit,
                       const char *profile, bool dry_run, struct err *e)
{
    char path[4096 + 256];
    (void)unit_path(s, unit, profile, "", path);
    int is_there = look_at(path, e);
    if (is_there <= 0)
        return is_there;
    if (!dry_run && unlink(path))
        return err_sys(e, errno, "remove '%s'", path);
    tell_unit(c, dry_run ? "would remove" : "removed", path);
    (void)unit_path(s, unit, profile, "timers.target.wants/", path);
    if (!dry_run)
        (void)unlink(path); /* the link of an enabled timer, if it was enabled */
    return 1;
}

/* All of it can be done, before any of it is. */
static int try_install(const struct service *s, struct err *e)
{
    for (int u = SERVICE_BACKUP; u < SERVICE_END; u++) {
        CLEANUP(buf_done) struct buf text = {.max = UNIT_BYTES_MAX};
        char path[4096 + 256];
        (void)unit_path(s, (enum service_unit)u, s->plan.profile, "", path);
        if (look_at(path, e) < 0 || service_unit_text((enum service_unit)u, &s->plan, &text, e))
            return -1;
    }
    return 0;
}

static int install(struct cli *c, const struct service *s, struct err *e)
{
    char path[4096 + 256];
    if (try_install(s, e) || file_make_dirs(s->unit_dir, 0755, e))
        return -1;
    for (int u = SERVICE_BACKUP; u < SERVICE_END; u++) {
        enum service_unit unit = (enum service_unit)u;
        if (!is_wanted(s, unit)) {
            if (remove_unit(c, s, unit, s->plan.profile, false, e) < 0)
                return -1;
            continue;
        }
        if (write_unit(s, unit, e))
            return -1;
        (void)unit_path(s, unit, s->plan.profile, "", path);
        tell_unit(c, "wrote", path);
    }
    const char *user = s->plan.user ? " --user" : "";
    bool both = is_wanted(s, SERVICE_MAINTENANCE_TIMER);
    say_note(c, "Now start the timer%s:", both ? "s" : "");
    say_note(c, "  systemctl%s daemon-reload", user);
    say_note(c, "  systemctl%s enable --now abri-backup-%s.timer%s%s%s", user, s->plan.profile,
             both ? " abri-maintenance-" : "", both ? s->plan.profile : "", both ? ".timer" : "");
    return 0;
}

/* ---- verbs ------------------------------------------------------------------------------ */

static int run_install(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct service_args *a = args;
    struct service s = {0};
    if (command_expect_words(&cmd_service_install, w, 0, 0, e) ||
        find_unit_dir(a, s.unit_dir, e) || plan(c, a, &s, e))
        return -1;
    return a->dry_run ? show(c, &s, e) : install(c, &s, e);
}

static int run_show(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct service_args *a = args;
    struct service s = {0};
    if (command_expect_words(&cmd_service_show, w, 0, 0, e) || find_unit_dir(a, s.unit_dir, e) ||
        plan(c, a, &s, e))
        return -1;
    return show(c, &s, e);
}

static int run_remove(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct service_args *a = args;
    const char *profile = settings_name(c);
    struct service s = {0};
    int removed = 0;
    if (command_expect_words(&cmd_service_remove, w, 0, 0, e) || find_unit_dir(a, s.unit_dir, e))
        return -1;
    for (int u = SERVICE_BACKUP; u < SERVICE_END; u++) {
        int rc = remove_unit(c, &s, (enum service_unit)u, profile, a->dry_run, e);
        if (rc < 0)
            return -1;
        removed += rc;
    }
    if (removed == 0)
        return err_set(e, ERR_NOT_FOUND, "there are no units of profile '%s' in '%s'", profile,
                       s.unit_dir);
    if (!a->dry_run)
        say_note(c, "A timer that runs ends with: systemctl%s stop abri-backup-%s.timer "
                 "abri-maintenance-%s.timer", a->user ? " --user" : "", profile, profile);
    return 0;
}

static const struct option_spec install_options[] = {
    OPTION_USER, OPTION_UNIT_DIR, OPTION_DRY_RUN("print the units, and write nothing")};
static const struct option_spec remove_options[] = {
    OPTION_USER, OPTION_UNIT_DIR, OPTION_DRY_RUN("tell what would be removed, and remove nothing")};
static const struct option_spec show_options[] = {OPTION_USER, OPTION_UNIT_DIR};

const struct command cmd_service_install = {
    .name = "service install",
    .summary = "write the systemd units that run a profile",
    .operands = "",
    .description =
        "Writes a service and a timer that run `abri backup` with the profile, with low priority and "
        "confined to what a backup needs; and, where the vault is a directory of this machine, a service and a "
        "timer for `forget` (if the profile has rules), `gc` and `check`. When they run "
        "stands in the profile's [service]; see `abri help profiles`.\n"
        "\n"
        "Nothing is started: the command prints what to give to systemctl.",
    .examples = {{"abri service install --dry-run", "what would be written for the profile `default`"},
                 {"abri --profile web service install", "for another profile"},
                 {"abri service install --user", "for oneself"}},
    .options = install_options,
    .option_count = OPTION_COUNT(install_options),
    .args_bytes = sizeof(struct service_args),
    .run = run_install,
};

const struct command cmd_service_remove = {
    .name = "service remove",
    .summary = "remove the units of a profile",
    .operands = "",
    .description = "Removes the units that `abri service install` wrote for the profile, and the links that "
                   "enabled their timers. The profile, the vault and its keys stay.",
    .examples = {{"abri service remove --dry-run", "which files"},
                 {"abri --profile web service remove", "of another profile"}},
    .options = remove_options,
    .option_count = OPTION_COUNT(remove_options),
    .args_bytes = sizeof(struct service_args),
    .run = run_remove,
};

const struct command cmd_service_show = {
    .name = "service show",
    .summary = "print the units that a profile asks for",
    .operands = "",
    .description = "Prints the units as `abri service install` would write them now.",
    .examples = {{"abri service show", "of the profile `default`"},
                 {"abri --profile web service show --user", "of another, for oneself"}},
    .options = show_options,
    .option_count = OPTION_COUNT(show_options),
    .args_bytes = sizeof(struct service_args),
    .run = run_show,
};

static const struct command *const verbs[] = {
    &cmd_service_install, &cmd_service_remove, &cmd_service_show, NULL,
};

static const struct profile_own own_keys[] = {{"schedule", PROFILE_STRING},
                                              {"maintenance", PROFILE_STRING},
                                              {"random-delay", PROFILE_STRING},
                                              {NULL, PROFILE_UNSET}};
static const struct command_profile in_profile = {.own = own_keys};

const struct command cmd_service = {
    .name = "service",
    .summary = "let systemd run a profile's backups",
    .operands = "COMMAND",
    .description = "A service is a profile that systemd runs by the clock: the backup, and where the vault is "
                   "a directory of this machine, its upkeep.",
    .verbs = verbs,
    .profile = &in_profile,
};
