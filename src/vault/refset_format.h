/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets as bytes (docs/format/vault.md, R). Pure. */
#ifndef ABRI_VAULT_REFSET_FORMAT_H
#define ABRI_VAULT_REFSET_FORMAT_H

#include "base/bytes.h"
#include "vault/vault.h"

/* All bitmaps of a decoded set together: more than two thousand million frames
 * are refused, so that a short forged set cannot claim all memory. */
#define REFSET_BITMAP_BYTES_MAX ((uint64_t)256 << 20)

static inline bool refset_bit(const uint8_t *bits, uint32_t frame)
{
    return bits[frame / 8] >> (frame % 8) & 1;
}
static inline void refset_bit_set(uint8_t *bits, uint32_t frame)
{
    bits[frame / 8] |= (uint8_t)(1u << (frame % 8));
}

/* `packs` ascend by id and each has a bit set. */
void refset_encode(struct buf *out, const struct refset_pack *packs, size_t count);
MUST_CHECK int refset_decode(const uint8_t *p, size_t len, struct refset *out, struct err *e);

#endif
