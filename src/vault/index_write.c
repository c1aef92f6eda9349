/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a run. Blocks are collected and put out many at a time; fences are
 * kept (eight bytes per 85 entries) and follow the blocks; the header, which
 * needs the count and the fences' hash, comes last but lies first.
 */
#include "vault/index_write.h"

#include "base/mem.h"

#include <string.h>

#define COLLECT_BLOCKS 64u

static int put_at(struct index_writer *w, uint64_t off, const void *p, size_t len, struct err *e)
{
    if (w->object)
        return store_write(w->object, off, p, len, e);
    if (off > w->image_len || len > w->image_len - off)
        return err_set(e, ERR_LIMIT, "index: more entries than announced");
    if (len)
        memcpy(w->image + off, p, len);
    return 0;
}

int index_write_begin(struct index_writer *w, struct store *s, const uint8_t vault[UID_BYTES],
                      const struct index_pack *packs, uint32_t pack_count, uint64_t entries_max,
                      struct err *e)
{
    *w = (struct index_writer){.packs = packs, .pack_count = pack_count};
    memcpy(w->vault, vault, UID_BYTES);
    uint64_t blocks = (entries_max + INDEX_BLOCK_ENTRIES - 1) / INDEX_BLOCK_ENTRIES;
    w->fences.max = (size_t)blocks * 16 + 4096;
    w->blocks = mem_zalloc((size_t)COLLECT_BLOCKS * INDEX_BLOCK_BYTES);
    if (!w->blocks)
        return err_no_memory(e, "the index");
    if (s)
        return store_create(s, &w->object, e);
    w->image_len = index_blocks_at(pack_count) + blocks * (INDEX_BLOCK_BYTES + 8);
    w->image = mem_alloc((size_t)w->image_len);
    return w->image ? 0 : err_no_memory(e, "the index");
}

static int put_blocks(struct index_writer *w, struct err *e)
{
    uint64_t off = index_blocks_at(w->pack_count) + w->blocks_done * INDEX_BLOCK_BYTES;
    if (put_at(w, off, w->blocks, (size_t)w->block_fill * INDEX_BLOCK_BYTES, e))
        return -1;
    w->blocks_done += w->block_fill;
    w->block_fill = 0;
    return 0;
}

static int end_block(struct index_writer *w, struct err *e)
{
    uint8_t *block = w->blocks + (size_t)w->block_fill * INDEX_BLOCK_BYTES;
    index_block_seal(block, (uint32_t)(w->blocks_done + w->block_fill), w->entry_fill);
    buf_put_u64(&w->fences, index_fence(block));
    w->entry_fill = 0;
    w->block_fill++;
    return w->block_fill == COLLECT_BLOCKS ? put_blocks(w, e) : 0;
}

int index_write_entry(struct index_writer *w, const struct index_entry *n, struct err *e)
{
    uint8_t *block = w->blocks + (size_t)w->block_fill * INDEX_BLOCK_BYTES;
    index_block_put(block, w->entry_fill, n);
    w->entry_count++;
    if (++w->entry_fill < INDEX_BLOCK_ENTRIES)
        return 0;
    return end_block(w, e);
}

static int put_header(struct index_writer *w, struct err *e)
{
    struct index_header h = {.pack_count = w->pack_count, .entry_count = w->entry_count};
    memcpy(h.vault, w->vault, UID_BYTES);
    hash_bytes(w->fences.data, w->fences.len, h.fence_hash);
    CLEANUP_FREE uint8_t *packs = mem_array(w->pack_count, INDEX_PACK_BYTES);
    if (!packs)
        return err_no_memory(e, "the index");
    for (uint32_t i = 0; i < w->pack_count; i++)
        index_pack_encode(&w->packs[i], packs + (size_t)i * INDEX_PACK_BYTES);
    CLEANUP(buf_done) struct buf header = {.max = (size_t)index_blocks_at(w->pack_count) * 2};
    index_header_encode(&header, &h, packs);
    if (buf_check(&header, "index", e))
        return -1;
    return put_at(w, 0, header.data, header.len, e);
}

static int finish(struct index_writer *w, uint64_t *len_out, struct err *e)
{
    if (w->entry_fill && end_block(w, e))
        return -1;
    if (put_blocks(w, e) || buf_check(&w->fences, "index", e))
        return -1;
    uint64_t fences_at = index_blocks_at(w->pack_count) + w->blocks_done * INDEX_BLOCK_BYTES;
    if (put_at(w, fences_at, w->fences.data, w->fences.len, e) || put_header(w, e))
        return -1;
    *len_out = fences_at + w->fences.len;
    return 0;
}

int index_write_image(struct index_writer *w, uint8_t **out, uint64_t *len_out, struct err *e)
{
    if (finish(w, len_out, e))
        return -1;
    *out = TAKE(w->image);
    return 0;
}

int index_write_object(struct index_writer *w, const char *name, struct err *e)
{
    uint64_t len;
    if (finish(w, &len, e))
        return -1;
    struct store_writer *object = TAKE(w->object);
    return store_writer_commit(object, name, e);
}

void index_write_done(struct index_writer *w)
{
    store_writer_abort(w->object);
    mem_free(w->image);
    mem_free(w->blocks);
    buf_done(&w->fences);
}
