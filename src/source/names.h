/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the directories on the way down, as one stack: reading a
 * directory pushes its names, sorted bytewise; leaving it pops them. No
 * allocation per name, none per directory once the stack has its size.
 */
#ifndef ABRI_SOURCE_NAMES_H
#define ABRI_SOURCE_NAMES_H

#include "base/err.h"

#include <stdint.h>

struct name_ref {
    uint64_t key; /* the word of the name that is being compared, big-endian */
    size_t at;    /* of the name in the text */
};

struct names {
    char *text; /* names, each filled up with NULs to a multiple of 8 */
    size_t text_len, text_cap;
    struct name_ref *refs;
    size_t count, cap;
    uint8_t *dents; /* what getdents64 fills */
};

/* Where the stack stood before a directory was pushed. */
struct names_mark {
    size_t text_len, count;
};

MUST_CHECK int names_init(struct names *n, struct err *e);
void names_done(struct names *n);

/* Pushes the names of the open directory without "." and "..", ascending, each
 * once. ERR_NO_MEMORY pushes nothing; for another failure *read_errno_out says
 * what the system said, the result is 0 and what could be read is there. */
MUST_CHECK int names_push(struct names *n, int fd, int *read_errno_out, struct err *e);
static inline struct names_mark names_mark(const struct names *n)
{
    return (struct names_mark){.text_len = n->text_len, .count = n->count};
}
/* Back to the mark; gives memory back when a huge directory goes. */
void names_pop(struct names *n, struct names_mark to);

/* Borrowed until the next push. */
static inline const char *names_at(const struct names *n, size_t i)
{
    return n->text + n->refs[i].at;
}
/* Index of `name` among the names from `first` on, or SIZE_MAX. */
size_t names_find(const struct names *n, size_t first, const char *name);

#endif
