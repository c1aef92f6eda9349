/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures (Ed25519, RFC 8032, by libsodium) and the unkeyed BLAKE3 hash that
 * names and chains immutable objects. Knows nothing of decryption.
 *
 * A signature covers "abri:" ‖ context ‖ NUL ‖ message, so that bytes signed
 * for one purpose never verify for another. All functions are thread-safe.
 */
#ifndef ABRI_SIGN_SIGN_H
#define ABRI_SIGN_SIGN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGN_PUBLIC_BYTES 32
#define SIGN_SEED_BYTES   32
#define SIGN_BYTES        64
#define SIGN_CONTEXT_MAX  64                /* characters of a context */
#define SIGN_MESSAGE_MAX  ((size_t)4 << 20) /* bytes of a message; longer ones never verify */
#define HASH_BYTES        32

/* A signing key: the 32-byte seed is the secret. Wipe with sign_key_done. */
struct sign_key {
    uint8_t public_key[SIGN_PUBLIC_BYTES];
    uint8_t secret[64]; /* libsodium's expanded form: seed ‖ public key */
};

/* Once per process, before anything else of sign or seal. */
MUST_CHECK int sign_init(struct err *e);

void sign_key_new(struct sign_key *out);
void sign_key_from_seed(const uint8_t seed[SIGN_SEED_BYTES], struct sign_key *out);
void sign_key_seed(const struct sign_key *k, uint8_t seed_out[SIGN_SEED_BYTES]);
void sign_key_done(struct sign_key *k);

void sign_make(const struct sign_key *k, const char *context, const void *msg, size_t len,
               uint8_t out[SIGN_BYTES]);
bool sign_verify(const uint8_t public_key[SIGN_PUBLIC_BYTES], const char *context, const void *msg,
                 size_t len, const uint8_t sig[SIGN_BYTES]);

/* Unkeyed BLAKE3, 32 bytes. */
void hash_bytes(const void *p, size_t len, uint8_t out[HASH_BYTES]);
/* Of the concatenation of two pieces. */
void hash_two(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[HASH_BYTES]);

/* The same of bytes that come in pieces. */
#define HASH_STREAM_BYTES 1920
struct hash_stream {
    _Alignas(16) uint8_t state[HASH_STREAM_BYTES];
};
void hash_stream_begin(struct hash_stream *h);
void hash_stream_put(struct hash_stream *h, const void *p, size_t len);
void hash_stream_end(const struct hash_stream *h, uint8_t out[HASH_BYTES]);

#endif
