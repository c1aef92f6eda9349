/* SPDX-License-Identifier: Apache-2.0 */
/* Parity objects, and what they do to a pack. A block that its word vouches for stays. */
#include "fuzz.h"
#include "vault/parity_code.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct parity_head h;
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        return 0;
    memcpy(copy, p, len);
    if (len >= PARITY_HEAD_BYTES) /* the head's word is made right, or nothing would get through */
        put_u32(copy + 80, parity_word(copy, 80));
    if (parity_head_decode(copy, len, &h, NULL) == 0 && h.pack_len <= 1 << 20) {
        uint32_t mended = 0;
        uint8_t *pack = calloc(1, (size_t)h.pack_len);
        if (pack && parity_mend(copy, len, pack, &mended, NULL) == 0 && mended > parity_blocks(&h))
            abort();
        free(pack);
        (void)!parity_verify(copy, len, &h, NULL);
    }
    free(copy);
    return 0;
}
