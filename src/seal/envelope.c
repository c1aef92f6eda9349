/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions' data keys: `sessions/<session id>`. The commitment makes up for
 * AES-GCM, under which one ciphertext may open with two keys. */
#include "seal/seal_internal.h"

#include <sodium.h>
#include <string.h>

#define MAGIC "abri.SES"
static const char what[] = "session key";

struct data_key *data_key_new(void)
{
    return seal_secret_alloc(sizeof(struct data_key));
}

void data_key_free(struct data_key *k)
{
    seal_secret_free(k);
}

void data_key_generate(struct data_key *k)
{
    seal_random(k->session, sizeof k->session);
    seal_random(k->key, sizeof k->key);
}

void data_key_commit(const uint8_t key[SEAL_KEY_BYTES], uint8_t out[HASH_BYTES])
{
    seal_derive_raw("abri session commitment", key, SEAL_KEY_BYTES, out, HASH_BYTES);
}

int envelope_make(const struct data_key *k, const struct writer_key *w, const struct recipients *r,
                  struct buf *out, struct err *e)
{
    size_t start = out->len;
    uint8_t commitment[HASH_BYTES];
    data_key_commit(k->key, commitment);
    buf_put(out, MAGIC, 8);
    buf_put_u32(out, SEAL_FORMAT);
    buf_put(out, w->vault_id, SEAL_UID_BYTES);
    buf_put(out, k->session, SEAL_UID_BYTES);
    buf_put(out, w->id, SEAL_UID_BYTES);
    buf_put(out, commitment, sizeof commitment);
    if (boxes_put(out, r, k->key, SEAL_KEY_BYTES, e) || buf_check(out, what, e))
        return -1;
    uint8_t sig[SIGN_BYTES];
    sign_make(&w->sign, "session", out->data + start, out->len - start, sig);
    buf_put(out, sig, sizeof sig);
    return buf_check(out, what, e);
}

static int open_into(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                     const struct recovery_key *k, struct data_key *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (object_head(&c, MAGIC, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    const uint8_t *session = cursor_bytes(&c, SEAL_UID_BYTES);
    (void)cursor_bytes(&c, SEAL_UID_BYTES);
    const uint8_t *commitment = cursor_bytes(&c, HASH_BYTES);
    if (boxes_open(&c, k, SEAL_KEY_BYTES, out->key, NULL, what, e))
        return -1;
    (void)cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, what, e))
        return -1;
    uint8_t actual[HASH_BYTES];
    data_key_commit(out->key, actual);
    if (memcmp(vault, vault_id, SEAL_UID_BYTES) != 0 ||
        sodium_memcmp(actual, commitment, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: the key is not the one that the session committed to",
                       what);
    memcpy(out->session, session, SEAL_UID_BYTES);
    return 0;
}

int envelope_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                  const struct recovery_key *k, struct data_key *out, struct err *e)
{
    struct data_key *key = data_key_new();
    if (!key)
        return err_no_memory(e, what);
    int rc = open_into(p, len, vault_id, k, key, e);
    if (rc == 0)
        *out = *key;
    data_key_free(key);
    return rc;
}

int envelope_recipients(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                        struct recipients *out, struct err *e)
{
    struct recipients r = {0};
    struct cursor c = cursor_of(p, len);
    if (object_head(&c, MAGIC, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    (void)cursor_bytes(&c, 2 * SEAL_UID_BYTES + HASH_BYTES);
    if (boxes_open(&c, NULL, SEAL_KEY_BYTES, NULL, &r, what, e))
        return -1;
    (void)cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, what, e))
        return -1;
    if (memcmp(vault, vault_id, SEAL_UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: belongs to another vault", what);
    *out = r;
    return 0;
}
