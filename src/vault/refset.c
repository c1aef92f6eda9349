/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets: runs of frames, as bytes and as bitmaps. */
#include "base/mem.h"
#include "vault/pack_format.h"
#include "vault/refset_format.h"

#include <string.h>

#define PACK_BYTES_MIN (ID_BYTES + 2u) /* of a pack in the encoding */

void refset_done(struct refset *r)
{
    for (size_t i = 0; i < r->count; i++)
        mem_free(r->packs[i].bits);
    mem_free(r->packs);
    *r = (struct refset){0};
}

/* The next frame at or behind `from` whose bit is `value`; skips whole bytes. */
static uint32_t next_bit(const struct refset_pack *p, uint32_t from, bool value)
{
    const uint8_t dull = value ? 0x00 : 0xff;
    while (from < p->frame_count) {
        if (from % 8 == 0 && p->bits[from / 8] == dull)
            from += 8;
        else if (refset_bit(p->bits, from) == value)
            return from;
        else
            from++;
    }
    return p->frame_count;
}

static uint32_t count_runs(const struct refset_pack *p)
{
    uint32_t runs = 0;
    for (uint32_t at = next_bit(p, 0, true); at < p->frame_count;
         at = next_bit(p, next_bit(p, at, false), true))
        runs++;
    return runs;
}

static void encode_pack(struct buf *out, const struct refset_pack *p)
{
    buf_put(out, p->pack, ID_BYTES);
    buf_put_varint(out, p->frame_count);
    buf_put_varint(out, count_runs(p));
    uint32_t end = 0;
    for (;;) {
        uint32_t begin = next_bit(p, end, true);
        if (begin == p->frame_count)
            return;
        buf_put_varint(out, begin - end);
        end = next_bit(p, begin, false);
        buf_put_varint(out, end - begin);
    }
}

void refset_encode(struct buf *out, const struct refset_pack *packs, size_t count)
{
    buf_put_varint(out, count);
    for (size_t i = 0; i < count; i++)
        encode_pack(out, &packs[i]);
}

/* ---- decoding -------------------------------------------------------------------- */

static void set_range(uint8_t *bits, uint32_t begin, uint32_t end)
{
    while (begin < end && begin % 8)
        refset_bit_set(bits, begin++);
    uint32_t bytes = (end - begin) / 8;
    memset(bits + begin / 8, 0xff, bytes);
    for (begin += bytes * 8; begin < end; begin++)
        refset_bit_set(bits, begin);
}

static void decode_runs(struct cursor *c, const struct refset_pack *p)
{
    uint64_t runs = cursor_varint_max(c, p->frame_count);
    uint64_t at = 0;
    for (uint64_t i = 0; i < runs && !c->bad; i++) {
        at += cursor_varint_max(c, p->frame_count - at);
        uint64_t take = cursor_varint_max(c, p->frame_count - at);
        if (!take)
            c->bad = true;
        if (!c->bad)
            set_range(p->bits, (uint32_t)at, (uint32_t)(at + take));
        at += take;
    }
}

static int decode_pack(struct cursor *c, struct refset_pack *p, uint64_t *budget, struct err *e)
{
    cursor_copy(c, p->pack, ID_BYTES);
    p->frame_count = (uint32_t)cursor_varint_max(c, PACK_FRAMES_MAX);
    uint64_t bytes = p->frame_count / 8 + 1;
    if (c->bad)
        return 0; /* the caller sees it */
    if (bytes > *budget)
        return err_set(e, ERR_LIMIT, "reference set: more frames than this program takes");
    *budget -= bytes;
    p->bits = mem_zalloc((size_t)bytes);
    if (!p->bits)
        return err_no_memory(e, "a reference set");
    decode_runs(c, p);
    return 0;
}

static int decode_packs(struct cursor *c, struct refset *r, size_t count, struct err *e)
{
    uint64_t budget = REFSET_BITMAP_BYTES_MAX;
    for (; r->count < count && !c->bad; r->count++) {
        struct refset_pack *p = &r->packs[r->count];
        if (decode_pack(c, p, &budget, e)) {
            r->count++;
            return -1;
        }
        if (!c->bad && r->count && memcmp(p[-1].pack, p->pack, ID_BYTES) >= 0)
            c->bad = true;
    }
    return cursor_check(c, true, "reference set", e);
}

int refset_decode(const uint8_t *p, size_t len, struct refset *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    uint64_t count = cursor_varint_max(&c, len / PACK_BYTES_MIN);
    if (cursor_check(&c, false, "reference set", e))
        return -1;
    struct refset r = {.packs = mem_array((size_t)count, sizeof *r.packs)};
    if (!r.packs)
        return err_no_memory(e, "a reference set");
    if (decode_packs(&c, &r, (size_t)count, e)) {
        refset_done(&r);
        return -1;
    }
    *out = r;
    return 0;
}
