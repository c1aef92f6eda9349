/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

size_t utf8_get(const void *p, size_t len, uint32_t *out)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *s = p;
    if (len == 0)
        return 0;
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;
    if (n == 0 || n > len)
        return 0;
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *out = c;
    return n;
}

size_t utf8_put(uint32_t c, char out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    if (n == 1) {
        out[0] = (char)c;
        return 1;
    }
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(((0xf00u >> n) & 0xff) | c);
    return n;
}

bool utf8_can_show(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    if (c >= 0x2028 && c <= 0x202e) /* separators, embedding, override */
        return false;
    if (c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x2066 && c <= 0x2069))
        return false;
    return c <= 0x10ffff && (c & 0xfffe) != 0xfffe && !(c >= 0xd800 && c < 0xe000) && c != 0xfeff;
}

void utf8_clean(const void *p, size_t len, char *out, size_t cap)
{
    const uint8_t *s = p;
    size_t used = 0;
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t n = utf8_get(s + i, len - i, &c);
        bool show = n > 0 && utf8_can_show(c);
        size_t wanted = show ? n : 1;
        if (used + wanted >= cap)
            break;
        if (show)
            memcpy(out + used, s + i, n);
        else
            out[used] = '?';
        used += wanted;
        i += n ? n : 1;
    }
    out[used] = '\0';
}

bool utf8_is_clean(const void *p, size_t len)
{
    const uint8_t *s = p;
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t n = utf8_get(s + i, len - i, &c);
        if (n == 0 || !utf8_can_show(c))
            return false;
        i += n;
    }
    return true;
}
