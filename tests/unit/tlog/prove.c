/* SPDX-License-Identifier: Apache-2.0 */
/* Roots and proofs are those of the definition, wherever the hashes lie. */
#include "log_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEAVES 1400

static struct log_world w;
static naive_hash leaves[LEAVES];
static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void check_inclusion(struct tlog *t, uint64_t m, uint64_t n)
{
    naive_hash proof[MERKLE_PROOF_MAX], expected[MERKLE_PROOF_MAX], root;
    size_t count = 0;
    struct err e = ERR_INIT;
    world_ok(tlog_prove_inclusion(t, m, n, proof, &count, &e), &e);
    assert_int_equal(count, naive_path(m, leaves, n, expected));
    if (count)
        assert_memory_equal(proof, expected, count * MERKLE_BYTES);
    world_ok(tlog_root(t, n, root, &e), &e);
    assert_true(merkle_verify_inclusion(leaves[m], m, n, proof[0], count, root));
}

static void check_consistency(struct tlog *t, uint64_t m, uint64_t n)
{
    naive_hash proof[MERKLE_PROOF_MAX], expected[MERKLE_PROOF_MAX], from, to;
    size_t count = 0;
    struct err e = ERR_INIT;
    world_ok(tlog_prove_consistency(t, m, n, proof, &count, &e), &e);
    assert_int_equal(count, m == 0 || m == n ? 0 : naive_proof(m, leaves, n, expected));
    if (count)
        assert_memory_equal(proof, expected, count * MERKLE_BYTES);
    naive_root(leaves, m, from);
    naive_root(leaves, n, to);
    assert_true(merkle_verify_consistency(m, from, n, to, proof[0], count));
}

static void check_all(struct tlog *t, uint64_t size)
{
    for (unsigned i = 0; i < 60; i++) {
        uint64_t n = 1 + next_random() % size, m = next_random() % n;
        naive_hash root, expected;
        struct err e = ERR_INIT;
        check_inclusion(t, m, n);
        check_inclusion(t, m, size > m ? size : n);
        check_consistency(t, m, n);
        check_consistency(t, n, size);
        world_ok(tlog_root(t, n, root, &e), &e);
        naive_root(leaves, n, expected);
        assert_memory_equal(root, expected, MERKLE_BYTES);
    }
}

static void proofs_agree_with_the_definition(void **state)
{
    (void)state;
    const char *given = getenv("ABRI_SEED");
    seed = given ? strtoull(given, NULL, 0) : 7311;
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < LEAVES; i++)
        world_leaf(i, leaves[i]);
    struct tlog *t = world_create(&w);
    for (uint64_t size = 1; size <= LEAVES; size += 1 + next_random() % 250) {
        world_grow(t, size);
        check_all(t, size);
        if (next_random() % 2) {
            tlog_close(t);
            t = world_open(&w);
            check_all(t, size);
        }
    }
    tlog_close(t);
}

static void what_was_never_there_is_not_proved(void **state)
{
    (void)state;
    naive_hash proof[MERKLE_PROOF_MAX], root;
    size_t count = 99;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    world_grow(t, 10);
    assert_int_equal(tlog_prove_inclusion(t, 10, 10, proof, &count, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(tlog_prove_inclusion(t, 3, 11, proof, &count, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(tlog_prove_inclusion(t, 0, 0, proof, &count, &e), -1);
    assert_int_equal(tlog_prove_consistency(t, 3, 11, proof, &count, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(tlog_prove_consistency(t, 5, 3, proof, &count, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(tlog_root(t, 11, root, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(tlog_root(t, UINT64_MAX, root, &e), -1);
    assert_int_equal(count, 99);
    tlog_close(t);
}

static int setup(void **state)
{
    (void)state;
    world_make(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_done(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proofs_agree_with_the_definition, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_never_there_is_not_proved, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
