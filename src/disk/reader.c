/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading forward: pieces are asked for ahead and given in order. Where a piece
 * cannot be read, its blocks are tried one by one, and those that fail are zeros.
 */
#include "disk/disk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

#define SALVAGE_BYTES ((size_t)4096)

int disk_reader_new(struct disk *d, uint32_t grain, struct disk_reader **out, struct err *e)
{
    struct disk_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "reading a disk");
    r->disk = d;
    r->grain = grain;
    /* A descriptor needs no asking ahead: the kernel does that. */
    r->ahead = d->fd >= 0 ? 1 : DISK_AHEAD;
    r->data = mem_alloc((size_t)grain * r->ahead);
    if (!r->data) {
        disk_reader_free(r);
        return err_no_memory(e, "reading a disk");
    }
    for (unsigned i = 0; i < r->ahead; i++)
        r->slots[i].data = r->data + (size_t)i * grain;
    if (d->fd < 0 && !d->many)
        r->nbd = d->nbd;
    if (d->fd < 0 && d->many && nbd_connect_disk(d, false, &r->nbd, e)) {
        disk_reader_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

/* Waits for what is under way, whose answers nobody wants any more. */
static bool settle_all(struct disk_reader *r)
{
    bool settled = !r->nbd || nbd_settle(r, &r->small);
    for (; settled && r->tail != r->head; r->tail++)
        settled = !r->nbd || nbd_settle(r, &r->slots[r->tail % r->ahead]);
    return settled;
}

void disk_reader_free(struct disk_reader *r)
{
    if (!r)
        return;
    if (r->nbd && r->nbd != r->disk->nbd) {
        nbd_close(r->nbd);
    } else if (!settle_all(r)) {
        /* Answers may still be written to it: it goes with the connection. */
        r->next_buried = r->disk->buried;
        r->disk->buried = r;
        return;
    }
    mem_free(r->data);
    mem_free(r);
}

/* Asks for pieces while there is room: the one that was given last keeps its place. */
static int send_ahead(struct disk_reader *r, struct err *e)
{
    while (r->sent < r->end && r->head - r->tail < r->ahead) {
        struct disk_slot *s = &r->slots[r->head++ % r->ahead];
        uint64_t stop = (r->sent / r->grain + 1) * r->grain;
        s->off = r->sent;
        s->len = (size_t)((stop < r->end ? stop : r->end) - r->sent);
        atomic_store(&s->error, 0);
        r->sent += s->len;
        if (r->nbd && nbd_send(r, s, e))
            return -1;
    }
    return 0;
}

int disk_begin(struct disk_reader *r, uint64_t from, uint64_t to, struct err *e)
{
    if (!settle_all(r))
        return err_set(e, ERR_OFFLINE, "the server of the disk does not answer any more");
    r->sent = from;
    r->end = to;
    r->holds = false;
    return send_ahead(r, e);
}

/* ---- what cannot be read ---------------------------------------------------------- */

static int count_bad(struct disk_reader *r, uint64_t off, size_t len, struct err *e)
{
    if (r->bad == 0)
        r->first_bad = off;
    r->bad += len;
    if (r->bad > DISK_BAD_MAX)
        return err_set(e, ERR_IO,
                       "more than %llu MiB of it cannot be read, the first bytes near %llu",
                       (unsigned long long)(DISK_BAD_MAX >> 20), (unsigned long long)r->first_bad);
    return 0;
}

static int read_block(struct disk_reader *r, uint8_t *p, size_t len, uint64_t off, bool *good_out,
                      struct err *e)
{
    if (r->nbd)
        return nbd_read_small(r, p, len, off, good_out, e);
    *good_out = file_pread(r->disk->fd, p, len, (off_t)off) == (ssize_t)len;
    return 0;
}

static int salvage(struct disk_reader *r, struct disk_slot *s, struct err *e)
{
    for (size_t at = 0; at < s->len;) {
        size_t n = SALVAGE_BYTES - (size_t)((s->off + at) % SALVAGE_BYTES);
        bool good = false;
        n = n < s->len - at ? n : s->len - at;
        if (disk_is_cancelled(r->disk))
            return err_set(e, ERR_CANCELLED, "interrupted");
        if (read_block(r, s->data + at, n, s->off + at, &good, e))
            return -1;
        if (!good) {
            memset(s->data + at, 0, n);
            if (count_bad(r, s->off + at, n, e))
                return -1;
        }
        at += n;
    }
    return 0;
}

/* ---- pieces ----------------------------------------------------------------------------- */

static int fill(struct disk_reader *r, struct disk_slot *s, struct err *e)
{
    bool whole;
    if (r->nbd) {
        if (nbd_await(r, s, e))
            return -1;
        whole = atomic_load(&s->error) == 0;
    } else {
        whole = file_pread(r->disk->fd, s->data, s->len, (off_t)s->off) == (ssize_t)s->len;
    }
    return whole ? 0 : salvage(r, s, e);
}

int disk_next(struct disk_reader *r, const uint8_t **p_out, size_t *len_out, struct err *e)
{
    if (r->holds) {
        r->tail++;
        r->holds = false;
    }
    if (send_ahead(r, e))
        return -1;
    if (r->tail == r->head)
        return 0;
    struct disk_slot *s = &r->slots[r->tail % r->ahead];
    if (fill(r, s, e))
        return -1;
    r->holds = true;
    *p_out = s->data;
    *len_out = s->len;
    return 1;
}

uint64_t disk_bad(const struct disk_reader *r, uint64_t *first_out)
{
    *first_out = r->first_bad;
    return r->bad;
}
