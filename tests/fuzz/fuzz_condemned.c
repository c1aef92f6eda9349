/* SPDX-License-Identifier: Apache-2.0 */
/* Condemnations. What decodes is encoded again, to the same bytes. */
#include "fuzz.h"
#include "vault/condemn_format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const uint8_t zero[UID_BYTES];
    static const uint8_t seed[SIGN_SEED_BYTES];
    struct sign_key key;
    struct condemnation c;
    struct buf again = {0};
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        return 0;
    memcpy(copy, p, len);
    sign_key_from_seed(seed, &key);
    /* The last bytes are made the right signature, or nothing would get through. */
    if (len > SIGN_BYTES)
        sign_make(&key, "condemned", copy, len - SIGN_BYTES, copy + len - SIGN_BYTES);
    if (condemn_decode(copy, len, zero, key.public_key, &c, NULL) == 0) {
        condemn_encode(&again, &c, zero, &key);
        if (again.failed || again.len != len || memcmp(again.data, copy, len) != 0)
            abort();
    }
    buf_done(&again);
    free(copy);
    return 0;
}
