/* SPDX-License-Identifier: Apache-2.0 */
/* A log in a scratch directory, and entries that are told by their number. */
#ifndef ABRI_TESTS_LOG_WORLD_H
#define ABRI_TESTS_LOG_WORLD_H

#include "naive_tree.h"
#include "scratch.h"
#include "tlog/tlog_test.h"

#define WORLD_ORIGIN    "abri.example/log"
#define WORLD_ENTRY_MAX 700

struct log_world {
    char top[SCRATCH_PATH_MAX];
    char dir[SCRATCH_PATH_MAX + 8];
    struct sign_key key, witness_secret;
    struct note_key log, witness;
};
/* The real calls but for syncs, which a test without power cuts need not wait for. */
extern struct tlog_ops world_ops;
void world_make(struct log_world *w); /* no log yet */
void world_done(struct log_world *w);
struct tlog *world_create(struct log_world *w);
struct tlog *world_open(struct log_world *w);
struct tlog *world_reader(struct log_world *w);

/* Entry number i: 0 to 300 bytes, now and then more. */
size_t world_entry(uint64_t i, uint8_t out[WORLD_ENTRY_MAX]);
void world_leaf(uint64_t i, uint8_t out[MERKLE_BYTES]);
/* Appends entries up to `size`. */
void world_grow(struct tlog *t, uint64_t size);
/* Every entry is there and is ours; the checkpoint is the naive tree's. */
void world_check(struct log_world *w, struct tlog *t, uint64_t size);
/* A verified checkpoint of the log. */
struct checkpoint world_checkpoint(struct log_world *w, struct tlog *t);
/* Faults that tlog_verify finds; printed if `print`. */
uint64_t world_faults(struct tlog *t, bool print);
void world_ok(int rc, const struct err *e);

#endif
