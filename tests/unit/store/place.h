/* SPDX-License-Identifier: Apache-2.0 */
/* A store to test in, of each kind, and the checks that all its tests share. */
#ifndef ABRI_TESTS_UNIT_STORE_PLACE_H
#define ABRI_TESTS_UNIT_STORE_PLACE_H

#include "scratch.h"
#include "store/store_test.h"

enum place_kind {
    PLACE_DIR = 1,
    PLACE_DIR_OLD, /* a directory without openat2 and RENAME_NOREPLACE */
    PLACE_MEM,
    PLACE_FAULT /* a layer without faults over memory */
};

struct place {
    const char *name;
    enum place_kind kind;
    struct store *s;
    struct store *below;
    char path[SCRATCH_PATH_MAX]; /* of a directory: the store is at path/vault */
};

/* For cmocka; *state is the struct place. */
int place_open(void **state);
int place_close(void **state);

/* A directory store as on an old kernel. */
extern const struct store_dir_ops place_old_ops;

/* Each fails the running test with the message of the error. */
void put(struct store *s, const char *name, const char *text);
void sync_dir(struct store *s, const char *dir);
/* The object is there and holds exactly this; by reads and by mapping. */
void assert_holds(struct store *s, const char *name, const void *p, size_t len);
void assert_text(struct store *s, const char *name, const char *text);
void assert_missing(struct store *s, const char *name);
/* All names below `dir`, sorted, joined by spaces; free with mem_free. */
char *list_names(struct store *s, const char *dir);
void assert_names(struct store *s, const char *dir, const char *names);
/* "path/name" in a static buffer that the next call overwrites. */
const char *below(const char *path, const char *name);
void assert_class(int rc, const struct err *e, enum err_class cls);
void assert_ok(int rc, const struct err *e);

#endif
