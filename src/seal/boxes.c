/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that the sealed objects share: heads, boxes to recipients, and
 * AES-GCM for messages too short to keep a context for. */
#include "seal/seal_internal.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

int object_head(struct cursor *c, const char magic[8], const char *what, struct err *e)
{
    uint32_t version;
    return sealed_head_versions(c, magic, SEAL_FORMAT, &version, what, e);
}

int sealed_head_versions(struct cursor *c, const char magic[8], uint32_t newest,
                         uint32_t *version_out, const char *what, struct err *e)
{
    const uint8_t *m = cursor_bytes(c, 8);
    uint32_t version = cursor_u32(c);
    if (!m || memcmp(m, magic, 8) != 0)
        return err_set(e, ERR_DAMAGED, "%s: this is something else, or its head is damaged", what);
    if (version > newest)
        return err_set(e, ERR_NEWER, "%s was written by a newer abri (format %u): update abri",
                       what, version);
    if (c->bad || version == 0)
        return err_set(e, ERR_DAMAGED, "%s: damaged version", what);
    *version_out = version;
    return 0;
}

int sealed_owner_end(struct cursor *c, const uint8_t *object, const uint8_t *vault,
                     const uint8_t vault_id[SEAL_UID_BYTES],
                     const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const char *context,
                     const char *what, struct err *e)
{
    size_t signed_len = (size_t)(c->p - object);
    const uint8_t *signature = cursor_bytes(c, SIGN_BYTES);
    if (cursor_check(c, true, what, e))
        return -1;
    if (memcmp(vault, vault_id, SEAL_UID_BYTES) == 0 &&
        sign_verify(owner_pk, context, object, signed_len, signature))
        return 0;
    return err_set(e, ERR_DAMAGED, "%s: not signed by this vault's owner; it is damaged or forged",
                   what);
}

int boxes_put(struct buf *out, const struct recipients *r, const void *secret, size_t len,
              struct err *e)
{
    /* Sealed for nobody would be lost for ever. */
    if (r->count == 0 || r->count > SEAL_RECIPIENTS_MAX)
        return err_set(e, ERR_LIMIT, "a key can be sealed for 1 to %d recipients, not for %u",
                       SEAL_RECIPIENTS_MAX, r->count);
    buf_put_u32(out, r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        buf_put(out, r->public_keys[i], 32);
        uint8_t *at = buf_reserve(out, len + BOX_OVERHEAD);
        if (!at)
            return buf_check(out, "a sealed key", e);
        if (crypto_box_seal(at, secret, len, r->public_keys[i]))
            return err_set(e, ERR_NO_KEY, "recipient %u has an unusable public key", i + 1);
        buf_added(out, len + BOX_OVERHEAD);
    }
    return 0;
}

int boxes_open(struct cursor *c, const struct recovery_key *k, size_t len, void *out,
               struct recipients *r_out, const char *what, struct err *e)
{
    uint32_t count = cursor_u32(c);
    if (c->bad || count == 0 || count > SEAL_RECIPIENTS_MAX)
        return err_set(e, ERR_DAMAGED, "%s: %u recipients", what, count);
    bool opened = false;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *pk = cursor_bytes(c, 32);
        const uint8_t *box = cursor_bytes(c, len + BOX_OVERHEAD);
        if (!box)
            return cursor_check(c, false, what, e);
        if (r_out)
            memcpy(r_out->public_keys[i], pk, 32);
        if (!k || opened || memcmp(pk, k->public_key, 32) != 0)
            continue;
        if (crypto_box_seal_open(out, box, len + BOX_OVERHEAD, k->public_key, k->secret_key))
            return err_set(e, ERR_DAMAGED, "%s: the box for this recovery key is damaged", what);
        opened = true;
    }
    if (r_out)
        r_out->count = count;
    if (k && !opened)
        return err_set(e, ERR_NO_KEY, "%s: not sealed for this recovery key", what);
    return 0;
}

static const uint8_t zero_nonce[12];

int gcm_seal_small(const uint8_t key[SEAL_KEY_BYTES], const void *aad, size_t aad_len,
                   const void *p, size_t len, uint8_t *out, struct err *e)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, zero_nonce) == 1 &&
              EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
              EVP_EncryptUpdate(ctx, out, &n, p, (int)len) == 1 &&
              EVP_EncryptFinal_ex(ctx, out + n, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : err_no_memory(e, "encryption");
}

bool gcm_open_small(const uint8_t key[SEAL_KEY_BYTES], const void *aad, size_t aad_len,
                    const uint8_t *p, size_t len, uint8_t *out)
{
    if (len < 16)
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    uint8_t tag[16];
    memcpy(tag, p + len - 16, 16);
    bool ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, zero_nonce) == 1 &&
              EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
              EVP_DecryptUpdate(ctx, out, &n, p, (int)(len - 16)) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16, tag) == 1 &&
              EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}
