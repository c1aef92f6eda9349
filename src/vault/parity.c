/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing, checking and removing parity objects.
 *
 * H4 Parity is written only behind its pack, and removed only behind it, so an
 *    object without a pack is left over.
 */
#include "vault/parity.h"

#include "base/mem.h"

#include <string.h>

#define SALVAGE_BYTES ((size_t)1 << 20)
#define SECTOR_BYTES  ((size_t)4096)

static void head_for(struct vault *v, const uint8_t *id, uint64_t len, struct parity_head *h)
{
    memcpy(h->vault, v->info.id, UID_BYTES);
    memcpy(h->pack, id, ID_BYTES);
    parity_shape(len, h);
}

/* ---- writing --------------------------------------------------------------------------- */

static int read_store(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    return store_read(arg, off, p, len, e);
}

static int put_from(struct vault *v, const uint8_t *id, struct store_reader *r, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = PARITY_OBJECT_MAX};
    struct parity_head h;
    char name[PARITY_NAME_BYTES];
    struct err why = ERR_INIT;
    uint64_t len = store_reader_len(r);
    if (len == 0 || len > PARITY_PACK_MAX)
        return 0;
    head_for(v, id, len, &h);
    parity_name(id, name);
    if (parity_encode(&h, read_store, r, &b, e))
        return err_wrap(e, "%s", name);
    if (store_put(v->store, name, b.data, b.len, &why) == 0 || why.cls == ERR_EXISTS)
        return 0;
    return err_give(e, &why);
}

int parity_put(struct vault *v, const uint8_t id[ID_BYTES], struct err *e)
{
    struct store_reader *r;
    char name[PACK_NAME_BYTES];
    pack_name(id, name);
    if (store_open(v->store, name, &r, e))
        return -1;
    int rc = put_from(v, id, r, e);
    store_reader_close(r);
    return rc;
}

static int read_memory(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    const struct buf *b = arg;
    if (off > b->len || len > b->len - off)
        return err_set(e, ERR_DAMAGED, "a pack of %zu bytes ends too early", b->len);
    memcpy(p, b->data + off, len);
    return 0;
}

int parity_of(struct vault *v, const uint8_t id[ID_BYTES], const struct buf *pack,
              struct buf *out, struct err *e)
{
    struct parity_head h;
    struct buf view = *pack;
    head_for(v, id, pack->len, &h);
    return parity_encode(&h, read_memory, &view, out, e);
}

/* ---- reading --------------------------------------------------------------------------- */

bool parity_exists(struct vault *v, const uint8_t id[ID_BYTES])
{
    struct store_reader *r;
    char name[PARITY_NAME_BYTES];
    parity_name(id, name);
    if (store_open(v->store, name, &r, NULL))
        return false;
    store_reader_close(r);
    return true;
}

int parity_check(struct vault *v, const uint8_t id[ID_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = PARITY_OBJECT_MAX};
    struct parity_head h;
    char name[PARITY_NAME_BYTES];
    struct err why = ERR_INIT;
    parity_name(id, name);
    int rc = object_read(v->store, name, PARITY_OBJECT_MAX, &b, &why);
    if (rc && why.cls == ERR_NOT_FOUND)
        return 0;
    if (!rc)
        rc = parity_verify(b.data, b.len, &h, &why);
    if (!rc && (memcmp(h.pack, id, ID_BYTES) != 0 || memcmp(h.vault, v->info.id, UID_BYTES) != 0))
        rc = err_set(&why, ERR_DAMAGED, "parity: of another pack");
    if (rc)
        (void)err_give(e, &why);
    return rc;
}

/* A block that the disk cannot give back costs only itself. */
static int salvage_part(struct store_reader *r, uint64_t off, uint8_t *to, size_t len,
                        struct err *e)
{
    if (store_read(r, off, to, len, e) == 0)
        return 0;
    if (e->cls == ERR_NO_MEMORY)
        return -1;
    for (size_t at = 0; at < len; at += SECTOR_BYTES) {
        size_t n = len - at < SECTOR_BYTES ? len - at : SECTOR_BYTES;
        if (store_read(r, off + at, to + at, n, NULL))
            memset(to + at, 0, n);
    }
    return 0;
}

int object_salvage(struct store *s, const char *name, size_t max, struct buf *out, struct err *e)
{
    struct store_reader *r;
    struct err why = ERR_INIT;
    int rc = 0;
    if (store_open(s, name, &r, e))
        return -1;
    uint64_t len = store_reader_len(r);
    if (len > max)
        rc = err_set(e, ERR_LIMIT, "%s: longer than %zu bytes", name, max);
    uint8_t *to = rc ? NULL : buf_reserve(out, (size_t)len + 1);
    if (!rc && !to)
        rc = err_no_memory(e, "an object");
    for (uint64_t at = 0; !rc && at < len; at += SALVAGE_BYTES) {
        size_t n = len - at < SALVAGE_BYTES ? (size_t)(len - at) : SALVAGE_BYTES;
        rc = salvage_part(r, at, to + at, n, &why);
        if (rc)
            (void)err_give(e, &why);
    }
    if (!rc)
        buf_added(out, (size_t)len);
    store_reader_close(r);
    return rc;
}

/* ---- removing -------------------------------------------------------------------------- */

void parity_remove(struct vault *v, const uint8_t id[ID_BYTES])
{
    char name[PARITY_NAME_BYTES];
    parity_name(id, name);
    (void)!store_remove(v->store, name, NULL);
}

static int sweep_one(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    struct vault *v = arg;
    uint8_t id[ID_BYTES];
    char pack[PACK_NAME_BYTES];
    struct store_reader *r;
    struct err why = ERR_INIT;
    (void)len_bytes;
    (void)e;
    if (!parity_name_decode(name, id))
        return 0;
    uint32_t number = pack_set_find(&v->packs, id);
    if (number != PACK_NONE && pack_set_at(&v->packs, number)->seen == v->refresh)
        return 0; /* listed by the last refresh; what went since took its parity along */
    pack_name(id, pack);
    if (store_open(v->store, pack, &r, &why) == 0)
        store_reader_close(r);
    else if (why.cls == ERR_NOT_FOUND)
        parity_remove(v, id);
    return 0;
}

int parity_sweep(struct vault *v, struct err *e)
{
    return store_list(v->store, "parity", sweep_one, v, e);
}
