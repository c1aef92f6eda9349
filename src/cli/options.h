/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one table says what an option is called, what it takes, where its
 * value goes and what it is for. Parsing, help, and whatever else must know
 * options (completions, man pages) read the same tables.
 *
 * Habits: `--name value`, `--name=value`, `-n value`, `-nvalue`, flags in one
 * word (`-nv`); options before or after the words they stand among; `--` ends
 * them; `-` alone is a word. Names must be given in full.
 *
 * What a profile switches on, the command line must be able to switch off: a flag
 * that its table calls so has a second name, `--no-flag`, or `--flag` if it is
 * itself called `no-flag`. Of both, the last one counts.
 */
#ifndef ABRI_CLI_OPTIONS_H
#define ABRI_CLI_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_UNSET = 0,
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *; the last one counts */
    OPTION_LIST,   /* struct option_list; every one, in order */
    OPTION_NUMBER, /* uint64_t, min … max */
    OPTION_SIZE,   /* uint64_t bytes: "500", "10M", "1.5G"; at least min */
    OPTION_RATE,   /* uint64_t bytes a second: "500" is KiB; suffixes as in sizes */
    OPTION_CHOICE, /* int: position in `words`, from 1 */
};

struct option_spec {
    const char *name; /* without "--" */
    char letter;      /* 0: none */
    enum option_kind kind;
    int tag;         /* OPTION_LIST: kept with the value */
    const char *arg; /* "FILE"; NULL for flags */
    const char *help;
    size_t offset; /* where in the store */
    uint64_t min, max;
    const char *const *words; /* OPTION_CHOICE: ends with NULL */
};

/* Options that write to one struct. */
struct option_table {
    const struct option_spec *specs;
    size_t count;
    void *store;
    /* Whether a flag can be switched off, too; `command` is passed on. NULL: none can. */
    bool (*can_be_off)(const char *command, const struct option_spec *spec);
    const char *command;
    uint64_t *said_out; /* gets bit i for specs[i], on or off; NULL: nobody asks */
};
#define OPTION_SAID_MAX 64 /* specs of a table with said_out */

#define OPTION_NAME_MAX 64
/* The name that switches a flag off: "no-parity" for "parity", and the other way round. */
void option_off_name(const struct option_spec *spec, char out[OPTION_NAME_MAX]);

struct option_list {
    struct option_item {
        const char *text; /* borrowed from the command line */
        int tag;
    } *items;
    size_t count;
};

/* Frees the lists in the table's store. */
void option_table_done(const struct option_table *t);

struct words { /* what is not an option; borrowed from the command line */
    const char **items;
    size_t count;
};
void words_done(struct words *w);

/* Parses argv[first …]. With `only_before_word` it stops at the first word,
 * whose position is *next_out (argc if there is none), and `words` may be NULL. ERR_USAGE. */
MUST_CHECK int options_parse(const struct option_table *tables, size_t table_count, int argc,
                             char **argv, int first, bool only_before_word,
                             struct words *words_out, int *next_out, struct err *e);

/* Stores one value as if it stood on the command line (NULL for a flag); `text` is
 * borrowed. ERR_USAGE. */
MUST_CHECK int options_store(const struct option_spec *spec, void *store, const char *text,
                             struct err *e);

/* The name nearest to `text`, or NULL if none is near. */
const char *options_nearest(const char *text, size_t len, const char *const *names, size_t count);

#endif
