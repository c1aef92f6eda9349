/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the room share: OpenSSL's objects with an owner, and its errors as ours. */
#ifndef ABRI_PKI_PKI_INTERNAL_H
#define ABRI_PKI_PKI_INTERNAL_H

#include "base/mem.h"
#include "pki/pki.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define PKI_OWNER(type, name, release)                                                             \
    static inline void name(type **p)                                                              \
    {                                                                                              \
        release(*p);                                                                               \
        *p = NULL;                                                                                 \
    }
PKI_OWNER(BIO, pki_bio_done, BIO_free_all)
PKI_OWNER(EVP_PKEY, pki_key_done, EVP_PKEY_free)
PKI_OWNER(X509, pki_certificate_done, X509_free)
PKI_OWNER(X509_REQ, pki_request_done, X509_REQ_free)

struct pki_authority {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Who is certified, and by whom: NULL for an authority, which certifies itself. */
struct pki_draft {
    EVP_PKEY *subject_key;
    const char
        *common_name; /* NULL: an empty subject, so that the alternative names are critical */
    const STACK_OF(GENERAL_NAME) * names; /* NULL: none */
    const char *basic, *usage, *extended; /* as OpenSSL's configuration has them; NULL: none */
    int64_t now_ns;
    unsigned days;
};

/* Appends why OpenSSL failed to the message, and forgets it. Returns -1. */
int pki_fail(struct err *e, enum err_class cls, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A source over text that is not longer than PKI_PEM_MAX; borrows it. */
MUST_CHECK int pki_pem_open(const char *pem, enum err_class cls, const char *what, BIO **out,
                            struct err *e);
/* Appends what was written to a memory BIO. */
MUST_CHECK int pki_pem_append(BIO *from, struct buf *out, struct err *e);
/* For PEM blocks that say that they are encrypted: nobody is asked. */
int pki_no_passphrase(char *out, int size, int writing, void *arg);

MUST_CHECK int pki_key_new(EVP_PKEY **out, struct err *e);
/* ERR_DAMAGED: no key, or not a P-256 one. */
MUST_CHECK int pki_key_load(const char *pem, EVP_PKEY **out, struct err *e);
MUST_CHECK int pki_key_save(EVP_PKEY *key, struct buf *out, struct err *e);
/* A point of P-256, written uncompressed and with the curve by its name. */
bool pki_key_is_p256(EVP_PKEY *key);

/* Exactly one certificate. ERR_DAMAGED; `what` begins the message. */
MUST_CHECK int pki_certificate_load(const char *pem, const char *what, X509 **out, struct err *e);
MUST_CHECK int pki_certificate_parse(const void *p, size_t len, const char *what, X509 **out,
                                     struct err *e);
MUST_CHECK int pki_certificate_save(X509 *certificate, struct buf *out, struct err *e);
/* A signed certificate from a draft. */
MUST_CHECK int pki_certificate_make(const struct pki_draft *draft, X509 *issuer,
                                    EVP_PKEY *issuer_key, X509 **out, struct err *e);
/* SHA-256 of the key as it stands in a certificate or a request. */
bool pki_pin_of(X509_PUBKEY *key, uint8_t out[PKI_PIN_BYTES]);
MUST_CHECK int pki_identity_of(X509 *certificate, struct pki_identity *out, struct err *e);

/* Alternative names; free with sk_GENERAL_NAME_pop_free(…, GENERAL_NAME_free). ERR_USAGE for what
 * is no name. */
MUST_CHECK int pki_names_of_server(const char *const *names, size_t count,
                                   STACK_OF(GENERAL_NAME) * *out, struct err *e);
MUST_CHECK int pki_names_of_uri(const char *uri, STACK_OF(GENERAL_NAME) * *out, struct err *e);
bool pki_uri_is_plain(const char *uri, size_t len);
static inline void pki_names_done(STACK_OF(GENERAL_NAME) * *names)
{
    sk_GENERAL_NAME_pop_free(*names, GENERAL_NAME_free);
}

#endif
