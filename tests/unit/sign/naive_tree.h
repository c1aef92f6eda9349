/* SPDX-License-Identifier: Apache-2.0 */
/* Merkle trees as RFC 9162 defines them, by recursion over all leaves: slow and plainly right. */
#ifndef ABRI_TESTS_NAIVE_TREE_H
#define ABRI_TESTS_NAIVE_TREE_H

#include "sign/merkle.h"

typedef uint8_t naive_hash[MERKLE_BYTES];

/* 2.1.1: MTH(D[0:n]); `leaves` are the leaves' hashes. */
void naive_root(naive_hash *leaves, uint64_t n, uint8_t out[MERKLE_BYTES]);
/* 2.1.3.1: PATH(m, D[0:n]). */
size_t naive_path(uint64_t m, naive_hash *leaves, uint64_t n, naive_hash *out);
/* 2.1.4.1: PROOF(m, D[0:n]), 0 < m <= n. */
size_t naive_proof(uint64_t m, naive_hash *leaves, uint64_t n, naive_hash *out);

#endif
