/* SPDX-License-Identifier: Apache-2.0 */
/* Names and ids as people see them elsewhere (blkid), of bytes that anybody wrote. */
#include "layout/layout_look.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

void text_uuid(const uint8_t p[16], char out[LAYOUT_TEXT])
{
    char hex[33];
    out[0] = '\0';
    if (bytes_are_zero(p, 16))
        return;
    hex_encode(p, 16, hex);
    (void)snprintf(out, LAYOUT_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}

void text_guid(const uint8_t p[16], char out[LAYOUT_TEXT])
{
    uint8_t q[16];
    for (size_t i = 0; i < 4; i++)
        q[i] = p[3 - i];
    q[4] = p[5];
    q[5] = p[4];
    q[6] = p[7];
    q[7] = p[6];
    memcpy(q + 8, p + 8, 8);
    text_uuid(q, out);
}

void text_label(const void *p, size_t len, char *out, size_t cap)
{
    const char *text = p;
    len = strnlen(text, len);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    utf8_clean(text, len, out, cap);
}

/* Half a pair becomes '?'. */
static uint32_t get_utf16(const uint8_t *p, size_t units, size_t *i)
{
    uint32_t c = get_u16(p + 2 * (*i)++);
    if (c < 0xd800 || c >= 0xe000)
        return c;
    if (c >= 0xdc00 || *i == units)
        return '?';
    uint32_t low = get_u16(p + 2 * *i);
    if (low < 0xdc00 || low >= 0xe000)
        return '?';
    ++*i;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

void text_utf16(const uint8_t *p, size_t units, char *out, size_t cap)
{
    size_t used = 0;
    for (size_t i = 0; i < units && get_u16(p + 2 * i);) {
        char one[4];
        uint32_t c = get_utf16(p, units, &i);
        size_t n = utf8_put(utf8_can_show(c) ? c : '?', one);
        if (used + n >= cap)
            break;
        memcpy(out + used, one, n);
        used += n;
    }
    out[used] = '\0';
}
