/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: the input's first byte chooses the part. */
#include "fuzz.h"
#include "vault/pack_format.h"

#include <stdlib.h>
#include <string.h>

static void footer(const uint8_t *p, size_t len)
{
    struct pack_footer f;
    if (len < 9)
        return;
    if (pack_footer_decode(p + 9, len - 9, get_u64(p), p[8] % 4, &f, NULL))
        return;
    /* An accepted footer fills its space, frame by frame. */
    uint64_t at = PACK_HEADER_BYTES;
    for (uint32_t i = 0; i < f.count; i++) {
        struct pack_row row;
        uint8_t again[PACK_ROW_BYTES];
        pack_row_decode(f.rows + (size_t)i * PACK_ROW_BYTES, &row);
        pack_row_encode(&row, again);
        if (row.offset != at || memcmp(again, f.rows + (size_t)i * PACK_ROW_BYTES, sizeof again))
            abort();
        at += FRAME_HEADER_BYTES + (uint64_t)row.len;
    }
    if (at != get_u64(p))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct pack_header h;
    struct frame f;
    uint32_t n;
    if (len < 1)
        return 0;
    const uint8_t which = *p++;
    len--;
    if (which == 0) {
        (void)!pack_header_decode(p, len, &h, NULL);
    } else if (which == 1) {
        if (frame_header_decode(p, len, &f, &n, NULL) == 0 && n > FRAME_SEALED_MAX)
            abort();
    } else if (which == 2) {
        if (len >= PACK_TRAILER_BYTES + 8 &&
            pack_trailer_decode(p + 8, get_u64(p), &n, NULL) == 0 && n > PACK_FOOTER_MAX)
            abort();
    } else {
        footer(p, len);
    }
    return 0;
}
