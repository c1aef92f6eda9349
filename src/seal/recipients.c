/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients: `recipients/<generation>`, whom sessions are sealed for, the
 * vault's own secrets boxed to each of them, and the keys that they replaced. */
#include "seal/seal_internal.h"

#include <sodium.h>
#include <string.h>

#define MAGIC "abri.RCP"
#define RECIPIENTS_FORMAT 2 /* 1: without retired keys */
#define RETIRED_BOX_BYTES (32u + BOX_OVERHEAD)
static const char what[] = "list of recipients";

struct vault_secrets *seal_secrets_new(void)
{
    return seal_secret_alloc(sizeof(struct vault_secrets));
}

void seal_secrets_free(struct vault_secrets *s)
{
    seal_secret_free(s);
}

struct retired_keys *retired_keys_new(void)
{
    return seal_secret_alloc(sizeof(struct retired_keys));
}

void retired_keys_free(struct retired_keys *r)
{
    seal_secret_free(r);
}

void retired_keys_add(struct retired_keys *r, const struct recovery_key *k)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (memcmp(r->keys[i].public_key, k->public_key, 32) == 0)
            return;
    if (r->count == SEAL_RETIRED_MAX)
        memmove(r->keys, r->keys + 1, --r->count * sizeof *r->keys);
    r->keys[r->count++] = *k;
}

/* Each retired key: its public half, then its secret one for each recipient. */
static int put_retired(struct buf *out, const struct recipients *r, const struct retired_keys *k,
                       struct err *e)
{
    buf_put_u32(out, k->count);
    for (uint32_t i = 0; i < k->count; i++) {
        buf_put(out, k->keys[i].public_key, 32);
        for (uint32_t j = 0; j < r->count; j++) {
            uint8_t *at = buf_reserve(out, RETIRED_BOX_BYTES);
            if (!at)
                return buf_check(out, what, e);
            if (crypto_box_seal(at, k->keys[i].secret_key, 32, r->public_keys[j]))
                return err_set(e, ERR_NO_KEY, "recipient %u has an unusable public key", j + 1);
            buf_added(out, RETIRED_BOX_BYTES);
        }
    }
    return buf_check(out, what, e);
}

int recipients_make(const struct recipients *r, const uint8_t vault_id[SEAL_UID_BYTES],
                    const struct vault_secrets *s, struct buf *out, struct err *e)
{
    return recipients_make_with(r, NULL, vault_id, s, out, e);
}

int recipients_make_with(const struct recipients *r, const struct retired_keys *retired,
                         const uint8_t vault_id[SEAL_UID_BYTES], const struct vault_secrets *s,
                         struct buf *out, struct err *e)
{
    size_t start = out->len;
    bool has_retired = retired && retired->count;
    buf_put(out, MAGIC, 8);
    buf_put_u32(out, has_retired ? RECIPIENTS_FORMAT : 1);
    buf_put(out, vault_id, SEAL_UID_BYTES);
    buf_put_u64(out, r->generation);
    if (boxes_put(out, r, s, sizeof *s, e) || (has_retired && put_retired(out, r, retired, e)) ||
        buf_check(out, what, e))
        return -1;
    struct sign_key owner;
    sign_key_from_seed(s->owner_seed, &owner);
    uint8_t sig[SIGN_BYTES];
    sign_make(&owner, "recipients", out->data + start, out->len - start, sig);
    sign_key_done(&owner);
    buf_put(out, sig, sizeof sig);
    return buf_check(out, what, e);
}

static bool belongs_together(const struct recovery_key *k)
{
    uint8_t public_key[32];
    return crypto_scalarmult_base(public_key, k->secret_key) == 0 &&
           memcmp(public_key, k->public_key, 32) == 0;
}

/* Of `r`, the recipient that `k` is; r->count if it is none. */
static uint32_t place_of(const struct recipients *r, const struct recovery_key *k)
{
    uint32_t i = 0;
    while (i < r->count && memcmp(r->public_keys[i], k->public_key, 32) != 0)
        i++;
    return i;
}

static int read_retired(struct cursor *c, const struct recipients *r, const struct recovery_key *k,
                        struct retired_keys *out, struct err *e)
{
    uint32_t count = cursor_u32(c);
    if (c->bad || count == 0 || count > SEAL_RETIRED_MAX)
        return err_set(e, ERR_DAMAGED, "%s: %u retired keys", what, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *pk = cursor_bytes(c, 32);
        const uint8_t *boxes = cursor_bytes(c, (size_t)r->count * RETIRED_BOX_BYTES);
        if (!boxes)
            return cursor_check(c, false, what, e);
        if (!out)
            continue;
        struct recovery_key *retired = &out->keys[i];
        memcpy(retired->public_key, pk, 32);
        if (crypto_box_seal_open(retired->secret_key,
                                 boxes + (size_t)place_of(r, k) * RETIRED_BOX_BYTES,
                                 RETIRED_BOX_BYTES, k->public_key, k->secret_key) ||
            !belongs_together(retired))
            return err_set(e, ERR_DAMAGED, "%s: the box of a retired key is damaged", what);
        out->count = i + 1;
    }
    return 0;
}

/* Without `k`, `secrets` and `retired` are not touched. */
static int read_object(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                       const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const struct recovery_key *k,
                       struct vault_secrets *secrets, struct retired_keys *retired,
                       struct recipients *r, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    uint32_t version;
    if (sealed_head_versions(&c, MAGIC, RECIPIENTS_FORMAT, &version, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    r->generation = cursor_u64(&c);
    if (boxes_open(&c, k, sizeof *secrets, secrets, r, what, e) ||
        (version >= 2 && read_retired(&c, r, k, k ? retired : NULL, e)))
        return -1;
    return sealed_owner_end(&c, p, vault, vault_id, owner_pk, "recipients", what, e);
}

int recipients_read(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                    const uint8_t owner_pk[SIGN_PUBLIC_BYTES], struct recipients *out,
                    struct err *e)
{
    struct recipients r = {0};
    if (read_object(p, len, vault_id, owner_pk, NULL, NULL, NULL, &r, e))
        return -1;
    *out = r;
    return 0;
}

static bool is_seed_of(const uint8_t seed[SIGN_SEED_BYTES],
                       const uint8_t public_key[SIGN_PUBLIC_BYTES])
{
    struct sign_key key;
    sign_key_from_seed(seed, &key);
    bool same = memcmp(key.public_key, public_key, SIGN_PUBLIC_BYTES) == 0;
    sign_key_done(&key);
    return same;
}

int recipients_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                    const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const struct recovery_key *k,
                    struct vault_secrets *out, struct err *e)
{
    return recipients_open_with(p, len, vault_id, owner_pk, k, out, NULL, e);
}

int recipients_open_with(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                         const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const struct recovery_key *k,
                         struct vault_secrets *out, struct retired_keys *retired_out, struct err *e)
{
    struct recipients r = {0};
    struct vault_secrets *secrets = seal_secrets_new();
    struct retired_keys *retired = retired_keys_new();
    int rc = secrets && retired
                 ? read_object(p, len, vault_id, owner_pk, k, secrets, retired, &r, e)
                 : err_no_memory(e, what);
    if (rc == 0 && !is_seed_of(secrets->owner_seed, owner_pk))
        rc = err_set(e, ERR_DAMAGED, "%s: its secrets belong to another vault", what);
    if (rc == 0) {
        *out = *secrets;
        if (retired_out)
            *retired_out = *retired;
    }
    retired_keys_free(retired);
    seal_secrets_free(secrets);
    return rc;
}
