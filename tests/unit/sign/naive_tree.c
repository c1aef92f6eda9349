/* SPDX-License-Identifier: Apache-2.0 */
#include "naive_tree.h"

#include <stdbool.h>
#include <string.h>

/* The largest power of two smaller than n. */
static uint64_t split(uint64_t n)
{
    uint64_t k = 1;
    while (k * 2 < n)
        k *= 2;
    return k;
}

void naive_root(naive_hash *leaves, uint64_t n, uint8_t out[MERKLE_BYTES])
{
    naive_hash left, right;
    if (n == 0) {
        merkle_empty(out);
    } else if (n == 1) {
        memcpy(out, leaves[0], MERKLE_BYTES);
    } else {
        uint64_t k = split(n);
        naive_root(leaves, k, left);
        naive_root(leaves + k, n - k, right);
        merkle_node(left, right, out);
    }
}

size_t naive_path(uint64_t m, naive_hash *leaves, uint64_t n, naive_hash *out)
{
    if (n == 1)
        return 0;
    uint64_t k = split(n);
    size_t count;
    if (m < k) {
        count = naive_path(m, leaves, k, out);
        naive_root(leaves + k, n - k, out[count]);
    } else {
        count = naive_path(m - k, leaves + k, n - k, out);
        naive_root(leaves, k, out[count]);
    }
    return count + 1;
}

static size_t subproof(uint64_t m, naive_hash *leaves, uint64_t n, bool complete,
                       naive_hash *out)
{
    if (m == n) {
        if (complete)
            return 0;
        naive_root(leaves, n, out[0]);
        return 1;
    }
    uint64_t k = split(n);
    size_t count;
    if (m <= k) {
        count = subproof(m, leaves, k, complete, out);
        naive_root(leaves + k, n - k, out[count]);
    } else {
        count = subproof(m - k, leaves + k, n - k, false, out);
        naive_root(leaves, k, out[count]);
    }
    return count + 1;
}

size_t naive_proof(uint64_t m, naive_hash *leaves, uint64_t n, naive_hash *out)
{
    return subproof(m, leaves, n, true, out);
}
