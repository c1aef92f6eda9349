/* SPDX-License-Identifier: Apache-2.0 */
/* Names of chunks: keyed BLAKE3, one derived key per kind, so that a file whose
 * content happens to be a tree node never shares a name with it. */
#include "seal/seal_internal.h"

#include <blake3.h>
#include <sodium.h>
#include <string.h>

struct seal_ids {
    blake3_hasher data, meta; /* keyed and empty: copied for each chunk */
    uint8_t short_key[crypto_shorthash_KEYBYTES];
    uint8_t id_key[SEAL_KEY_BYTES];
};

void seal_random(void *p, size_t len)
{
    randombytes_buf(p, len);
}

void seal_wipe(void *p, size_t len)
{
    sodium_memzero(p, len);
}

void seal_derive_raw(const char *context, const void *p, size_t len, uint8_t *out, size_t out_len)
{
    blake3_hasher h;
    blake3_hasher_init_derive_key(&h, context);
    blake3_hasher_update(&h, p, len);
    blake3_hasher_finalize(&h, out, out_len);
    seal_wipe(&h, sizeof h);
}

void *seal_secret_alloc(size_t len)
{
    void *p = sodium_malloc(len);
    if (p)
        memset(p, 0, len);
    return p;
}

void seal_secret_free(void *p)
{
    sodium_free(p);
}

int seal_ids_new(const uint8_t id_key[SEAL_KEY_BYTES], struct seal_ids **out, struct err *e)
{
    struct seal_ids *k = seal_secret_alloc(sizeof *k);
    if (!k)
        return err_no_memory(e, "the id keys");
    uint8_t key[SEAL_KEY_BYTES];
    seal_derive_raw("abri chunk id data", id_key, SEAL_KEY_BYTES, key, sizeof key);
    blake3_hasher_init_keyed(&k->data, key);
    seal_derive_raw("abri chunk id meta", id_key, SEAL_KEY_BYTES, key, sizeof key);
    blake3_hasher_init_keyed(&k->meta, key);
    seal_derive_raw("abri short hash", id_key, SEAL_KEY_BYTES, k->short_key, sizeof k->short_key);
    memcpy(k->id_key, id_key, SEAL_KEY_BYTES);
    seal_wipe(key, sizeof key);
    *out = k;
    return 0;
}

void seal_ids_free(struct seal_ids *k)
{
    seal_secret_free(k);
}

void seal_id(const struct seal_ids *k, enum seal_kind kind, const void *p, size_t len,
             uint8_t out[SEAL_ID_BYTES])
{
    blake3_hasher h = kind == SEAL_DATA ? k->data : k->meta;
    blake3_hasher_update(&h, p, len);
    blake3_hasher_finalize(&h, out, SEAL_ID_BYTES);
}

uint64_t seal_short_hash(const struct seal_ids *k, const void *p, size_t len)
{
    uint8_t out[crypto_shorthash_BYTES];
    crypto_shorthash(out, p, len, k->short_key);
    return get_u64(out);
}

void seal_derive(const struct seal_ids *k, const char *purpose, const void *p, size_t p_len,
                 uint8_t *out, size_t len)
{
    blake3_hasher h;
    blake3_hasher_init_derive_key(&h, purpose);
    blake3_hasher_update(&h, k->id_key, SEAL_KEY_BYTES);
    if (p_len)
        blake3_hasher_update(&h, p, p_len);
    blake3_hasher_finalize(&h, out, len);
    seal_wipe(&h, sizeof h);
}
