/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of recipients: as they come, and signed anew by the owner. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

static void read_list(const uint8_t *p, size_t len)
{
    const struct fuzz_keys *k = fuzz_keys();
    struct recipients r = {0};
    struct vault_secrets s = {0};
    int read = recipients_read(p, len, fuzz_vault, k->owner.public_key, &r, NULL);
    if (read == 0 && (r.count == 0 || r.count > SEAL_RECIPIENTS_MAX))
        abort();
    struct retired_keys *retired = retired_keys_new();
    if (!retired)
        abort();
    int open = recipients_open_with(p, len, fuzz_vault, k->owner.public_key, k->recovery, &s,
                                    retired, NULL);
    if (retired->count > SEAL_RETIRED_MAX ||
        (open != 0 && !bytes_are_zero(retired, sizeof *retired)))
        abort();
    retired_keys_free(retired);
    if (open == 0 && (read != 0 || memcmp(s.owner_seed, k->secrets->owner_seed, 32) != 0))
        abort();
    if (open != 0 && !bytes_are_zero(&s, sizeof s))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    read_list(p, len);
    if (len < SIGN_BYTES)
        return 0;
    uint8_t *copy = mem_dup(p, len);
    if (!copy)
        return 0;
    size_t signed_len = len - SIGN_BYTES;
    sign_make(&fuzz_keys()->owner, "recipients", copy, signed_len, copy + signed_len);
    read_list(copy, len);
    mem_free(copy);
    return 0;
}
