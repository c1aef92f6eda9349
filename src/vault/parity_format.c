/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parity as bytes: its shape, encoding, and decoding of its head. Mending is in
 * parity_mend.c.
 *
 * H1 Memory for encoding is bounded: one window over all blocks of a few stripes.
 */
#include "vault/parity_format.h"

#include "base/mem.h"
#include "vault/object_head.h"
#include "vault/parity_code.h"

#include <string.h>

#define WINDOW_STRIPES 4u

static const char magic[8] = "abri.PAR";

void parity_shape(uint64_t pack_len, struct parity_head *h)
{
    h->pack_len = pack_len;
    h->block = pack_len < PARITY_BLOCK_BYTES ? (uint32_t)pack_len : PARITY_BLOCK_BYTES;
    uint32_t blocks = parity_blocks(h);
    uint32_t stripes = (blocks + PARITY_DATA_MAX - 1) / PARITY_DATA_MAX;
    h->data = (blocks + stripes - 1) / stripes; /* evenly: no stripe is half empty */
    h->parity = (h->data + 31) / 32;
    h->stripes = (blocks + h->data - 1) / h->data;
}

uint32_t parity_blocks(const struct parity_head *h)
{
    return (uint32_t)((h->pack_len + h->block - 1) / h->block);
}

size_t parity_words_len(const struct parity_head *h)
{
    return 4 * ((size_t)parity_blocks(h) + (size_t)h->parity * h->stripes);
}

size_t parity_object_len(const struct parity_head *h)
{
    return PARITY_HEAD_BYTES + parity_words_len(h) +
           (size_t)h->parity * h->stripes * h->block + HASH_BYTES;
}

static void encode_head(const struct parity_head *h, uint8_t out[PARITY_HEAD_BYTES])
{
    object_head_encode(out, magic);
    memcpy(out + 12, h->vault, UID_BYTES);
    memcpy(out + 28, h->pack, ID_BYTES);
    put_u64(out + 60, h->pack_len);
    put_u32(out + 68, h->block);
    put_u16(out + 72, (uint16_t)h->data);
    put_u16(out + 74, (uint16_t)h->parity);
    put_u32(out + 76, h->stripes);
    put_u32(out + 80, parity_word(out, 80));
}

/* ---- encoding -------------------------------------------------------------------------- */

struct encoder {
    const struct parity_head *h;
    const struct parity_code *code;
    parity_read *read;
    void *arg;
    uint8_t *window; /* data shards, then parity shards, `span` bytes each */
    uint8_t *object;
};

/* Blocks [stripe, stripe + count) of one data shard, zeros behind the pack's end. */
static int read_shard(struct encoder *n, uint32_t shard, uint32_t stripe, uint32_t count,
                      uint8_t *to, struct err *e)
{
    uint64_t off = ((uint64_t)shard * n->h->stripes + stripe) * n->h->block;
    size_t want = (size_t)count * n->h->block;
    size_t have = off >= n->h->pack_len         ? 0
                  : n->h->pack_len - off < want ? (size_t)(n->h->pack_len - off)
                                                : want;
    memset(to + have, 0, want - have);
    return have ? n->read(n->arg, off, to, have, e) : 0;
}

static void put_words(struct encoder *n, uint32_t shard, uint32_t stripe, uint32_t count,
                      const uint8_t *bytes)
{
    const struct parity_head *h = n->h;
    uint32_t blocks = parity_blocks(h);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = shard < h->data ? (uint64_t)shard * h->stripes + stripe + i
                                      : blocks + (uint64_t)(shard - h->data) * h->stripes + stripe + i;
        if (shard < h->data && at >= blocks)
            return;
        put_u32(n->object + PARITY_HEAD_BYTES + 4 * at,
                parity_word(bytes + (size_t)i * h->block, h->block));
    }
}

static int encode_window(struct encoder *n, uint32_t stripe, uint32_t count, struct err *e)
{
    const struct parity_head *h = n->h;
    uint8_t *shards[PARITY_DATA_MAX + PARITY_ROWS_MAX];
    size_t span = (size_t)count * h->block;
    uint8_t *parity = n->object + PARITY_HEAD_BYTES + parity_words_len(h);
    for (uint32_t i = 0; i < h->data + h->parity; i++)
        shards[i] = n->window + i * span;
    for (uint32_t i = 0; i < h->data; i++) {
        if (read_shard(n, i, stripe, count, shards[i], e))
            return -1;
        put_words(n, i, stripe, count, shards[i]);
    }
    parity_code_run(n->code, (int)span, shards, shards + h->data);
    for (uint32_t r = 0; r < h->parity; r++) {
        put_words(n, h->data + r, stripe, count, shards[h->data + r]);
        memcpy(parity + ((size_t)r * h->stripes + stripe) * h->block, shards[h->data + r], span);
    }
    return 0;
}

static int encode_all(struct encoder *n, struct err *e)
{
    for (uint32_t s = 0; s < n->h->stripes; s += WINDOW_STRIPES) {
        uint32_t left = n->h->stripes - s;
        if (encode_window(n, s, left < WINDOW_STRIPES ? left : WINDOW_STRIPES, e))
            return -1;
    }
    return 0;
}

int parity_encode(const struct parity_head *h, parity_read *read, void *arg, struct buf *out,
                  struct err *e)
{
    size_t len = parity_object_len(h);
    struct encoder n = {.h = h, .read = read, .arg = arg};
    CLEANUP_FREE uint8_t *window = mem_array((size_t)(h->data + h->parity) * WINDOW_STRIPES, h->block);
    CLEANUP_FREE struct parity_code *code = parity_code_new(h->data, h->parity);
    n.object = buf_reserve(out, len);
    if (!window || !code || !n.object)
        return err_no_memory(e, "parity");
    n.window = window;
    n.code = code;
    encode_head(h, n.object);
    int rc = encode_all(&n, e);
    /* It may have been the keeper's key. */
    explicit_bzero(window, (size_t)(h->data + h->parity) * WINDOW_STRIPES * h->block);
    if (rc)
        return -1;
    hash_bytes(n.object, len - HASH_BYTES, n.object + len - HASH_BYTES);
    buf_added(out, len);
    return 0;
}

/* ---- decoding -------------------------------------------------------------------------- */

static bool shape_is_possible(const struct parity_head *h)
{
    if (h->pack_len == 0 || h->pack_len > PARITY_PACK_MAX)
        return false;
    uint32_t block = h->pack_len < PARITY_BLOCK_BYTES ? (uint32_t)h->pack_len : PARITY_BLOCK_BYTES;
    if (h->block != block || h->data == 0 || h->data > PARITY_DATA_MAX || h->parity == 0 ||
        h->parity > PARITY_ROWS_MAX || h->data > parity_blocks(h) ||
        h->stripes != (parity_blocks(h) + h->data - 1) / h->data)
        return false;
    return parity_object_len(h) <= PARITY_OBJECT_MAX;
}

int parity_head_decode(const uint8_t *p, size_t len, struct parity_head *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct parity_head h;
    if (object_head_check(&c, magic, "parity", e))
        return -1;
    cursor_copy(&c, h.vault, UID_BYTES);
    cursor_copy(&c, h.pack, ID_BYTES);
    h.pack_len = cursor_u64(&c);
    h.block = cursor_u32(&c);
    h.data = cursor_u16(&c);
    h.parity = cursor_u16(&c);
    h.stripes = cursor_u32(&c);
    uint32_t word = cursor_u32(&c);
    if (cursor_check(&c, false, "parity", e))
        return -1;
    if (word != parity_word(p, PARITY_HEAD_BYTES - 4))
        return err_set(e, ERR_DAMAGED, "parity: its head is damaged");
    if (!shape_is_possible(&h))
        return err_set(e, ERR_DAMAGED, "parity: impossible values");
    *out = h;
    return 0;
}

int parity_verify(const uint8_t *p, size_t len, struct parity_head *out, struct err *e)
{
    struct parity_head h;
    uint8_t hash[HASH_BYTES];
    if (parity_head_decode(p, len, &h, e))
        return -1;
    if (len != parity_object_len(&h))
        return err_set(e, ERR_DAMAGED, "parity: %zu bytes instead of %zu", len,
                       parity_object_len(&h));
    hash_bytes(p, len - HASH_BYTES, hash);
    if (memcmp(hash, p + len - HASH_BYTES, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "parity: its hash does not match");
    *out = h;
    return 0;
}

/* ---- names ------------------------------------------------------------------------------- */

void parity_name(const uint8_t id[static ID_BYTES], char out[static PARITY_NAME_BYTES])
{
    fanned_name(PARITY_DIR, id, out);
}

bool parity_name_decode(const char *name, uint8_t id_out[static ID_BYTES])
{
    return fanned_name_decode(PARITY_DIR, name, id_out);
}
