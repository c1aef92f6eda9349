/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to an NBD server. It may be slow, lie or go away: connecting and
 * waiting end when the user interrupts, and after a time limit. */
#include "disk/disk_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_LIMIT_NS (60 * NS_PER_S)
#define LOOK_MS          200
#define REQUEST_DEFAULT  ((uint32_t)2 << 20)
#define REQUEST_MIN      512u

int nbd_error(struct err *e, enum err_class cls, const char *doing)
{
    const char *text = nbd_get_error();
    /* libnbd begins with the name of its own function. */
    const char *colon = text ? strstr(text, ": ") : NULL;
    return err_set(e, cls, "%s: %s", doing, colon ? colon + 2 : text ? text : "no reason given");
}

bool nbd_is_gone(struct nbd_handle *h)
{
    return nbd_aio_is_dead(h) == 1 || nbd_aio_is_closed(h) == 1;
}

static int gone(struct disk *d, struct err *e)
{
    const char *words = d->helper ? helper_last_words(d->helper) : NULL;
    if (words)
        return err_set(e, ERR_OFFLINE, "qemu-nbd ended: %s", words);
    return nbd_error(e, ERR_OFFLINE, "the server of the disk went away");
}

/* Waits; -1 if nothing more will come. A signal is no end. */
static int wait_for(struct nbd_handle *h, int timeout_ms)
{
    if (nbd_poll(h, timeout_ms) < 0 && nbd_get_errno() != EINTR)
        return -1;
    return nbd_is_gone(h) ? -1 : 0;
}

int nbd_turn(struct disk *d, struct nbd_handle *h, struct err *e)
{
    int rc = disk_is_cancelled(d) ? 0 : wait_for(h, d->many ? LOOK_MS : LOOK_SHARED_MS);
    if (disk_is_cancelled(d))
        return err_set(e, ERR_CANCELLED, "interrupted");
    return rc ? gone(d, e) : 0;
}

static int await_connection(struct disk *d, struct nbd_handle *h, struct err *e)
{
    int64_t until = clock_monotonic_ns() + CONNECT_LIMIT_NS;
    while (nbd_aio_is_connecting(h) == 1) {
        if (disk_is_cancelled(d))
            return err_set(e, ERR_CANCELLED, "interrupted");
        if (clock_monotonic_ns() > until)
            return err_set(e, ERR_OFFLINE, "the server does not answer");
        if (wait_for(h, LOOK_MS))
            return gone(d, e);
    }
    if (nbd_aio_is_ready(h) != 1)
        return gone(d, e);
    return 0;
}

static int prepare(struct disk *d, bool with_map, struct nbd_handle *h, struct err *e)
{
    if (nbd_set_uri_allow_local_file(h, true) || nbd_set_pread_initialize(h, false))
        return nbd_error(e, ERR_IO, "libnbd");
    if (with_map && (nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) ||
                     (d->bitmap_context && nbd_add_meta_context(h, d->bitmap_context))))
        return nbd_error(e, ERR_USAGE, "the map");
    if (nbd_aio_connect_uri(h, d->uri))
        return nbd_error(e, ERR_OFFLINE, "connect");
    return await_connection(d, h, e);
}

int nbd_connect_disk(struct disk *d, bool with_map, struct nbd_handle **out, struct err *e)
{
    struct nbd_handle *h = nbd_create();
    if (!h)
        return err_no_memory(e, "a connection");
    if (prepare(d, with_map, h, e)) {
        nbd_close(h);
        return -1;
    }
    *out = h;
    return 0;
}

static uint32_t smallest_block(struct nbd_handle *h)
{
    int64_t least = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);
    return least < 1 || least > DISK_WRITE_BYTES ? 1 : (uint32_t)least;
}

static uint32_t largest_request(struct nbd_handle *h)
{
    int64_t most = nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);
    if (most < REQUEST_MIN || most > REQUEST_DEFAULT)
        return REQUEST_DEFAULT;
    return (uint32_t)most / REQUEST_MIN * REQUEST_MIN;
}

int nbd_open(struct disk *d, const char *bitmap, struct err *e)
{
    if (bitmap) {
        size_t cap = strlen(bitmap) + sizeof "qemu:dirty-bitmap:";
        d->bitmap_context = mem_alloc(cap);
        if (!d->bitmap_context)
            return err_no_memory(e, "a map");
        (void)snprintf(d->bitmap_context, cap, "qemu:dirty-bitmap:%s", bitmap);
    }
    if (nbd_connect_disk(d, true, &d->nbd, e))
        return -1;
    int64_t size = nbd_get_size(d->nbd);
    if (size < 0)
        return nbd_error(e, ERR_OFFLINE, "ask for its size");
    d->info.size = (uint64_t)size;
    d->info.has_bitmap = d->bitmap_context && nbd_can_meta_context(d->nbd, d->bitmap_context) == 1;
    d->has_allocation = nbd_can_meta_context(d->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
    d->many = nbd_can_multi_conn(d->nbd) == 1;
    d->request_max = largest_request(d->nbd);
    d->block = smallest_block(d->nbd);
    d->can_zero = nbd_can_zero(d->nbd) == 1;
    if (d->writable && nbd_is_read_only(d->nbd) == 1)
        return err_set(e, ERR_READ_ONLY, "the server gives it for reading only");
    return 0;
}
