/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recovery key from its shares. Shares carry checks against mistyping, but a
 * share can be forged, so what comes out counts only if the vault knows its
 * public half. Where there are more shares than needed, every choice of as many
 * as needed is tried, within a bound, and who is in none that works is named.
 */
#include "work/keys.h"
#include "work/work_internal.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#define TRIES_MAX 20000u

static bool is_recipient(const struct recipients *r, const struct recovery_key *k)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (memcmp(r->public_keys[i], k->public_key, 32) == 0)
            return true;
    return false;
}

/* The next choice of k among n, in order; false behind the last. */
static bool next_choice(size_t *at, size_t k, size_t n)
{
    for (size_t i = k; i-- > 0;) {
        if (at[i] + (k - i) >= n)
            continue;
        at[i]++;
        for (size_t j = i + 1; j < k; j++)
            at[j] = at[j - 1] + 1;
        return true;
    }
    return false;
}

static bool choice_works(const struct key_share *shares, const size_t *at, size_t k,
                         struct key_share *chosen, const struct recipients *r,
                         struct recovery_key *out)
{
    for (size_t i = 0; i < k; i++)
        chosen[i] = shares[at[i]];
    return key_combine(chosen, k, out, NULL) == 0 && is_recipient(r, out);
}

/* Whether share `which`, with others of a choice that works, works as well. */
static bool fits(const struct key_share *shares, size_t which, const size_t *at, size_t k,
                 struct key_share *chosen, const struct recipients *r, struct recovery_key *scratch)
{
    size_t with[SHARES_MAX];
    memcpy(with, at, k * sizeof *with);
    for (size_t i = 0; i < k; i++)
        if (at[i] == which)
            return true;
    with[0] = which;
    return choice_works(shares, with, k, chosen, r, scratch);
}

static int search(const struct key_share *shares, size_t count, const struct recipients *r,
                  struct key_share *chosen, struct recovery_key *out, struct recovery_key *scratch,
                  size_t *bad_out, struct err *e)
{
    size_t k = shares[0].k, at[SHARES_MAX];
    for (size_t i = 0; i < k; i++)
        at[i] = i;
    unsigned tries = 0;
    do {
        if (!choice_works(shares, at, k, chosen, r, out))
            continue;
        *bad_out = SIZE_MAX;
        for (size_t i = count; i-- > 0;)
            if (!fits(shares, i, at, k, chosen, r, scratch))
                *bad_out = i;
        return 0;
    } while (++tries < TRIES_MAX && next_choice(at, k, count));
    return err_set(e, ERR_NO_KEY,
                   "the shares give no key of this vault: one of them is wrong, or the key was "
                   "replaced since they were printed");
}

int work_key_combine(struct access *a, const struct key_share *shares, size_t count,
                     struct recovery_key *out, size_t *bad_out, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    struct recipients recipients = {0};
    if (count == 0 || count > SHARES_MAX)
        return err_set(e, ERR_USAGE, "%zu shares", count);
    if (memcmp(shares[0].vault_id, vault_get_info(a->vault)->id, UID_BYTES) != 0)
        return err_set(e, ERR_USAGE, "the shares are of another vault");
    if (access_load_recipients(a, &object, &recipients, e) || key_combine(shares, count, out, e))
        return -1;
    struct key_share *chosen = key_shares_new(SHARES_MAX);
    struct recovery_key *scratch = recovery_key_new();
    int rc = chosen && scratch
                 ? search(shares, count, &recipients, chosen, out, scratch, bad_out, e)
                 : err_no_memory(e, "the shares");
    key_shares_free(chosen);
    recovery_key_free(scratch);
    return rc;
}
