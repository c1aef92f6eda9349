/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli: what the commands of the program share. A command is one file that
 * holds its option table, its help and its function; it turns options into a
 * call of `work` and what comes back into lines or JSON objects.
 */
#ifndef ABRI_CLI_CLI_H
#define ABRI_CLI_CLI_H

#include "base/progress.h"
#include "cli/options.h"
#include "profile/profile.h"
#include "work/work.h"

#include <pthread.h>
#include <stdio.h>

/* ---- state of one run -------------------------------------------------------- */

struct global_args {
    const char *vault, *passphrase_file, *key_file, *cache_dir, *profile;
    bool no_cache, json, quiet, verbose, help, version;
};

struct bar; /* the line that is redrawn */

struct cli {
    struct global_args global;
    char config_dir[4096], cache_dir[4096];
    struct work_dirs dirs; /* points to the two above */
    struct profile profile; /* of the machine; settings.h; empty if there is none */
    char profile_path[4096];
    bool has_profile, no_cache_of_profile;
    uint64_t globals_said; /* bits of global_options that the command line said, on or off */
    bool out_is_tty, err_is_tty;
    struct progress progress; /* signals set its cancel */

    pthread_mutex_t screen; /* one line at a time, from whichever thread */
    struct bar *bar;        /* under `screen`; NULL: none */

    char passphrase[PASSPHRASE_MAX]; /* of the environment; locked in memory */
    bool has_passphrase;
    bool file_from_environment; /* global.passphrase_file is of ABRI_PASSPHRASE_FILE */
    char new_passphrase[PASSPHRASE_MAX]; /* likewise */
    bool has_new_passphrase;
    char kept[PASSPHRASE_MAX]; /* what opened the vault, if keep_passphrase */
    bool keep_passphrase;
    bool prompted; /* somebody typed it */

    const struct command *running;
    struct err log_lie; /* a server was caught: the end of a command that is not `despite_log` */
};

/* ---- commands ------------------------------------------------------------------- */

struct command_example {
    const char *line, *what;
};

/* How a command goes with the table of a profile that is called like it. */
struct command_profile {
    const char *const *refused; /* options for the command line alone; ends with NULL; may be NULL */
    const char *words_key;      /* the key whose items are the command's words; NULL: none */
    const struct profile_own {  /* keys that are no options; ends with a NULL name; may be NULL */
        const char *name;
        enum profile_kind kind;
    } *own;
    /* Whether a key counts beside what the command line says; NULL: all do. What the
     * command line gives wins over a key, or adds to it if it is a list. */
    bool (*counts)(const void *args, const struct words *w, const char *key);
};

struct command {
    const char *name;
    const char *summary;     /* one line */
    const char *operands;    /* "PATH…" or "" */
    const char *description; /* paragraphs, parted by empty lines */
    struct command_example examples[4];
    const struct option_spec *options;
    size_t option_count;
    size_t args_bytes; /* of the struct that the options fill, zeroed before */
    int (*run)(struct cli *c, const void *args, const struct words *w, struct err *e);
    /* A command that is a group ("key") has only names, summary, description and
     * these, which end with NULL; their names hold the group's ("key add"). */
    const struct command *const *verbs;
    bool despite_log; /* a lie of the server about its log is a warning: what was read is verified otherwise */
    const struct command_profile *profile; /* NULL: profiles have no table for it */
};

/* For tables: where an option of `struct type` is stored. */
#define OPTION_AT(type, field) .offset = offsetof(struct type, field)
#define OPTION_COUNT(table) (sizeof(table) / sizeof *(table))

extern const struct command cmd_backup, cmd_boot, cmd_cat, cmd_check, cmd_clock, cmd_copy, cmd_diff, cmd_drill, cmd_find, cmd_floor,
    cmd_forget, cmd_gc, cmd_help, cmd_hold, cmd_init, cmd_lock, cmd_ls, cmd_repair, cmd_restore, cmd_snapshots,
    cmd_key, cmd_stats, cmd_tag, cmd_undelete, cmd_version, cmd_writer;
extern const struct command cmd_export, cmd_mount;
extern const struct command cmd_admin, cmd_config, cmd_doctor, cmd_enrol, cmd_selftest;
extern const struct command cmd_log, cmd_log_show, cmd_log_checkpoint, cmd_log_prove, cmd_log_verify;
extern const struct command cmd_service, cmd_service_install, cmd_service_remove, cmd_service_show;
extern const struct command cmd_key_list, cmd_key_add, cmd_key_passwd, cmd_key_remove,
    cmd_key_rotate, cmd_key_reseal, cmd_key_sheet, cmd_key_split, cmd_key_combine,
    cmd_key_export_public, cmd_key_generate;
extern const struct command cmd_writer_list, cmd_writer_add, cmd_writer_import, cmd_writer_revoke;
extern const struct command *const commands[]; /* in the order of `abri help`; ends with NULL */
const struct command *command_find(const char *name);
/* The verb of a group that is called so, or NULL. */
const struct command *command_find_verb(const struct command *group, const char *name);
/* Either, with `group` NULL for a command; ERR_USAGE names what is near. */
MUST_CHECK int command_choose(const struct command *group, const char *name,
                              const struct command **out, struct err *e);
/* Every command that runs, groups' verbs in place of groups: 0, 1, … until NULL. */
const struct command *command_at(size_t i);
extern const struct option_spec global_options[];
extern const size_t global_option_count;
/* For parsing: the options of every command, and those of one; the flags among them
 * that a profile may set can be switched off. `said_out` may be NULL. */
struct option_table global_option_table(struct global_args *store, uint64_t *said_out);
struct option_table command_option_table(const struct command *cmd, void *args);

/* ERR_USAGE if there are more or fewer words. */
MUST_CHECK int command_expect_words(const struct command *cmd, const struct words *w, size_t min,
                                    size_t max, struct err *e);

/* ---- opening ---------------------------------------------------------------------- */

MUST_CHECK int cli_dirs(struct cli *c, struct err *e);     /* fills dirs */
MUST_CHECK int cli_location(struct cli *c, const char **out, struct err *e);
MUST_CHECK int cli_open(struct cli *c, struct access *out, struct err *e);
/* The same, of another vault than the one that the user works with. */
MUST_CHECK int cli_open_at(struct cli *c, const char *location, struct access *out, struct err *e);
/* Asks again (three times in all) if somebody mistyped. */
MUST_CHECK int cli_open_reader(struct cli *c, struct access *out, struct err *e);
/* The same, and may change keys and writers. */
MUST_CHECK int cli_open_owner(struct cli *c, struct access *out, struct err *e);
/* … of another vault. */
MUST_CHECK int cli_open_owner_at(struct cli *c, const char *location, struct access *out,
                                 struct err *e);

/* ---- snapshots, without a key --------------------------------------------------------- */

/* A vault opened as its keeper, and its snapshots: the living ones or the trash. */
struct snaps {
    struct access access;
    struct snapshot_list all;  /* both */
    struct snapshot_list part; /* those that are meant; its items borrow from `all` */
    bool trash;
};
/* Damage is told on the way. */
MUST_CHECK int snaps_open(struct cli *c, bool trash, struct snaps *out, struct err *e);
/* The same, for commands that change marks; ERR_REFUSED for a server's vault. */
MUST_CHECK int snaps_open_to_change(struct cli *c, bool trash, struct snaps *out, struct err *e);
void snaps_done(struct snaps *s);
/* One of `part`. If it is among the others, the message says so. */
MUST_CHECK int snaps_find(const struct snaps *s, const char *spec, const struct snapshot **out,
                          struct err *e);
/* Each word names one: `out` has room for all of them. */
MUST_CHECK int snaps_find_all(const struct snaps *s, const struct words *w,
                              const struct snapshot **out, struct err *e);
/* Whether it has all tags of a comma list. */
bool snapshot_has_tags(const struct snapshot *s, const char *commas);
/* "snapshot 3f2a91c0: ", for an error about it; returns -1. */
int snapshot_wrap(const struct snapshot *s, struct err *e);

/* Asks on the terminal for a "yes", unless `yes` was given on the command line.
 * ERR_USAGE if there is neither. */
MUST_CHECK int cli_confirm(bool yes, const char *question, struct err *e);

/* ---- passphrase --------------------------------------------------------------------- */

/* Takes ABRI_PASSPHRASE and ABRI_PASSPHRASE_FILE out of the environment. */
MUST_CHECK int passphrase_take(struct cli *c, struct err *e);
void passphrase_forget(struct cli *c);
/* Given, or somebody sits at the terminal. */
bool passphrase_available(const struct cli *c);
/* Both are a work_ask; arg is the struct cli. */
int passphrase_ask(void *arg, char out[PASSPHRASE_MAX], struct err *e);
int passphrase_ask_new(void *arg, char out[PASSPHRASE_MAX], struct err *e); /* twice, not empty */
/* For a further passphrase: from `file` (if not NULL), ABRI_NEW_PASSPHRASE, or
 * typed twice. */
MUST_CHECK int passphrase_ask_further(struct cli *c, const char *file, char out[PASSPHRASE_MAX],
                                      struct err *e);
/* Reads one line of at most PASSPHRASE_MAX − 1 bytes, echo off, restored
 * whatever happens. ERR_PASSPHRASE if there is no terminal. */
MUST_CHECK int prompt_secret(const char *question, char out[PASSPHRASE_MAX], struct err *e);
bool prompt_possible(void);

/* ---- signals --------------------------------------------------------------------------- */

/* SIGINT, SIGTERM, SIGHUP: first sets `cancel`, the second ends the process.
 * SIGPIPE is ignored. */
void signals_install(atomic_bool *cancel);

/* ---- speaking ---------------------------------------------------------------------------- */

#define PLURAL(n) ((n) == 1 ? "" : "s")

/* One line to stdout; foreign text escaped if it is a terminal. */
void say(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same unless --quiet or --json; and only with --verbose. */
void say_note(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void say_detail(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Text as it may go to stdout: itself, or escaped into `scratch`. */
const char *say_text(const struct cli *c, const char *text, size_t len, struct buf *scratch);
/* As work_problem and vault_damage: one line on stderr each; arg is the cli. */
void report_problem(void *cli, const char *item, const struct err *e);
void report_path_problem(void *cli, const char *path, const struct err *e); /* relative to "/" */
/* What somebody should know, though nothing is wrong. */
void report_notice(struct cli *c, const char *item, const char *message);
void report_damage(void *cli, const char *object, const char *message);
/* As remote_alarm: a warning now, or the error with which the command will end (decisions/0017). */
void report_log(void *cli, const char *server, const struct err *what);
/* "abri: <message>" and what to do next; the last line of a failing run. */
void report_error(struct cli *c, const struct err *e);
/* ERR_IO if stdout could not take everything; a reader that went away is fine. */
MUST_CHECK int say_finish(struct err *e);
/* Whether it makes no sense to go on printing. */
bool say_is_over(void);

/* ---- progress --------------------------------------------------------------------------------- */

/* Draws on stderr if that is a terminal, or emits status objects with --json,
 * until stopped. `unit` is what items are: "files". */
void progress_bar_start(struct cli *c, const char *unit);
void progress_bar_stop(struct cli *c);
/* With `screen` held: takes the line away so that another can be printed. */
void progress_bar_hide(struct cli *c);

/* ---- words of the command line ------------------------------------------------------------------- */

/* Parts "SNAP[:PATH]": *path_out is normalised ("etc/ssh", "" for everything),
 * both to be freed by mem_free. */
MUST_CHECK int snap_spec_split(const char *text, char **snap_out, char **path_out, struct err *e);

/* Tags of pattern options: which list a value goes to and how. */
enum { PATTERN_TEXT = 1, PATTERN_ITEXT, PATTERN_FILE, PATTERN_IFILE };
/* NULL in *out if the list is empty. */
MUST_CHECK int patterns_build(const struct option_list *l, struct select **out, struct err *e);

/* Strings that belong together and are freed together. */
struct string_list {
    char **items;
    size_t count;
};
void string_list_done(struct string_list *l);
MUST_CHECK int string_list_add(struct string_list *l, const char *p, size_t len, struct err *e);
/* Comma lists, each part not empty. */
MUST_CHECK int string_list_add_commas(struct string_list *l, const char *text, const char *what,
                                      struct err *e);

/* Tags of --files-from options. */
enum { FILES_FROM = 1, FILES_FROM_RAW, FILES_FROM_VERBATIM };
/* Appends the paths that the files name. `problem` hears of patterns that match nothing. */
MUST_CHECK int files_from_read(const struct option_list *l, struct string_list *out,
                               work_problem *problem, void *arg, struct err *e);

#define SHORT_ID_BYTES 9
void short_id(const uint8_t id[ID_BYTES], char out[SHORT_ID_BYTES]);

/* ---- help -------------------------------------------------------------------------------------------- */

void help_overview(FILE *f);
void help_command(FILE *f, const struct command *cmd);
void help_group(FILE *f, const struct command *group);
/* "exit-codes", "environment", …; false if there is no such topic. */
bool help_topic(FILE *f, const char *name);
/* The names of topics: 0, 1, … until NULL. */
const char *help_topic_at(size_t i, const char **summary_out);
void help_topic_list(FILE *f);

struct exit_code {
    int status;
    const char *meaning;
};
extern const struct exit_code exit_codes[];
extern const size_t exit_code_count;

#endif
