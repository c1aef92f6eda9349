/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed frames: compress, then encrypt, each byte touched while in cache.
 * inner = u8 codec ‖ u32 plain length ‖ payload; see docs/format/keys.md.
 */
#include "seal/seal_internal.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <string.h>
#include <zstd.h>

#define CODEC_STORED 0
#define CODEC_ZSTD 1
#define INNER_HEAD 5u
#define TAG_BYTES 16u
#define AAD_BYTES (5 + 1 + SEAL_UID_BYTES + SEAL_ID_BYTES)

struct sealer {
    EVP_CIPHER_CTX *cipher;
    ZSTD_CCtx *zstd;
    int level;
    uint8_t vault_id[SEAL_UID_BYTES];
};

struct opener {
    EVP_CIPHER_CTX *cipher;
    ZSTD_DCtx *zstd;
    uint8_t *plain;
    size_t plain_cap;
    uint8_t vault_id[SEAL_UID_BYTES];
};

static void make_aad(uint8_t out[AAD_BYTES], enum seal_kind kind, const uint8_t *vault_id,
                     const uint8_t *id)
{
    memcpy(out, "abri1", 5);
    out[5] = (uint8_t)kind;
    memcpy(out + 6, vault_id, SEAL_UID_BYTES);
    memcpy(out + 6 + SEAL_UID_BYTES, id, SEAL_ID_BYTES);
}

static void make_nonce(uint8_t out[12], uint64_t nonce)
{
    memset(out, 0, 4);
    put_u64(out + 4, nonce);
}

/* Level 1 of zstd looks 14 bits of hash and 7 bytes of match; chunks of 0.5 to
 * 2 MiB get 3 % smaller at the same speed with this (docs/decisions/0010). */
static bool set_level(ZSTD_CCtx *zstd, int level)
{
    static const struct {
        ZSTD_cParameter name;
        int value;
    } tuned[] = {
        {ZSTD_c_windowLog, 20}, {ZSTD_c_hashLog, 15}, {ZSTD_c_minMatch, 6},
        {ZSTD_c_targetLength, 0}, {ZSTD_c_strategy, ZSTD_fast},
    };
    if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0)))
        return false;
    for (size_t i = 0; level == 1 && i < sizeof tuned / sizeof *tuned; i++)
        if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, tuned[i].name, tuned[i].value)))
            return false;
    return true;
}

int sealer_new(const struct data_key *k, const uint8_t vault_id[SEAL_UID_BYTES], int zstd_level,
               struct sealer **out, struct err *e)
{
    struct sealer *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "a sealer");
    memcpy(s->vault_id, vault_id, SEAL_UID_BYTES);
    s->level = zstd_level;
    s->cipher = EVP_CIPHER_CTX_new();
    s->zstd = ZSTD_createCCtx();
    if (!s->cipher || !s->zstd ||
        EVP_EncryptInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, k->key, NULL) != 1 ||
        !set_level(s->zstd, zstd_level)) {
        sealer_free(s);
        return err_no_memory(e, "a sealer");
    }
    *out = s;
    return 0;
}

void sealer_free(struct sealer *s)
{
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->cipher);
    ZSTD_freeCCtx(s->zstd);
    mem_free(s);
}

/* Encrypts head ‖ payload (which may already lie behind the head in `out`). */
static bool encrypt(struct sealer *s, const uint8_t *aad, const uint8_t nonce[12],
                    const uint8_t head[INNER_HEAD], const uint8_t *payload, size_t len,
                    uint8_t *out)
{
    int n = 0;
    return EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, nonce) == 1 &&
           EVP_EncryptUpdate(s->cipher, NULL, &n, aad, AAD_BYTES) == 1 &&
           EVP_EncryptUpdate(s->cipher, out, &n, head, INNER_HEAD) == 1 &&
           EVP_EncryptUpdate(s->cipher, out + INNER_HEAD, &n, payload, (int)len) == 1 &&
           EVP_EncryptFinal_ex(s->cipher, out + INNER_HEAD + len, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES,
                               out + INNER_HEAD + len) == 1;
}

int sealer_seal(struct sealer *s, enum seal_kind kind, const uint8_t id[SEAL_ID_BYTES],
                uint64_t nonce, const void *p, size_t len, uint8_t *out, size_t *len_out,
                struct err *e)
{
    if (len > SEAL_PLAIN_MAX || nonce == 0)
        return err_set(e, ERR_LIMIT, "a chunk of %zu bytes cannot be sealed", len);
    uint8_t head[INNER_HEAD] = {CODEC_STORED};
    put_u32(head + 1, (uint32_t)len);
    const uint8_t *payload = p;
    size_t payload_len = len;
    if (s->level != SEAL_LEVEL_STORE && len > 16) {
        /* Room for one byte less than the plaintext: fails if it does not shrink. */
        size_t n = ZSTD_compress2(s->zstd, out + INNER_HEAD, len - 1, p, len);
        if (!ZSTD_isError(n)) {
            head[0] = CODEC_ZSTD;
            payload = out + INNER_HEAD;
            payload_len = n;
        }
    }
    uint8_t aad[AAD_BYTES], iv[12];
    make_aad(aad, kind, s->vault_id, id);
    make_nonce(iv, nonce);
    if (!encrypt(s, aad, iv, head, payload, payload_len, out))
        return err_set(e, ERR_IO, "encryption failed");
    *len_out = INNER_HEAD + payload_len + TAG_BYTES;
    return 0;
}

int opener_new(const uint8_t vault_id[SEAL_UID_BYTES], struct opener **out, struct err *e)
{
    struct opener *o = mem_zalloc(sizeof *o);
    if (!o)
        return err_no_memory(e, "an opener");
    memcpy(o->vault_id, vault_id, SEAL_UID_BYTES);
    o->cipher = EVP_CIPHER_CTX_new();
    o->zstd = ZSTD_createDCtx();
    if (!o->cipher || !o->zstd ||
        EVP_DecryptInit_ex(o->cipher, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1) {
        opener_free(o);
        return err_no_memory(e, "an opener");
    }
    *out = o;
    return 0;
}

void opener_free(struct opener *o)
{
    if (!o)
        return;
    EVP_CIPHER_CTX_free(o->cipher);
    ZSTD_freeDCtx(o->zstd);
    mem_free(o->plain);
    mem_free(o);
}

static bool decrypt(struct opener *o, const struct data_key *k, const uint8_t *aad,
                    const uint8_t nonce[12], uint8_t *p, size_t len)
{
    int n = 0;
    return EVP_DecryptInit_ex(o->cipher, NULL, NULL, k->key, nonce) == 1 &&
           EVP_DecryptUpdate(o->cipher, NULL, &n, aad, AAD_BYTES) == 1 &&
           EVP_DecryptUpdate(o->cipher, p, &n, p, (int)len) == 1 &&
           EVP_CIPHER_CTX_ctrl(o->cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, p + len) == 1 &&
           EVP_DecryptFinal_ex(o->cipher, p + n, &n) == 1;
}

static int decompress(struct opener *o, const uint8_t *p, size_t len, size_t plain_len,
                      struct err *e)
{
    if (o->plain_cap < plain_len) {
        size_t cap = plain_len < ((size_t)2 << 20) ? (size_t)2 << 20 : plain_len;
        uint8_t *plain = mem_alloc(cap);
        if (!plain)
            return err_no_memory(e, "a chunk");
        mem_free(o->plain);
        o->plain = plain;
        o->plain_cap = cap;
    }
    size_t n = ZSTD_decompressDCtx(o->zstd, o->plain, plain_len, p, len);
    if (ZSTD_isError(n) || n != plain_len)
        return err_set(e, ERR_DAMAGED, "the compressed content does not decompress");
    return 0;
}

int opener_open(struct opener *o, const struct data_key *k, enum seal_kind kind,
                const uint8_t id[SEAL_ID_BYTES], uint64_t nonce, uint8_t *sealed, size_t len,
                const uint8_t **plain_out, size_t *plain_len_out, struct err *e)
{
    if (len < SEAL_OVERHEAD || len > SEAL_PLAIN_MAX + SEAL_OVERHEAD)
        return err_set(e, ERR_DAMAGED, "a sealed chunk of %zu bytes", len);
    uint8_t aad[AAD_BYTES], iv[12];
    make_aad(aad, kind, o->vault_id, id);
    make_nonce(iv, nonce);
    if (!decrypt(o, k, aad, iv, sealed, len - TAG_BYTES))
        return err_set(e, ERR_DAMAGED, "the seal does not verify");
    size_t payload_len = len - SEAL_OVERHEAD;
    size_t plain_len = get_u32(sealed + 1);
    if (sealed[0] == CODEC_STORED && plain_len == payload_len) {
        *plain_out = sealed + INNER_HEAD;
        *plain_len_out = plain_len;
        return 0;
    }
    if (sealed[0] != CODEC_ZSTD || plain_len > SEAL_PLAIN_MAX)
        return err_set(e, ERR_DAMAGED, "unknown codec %u or length %zu", sealed[0], plain_len);
    if (decompress(o, sealed + INNER_HEAD, payload_len, plain_len, e))
        return -1;
    *plain_out = o->plain;
    *plain_len_out = plain_len;
    return 0;
}
