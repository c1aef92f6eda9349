/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers. What is accepted says its own length; the address is touched only when there is
 * one; and whatever was accepted is refused when its last byte is missing. */
#include "fuzz.h"
#include "http/proxy_v2.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct address untouched, a;
    memset(&untouched, 0x5a, sizeof untouched);
    a = untouched;
    if (len < PROXY_V2_HEAD_BYTES)
        return proxy_v2_decode(p, len, &a) == PROXY_V2_BAD ? 0 : (abort(), 0);
    int rest = proxy_v2_rest(p);
    enum proxy_v2 kind = proxy_v2_decode(p, len, &a);
    if (kind == PROXY_V2_UNSET || rest > PROXY_V2_REST_MAX)
        abort();
    if (kind != PROXY_V2_BAD && (rest < 0 || len != PROXY_V2_HEAD_BYTES + (size_t)rest))
        abort();
    if (kind != PROXY_V2_CLIENT && memcmp(&a, &untouched, sizeof a) != 0)
        abort();
    if (kind == PROXY_V2_CLIENT && (!a.known || rest < 12))
        abort();
    struct address b;
    if (kind != PROXY_V2_BAD && proxy_v2_decode(p, len - 1, &b) != PROXY_V2_BAD)
        abort();
    return 0;
}
