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
 * A target is a disk that is written, too: by writers, one a thread, and made durable by one flush.
 *
 * Bounds: a reader holds DISK_AHEAD pieces, a writer to NBD DISK_AHEAD requests of DISK_WRITE_BYTES; the
 * map at most DISK_RUNS runs.
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
#define DISK_WRITE_BYTES ((uint32_t)1 << 20)
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
    bool kernel_map;    /* the map is the kernel's, not what a server says */
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

/* ---- targets ------------------------------------------------------------------------------- */

/* A file that is there already: ERR_EXISTS, emptied first, or kept and written over in place. Block
 * devices and NBD exports are always kept. */
enum disk_existing { DISK_EXISTING_REFUSE = 1, DISK_EXISTING_REPLACE, DISK_EXISTING_KEEP };

enum disk_place { DISK_PLACE_NOTHING = 1, DISK_PLACE_FILE, DISK_PLACE_DEVICE, DISK_PLACE_URI };
/* Which file it is, to tell whether it still is the same one later. Of a URI nobody can tell. */
struct disk_identity {
    enum disk_place place;
    uint64_t device, ino; /* 0 for a URI; of a block device `device` alone, its own number */
    int64_t born_ns;      /* 0 if the file system does not say */
};
/* ERR_USAGE if it is something else: a directory, a pipe. */
MUST_CHECK int disk_identify(const char *target, struct disk_identity *out, struct err *e);

struct disk_target_request {
    const char *target; /* a path, or a URI of NBD */
    /* As disk_request.format; of a new file by its name alone. */
    const char *format;
    uint64_t size; /* bytes that will be written */
    enum disk_existing existing;
    /* Of an image that is kept: as in disk_request. What it names is read, never written. */
    const char *const *backing;
    size_t backing_count;
    const atomic_bool *cancel; /* may be NULL */
};
struct disk_target_info {
    uint64_t size;      /* bytes; a raw file has exactly the size that was asked for, others at least that */
    const char *format; /* "raw", "qcow2", …, or "nbd"; lives as long as the target */
    bool fresh;         /* new: all of it reads as zeros */
    uint32_t align;     /* reading back is best done in multiples of this */
};

struct disk_target;
/* A raw file becomes as long as it must be; a device, an image or an export that is too small is
 * ERR_USAGE. ERR_EXISTS, ERR_BUSY (a device that is mounted, an image that a running machine uses),
 * ERR_READ_ONLY, ERR_REFUSED (an image that keeps its content elsewhere), and what disk_open may say. */
MUST_CHECK int disk_target_open(const struct disk_target_request *r, struct disk_target **out,
                                struct err *e);
void disk_target_close(struct disk_target *t); /* NULL is fine; after its writers; flushes nothing */
const struct disk_target_info *disk_target_get_info(const struct disk_target *t);
/* For its map, and for readers: what is written may be read when its writer was drained. The map may be older than
 * what was written since the last flush. */
struct disk *disk_target_disk(struct disk_target *t);
/* What all writers were given, and was drained, survives a power cut from here on. One thread. */
MUST_CHECK int disk_target_flush(struct disk_target *t, struct err *e);

struct disk_writer;
/* Any thread, one thread a writer. */
MUST_CHECK int disk_writer_new(struct disk_target *t, struct disk_writer **out, struct err *e);
void disk_writer_free(struct disk_writer *w); /* as disk_reader_free */
/* Within the size. The bytes may be changed when it returns; they may still be on their way, and it may tell what
 * befell earlier ones: messages begin with the offset. ERR_NO_SPACE, ERR_READ_ONLY, ERR_OFFLINE,
 * ERR_CANCELLED, ERR_IO; after an error nothing more is written. */
MUST_CHECK int disk_write(struct disk_writer *w, uint64_t off, const void *p, size_t len,
                          struct err *e);
/* Reads as zeros afterwards, without space where that is possible. */
MUST_CHECK int disk_zero(struct disk_writer *w, uint64_t off, uint64_t len, struct err *e);
/* Waits for all that is on its way. */
MUST_CHECK int disk_writer_drain(struct disk_writer *w, struct err *e);

#endif
