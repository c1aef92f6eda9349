/* SPDX-License-Identifier: Apache-2.0 */
/* Index runs as bytes. Pure; a run that does not verify is simply not used. */
#include "vault/index_format.h"

#include "vault/object_head.h"
#include "vault/pack_format.h"

#include <string.h>

static const char index_magic[8] = "abri.IX2";

uint64_t index_blocks_at(uint32_t pack_count)
{
    uint64_t len = INDEX_HEADER_FIXED + (uint64_t)pack_count * INDEX_PACK_BYTES + HASH_BYTES;
    return (len + INDEX_BLOCK_BYTES - 1) / INDEX_BLOCK_BYTES * INDEX_BLOCK_BYTES;
}

static void lay_out(struct index_header *h)
{
    h->block_count = (h->entry_count + INDEX_BLOCK_ENTRIES - 1) / INDEX_BLOCK_ENTRIES;
    h->blocks_at = index_blocks_at(h->pack_count);
    h->fences_at = h->blocks_at + h->block_count * INDEX_BLOCK_BYTES;
    h->total_len = h->fences_at + h->block_count * 8;
}

void index_header_encode(struct buf *out, const struct index_header *h, const uint8_t *packs)
{
    size_t begin = out->len;
    size_t total = (size_t)index_blocks_at(h->pack_count);
    uint8_t *room = buf_reserve(out, total);
    if (!room)
        return;
    memset(room, 0, total);
    object_head_put(out, index_magic);
    buf_put_u32(out, h->pack_count);
    buf_put_u64(out, h->entry_count);
    buf_put(out, h->vault, UID_BYTES);
    buf_put(out, h->fence_hash, HASH_BYTES);
    buf_put(out, packs, (size_t)h->pack_count * INDEX_PACK_BYTES);
    uint8_t hash[HASH_BYTES];
    hash_bytes(out->data + begin, out->len - begin, hash);
    buf_put(out, hash, HASH_BYTES);
    out->len = begin + total;
}

static int check_packs(const struct index_header *h, struct err *e)
{
    for (uint32_t i = 0; i < h->pack_count; i++) {
        const uint8_t *p = h->packs + (size_t)i * INDEX_PACK_BYTES;
        if ((p[52] != FRAME_DATA && p[52] != FRAME_META) || get_u32(p + 48) > PACK_FRAMES_MAX)
            return err_set(e, ERR_DAMAGED, "index: impossible pack");
    }
    return 0;
}

int index_header_decode(const uint8_t *p, size_t len, uint64_t total_len, struct index_header *out,
                        struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct index_header h = {0};
    if (object_head_check(&c, index_magic, "an index", e))
        return -1;
    h.pack_count = cursor_u32(&c);
    h.entry_count = cursor_u64(&c);
    cursor_copy(&c, h.vault, UID_BYTES);
    cursor_copy(&c, h.fence_hash, HASH_BYTES);
    h.packs = cursor_bytes(&c, (size_t)h.pack_count * INDEX_PACK_BYTES);
    const uint8_t *hash = cursor_bytes(&c, HASH_BYTES);
    if (cursor_check(&c, false, "index header", e))
        return -1;
    uint8_t again[HASH_BYTES];
    hash_bytes(p, (size_t)(hash - p), again);
    if (memcmp(hash, again, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "index header: hash does not match");
    if (h.entry_count > INDEX_ENTRIES_MAX)
        return err_set(e, ERR_DAMAGED, "index header: impossible count");
    lay_out(&h);
    if (h.total_len != total_len)
        return err_set(e, ERR_DAMAGED, "index: not as long as its header says");
    if (check_packs(&h, e))
        return -1;
    *out = h;
    return 0;
}

void index_pack_encode(const struct index_pack *p, uint8_t out[static INDEX_PACK_BYTES])
{
    memcpy(out, p->id, ID_BYTES);
    memcpy(out + 32, p->writer, UID_BYTES);
    put_u32(out + 48, p->frame_count);
    put_u32(out + 52, (uint32_t)p->kind | (p->moved_in ? 0x100u : 0));
}

void index_pack_decode(const uint8_t in[static INDEX_PACK_BYTES], struct index_pack *out)
{
    memcpy(out->id, in, ID_BYTES);
    memcpy(out->writer, in + 32, UID_BYTES);
    out->frame_count = get_u32(in + 48);
    out->kind = (enum frame_kind)in[52];
    out->moved_in = in[53] & 1;
}

#define RESTS      (INDEX_BLOCK_ENTRIES * 8u)
#define REST_BYTES (INDEX_ENTRY_BYTES - 8u)

void index_block_put(uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i,
                     const struct index_entry *n)
{
    uint8_t *rest = block + RESTS + (size_t)i * REST_BYTES;
    memcpy(block + (size_t)i * 8, n->id, 8);
    memcpy(rest, n->id + 8, ID_BYTES - 8);
    put_u32(rest + 24, n->pack);
    put_u32(rest + 28, n->frame);
    put_u32(rest + 32, n->offset);
    put_u32(rest + 36, n->len);
}

void index_block_get(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i,
                     struct index_entry *out)
{
    const uint8_t *rest = block + RESTS + (size_t)i * REST_BYTES;
    memcpy(out->id, block + (size_t)i * 8, 8);
    memcpy(out->id + 8, rest, ID_BYTES - 8);
    out->pack = get_u32(rest + 24);
    out->frame = get_u32(rest + 28);
    out->offset = get_u32(rest + 32);
    out->len = get_u32(rest + 36);
}

int index_block_compare(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i,
                        const uint8_t id[static ID_BYTES])
{
    return memcmp(block + RESTS + (size_t)i * REST_BYTES, id + 8, ID_BYTES - 8);
}

#define BLOCK_NUMBER (INDEX_BLOCK_BYTES - 16)
#define BLOCK_COUNT  (INDEX_BLOCK_BYTES - 12)
#define BLOCK_HASH   (INDEX_BLOCK_BYTES - 8)

void index_block_seal(uint8_t block[static INDEX_BLOCK_BYTES], uint32_t number, uint32_t count)
{
    uint32_t unused = INDEX_BLOCK_ENTRIES - count;
    memset(block + (size_t)count * 8, 0, (size_t)unused * 8);
    memset(block + RESTS + (size_t)count * REST_BYTES, 0, (size_t)unused * REST_BYTES);
    put_u32(block + BLOCK_NUMBER, number);
    put_u32(block + BLOCK_COUNT, count);
    uint8_t hash[HASH_BYTES];
    hash_bytes(block, BLOCK_HASH, hash);
    memcpy(block + BLOCK_HASH, hash, 8);
}

bool index_block_is_intact(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t number,
                           uint32_t count)
{
    uint8_t hash[HASH_BYTES];
    hash_bytes(block, BLOCK_HASH, hash);
    return memcmp(hash, block + BLOCK_HASH, 8) == 0 && get_u32(block + BLOCK_NUMBER) == number &&
           get_u32(block + BLOCK_COUNT) == count;
}
