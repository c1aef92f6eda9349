/* SPDX-License-Identifier: Apache-2.0 */
/* A vault's identity and its keeper's key as bytes (docs/format/vault.md). */
#include "vault/config_format.h"

#include "vault/object_head.h"

#include <assert.h>
#include <string.h>

static const char config_magic[8] = "abri.VLT";
static const char keeper_magic[8] = "abri.KPR";
#define CONFIG_SIGNED (CONFIG_BYTES - SIGN_BYTES)
#define FLAG_SHARED   1u

static void chunking_fields(struct vault_chunking *c, uint32_t *out[8])
{
    uint32_t *fields[8] = {&c->small_max, &c->bundle_min, &c->bundle_avg, &c->bundle_max,
                           &c->cdc_min,   &c->cdc_avg,    &c->cdc_max,    &c->fixed};
    memcpy(out, fields, sizeof fields);
}

void config_encode(const struct vault_info *info, const struct sign_key *owner,
                   uint8_t out[static CONFIG_BYTES])
{
    struct vault_chunking chunking = info->chunking;
    uint32_t *fields[8];
    chunking_fields(&chunking, fields);
    object_head_encode(out, config_magic);
    memcpy(out + 12, info->id, UID_BYTES);
    put_u64(out + 28, (uint64_t)info->created_ns);
    memcpy(out + 36, info->owner_pk, SIGN_PUBLIC_BYTES);
    memcpy(out + 68, info->keeper_pk, SIGN_PUBLIC_BYTES);
    put_u32(out + 100, info->shared ? FLAG_SHARED : 0);
    for (size_t i = 0; i < 8; i++)
        put_u32(out + 104 + 4 * i, *fields[i]);
    static_assert(CONFIG_SIGNED == 104 + 4 * 8, "layout");
    sign_make(owner, "vault", out, CONFIG_SIGNED, out + CONFIG_SIGNED);
}

int config_decode(const uint8_t *p, size_t len, struct vault_info *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct vault_info info = {0};
    uint32_t *fields[8];
    chunking_fields(&info.chunking, fields);
    if (object_head_check(&c, config_magic, "a vault", e))
        return -1;
    cursor_copy(&c, info.id, UID_BYTES);
    info.created_ns = (int64_t)cursor_u64(&c);
    cursor_copy(&c, info.owner_pk, SIGN_PUBLIC_BYTES);
    cursor_copy(&c, info.keeper_pk, SIGN_PUBLIC_BYTES);
    uint32_t flags = cursor_u32(&c);
    for (size_t i = 0; i < 8; i++)
        *fields[i] = cursor_u32(&c);
    const uint8_t *signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "vault", e))
        return -1;
    if (!sign_verify(info.owner_pk, "vault", p, CONFIG_SIGNED, signature))
        return err_set(e, ERR_DAMAGED, "the owner's signature does not match");
    if (flags & ~FLAG_SHARED)
        return err_set(e, ERR_NEWER, "a vault with unknown flags (%#x); update abri to use it",
                       flags);
    info.shared = flags & FLAG_SHARED;
    *out = info;
    return 0;
}

void keeper_encode(const struct sign_key *keeper, uint8_t out[static KEEPER_BYTES])
{
    object_head_encode(out, keeper_magic);
    sign_key_seed(keeper, out + OBJECT_HEAD_BYTES);
    hash_bytes(out, KEEPER_BYTES - HASH_BYTES, out + KEEPER_BYTES - HASH_BYTES);
}

int keeper_decode(const uint8_t *p, size_t len, struct sign_key *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (object_head_check(&c, keeper_magic, "a keeper's key", e))
        return -1;
    const uint8_t *seed = cursor_bytes(&c, SIGN_SEED_BYTES);
    const uint8_t *hash = cursor_bytes(&c, HASH_BYTES);
    if (cursor_check(&c, true, "keeper", e))
        return -1;
    uint8_t again[HASH_BYTES];
    hash_bytes(p, KEEPER_BYTES - HASH_BYTES, again);
    if (memcmp(again, hash, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the hash does not match");
    sign_key_from_seed(seed, out);
    return 0;
}
