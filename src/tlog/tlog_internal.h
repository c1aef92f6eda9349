/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the room share. docs/format/log.md has the bytes.
 *
 *            append: one record, one fdatasync            settle: tiles, checkpoint, empty journal
 *   queue ─────────────────────────────────► pending ──────────────────────────────► tile/…,
 * checkpoint │ open: what is behind the checkpoint is read again ▼ tail (in memory): the right
 * edge, and what is not settled
 *
 * Invariants
 * 1. A checkpoint is handed out only when it and its entries are durable: in the journal, or
 * settled.
 * 2. One thread writes at a time (`writing`). It alone changes the journal and what is below
 * `lock`; what it publishes under `lock` is durable and cannot fail any more.
 * 3. Files with a name are whole: they are synced before they are named, and the bytes of a name
 * never change
 *    (`checkpoint`, `pending` and `cosigned` are replaced).
 * 4. The journal begins anew only when all that it held is durable in tiles, and the checkpoint
 * over that is. So `checkpoint` never lags behind the journal's beginning.
 * 5. There is at most one record that was not synced, the last one. It may be torn; a record that
 * is whole and does not verify was changed, and nothing goes on from there.
 * 6. At every level hashes below `first` are in full tiles on disk, the others in memory.
 */
#ifndef ABRI_TLOG_TLOG_INTERNAL_H
#define ABRI_TLOG_TLOG_INTERNAL_H

#include "base/file.h"
#include "base/mem.h"
#include "tlog/tlog.h"
#include "tlog/tlog_test.h"

#include <pthread.h>

#define TILE_WIDTH      256u
#define TILE_BYTES      ((size_t)TILE_WIDTH * MERKLE_BYTES)
#define TILE_LEVELS     8u /* 256^8 leaves */
#define BUNDLE_MAX      ((size_t)TILE_WIDTH * (2 + TLOG_ENTRY_MAX))
#define GROUP_ENTRIES   256u
#define GROUP_BYTES     ((size_t)1 << 20)
#define JOURNAL_BLOCK   512u
#define JOURNAL_SETTLE  ((size_t)4 << 20)  /* settled when longer */
#define JOURNAL_FULL    ((size_t)16 << 20) /* no append before it is settled */
#define JOURNAL_MAX     ((size_t)32 << 20)
#define TLOG_PATH_BYTES 64

/* ---- paths: path.c ------------------------------------------------------------------- */

#define TILE_ENTRIES TILE_LEVELS /* a level that stands for bundles of entries */
/* "tile/0/x001/067", with ".p/<width>" if width is below TILE_WIDTH; width 0: the directory "….p".
 */
void tile_path(unsigned level, uint64_t n, unsigned width, char out[TLOG_PATH_BYTES]);
/* False if it is no such path in its one form. A level that no log can have is read as one. */
bool tile_path_parse(const char *path, unsigned *level, uint64_t *n, unsigned *width);

/* ---- files: files.c --------------------------------------------------------------------- */

struct log_files {
    const struct tlog_ops *ops;
    void *arg;
    int dirfd;
    char *name; /* of the directory, for messages */
};
#define DIR_SET_MAX 64u
struct dir_set { /* directories to sync */
    char paths[DIR_SET_MAX][TLOG_PATH_BYTES];
    unsigned count;
};
/* Writes and names a file, by way of `tmp`; its directories are made, and noted to be synced. */
MUST_CHECK int files_write(struct log_files *f, const char *tmp, const char *path, const void *p,
                           size_t len, struct dir_set *dirs, struct err *e);
MUST_CHECK int files_sync(struct log_files *f, struct dir_set *dirs, struct err *e);
/* Writes, names, and syncs the name, at the top. `*fd_out` (if not NULL) stays open. */
MUST_CHECK int files_replace(struct log_files *f, const char *tmp, const char *path, const void *p,
                             size_t len, int *fd_out, struct err *e);
/* Appends a file; ERR_DAMAGED if it is longer than `max`, ERR_NOT_FOUND if there is none. */
MUST_CHECK int files_read(struct log_files *f, const char *path, size_t max, struct buf *out,
                          struct err *e);
/* Removes a directory of partial tiles; best effort. */
void files_remove_dir(struct log_files *f, const char *path);

/* ---- the right edge: tail.c ---------------------------------------------------------------- */

struct tail_level {
    uint64_t first; /* number of the first hash in memory; a multiple of TILE_WIDTH */
    struct buf hashes;
};
struct tail {
    struct tail_level level[TILE_LEVELS];
    struct buf entries; /* from entry level[0].first on, as bundles have them */
    struct buf starts;  /* u32 each: where entry number i begins in `entries` */
};
void tail_done(struct tail *t);
uint64_t tail_size(const struct tail *t);
/* Room for `count` more entries of `bytes` together, so that tail_add does not fail. */
MUST_CHECK int tail_reserve(struct tail *t, size_t count, size_t bytes, struct err *e);
void tail_add(struct tail *t, const void *entry, size_t len, const uint8_t leaf[MERKLE_BYTES]);
/* Forgets full tiles and bundles. */
void tail_drop(struct tail *t);
void tail_edge(const struct tail *t, struct merkle_edge *out);
/* Entries `from` … `to` − 1, which must be in memory, as a bundle. */
const uint8_t *tail_bundle(const struct tail *t, uint64_t from, uint64_t to, size_t *len_out);
/* The root of `count` hashes, a power of two and at most TILE_WIDTH. */
void tile_root(const uint8_t *hashes, unsigned count, uint8_t out[MERKLE_BYTES]);
/* The next entry of a bundle, borrowed; NULL if it is cut short. */
const uint8_t *bundle_next(struct cursor *c, size_t *len_out);

/* ---- the journal: journal.c ----------------------------------------------------------------- */

struct journal_record {
    uint64_t first;
    uint32_t count;
    const uint8_t *entries; /* as a bundle */
    size_t entries_len;
    const uint8_t *note;
    size_t note_len;
};
void journal_put_head(struct buf *out, uint64_t base);
/* Appends a whole number of blocks. */
void journal_put(struct buf *out, const struct journal_record *r);
/* ERR_DAMAGED, ERR_NEWER. */
MUST_CHECK int journal_head(const struct buf *b, uint64_t *base_out, struct err *e);
enum journal_state { JOURNAL_RECORD = 1, JOURNAL_END, JOURNAL_TORN };
/* The record at `*at`, which moves on. ERR_DAMAGED: it is whole, and was changed. */
MUST_CHECK int journal_next(const struct buf *b, size_t *at, struct journal_record *out,
                            enum journal_state *state_out, struct err *e);

/* ---- a log -------------------------------------------------------------------------------------
 */

struct append_request {
    struct append_request *next;
    const void *entry;
    size_t len;
    uint64_t index;
    int rc;
    bool done;
    struct err e;
};

struct tlog {
    struct log_files files;
    bool writable;
    struct sign_key *key; /* locked memory; NULL unless writable */
    struct note_key log;
    int lock_fd, journal_fd;

    /* Of the thread that writes. */
    size_t journal_len;
    uint64_t settled;   /* size of the checkpoint on disk */
    bool settle_failed; /* it is tried again with the next group */
    bool broken;        /* what the journal holds is not known: only opening tells */
    bool journal_bad;   /* a write to it failed: settle before the next */
    struct buf record;
    uint8_t leaves[GROUP_ENTRIES][MERKLE_BYTES];

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t changed;
    struct append_request *queue, **queue_end;
    bool writing;
    struct tail tail;
    struct merkle_edge edge;
    struct buf note;

    pthread_mutex_t cosign_lock; /* taken before `lock` */
    struct buf cosigned;
    uint64_t cosigned_size;
};

/* open.c: reads what is on disk into a new log. */
MUST_CHECK int tlog_load(struct tlog *t, bool *settle_out, struct err *e);
/* A reader, which owns `dirfd`, also when it fails. */
MUST_CHECK int tlog_reader_at(int dirfd, const char *name, const struct note_key *log,
                              const struct tlog_ops *ops, void *arg, struct tlog **out,
                              struct err *e);
/* settle.c: everything into tiles, and a new journal. For the thread that writes. */
MUST_CHECK int tlog_settle(struct tlog *t, struct err *e);
/* read.c: hashes `from` … of a tile, `count` of them, from memory or disk. */
MUST_CHECK int tlog_tile(struct tlog *t, unsigned level, uint64_t n, unsigned from, unsigned count,
                         uint8_t *out, struct err *e);
/* A bundle with at least `width` entries, and how many are wanted. */
MUST_CHECK int tlog_bundle(struct tlog *t, uint64_t n, unsigned width, struct buf *out,
                           struct err *e);
/* cosigned.c: what was read of it must be about this log. */
MUST_CHECK int tlog_check_cosigned(struct tlog *t, struct err *e);

#endif
