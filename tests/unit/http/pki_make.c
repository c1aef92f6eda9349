/* SPDX-License-Identifier: Apache-2.0 */
#include "pki_make.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "certificates for tests: %s\n", what);
        abort();
    }
}

static char *text_of(BIO *b)
{
    char *p = NULL;
    long len = BIO_get_mem_data(b, &p);
    char *s = malloc((size_t)len + 1);
    must(s != NULL, "memory");
    memcpy(s, p, (size_t)len);
    s[len] = '\0';
    BIO_free(b);
    return s;
}

static char *certificate_text(X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());
    must(PEM_write_bio_X509(b, x) == 1, "certificate as text");
    return text_of(b);
}

static char *key_text(EVP_PKEY *k)
{
    BIO *b = BIO_new(BIO_s_mem());
    must(PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL) == 1, "key as text");
    return text_of(b);
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e && X509_add_ext(x, e, -1) == 1, "extension");
    X509_EXTENSION_free(e);
}

static X509 *certificate(const char *name, EVP_PKEY *key, const struct authority *by, long from_s,
                         long to_s)
{
    static long serial;
    X509 *x = X509_new();
    must(x && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial),
         "certificate");
    must(X509_gmtime_adj(X509_getm_notBefore(x), from_s) &&
             X509_gmtime_adj(X509_getm_notAfter(x), to_s),
         "times");
    X509_NAME *n = X509_get_subject_name(x);
    must(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0),
         "name");
    X509 *issuer = by ? by->certificate : x;
    must(X509_set_issuer_name(x, X509_get_subject_name(issuer)) && X509_set_pubkey(x, key),
         "fields");
    add_extension(x, issuer, NID_basic_constraints, by ? "critical,CA:FALSE" : "critical,CA:TRUE");
    add_extension(x, issuer, NID_key_usage,
                  by ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
    if (by) {
        add_extension(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
        add_extension(x, issuer, NID_subject_alt_name, "DNS:localhost,DNS:abrid,IP:127.0.0.1");
    }
    must(X509_sign(x, by ? by->key : key, EVP_sha256()) > 0, "signature");
    return x;
}

void authority_make(const char *name, struct authority *out)
{
    out->key = EVP_EC_gen("P-256");
    must(out->key != NULL, "key");
    out->certificate = certificate(name, out->key, NULL, -3600, 3600);
    out->pem = certificate_text(out->certificate);
}

void authority_done(struct authority *a)
{
    EVP_PKEY_free(a->key);
    X509_free(a->certificate);
    free(a->pem);
}

void identity_make(const struct authority *a, const char *name, long from_s, long to_s,
                   struct identity *out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL, "key");
    X509 *x = certificate(name, key, a, from_s, to_s);
    out->certificate_pem = certificate_text(x);
    out->key_pem = key_text(key);
    X509_free(x);
    EVP_PKEY_free(key);
}

void identity_done(struct identity *i)
{
    free(i->certificate_pem);
    free(i->key_pem);
}
