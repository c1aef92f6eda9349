/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: a descriptor at once, NBD ahead. One writer a thread. */
#include "disk/disk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>

int disk_writer_new(struct disk_target *t, struct disk_writer **out, struct err *e)
{
    struct disk *d = t->disk;
    struct disk_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "writing a disk");
    w->target = t;
    w->disk = d;
    if (d->fd >= 0) {
        *out = w;
        return 0;
    }
    w->data = mem_alloc((size_t)DISK_WRITE_BYTES * DISK_AHEAD);
    if (!w->data) {
        mem_free(w);
        return err_no_memory(e, "writing a disk");
    }
    for (size_t i = 0; i < DISK_AHEAD; i++)
        w->slots[i].data = w->data + i * DISK_WRITE_BYTES;
    w->nbd = d->nbd;
    if (d->many && nbd_connect_disk(d, false, &w->nbd, e)) {
        mem_free(w->data);
        mem_free(w);
        return -1;
    }
    *out = w;
    return 0;
}

void disk_writer_free(struct disk_writer *w)
{
    if (!w)
        return;
    if (w->nbd && w->nbd != w->disk->nbd) {
        nbd_close(w->nbd);
    } else if (w->nbd && !nbd_settle_writer(w)) {
        /* The connection still needs its memory: it goes with it. */
        w->next_buried = w->disk->buried_writers;
        w->disk->buried_writers = w;
        return;
    }
    mem_free(w->data);
    mem_free(w);
}

static int failed(const struct disk_writer *w, uint64_t off, struct err *e)
{
    int why = errno;
    if (why == EINTR && disk_is_cancelled(w->disk))
        return err_set(e, ERR_CANCELLED, "interrupted");
    return err_sys(e, why, "at byte %llu: write", (unsigned long long)off);
}

/* Bytes, or (p is NULL) zeros. */
static int to_server(struct disk_writer *w, uint64_t off, const uint8_t *p, uint64_t len,
                     struct err *e)
{
    return p ? nbd_write(w, off, p, (size_t)len, e) : nbd_zero_all(w, off, len, e);
}

static int to_server_alone(struct disk_writer *w, uint64_t off, const uint8_t *p, uint64_t len,
                           struct err *e)
{
    (void)pthread_mutex_lock(&w->target->turn);
    int rc = to_server(w, off, p, len, e) || nbd_drain(w, e) ? -1 : 0;
    (void)pthread_mutex_unlock(&w->target->turn);
    return rc;
}

int disk_write(struct disk_writer *w, uint64_t off, const void *p, size_t len, struct err *e)
{
    if (w->nbd)
        return w->target->one_at_a_time ? to_server_alone(w, off, p, len, e)
                                        : to_server(w, off, p, len, e);
    return file_pwrite(w->disk->fd, p, len, (off_t)off) ? failed(w, off, e) : 0;
}

int disk_zero(struct disk_writer *w, uint64_t off, uint64_t len, struct err *e)
{
    if (w->nbd)
        return w->target->one_at_a_time ? to_server_alone(w, off, NULL, len, e)
                                        : to_server(w, off, NULL, len, e);
    return descriptor_zero(w->disk, off, len) ? failed(w, off, e) : 0;
}

int disk_writer_drain(struct disk_writer *w, struct err *e)
{
    return w->nbd ? nbd_drain(w, e) : 0;
}
