/* SPDX-License-Identifier: Apache-2.0 */
/* Roots and proofs are those that everybody's Certificate Transparency tests know, and those of the
 * definition. */
#include "naive_tree.h"

#include "base/bytes.h"
#include "sign/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *entry;
    size_t len;
    const char *root; /* of the tree that ends with this entry */
} known[8] = {
    {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static void bin(const char *hex, uint8_t out[MERKLE_BYTES])
{
    assert_true(hex_decode(hex, strlen(hex), out, MERKLE_BYTES));
}

static void known_roots(void **state)
{
    (void)state;
    struct merkle_edge edge = {0};
    naive_hash leaves[8];
    uint8_t root[MERKLE_BYTES], expected[MERKLE_BYTES];
    merkle_edge_root(&edge, root);
    bin("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", expected);
    assert_memory_equal(root, expected, MERKLE_BYTES);
    for (unsigned i = 0; i < 8; i++) {
        merkle_leaf(known[i].entry, known[i].len, leaves[i]);
        merkle_edge_add(&edge, leaves[i]);
        assert_int_equal(edge.size, i + 1);
        assert_int_equal(edge.count, __builtin_popcount(i + 1));
        bin(known[i].root, expected);
        merkle_edge_root(&edge, root);
        assert_memory_equal(root, expected, MERKLE_BYTES);
        naive_root(leaves, i + 1, root);
        assert_memory_equal(root, expected, MERKLE_BYTES);
    }
}

static void known_proofs(void **state)
{
    (void)state;
    static const struct {
        uint64_t from, to;
        const char *hashes[4];
    } proofs[] = {
        {1,
         8,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {6,
         8,
         {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2,
         5,
         {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        uint8_t from[MERKLE_BYTES], to[MERKLE_BYTES];
        naive_hash proof[4];
        size_t count = 0;
        for (; count < 4 && proofs[i].hashes[count]; count++)
            bin(proofs[i].hashes[count], proof[count]);
        bin(known[proofs[i].from - 1].root, from);
        bin(known[proofs[i].to - 1].root, to);
        assert_true(
            merkle_verify_consistency(proofs[i].from, from, proofs[i].to, to, proof[0], count));
    }
}

static void nothing_and_equality(void **state)
{
    (void)state;
    naive_hash empty, a = {1}, b = {2};
    merkle_empty(empty);
    assert_true(merkle_verify_consistency(0, empty, 0, empty, NULL, 0));
    assert_false(merkle_verify_consistency(0, empty, 0, a, NULL, 0));
    assert_true(merkle_verify_consistency(0, empty, 7, a, NULL, 0));
    assert_false(merkle_verify_consistency(0, empty, 7, a, a, 1));
    assert_true(merkle_verify_consistency(7, a, 7, a, NULL, 0));
    assert_false(merkle_verify_consistency(7, a, 7, a, a, 1));
    assert_false(merkle_verify_consistency(7, a, 7, b, NULL, 0));
    assert_false(merkle_verify_consistency(8, a, 7, a, NULL, 0));
    assert_false(merkle_verify_consistency(4, a, 8, b, NULL, 0));
    assert_true(merkle_verify_inclusion(a, 0, 1, NULL, 0, a));
    assert_false(merkle_verify_inclusion(a, 0, 1, a, 1, a));
    assert_false(merkle_verify_inclusion(a, 0, 0, NULL, 0, a));
    assert_false(merkle_verify_inclusion(a, 1, 1, NULL, 0, a));
    assert_false(merkle_verify_inclusion(a, 0, UINT64_MAX, NULL, 0, a));
}

#define LEAVES 700

static void random_leaves(naive_hash *leaves, uint64_t seed)
{
    for (uint64_t i = 0; i < LEAVES; i++) {
        uint64_t entry[2] = {seed, i};
        merkle_leaf(entry, sizeof entry, leaves[i]);
    }
}

static uint64_t seed_of_run(void)
{
    const char *given = getenv("ABRI_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20260711;
    printf("seed %llu\n", (unsigned long long)seed);
    return seed;
}

/* Each change of one proof must be noticed. */
static void forge_inclusion(const uint8_t *leaf, uint64_t m, uint64_t n, naive_hash *proof,
                            size_t count, const uint8_t *root)
{
    for (size_t i = 0; i < count; i++) {
        proof[i][i % MERKLE_BYTES] ^= 1;
        assert_false(merkle_verify_inclusion(leaf, m, n, proof[0], count, root));
        proof[i][i % MERKLE_BYTES] ^= 1;
    }
    assert_false(merkle_verify_inclusion(leaf, m, n, proof[0], count + 1, root));
    if (count)
        assert_false(merkle_verify_inclusion(leaf, m, n, proof[0], count - 1, root));
    if (n > 1)
        assert_false(merkle_verify_inclusion(leaf, m ? m - 1 : 1, n, proof[0], count, root));
}

static void inclusion_agrees_with_the_definition(void **state)
{
    (void)state;
    static naive_hash leaves[LEAVES];
    random_leaves(leaves, seed_of_run());
    struct merkle_edge edge = {0};
    for (uint64_t n = 1; n <= LEAVES; n++) {
        naive_hash root, plain, proof[MERKLE_PROOF_MAX + 1] = {{0}};
        merkle_edge_add(&edge, leaves[n - 1]);
        merkle_edge_root(&edge, root);
        if (n > 70 && n % 61)
            continue;
        naive_root(leaves, n, plain);
        assert_memory_equal(root, plain, MERKLE_BYTES);
        for (uint64_t m = 0; m<n; m += n> 70 ? 7 : 1) {
            size_t count = naive_path(m, leaves, n, proof);
            assert_true(merkle_verify_inclusion(leaves[m], m, n, proof[0], count, root));
            forge_inclusion(leaves[m], m, n, proof, count, root);
        }
    }
}

static void consistency_agrees_with_the_definition(void **state)
{
    (void)state;
    static naive_hash leaves[LEAVES];
    random_leaves(leaves, seed_of_run() + 1);
    for (uint64_t n = 2; n <= LEAVES; n += n < 70 ? 1 : 97) {
        naive_hash from, to, proof[MERKLE_PROOF_MAX + 1] = {{0}};
        naive_root(leaves, n, to);
        for (uint64_t m = 1; m < n; m += n < 70 ? 1 : 13) {
            size_t count = naive_proof(m, leaves, n, proof);
            naive_root(leaves, m, from);
            assert_true(merkle_verify_consistency(m, from, n, to, proof[0], count));
            assert_false(merkle_verify_consistency(m, to, n, to, proof[0], count));
            assert_false(merkle_verify_consistency(m, from, n, from, proof[0], count));
            assert_false(merkle_verify_consistency(m, from, n, to, proof[0], count + 1));
            assert_false(merkle_verify_consistency(m, from, n, to, proof[0], count - 1));
            for (size_t i = 0; i < count; i++) {
                proof[i][31] ^= 0x80;
                assert_false(merkle_verify_consistency(m, from, n, to, proof[0], count));
                proof[i][31] ^= 0x80;
            }
        }
    }
}

static void too_long_proofs_are_refused_unread(void **state)
{
    (void)state;
    naive_hash a = {1}, b = {2};
    assert_false(merkle_verify_inclusion(a, 0, 2, NULL, MERKLE_PROOF_MAX + 1, b));
    assert_false(merkle_verify_consistency(1, a, 2, b, NULL, SIZE_MAX));
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
        cmocka_unit_test(known_roots),
        cmocka_unit_test(known_proofs),
        cmocka_unit_test(nothing_and_equality),
        cmocka_unit_test(inclusion_agrees_with_the_definition),
        cmocka_unit_test(consistency_agrees_with_the_definition),
        cmocka_unit_test(too_long_proofs_are_refused_unread),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
