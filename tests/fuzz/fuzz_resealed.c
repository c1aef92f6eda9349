/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions' keys sealed anew: as they come, and with our box and the owner's
 * signature in place. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

#define BOXES_AT (8 + 4 + 3 * 16 + 8 + 32 + 4)

static void open_resealed(const uint8_t *p, size_t len)
{
    struct data_key k = {0};
    uint64_t generation = 0;
    struct recipients r;
    int rc = resealed_open(p, len, fuzz_vault, fuzz_keys()->owner.public_key,
                           fuzz_keys()->recovery, &k, &generation, NULL);
    if (rc != 0 && (!bytes_are_zero(&k, sizeof k) || generation))
        abort();
    (void)!envelope_recipients(p, len, fuzz_vault, &r, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    const struct recovery_key *recovery = fuzz_keys()->recovery;
    open_resealed(p, len);
    if (len < BOXES_AT + 32 + 80 + SIGN_BYTES)
        return 0;
    uint8_t *copy = mem_dup(p, len);
    if (!copy)
        return 0;
    sign_make(&fuzz_keys()->owner, "resealed", copy, len - SIGN_BYTES, copy + len - SIGN_BYTES);
    open_resealed(copy, len);
    memcpy(copy + BOXES_AT, recovery->public_key, 32);
    if (crypto_box_seal(copy + BOXES_AT + 32, p + BOXES_AT + 32, 32, recovery->public_key))
        abort();
    sign_make(&fuzz_keys()->owner, "resealed", copy, len - SIGN_BYTES, copy + len - SIGN_BYTES);
    open_resealed(copy, len);
    mem_free(copy);
    return 0;
}
