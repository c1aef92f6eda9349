/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be verified without a key about the small objects of docs/format/
 * keys.md: their structure and signatures. Pure; takes hostile input.
 */
#ifndef ABRI_VAULT_CERTIFICATE_FORMAT_H
#define ABRI_VAULT_CERTIFICATE_FORMAT_H

#include "base/bytes.h"
#include "vault/vault.h"

struct certificate {
    uint8_t vault[UID_BYTES], writer[UID_BYTES];
    uint8_t public_key[SIGN_PUBLIC_BYTES];
    int64_t enrolled_ns;
    const uint8_t *machine; /* borrowed */
    size_t machine_len;
    bool has_predecessor; /* version 2 */
    uint8_t predecessor[UID_BYTES];
};

/* writers/<id>, signed by the owner. */
MUST_CHECK int certificate_decode(const uint8_t *p, size_t len,
                                  const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                                  struct certificate *out, struct err *e);

struct envelope {
    uint8_t vault[UID_BYTES], session[UID_BYTES], writer[UID_BYTES];
    const uint8_t *signed_bytes; /* borrowed */
    size_t signed_len;
    const uint8_t *signature;
};

/* sessions/<id>: structure only; envelope_is_signed when the writer is known. */
MUST_CHECK int envelope_decode(const uint8_t *p, size_t len, struct envelope *out, struct err *e);
bool envelope_is_signed(const struct envelope *n, const uint8_t writer_pk[SIGN_PUBLIC_BYTES]);

/* resealed/<session>-<generation>, signed by the owner. */
struct resealed_session {
    uint8_t vault[UID_BYTES], session[UID_BYTES], writer[UID_BYTES];
    uint64_t generation;
};
MUST_CHECK int resealed_decode(const uint8_t *p, size_t len, const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                               struct resealed_session *out, struct err *e);

/* revoked/<writer>, signed by the owner. */
struct revocation {
    uint8_t vault[UID_BYTES], writer[UID_BYTES];
    uint64_t last; /* keeper's sequence of the last record that is accepted */
    int64_t made_ns;
};
MUST_CHECK int revocation_decode(const uint8_t *p, size_t len,
                                 const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                                 struct revocation *out, struct err *e);

/* recipients/<generation>: structure, generation and the owner's signature. */
MUST_CHECK int recipients_verify(const uint8_t *p, size_t len, const uint8_t vault[UID_BYTES],
                                 uint64_t generation, const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                                 struct err *e);
/* Of a list that verifies: whether it names the public key of a recovery key. */
#define RECOVERY_PUBLIC_BYTES 32u
bool recipients_name(const uint8_t *p, size_t len, const uint8_t key[RECOVERY_PUBLIC_BYTES]);
/* keys/<id>: structure and hash. */
MUST_CHECK int key_verify(const uint8_t *p, size_t len, const uint8_t vault[UID_BYTES],
                          struct err *e);
/* Of one that verifies: the public half of what it wraps; borrowed. */
const uint8_t *key_wrapped(const uint8_t *p);
/* What trying a passphrase on it costs: passes × KiB. */
uint64_t key_cost(const uint8_t *p);

#endif
