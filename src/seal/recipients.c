/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients: `recipients/<generation>`, whom sessions are sealed for, and the
 * vault's own secrets boxed to each of them. */
#include "seal/seal_internal.h"

#include <string.h>

#define MAGIC "abri.RCP"
static const char what[] = "list of recipients";

struct vault_secrets *seal_secrets_new(void)
{
    return seal_secret_alloc(sizeof(struct vault_secrets));
}

void seal_secrets_free(struct vault_secrets *s)
{
    seal_secret_free(s);
}

int recipients_make(const struct recipients *r, const uint8_t vault_id[SEAL_UID_BYTES],
                    const struct vault_secrets *s, struct buf *out, struct err *e)
{
    size_t start = out->len;
    buf_put(out, MAGIC, 8);
    buf_put_u32(out, SEAL_FORMAT);
    buf_put(out, vault_id, SEAL_UID_BYTES);
    buf_put_u64(out, r->generation);
    if (boxes_put(out, r, s, sizeof *s, e) || buf_check(out, what, e))
        return -1;
    struct sign_key owner;
    sign_key_from_seed(s->owner_seed, &owner);
    uint8_t sig[SIGN_BYTES];
    sign_make(&owner, "recipients", out->data + start, out->len - start, sig);
    sign_key_done(&owner);
    buf_put(out, sig, sizeof sig);
    return buf_check(out, what, e);
}

static int read_object(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                       const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const struct recovery_key *k,
                       struct vault_secrets *secrets, struct recipients *r, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (object_head(&c, MAGIC, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    r->generation = cursor_u64(&c);
    if (boxes_open(&c, k, sizeof *secrets, secrets, r, what, e))
        return -1;
    size_t signed_len = (size_t)(c.p - (const uint8_t *)p);
    const uint8_t *sig = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, what, e))
        return -1;
    if (memcmp(vault, vault_id, SEAL_UID_BYTES) != 0 ||
        !sign_verify(owner_pk, "recipients", p, signed_len, sig))
        return err_set(e, ERR_DAMAGED,
                       "%s: not signed by this vault's owner; it is damaged or forged", what);
    return 0;
}

int recipients_read(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                    const uint8_t owner_pk[SIGN_PUBLIC_BYTES], struct recipients *out,
                    struct err *e)
{
    struct recipients r = {0};
    if (read_object(p, len, vault_id, owner_pk, NULL, NULL, &r, e))
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
    struct recipients r = {0};
    struct vault_secrets *secrets = seal_secrets_new();
    if (!secrets)
        return err_no_memory(e, what);
    int rc = read_object(p, len, vault_id, owner_pk, k, secrets, &r, e);
    if (rc == 0 && !is_seed_of(secrets->owner_seed, owner_pk))
        rc = err_set(e, ERR_DAMAGED, "%s: its secrets belong to another vault", what);
    if (rc == 0)
        *out = *secrets;
    seal_secrets_free(secrets);
    return rc;
}
