/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: prepares the process, finds the command, runs it, and turns the
 * error's class into the exit status. Nothing else decides a status.
 */
#include "cli/admin.h"
#include "cli/settings.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <langinfo.h>
#include <locale.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0 /* the leak check traces its own process */
#endif

#define ARENAS 4 /* of malloc: more of them keep memory that nobody uses */

/* A descriptor 0, 1 or 2 that is closed would become some file of ours, and a
 * message would be written into it. */
static void open_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            _exit(err_exit_status(ERR_IO));
}

static void harden_process(void)
{
    struct rlimit files, none = {0, 0};
    open_standard_fds();
    (void)umask(077);
    if (!UNDER_SANITIZER)
        (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none); /* no secret in a core dump */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)mallopt(M_ARENA_MAX, ARENAS);
}

/* Widths of characters need a UTF-8 locale. Numbers and messages stay as they
 * are: scripts read them. */
static void choose_locale(void)
{
    (void)setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static void cli_begin(struct cli *c, int argc, char **argv)
{
    json_set_alloc_funcs(mem_alloc, mem_free);
    json_object_seed(0);
    (void)pthread_mutex_init(&c->screen, NULL);
    c->out_is_tty = isatty(STDOUT_FILENO) == 1;
    c->err_is_tty = isatty(STDERR_FILENO) == 1;
    /* So that even an error in the command line comes as an object. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        c->global.json = c->global.json || strcmp(argv[i], "--json") == 0;
    signals_install(&c->progress.cancel);
}

static int run(struct cli *c, const struct command *cmd, const void *args,
               const struct words *w, struct err *e)
{
    if (c->global.help) {
        help_command(stdout, cmd);
        return 0;
    }
    if (c->global.version)
        return cmd_version.run(c, args, &(struct words){0}, e);
    c->running = cmd;
    if (admin_check_text(cmd, args, w, e) || passphrase_take(c, e))
        return -1;
    return cmd->run(c, args, w, e);
}

/* What a command is told by words and options. */
struct line {
    const struct command *cmd;
    int argc, first;
    char **argv;
};

static int parse(struct cli *c, const struct line *l, void *args, struct words *words,
                 struct err *e)
{
    struct option_table tables[2] = {
        global_option_table(&c->global, &c->globals_said),
        command_option_table(l->cmd, args),
    };
    return options_parse(tables, 2, l->argc, l->argv, l->first, false, words, NULL, e);
}

static void args_done(const struct command *cmd, void *args)
{
    struct option_table table = command_option_table(cmd, args);
    option_table_done(&table);
}

/* The profile's part comes first, so that the command line wins. */
static int run_with_profile(struct cli *c, const struct line *l, const void *given,
                            const struct words *given_words, struct err *e)
{
    CLEANUP(words_done) struct words words = {0};
    CLEANUP_FREE void *args = mem_zalloc(l->cmd->args_bytes + 1);
    if (!args)
        return err_no_memory(e, "the command line");
    int rc = settings_apply(c, l->cmd, given, given_words, args, e);
    if (rc == 0)
        rc = parse(c, l, args, &words, e);
    if (rc == 0)
        rc = settings_add_words(c, l->cmd, given, &words, e);
    if (rc == 0)
        rc = run(c, l->cmd, args, &words, e);
    args_done(l->cmd, args);
    return rc;
}

static int prepare(struct cli *c, const struct command *cmd, struct err *e)
{
    if (c->global.help || c->global.version || cmd == &cmd_help || cmd == &cmd_version)
        return 0;
    /* The profile is found in one directory, and may choose the other. */
    return cli_dirs(c, e) || settings_load(c, e) || cli_dirs(c, e) ? -1 : 0;
}

static int run_command(struct cli *c, const struct command *cmd, int argc, char **argv, int first,
                       struct err *e)
{
    const struct line l = {.cmd = cmd, .argc = argc, .argv = argv, .first = first};
    CLEANUP(words_done) struct words words = {0};
    CLEANUP_FREE void *args = mem_zalloc(cmd->args_bytes + 1);
    if (!args)
        return err_no_memory(e, "the command line");
    int rc = parse(c, &l, args, &words, e);
    if (rc == 0)
        rc = prepare(c, cmd, e);
    if (rc == 0)
        rc = settings_concern(c, cmd) ? run_with_profile(c, &l, args, &words, e)
                                      : run(c, cmd, args, &words, e);
    args_done(cmd, args);
    return rc;
}

/* Options of every command may stand before the verb, too. */
static int run_group(struct cli *c, const struct command *group, int argc, char **argv, int first,
                     struct err *e)
{
    struct option_table globals = global_option_table(&c->global, &c->globals_said);
    const struct command *verb;
    int at;
    if (options_parse(&globals, 1, argc, argv, first, true, NULL, &at, e))
        return -1;
    if (at < argc)
        return command_choose(group, argv[at], &verb, e)
                   ? -1
                   : run_command(c, verb, argc, argv, at + 1, e);
    if (c->global.help) {
        help_group(stdout, group);
        return 0;
    }
    return err_set(e, ERR_USAGE, "abri %s what? `abri help %s` lists its commands", group->name,
                   group->name);
}

static int run_line(struct cli *c, int argc, char **argv, struct err *e)
{
    struct option_table globals = global_option_table(&c->global, &c->globals_said);
    const struct command *cmd;
    int at;
    if (options_parse(&globals, 1, argc, argv, 1, true, NULL, &at, e))
        return -1;
    if (at < argc) {
        if (command_choose(NULL, argv[at], &cmd, e))
            return -1;
        return cmd->verbs ? run_group(c, cmd, argc, argv, at + 1, e)
                          : run_command(c, cmd, argc, argv, at + 1, e);
    }
    if (c->global.version)
        return cmd_version.run(c, NULL, &(struct words){0}, e);
    if (c->global.help) {
        help_overview(stdout);
        return 0;
    }
    return err_set(e, ERR_USAGE, "no command: `abri help` lists them");
}

int main(int argc, char **argv)
{
    static struct cli cli; /* not on the stack: it holds a secret that is locked in place */
    struct err e = ERR_INIT;
    harden_process();
    choose_locale();
    cli_begin(&cli, argc, argv);
    int rc = run_line(&cli, argc, argv, &e);
    progress_bar_stop(&cli);
    passphrase_forget(&cli);
    settings_done(&cli);
    if (cli.log_lie.cls) { /* the work is done; it does not end well */
        if (rc)
            report_error(&cli, &e);
        e = cli.log_lie;
        rc = -1;
    }
    struct err output = ERR_INIT;
    int told = say_finish(&output);
    if (rc)
        report_error(&cli, &e);
    else if (told)
        report_error(&cli, &output);
    return err_exit_status(rc ? e.cls : told ? output.cls : ERR_UNSET);
}
