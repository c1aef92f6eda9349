/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: little-endian numbers, varints, a growable buffer with a maximum, and
 * the one bounded cursor through which every decoder reads.
 *
 * Varints are unsigned LEB128 of at most 10 bytes, shortest form required;
 * signed numbers are zigzag-coded first. A "blob" is a varint length and that
 * many bytes.
 */
#ifndef ABRI_BASE_BYTES_H
#define ABRI_BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- fixed-width little-endian ---------------------------------------- */

static inline void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}
static inline void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}
static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}
static inline uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

/* ---- growable buffer ---------------------------------------------------
 * Appending never fails visibly: the first failure (no memory, or `max`
 * reached) sets `failed`, later appends do nothing, and buf_check reports it
 * once at the end. */

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; /* 0 means BUF_DEFAULT_MAX */
    bool failed;
};

#define BUF_DEFAULT_MAX ((size_t)64 << 20)

void buf_done(struct buf *b);
void buf_reset(struct buf *b); /* empties, keeps the memory */
/* Room for `len` more bytes at the end, or NULL; advance with buf_added. */
uint8_t *buf_reserve(struct buf *b, size_t len);
static inline void buf_added(struct buf *b, size_t len)
{
    b->len += len;
}
void buf_put(struct buf *b, const void *p, size_t len);
static inline void buf_put_u8(struct buf *b, uint8_t v)
{
    if (b->len < b->cap && !b->failed)
        b->data[b->len++] = v;
    else
        buf_put(b, &v, 1);
}
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_long_varint(struct buf *b, uint64_t v);
static inline void buf_put_varint(struct buf *b, uint64_t v)
{
    if (v < 0x80)
        buf_put_u8(b, (uint8_t)v);
    else
        buf_put_long_varint(b, v);
}
void buf_put_zigzag(struct buf *b, int64_t v);
void buf_put_blob(struct buf *b, const void *p, size_t len);
MUST_CHECK int buf_check(const struct buf *b, const char *what, struct err *e);

/* ---- bounded cursor ----------------------------------------------------
 * Reading past the end, or a malformed varint, sets `bad`; every later read
 * gives zero or NULL. The decoder checks cursor_check before it believes. */

struct cursor {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static inline struct cursor cursor_of(const void *p, size_t len)
{
    return (struct cursor){.p = p, .end = (const uint8_t *)p + len, .bad = false};
}
static inline size_t cursor_left(const struct cursor *c)
{
    return c->bad ? 0 : (size_t)(c->end - c->p);
}
/* `len` bytes, borrowed from the input; NULL (and bad) if there are fewer. */
const uint8_t *cursor_bytes(struct cursor *c, size_t len);
/* A blob of at most `max_len` bytes; *len_out is 0 when NULL is returned. */
const uint8_t *cursor_blob(struct cursor *c, size_t max_len, size_t *len_out);
bool cursor_copy(struct cursor *c, void *out, size_t len); /* zeroes `out` if bad */
static inline uint8_t cursor_u8(struct cursor *c)
{
    if (c->p < c->end && !c->bad)
        return *c->p++;
    c->bad = true;
    return 0;
}
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_long_varint(struct cursor *c);
static inline uint64_t cursor_varint(struct cursor *c)
{
    if (c->p < c->end && !c->bad && *c->p < 0x80)
        return *c->p++;
    return cursor_long_varint(c);
}
int64_t cursor_zigzag(struct cursor *c);
/* A varint that must not exceed `max`. */
uint64_t cursor_varint_max(struct cursor *c, uint64_t max);
/* ERR_DAMAGED "<what>: malformed" if bad, or if `at_end` and bytes are left. */
MUST_CHECK int cursor_check(const struct cursor *c, bool at_end, const char *what, struct err *e);

/* ---- hexadecimal -------------------------------------------------------- */

void hex_encode(const uint8_t *p, size_t len, char *out /* 2 × len + 1 */);
/* False unless `hex` is exactly 2 × len lower-case digits (hex_len of them). */
bool hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t len);

bool bytes_are_zero(const void *p, size_t len);

#endif
