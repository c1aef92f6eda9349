/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a reader to an NBD server: sent ahead, waited for in order.
 *
 *  N1 a slot and its memory belong to the connection from nbd_send until its parts are back, or
 *     until the connection is closed: a reader whose answers are missing is freed only then.
 */
#include "disk/disk_internal.h"

#define SETTLE_MS    100
#define SETTLE_TURNS 20

/* Called on whichever thread polls the connection. */
static int part_is_back(void *user_data, int *error)
{
    struct disk_slot *s = user_data;
    if (*error)
        atomic_store(&s->error, *error);
    atomic_fetch_sub(&s->parts, 1);
    return 1; /* libnbd may forget it */
}

int nbd_send(struct disk_reader *r, struct disk_slot *s, struct err *e)
{
    struct disk *d = r->disk;
    for (size_t done = 0; done < s->len;) {
        size_t n = s->len - done < d->request_max ? s->len - done : d->request_max;
        nbd_completion_callback back = {.callback = part_is_back, .user_data = s};
        atomic_fetch_add(&s->parts, 1);
        if (nbd_aio_pread(r->nbd, s->data + done, n, s->off + done, back, 0) < 0) {
            atomic_fetch_sub(&s->parts, 1);
            return nbd_error(e, ERR_OFFLINE, "the server of the disk went away");
        }
        done += n;
    }
    return 0;
}

int nbd_await(struct disk_reader *r, struct disk_slot *s, struct err *e)
{
    while (atomic_load(&s->parts))
        if (nbd_turn(r->disk, r->nbd, e))
            return -1;
    return 0;
}

bool nbd_settle(struct disk_reader *r, struct disk_slot *s)
{
    for (int i = 0; atomic_load(&s->parts) && i < SETTLE_TURNS && !nbd_is_gone(r->nbd); i++)
        if (nbd_poll(r->nbd, SETTLE_MS) < 0)
            break;
    return atomic_load(&s->parts) == 0;
}

/* Bytes that failed in a large request, one small piece after the other. */
int nbd_read_small(struct disk_reader *r, void *p, size_t len, uint64_t off, bool *good_out,
                   struct err *e)
{
    struct disk_slot *s = &r->small;
    *s = (struct disk_slot){.off = off, .len = len, .data = p};
    if (nbd_send(r, s, e) || nbd_await(r, s, e))
        return -1;
    *good_out = atomic_load(&s->error) == 0;
    return 0;
}
