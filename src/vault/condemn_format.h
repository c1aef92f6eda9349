/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object `condemned/<32 hex digits>` (docs/format/vault.md): packs on their
 * way out, how far they are, and who must be waited for. Pure; the decoder takes
 * hostile input and allocates nothing.
 */
#ifndef ABRI_VAULT_CONDEMN_FORMAT_H
#define ABRI_VAULT_CONDEMN_FORMAT_H

#include "base/bytes.h"
#include "vault/vault.h"

#define CONDEMN_PACKS_MAX    65536u
#define CONDEMN_SESSIONS_MAX 4096u

/* From one stage to the next a new object is written, then the old removed. */
enum condemn_stage {
    CONDEMN_SAID = 1, /* sessions that begin from now on do not use the packs */
    CONDEMN_WAITING,  /* for the sessions that were alive then to end */
    CONDEMN_SWEPT,    /* nothing living needs the packs; they go when `until` is over */
    CONDEMN_DAMAGED   /* repair could not mend them: sessions store anew what is in them; they
                         stay for as long as a record needs what is left */
};

struct condemnation {
    enum condemn_stage stage;
    int64_t made_ns, until_ns; /* the keeper's clock; until is 0 unless swept */
    uint32_t session_count;
    const uint8_t *sessions; /* UID_BYTES each, borrowed */
    uint32_t pack_count;
    const uint8_t *packs; /* ID_BYTES each, borrowed */
};

/* Appends the object, signed. */
void condemn_encode(struct buf *out, const struct condemnation *c, const uint8_t vault[UID_BYTES],
                    const struct sign_key *keeper);
MUST_CHECK int condemn_decode(const uint8_t *p, size_t len, const uint8_t vault[UID_BYTES],
                              const uint8_t keeper_pk[SIGN_PUBLIC_BYTES],
                              struct condemnation *out, struct err *e);

#endif
