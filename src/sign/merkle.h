/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees over a growing list of entries, as RFC 9162 (section 2.1) hashes them with SHA-256:
 * leaf H(0x00 ‖ entry), node H(0x01 ‖ left ‖ right). Pure functions; proofs are
 * checked here, and made where the hashes are kept (tlog).
 */
#ifndef ABRI_SIGN_MERKLE_H
#define ABRI_SIGN_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_BYTES     32
#define MERKLE_PROOF_MAX 64 /* hashes of any proof; sizes are below 2^63 */

void merkle_leaf(const void *entry, size_t len, uint8_t out[static MERKLE_BYTES]);
void merkle_node(const uint8_t left[static MERKLE_BYTES], const uint8_t right[static MERKLE_BYTES],
                 uint8_t out[static MERKLE_BYTES]);
/* Of the empty tree: SHA-256 of nothing. */
void merkle_empty(uint8_t out[static MERKLE_BYTES]);

/* The right edge of a tree of `size` leaves: the roots of its full subtrees, largest first. */
struct merkle_edge {
    uint64_t size;
    unsigned count; /* bits set in size */
    uint8_t hashes[64][MERKLE_BYTES];
};
void merkle_edge_add(struct merkle_edge *t, const uint8_t leaf[static MERKLE_BYTES]);
void merkle_edge_root(const struct merkle_edge *t, uint8_t out[static MERKLE_BYTES]);

/* RFC 9162, 2.1.3.2: whether `leaf` is entry number `index` of the tree. `proof` is `count` hashes.
 */
bool merkle_verify_inclusion(const uint8_t leaf[static MERKLE_BYTES], uint64_t index, uint64_t size,
                             const uint8_t *proof, size_t count,
                             const uint8_t root[static MERKLE_BYTES]);
/* RFC 9162, 2.1.4.2: whether the tree of size `to` begins with that of size `from`. From 0 anything
 * does, with an empty proof; equal sizes need equal roots and an empty proof. */
bool merkle_verify_consistency(uint64_t from, const uint8_t from_root[static MERKLE_BYTES],
                               uint64_t to, const uint8_t to_root[static MERKLE_BYTES],
                               const uint8_t *proof, size_t count);

#endif
