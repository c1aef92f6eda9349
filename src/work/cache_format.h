/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's cache file. Private to this machine, not part of the vault's
 * format; anything unexpected makes it an empty cache.
 *
 * Head: "abri.CCH" ‖ u32 version ‖ key[32] ‖ u64 files ‖ u64 bytes ‖ u64 check.
 * Then blocks: u8 type ‖ 3 zero ‖ u32 length ‖ u64 check ‖ payload. A check is
 * the first eight bytes of BLAKE3 over all that it follows in head or over the
 * payload. Entries block: owners ‖ varint n ‖ n × (varint inode ‖ zigzag ctime
 * seconds ‖ varint ctime nanoseconds ‖ varint offset of the first items block,
 * 0: none ‖ varint number of items ‖ entry as in docs/format/tree.md). Items
 * block: raw items of ITEM_RAW_BYTES, standing before the entries block that
 * refers to them.
 */
#ifndef ABRI_WORK_CACHE_FORMAT_H
#define ABRI_WORK_CACHE_FORMAT_H

#define CACHE_MAGIC "abri.CCH"
#define CACHE_VERSION 1
#define CACHE_HEAD_BYTES (8 + 4 + 32 + 8 + 8 + 8)
#define CACHE_BLOCK_HEAD_BYTES 16
#define CACHE_BLOCK_BYTES ((size_t)64 << 10) /* entries blocks end behind this */
#define CACHE_BLOCK_MAX ((size_t)16 << 20)
#define CACHE_ENTRIES 1
#define CACHE_ITEMS 2
#define ITEM_RAW_BYTES (1 + 4 + 8 + 32)
#define CACHE_ITEMS_PER_BLOCK 1024

#endif
