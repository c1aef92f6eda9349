/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way out: a URI goes to NBD, a raw file or a device is written itself, an image of any other
 * format by a boxed qemu-nbd. Does not decide what is written where.
 *
 *  T1 a file that is there is changed only if the caller said so, and never while a running machine
 *     or another restore holds it;
 *  T2 what was made for a target that then could not be opened is removed again.
 */
#include "disk/disk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* QEMU locks single bytes from 100 and from 200 on (its include/block/block-common.h: permissions,
 * and what is not shared). */
#define QEMU_LOCKS_FROM 100
#define QEMU_LOCKS_LEN  200
#define NBD_ALIGN       4096u

static int too_small(const struct disk_target *t, const struct disk_target_request *r,
                     struct err *e)
{
    return err_set(e, ERR_USAGE, "it has %llu bytes, the disk %llu: it is too small",
                   (unsigned long long)t->disk->info.size, (unsigned long long)r->size);
}

static int check_size(const struct disk_target *t, const struct disk_target_request *r,
                      struct err *e)
{
    return t->disk->info.size < r->size ? too_small(t, r, e) : 0;
}

/* ---- block devices ------------------------------------------------------------------ */

static int open_device(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    struct disk *d = t->disk;
    if (r->format && strcmp(r->format, "raw") != 0)
        return err_set(e, ERR_USAGE, "a block device is written raw: leave out --format");
    (void)snprintf(d->format, sizeof d->format, "raw");
    d->fd = open(r->target, O_RDWR | O_EXCL | O_CLOEXEC | O_NOCTTY);
    if (d->fd < 0 && errno == EBUSY)
        return err_set(e, ERR_BUSY, "it is in use (mounted, or part of a volume or an array)");
    if (d->fd < 0)
        return err_sys(e, errno, "open");
    int read_only = 0;
    if (ioctl(d->fd, BLKROGET, &read_only) == 0 && read_only)
        return err_set(e, ERR_READ_ONLY, "the device is for reading only");
    return descriptor_begin(d, e) ? -1 : check_size(t, r, e);
}

/* ---- files ------------------------------------------------------------------------------ */

static int check_free(int fd, struct err *e)
{
    struct flock held = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = QEMU_LOCKS_FROM,
                         .l_len = QEMU_LOCKS_LEN};
    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return err_set(e, ERR_BUSY, "another program holds it locked");
    if (fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK)
        return err_set(e, ERR_BUSY, "a running machine uses it: stop that first");
    return 0;
}

static int make_file(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    const char *slash = strrchr(r->target, '/');
    size_t len = slash ? (size_t)(slash - r->target) + 1 : 0;
    t->new_in = mem_zalloc(len + sizeof ".");
    if (!t->new_in)
        return err_no_memory(e, "a path");
    (void)snprintf(t->new_in, len + sizeof ".", "%.*s.", (int)len, r->target);
    t->disk->fd = open(r->target, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (t->disk->fd < 0) {
        int why = errno;
        mem_free(TAKE(t->new_in));
        return err_sys(e, why, "make it");
    }
    t->info.fresh = true;
    return check_free(t->disk->fd, e);
}

static int open_existing(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    struct disk *d = t->disk;
    d->fd = open(r->target, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (d->fd < 0)
        return err_sys(e, errno, "open");
    if (check_free(d->fd, e))
        return -1;
    t->info.fresh = r->existing == DISK_EXISTING_REPLACE;
    if (t->info.fresh && ftruncate(d->fd, 0))
        return err_sys(e, errno, "empty it");
    return 0;
}

static int open_raw(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    struct disk *d = t->disk;
    struct stat st;
    if (fstat(d->fd, &st) || ((uint64_t)st.st_size != r->size && ftruncate(d->fd, (off_t)r->size)))
        return err_sys(e, errno, "make it %llu bytes long", (unsigned long long)r->size);
    if (descriptor_begin(d, e))
        return -1;
    d->sparse = true; /* it may become so */
    return 0;
}

/* Why qemu-nbd would not serve it, as a class that a caller understands. */
static int explain(struct disk *d, struct err *e)
{
    const char *words = d->helper ? helper_last_words(d->helper) : NULL;
    if (!words || e->cls != ERR_OFFLINE)
        return -1;
    if (strstr(words, " lock"))
        return err_set(e, ERR_BUSY, "a running machine uses it: stop that first");
    return err_reclass(e, strstr(words, "read-only") || strstr(words, "ermission denied")
                              ? ERR_READ_ONLY
                              : ERR_IO);
}

static int open_image(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    struct disk *d = t->disk;
    struct disk_request image = {
        .source = r->target, .backing = r->backing, .backing_count = r->backing_count};
    file_close(&d->fd); /* with our locks: QEMU takes its own */
    /* QEMU writes the head of a VDI for each new block, whichever of several comes last: cut off
     * then, the image would give one place to two blocks. */
    t->one_at_a_time = strcmp(d->format, "vdi") == 0;
    if (t->info.fresh && image_make(r->target, d->format, r->size, e))
        return -1;
    if (helper_start(d, &image, e))
        return -1;
    if (nbd_open(d, NULL, e))
        return explain(d, e);
    return check_size(t, r, e);
}

static int open_file(struct disk_target *t, const struct disk_target_request *r, bool is_there,
                     struct err *e)
{
    struct disk *d = t->disk;
    bool keep = is_there && r->existing == DISK_EXISTING_KEEP;
    if (is_there && r->existing == DISK_EXISTING_REFUSE)
        return err_set(e, ERR_EXISTS,
                       "it exists: --delta writes what differs, --overwrite always all of it");
    if (!keep && format_of_name(r->target, r->format, d->format, e))
        return -1;
    if (is_there ? open_existing(t, r, e) : make_file(t, r, e))
        return -1;
    if (keep && format_of_file(r->target, d->fd, r->format, d->format, e))
        return -1;
    return strcmp(d->format, "raw") == 0 ? open_raw(t, r, e) : open_image(t, r, e);
}

/* ---- all of them ------------------------------------------------------------------------- */

static int open_uri(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    struct disk *d = t->disk;
    if (r->format && strcmp(r->format, "raw") != 0)
        return err_set(e, ERR_USAGE, "an NBD export is written raw: leave out --format");
    (void)snprintf(d->format, sizeof d->format, "nbd");
    d->uri = mem_strdup(r->target);
    if (!d->uri)
        return err_no_memory(e, "a URI");
    return nbd_open(d, NULL, e) ? -1 : check_size(t, r, e);
}

static int open_any(struct disk_target *t, const struct disk_target_request *r, struct err *e)
{
    struct disk_identity is;
    if (r->size > DISK_SIZE_MAX)
        return err_set(e, ERR_LIMIT, "a size of %llu bytes: no disk has that",
                       (unsigned long long)r->size);
    if (disk_identify(r->target, &is, e))
        return -1;
    switch (is.place) {
    case DISK_PLACE_URI: return open_uri(t, r, e);
    case DISK_PLACE_DEVICE: return open_device(t, r, e);
    case DISK_PLACE_FILE: return open_file(t, r, true, e);
    case DISK_PLACE_NOTHING: return open_file(t, r, false, e);
    }
    return err_set(e, ERR_USAGE, "nothing that can be written");
}

int disk_target_open(const struct disk_target_request *r, struct disk_target **out, struct err *e)
{
    struct disk_target *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_no_memory(e, "a target");
    (void)pthread_mutex_init(&t->edges, NULL);
    (void)pthread_mutex_init(&t->turn, NULL);
    t->disk = disk_new(r->cancel);
    if (!t->disk) {
        disk_target_close(t);
        return err_no_memory(e, "a target");
    }
    t->disk->writable = true;
    t->disk->block = 1;
    if (open_any(t, r, e)) {
        if (t->new_in)
            (void)unlink(r->target);
        disk_target_close(t);
        return err_wrap(e, "target '%s'", r->target);
    }
    t->info.size = t->disk->info.size;
    t->info.format = t->disk->format;
    t->info.align = t->disk->block > NBD_ALIGN ? t->disk->block : NBD_ALIGN;
    *out = t;
    return 0;
}

void disk_target_close(struct disk_target *t)
{
    if (!t)
        return;
    disk_close(t->disk);
    (void)pthread_mutex_destroy(&t->edges);
    (void)pthread_mutex_destroy(&t->turn);
    mem_free(t->new_in);
    mem_free(t);
}

const struct disk_target_info *disk_target_get_info(const struct disk_target *t)
{
    return &t->info;
}

struct disk *disk_target_disk(struct disk_target *t)
{
    return t->disk;
}

/* The name of a new file is durable only with its directory. */
static int sync_directory(struct disk_target *t, struct err *e)
{
    if (!t->new_in)
        return 0;
    CLEANUP(file_close) int fd = open(t->new_in, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return err_sys(e, errno, "sync the directory '%s'", t->new_in);
    mem_free(TAKE(t->new_in));
    return 0;
}

int disk_target_flush(struct disk_target *t, struct err *e)
{
    if (t->disk->fd >= 0 && fdatasync(t->disk->fd))
        return err_sys(e, errno, "flush");
    if (t->disk->fd < 0 && nbd_flush_all(t->disk, e))
        return -1;
    disk_runs_forget(&t->disk->allocation);
    disk_runs_forget(&t->disk->dirty);
    return sync_directory(t, e);
}
