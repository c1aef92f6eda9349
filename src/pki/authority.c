/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority of an installation: made once, then opened each time the server starts. Does not
 * keep files; does not issue (issue.c).
 *
 * Invariants
 * 1. An opened authority is never changed, so that any number of threads may issue from it.
 * 2. It is self-signed, allowed to certify, and the key is its own.
 */
#include "pki/pki_internal.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <string.h>

#define AUTHORITY_DAYS (20u * 365u + 5u)

int pki_make_authority(const char *name, struct buf *certificate_out, struct buf *key_out,
                       struct err *e)
{
    if (name[0] == '\0')
        return err_set(e, ERR_USAGE, "an authority needs a name");
    CLEANUP(pki_key_done) EVP_PKEY *key = NULL;
    CLEANUP(pki_certificate_done) X509 *certificate = NULL;
    if (pki_key_new(&key, e))
        return -1;
    struct pki_draft draft = {.subject_key = key,
                              .common_name = name,
                              .basic = "critical,CA:TRUE,pathlen:0",
                              .usage = "critical,keyCertSign,cRLSign",
                              .now_ns = clock_realtime_ns(),
                              .days = AUTHORITY_DAYS};
    size_t before = certificate_out->len;
    if (pki_certificate_make(&draft, NULL, key, &certificate, e) ||
        pki_certificate_save(certificate, certificate_out, e))
        return -1;
    if (pki_key_save(key, key_out, e) == 0)
        return 0;
    certificate_out->len = before;
    return -1;
}

static int check_authority(const struct pki_authority *a, struct err *e)
{
    ERR_clear_error();
    EVP_PKEY *certified = X509_get0_pubkey(a->certificate);
    if (!certified || EVP_PKEY_eq(certified, a->key) != 1)
        return pki_fail(e, ERR_USAGE,
                        "the authority's certificate and its key do not belong together");
    if (X509_check_ca(a->certificate) != 1)
        return pki_fail(e, ERR_USAGE, "the certificate is not an authority's: it may not certify");
    if (X509_self_signed(a->certificate, 1) != 1)
        return pki_fail(e, ERR_USAGE, "the authority's certificate is not signed by its own key");
    return 0;
}

int pki_authority_open(const char *certificate_pem, const char *key_pem, struct pki_authority **out,
                       struct err *e)
{
    struct pki_authority *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_no_memory(e, "an authority");
    if (pki_certificate_load(certificate_pem, "the authority's certificate", &a->certificate, e) ||
        pki_key_load(key_pem, &a->key, e) || check_authority(a, e)) {
        pki_authority_close(a);
        return -1;
    }
    *out = a;
    return 0;
}

void pki_authority_close(struct pki_authority *a)
{
    if (!a)
        return;
    X509_free(a->certificate);
    EVP_PKEY_free(a->key);
    mem_free(a);
}
