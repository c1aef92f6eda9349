/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping, measuring and cutting text for terminals. */
#include "cli/term.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

size_t term_utf8(const char *p, size_t len, uint32_t *code_out)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0)
        return 0;
    const unsigned char *s = (const unsigned char *)p;
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > len)
        return 0;
    uint32_t code = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *code_out = code;
    return n;
}

/* Controls (C0, DEL, C1), line separators, and the invisible marks that
 * reorder text or hide in it (Unicode TR 36, "bidirectional text spoofing"). */
static bool is_harmless(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    return !(c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
             (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0x180e || c == 0xfeff ||
             (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f) || c == 0xad);
}

static void escape_bytes(const char *p, size_t len, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)p[i];
        buf_put(out, (char[]){'\\', 'x', hex[b >> 4], hex[b & 15]}, 4);
    }
}

void term_escape(const char *text, size_t len, struct buf *out)
{
    while (len > 0) {
        uint32_t code;
        size_t n = term_utf8(text, len, &code);
        if (n > 0 && is_harmless(code))
            buf_put(out, text, n);
        else
            escape_bytes(text, n ? n : 1, out);
        text += n ? n : 1;
        len -= n ? n : 1;
    }
}

static size_t char_columns(uint32_t code)
{
    int w = wcwidth((wchar_t)code);
    return w < 0 ? 1 : (size_t)w;
}

size_t term_fit(const char *text, size_t len, size_t columns)
{
    size_t used = 0, at = 0;
    while (at < len) {
        uint32_t code = 0;
        size_t n = term_utf8(text + at, len - at, &code);
        size_t w = n ? char_columns(code) : 1;
        if (used + w > columns)
            break;
        used += w;
        at += n ? n : 1;
    }
    return at;
}

size_t term_width(const char *text, size_t len)
{
    size_t columns = 0;
    while (len > 0) {
        uint32_t code = 0;
        size_t n = term_utf8(text, len, &code);
        columns += n ? char_columns(code) : 1;
        text += n ? n : 1;
        len -= n ? n : 1;
    }
    return columns;
}

size_t term_columns(int fd)
{
    struct winsize w;
    if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col;
    return 80;
}
