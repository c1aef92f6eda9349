/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: open, verify, look up. Knows nothing of other runs or of packs.
 *
 * R1 No byte of a block is believed before the block's checksum matched.
 * R2 The fences and the table of packs are verified when the run is opened.
 * R3 A look-up touches the fences near the place where a uniformly random id
 *    must lie, then one block; hostile ids make it a binary search, no worse.
 */
#include "vault/index_run.h"

#include "base/mem.h"

#include <string.h>

void index_run_close(struct index_run *r)
{
    if (!r)
        return;
    store_reader_close(r->reader);
    mem_free(r->memory);
    mem_free((void *)r->intact);
    mem_free(r->map);
    mem_free(r);
}

static int adopt(struct index_run *r, uint64_t len, const uint8_t *vault, struct err *e)
{
    if (index_header_decode(r->base, (size_t)len, len, &r->h, e))
        return -1;
    if (memcmp(r->h.vault, vault, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "index of another vault");
    uint8_t hash[HASH_BYTES];
    hash_bytes(r->base + r->h.fences_at, (size_t)r->h.block_count * 8, hash);
    if (memcmp(hash, r->h.fence_hash, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "index: fences damaged");
    r->intact = mem_array((size_t)r->h.block_count / 64 + 1, sizeof *r->intact);
    r->map = mem_array(r->h.pack_count, sizeof *r->map);
    if (!r->intact || !r->map)
        return err_no_memory(e, "the index");
    memset(r->map, 0xff, (size_t)r->h.pack_count * sizeof *r->map);
    return 0;
}

/* Stores without mappings: the whole run in memory. */
static int read_whole(struct index_run *r, uint64_t len, struct err *e)
{
    r->memory = mem_alloc((size_t)len);
    if (!r->memory)
        return err_no_memory(e, "the index");
    r->base = r->memory;
    return store_read(r->reader, 0, r->memory, (size_t)len, e);
}

int index_run_open(struct store *s, const char *name, const uint8_t vault[UID_BYTES],
                   struct index_run **out, struct err *e)
{
    if (strlen(name) >= INDEX_NAME_BYTES)
        return err_set(e, ERR_DAMAGED, "index: not a name of ours");
    struct index_run *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "the index");
    memcpy(r->name, name, strlen(name) + 1);
    if (store_open(s, name, &r->reader, e))
        goto fail;
    uint64_t len = store_reader_len(r->reader);
    r->base = store_reader_map(r->reader);
    if (!r->base && read_whole(r, len, e))
        goto fail;
    if (adopt(r, len, vault, e))
        goto fail;
    *out = r;
    return 0;
fail:
    index_run_close(r);
    return err_wrap(e, "%s", name);
}

int index_run_of_image(uint8_t *image, uint64_t len, const uint8_t vault[UID_BYTES],
                       struct index_run **out, struct err *e)
{
    struct index_run *r = mem_zalloc(sizeof *r);
    if (!r) {
        mem_free(image);
        return err_no_memory(e, "the index");
    }
    r->memory = image;
    r->base = image;
    if (adopt(r, len, vault, e)) {
        index_run_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void index_run_pack(const struct index_run *r, uint32_t i, struct index_pack *out)
{
    index_pack_decode(r->h.packs + (size_t)i * INDEX_PACK_BYTES, out);
}

static uint64_t fence_at(const struct index_run *r, uint64_t block)
{
    return get_u64(r->base + r->h.fences_at + block * 8);
}

static uint32_t entries_in(const struct index_run *r, uint64_t block)
{
    uint64_t rest = r->h.entry_count - block * INDEX_BLOCK_ENTRIES;
    return rest < INDEX_BLOCK_ENTRIES ? (uint32_t)rest : INDEX_BLOCK_ENTRIES;
}

/* The block's bytes, verified at first touch; two threads may both do it. */
static const uint8_t *block_at(const struct index_run *r, uint64_t block)
{
    const uint8_t *p = r->base + r->h.blocks_at + block * INDEX_BLOCK_BYTES;
    _Atomic uint64_t *word = &r->intact[block / 64];
    uint64_t bit = UINT64_C(1) << (block % 64);
    if (atomic_load_explicit(word, memory_order_relaxed) & bit)
        return p;
    if (!index_block_is_intact(p, (uint32_t)block, entries_in(r, block)))
        return NULL;
    atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    return p;
}

bool index_run_entry(const struct index_run *r, uint64_t position, struct index_entry *out)
{
    const uint8_t *block = block_at(r, position / INDEX_BLOCK_ENTRIES);
    if (block)
        index_block_get(block, (uint32_t)(position % INDEX_BLOCK_ENTRIES), out);
    return block != NULL;
}

/* The first block whose fence is not below `key`: a guess from the key's
 * place in a uniform distribution, doubling steps away from it, bisection. */
static uint64_t first_fence_at(const struct index_run *r, uint64_t key)
{
    uint64_t n = r->h.block_count;
    uint64_t low = 0, high = n; /* fence[low − 1] < key <= fence[high] */
    uint64_t guess = ((key >> 32) * n) >> 32;
    if (fence_at(r, guess) < key) {
        low = guess + 1;
        for (uint64_t step = 1; low + step < n; step *= 2) {
            if (fence_at(r, low + step) >= key) {
                high = low + step;
                break;
            }
            low += step + 1;
        }
    } else {
        high = guess;
        for (uint64_t step = 1; step <= high; step *= 2) {
            if (fence_at(r, high - step) < key) {
                low = high - step + 1;
                break;
            }
            high -= step;
        }
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (fence_at(r, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where in the block, by its place between this fence and the next, an id of
 * `key` should lie. */
static uint32_t guess_in(const struct index_run *r, uint64_t block, uint32_t count, uint64_t key)
{
    uint64_t first = fence_at(r, block);
    uint64_t next = block + 1 < r->h.block_count ? fence_at(r, block + 1) : UINT64_MAX;
    if (key <= first)
        return 0;
    if (key >= next)
        return count - 1;
    uint64_t step = (next - first) / count;
    uint64_t guess = step ? (key - first) / step : 0;
    return guess < count ? (uint32_t)guess : count - 1;
}

/* The first of `count` entries that is not below `id`, from a guess on. */
static uint32_t lower_bound(const uint8_t *block, uint32_t count, uint32_t guess, const uint8_t *id,
                            uint64_t key)
{
    uint32_t i = guess;
    while (i > 0 && index_block_fence(block, i - 1) >= key)
        i--;
    while (i < count && index_block_fence(block, i) < key)
        i++;
    while (i < count && index_block_fence(block, i) == key && index_block_compare(block, i, id) < 0)
        i++;
    return i;
}

/* Fences hold only eight bytes of the id. Among the blocks from `low` on whose
 * fence is `key`, the first that begins at `id` or behind it; -1 if damaged. */
static int64_t first_block_at(const struct index_run *r, uint64_t low, const uint8_t *id,
                              uint64_t key)
{
    uint64_t high = low;
    if (low < r->h.block_count && fence_at(r, low) == key)
        high = key == UINT64_MAX ? r->h.block_count : first_fence_at(r, key + 1);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const uint8_t *p = block_at(r, middle);
        if (!p)
            return -1;
        if (index_block_compare(p, 0, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (int64_t)low;
}

int64_t index_run_seek(const struct index_run *r, const uint8_t id[static ID_BYTES])
{
    if (!r->h.block_count)
        return 0;
    uint64_t key = index_fence(id);
    int64_t next = first_block_at(r, first_fence_at(r, key), id, key);
    if (next <= 0)
        return next;                     /* damaged, or the very first entry */
    uint64_t block = (uint64_t)next - 1; /* begins before `id` */
    uint32_t count = entries_in(r, block);
    const uint8_t *p = block_at(r, block);
    if (!p)
        return -1;
    return (int64_t)(block * INDEX_BLOCK_ENTRIES +
                     lower_bound(p, count, guess_in(r, block, count, key), id, key));
}
