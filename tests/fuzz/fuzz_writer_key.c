/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a writer's key: as it comes, and with the hash corrected. What
 * was accepted comes back when it is encoded again. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

static void decode(const uint8_t *p, size_t len)
{
    struct writer_key k = {0};
    struct buf b = {0};
    if (writer_key_decode(p, len, &k, NULL)) {
        if (!bytes_are_zero(&k, sizeof k))
            abort();
        return;
    }
    if (writer_key_encode(&k, &b, NULL))
        abort();
    /* A name with a NUL in it ends there. */
    if (b.len > len || memcmp(b.data, p, 8 + 4 + 16 + 16 + 32 + 32 + 32 + 8) != 0)
        abort();
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    (void)fuzz_keys();
    decode(p, len);
    if (len < HASH_BYTES)
        return 0;
    uint8_t *copy = mem_dup(p, len);
    if (!copy)
        return 0;
    hash_bytes(copy, len - HASH_BYTES, copy + len - HASH_BYTES);
    decode(copy, len);
    mem_free(copy);
    return 0;
}
