/* SPDX-License-Identifier: Apache-2.0 */
/* The golden signatures were made by another implementation (OpenSSL's
 * Ed25519), the hashes are the published BLAKE3 test vectors. */
#include "sign/sign.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LARGE_LEN 100000u

static void assert_hex(const uint8_t *p, size_t len, const char *hex)
{
    char text[2 * 64 + 1];
    assert_true(len <= 64);
    hex_encode(p, len, text);
    assert_string_equal(text, hex);
}

static struct sign_key golden_key(void)
{
    uint8_t seed[SIGN_SEED_BYTES];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)i;
    struct sign_key k;
    sign_key_from_seed(seed, &k);
    return k;
}

static uint8_t *large_message(size_t len)
{
    uint8_t *m = mem_alloc(len);
    assert_non_null(m);
    for (size_t i = 0; i < len; i++)
        m[i] = (uint8_t)(i * 7 + 3);
    return m;
}

static void signatures_match_another_implementation(void **state)
{
    (void)state;
    struct sign_key k = golden_key();
    assert_hex(k.public_key, SIGN_PUBLIC_BYTES,
               "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
    uint8_t sig[SIGN_BYTES];
    sign_make(&k, "vault", "hello, world", 12, sig);
    assert_hex(sig, sizeof sig,
               "cc5530d334beef6625a11763177a7defa6dee5fa49c4b0f933225728387718c3"
               "c93384fda6cc4bca9f4ccabb8b80f6390b5141f2db786a083a9abdbd5de5190f");
    CLEANUP_FREE uint8_t *m = large_message(LARGE_LEN);
    sign_make(&k, "snapshot", m, LARGE_LEN, sig);
    assert_hex(sig, sizeof sig,
               "7c2bc9fe4ac7fd307d8339b055ff2a6f1249aec9612e70f9281b1e761bdf7772"
               "bb733eae3451a096d19fffee1a9c059314a96ae91798d01e93c31280cf8abf08");
    assert_true(sign_verify(k.public_key, "snapshot", m, LARGE_LEN, sig));
}

static void any_changed_bit_fails(void **state)
{
    (void)state;
    struct sign_key k = golden_key();
    uint8_t m[40] = "forty bytes of something worth signing";
    uint8_t sig[SIGN_BYTES];
    sign_make(&k, "c", m, sizeof m, sig);
    assert_true(sign_verify(k.public_key, "c", m, sizeof m, sig));
    for (size_t bit = 0; bit < 8 * sizeof m; bit++) {
        m[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(sign_verify(k.public_key, "c", m, sizeof m, sig));
        m[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof sig; bit++) {
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(sign_verify(k.public_key, "c", m, sizeof m, sig));
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_false(sign_verify(k.public_key, "c", m, sizeof m - 1, sig));
}

static void context_and_key_separate(void **state)
{
    (void)state;
    struct sign_key k = golden_key();
    struct sign_key other;
    sign_key_new(&other);
    uint8_t sig[SIGN_BYTES];
    sign_make(&k, "writer", "x", 1, sig);
    assert_true(sign_verify(k.public_key, "writer", "x", 1, sig));
    assert_false(sign_verify(k.public_key, "write", "rx", 2, sig));
    assert_false(sign_verify(k.public_key, "session", "x", 1, sig));
    assert_false(sign_verify(k.public_key, "", "writer\0x", 8, sig));
    assert_false(sign_verify(other.public_key, "writer", "x", 1, sig));
    sign_key_done(&other);
}

static void weak_public_keys_are_refused(void **state)
{
    (void)state;
    /* A key of order 1 would accept S = 0, R = the neutral point for anything. */
    uint8_t neutral[SIGN_PUBLIC_BYTES] = {1};
    uint8_t sig[SIGN_BYTES] = {1};
    assert_false(sign_verify(neutral, "c", "x", 1, sig));
}

static void seed_round_trip_and_wipe(void **state)
{
    (void)state;
    struct sign_key a, b;
    sign_key_new(&a);
    uint8_t seed[SIGN_SEED_BYTES];
    sign_key_seed(&a, seed);
    sign_key_from_seed(seed, &b);
    assert_memory_equal(&a, &b, sizeof a);
    sign_key_done(&a);
    assert_true(bytes_are_zero(&a, sizeof a));
    sign_key_new(&a);
    assert_memory_not_equal(a.public_key, b.public_key, SIGN_PUBLIC_BYTES);
}

static void lengths_around_the_stack_limit_and_maximum(void **state)
{
    (void)state;
    struct sign_key k = golden_key();
    CLEANUP_FREE uint8_t *m = large_message(SIGN_MESSAGE_MAX + 1);
    uint8_t sig[SIGN_BYTES];
    for (size_t len = 8192 - 80; len <= 8192 + 8; len++) {
        sign_make(&k, "c", m, len, sig);
        assert_true(sign_verify(k.public_key, "c", m, len, sig));
        assert_false(sign_verify(k.public_key, "c", m, len + 1, sig));
    }
    sign_make(&k, "c", m, SIGN_MESSAGE_MAX, sig);
    assert_true(sign_verify(k.public_key, "c", m, SIGN_MESSAGE_MAX, sig));
    assert_false(sign_verify(k.public_key, "c", m, SIGN_MESSAGE_MAX + 1, sig));
    sign_make(&k, "c", NULL, 0, sig);
    assert_true(sign_verify(k.public_key, "c", NULL, 0, sig));
}

struct signer {
    pthread_t thread;
    uint8_t fill;
    bool good;
};

static void *sign_large(void *arg)
{
    struct signer *s = arg;
    struct sign_key k = golden_key();
    uint8_t *m = mem_alloc(LARGE_LEN);
    s->good = m != NULL;
    if (m)
        memset(m, s->fill, LARGE_LEN);
    for (int i = 0; s->good && i < 50; i++) {
        uint8_t sig[SIGN_BYTES];
        sign_make(&k, "snapshot", m, LARGE_LEN, sig);
        s->good = sign_verify(k.public_key, "snapshot", m, LARGE_LEN, sig);
    }
    mem_free(m);
    return NULL;
}

static void threads_do_not_share_messages(void **state)
{
    (void)state;
    struct signer s[4];
    for (size_t i = 0; i < 4; i++) {
        s[i].fill = (uint8_t)i;
        assert_int_equal(pthread_create(&s[i].thread, NULL, sign_large, &s[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(s[i].thread, NULL);
        assert_true(s[i].good);
    }
}

static void hashes_match_the_published_vectors(void **state)
{
    (void)state;
    uint8_t h[HASH_BYTES];
    uint8_t in[1024];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i % 251);
    hash_bytes(NULL, 0, h);
    assert_hex(h, HASH_BYTES, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    hash_bytes(in, 1, h);
    assert_hex(h, HASH_BYTES, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
    hash_bytes(in, 1024, h);
    assert_hex(h, HASH_BYTES, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
    for (size_t cut = 0; cut <= sizeof in; cut += 128) {
        uint8_t two[HASH_BYTES];
        hash_two(in, cut, in + cut, sizeof in - cut, two);
        assert_memory_equal(two, h, HASH_BYTES);
    }
}

static int init(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    return sign_init(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_match_another_implementation),
        cmocka_unit_test(any_changed_bit_fails),
        cmocka_unit_test(context_and_key_separate),
        cmocka_unit_test(weak_public_keys_are_refused),
        cmocka_unit_test(seed_round_trip_and_wipe),
        cmocka_unit_test(lengths_around_the_stack_limit_and_maximum),
        cmocka_unit_test(threads_do_not_share_messages),
        cmocka_unit_test(hashes_match_the_published_vectors),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
