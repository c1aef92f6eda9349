/* SPDX-License-Identifier: Apache-2.0 */
/* Index runs. Checksums are put right first: what is wanted is what a forger,
 * not a bit flip, could do. */
#include "base/mem.h"
#include "fuzz.h"
#include "vault/index_run.h"

#include <stdlib.h>
#include <string.h>

static void put_right(uint8_t *p, size_t len)
{
    if (len < INDEX_HEADER_FIXED + HASH_BYTES)
        return;
    uint32_t packs = get_u32(p + 12) % 8;
    uint64_t entries = get_u64(p + 16) % 600;
    put_u32(p + 12, packs);
    put_u64(p + 16, entries);
    uint64_t blocks = (entries + INDEX_BLOCK_ENTRIES - 1) / INDEX_BLOCK_ENTRIES;
    uint64_t blocks_at = index_blocks_at(packs);
    uint64_t fences_at = blocks_at + blocks * INDEX_BLOCK_BYTES;
    if (fences_at + blocks * 8 > len)
        return;
    memset(p + 24, 0, UID_BYTES);
    for (uint64_t b = 0; b < blocks; b++) {
        uint64_t rest = entries - b * INDEX_BLOCK_ENTRIES;
        index_block_seal(p + blocks_at + b * INDEX_BLOCK_BYTES, (uint32_t)b,
                         rest < INDEX_BLOCK_ENTRIES ? (uint32_t)rest : INDEX_BLOCK_ENTRIES);
    }
    hash_bytes(p + fences_at, (size_t)blocks * 8, p + 40);
    size_t covered = INDEX_HEADER_FIXED + (size_t)packs * INDEX_PACK_BYTES;
    hash_bytes(p, covered, p + covered);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const uint8_t vault[UID_BYTES];
    struct index_run *r = NULL;
    uint8_t *image = mem_dup(p, len);
    if (!image)
        return 0;
    put_right(image, len);
    if (index_run_of_image(image, len, vault, &r, NULL))
        return 0;
    for (uint32_t i = 0; i < r->h.pack_count; i++) {
        struct index_pack said;
        index_run_pack(r, i, &said);
    }
    for (uint64_t i = 0; i < r->h.entry_count; i += 7) {
        struct index_entry n;
        if (!index_run_entry(r, i, &n))
            continue;
        int64_t at = index_run_seek(r, n.id);
        if (at > (int64_t)r->h.entry_count)
            abort();
        n.id[5] ^= 1;
        (void)index_run_seek(r, n.id);
    }
    index_run_close(r);
    return 0;
}
