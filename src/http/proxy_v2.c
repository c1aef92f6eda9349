/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes PROXY protocol v2. TLVs are stepped over, not understood; that they fill the rest
 * exactly is checked, so that a header with a wrong length is refused and not half believed.
 */
#include "http/proxy_v2.h"

#include "base/bytes.h"

#include <string.h>

const uint8_t proxy_v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                        0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum {
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_UNSPEC = 0,
    FAMILY_INET = 1,
    FAMILY_INET6 = 2,
    FAMILY_UNIX = 3,
};

static uint16_t cursor_big_u16(struct cursor *c)
{
    unsigned high = cursor_u8(c);
    return (uint16_t)(high << 8 | cursor_u8(c));
}

int proxy_v2_rest(const uint8_t head[PROXY_V2_HEAD_BYTES])
{
    unsigned command = head[12] & 15, family = head[13] >> 4, protocol = head[13] & 15;
    unsigned rest = (unsigned)head[14] << 8 | head[15];
    if (memcmp(head, proxy_v2_signature, sizeof proxy_v2_signature) != 0 || head[12] >> 4 != 2)
        return -1;
    if (command > COMMAND_PROXY || family > FAMILY_UNIX || protocol > 2 || rest > PROXY_V2_REST_MAX)
        return -1;
    return (int)rest;
}

/* The addresses of `family`; what it says about the client. */
static enum proxy_v2 read_addresses(struct cursor *c, unsigned family, struct address *out)
{
    static const size_t pair[] = {
        [FAMILY_UNSPEC] = 0, [FAMILY_INET] = 12, [FAMILY_INET6] = 36, [FAMILY_UNIX] = 216};
    const uint8_t *p = cursor_bytes(c, pair[family]);
    if (!p)
        return PROXY_V2_BAD;
    if (family != FAMILY_INET && family != FAMILY_INET6)
        return PROXY_V2_LOCAL;
    *out = family == FAMILY_INET ? address_of_v4(p) : address_of_v6(p);
    return PROXY_V2_CLIENT;
}

static bool skip_tlvs(struct cursor *c)
{
    while (cursor_left(c) > 0) {
        (void)cursor_u8(c);
        (void)cursor_bytes(c, cursor_big_u16(c));
    }
    return !c->bad;
}

enum proxy_v2 proxy_v2_decode(const uint8_t *p, size_t len, struct address *source_out)
{
    if (len < PROXY_V2_HEAD_BYTES)
        return PROXY_V2_BAD;
    int rest = proxy_v2_rest(p);
    if (rest < 0 || (size_t)rest != len - PROXY_V2_HEAD_BYTES)
        return PROXY_V2_BAD;
    if ((p[12] & 15) == COMMAND_LOCAL)
        return PROXY_V2_LOCAL; /* "the receiver must ignore" what follows */
    struct cursor c = cursor_of(p + PROXY_V2_HEAD_BYTES, (size_t)rest);
    unsigned family = p[13] >> 4;
    struct address source;
    enum proxy_v2 said = PROXY_V2_LOCAL;
    /* With an unspecified family nothing behind the head has a meaning. */
    if (family != FAMILY_UNSPEC) {
        said = read_addresses(&c, family, &source);
        if (said == PROXY_V2_BAD || !skip_tlvs(&c))
            return PROXY_V2_BAD;
    }
    if (said == PROXY_V2_CLIENT)
        *source_out = source;
    return said;
}
