/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of inclusion as text: what is read is what would be written. The log's key is that of the seed of zeros. */
#include "base/mem.h"
#include "fuzz.h"
#include "sign/proof.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const uint8_t seed[SIGN_SEED_BYTES];
    struct note_key known = {.name = "fuzz.example/log"};
    struct sign_key secret;
    struct log_proof proof;
    struct checkpoint c;
    struct err e = ERR_INIT;
    struct buf again = {0};
    if (sign_init(&e))
        abort();
    sign_key_from_seed(seed, &secret);
    memcpy(known.public_key, secret.public_key, SIGN_PUBLIC_BYTES);
    if (log_proof_take(p, len, &proof, &e)) {
        if (e.cls != ERR_DAMAGED)
            abort();
        return 0;
    }
    if (proof.count > MERKLE_PROOF_MAX || log_proof_put(&proof, &again, &e) || again.len != len ||
        memcmp(again.data, p, len) != 0)
        abort();
    if (log_proof_verify(&proof, proof.extra.data, proof.extra.len, &known, &c, &e) && e.cls != ERR_DAMAGED)
        abort();
    buf_done(&again);
    log_proof_done(&proof);
    return 0;
}
