/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped recovery keys: as they come, and with the hash corrected, which
 * anyone who can write to a vault could do. Costs that would only take time
 * are brought down. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

#define COST_AT (8 + 4 + 16 + 1)

static void unwrap(const uint8_t *p, size_t len)
{
    struct recovery_key k = {0};
    int rc =
        recovery_unwrap(p, len, fuzz_vault, FUZZ_PASSPHRASE, strlen(FUZZ_PASSPHRASE), &k, NULL);
    if (rc == 0 ? memcmp(k.public_key, fuzz_keys()->recovery->public_key, 32) != 0
                : !bytes_are_zero(&k, sizeof k))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    (void)fuzz_keys();
    uint8_t *copy = mem_dup(p, len);
    if (!copy)
        return 0;
    if (len >= COST_AT + 8 + HASH_BYTES) {
        if (get_u32(copy + COST_AT) <= 64)
            put_u32(copy + COST_AT, get_u32(copy + COST_AT) % 3);
        if (get_u32(copy + COST_AT + 4) <= 4194304)
            put_u32(copy + COST_AT + 4, get_u32(copy + COST_AT + 4) % 17);
    }
    unwrap(copy, len);
    if (len >= HASH_BYTES) {
        hash_bytes(copy, len - HASH_BYTES, copy + len - HASH_BYTES);
        unwrap(copy, len);
    }
    mem_free(copy);
    return 0;
}
