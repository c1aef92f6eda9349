/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the backup of a disk: its content as stretches of whole chunks that are empty,
 * kept from the last snapshot, or to be read.
 */
#ifndef ABRI_WORK_BACKUP_DISK_H
#define ABRI_WORK_BACKUP_DISK_H

#include "work/backup.h"

enum stretch_kind { STRETCH_UNSET = 0, STRETCH_DATA, STRETCH_EMPTY, STRETCH_KEPT };

struct stretch {
    enum stretch_kind kind;
    uint64_t from, to; /* multiples of the grain, but for the end of the disk */
};

/* The items that the last snapshot has of a disk, by offset. */
struct last_items {
    struct cache_reader *cache; /* of the items, if they are many */
    struct cache_items where;
    const struct entry *entry; /* as the cache has it; NULL: nothing is known */
    size_t next;               /* of the entry's own items */
    struct item item;
    uint64_t from, to; /* where `item` lies; equal: none yet */
    bool ended;
};

struct disk_plan {
    struct backup *backup;
    const struct backup_disk *what;
    struct disk *disk;
    uint64_t size;
    uint32_t grain;
    bool use_empty, use_clean; /* what is believed of the map */
    struct last_items last;
    struct disk_reader *reader; /* the planner's */
    uint64_t at;                /* how far the map was walked */
    struct stretch ahead;       /* the stretch that follows, if its kind is set */
};

/* backup_disk_map.c */
void disk_plan_rewind(struct disk_plan *p);
/* 1 and the next stretch (neighbours of one kind are joined), 0 at the end, -1. */
MUST_CHECK int disk_plan_next(struct disk_plan *p, struct stretch *out, struct err *e);
/* The chunk that the last snapshot has at exactly [from, to), or a hole that covers it; NULL.
 * Offsets ascend between rewinds. */
const struct item *last_items_at(struct last_items *l, uint64_t from, uint64_t to);

/* backup_disk_check.c: reads a sample of what the map would leave out. Where it lies, use_empty
 * or use_clean becomes false, and the user is told. */
MUST_CHECK int disk_plan_check(struct disk_plan *p, struct err *e);
void disk_plan_tell(const struct disk_plan *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* backup_disk_read.c: exactly [off, off + len), which is within the disk. */
MUST_CHECK int disk_read_at(struct disk_plan *p, uint64_t off, void *out, size_t len,
                            struct err *e);

#endif
