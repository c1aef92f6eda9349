/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed keys behind the inputs of the targets of seal. */
#ifndef ABRI_TESTS_FUZZ_KEYS_H
#define ABRI_TESTS_FUZZ_KEYS_H

#include "seal/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t fuzz_vault[SEAL_UID_BYTES] = "abri fuzz vault";
#define FUZZ_PASSPHRASE "fuzz"

struct fuzz_keys {
    struct recovery_key *recovery;
    struct vault_secrets *secrets;
    struct sign_key owner;
};

/* Made once and kept: a fuzzer runs until it is stopped. */
static inline const struct fuzz_keys *fuzz_keys(void)
{
    static struct fuzz_keys k;
    if (k.recovery)
        return &k;
    if (sign_init(NULL))
        abort();
    k.recovery = recovery_key_new();
    k.secrets = seal_secrets_new();
    if (!k.recovery || !k.secrets)
        abort();
    memset(k.recovery->secret_key, 1, 32);
    if (crypto_scalarmult_base(k.recovery->public_key, k.recovery->secret_key))
        abort();
    memset(k.secrets, 2, sizeof *k.secrets);
    sign_key_from_seed(k.secrets->owner_seed, &k.owner);
    return &k;
}

#endif
