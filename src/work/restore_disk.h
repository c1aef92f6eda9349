/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a restore of a disk. The planner goes over the content in the order of the disk; pieces go
 * through the window of a restore (restore.h), so each chunk is opened once and packs are read
 * forwards. After each stretch everything is waited for and made durable, and the note moves on.
 *
 *  D1 what lies before the offset in the note is on the target, durably;
 *  D2 with --delta, and when reading back, bytes of the target are named as a chunk would be: the
 * vault is read only where names differ; D3 memory is two windows, the jobs under way and the
 * damaged ranges (a bounded number), whatever the size.
 */
#ifndef ABRI_WORK_RESTORE_DISK_H
#define ABRI_WORK_RESTORE_DISK_H

#include "work/restore.h"
#include "work/restore_note.h"

/* ---- the note: how far it is ------------------------------------------------------------- */

struct disk_note {
    uint64_t sequence;
    uint8_t snapshot[ID_BYTES];
    struct disk_identity target;
    uint64_t size;    /* of the disk */
    uint64_t offset;  /* all before it is written and durable */
    uint64_t damaged; /* bytes of that which the vault could not give */
    bool fresh;       /* what is behind the offset reads as zeros, or as what belongs there */
};
/* False if there is none, or none that is whole. */
bool disk_note_load(const struct restore_note *n, struct disk_note *out);
/* Durably; `d->sequence` moves on. Without a cache: nothing. */
MUST_CHECK int disk_note_save(const struct restore_note *n, struct disk_note *d, struct err *e);
/* For tests: one slot as it is stored. */
#define DISK_NOTE_BYTES 161u
void disk_note_encode(const struct disk_note *d, uint8_t out[DISK_NOTE_BYTES]);
bool disk_note_decode(const uint8_t *p, size_t len, struct disk_note *out);

/* ---- what the vault could not give -------------------------------------------------------- */

#define DAMAGE_RANGES 16384u

struct disk_range {
    uint64_t from, to;
};
struct disk_damage {
    struct disk_range *ranges; /* those before `told` are in order and apart from each other */
    size_t count, told, cap;
    uint64_t bytes; /* all of it, also what found no room */
    struct err why; /* of the first that is not told yet */
};
/* Under the lock of the restore. */
void disk_damage_add(struct disk_damage *m, uint64_t from, uint64_t to, const struct err *why);
/* Tells what is new, as ranges. No worker is at work. */
void disk_damage_tell(struct disk_damage *m, work_problem *problem, void *arg);
bool disk_damage_covers(const struct disk_damage *m, uint64_t off);
void disk_damage_done(struct disk_damage *m);

/* ---- the restore
 * --------------------------------------------------------------------------------- */

struct disk_looks;

struct disk_restore {
    struct restore base; /* the window and its workers; of `options` only the progress */
    struct restore_options base_options;
    struct restore_result base_result;
    const struct restore_disk_options *options;
    struct restore_disk_result *result; /* under base.lock while workers run */
    const struct entry *entry;
    struct disk_target *target;   /* NULL in a dry run */
    struct disk *disk;            /* what is there, for reading; NULL: not looked at */
    uint64_t disk_size;           /* of that */
    uint32_t align;               /* for reading it */
    struct disk *opened;          /* `disk`, if it is ours to close */
    struct disk_writer **writers; /* one a worker; the planner's is the last */
    struct restore_file *file;    /* what all pieces belong to */
    struct disk_looks *looks;     /* NULL: nothing is looked at */
    struct disk_damage damage;    /* under base.lock while workers run */
    struct restore_note note;
    struct disk_note noted;
    uint64_t map_from, map_end; /* what the target said last: a stretch of one kind … */
    bool map_zero;  /* … that is empty. Asking for each chunk would cost its length each time */
    uint64_t since; /* bytes planned since the last flush */
    bool fresh;     /* what is not written reads as zeros */
};

bool disk_restore_cancelled(const struct disk_restore *d);
/* The first failure ends it all; any thread. */
void disk_restore_stop(struct disk_restore *d, const struct err *why);
bool disk_restore_is_stopped(struct disk_restore *d);
MUST_CHECK int disk_restore_check(struct disk_restore *d, struct err *e);
/* "target '…': " before it; returns -1. */
int disk_restore_wrap(const struct disk_restore *d, struct err *e);

/* restore_disk_jobs.c */
void disk_restore_run_job(void *arg, unsigned worker, struct pool_job *job);

/* restore_disk_plan.c */
/* Writes all from `d->noted.offset` on. */
MUST_CHECK int disk_restore_write(struct disk_restore *d, struct err *e);
/* Compares all that was written with what it is named. */
MUST_CHECK int disk_restore_verify(struct disk_restore *d, struct err *e);
/* Whether some of what lies before the note's offset is still there. */
MUST_CHECK int disk_restore_sample(struct disk_restore *d, bool *is_there_out, struct err *e);

/* restore_disk_look.c: whether the target holds what it should; on threads of their own */
struct look_item {
    struct item item; /* a hole: zeros */
    uint64_t off;
    bool differs;
};
/* Called by the thread that adds, in order. */
typedef int look_take(struct disk_restore *d, const struct look_item *it, struct err *e);
MUST_CHECK int disk_looks_new(struct disk_restore *d, struct disk_looks **out, struct err *e);
void disk_looks_free(struct disk_looks *l); /* NULL is fine */
MUST_CHECK int disk_looks_add(struct disk_looks *l, const struct item *it, uint64_t off,
                              look_take *take, struct err *e);
/* Waits until all were taken. */
MUST_CHECK int disk_looks_finish(struct disk_looks *l, look_take *take, struct err *e);

#endif
