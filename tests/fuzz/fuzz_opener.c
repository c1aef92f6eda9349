/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed frames: as they come, and what is inside: codec, length and payload
 * are the input, sealed with the right key, as a writer gone bad could do. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

#include <openssl/evp.h>

static const uint8_t id[SEAL_ID_BYTES] = {3};
#define NONCE 5

static size_t seal_inner(const struct data_key *k, const uint8_t *inner, size_t len, uint8_t *out)
{
    uint8_t nonce[12] = {0}, aad[5 + 1 + SEAL_UID_BYTES + SEAL_ID_BYTES] = "abri1\x01";
    int n = 0;
    put_u64(nonce + 4, NONCE);
    memcpy(aad + 6, fuzz_vault, SEAL_UID_BYTES);
    memcpy(aad + 6 + SEAL_UID_BYTES, id, SEAL_ID_BYTES);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (!c || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->key, nonce) != 1 ||
        EVP_EncryptUpdate(c, NULL, &n, aad, sizeof aad) != 1 ||
        EVP_EncryptUpdate(c, out, &n, inner, (int)len) != 1 ||
        EVP_EncryptFinal_ex(c, out + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + len) != 1)
        abort();
    EVP_CIPHER_CTX_free(c);
    return len + 16;
}

/* Touches every byte, so that a sanitizer sees those that are not there. */
static void open_frame(const struct data_key *k, uint8_t *sealed, size_t len)
{
    struct opener *o = NULL;
    const uint8_t *plain;
    size_t plain_len;
    volatile unsigned sum = 0;
    if (opener_new(fuzz_vault, &o, NULL))
        abort();
    if (opener_open(o, k, SEAL_DATA, id, NONCE, sealed, len, &plain, &plain_len, NULL) == 0) {
        if (plain_len > SEAL_PLAIN_MAX)
            abort();
        for (size_t i = 0; i < plain_len; i++)
            sum = sum + plain[i];
    }
    (void)sum;
    opener_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct data_key k = {.key = {9}};
    (void)fuzz_keys();
    uint8_t *raw = mem_dup(p, len), *sealed = mem_alloc(len + 16);
    if (!raw || !sealed)
        abort();
    open_frame(&k, raw, len);
    open_frame(&k, sealed, seal_inner(&k, p, len, sealed));
    mem_free(raw);
    mem_free(sealed);
    return 0;
}
