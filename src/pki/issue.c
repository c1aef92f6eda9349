/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that the authority issues: to servers, whose key is made here, and to whoever sends
 * a request. Does not decide who may have one, and keeps no list: the server does.
 *
 * Invariants
 * 1. From a request nothing is taken but the public key: names, extensions and attributes are ours.
 * 2. That key is P-256, and the request proves that its sender has the private half.
 * 3. No certificate that is issued may certify.
 */
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static const struct pki_draft leaf = {.basic = "critical,CA:FALSE",
                                      .usage = "critical,digitalSignature"};

int pki_make_server(struct pki_authority *a, const char *const *names, size_t count, unsigned days,
                    int64_t now_ns, struct buf *certificate_out, struct buf *key_out, struct err *e)
{
    CLEANUP(pki_names_done) STACK_OF(GENERAL_NAME) *list = NULL;
    CLEANUP(pki_key_done) EVP_PKEY *key = NULL;
    CLEANUP(pki_certificate_done) X509 *certificate = NULL;
    if (pki_names_of_server(names, count, &list, e) || pki_key_new(&key, e))
        return -1;
    struct pki_draft draft = leaf;
    draft.subject_key = key;
    draft.common_name = "abri server";
    draft.names = list;
    draft.extended = "serverAuth";
    draft.now_ns = now_ns;
    draft.days = days;
    size_t before = certificate_out->len;
    if (pki_certificate_make(&draft, a->certificate, a->key, &certificate, e) ||
        pki_certificate_save(certificate, certificate_out, e))
        return -1;
    if (pki_key_save(key, key_out, e) == 0)
        return 0;
    certificate_out->len = before;
    return -1;
}

static int read_request(const char *pem, X509_REQ **out, struct err *e)
{
    CLEANUP(pki_bio_done) BIO *from = NULL;
    if (pki_pem_open(pem, ERR_USAGE, "the request for a certificate", &from, e))
        return -1;
    *out = PEM_read_bio_X509_REQ(from, NULL, pki_no_passphrase, NULL);
    return *out ? 0
                : pki_fail(e, ERR_USAGE,
                           "the request for a certificate cannot be read: expected "
                           "PKCS #10 in PEM");
}

/* Borrows the key from the request. */
static int prove_key(X509_REQ *request, EVP_PKEY **out, struct err *e)
{
    ERR_clear_error();
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (!key)
        return pki_fail(e, ERR_USAGE, "the request for a certificate has no key that can be read");
    if (!pki_key_is_p256(key))
        return err_set(e, ERR_USAGE,
                       "the key of the request is not a P-256 key: make one with "
                       "'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256'");
    if (X509_REQ_get_signature_nid(request) != NID_ecdsa_with_SHA256)
        return err_set(e, ERR_USAGE, "the request is not signed with ECDSA and SHA-256");
    if (X509_REQ_verify(request, key) != 1)
        return pki_fail(e, ERR_USAGE, "the request is not signed by the key that it is for");
    *out = key;
    return 0;
}

int pki_request_pin(const char *request_pem, uint8_t pin_out[PKI_PIN_BYTES], struct err *e)
{
    CLEANUP(pki_request_done) X509_REQ *request = NULL;
    EVP_PKEY *key;
    uint8_t pin[PKI_PIN_BYTES];
    if (read_request(request_pem, &request, e) || prove_key(request, &key, e))
        return -1;
    if (!pki_pin_of(X509_REQ_get_X509_PUBKEY(request), pin))
        return pki_fail(e, ERR_USAGE, "the key of the request cannot be read");
    memcpy(pin_out, pin, sizeof pin);
    return 0;
}

int pki_certify(struct pki_authority *a, const char *request_pem, const char *uri, unsigned days,
                int64_t now_ns, struct buf *certificate_out, struct pki_identity *identity_out,
                struct err *e)
{
    CLEANUP(pki_names_done) STACK_OF(GENERAL_NAME) *list = NULL;
    CLEANUP(pki_request_done) X509_REQ *request = NULL;
    CLEANUP(pki_certificate_done) X509 *certificate = NULL;
    struct pki_draft draft = leaf;
    if (pki_names_of_uri(uri, &list, e) || read_request(request_pem, &request, e) ||
        prove_key(request, &draft.subject_key, e))
        return -1;
    draft.names = list;
    draft.extended = "clientAuth";
    draft.now_ns = now_ns;
    draft.days = days;
    struct pki_identity identity;
    if (pki_certificate_make(&draft, a->certificate, a->key, &certificate, e) ||
        pki_identity_of(certificate, &identity, e) ||
        pki_certificate_save(certificate, certificate_out, e))
        return -1;
    *identity_out = identity;
    return 0;
}
