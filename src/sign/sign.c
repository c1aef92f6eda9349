/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 over "abri:" ‖ context ‖ NUL ‖ message.
 *
 * Pure Ed25519 hashes its message twice, so libsodium wants it in one piece,
 * and the prefix has to stand before it. What is signed here is small and
 * bounded (SIGN_MESSAGE_MAX), so the copy goes to the stack or, if it is
 * larger, to one static buffer; nothing is allocated, so signing cannot fail
 * and a failed verification always means a wrong signature, never a lack of
 * memory.
 *
 * Does not hash first and sign the hash (Ed25519ph): the format says plain
 * RFC 8032, which any other program can check.
 *
 * Invariants
 * 1. The context holds no NUL (it is a C string), so the joined bytes can be
 *    cut back into context and message in one way only.
 * 2. large_message is touched only under large_lock.
 */
#include "sign/sign.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

_Static_assert(SIGN_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(SIGN_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519 seed");
_Static_assert(SIGN_BYTES == crypto_sign_BYTES, "Ed25519 signature");
_Static_assert(sizeof((struct sign_key *)0)->secret == crypto_sign_SECRETKEYBYTES,
               "Ed25519 secret");

#define SIGN_PREFIX     "abri:"
#define SIGN_PREFIX_LEN (sizeof SIGN_PREFIX - 1)
#define SIGN_ON_STACK   ((size_t)8192)
#define SIGN_JOINED_MAX (SIGN_PREFIX_LEN + SIGN_CONTEXT_MAX + 1 + SIGN_MESSAGE_MAX)

static pthread_mutex_t large_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t large_message[SIGN_JOINED_MAX];

int sign_init(struct err *e)
{
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, "libsodium cannot start: no source of random numbers");
    return 0;
}

void sign_key_new(struct sign_key *out)
{
    (void)crypto_sign_keypair(out->public_key, out->secret);
}

void sign_key_from_seed(const uint8_t seed[SIGN_SEED_BYTES], struct sign_key *out)
{
    (void)crypto_sign_seed_keypair(out->public_key, out->secret, seed);
}

void sign_key_seed(const struct sign_key *k, uint8_t seed_out[SIGN_SEED_BYTES])
{
    (void)crypto_sign_ed25519_sk_to_seed(seed_out, k->secret);
}

void sign_key_done(struct sign_key *k)
{
    if (k)
        sodium_memzero(k, sizeof *k);
}

/* Writes prefix, context, NUL and message to `to`; the joined length. */
static size_t join(uint8_t *to, const char *context, const void *msg, size_t len)
{
    size_t context_len = strlen(context);
    memcpy(to, SIGN_PREFIX, SIGN_PREFIX_LEN);
    memcpy(to + SIGN_PREFIX_LEN, context, context_len + 1);
    size_t head = SIGN_PREFIX_LEN + context_len + 1;
    if (len)
        memcpy(to + head, msg, len);
    return head + len;
}

static bool fits_stack(size_t len)
{
    return len <= SIGN_ON_STACK - SIGN_PREFIX_LEN - SIGN_CONTEXT_MAX - 1;
}

void sign_make(const struct sign_key *k, const char *context, const void *msg, size_t len,
               uint8_t out[SIGN_BYTES])
{
    assert(strlen(context) <= SIGN_CONTEXT_MAX && len <= SIGN_MESSAGE_MAX);
    if (fits_stack(len)) {
        uint8_t joined[SIGN_ON_STACK];
        size_t n = join(joined, context, msg, len);
        (void)crypto_sign_detached(out, NULL, joined, n, k->secret);
        return;
    }
    (void)pthread_mutex_lock(&large_lock);
    size_t n = join(large_message, context, msg, len);
    (void)crypto_sign_detached(out, NULL, large_message, n, k->secret);
    (void)pthread_mutex_unlock(&large_lock);
}

bool sign_verify(const uint8_t public_key[SIGN_PUBLIC_BYTES], const char *context, const void *msg,
                 size_t len, const uint8_t sig[SIGN_BYTES])
{
    assert(strlen(context) <= SIGN_CONTEXT_MAX);
    if (len > SIGN_MESSAGE_MAX)
        return false; /* the length may come from a hostile disk */
    if (fits_stack(len)) {
        uint8_t joined[SIGN_ON_STACK];
        size_t n = join(joined, context, msg, len);
        return crypto_sign_verify_detached(sig, joined, n, public_key) == 0;
    }
    (void)pthread_mutex_lock(&large_lock);
    size_t n = join(large_message, context, msg, len);
    bool good = crypto_sign_verify_detached(sig, large_message, n, public_key) == 0;
    (void)pthread_mutex_unlock(&large_lock);
    return good;
}
