/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for the tests of the pipelines: two states of a source tree, a
 * vault, a writer's configuration and a cache, all in one scratch directory.
 */
#ifndef ABRI_TESTS_WORK_WORLD_H
#define ABRI_TESTS_WORK_WORLD_H

#include "scratch.h"
#include "store_record.h"

#include "work/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct world {
    char top[SCRATCH_PATH_MAX];
    char source[600]; /* <top>/source: the tree that is backed up */
    char vault[600], config[600], cache[600], out[600];
    struct work_dirs dirs;
};

#define assert_ok(call, e)                                                                         \
    do {                                                                                           \
        if (call)                                                                                  \
            fail_msg("%s: %s", #call, (e)->msg);                                                   \
    } while (0)

/* Makes the directory, the vault and state 1 of the tree. `small`: a tree of
 * two files, for tests that go over every byte. */
void world_make(struct world *w, bool small);
void world_remove(struct world *w);
/* Turns state 1 of the tree into state 2. */
void world_change(struct world *w);
/* True if `tree` is the source tree in `state` (1 or 2): names and content. */
bool world_tree_is(const struct world *w, const char *tree, int state);

/* The seed of a run, printed: ABRI_SEED, or one of its own. */
uint64_t world_seed(void);

/* Over a store that is already open, which the access then owns. */
int world_open(struct store *s, struct access *out, struct err *e);
/* Backs the tree up; `cache`: with the writer's cache. */
int world_backup(struct world *w, struct access *a, bool cache, struct err *e);
/* Opens the vault, backs up, closes it; all must succeed. */
void world_backup_once(struct world *w, bool cache);
/* Opens the vault over a store that records what changes it from now on. */
void world_open_recorded(struct world *w, struct store_record **record_out, struct access *out);
/* Restores snapshot `index` of the vault into w->out, which is emptied first.
 * `problems_out` may be NULL. */
int world_restore(struct world *w, struct access *a, size_t index, uint64_t *problems_out,
                  struct err *e);
int world_ask(void *arg, char out[PASSPHRASE_MAX], struct err *e);
/* Every visible snapshot restores exactly as state 1 or 2; gives how many. */
size_t world_verify(struct world *w, const char *vault);

#endif
