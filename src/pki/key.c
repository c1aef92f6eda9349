/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as PEM, PKCS #8, unencrypted: who keeps a key, keeps it from others. Does not store and does
 * not wipe what the caller owns.
 *
 * Invariants
 * 1. Every key that leaves this room or is accepted by it is a P-256 one in the one form that all
 * peers read: named curve, uncompressed point.
 * 2. No block makes OpenSSL ask a terminal for a passphrase.
 */
#include "pki/pki_internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

int pki_fail(struct err *e, enum err_class cls, const char *fmt, ...)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    bool memory = code && ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    char text[ERR_MESSAGE_BYTES / 2];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ERR_clear_error();
    if (memory)
        return err_no_memory(e, text);
    return err_set(e, cls, "%s%s%s%s", text, reason ? " (" : "", reason ? reason : "",
                   reason ? ")" : "");
}

int pki_no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

int pki_pem_open(const char *pem, enum err_class cls, const char *what, BIO **out, struct err *e)
{
    size_t len = strnlen(pem, PKI_PEM_MAX + 1);
    if (len > PKI_PEM_MAX)
        return err_set(e, cls, "%s is longer than %zu KiB", what, PKI_PEM_MAX >> 10);
    if (len == 0)
        return err_set(e, cls, "%s is empty", what);
    ERR_clear_error();
    *out = BIO_new_mem_buf(pem, (int)len);
    return *out ? 0 : err_no_memory(e, what);
}

int pki_pem_append(BIO *from, struct buf *out, struct err *e)
{
    char *data = NULL;
    long len = BIO_get_mem_data(from, &data);
    if (len <= 0)
        return err_no_memory(e, "a certificate's text");
    size_t before = out->len;
    buf_put(out, data, (size_t)len);
    if (out->failed)
        out->len = before;
    return buf_check(out, "a certificate's text", e);
}

bool pki_key_is_p256(EVP_PKEY *key)
{
    /* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING 04 … } */
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    bool good = len == (int)sizeof head + 64 && memcmp(der, head, sizeof head) == 0;
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

int pki_key_new(EVP_PKEY **out, struct err *e)
{
    ERR_clear_error();
    *out = EVP_EC_gen("P-256");
    return *out ? 0 : pki_fail(e, ERR_IO, "a new P-256 key could not be made");
}

int pki_key_load(const char *pem, EVP_PKEY **out, struct err *e)
{
    CLEANUP(pki_bio_done) BIO *from = NULL;
    if (pki_pem_open(pem, ERR_DAMAGED, "the private key", &from, e))
        return -1;
    CLEANUP(pki_key_done)
    EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, pki_no_passphrase, NULL);
    if (!key)
        return pki_fail(e, ERR_DAMAGED,
                        "the private key cannot be read: expected one in PEM, "
                        "not encrypted");
    if (!pki_key_is_p256(key))
        return err_set(e, ERR_DAMAGED, "the private key is not a P-256 key");
    *out = TAKE(key);
    return 0;
}

int pki_key_save(EVP_PKEY *key, struct buf *out, struct err *e)
{
    ERR_clear_error();
    /* OpenSSL wipes the memory of this BIO when it grows and when it goes. */
    CLEANUP(pki_bio_done) BIO *to = BIO_new(BIO_s_mem());
    if (!to || !PEM_write_bio_PKCS8PrivateKey(to, key, NULL, NULL, 0, NULL, NULL))
        return pki_fail(e, ERR_IO, "a private key could not be written");
    return pki_pem_append(to, out, e);
}
