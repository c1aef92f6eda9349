/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the local administrator around a backup. No shell: the array's items
 * are the program, by its whole path, and its arguments.
 *
 *  1. A program runs only if nobody but root and the caller can change it.
 *  2. Its environment is a list of known names; nothing else of ours is in it.
 *  3. `after` runs exactly if `before` succeeded.
 */
#include "cli/hooks.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"
#include "cli/settings.h"
#include "cli/trusted_file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLES_MAX 20

static const char hook_path[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static const char *const passed_on[] = {
    "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
};

struct environment {
    struct string_list list;
    char *pointers[VARIABLES_MAX + 1]; /* ends with NULL */
};

static int set(struct environment *v, const char *name, const char *value, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (!value)
        return 0;
    buf_put(&text, name, strlen(name));
    buf_put_u8(&text, '=');
    buf_put(&text, value, strlen(value));
    if (buf_check(&text, "a command's environment", e) ||
        string_list_add(&v->list, (const char *)text.data, text.len, e))
        return -1;
    return 0;
}

/* What a hook may know; `outcome` is NULL before the work. */
static int fill(struct cli *c, const char *hook, const struct hooked *h, const struct err *outcome,
                struct environment *v, struct err *e)
{
    char status[16];
    const char *location = NULL;
    if (cli_location(c, &location, NULL))
        location = NULL;
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if (set(v, passed_on[i], getenv(passed_on[i]), e))
            return -1;
    if (set(v, "PATH", hook_path, e) || set(v, "ABRI_HOOK", hook, e) ||
        set(v, "ABRI_PROFILE", settings_name(c), e) || set(v, "ABRI_VAULT", location, e))
        return -1;
    if (outcome) {
        (void)snprintf(status, sizeof status, "%d", err_exit_status(outcome->cls));
        if (set(v, "ABRI_STATUS", status, e) ||
            set(v, "ABRI_ERROR", outcome->cls ? outcome->msg : NULL, e) ||
            set(v, "ABRI_SNAPSHOT", *h->snapshot ? h->snapshot : NULL, e))
            return -1;
    }
    for (size_t i = 0; i < v->list.count && i < VARIABLES_MAX; i++)
        v->pointers[i] = v->list.items[i];
    return 0;
}

/* ---- running ------------------------------------------------------------------------ */

static int spawn(const char *hook, char *const *argv, char *const *environment, struct err *e)
{
    const struct program program = {.argv = (const char *const *)(uintptr_t)argv,
                                  .environment = environment,
                                  .out_fd = STDERR_FILENO};
    char who[PATH_MAX + 64];
    pid_t pid;
    (void)snprintf(who, sizeof who, "%s: '%s'", hook, argv[0]);
    (void)fflush(stdout);
    int rc = program_start(&program, &pid);
    return rc ? err_sys(e, rc, "%s cannot be run", who) : program_wait(pid, who, e);
}

static int check_program(const struct cli *c, const struct profile_key *k, struct err *e)
{
    CLEANUP(file_close) int fd = -1;
    if (k->count == 0)
        (void)err_set(e, ERR_USAGE, "'%s' names no command", k->name);
    else if (k->items[0][0] != '/')
        (void)err_set(e, ERR_USAGE, "'%s': the command's whole path is needed, from /", k->name);
    else if (trusted_open(k->items[0], &fd, e) == 0)
        return 0;
    (void)settings_wrap(c, k->value_at, e);
    return err_reclass(e, ERR_USAGE);
}

static int run_hook(struct cli *c, const char *table, const char *hook, const struct hooked *h,
                    const struct err *outcome, struct err *e)
{
    const struct profile_key *k = settings_find(c, table, hook);
    struct environment v = {0};
    if (!k)
        return 0;
    if (check_program(c, k, e))
        return -1;
    CLEANUP_FREE char **argv = mem_array(k->count + 1, sizeof *argv);
    if (!argv)
        return err_no_memory(e, "a command");
    memcpy(argv, k->items, k->count * sizeof *argv);
    say_detail(c, "%s: %s", hook, argv[0]);
    int rc = fill(c, hook, h, outcome, &v, e);
    if (rc == 0)
        rc = spawn(hook, argv, v.pointers, e);
    string_list_done(&v.list);
    return rc;
}

/* ---- around the work ------------------------------------------------------------------ */

static bool is_failure(const struct err *outcome)
{
    return outcome->cls != ERR_UNSET && outcome->cls != ERR_INCOMPLETE;
}

/* A second failure is told at once; the first is the one that counts. */
static void add_failure(struct cli *c, const struct err *more, struct err *outcome)
{
    if (is_failure(outcome)) {
        report_problem(c, "profile", more);
        return;
    }
    *outcome = *more;
    outcome->cls = ERR_INCOMPLETE; /* the work itself is done */
}

static void work_between(struct cli *c, const char *table, const struct hooked *h,
                         struct err *outcome)
{
    struct err more = ERR_INIT;
    if (run_hook(c, table, "before", h, NULL, outcome)) {
        size_t used = strlen(outcome->msg);
        (void)snprintf(outcome->msg + used, sizeof outcome->msg - used, ": nothing was done");
        return;
    }
    if (atomic_load(&c->progress.cancel))
        (void)err_set(outcome, ERR_CANCELLED, "interrupted: nothing was done");
    else if (h->work(c, h->arg, outcome) == 0)
        *outcome = ERR_INIT;
    if (run_hook(c, table, "after", h, outcome, &more))
        add_failure(c, &more, outcome);
}

int hooks_around(struct cli *c, const char *table, const struct hooked *h, struct err *e)
{
    struct err outcome = ERR_INIT, more = ERR_INIT;
    work_between(c, table, h, &outcome);
    if (is_failure(&outcome) && run_hook(c, table, "on-failure", h, &outcome, &more))
        report_problem(c, "profile", &more);
    if (outcome.cls == ERR_UNSET)
        return 0;
    return err_give(e, &outcome);
}
