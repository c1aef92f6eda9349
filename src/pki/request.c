/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side of those who are certified: a key, a request for it, and whether what came back fits. A
 * request names nobody; its signature proves that the sender has the key.
 */
#include "pki/pki_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

static int write_request(EVP_PKEY *key, struct buf *out, struct err *e)
{
    ERR_clear_error();
    CLEANUP(pki_request_done) X509_REQ *request = X509_REQ_new();
    CLEANUP(pki_bio_done) BIO *to = BIO_new(BIO_s_mem());
    if (!request || !to || !X509_REQ_set_version(request, X509_REQ_VERSION_1) ||
        !X509_REQ_set_pubkey(request, key) || !X509_REQ_sign(request, key, EVP_sha256()) ||
        !PEM_write_bio_X509_REQ(to, request))
        return pki_fail(e, ERR_IO, "a request for a certificate could not be made");
    return pki_pem_append(to, out, e);
}

int pki_make_request(struct buf *key_out, struct buf *request_out, struct err *e)
{
    CLEANUP(pki_key_done) EVP_PKEY *key = NULL;
    size_t before = request_out->len;
    if (pki_key_new(&key, e) || write_request(key, request_out, e))
        return -1;
    if (pki_key_save(key, key_out, e) == 0)
        return 0;
    request_out->len = before;
    return -1;
}

int pki_request_for(const char *key_pem, struct buf *request_out, struct err *e)
{
    CLEANUP(pki_key_done) EVP_PKEY *key = NULL;
    if (pki_key_load(key_pem, &key, e))
        return -1;
    return write_request(key, request_out, e);
}

/* X509_V_OK, or why not; at whatever time. */
static int chain_problem(X509 *certificate, X509 *authority)
{
    int problem = X509_V_ERR_OUT_OF_MEM;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (store && context && X509_STORE_add_cert(store, authority) &&
        X509_STORE_CTX_init(context, store, certificate, NULL)) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
        problem = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        if (problem == X509_V_OK && X509_check_ca(authority) != 1)
            problem = X509_V_ERR_INVALID_CA;
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return problem;
}

int pki_check_pair(const char *certificate_pem, const char *key_pem, const char *authority_pem,
                   struct err *e)
{
    CLEANUP(pki_certificate_done) X509 *certificate = NULL;
    CLEANUP(pki_certificate_done) X509 *authority = NULL;
    CLEANUP(pki_key_done) EVP_PKEY *key = NULL;
    if (pki_certificate_load(certificate_pem, "the certificate", &certificate, e) ||
        pki_certificate_load(authority_pem, "the authority's certificate", &authority, e) ||
        pki_key_load(key_pem, &key, e))
        return -1;
    EVP_PKEY *certified = X509_get0_pubkey(certificate);
    if (!certified || EVP_PKEY_eq(certified, key) != 1)
        return pki_fail(e, ERR_USAGE, "the certificate and the private key do not belong together");
    int problem = chain_problem(certificate, authority);
    if (problem == X509_V_ERR_OUT_OF_MEM)
        return err_no_memory(e, "checking a certificate");
    if (problem != X509_V_OK)
        return err_set(e, ERR_USAGE, "the certificate is not from that authority: %s",
                       pki_verify_text(problem));
    return 0;
}
