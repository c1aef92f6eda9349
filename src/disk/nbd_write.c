/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a writer to an NBD server: sent ahead, DISK_AHEAD at most.
 *
 *  W1 a slot and its copy of the bytes belong to the connection from the moment they are sent until
 * the answer is back, or until the connection is closed; W2 an answer that is an error is told by
 * the next call, with its offset; W3 a server that takes only whole blocks gets only whole blocks:
 * what fills a block in part is read, changed and written by one thread at a time, and waited for.
 */
#include "disk/disk_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define SETTLE_MS    100
#define SETTLE_TURNS 20
#define ZERO_BYTES   ((uint64_t)64 << 20) /* of one request without bytes */

/* Called on whichever thread polls the connection. */
static int is_back(void *user_data, int *error)
{
    struct disk_slot *s = user_data;
    if (*error)
        atomic_store(&s->error, *error);
    atomic_fetch_sub(&s->parts, 1);
    return 1;
}

static int refused(const struct disk_slot *s, int why, struct err *e)
{
    if (why == EPERM || why == EROFS)
        return err_set(e, ERR_READ_ONLY, "at byte %llu: the server does not let it be written",
                       (unsigned long long)s->off);
    return err_sys(e, why, "at byte %llu: write", (unsigned long long)s->off);
}

static int await(struct disk_writer *w, struct disk_slot *s, struct err *e)
{
    while (atomic_load(&s->parts))
        if (nbd_turn(w->disk, w->nbd, e))
            return err_wrap(e, "at byte %llu", (unsigned long long)s->off);
    int why = atomic_load(&s->error);
    return why ? refused(s, why, e) : 0;
}

int nbd_drain(struct disk_writer *w, struct err *e)
{
    for (; w->tail != w->head; w->tail++)
        if (await(w, &w->slots[w->tail % DISK_AHEAD], e))
            return -1;
    return 0;
}

/* A slot that nothing is under way in. */
static int next_slot(struct disk_writer *w, struct disk_slot **out, struct err *e)
{
    if (w->target->one_at_a_time && nbd_drain(w, e))
        return -1;
    if (w->head - w->tail == DISK_AHEAD) {
        if (await(w, &w->slots[w->tail % DISK_AHEAD], e))
            return -1;
        w->tail++;
    }
    *out = &w->slots[w->head % DISK_AHEAD];
    return 0;
}

/* With data, or (p is NULL) zeros. */
static int send_slot(struct disk_writer *w, struct disk_slot *s, uint64_t off, const uint8_t *p,
                     size_t len, struct err *e)
{
    nbd_completion_callback back = {.callback = is_back, .user_data = s};
    s->off = off;
    s->len = len;
    atomic_store(&s->error, 0);
    atomic_store(&s->parts, 1);
    w->head++;
    if (p)
        memcpy(s->data, p, len);
    int64_t cookie = p ? nbd_aio_pwrite(w->nbd, s->data, len, off, back, 0)
                       : nbd_aio_zero(w->nbd, len, off, back, 0);
    if (cookie >= 0)
        return 0;
    atomic_store(&s->parts, 0);
    (void)nbd_error(e, ERR_OFFLINE, "the server of the disk went away");
    return err_wrap(e, "at byte %llu", (unsigned long long)off);
}

static int write_blocks(struct disk_writer *w, uint64_t off, const uint8_t *p, size_t len,
                        struct err *e)
{
    uint32_t most =
        w->disk->request_max < DISK_WRITE_BYTES ? w->disk->request_max : DISK_WRITE_BYTES;
    most = most / w->disk->block * w->disk->block;
    if (most == 0)
        return err_set(
            e, ERR_LIMIT,
            "the server takes no request of less than %u bytes, and none of more than %u",
            w->disk->block, w->disk->request_max);
    while (len) {
        struct disk_slot *s;
        size_t n = len < most ? len : most;
        if (next_slot(w, &s, e) || send_slot(w, s, off, p, n, e))
            return -1;
        off += n;
        p += n;
        len -= n;
    }
    return 0;
}

bool nbd_settle_writer(struct disk_writer *w)
{
    for (; w->tail != w->head; w->tail++) {
        struct disk_slot *s = &w->slots[w->tail % DISK_AHEAD];
        for (int i = 0; atomic_load(&s->parts) && i < SETTLE_TURNS && !nbd_is_gone(w->nbd); i++)
            if (nbd_poll(w->nbd, SETTLE_MS) < 0)
                break;
        if (atomic_load(&s->parts))
            return false;
    }
    return true;
}

/* ---- parts of blocks ------------------------------------------------------------------- */

static int read_block(struct disk_writer *w, uint64_t off, uint8_t *out, struct err *e)
{
    struct disk_slot *s;
    nbd_completion_callback back = {.callback = is_back};
    if (nbd_drain(w, e) || next_slot(w, &s, e))
        return -1;
    back.user_data = s;
    s->off = off;
    atomic_store(&s->error, 0);
    atomic_store(&s->parts, 1);
    w->head++;
    if (nbd_aio_pread(w->nbd, s->data, w->disk->block, off, back, 0) < 0) {
        atomic_store(&s->parts, 0);
        return nbd_error(e, ERR_OFFLINE, "the server of the disk went away");
    }
    if (nbd_drain(w, e))
        return -1;
    memcpy(out, s->data, w->disk->block);
    return 0;
}

/* Bytes within one block. */
static int write_part(struct disk_writer *w, uint64_t off, const uint8_t *p, size_t len,
                      struct err *e)
{
    uint32_t block = w->disk->block;
    uint64_t begin = off / block * block;
    CLEANUP_FREE uint8_t *data = mem_alloc(block);
    if (!data)
        return err_no_memory(e, "a block");
    (void)pthread_mutex_lock(&w->target->edges);
    int rc = read_block(w, begin, data, e);
    if (rc == 0) {
        if (p)
            memcpy(data + (off - begin), p, len);
        else
            memset(data + (off - begin), 0, len);
        rc = write_blocks(w, begin, data, block, e) || nbd_drain(w, e) ? -1 : 0;
    }
    (void)pthread_mutex_unlock(&w->target->edges);
    return rc;
}

/* How much of [off, off + len) is before the next border of blocks, if it begins or ends within
 * one; 0 if a whole block begins at `off`. */
static size_t part_at(const struct disk *d, uint64_t off, uint64_t len)
{
    uint64_t left = d->block - off % d->block;
    if (left == d->block && len >= d->block)
        return 0;
    return (size_t)(left < len ? left : len);
}

int nbd_write(struct disk_writer *w, uint64_t off, const uint8_t *p, size_t len, struct err *e)
{
    while (len) {
        size_t part = part_at(w->disk, off, len);
        size_t n = part ? part : len / w->disk->block * w->disk->block;
        if (part ? write_part(w, off, p, n, e) : write_blocks(w, off, p, n, e))
            return -1;
        off += n;
        p += n;
        len -= n;
    }
    return 0;
}

/* ---- zeros, and the end --------------------------------------------------------------- */

static int write_zeros(struct disk_writer *w, uint64_t off, uint64_t len, struct err *e)
{
    static const uint8_t zeros[DISK_WRITE_BYTES];
    while (len) {
        size_t n = len < sizeof zeros ? (size_t)len : sizeof zeros;
        if (write_blocks(w, off, zeros, n, e))
            return -1;
        off += n;
        len -= n;
    }
    return 0;
}

static int zero_blocks(struct disk_writer *w, uint64_t off, uint64_t len, struct err *e)
{
    if (!w->disk->can_zero)
        return write_zeros(w, off, len, e);
    while (len) {
        struct disk_slot *s;
        size_t n = len < ZERO_BYTES ? (size_t)len : (size_t)ZERO_BYTES;
        if (next_slot(w, &s, e) || send_slot(w, s, off, NULL, n, e))
            return -1;
        off += n;
        len -= n;
    }
    return 0;
}

int nbd_zero_all(struct disk_writer *w, uint64_t off, uint64_t len, struct err *e)
{
    while (len) {
        size_t part = part_at(w->disk, off, len);
        uint64_t n = part ? part : len / w->disk->block * w->disk->block;
        if (part ? write_part(w, off, NULL, part, e) : zero_blocks(w, off, n, e))
            return -1;
        off += n;
        len -= n;
    }
    return 0;
}

int nbd_flush_all(struct disk *d, struct err *e)
{
    if (nbd_can_flush(d->nbd) != 1)
        return 0; /* the server says that there is nothing to do */
    int64_t cookie = nbd_aio_flush(d->nbd, NBD_NULL_COMPLETION, 0);
    int done = 0;
    while (cookie >= 0 && (done = nbd_aio_command_completed(d->nbd, (uint64_t)cookie)) == 0)
        if (nbd_turn(d, d->nbd, e))
            return err_wrap(e, "flush");
    if (cookie >= 0 && done > 0)
        return 0;
    if (nbd_is_gone(d->nbd))
        return nbd_error(e, ERR_OFFLINE, "flush: the server of the disk went away");
    int why = nbd_get_errno();
    return err_sys(e, why ? why : EIO, "flush");
}
