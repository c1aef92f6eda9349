/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets: what is accepted encodes to something that decodes to it. */
#include "fuzz.h"
#include "vault/refset_format.h"

#include <stdlib.h>
#include <string.h>

static void compare(const struct refset *a, const struct refset *b)
{
    if (a->count != b->count)
        abort();
    for (size_t i = 0; i < a->count; i++)
        if (a->packs[i].frame_count != b->packs[i].frame_count ||
            memcmp(a->packs[i].pack, b->packs[i].pack, ID_BYTES) != 0 ||
            memcmp(a->packs[i].bits, b->packs[i].bits, a->packs[i].frame_count / 8 + 1) != 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct refset r, again;
    if (refset_decode(p, len, &r, NULL))
        return 0;
    struct buf b = {0};
    refset_encode(&b, r.packs, r.count);
    if (b.failed || refset_decode(b.data, b.len, &again, NULL))
        abort();
    compare(&r, &again);
    refset_done(&again);
    refset_done(&r);
    buf_done(&b);
    return 0;
}
