/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: "basic" with escapes, 'literal' without. No string of several
 * lines. Bytes from 0x80 are taken as they are, for names on a disk are bytes.
 *
 *  1. A string that was read holds no NUL.
 */
#include "profile/profile_internal.h"

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_put_u8(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buf_put_u8(out, (uint8_t)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_put_u8(out, (uint8_t)(0xe0 | c >> 12));
        } else {
            buf_put_u8(out, (uint8_t)(0xf0 | c >> 18));
            buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
}

static int read_code_point(struct reader *r, int digits, struct profile_place at, struct buf *out,
                           struct err *e)
{
    uint32_t c = 0;
    for (int i = 0; i < digits; i++) {
        int v = hex_value(reader_peek(r));
        if (v < 0)
            return reader_fail(at, e, "\\%c is followed by %d hexadecimal digits",
                               digits == 4 ? 'u' : 'U', digits);
        c = c << 4 | (uint32_t)v;
        reader_skip(r);
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return reader_fail(at, e, "this escape is no character that can stand here");
    put_utf8(out, c);
    return 0;
}

static int read_escape(struct reader *r, struct buf *out, struct err *e)
{
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    struct profile_place at = r->at;
    reader_skip(r);
    int c = reader_peek(r);
    for (size_t i = 0; names[i]; i++) {
        if (c == names[i]) {
            buf_put_u8(out, (uint8_t)values[i]);
            reader_skip(r);
            return 0;
        }
    }
    if (c != 'u' && c != 'U')
        return reader_fail(at, e,
                           "unknown escape: a backslash is written \\\\, or the string in single quotes");
    reader_skip(r);
    return read_code_point(r, c == 'u' ? 4 : 8, at, out, e);
}

int reader_string(struct reader *r, struct buf *out, struct err *e)
{
    struct profile_place begin = r->at;
    int quote = reader_peek(r);
    reader_skip(r);
    if (r->end - r->p >= 2 && r->p[0] == quote && r->p[1] == quote)
        return reader_fail(begin, e, "strings of several lines are not read here");
    for (;;) {
        int c = reader_peek(r);
        if (c == READER_END || c == '\n' || c == '\r')
            return reader_fail(begin, e, "this string has no end: the closing %c is missing", quote);
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return reader_fail(r->at, e, "a control character in a string");
        if (c == '\\' && quote == '"') {
            if (read_escape(r, out, e))
                return -1;
            continue;
        }
        reader_skip(r);
        if (c == quote)
            break;
        buf_put_u8(out, (uint8_t)c);
    }
    buf_put_u8(out, 0);
    return buf_check(out, "a string of a profile", e);
}
