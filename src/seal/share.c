/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shamir's secret sharing (Communications of the ACM 22, 1979) over GF(256)
 * with the polynomial x^8 + x^4 + x^3 + x + 1, each byte of the key by itself.
 *
 *  H1 no branch and no address depends on a secret: multiplication is eight
 *     masked steps, never a table; inverses are taken of share numbers, which
 *     are public, and cost the same for all of them;
 *  H2 the coefficients but the constant one are uniform and fresh, so that any
 *     k − 1 shares are uniform whatever the key is.
 */
#include "seal/seal_internal.h"

#include <string.h>

struct key_share *key_shares_new(size_t count)
{
    return count && count <= SHARES_MAX ? seal_secret_alloc(count * sizeof(struct key_share))
                                        : NULL;
}

void key_shares_free(struct key_share *s)
{
    seal_secret_free(s);
}

static uint8_t gf_mul(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (int i = 0; i < 8; i++) {
        uint8_t take = (uint8_t) - (b >> i & 1);
        uint8_t carry = (uint8_t) - (a >> 7);
        product = (uint8_t)(product ^ (a & take));
        a = (uint8_t)(a << 1 ^ (carry & 0x1b));
    }
    return product;
}

/* a^254, which is 1/a. */
static uint8_t gf_inverse(uint8_t a)
{
    uint8_t r = 1;
    for (int i = 7; i >= 0; i--) {
        r = gf_mul(r, r);
        if (i) /* 254 is 11111110 */
            r = gf_mul(r, a);
    }
    return r;
}

/* ---- splitting ------------------------------------------------------------ */

/* Horner: c[0] + c[1]·x + … + c[k − 1]·x^(k − 1). */
static uint8_t evaluate(const uint8_t *c, size_t k, uint8_t x)
{
    uint8_t y = 0;
    for (size_t i = k; i-- > 0;)
        y = (uint8_t)(gf_mul(y, x) ^ c[i]);
    return y;
}

int key_split(const struct recovery_key *key, const uint8_t vault_id[SEAL_UID_BYTES], unsigned k,
              unsigned n, struct key_share *out, struct err *e)
{
    if (k < 2 || k > n || n > SHARES_MAX)
        return err_set(e, ERR_USAGE,
                       "split K of N: K at least 2, N at least K and at most %u, not %u of %u",
                       SHARES_MAX, k, n);
    uint8_t *c = seal_secret_alloc(SHARES_MAX);
    if (!c)
        return err_no_memory(e, "the shares");
    uint8_t set[SHARE_SET_BYTES];
    seal_random(set, sizeof set);
    for (unsigned i = 0; i < n; i++) {
        memcpy(out[i].vault_id, vault_id, SEAL_UID_BYTES);
        memcpy(out[i].set, set, sizeof set);
        out[i].k = (uint8_t)k;
        out[i].x = (uint8_t)(i + 1);
    }
    for (size_t byte = 0; byte < 32; byte++) {
        seal_random(c, k);
        c[0] = key->secret_key[byte];
        for (unsigned i = 0; i < n; i++)
            out[i].y[byte] = evaluate(c, k, out[i].x);
    }
    seal_secret_free(c);
    return 0;
}

/* ---- combining ------------------------------------------------------------- */

static int check_together(const struct key_share *s, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(s[i].vault_id, s[0].vault_id, SEAL_UID_BYTES) != 0)
            return err_set(e, ERR_USAGE, "the shares are of different vaults");
        if (memcmp(s[i].set, s[0].set, SHARE_SET_BYTES) != 0 || s[i].k != s[0].k)
            return err_set(e, ERR_USAGE, "the shares were not split together");
        if (s[i].x == 0)
            return err_set(e, ERR_USAGE, "a share without a number");
        for (size_t j = 0; j < i; j++)
            if (s[j].x == s[i].x)
                return err_set(e, ERR_USAGE, "share %u is there twice", s[i].x);
    }
    if (count == 0 || s[0].k < 2 || count < s[0].k)
        return err_set(e, ERR_USAGE, "%zu shares are too few", count);
    return 0;
}

/* Lagrange's weight of share i at x = 0: the product of xj / (xj − xi). */
static uint8_t weight(const struct key_share *s, size_t k, size_t i)
{
    uint8_t above = 1, below = 1;
    for (size_t j = 0; j < k; j++) {
        if (j == i)
            continue;
        above = gf_mul(above, s[j].x);
        below = gf_mul(below, (uint8_t)(s[j].x ^ s[i].x));
    }
    return gf_mul(above, gf_inverse(below));
}

int key_combine(const struct key_share *shares, size_t count, struct recovery_key *out,
                struct err *e)
{
    uint8_t secret[32] = {0};
    if (check_together(shares, count, e))
        return -1;
    size_t k = shares[0].k;
    for (size_t i = 0; i < k; i++) {
        uint8_t w = weight(shares, k, i);
        for (size_t byte = 0; byte < 32; byte++)
            secret[byte] = (uint8_t)(secret[byte] ^ gf_mul(shares[i].y[byte], w));
    }
    int rc = recovery_key_of_secret(secret, out, e);
    seal_wipe(secret, sizeof secret);
    return rc;
}
