/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees by their right edge, and the checks of proofs. Nothing is allocated, nothing fails.
 * Proofs are not made here: that takes the hashes of the whole tree, which tlog keeps.
 *
 * Invariants
 * 1. An edge of `size` leaves has one hash for each bit that is set in size, the highest bit first:
 * the root of the full subtree of that many leaves.
 * 2. A proof is accepted only if every one of its hashes was used: no proof is longer than it must
 * be.
 */
#include "sign/merkle.h"

#include <sodium.h>
#include <string.h>

_Static_assert(MERKLE_BYTES == crypto_hash_sha256_BYTES, "RFC 9162 with SHA-256");

void merkle_leaf(const void *entry, size_t len, uint8_t out[static MERKLE_BYTES])
{
    static const uint8_t prefix = 0x00;
    crypto_hash_sha256_state h;
    (void)crypto_hash_sha256_init(&h);
    (void)crypto_hash_sha256_update(&h, &prefix, 1);
    if (len)
        (void)crypto_hash_sha256_update(&h, entry, len);
    (void)crypto_hash_sha256_final(&h, out);
}

void merkle_node(const uint8_t left[static MERKLE_BYTES], const uint8_t right[static MERKLE_BYTES],
                 uint8_t out[static MERKLE_BYTES])
{
    uint8_t joined[1 + 2 * MERKLE_BYTES] = {0x01};
    memcpy(joined + 1, left, MERKLE_BYTES);
    memcpy(joined + 1 + MERKLE_BYTES, right, MERKLE_BYTES);
    (void)crypto_hash_sha256(out, joined, sizeof joined);
}

void merkle_empty(uint8_t out[static MERKLE_BYTES])
{
    (void)crypto_hash_sha256(out, NULL, 0);
}

void merkle_edge_add(struct merkle_edge *t, const uint8_t leaf[static MERKLE_BYTES])
{
    uint8_t hash[MERKLE_BYTES];
    memcpy(hash, leaf, sizeof hash);
    /* Each bit of the old size that carries is a subtree that grows into the next. */
    for (uint64_t carry = t->size; carry & 1; carry >>= 1)
        merkle_node(t->hashes[--t->count], hash, hash);
    memcpy(t->hashes[t->count++], hash, sizeof hash);
    t->size++;
}

void merkle_edge_root(const struct merkle_edge *t, uint8_t out[static MERKLE_BYTES])
{
    if (t->count == 0) {
        merkle_empty(out);
        return;
    }
    memcpy(out, t->hashes[t->count - 1], MERKLE_BYTES);
    for (unsigned i = t->count - 1; i-- > 0;)
        merkle_node(t->hashes[i], out, out);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, MERKLE_BYTES) == 0;
}

bool merkle_verify_inclusion(const uint8_t leaf[static MERKLE_BYTES], uint64_t index, uint64_t size,
                             const uint8_t *proof, size_t count,
                             const uint8_t root[static MERKLE_BYTES])
{
    if (index >= size || count > MERKLE_PROOF_MAX)
        return false;
    uint64_t fn = index, sn = size - 1; /* as the RFC names them */
    uint8_t hash[MERKLE_BYTES];
    memcpy(hash, leaf, sizeof hash);
    for (size_t i = 0; i < count; i++, proof += MERKLE_BYTES) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            merkle_node(proof, hash, hash);
            for (; !(fn & 1) && fn != 0; fn >>= 1)
                sn >>= 1;
        } else {
            merkle_node(hash, proof, hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(hash, root);
}

/* The RFC's algorithm for 0 < from < to; `first` stands for the proof's first hash, which is left
 * out when the older tree is full. */
static bool consistent(uint64_t from, const uint8_t *from_root, uint64_t to, const uint8_t *to_root,
                       const uint8_t *first, const uint8_t *proof, size_t count)
{
    uint64_t fn = from - 1, sn = to - 1;
    for (; fn & 1; fn >>= 1)
        sn >>= 1;
    uint8_t fr[MERKLE_BYTES], sr[MERKLE_BYTES];
    memcpy(fr, first, sizeof fr);
    memcpy(sr, first, sizeof sr);
    for (size_t i = 0; i < count; i++, proof += MERKLE_BYTES) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            merkle_node(proof, fr, fr);
            merkle_node(proof, sr, sr);
            for (; !(fn & 1) && fn != 0; fn >>= 1)
                sn >>= 1;
        } else {
            merkle_node(sr, proof, sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(fr, from_root) && same(sr, to_root);
}

bool merkle_verify_consistency(uint64_t from, const uint8_t from_root[static MERKLE_BYTES],
                               uint64_t to, const uint8_t to_root[static MERKLE_BYTES],
                               const uint8_t *proof, size_t count)
{
    if (from > to || count > MERKLE_PROOF_MAX)
        return false;
    if (from == to)
        return count == 0 && same(from_root, to_root);
    if (from == 0)
        return count == 0;
    if (count == 0)
        return false;
    if ((from & (from - 1)) == 0)
        return consistent(from, from_root, to, to_root, from_root, proof, count);
    return consistent(from, from_root, to, to_root, proof, proof + MERKLE_BYTES, count - 1);
}
