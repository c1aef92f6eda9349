/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an index run, an immutable sorted table of frames in `index/`.
 * Private to this program; anybody may delete it, since footers say the same.
 *
 *   header   "abri.IX2" ‖ u32 version ‖ u32 packs ‖ u64 entries ‖ vault id[16]
 *            ‖ H(fences)[32] ‖ packs × (id[32] ‖ writer[16] ‖ u32 frames ‖ u8
 *            kind ‖ u8 1 if its footer names origins ‖ 2 zero) ‖ H(all before)[32], zeros up to 4096 × n
 *   blocks   4096 bytes each, of 85 entries (the last block may hold fewer, the
 *            rest zero): 85 × the first eight bytes of the id ‖ 85 × the rest of
 *            the entry[40] ‖ u32 number of the block ‖ u32 entries in it ‖ the
 *            first eight bytes of H(the 4088 before)
 *   fences   per block u64: the first eight bytes of its first id, read big-
 *            endian
 *
 * Entry: id[32] ‖ u32 pack, counting in the header's table ‖ u32 frame ‖ u32
 * offset ‖ u32 sealed length. Entries ascend by id; an id may repeat, once per
 * pack. The beginnings of the ids stand together so that a search within a
 * block touches two cache lines, not seven.
 */
#ifndef ABRI_VAULT_INDEX_FORMAT_H
#define ABRI_VAULT_INDEX_FORMAT_H

#include "base/bytes.h"
#include "vault/vault.h"

#define INDEX_ENTRY_BYTES   48u
#define INDEX_BLOCK_BYTES   4096u
#define INDEX_BLOCK_ENTRIES 85u
#define INDEX_PACK_BYTES    56u
#define INDEX_HEADER_FIXED  72u
#define INDEX_ENTRIES_MAX   ((uint64_t)UINT32_MAX * 16)

struct index_entry {
    uint8_t id[ID_BYTES];
    uint32_t pack, frame, offset, len;
};

struct index_pack {
    uint8_t id[ID_BYTES];
    uint8_t writer[UID_BYTES];
    uint32_t frame_count;
    enum frame_kind kind;
    bool moved_in; /* compaction wrote it: its footer names origins */
};

struct index_header {
    uint32_t pack_count;
    uint64_t entry_count;
    uint8_t vault[UID_BYTES];
    uint8_t fence_hash[HASH_BYTES];
    /* derived: where the parts lie, and how long the whole is */
    uint64_t block_count, blocks_at, fences_at, total_len;
    const uint8_t *packs; /* borrowed: pack_count × INDEX_PACK_BYTES */
};

uint64_t index_blocks_at(uint32_t pack_count);
/* Appends the header, padded; `packs` are encoded already. */
void index_header_encode(struct buf *out, const struct index_header *h, const uint8_t *packs);
/* `len` is what there is of the run's beginning, `total_len` its whole length,
 * which must be what the header says. */
MUST_CHECK int index_header_decode(const uint8_t *p, size_t len, uint64_t total_len,
                                   struct index_header *out, struct err *e);

void index_pack_encode(const struct index_pack *p, uint8_t out[static INDEX_PACK_BYTES]);
void index_pack_decode(const uint8_t in[static INDEX_PACK_BYTES], struct index_pack *out);

void index_block_put(uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i,
                     const struct index_entry *n);
void index_block_get(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i,
                     struct index_entry *out);
/* The rest of entry `i` compared with the rest of `id`: as memcmp. */
int index_block_compare(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i,
                        const uint8_t id[static ID_BYTES]);
/* Fills in the end of a block whose first `count` entries are in place. */
void index_block_seal(uint8_t block[static INDEX_BLOCK_BYTES], uint32_t number, uint32_t count);
bool index_block_is_intact(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t number,
                           uint32_t count);

/* What fences hold: the beginning of an id, as a number that sorts like it. */
static inline uint64_t index_fence(const uint8_t id[static 8])
{
    return __builtin_bswap64(get_u64(id));
}
static inline uint64_t index_block_fence(const uint8_t block[static INDEX_BLOCK_BYTES], uint32_t i)
{
    return index_fence(block + (size_t)i * 8);
}

#endif
