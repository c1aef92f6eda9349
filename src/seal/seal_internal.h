/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share and nobody else sees. */
#ifndef ABRI_SEAL_INTERNAL_H
#define ABRI_SEAL_INTERNAL_H

#include "seal/seal.h"

void *seal_secret_alloc(size_t len); /* zeroed, guarded, locked */
void seal_secret_free(void *p);
void seal_derive_raw(const char *context, const void *p, size_t len, uint8_t *out, size_t out_len);

/* AES-256-GCM of a short message with the format's nonce. */
MUST_CHECK int gcm_seal_small(const uint8_t key[SEAL_KEY_BYTES], const void *aad, size_t aad_len,
                              const void *p, size_t len, uint8_t *out, struct err *e);
bool gcm_open_small(const uint8_t key[SEAL_KEY_BYTES], const void *aad, size_t aad_len,
                    const uint8_t *p, size_t len, uint8_t *out);

/* What makes up for AES-GCM, under which one ciphertext may open with two keys. */
void data_key_commit(const uint8_t key[SEAL_KEY_BYTES], uint8_t out[HASH_BYTES]);

/* Magic and version at the head of every object: ERR_DAMAGED, ERR_NEWER. */
MUST_CHECK int object_head(struct cursor *c, const char magic[8], const char *what, struct err *e);
/* The same for objects that have several versions, 1 … `newest`. */
MUST_CHECK int sealed_head_versions(struct cursor *c, const char magic[8], uint32_t newest,
                                    uint32_t *version_out, const char *what, struct err *e);

/* The end of an object that the owner signed: everything before the signature, at
 * which `c` stands. `vault` is the id that was read from it. */
MUST_CHECK int sealed_owner_end(struct cursor *c, const uint8_t *object, const uint8_t *vault,
                                const uint8_t vault_id[SEAL_UID_BYTES],
                                const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const char *context,
                                const char *what, struct err *e);

/* A list of (public key, box) pairs, as recipients and envelopes have. */
#define BOX_OVERHEAD 48u
MUST_CHECK int boxes_put(struct buf *out, const struct recipients *r, const void *secret,
                         size_t len, struct err *e);
/* Reads count and pairs; opens the box of `k` into `out`. With `k` NULL only
 * reads; `r_out` (may be NULL) gets the public keys. */
MUST_CHECK int boxes_open(struct cursor *c, const struct recovery_key *k, size_t len, void *out,
                          struct recipients *r_out, const char *what, struct err *e);

#endif
