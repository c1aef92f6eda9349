/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam of store: what an implementation (directory, memory) or a layer
 * (faults) provides. Only files of this room and their tests include it.
 *
 * An implementation embeds the structs below as its first member. store.c has
 * checked every name, directory and range before a function here is called,
 * so implementations may rely on:
 *
 * 1. names and directories follow the rules of store.h; a directory may be "";
 * 2. off + len of a write fits in an int64_t;
 * 3. off + len of a read lies within `len` of the reader.
 */
#ifndef ABRI_STORE_STORE_SEAM_H
#define ABRI_STORE_STORE_SEAM_H

#include "store/store.h"

struct store_impl {
    void (*close)(struct store *s);
    const char *(*location)(const struct store *s);

    int (*create)(struct store *s, struct store_writer **out, struct err *e);
    int (*write)(struct store_writer *w, uint64_t off, const void *p, size_t len, struct err *e);
    void (*write_hint)(struct store_writer *w, uint64_t off, uint64_t len); /* may be NULL */
    int (*commit)(struct store_writer *w, const char *name, struct err *e); /* frees w */
    int (*replace)(struct store_writer *w, const char *name, struct err *e); /* frees w */
    void (*abort)(struct store_writer *w);                                  /* frees w */
    int (*sync)(struct store *s, const char *dir, struct err *e);

    int (*open)(struct store *s, const char *name, struct store_reader **out, struct err *e);
    int (*read)(struct store_reader *r, uint64_t off, void *p, size_t len, struct err *e);
    const uint8_t *(*map)(struct store_reader *r);
    void (*reader_close)(struct store_reader *r);

    void (*expect)(struct store *s, const struct store_range *ranges, size_t count); /* may be NULL */

    int (*list)(struct store *s, const char *dir, store_each *each, void *arg, struct err *e);
    int (*remove)(struct store *s, const char *name, struct err *e);

    int (*lease_take)(struct store *s, const char *name, struct store_lease **out, struct err *e);
    bool (*lease_held)(struct store_lease *l);
    void (*lease_drop)(struct store_lease *l);
    int (*lease_list)(struct store *s, store_each_lease *each, void *arg, struct err *e);
};

struct store {
    const struct store_impl *impl;
};
struct store_writer {
    const struct store_impl *impl;
};
#define STORE_LEASE_NAME_MAX 64
struct store_lease {
    const struct store_impl *impl;
};
struct store_reader {
    const struct store_impl *impl;
    uint64_t len; /* of the object, as it was when it was opened */
    char name[STORE_NAME_MAX + 1];
};

/* The rules of store.h for names, and for directories ("" or a name). */
bool store_name_valid(const char *name);
bool store_dir_name_valid(const char *dir);
bool store_lease_name_valid(const char *name);
/* True if `name` lies below directory `dir`, at any depth. */
bool store_name_below(const char *name, const char *dir);

#endif
