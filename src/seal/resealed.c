/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions' data keys sealed anew: `resealed/<session id>-<generation>`. The
 * owner makes them when the recipients change; data is not touched. The
 * original's writer signed the key for its recipients, here the owner does, so
 * a reader needs no writer's certificate.
 */
#include "seal/seal_internal.h"

#include <string.h>

#define MAGIC "abri.RES"
static const char what[] = "re-sealed session key";

int resealed_make(const struct data_key *k, const uint8_t writer[SEAL_UID_BYTES],
                  const struct recipients *r, const uint8_t vault_id[SEAL_UID_BYTES],
                  const struct vault_secrets *s, struct buf *out, struct err *e)
{
    size_t start = out->len;
    uint8_t commitment[HASH_BYTES], sig[SIGN_BYTES];
    data_key_commit(k->key, commitment);
    buf_put(out, MAGIC, 8);
    buf_put_u32(out, SEAL_FORMAT);
    buf_put(out, vault_id, SEAL_UID_BYTES);
    buf_put(out, k->session, SEAL_UID_BYTES);
    buf_put(out, writer, SEAL_UID_BYTES);
    buf_put_u64(out, r->generation);
    buf_put(out, commitment, sizeof commitment);
    if (boxes_put(out, r, k->key, SEAL_KEY_BYTES, e) || buf_check(out, what, e))
        return -1;
    struct sign_key owner;
    sign_key_from_seed(s->owner_seed, &owner);
    sign_make(&owner, "resealed", out->data + start, out->len - start, sig);
    sign_key_done(&owner);
    buf_put(out, sig, sizeof sig);
    return buf_check(out, what, e);
}

int resealed_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                  const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const struct recovery_key *k,
                  struct data_key *out, uint64_t *generation_out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (object_head(&c, MAGIC, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    const uint8_t *session = cursor_bytes(&c, SEAL_UID_BYTES);
    (void)cursor_bytes(&c, SEAL_UID_BYTES); /* writer: the keeper's to check */
    uint64_t generation = cursor_u64(&c);
    const uint8_t *commitment = cursor_bytes(&c, HASH_BYTES);
    struct cursor boxes = c;
    if (boxes_open(&c, NULL, SEAL_KEY_BYTES, NULL, NULL, what, e) ||
        sealed_owner_end(&c, p, vault, vault_id, owner_pk, "resealed", what, e))
        return -1;
    uint8_t key[SEAL_KEY_BYTES], promised[HASH_BYTES];
    if (boxes_open(&boxes, k, sizeof key, key, NULL, what, e))
        return -1;
    data_key_commit(key, promised);
    bool same = memcmp(promised, commitment, HASH_BYTES) == 0;
    if (same) {
        memcpy(out->session, session, SEAL_UID_BYTES);
        memcpy(out->key, key, sizeof key);
        *generation_out = generation;
    }
    seal_wipe(key, sizeof key);
    return same ? 0 : err_set(e, ERR_DAMAGED, "%s: holds another key than it promises", what);
}
