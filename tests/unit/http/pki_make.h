/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made on the spot: an authority, and what it signs. */
#ifndef ABRI_TESTS_HTTP_PKI_MAKE_H
#define ABRI_TESTS_HTTP_PKI_MAKE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char *pem;
};
struct identity {
    char *certificate_pem, *key_pem;
};

void authority_make(const char *name, struct authority *out);
void authority_done(struct authority *a);
/* Valid from `from_s` to `to_s` seconds from now. */
void identity_make(const struct authority *a, const char *name, long from_s, long to_s,
                   struct identity *out);
void identity_done(struct identity *i);

#endif
