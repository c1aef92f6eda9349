/* SPDX-License-Identifier: Apache-2.0 */
/* What the pipelines share. */
#ifndef ABRI_WORK_INTERNAL_H
#define ABRI_WORK_INTERNAL_H

#include "work/chunk_reader.h"
#include "work/work.h"

/* ---- keyring: data keys of sessions, opened on first use; any thread --------- */

struct keyring;
/* Borrows both; `retired` are tried where a session is not sealed for `k`. */
MUST_CHECK int keyring_new(struct vault *v, const struct recovery_key *k,
                           const struct retired_keys *retired, struct keyring **out,
                           struct err *e);
void keyring_free(struct keyring *k);
/* Borrowed for the life of the keyring. */
MUST_CHECK int keyring_get(struct keyring *k, const uint8_t session[UID_BYTES],
                           const struct data_key **out, struct err *e);

/* ---- the writer's cache of what it saw ---------------------------------------------- */

/* How a file looked when it was read. */
struct seen {
    uint64_t ino;
    int64_t ctime_s;
    uint32_t ctime_ns; /* UINT32_MAX: do not trust (changed too recently) */
};

/* The entries of the last backup of a group, in order. A missing, damaged or
 * foreign cache is an empty one. */
struct cache_reader;
MUST_CHECK int cache_reader_open(const char *file, const uint8_t key[HASH_BYTES],
                                 struct cache_reader **out, struct err *e);
void cache_reader_close(struct cache_reader *r);
/* What the last backup counted: for the progress bar. */
void cache_reader_totals(const struct cache_reader *r, uint64_t *files_out, uint64_t *bytes_out);
/* Moves to the entry at `path` if there is one: true, and the entry and how it
 * looked are borrowed until the next call. Paths must ascend from call to call. */
bool cache_reader_find(struct cache_reader *r, const char *path, size_t len,
                       const struct entry **en_out, const struct seen **seen_out);
/* Where the items of the entry just found are, if it has a list. */
struct cache_items {
    uint64_t at, count;
};
struct cache_items cache_reader_items(const struct cache_reader *r);
/* Goes over such items: any number of times, also after later finds. next
 * gives false at the end or if damaged (then *damaged_out). */
void cache_items_begin(struct cache_reader *r, struct cache_items where);
bool cache_items_next(struct cache_reader *r, struct item *out, bool *damaged_out);

struct cache_writer;
MUST_CHECK int cache_writer_new(const char *file, const uint8_t key[HASH_BYTES],
                                struct cache_writer **out, struct err *e);
/* Items of a file that will have a list come before its entry. */
void cache_writer_item(struct cache_writer *w, const struct item *it);
void cache_writer_add(struct cache_writer *w, const struct entry *en, const struct seen *seen);
/* Replaces the file. A cache that could not be written is dropped silently. */
void cache_writer_commit(struct cache_writer *w, uint64_t files, uint64_t bytes);
void cache_writer_abort(struct cache_writer *w);

/* The host's name, in `out`. */
void work_host_name(char out[256]);
/* The list of recipients in force, verified. `object` (empty) gets its bytes. */
MUST_CHECK int access_load_recipients(struct access *a, struct buf *object, struct recipients *out,
                                      struct err *e);
#define GENERATION_NAME_BYTES 17
void generation_name(uint64_t generation, char out[GENERATION_NAME_BYTES]);

/* Writes it there, durably, mode 0600. */
MUST_CHECK int writer_key_save(const struct writer_key *k, const struct work_dirs *dirs,
                               struct err *e);
MUST_CHECK int writer_key_write(const struct writer_key *k, const char *path, struct err *e);
/* Reads such a file. ERR_NOT_FOUND. */
MUST_CHECK int writer_key_load(const char *path, struct writer_key *out, struct err *e);

#endif
