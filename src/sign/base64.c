/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4) with padding. Of each sequence of bytes exactly one text is read: no
 * white space, no missing padding, no bits that say nothing. */
#include "sign/note.h"

#include <sodium.h>

void base64_put(struct buf *out, const void *p, size_t len)
{
    size_t room = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL); /* with a NUL */
    uint8_t *at = buf_reserve(out, room);
    if (!at)
        return;
    (void)sodium_bin2base64((char *)at, room, p, len, sodium_base64_VARIANT_ORIGINAL);
    buf_added(out, room - 1);
}

int base64_get(const char *text, size_t len, struct buf *out, struct err *e)
{
    const char *end = NULL;
    size_t decoded = 0;
    size_t room = len / 4 * 3;
    if (len == 0)
        return 0;
    uint8_t *at = buf_reserve(out, room + 3);
    if (!at)
        return buf_check(out, "base64", e);
    if (len % 4 ||
        sodium_base642bin(at, room, text, len, NULL, &decoded, &end,
                          sodium_base64_VARIANT_ORIGINAL) ||
        end != text + len)
        return err_set(e, ERR_DAMAGED, "not base64 with padding");
    buf_added(out, decoded);
    return 0;
}
