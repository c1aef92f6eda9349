/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records every system call by which a directory store changes or syncs
 * something, and makes the directory that a power cut would have left after
 * the first k of them.
 *
 *     struct store_record *rec;
 *     store_record_new(NULL, &rec, &e);
 *     store_dir_open_with(path, true, &store_record_ops, rec, &store, &e);
 *     … use the store, close it …
 *     for (size_t k = 0; k <= store_record_count(rec); k++)
 *         store_record_cut(rec, k, RECORD_CUT_MIXED, seed, fresh_path, &e);
 *
 * The model of the disk is what POSIX promises and no more: a file's bytes are
 * on disk after fdatasync of the file, a name after fsync of its directory.
 */
#ifndef ABRI_TESTS_SUPPORT_STORE_RECORD_H
#define ABRI_TESTS_SUPPORT_STORE_RECORD_H

#include "store/store_test.h"

struct store_record;

enum record_cut {
    RECORD_CUT_LOST = 1, /* only what was synced */
    RECORD_CUT_KEPT,     /* everything: the process died, the machine did not */
    RECORD_CUT_MIXED,    /* a seeded coin for each unsynced name; unsynced writes are
                          * done, lost, done in part, or there as zeros */
};

/* `start` is what the directory holds already, taken as synced; NULL: nothing. */
MUST_CHECK int store_record_new(const char *start, struct store_record **out, struct err *e);
void store_record_free(struct store_record *r);
/* For store_dir_open_with; `arg` is the record. Thread-safe: the calls are
 * carried out one after the other, in the order of the record. Syncs are only
 * logged, so a run on a slow disk is as fast as without them. */
extern const struct store_dir_ops store_record_ops;

size_t store_record_count(struct store_record *r);
/* "pwrite tmp/abri-1 0+512", "sync packs": for messages; cut to fit. */
void store_record_describe(struct store_record *r, size_t op, char *out, size_t len);

/* Makes `to` (which must be missing or empty) the state after `ops` calls and
 * a power cut. */
MUST_CHECK int store_record_cut(struct store_record *r, size_t ops, enum record_cut cut,
                                uint64_t seed, const char *to, struct err *e);

#endif
