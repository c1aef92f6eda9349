/* SPDX-License-Identifier: Apache-2.0 */
#include "chunk/chunk.h"

/* Normalisation level: the masks differ from the average by this many bits. */
#define NORMAL_BITS 2

static uint64_t top_bits(unsigned n)
{
    return n ? ~UINT64_C(0) << (64 - n) : 0;
}

void chunk_cutter_init(struct chunk_cutter *c, const uint8_t gear_bytes[CHUNK_GEAR_BYTES],
                       uint32_t min, uint32_t avg, uint32_t max)
{
    for (size_t i = 0; i < 256; i++) {
        uint64_t v = 0;
        for (size_t b = 0; b < 8; b++)
            v |= (uint64_t)gear_bytes[8 * i + b] << (8 * b);
        c->gear[i] = v;
    }
    unsigned bits = 31u - (unsigned)__builtin_clz(avg);
    c->min = min;
    c->avg = UINT32_C(1) << bits;
    c->max = max;
    /* The high bits of the hash have seen the most bytes. */
    c->mask_before = top_bits(bits + NORMAL_BITS);
    c->mask_after = top_bits(bits - NORMAL_BITS);
}

size_t chunk_cut(const struct chunk_cutter *c, const uint8_t *p, size_t len)
{
    if (len > c->max)
        len = c->max;
    if (len <= c->min)
        return len;
    size_t middle = len < c->avg ? len : c->avg;
    uint64_t h = 0;
    size_t i = c->min - 64; /* fill the window, so that a cut depends on content alone */
    for (; i < c->min; i++)
        h = (h << 1) + c->gear[p[i]];
    for (; i < middle; i++) {
        h = (h << 1) + c->gear[p[i]];
        if (!(h & c->mask_before))
            return i + 1;
    }
    for (; i < len; i++) {
        h = (h << 1) + c->gear[p[i]];
        if (!(h & c->mask_after))
            return i + 1;
    }
    return len;
}
