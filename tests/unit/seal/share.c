/* SPDX-License-Identifier: Apache-2.0 */
/* Shares: any k of n give the key back, fewer say nothing, and what does not
 * belong together is refused. */
#include "fixture.h"

#include <stdlib.h>
#include <time.h>

static uint64_t seed;

static uint64_t next_random(void)
{
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool gives(const struct key_share *s, size_t count, const struct recovery_key *want)
{
    struct recovery_key *k = recovery_key_new();
    bool same = key_combine(s, count, k, NULL) == 0 && memcmp(k, want, sizeof *k) == 0;
    recovery_key_free(k);
    return same;
}

static void split(const struct recovery_key *key, unsigned k, unsigned n, struct key_share *out)
{
    struct err e = ERR_INIT;
    if (key_split(key, fixture_vault, k, n, out, &e))
        fail_msg("%s", e.msg);
}

/* Every subset of every size, for every k of n up to 6. */
static void any_k_of_them_give_the_key_and_fewer_do_not(void **state)
{
    (void)state;
    struct recovery_key *key = recovery_key_new();
    struct key_share *all = key_shares_new(6), *some = key_shares_new(6);
    for (unsigned n = 2; n <= 6; n++)
        for (unsigned k = 2; k <= n; k++) {
            recovery_key_generate(key);
            split(key, k, n, all);
            for (unsigned set = 1; set < 1u << n; set++) {
                unsigned count = 0;
                for (unsigned i = 0; i < n; i++)
                    if (set >> i & 1)
                        some[count++] = all[i];
                assert_int_equal(gives(some, count, key), count >= k);
                for (unsigned i = 0; count < k && i < count; i++)
                    some[i].k = (uint8_t)count; /* as if fewer sufficed */
                if (count < k && count >= 2)
                    assert_false(gives(some, count, key));
            }
        }
    key_shares_free(all);
    key_shares_free(some);
    recovery_key_free(key);
}

static void as_many_as_there_can_be(void **state)
{
    (void)state;
    struct recovery_key *key = recovery_key_new();
    struct key_share *all = key_shares_new(SHARES_MAX), *some = key_shares_new(SHARES_MAX);
    recovery_key_generate(key);
    split(key, 200, SHARES_MAX, all);
    for (size_t i = 0; i < SHARES_MAX; i++)
        some[i] = all[SHARES_MAX - 1 - i];
    assert_true(gives(all, SHARES_MAX, key));
    assert_true(gives(some, 200, key));
    for (size_t i = SHARES_MAX - 1; i > 0; i--) {
        size_t j = (size_t)(next_random() % (i + 1));
        struct key_share t = all[i];
        all[i] = all[j];
        all[j] = t;
    }
    assert_true(gives(all, 200, key));
    key_shares_free(all);
    key_shares_free(some);
    recovery_key_free(key);
}

/* With k − 1 shares every key is as likely as any other: each byte of a share
 * takes every value about equally often, whatever the key is. */
static void shares_are_uniform(void **state)
{
    (void)state;
    enum { RUNS = 1024 };
    struct recovery_key *key = recovery_key_new();
    struct key_share *two = key_shares_new(3);
    for (int value = 0; value <= 0xff; value += 0xff) {
        unsigned seen[3][256] = {{0}}, pair[256] = {0};
        memset(key->secret_key, value, sizeof key->secret_key);
        for (int run = 0; run < RUNS; run++) {
            split(key, 3, 3, two);
            for (size_t byte = 0; byte < 32; byte++) {
                for (int i = 0; i < 3; i++)
                    seen[i][two[i].y[byte]]++;
                pair[two[0].y[byte] ^ two[1].y[byte]]++;
            }
        }
        double expected = RUNS * 32 / 256.0;
        for (int i = 0; i < 4; i++) {
            double chi = 0;
            for (int v = 0; v < 256; v++) {
                double d = (i < 3 ? seen[i][v] : pair[v]) - expected;
                chi += d * d / expected;
            }
            /* 255 degrees of freedom: mean 255, deviation 22.6; this is 11 of them. */
            if (chi > 505)
                fail_msg("share %d of key 0x%02x: chi-square %.1f", i, value, chi);
        }
    }
    key_shares_free(two);
    recovery_key_free(key);
}

/* What the polynomial of the format page gives; computed by another program. */
static void known_shares_give_a_known_key(void **state)
{
    (void)state;
    struct recovery_key *key = fixture_recovery();
    struct key_share *s = key_shares_new(3);
    static const uint8_t x[3] = {1, 2, 255};
    /* y = key + 0x53·x + 0xca·x², byte by byte: 0x53 and 0xca are inverses. */
    static const uint8_t add[3] = {0x99, 0xa3, 0x9d};
    for (int i = 0; i < 3; i++) {
        memcpy(s[i].vault_id, fixture_vault, sizeof s[i].vault_id);
        s[i].k = 3;
        s[i].x = x[i];
        for (size_t byte = 0; byte < 32; byte++)
            s[i].y[byte] = key->secret_key[byte] ^ add[i];
    }
    assert_true(gives(s, 3, key));
    key_shares_free(s);
    recovery_key_free(key);
}

static void what_does_not_belong_together_is_refused(void **state)
{
    (void)state;
    struct recovery_key *key = fixture_recovery(), *out = recovery_key_new();
    struct key_share *a = key_shares_new(3), *b = key_shares_new(3);
    struct err e = ERR_INIT;
    split(key, 2, 3, a);
    split(key, 2, 3, b);
    struct key_share keep = a[1];
    a[1] = b[1];
    assert_int_equal(key_combine(a, 2, out, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    a[1] = keep;
    a[1].vault_id[3] ^= 1;
    assert_int_equal(key_combine(a, 2, out, &e), -1);
    a[1] = a[0];
    assert_int_equal(key_combine(a, 2, out, &e), -1);
    a[1] = keep;
    a[1].x = 0;
    assert_int_equal(key_combine(a, 2, out, &e), -1);
    a[1] = keep;
    assert_int_equal(key_combine(a, 1, out, &e), -1);
    assert_int_equal(key_combine(a, 0, out, &e), -1);
    assert_int_equal(key_combine(a, 2, out, &e), 0);
    static const unsigned bad[][2] = {{1, 1}, {0, 5}, {1, 5}, {4, 3}, {2, 256}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(key_split(key, fixture_vault, bad[i][0], bad[i][1], a, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    key_shares_free(a);
    key_shares_free(b);
    recovery_key_free(key);
    recovery_key_free(out);
}

static int set_up(void **state)
{
    const char *text = getenv("ABRI_SEED");
    seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    print_message("ABRI_SEED=%llu\n", (unsigned long long)seed);
    return fixture_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_k_of_them_give_the_key_and_fewer_do_not),
        cmocka_unit_test(as_many_as_there_can_be),
        cmocka_unit_test(shares_are_uniform),
        cmocka_unit_test(known_shares_give_a_known_key),
        cmocka_unit_test(what_does_not_belong_together_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
