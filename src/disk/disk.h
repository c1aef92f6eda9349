/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk: something with a size that is read in blocks: a block device, a raw file,
 * an image file of whatever format, an NBD export.
 *
 * A disk is opened once; its map is read by one thread; each thread that reads
 * content has a reader of its own, which sends its requests ahead. Every answer comes from
 * somebody who may lie: a map only says what may be skipped, never where to write, and nothing is
 * longer than what was asked for.
 *
 * Bounds: a reader holds DISK_AHEAD pieces; the map at most DISK_RUNS runs.
 */
#ifndef ABRI_DISK_DISK_H
#define ABRI_DISK_DISK_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SIZE_MAX  ((uint64_t)1 << 60)
#define DISK_AHEAD     8u
#define DISK_RUNS      65536u
#define DISK_GRAIN_MAX ((uint32_t)8 << 20)
/* More than so much unreadable, and a disk counts as broken. */
#define DISK_BAD_MAX ((uint64_t)64 << 20)

struct disk_request {
    const char
        *source; /* a path, or a URI of NBD (docs of libnbd: nbd://, nbds://, nbd+unix://, …) */
    const char *format; /* as qemu-img calls them; NULL: by the name of the file, and only if its
                           head agrees */
    /* Directories in which an image may have files that it names: backing files, external
     * data, extents. Its own extents (NAME-s001.vmdk) need no permission. */
    const char *const *backing;
    size_t backing_count;
    const char *bitmap;        /* the name of a changed-block map of an NBD source; NULL: none */
    const atomic_bool *cancel; /* ends waiting; may be NULL */
};

struct disk_info {
    uint64_t size;      /* bytes */
    const char *format; /* "raw", "qcow2", …, or "nbd" */
    bool has_bitmap;    /* the one that was asked for is there */
    /* Of a regular raw file, to tell whether it is the same as last time; else has_stat is false.
     */
    bool has_stat;
    uint64_t ino;
    int64_t ctime_s, mtime_s;
    uint32_t ctime_ns, mtime_ns;
};

/* Whether it is a URI, not a path. */
bool disk_is_uri(const char *source);

struct disk;
/* ERR_NOT_FOUND, ERR_USAGE (a format that must be said), ERR_REFUSED (an image that names files
 * elsewhere, no sandbox), ERR_OFFLINE, ERR_BUSY (an image that a running machine uses). */
MUST_CHECK int disk_open(const struct disk_request *r, struct disk **out, struct err *e);
void disk_close(struct disk *d);                             /* NULL is fine; after its readers */
const struct disk_info *disk_get_info(const struct disk *d); /* strings live as long as the disk */

/* Whether a raw file is no longer as it was when it was opened. Any thread. */
bool disk_changed(const struct disk *d);

/* What the source says of a stretch. */
struct disk_extent {
    uint64_t end; /* behind its last byte; above the offset asked for, at most the size */
    bool zero;    /* reads as zeros */
    bool clean;   /* unchanged since the changed-block map began */
};
/* The stretch at `off` (below the size). Ascending offsets are cheap. One thread. */
MUST_CHECK int disk_map(struct disk *d, uint64_t off, struct disk_extent *out, struct err *e);

struct disk_reader;
/* `grain`: how much one disk_next gives; at most DISK_GRAIN_MAX. Any thread, one thread a reader.
 */
MUST_CHECK int disk_reader_new(struct disk *d, uint32_t grain, struct disk_reader **out,
                               struct err *e);
/* Not at the same time as another one's of the same disk. */
void disk_reader_free(struct disk_reader *r);
/* From now on [from, to): within the size; requests go out at once. What was begun before is
 * dropped. */
MUST_CHECK int disk_begin(struct disk_reader *r, uint64_t from, uint64_t to, struct err *e);
/* 1 and the next piece: up to the next multiple of the grain, or to the end; borrowed until the
 * next call. 0 at the end. ERR_OFFLINE if the source went away, ERR_CANCELLED. Blocks that cannot
 * be read are zeros: see disk_bad. */
MUST_CHECK int disk_next(struct disk_reader *r, const uint8_t **p_out, size_t *len_out,
                         struct err *e);
/* Bytes that this reader could not read, and where the first of them is. */
uint64_t disk_bad(const struct disk_reader *r, uint64_t *first_out);

#endif
