/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile: the text of a profile, read into a list of keys. The language is a
 * subset of TOML 1.0: comments, tables of one level, and keys whose value is a
 * string, an integer, a boolean or an array of strings.
 *
 * Pure: knows no file and no key. Threads may parse at the same time.
 */
#ifndef ABRI_PROFILE_PROFILE_H
#define ABRI_PROFILE_PROFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_TEXT_MAX ((size_t)1 << 20) /* bytes of a whole profile */
#define PROFILE_NAME_MAX 64u               /* bytes of the name of a key or a table */
#define PROFILE_KEYS_MAX 1000u
#define PROFILE_ITEMS_MAX 100000u /* of one array */

enum profile_kind {
    PROFILE_UNSET = 0,
    PROFILE_STRING,  /* items[0] */
    PROFILE_INTEGER, /* items[0]: its digits, "-" before them if it is negative */
    PROFILE_BOOLEAN, /* yes */
    PROFILE_ARRAY,   /* of strings: items[0 … count − 1], none of them NULL */
};
/* "a string", for messages. */
const char *profile_kind_name(enum profile_kind kind);

/* Lines and columns count from 1; a column is a character of UTF-8. */
struct profile_place {
    unsigned line, column;
};

struct profile_key {
    char table[PROFILE_NAME_MAX + 1]; /* "" before the first table */
    char name[PROFILE_NAME_MAX + 1];
    struct profile_place at, table_at, value_at;
    enum profile_kind kind;
    bool yes;
    char **items; /* each ends with NUL and holds no other */
    size_t count;
};

struct profile {
    struct profile_key *keys; /* in the order of the text */
    size_t count;
    struct profile_key *tables; /* those that were opened: only `table` and `table_at` */
    size_t table_count;
};

/* ERR_USAGE, "line 3, column 7: …", if the text is not of the language;
 * ERR_LIMIT if it goes beyond a limit above. */
MUST_CHECK int profile_parse(const char *text, size_t len, struct profile *out, struct err *e);
void profile_done(struct profile *p);
/* NULL if it is not there. */
const struct profile_key *profile_find(const struct profile *p, const char *table,
                                       const char *name);

#endif
