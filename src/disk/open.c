/* SPDX-License-Identifier: Apache-2.0 */
/* Which way in: a URI goes to NBD, a raw file or a device is read itself, any other
 * image is read by a helper. */
#include "disk/disk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool disk_is_cancelled(const struct disk *d)
{
    return d->cancel && atomic_load_explicit(d->cancel, memory_order_relaxed);
}

static int open_device(struct disk *d, const struct disk_request *r, struct err *e)
{
    if (r->format && strcmp(r->format, "raw") != 0)
        return err_set(
            e, ERR_USAGE,
            "a block device is raw: leave out --format, or name the file that holds the image");
    (void)snprintf(d->format, sizeof d->format, "raw");
    return descriptor_begin(d, e);
}

static int open_file(struct disk *d, const struct disk_request *r, struct err *e)
{
    if (format_of_file(r->source, d->fd, r->format, d->format, e))
        return -1;
    if (strcmp(d->format, "raw") == 0)
        return descriptor_check_free(d, e) || descriptor_begin(d, e) ? -1 : 0;
    file_close(&d->fd);
    return helper_start(d, r, e) || nbd_open(d, NULL, e) ? -1 : 0;
}

static int open_path(struct disk *d, const struct disk_request *r, struct err *e)
{
    struct stat st;
    if (r->bitmap)
        return err_set(e, ERR_USAGE, "only an NBD source can have a changed-block map");
    d->fd = open(r->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (d->fd < 0 || fstat(d->fd, &st))
        return err_sys(e, errno, "open");
    if (S_ISBLK(st.st_mode))
        return open_device(d, r, e);
    if (S_ISREG(st.st_mode))
        return open_file(d, r, e);
    return err_set(e, ERR_USAGE, "neither a block device nor a file");
}

static int open_uri(struct disk *d, const struct disk_request *r, struct err *e)
{
    if (r->format && strcmp(r->format, "raw") != 0)
        return err_set(e, ERR_USAGE, "an NBD source is raw: leave out --format");
    (void)snprintf(d->format, sizeof d->format, "nbd");
    d->uri = mem_strdup(r->source);
    return d->uri ? nbd_open(d, r->bitmap, e) : err_no_memory(e, "a URI");
}

struct disk *disk_new(const atomic_bool *cancel)
{
    struct disk *d = mem_zalloc(sizeof *d);
    if (!d)
        return NULL;
    d->fd = -1;
    d->cancel = cancel;
    d->info.format = d->format;
    return d;
}

int disk_open(const struct disk_request *r, struct disk **out, struct err *e)
{
    struct disk *d = disk_new(r->cancel);
    if (!d)
        return err_no_memory(e, "a disk");
    int rc = disk_is_uri(r->source) ? open_uri(d, r, e) : open_path(d, r, e);
    if (rc == 0 && d->info.size > DISK_SIZE_MAX)
        rc = err_set(e, ERR_LIMIT, "a size of %llu bytes: no disk has that",
                     (unsigned long long)d->info.size);
    if (rc) {
        disk_close(d);
        return err_wrap(e, "disk '%s'", r->source);
    }
    *out = d;
    return 0;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    file_close(&d->fd);
    nbd_close(d->nbd);
    for (struct disk_reader *r = d->buried; r;) {
        struct disk_reader *next = r->next_buried;
        mem_free(r->data);
        mem_free(r);
        r = next;
    }
    for (struct disk_writer *w = d->buried_writers; w;) {
        struct disk_writer *next = w->next_buried;
        mem_free(w->data);
        mem_free(w);
        w = next;
    }
    helper_free(d->helper);
    disk_runs_done(&d->allocation);
    disk_runs_done(&d->dirty);
    mem_free(d->bitmap_context);
    mem_free(d->uri);
    mem_free(d);
}

const struct disk_info *disk_get_info(const struct disk *d)
{
    return &d->info;
}

int disk_map(struct disk *d, uint64_t off, struct disk_extent *out, struct err *e)
{
    return d->fd >= 0 ? descriptor_map(d, off, out) : nbd_map(d, off, out, e);
}
