/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a leaf, made byte by byte: the encoder cannot break a rule. */
#ifndef ABRI_TESTS_CONTENT_RAW_H
#define ABRI_TESTS_CONTENT_RAW_H

#include "content/content.h"

struct raw { /* one entry before its optional fields, and those as bytes */
    uint64_t shared;
    const char *suffix;
    size_t suffix_len; /* 0: strlen */
    uint8_t type;
    uint64_t flags, mode, owner, nanoseconds, size;
    const struct buf *tail;
};
#define FILE_A                                                                                     \
    {                                                                                              \
        .suffix = "a", .type = ENTRY_FILE                                                          \
    }

enum {
    LINK = 1,
    DEVICE = 2,
    TARGET = 4,
    ATTRS = 8,
    XATTRS = 16,
    CONTENT = 32,
    LIST = 64,
    EXTENSIONS = 128,
    PARTIAL = 256
};

/* Appends it as docs/format/tree.md says. */
void put_raw(struct buf *b, const struct raw *r);
/* Decodes `count` entries of a leaf, owners and all. */
int decode_leaf(const struct buf *b, size_t count, struct err *e);
/* The same for a leaf with one owner and these entries; `second` may be NULL. */
int decode_raw(const struct raw *first, const struct raw *second, struct err *e);
/* That it is read; that it is damage. */
void accepts2(const struct raw *first, const struct raw *second);
void refuses2(const struct raw *first, const struct raw *second);
void accepts(struct raw r);
void refuses(struct raw r);

#endif
