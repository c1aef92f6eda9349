/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions' envelopes: as they come, and with a box of a key that the input
 * chooses, sealed for our recovery key in the first place. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

#define BOXES_AT (8 + 4 + 3 * 16 + 32 + 4)

static void open_envelope(const uint8_t *p, size_t len)
{
    struct data_key k = {0};
    int rc = envelope_open(p, len, fuzz_vault, fuzz_keys()->recovery, &k, NULL);
    if (rc != 0 && !bytes_are_zero(&k, sizeof k))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    const struct recovery_key *recovery = fuzz_keys()->recovery;
    open_envelope(p, len);
    if (len < BOXES_AT + 32 + 80)
        return 0;
    uint8_t *copy = mem_dup(p, len);
    if (!copy)
        return 0;
    memcpy(copy + BOXES_AT, recovery->public_key, 32);
    if (crypto_box_seal(copy + BOXES_AT + 32, p + BOXES_AT + 32, 32, recovery->public_key))
        abort();
    open_envelope(copy, len);
    mem_free(copy);
    return 0;
}
