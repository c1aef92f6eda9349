/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include "base/mem.h"

#include <string.h>

/* ---- buffer ------------------------------------------------------------- */

void buf_done(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
    if (b->failed)
        return NULL;
    if (len <= b->cap - b->len && b->data)
        return b->data + b->len;
    size_t max = b->max ? b->max : BUF_DEFAULT_MAX;
    if (len > max || b->len > max - len) {
        b->failed = true;
        return NULL;
    }
    size_t want = b->cap ? b->cap : 256;
    while (want < b->len + len)
        want *= 2;
    want = want > max ? max : want; /* so that what fits is within the maximum */
    uint8_t *data = mem_realloc(b->data, want, 1);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->cap = want;
    return data + b->len;
}

void buf_put(struct buf *b, const void *p, size_t len)
{
    uint8_t *at = buf_reserve(b, len);
    if (!at || !len)
        return;
    memcpy(at, p, len);
    b->len += len;
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    uint8_t t[2];
    put_u16(t, v);
    buf_put(b, t, sizeof t);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    uint8_t t[4];
    put_u32(t, v);
    buf_put(b, t, sizeof t);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    uint8_t t[8];
    put_u64(t, v);
    buf_put(b, t, sizeof t);
}

void buf_put_long_varint(struct buf *b, uint64_t v)
{
    uint8_t *at = buf_reserve(b, 10);
    if (!at)
        return;
    size_t n = 0;
    while (v >= 0x80) {
        at[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    at[n++] = (uint8_t)v;
    b->len += n;
}

void buf_put_zigzag(struct buf *b, int64_t v)
{
    buf_put_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void buf_put_blob(struct buf *b, const void *p, size_t len)
{
    buf_put_varint(b, len);
    buf_put(b, p, len);
}

int buf_check(const struct buf *b, const char *what, struct err *e)
{
    if (!b->failed)
        return 0;
    return err_set(e, ERR_NO_MEMORY, "%s: out of memory, or larger than its limit of %zu bytes",
                   what, b->max ? b->max : BUF_DEFAULT_MAX);
}

/* ---- cursor ------------------------------------------------------------- */

const uint8_t *cursor_bytes(struct cursor *c, size_t len)
{
    if (c->bad || len > (size_t)(c->end - c->p)) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += len;
    return p;
}

const uint8_t *cursor_blob(struct cursor *c, size_t max_len, size_t *len_out)
{
    uint64_t len = cursor_varint_max(c, max_len);
    const uint8_t *p = cursor_bytes(c, (size_t)len);
    *len_out = p ? (size_t)len : 0;
    return p;
}

bool cursor_copy(struct cursor *c, void *out, size_t len)
{
    const uint8_t *p = cursor_bytes(c, len);
    if (p)
        memcpy(out, p, len);
    else
        memset(out, 0, len);
    return p != NULL;
}

uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 2);
    return p ? get_u16(p) : 0;
}

uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 4);
    return p ? get_u32(p) : 0;
}

uint64_t cursor_u64(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 8);
    return p ? get_u64(p) : 0;
}

uint64_t cursor_long_varint(struct cursor *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && !c->bad; shift += 7) {
        uint8_t byte = cursor_u8(c);
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if (byte == 0 && shift != 0)
                break; /* not the shortest form */
            return c->bad ? 0 : v;
        }
    }
    c->bad = true;
    return 0;
}

uint64_t cursor_varint_max(struct cursor *c, uint64_t max)
{
    uint64_t v = cursor_varint(c);
    if (v <= max)
        return v;
    c->bad = true;
    return 0;
}

int64_t cursor_zigzag(struct cursor *c)
{
    uint64_t v = cursor_varint(c);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

int cursor_check(const struct cursor *c, bool at_end, const char *what, struct err *e)
{
    if (c->bad)
        return err_set(e, ERR_DAMAGED, "%s: malformed or cut short", what);
    if (at_end && c->p != c->end)
        return err_set(e, ERR_DAMAGED, "%s: %zu bytes left over", what, (size_t)(c->end - c->p));
    return 0;
}

/* ---- hexadecimal ---------------------------------------------------------- */

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(const uint8_t *p, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digits[p[i] >> 4];
        out[2 * i + 1] = hex_digits[p[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t len)
{
    if (hex_len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool bytes_are_zero(const void *p, size_t len)
{
    const uint8_t *b = p;
    size_t head = len < 16 ? len : 16;
    for (size_t i = 0; i < head; i++)
        if (b[i])
            return false;
    /* The first 16 are zero: the rest is zero if it equals itself shifted. */
    return len <= 16 || memcmp(b, b + 16, len - 16) == 0;
}
