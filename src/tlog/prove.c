/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots and proofs of any size that the log ever had, from tiles: RFC 9162, 2.1.3.1 and 2.1.4.1,
 * with every full subtree taken from the one tile that holds it. O(log n) hashes, a file of 8 KiB
 * for each eight of them.
 *
 * Invariants
 * 1. A proof about the present size is verified against the root in memory before it is handed out:
 * damaged tiles make an error, not a proof that convinces nobody.
 */
#include "tlog/tlog_internal.h"

#include <string.h>

struct prover {
    struct tlog *t;
    uint8_t (*proof)[MERKLE_BYTES];
    size_t count;
};

static int sizes_fit(struct tlog *t, uint64_t size, struct err *e)
{
    uint64_t now = tlog_size(t);
    if (size <= now)
        return 0;
    return err_set(e, ERR_NOT_FOUND, "log '%s' never had %llu entries: it has %llu", t->files.name,
                   (unsigned long long)size, (unsigned long long)now);
}

/* The largest power of two below n > 1. */
static uint64_t split(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* A full subtree: `count` leaves from `at` on, a power of two, and at a multiple of it. */
static int full_node(struct tlog *t, uint64_t at, uint64_t count, uint8_t out[MERKLE_BYTES],
                     struct err *e)
{
    unsigned height = (unsigned)__builtin_ctzll(count), level = height / 8;
    unsigned width = 1u << height % 8;
    uint64_t first = at >> (8 * level);
    uint8_t hashes[TILE_BYTES];
    if (tlog_tile(t, level, first / TILE_WIDTH, (unsigned)(first % TILE_WIDTH), width, hashes, e))
        return -1;
    tile_root(hashes, width, out);
    return 0;
}

/* `at` is a multiple of the power of two that is not below `count`. */
static int subtree(struct tlog *t, uint64_t at, uint64_t count, uint8_t out[MERKLE_BYTES],
                   struct err *e)
{
    if ((count & (count - 1)) == 0)
        return full_node(t, at, count, out, e);
    uint64_t k = split(count);
    uint8_t left[MERKLE_BYTES], right[MERKLE_BYTES];
    if (full_node(t, at, k, left, e) || subtree(t, at + k, count - k, right, e))
        return -1;
    merkle_node(left, right, out);
    return 0;
}

int tlog_root(struct tlog *t, uint64_t size, uint8_t out[MERKLE_BYTES], struct err *e)
{
    uint8_t root[MERKLE_BYTES];
    if (sizes_fit(t, size, e))
        return -1;
    (void)pthread_mutex_lock(&t->lock);
    bool now = size == t->edge.size;
    if (now)
        merkle_edge_root(&t->edge, root);
    (void)pthread_mutex_unlock(&t->lock);
    if (size == 0)
        merkle_empty(root);
    else if (!now && subtree(t, 0, size, root, e))
        return -1;
    memcpy(out, root, MERKLE_BYTES);
    return 0;
}

static int add_subtree(struct prover *p, uint64_t at, uint64_t count, struct err *e)
{
    return subtree(p->t, at, count, p->proof[p->count++], e);
}

/* PATH(m, D[at : at + n]), m counted from `at`. */
static int path(struct prover *p, uint64_t m, uint64_t at, uint64_t n, struct err *e)
{
    if (n == 1)
        return 0;
    uint64_t k = split(n);
    if (m < k)
        return path(p, m, at, k, e) || add_subtree(p, at + k, n - k, e) ? -1 : 0;
    return path(p, m - k, at + k, n - k, e) || add_subtree(p, at, k, e) ? -1 : 0;
}

/* SUBPROOF(m, D[at : at + n], known). */
static int subproof(struct prover *p, uint64_t m, uint64_t at, uint64_t n, bool known,
                    struct err *e)
{
    if (m == n)
        return known ? 0 : add_subtree(p, at, n, e);
    uint64_t k = split(n);
    if (m <= k)
        return subproof(p, m, at, k, known, e) || add_subtree(p, at + k, n - k, e) ? -1 : 0;
    return subproof(p, m - k, at + k, n - k, false, e) || add_subtree(p, at, k, e) ? -1 : 0;
}

static int does_not_hold(struct tlog *t, struct err *e)
{
    return err_set(e, ERR_DAMAGED, "log '%s': its tiles do not hash to its root; verify the log",
                   t->files.name);
}

int tlog_prove_inclusion(struct tlog *t, uint64_t index, uint64_t size,
                         uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES], size_t *count_out,
                         struct err *e)
{
    if (sizes_fit(t, size, e))
        return -1;
    if (index >= size)
        return err_set(e, ERR_NOT_FOUND, "there is no entry %llu among the first %llu",
                       (unsigned long long)index, (unsigned long long)size);
    uint8_t leaf[MERKLE_BYTES], root[MERKLE_BYTES];
    struct prover p = {.t = t, .proof = proof};
    if (path(&p, index, 0, size, e) || full_node(t, index, 1, leaf, e) ||
        tlog_root(t, size, root, e))
        return -1;
    if (!merkle_verify_inclusion(leaf, index, size, proof[0], p.count, root))
        return does_not_hold(t, e);
    *count_out = p.count;
    return 0;
}

int tlog_prove_consistency(struct tlog *t, uint64_t from, uint64_t to,
                           uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES], size_t *count_out,
                           struct err *e)
{
    if (sizes_fit(t, to, e))
        return -1;
    if (from > to)
        return err_set(e, ERR_USAGE, "a log of %llu entries cannot begin with one of %llu",
                       (unsigned long long)to, (unsigned long long)from);
    uint8_t older[MERKLE_BYTES], newer[MERKLE_BYTES];
    struct prover p = {.t = t, .proof = proof};
    if ((from > 0 && from < to && subproof(&p, from, 0, to, true, e)) ||
        tlog_root(t, from, older, e) || tlog_root(t, to, newer, e))
        return -1;
    if (!merkle_verify_consistency(from, older, to, newer, proof[0], p.count))
        return does_not_hold(t, e);
    *count_out = p.count;
    return 0;
}
