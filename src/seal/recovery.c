/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery keys: `keys/<id>`, an X25519 secret wrapped by a passphrase. */
#include "seal/seal_internal.h"

#include "base/mem.h"

#include <sodium.h>
#include <string.h>

#define MAGIC "abri.KEY"
#define KEY_FORMAT 2 /* 1 had neither label nor time */
#define KDF_ARGON2ID 1
#define SALT_BYTES 16
#define WRAPPED_BYTES 48
#define PASSES_MAX 64
#define MEMORY_KIB_MAX 4194304u
static const char what[] = "recovery key";

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

/* What stands before the wrapped secret, all of it authenticated with it. */
static void put_head(struct buf *out, const struct key_wrapping *w, const uint8_t *vault_id,
                     const uint8_t salt[SALT_BYTES], const uint8_t public_key[32])
{
    buf_put(out, MAGIC, 8);
    buf_put_u32(out, KEY_FORMAT);
    buf_put(out, vault_id, SEAL_UID_BYTES);
    buf_put_u8(out, KDF_ARGON2ID);
    buf_put_u32(out, w->cost.passes);
    buf_put_u32(out, w->cost.memory_kib);
    buf_put(out, salt, SALT_BYTES);
    buf_put(out, public_key, 32);
    buf_put_u64(out, (uint64_t)w->made_ns);
    buf_put_blob(out, w->label, strlen(w->label));
}

int recovery_wrap(const struct recovery_key *k, const uint8_t vault_id[SEAL_UID_BYTES],
                  const char *passphrase, size_t len, const struct key_wrapping *w,
                  struct buf *out, struct err *e)
{
    if (!cost_is_valid(w->cost))
        return err_set(e, ERR_USAGE, "passphrase cost: passes 1 to %u, memory 8 to %u KiB",
                       PASSES_MAX, MEMORY_KIB_MAX);
    if (strlen(w->label) > KEY_LABEL_MAX)
        return err_set(e, ERR_USAGE, "a key's label has at most %u bytes", KEY_LABEL_MAX);
    uint8_t salt[SALT_BYTES], kek[SEAL_KEY_BYTES];
    seal_random(salt, sizeof salt);
    size_t start = out->len;
    put_head(out, w, vault_id, salt, k->public_key);
    uint8_t *wrapped = buf_reserve(out, WRAPPED_BYTES);
    if (!wrapped)
        return buf_check(out, "a recovery key", e);
    int rc = derive_kek(passphrase, len, salt, w->cost, kek, e);
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

/* An object taken apart; borrows from it. */
struct wrapped_key {
    const uint8_t *salt, *wrapped;
    size_t head_len;
};

static int read_object(const void *p, size_t p_len, const uint8_t *vault_id, struct key_info *info,
                       struct wrapped_key *k, struct err *e)
{
    struct cursor c = cursor_of(p, p_len);
    size_t label_len = 0;
    const uint8_t *label = NULL;
    if (sealed_head_versions(&c, MAGIC, KEY_FORMAT, &info->version, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(&c, SEAL_UID_BYTES);
    uint8_t kdf = cursor_u8(&c);
    info->cost.passes = cursor_u32(&c);
    info->cost.memory_kib = cursor_u32(&c);
    k->salt = cursor_bytes(&c, SALT_BYTES);
    cursor_copy(&c, info->public_key, 32);
    if (info->version >= 2) {
        info->made_ns = (int64_t)cursor_u64(&c);
        label = cursor_blob(&c, KEY_LABEL_MAX, &label_len);
    }
    k->head_len = (size_t)(c.p - (const uint8_t *)p);
    k->wrapped = cursor_bytes(&c, WRAPPED_BYTES);
    const uint8_t *check = cursor_bytes(&c, HASH_BYTES);
    if (cursor_check(&c, true, what, e))
        return -1;
    uint8_t actual[HASH_BYTES];
    hash_bytes(p, p_len - HASH_BYTES, actual);
    if (memcmp(check, actual, HASH_BYTES) != 0 || kdf != KDF_ARGON2ID ||
        !cost_is_valid(info->cost) || (label_len && memchr(label, '\0', label_len)))
        return err_set(e, ERR_DAMAGED, "%s: damaged: restore this object from a copy", what);
    if (memcmp(vault, vault_id, SEAL_UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: belongs to another vault", what);
    if (label_len)
        memcpy(info->label, label, label_len);
    return 0;
}

int recovery_describe(const void *p, size_t p_len, const uint8_t vault_id[SEAL_UID_BYTES],
                      struct key_info *out, struct err *e)
{
    struct key_info info = {0};
    struct wrapped_key k;
    if (read_object(p, p_len, vault_id, &info, &k, e))
        return -1;
    *out = info;
    return 0;
}

int recovery_unwrap(const void *p, size_t p_len, const uint8_t vault_id[SEAL_UID_BYTES],
                    const char *passphrase, size_t len, struct recovery_key *out, struct err *e)
{
    struct key_info info = {0};
    struct wrapped_key k;
    uint8_t kek[SEAL_KEY_BYTES], secret[32];
    if (read_object(p, p_len, vault_id, &info, &k, e) ||
        derive_kek(passphrase, len, k.salt, info.cost, kek, e))
        return -1;
    bool ok = gcm_open_small(kek, p, k.head_len, k.wrapped, WRAPPED_BYTES, secret);
    if (ok) {
        memcpy(out->public_key, info.public_key, 32);
        memcpy(out->secret_key, secret, sizeof secret);
    }
    seal_wipe(kek, sizeof kek);
    seal_wipe(secret, sizeof secret);
    return ok ? 0 : err_set(e, ERR_PASSPHRASE, "wrong passphrase");
}

int recovery_key_of_secret(const uint8_t secret[32], struct recovery_key *out, struct err *e)
{
    uint8_t public_key[32];
    if (crypto_scalarmult_base(public_key, secret))
        return err_set(e, ERR_NO_KEY, "this is not a recovery key");
    memcpy(out->secret_key, secret, 32);
    memcpy(out->public_key, public_key, 32);
    return 0;
}
