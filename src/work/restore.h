/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a restore. The planner reads the tree, makes directories, and gathers
 * pieces of files into windows; a window is sorted by where its chunks lie, so
 * that each chunk is read and opened once and packs are read in order; workers
 * open chunks and write all their pieces.
 *
 *  R1 a directory gets its metadata when the last file in it is done (the
 *     target's reference counts see to it);
 *  R2 memory is two windows and the jobs under way, whatever the snapshot's size;
 *  R3 a hard link is made only when the file that it joins is complete.
 */
#ifndef ABRI_WORK_RESTORE_H
#define ABRI_WORK_RESTORE_H

#include "work/work_internal.h"

#include "base/pool.h"

#include <pthread.h>

#define WINDOW_PIECES 16384u
#define WINDOW_BYTES ((uint64_t)96 << 20)
#define PENDING_LINKS 1024u

/* A file under way; counted references. */
struct restore_file {
    atomic_uint refs;
    atomic_bool failed;
    struct entry *entry;      /* owned; path as in the snapshot */
    const char *relative;     /* within entry->path: below the target */
    const char *name;         /* its last component */
    struct target_dir *dir;   /* NULL when comparing */
    struct target_file *file; /* NULL: written whole by its only piece */
};

struct piece {
    uint8_t id[ID_BYTES];
    uint32_t pack, pack_offset; /* where the chunk lies: for sorting */
    uint32_t sealed_len;        /* for fetching ahead */
    uint32_t order;             /* within the window */
    uint32_t chunk_offset;
    uint64_t len;
    uint64_t file_offset;
    struct restore_file *file; /* referenced */
};

struct chunk_job {
    struct pool_job base;
    struct chunk_job *next;
    size_t count;
    struct piece pieces[];
};

/* A directory on the way from the top to the entry at hand. */
struct level {
    struct entry *entry;    /* owned */
    struct target_dir *dir; /* NULL until something is restored in it */
    bool skipped;           /* it could not be made, or is to be left alone */
};

struct pending_link {
    struct target_dir *dir;
    struct entry *entry; /* owned */
    const char *name; /* within entry->path */
    uint64_t first; /* offset of the first path in links.paths */
};

/* Which path each hard-linked file was restored as. */
struct link_table;
MUST_CHECK int link_table_new(struct link_table **out, struct err *e);
void link_table_free(struct link_table *t);
/* 1 and the path that came first, or 0 and `path` is remembered as first. */
MUST_CHECK int link_table_find(struct link_table *t, uint64_t link, const char *path,
                               uint64_t *first_out, struct err *e);
const char *link_table_path(const struct link_table *t, uint64_t first);

struct restore {
    struct access *access;
    const struct restore_options *options;
    struct restore_result *result; /* under lock */
    pthread_mutex_t lock;
    bool compare; /* second pass: read back instead of writing */
    atomic_bool full;   /* no space: nothing goes on; `why` is set, under lock */
    struct err why;

    struct target *target;
    struct chunk_reader *reader; /* the planner's */
    struct chunk_reader **readers; /* one a worker */
    uint8_t **scratch;             /* for comparing, one a worker */
    unsigned threads;
    struct pool *pool;
    struct chunk_job *jobs, **jobs_tail; /* submitted, oldest first */

    struct tree_reader *tree;
    struct list_reader *list;
    size_t prefix_len; /* of the paths, not restored */
    struct level *levels;
    size_t level_count, level_cap;

    struct piece *window, *held; /* filling; full, and waiting for its turn (far vaults) */
    uint32_t window_count, held_count;
    uint64_t window_bytes;
    struct link_table *links;
    struct pending_link *pending;
    size_t pending_count;
};

/* restore_delete.c: before the tree is written; prefix_len is set */
MUST_CHECK int restore_delete(struct restore *r, const struct root *root, struct err *e);

/* restore_plan.c */
MUST_CHECK int restore_plan_entry(struct restore *r, const struct entry *en, struct err *e);
MUST_CHECK int restore_drain(struct restore *r, struct err *e); /* window, jobs, links */
void restore_leave_all(struct restore *r);

/* restore_window.c */
MUST_CHECK int window_add(struct restore *r, struct restore_file *f, const struct item *it,
                          uint64_t file_offset, struct err *e);
MUST_CHECK int window_flush(struct restore *r, struct err *e);
void window_wait_all(struct restore *r);
void window_discard(struct restore *r);

/* restore_jobs.c */
void restore_run_job(void *arg, unsigned worker, struct pool_job *job);
struct restore_file *restore_file_ref(struct restore_file *f);
void restore_file_unref(struct restore_file *f);
/* Counts and reports; if there is no space, ends the restore instead. */
void restore_problem(struct restore *r, const char *path, const struct err *e);
/* What the target could not restore exactly: counted unless it is expected. */
void restore_imperfect(void *arg, const char *path, bool expected, const struct err *e);
void restore_count_file(struct restore *r, const struct entry *en, enum target_decision d);

#endif
