/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunk: where to cut content. FastCDC with normalised chunking, level 2 (Xia
 * et al., "FastCDC", USENIX ATC 2016): a 64-bit gear hash over a rolling window
 * of 64 bytes, a stricter mask before the average size and a laxer one behind
 * it, nothing looked at before the minimum. Scalar on purpose: one shift-add
 * per byte is faster than any published SIMD form (docs/decisions/0004).
 *
 * Pure: no state between calls, any thread.
 */
#ifndef ABRI_CHUNK_CHUNK_H
#define ABRI_CHUNK_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_GEAR_BYTES (256 * 8)

struct chunk_cutter {
    uint64_t gear[256];
    uint64_t mask_before, mask_after; /* until and from the average size */
    uint32_t min, avg, max;           /* bytes; avg a power of two */
};

/* `gear_bytes` are CHUNK_GEAR_BYTES bytes, secret to a vault, the same for all
 * its writers. Needs 64 ≤ min < avg < max; avg is rounded down to a power of two. */
void chunk_cutter_init(struct chunk_cutter *c, const uint8_t gear_bytes[CHUNK_GEAR_BYTES],
                       uint32_t min, uint32_t avg, uint32_t max);

/* Length of the first chunk of the `len` bytes at p, at most c->max and at
 * most `len`. If `len` < c->max, `p` must hold all that is left of the
 * content, or the cut may come too early. */
size_t chunk_cut(const struct chunk_cutter *c, const uint8_t *p, size_t len);

#endif
