/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a backup. One planner thread walks, decides and keeps the order;
 * workers read, cut, name, compress, seal and add.
 *
 *   walk ──► plan ──► steps (a ring, in order of path) ──► flush ──► tree, cache
 *              │                    ▲
 *              └──► jobs ──► workers┘ (results)
 *
 *  K1 steps leave the ring in the order in which they entered it, so the tree
 *     is built in order whatever the workers' order is;
 *  K2 memory is bounded by the ring, the number of jobs under way and the
 *     workers' buffers: none grows with the number or the size of files;
 *  K3 every chunk that an emitted entry names has been offered or referred to
 *     in this session before.
 */
#ifndef ABRI_WORK_BACKUP_H
#define ABRI_WORK_BACKUP_H

#include "work/work_internal.h"

#include "base/pool.h"
#include "chunk/chunk.h"
#include "source/source.h"

#include <pthread.h>

#define STEP_RING 16384u
#define BUNDLE_SLOTS_MAX 4096u
#define BUNDLE_DIRS_MAX 256u
#define BUNDLE_STEPS_MAX 8192u /* an open bundle holds up the ring at most so long */
#define SEGMENT_BYTES ((uint64_t)64 << 20)

/* ---- jobs --------------------------------------------------------------------- */

/* A file of a bundle: what the walk said, then what the worker made of it. */
struct slot {
    struct source_item item; /* path owned, dir referenced */
    struct entry *entry;     /* NULL if it could not be read */
    struct err err;          /* why, or what was odd about it */
};

/* A large file while its segments are under way. */
struct big_file {
    int fd;
    atomic_uint pending; /* segments under way, and one for the planner */
    bool changed;        /* valid when nothing is pending */
    struct source_item item; /* path owned */
    /* Of a disk: */
    struct disk *disk; /* NULL: a file */
    const char *disk_name; /* borrowed */
    struct disk_reader **readers; /* one a worker, made when it is needed */
    unsigned reader_count;
    _Atomic uint64_t bad, first_bad; /* bytes that could not be read */
};

struct job {
    struct pool_job base;
    bool is_bundle, submitted;
    uint8_t *data; /* owned; chunks of a stream, whose lengths are in items */
    /* bundle */
    struct slot *slots;
    size_t slot_count, slot_cap, unflushed, dirs;
    uint64_t bytes, first_step;
    const struct source_dir *last_dir;
    /* segment of a large file */
    struct big_file *file;
    uint64_t offset, len;
    bool fixed;
    struct item *items;
    size_t item_count, item_cap;
    struct err err;
};

/* ---- steps ---------------------------------------------------------------------- */

enum step_kind {
    STEP_ENTRY = 1, /* an entry that is complete */
    STEP_LISTED,    /* an unchanged entry whose items are in the cache file */
    STEP_SLOT,      /* a file of a bundle */
    STEP_FILE,      /* a large file begins */
    STEP_SEGMENT,
    STEP_HOLE,
    STEP_FILE_END
};

struct step {
    enum step_kind kind;
    struct entry *entry; /* owned */
    struct seen seen;
    struct job *job;
    size_t slot;
    struct big_file *file;
    uint64_t hole;
    struct cache_items items;
};

/* What each worker, and the planner, has for itself. */
struct backup_worker {
    struct sealer *sealer;
    struct source_meta *meta;
    uint8_t *plain;  /* plain_cap bytes */
    uint8_t *sealed; /* frame header ‖ sealed */
    size_t plain_cap;
};

struct backup {
    struct access *access;
    const struct backup_options *options;
    struct backup_result *result;
    struct session *session; /* NULL in a dry run */
    struct data_key *key;
    _Atomic uint64_t nonce;
    _Atomic uint64_t new_plain; /* dry run: bytes that would be added */
    struct chunk_cutter cutter;
    struct vault_chunking chunking;

    unsigned threads;
    struct backup_worker *workers; /* threads + 1: the last is the planner's */
    struct pool *pool;

    struct step *ring;
    uint64_t ring_head, ring_tail; /* entered, left */
    struct job *bundle;            /* being filled */
    struct big_file *planning;     /* being cut into segments */
    uint8_t last_referred[ID_BYTES];
    struct source_meta *meta;      /* the planner's */

    struct walk *walk; /* NULL: a stream is saved */
    const char *const *paths; /* absolute: what is saved */
    size_t path_count;
    char *stream_path;
    char **disk_paths; /* "/disks/NAME", ascending; owned */
    const struct backup_disk **disks; /* in the same order */
    struct cache_reader *cache_in;
    struct cache_writer *cache_out;
    struct tree_builder *tree;
    struct list_builder *list;
    struct entry *file_entry; /* of the large file being flushed */
    struct seen file_seen;
    struct err file_err;

    int64_t started_ns;
    pthread_mutex_t lock; /* guards fatal and the limiter */
    struct err fatal;     /* the first failure that ends the backup */
    atomic_bool failed;
    int64_t limit_free_ns; /* when the next byte may be sent */
    const char *problem_texts[ROOT_PROBLEMS_MAX]; /* owned */
    size_t problem_count;
};

/* backup_store.c: any thread */
MUST_CHECK int backup_store(struct backup *b, struct backup_worker *w, enum seal_kind kind,
                            const uint8_t id[ID_BYTES], const void *p, size_t len, struct err *e);
int backup_sink(void *arg, const uint8_t id[ID_BYTES], const void *p, size_t len, struct err *e);
bool backup_refer(struct backup *b, const uint8_t id[ID_BYTES]);
void backup_fail(struct backup *b, const struct err *e);

/* backup_jobs.c: on workers */
void backup_run_job(void *arg, unsigned worker, struct pool_job *job);
MUST_CHECK int backup_store_piece(struct backup *b, struct backup_worker *w, struct job *j,
                                  const uint8_t *p, size_t len, struct err *e);
MUST_CHECK int job_add_item(struct job *j, const struct item *it, struct err *e);
/* backup_disk_read.c: on workers */
MUST_CHECK int backup_read_disk(struct backup *b, unsigned worker, struct job *j, struct err *e);
void big_file_release(struct big_file *f);
void big_file_free(struct big_file *f);

/* backup_flush.c: the planner thread */
MUST_CHECK int backup_push(struct backup *b, const struct step *s, struct err *e);
MUST_CHECK int backup_emit(struct backup *b, const struct entry *en, const struct seen *seen,
                           struct err *e);
MUST_CHECK int backup_flush_all(struct backup *b, struct err *e);
void backup_discard_steps(struct backup *b);
void backup_problem(struct backup *b, const char *path, const struct err *e);
static inline bool backup_ring_is_empty(const struct backup *b)
{
    return b->ring_head == b->ring_tail;
}

/* backup_plan.c: the planner thread */
MUST_CHECK int backup_plan_item(struct backup *b, const struct source_item *item, struct err *e);
void backup_submit(struct backup *b, struct job *j);
MUST_CHECK int backup_submit_bundle(struct backup *b, struct err *e);
void job_free(struct job *j);

/* 1 if the item looks as the cache has it: then it was taken from there. */
MUST_CHECK int backup_take_unchanged(struct backup *b, const struct source_item *it,
                                     const struct entry **cached_out, struct err *e);
MUST_CHECK int backup_push_hole(struct backup *b, uint64_t len, struct err *e);
MUST_CHECK int backup_push_segments(struct backup *b, struct big_file *f, uint64_t from,
                                    uint64_t to, bool fixed, struct err *e);

/* backup_disk.c: the planner thread */
MUST_CHECK int backup_name_disks(struct backup *b, struct err *e);
MUST_CHECK int backup_plan_disks(struct backup *b, struct err *e);
/* What the cache says of the disks that were named. */
void backup_noted_map(struct backup *b, char out[BACKUP_MAP_MAX + 1]);
/* An entry that was made just now, by us. */
struct entry backup_made_now(const struct backup *b, enum entry_type type, uint32_t mode);

/* backup_stream.c: the planner thread */
MUST_CHECK int backup_plan_stream(struct backup *b, struct err *e);

#endif
