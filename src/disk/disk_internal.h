/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a disk: what the two ways in share. */
#ifndef ABRI_DISK_INTERNAL_H
#define ABRI_DISK_INTERNAL_H

#include "disk/disk.h"

#include <libnbd.h>
#include <pthread.h>

#define LOOK_SHARED_MS 20 /* of a connection that several threads wait at */
#define FORMAT_BYTES   32

/* One kind of answer about the disk: runs that follow each other. */
struct disk_runs {
    uint64_t from, end; /* what is known */
    struct disk_run {
        uint64_t end;
        uint32_t flags;
    } * runs;
    size_t count, next; /* `next`: where the last question was answered */
};

struct disk_helper; /* the boxed program that reads an image */
struct disk_reader;
struct disk_writer;

struct disk {
    struct disk_info info;
    char format[FORMAT_BYTES];
    const atomic_bool *cancel;
    bool writable; /* it is a target's */
    int fd;        /* -1: NBD */
    bool sparse;   /* of a file: it has holes */
    /* NBD */
    char *uri;
    struct nbd_handle *nbd; /* of the map; and of the readers if there is only one connection */
    bool many;              /* each reader has a connection of its own */
    bool has_allocation;
    char *bitmap_context; /* NULL: none */
    struct disk_runs allocation, dirty;
    bool can_zero;
    uint32_t request_max; /* bytes of one read or write */
    uint32_t block;       /* the server's smallest block; at least 1 */
    struct disk_helper *helper;
    struct disk_reader *buried; /* readers whose answers never came */
    struct disk_writer *buried_writers;
};

/* A piece that was asked for. */
struct disk_slot {
    atomic_uint parts; /* requests under way for it */
    atomic_int error;  /* errno of one that failed */
    uint64_t off;
    size_t len;
    uint8_t *data;
};

struct disk_target {
    struct disk *disk;
    struct disk_target_info info;
    char *new_in;          /* the directory in which it is new and not synced yet; NULL: none */
    pthread_mutex_t edges; /* of blocks that are written in part: read, changed, written */
    bool one_at_a_time;    /* one request, of all writers */
    pthread_mutex_t turn;  /* of that one */
};

/* A request on its way: disk_slot.data is its own copy of the bytes. */
struct disk_writer {
    struct disk_target *target;
    struct disk *disk;
    struct nbd_handle *nbd; /* own, or the disk's; NULL: a descriptor */
    uint8_t *data;
    struct disk_slot slots[DISK_AHEAD];
    unsigned head, tail; /* slots, running numbers */
    struct disk_writer *next_buried;
};

struct disk_reader {
    struct disk *disk;
    struct nbd_handle *nbd; /* own, or the disk's; NULL: a descriptor */
    uint32_t grain;
    unsigned ahead; /* slots in use */
    uint8_t *data;
    struct disk_slot slots[DISK_AHEAD], small;
    uint64_t sent, end;  /* asked for up to; where it ends */
    unsigned head, tail; /* slots, running numbers */
    bool holds;          /* the slot at `tail` was given and is in use */
    uint64_t bad, first_bad;
    struct disk_reader *next_buried;
};

bool disk_is_cancelled(const struct disk *d);

/* descriptor.c: d->fd is open */
MUST_CHECK int descriptor_begin(struct disk *d, struct err *e);
/* ERR_BUSY if a QEMU writes to it: what would be read is torn. */
MUST_CHECK int descriptor_check_free(const struct disk *d, struct err *e);
int descriptor_map(struct disk *d, uint64_t off, struct disk_extent *out);

/* nbd.c: d->uri is set */
MUST_CHECK int nbd_open(struct disk *d, const char *bitmap, struct err *e);
MUST_CHECK int nbd_connect_disk(struct disk *d, bool with_map, struct nbd_handle **out,
                                struct err *e);
/* One turn of waiting: -1 if the server went away or the user interrupted. */
MUST_CHECK int nbd_turn(struct disk *d, struct nbd_handle *h, struct err *e);
bool nbd_is_gone(struct nbd_handle *h);
/* Fills `e` with what libnbd says, in the thread in which it failed; returns -1. */
int nbd_error(struct err *e, enum err_class cls, const char *doing);

/* nbd_map.c */
MUST_CHECK int nbd_map(struct disk *d, uint64_t off, struct disk_extent *out, struct err *e);
void disk_runs_done(struct disk_runs *r);
void disk_runs_forget(struct disk_runs *r); /* they are asked for anew */

/* nbd_read.c */
MUST_CHECK int nbd_send(struct disk_reader *r, struct disk_slot *s, struct err *e);
MUST_CHECK int nbd_await(struct disk_reader *r, struct disk_slot *s, struct err *e);
/* Waits a while for a slot whose content nobody wants: true if nothing of it is under way any more.
 */
bool nbd_settle(struct disk_reader *r, struct disk_slot *s);
/* A few bytes, at once: *good_out is false if the server could not read them. */
MUST_CHECK int nbd_read_small(struct disk_reader *r, void *p, size_t len, uint64_t off,
                              bool *good_out, struct err *e);

/* format.c: what an image file is, by what was said (may be NULL), its name and its head.
 * ERR_USAGE if they do not agree. */
MUST_CHECK int format_of_file(const char *path, int fd, const char *said, char out[FORMAT_BYTES],
                              struct err *e);

/* … what a new file is to become. */
MUST_CHECK int format_of_name(const char *path, const char *said, char out[FORMAT_BYTES],
                              struct err *e);

/* descriptor_write.c: 0, or -1 and errno */
int descriptor_zero(struct disk *d, uint64_t off, uint64_t len);

/* nbd_write.c */
MUST_CHECK int nbd_write(struct disk_writer *w, uint64_t off, const uint8_t *p, size_t len,
                         struct err *e);
MUST_CHECK int nbd_zero_all(struct disk_writer *w, uint64_t off, uint64_t len, struct err *e);
MUST_CHECK int nbd_drain(struct disk_writer *w, struct err *e);
MUST_CHECK int nbd_flush_all(struct disk *d, struct err *e);
/* As nbd_settle. */
bool nbd_settle_writer(struct disk_writer *w);

/* open.c: an empty disk; and what ends it. */
struct disk *disk_new(const atomic_bool *cancel);

/* image_make.c: an empty image of so many bytes in the empty file at `path`, by a boxed qemu-img */
MUST_CHECK int image_make(const char *path, const char *format, uint64_t size, struct err *e);

/* helper.c: a qemu-nbd in a box, at d->uri; one that writes if d->writable */
MUST_CHECK int helper_start(struct disk *d, const struct disk_request *r, struct err *e);
void helper_free(struct disk_helper *h); /* NULL is fine */
/* What it said last, if it has ended; else NULL. */
const char *helper_last_words(struct disk_helper *h);

#endif
