/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery keys: `keys/<id>`, an X25519 secret wrapped by a passphrase. */
#include "seal/seal_internal.h"

#include "base/mem.h"

#include <sodium.h>
#include <string.h>

#define MAGIC "abri.KEY"
#define KDF_ARGON2ID 1
#define SALT_BYTES 16
#define WRAPPED_BYTES 48
#define PASSES_MAX 64
#define MEMORY_KIB_MAX 4194304u

struct recovery_key *recovery_key_new(void)
{
    return seal_secret_alloc(sizeof(struct recovery_key));
}

void recovery_key_free(struct recovery_key *k)
{
    seal_secret_free(k);
}

void recovery_key_generate(struct recovery_key *k)
{
    (void)crypto_box_keypair(k->public_key, k->secret_key);
}

static bool cost_is_valid(struct kdf_cost c)
{
    return c.passes >= 1 && c.passes <= PASSES_MAX && c.memory_kib >= 8 &&
           c.memory_kib <= MEMORY_KIB_MAX;
}

static int derive_kek(const char *passphrase, size_t len, const uint8_t salt[SALT_BYTES],
                      struct kdf_cost cost, uint8_t kek[SEAL_KEY_BYTES], struct err *e)
{
    if (crypto_pwhash(kek, SEAL_KEY_BYTES, passphrase, len, salt, cost.passes,
                      (size_t)cost.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13))
        return err_set(e, ERR_NO_MEMORY, "the passphrase needs %u MiB of memory to be checked",
                       cost.memory_kib / 1024);
    return 0;
}

int recovery_wrap(const struct recovery_key *k, const uint8_t vault_id[SEAL_UID_BYTES],
                  const char *passphrase, size_t len, struct kdf_cost cost, struct buf *out,
                  struct err *e)
{
    if (!cost_is_valid(cost))
        return err_set(e, ERR_USAGE, "passphrase cost: passes 1 to %u, memory 8 to %u KiB",
                       PASSES_MAX, MEMORY_KIB_MAX);
    uint8_t salt[SALT_BYTES];
    seal_random(salt, sizeof salt);
    size_t start = out->len;
    buf_put(out, MAGIC, 8);
    buf_put_u32(out, SEAL_FORMAT);
    buf_put(out, vault_id, SEAL_UID_BYTES);
    buf_put_u8(out, KDF_ARGON2ID);
    buf_put_u32(out, cost.passes);
    buf_put_u32(out, cost.memory_kib);
    buf_put(out, salt, sizeof salt);
    buf_put(out, k->public_key, 32);
    uint8_t *wrapped = buf_reserve(out, WRAPPED_BYTES);
    if (!wrapped)
        return buf_check(out, "a recovery key", e);
    uint8_t kek[SEAL_KEY_BYTES];
    int rc = derive_kek(passphrase, len, salt, cost, kek, e);
    if (rc == 0)
        rc = gcm_seal_small(kek, out->data + start, out->len - start, k->secret_key, 32, wrapped, e);
    seal_wipe(kek, sizeof kek);
    if (rc)
        return -1;
    buf_added(out, WRAPPED_BYTES);
    uint8_t check[HASH_BYTES];
    hash_bytes(out->data + start, out->len - start, check);
    buf_put(out, check, sizeof check);
    return buf_check(out, "a recovery key", e);
}

int recovery_unwrap(const void *p, size_t p_len, const uint8_t vault_id[SEAL_UID_BYTES],
                    const char *passphrase, size_t len, struct recovery_key *out, struct err *e)
{
    static const char what[] = "recovery key";
    struct cursor c = cursor_of(p, p_len);
    if (object_head(&c, MAGIC, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    uint8_t kdf = cursor_u8(&c);
    struct kdf_cost cost = {.passes = cursor_u32(&c)};
    cost.memory_kib = cursor_u32(&c);
    const uint8_t *salt = cursor_bytes(&c, SALT_BYTES);
    const uint8_t *pk = cursor_bytes(&c, 32);
    size_t aad_len = (size_t)(c.p - (const uint8_t *)p);
    const uint8_t *wrapped = cursor_bytes(&c, WRAPPED_BYTES);
    const uint8_t *check = cursor_bytes(&c, HASH_BYTES);
    if (cursor_check(&c, true, what, e))
        return -1;
    uint8_t actual[HASH_BYTES];
    hash_bytes(p, p_len - HASH_BYTES, actual);
    if (memcmp(check, actual, HASH_BYTES) != 0 || kdf != KDF_ARGON2ID || !cost_is_valid(cost))
        return err_set(e, ERR_DAMAGED, "%s: damaged: restore this object from a copy", what);
    if (memcmp(vault, vault_id, SEAL_UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: belongs to another vault", what);
    uint8_t kek[SEAL_KEY_BYTES], secret[32];
    if (derive_kek(passphrase, len, salt, cost, kek, e))
        return -1;
    bool ok = gcm_open_small(kek, p, aad_len, wrapped, WRAPPED_BYTES, secret);
    if (ok) {
        memcpy(out->public_key, pk, 32);
        memcpy(out->secret_key, secret, sizeof secret);
    }
    seal_wipe(kek, sizeof kek);
    seal_wipe(secret, sizeof secret);
    return ok ? 0 : err_set(e, ERR_PASSPHRASE, "wrong passphrase");
}
