/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says of its log: an answer is judged without a crash, and never believed without a signature. */
#include "base/mem.h"
#include "fuzz.h"
#include "remote/witness.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const uint8_t seed[SIGN_SEED_BYTES];
    struct note_key known = {.name = "fuzz.example/log"};
    struct sighting kept = {.c = {.origin = "fuzz.example/log", .size = 3, .root = {1}}, .time_s = 1700000000};
    struct sign_key secret;
    struct testimony t;
    struct checkpoint now;
    struct err e = ERR_INIT;
    if (sign_init(&e))
        abort();
    sign_key_from_seed(seed, &secret);
    memcpy(known.public_key, secret.public_key, SIGN_PUBLIC_BYTES);
    if (testimony_take(p, len, &t, &e)) {
        if (e.cls != ERR_DAMAGED)
            abort();
        return 0;
    }
    if (t.count > MERKLE_PROOF_MAX || t.note.len > NOTE_MAX)
        abort();
    if (witness_judge(&kept, &known, &t, &now, &e) == 0) {
        if (now.size < 3)
            abort();
    } else if (e.cls != ERR_DAMAGED) {
        abort();
    }
    testimony_done(&t);
    return 0;
}
