/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing, removing and using the parity of objects beside packs (Q1 … Q4 in the
 * header). What a mended object is worth, repair_objects.c decides.
 */
#include "vault/object_parity.h"

#include "base/mem.h"
#include "vault/object_head.h"
#include "vault/parity.h"

#include <stdio.h>
#include <string.h>

#define COPY_MAX VAULT_OBJECT_MAX /* longer ones are cut as packs are */

void object_buf_done(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_done(b);
}

/* ---- writing --------------------------------------------------------------------------- */

/* One data block a stripe: C(0, 0) is 1, so its parity block is the block. */
static void shape(uint64_t len, struct parity_head *h)
{
    parity_shape(len, h);
    if (len > COPY_MAX)
        return;
    h->data = h->parity = 1;
    h->stripes = parity_blocks(h);
}

struct bytes {
    const uint8_t *p;
    size_t len;
};

static int read_bytes(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    const struct bytes *b = arg;
    if (off > b->len || len > b->len - off)
        return err_set(e, ERR_DAMAGED, "an object of %zu bytes ends too early", b->len);
    memcpy(p, b->p + off, len);
    return 0;
}

int object_parity_of(struct vault *v, const void *p, size_t len, struct buf *out, struct err *e)
{
    struct parity_head h;
    struct bytes b = {p, len};
    if (len == 0 || len > PARITY_PACK_MAX)
        return 0;
    memcpy(h.vault, v->info.id, UID_BYTES);
    hash_bytes(p, len, h.pack);
    shape(len, &h);
    return parity_encode(&h, read_bytes, &b, out, e);
}

static int replace(struct store *s, const char *name, const struct buf *b, struct err *e)
{
    struct store_writer *w = NULL;
    if (store_create(s, &w, e))
        return -1;
    if (store_write(w, 0, b->data, b->len, e)) {
        store_writer_abort(w);
        return -1;
    }
    return store_writer_replace(w, name, e);
}

static bool is_missing(struct vault *v, const char *name)
{
    struct store_reader *r = NULL;
    struct err why = ERR_INIT;
    if (store_open(v->store, name, &r, &why) == 0)
        store_reader_close(r);
    return why.cls == ERR_NOT_FOUND;
}

bool object_has_parity(struct vault *v, const char *object)
{
    char name[PARITY_OF_BYTES];
    object_parity_name(object, name);
    return !is_missing(v, name);
}

/* In this order: whoever removes it takes parity first. */
bool object_was_lost(struct vault *v, const char *object)
{
    return is_missing(v, object) && object_has_parity(v, object);
}

int object_parity_put(struct vault *v, const char *object, const void *p, size_t len,
                      struct err *e)
{
    CLEANUP(object_buf_done) struct buf b = {.max = PARITY_OBJECT_MAX};
    char name[PARITY_OF_BYTES];
    struct err why = ERR_INIT;
    object_parity_name(object, name);
    if (v->filling || v->far)
        return 0;
    if (object_parity_of(v, p, len, &b, e))
        return -1;
    if (!b.len)
        return 0;
    int rc = store_put(v->store, name, b.data, b.len, &why);
    if (rc && why.cls == ERR_EXISTS) /* of an object that had the name before */
        rc = replace(v->store, name, &b, &why);
    if (rc)
        (void)err_give(e, &why);
    if (is_missing(v, object)) /* Q3 */
        object_parity_remove_again(v, object);
    return rc;
}

/* ---- removing -------------------------------------------------------------------------- */

int object_parity_sync(struct vault *v, const char *dir, struct err *e)
{
    char parity[PARITY_OF_BYTES];
    struct err why = ERR_INIT;
    (void)snprintf(parity, sizeof parity, "parity/%s", *dir ? dir : "top");
    if (store_sync(v->store, parity, &why) == 0 || why.cls == ERR_NOT_FOUND)
        return 0;
    return err_give(e, &why);
}

void object_parity_remove_again(struct vault *v, const char *object)
{
    char name[PARITY_OF_BYTES];
    object_parity_name(object, name);
    (void)!store_remove(v->store, name, NULL);
}

/* Synced also if it was gone: an earlier removal may have stopped short of that. */
int object_parity_remove(struct vault *v, const char *object, struct err *e)
{
    char name[PARITY_OF_BYTES], dir[PARITY_OF_BYTES];
    struct err why = ERR_INIT;
    object_parity_name(object, name);
    object_directory(object, dir);
    if (store_remove(v->store, name, &why) && why.cls != ERR_NOT_FOUND)
        return err_give(e, &why);
    return object_parity_sync(v, dir, e);
}

/* ---- mending --------------------------------------------------------------------------- */

bool object_may_be_replaced(const struct buf *damaged, const struct buf *whole)
{
    const uint8_t *d = damaged->data, *w = whole->data;
    if (damaged->len < OBJECT_HEAD_BYTES || whole->len < OBJECT_HEAD_BYTES ||
        memcmp(d, w, 8) != 0 || get_u32(d + 8) <= get_u32(w + 8))
        return true;
    /* What is signed or hashed with another version differs in more than that. */
    return damaged->len == whole->len &&
           memcmp(d + OBJECT_HEAD_BYTES, w + OBJECT_HEAD_BYTES, whole->len - OBJECT_HEAD_BYTES) == 0;
}

static int mend_by(const struct buf *parity, const struct buf *damaged, struct buf *whole,
                   struct parity_head *h, struct err *why)
{
    uint8_t hash[HASH_BYTES];
    uint32_t blocks;
    if (parity_head_decode(parity->data, parity->len, h, why))
        return 0;
    size_t len = (size_t)h->pack_len, have = damaged->len < len ? damaged->len : len;
    uint8_t *to = buf_reserve(whole, len);
    if (!to)
        return err_no_memory(why, "an object");
    if (have)
        memcpy(to, damaged->data, have);
    memset(to + have, 0, len - have);
    buf_added(whole, len);
    if (parity_mend(parity->data, parity->len, to, &blocks, why))
        return why->cls == ERR_NO_MEMORY ? -1 : 0;
    hash_bytes(whole->data, whole->len, hash);
    if (memcmp(hash, h->pack, HASH_BYTES) != 0)
        return err_set(why, ERR_DAMAGED, "its parity leads to something else"), 0;
    return 1;
}

int object_mend(struct store *s, const char *object, const struct buf *damaged,
                struct buf *whole, struct parity_head *head_out, struct err *why)
{
    CLEANUP(object_buf_done) struct buf parity = {.max = PARITY_OBJECT_MAX};
    char name[PARITY_OF_BYTES];
    size_t before = whole->len;
    object_parity_name(object, name);
    if (object_salvage(s, name, PARITY_OBJECT_MAX - 1, &parity, why))
        return why->cls == ERR_NO_MEMORY ? -1 : 0;
    int rc = mend_by(&parity, damaged, whole, head_out, why);
    if (rc <= 0)
        whole->len = before;
    return rc;
}
