/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as PEM or DER, and how one is made. Does not decide who gets one (issue.c) and does
 * not say what one means (read.c).
 *
 * Invariants
 * 1. A serial has 127 random bits, and its first byte is not zero: it is never repeated, and always
 *    PKI_SERIAL_BYTES long.
 * 2. Whatever is made is an X.509 version 3 certificate with subject and authority key identifiers,
 * so that two authorities of one name are told apart.
 * 3. A certificate is valid from PKI_EARLY_S before the given time, so that clocks may differ a
 * little.
 */
#include "pki/pki_internal.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>

#define PKI_EARLY_S  3600
#define PKI_DAYS_MAX 36500u

/* ---- text -------------------------------------------------------------------------------- */

static int parse_pem(const char *pem, size_t len, const char *what, X509 **out, struct err *e)
{
    ERR_clear_error();
    CLEANUP(pki_bio_done) BIO *from = BIO_new_mem_buf(pem, (int)len);
    if (!from)
        return err_no_memory(e, what);
    CLEANUP(pki_certificate_done)
    X509 *certificate = PEM_read_bio_X509(from, NULL, pki_no_passphrase, NULL);
    if (!certificate)
        return pki_fail(e, ERR_DAMAGED, "%s cannot be read", what);
    CLEANUP(pki_certificate_done)
    X509 *second = PEM_read_bio_X509(from, NULL, pki_no_passphrase, NULL);
    ERR_clear_error();
    if (second)
        return err_set(e, ERR_DAMAGED, "%s: there is more than one certificate", what);
    *out = TAKE(certificate);
    return 0;
}

static int parse_der(const uint8_t *der, size_t len, const char *what, X509 **out, struct err *e)
{
    ERR_clear_error();
    const uint8_t *at = der;
    CLEANUP(pki_certificate_done) X509 *certificate = d2i_X509(NULL, &at, (long)len);
    if (!certificate)
        return pki_fail(e, ERR_DAMAGED, "%s cannot be read", what);
    if (at != der + len)
        return err_set(e, ERR_DAMAGED, "%s: bytes follow the certificate", what);
    *out = TAKE(certificate);
    return 0;
}

int pki_certificate_parse(const void *p, size_t len, const char *what, X509 **out, struct err *e)
{
    if (len == 0 || len > PKI_PEM_MAX)
        return err_set(e, ERR_DAMAGED, "%s is %s", what, len ? "longer than 64 KiB" : "empty");
    /* DER begins with the tag of a SEQUENCE, which as text is the digit 0. */
    if (*(const uint8_t *)p == 0x30)
        return parse_der(p, len, what, out, e);
    return parse_pem(p, len, what, out, e);
}

int pki_certificate_load(const char *pem, const char *what, X509 **out, struct err *e)
{
    return pki_certificate_parse(pem, strnlen(pem, PKI_PEM_MAX + 1), what, out, e);
}

int pki_certificate_save(X509 *certificate, struct buf *out, struct err *e)
{
    ERR_clear_error();
    CLEANUP(pki_bio_done) BIO *to = BIO_new(BIO_s_mem());
    if (!to || !PEM_write_bio_X509(to, certificate))
        return pki_fail(e, ERR_IO, "a certificate could not be written");
    return pki_pem_append(to, out, e);
}

/* ---- making one ---------------------------------------------------------------------------- */

static bool set_serial(X509 *certificate)
{
    uint8_t serial[PKI_SERIAL_BYTES];
    do {
        if (RAND_bytes(serial, sizeof serial) != 1)
            return false;
        serial[0] &= 0x7f;
    } while (serial[0] == 0);
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return good;
}

static bool set_times(X509 *certificate, const struct pki_draft *draft)
{
    time_t now = (time_t)(draft->now_ns / NS_PER_S);
    return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -PKI_EARLY_S, &now) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), (int)draft->days, 0, &now);
}

static bool set_subject(X509 *certificate, const char *common_name)
{
    return !common_name ||
           X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                      MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
}

/* `value` is always a text of this room, never of others. */
static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
    if (!value)
        return true;
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, context, nid, value);
    bool good = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return good;
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct pki_draft *draft)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
    return add_extension(certificate, &context, NID_basic_constraints, draft->basic) &&
           add_extension(certificate, &context, NID_key_usage, draft->usage) &&
           add_extension(certificate, &context, NID_ext_key_usage, draft->extended) &&
           add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always") &&
           (!draft->names ||
            X509_add1_ext_i2d(certificate, NID_subject_alt_name, (void *)draft->names,
                              !draft->common_name, X509V3_ADD_DEFAULT));
}

int pki_certificate_make(const struct pki_draft *draft, X509 *issuer, EVP_PKEY *issuer_key,
                         X509 **out, struct err *e)
{
    if (draft->days == 0 || draft->days > PKI_DAYS_MAX)
        return err_set(e, ERR_USAGE, "a certificate is valid for 1 to %u days, not %u",
                       PKI_DAYS_MAX, draft->days);
    ERR_clear_error();
    CLEANUP(pki_certificate_done) X509 *made = X509_new();
    if (!made)
        return err_no_memory(e, "a certificate");
    if (!set_subject(made, draft->common_name))
        return pki_fail(e, ERR_USAGE, "'%s' cannot be the name of an authority: 1 to 64 characters",
                        draft->common_name);
    X509_NAME *from = X509_get_subject_name(issuer ? issuer : made);
    if (!X509_set_version(made, X509_VERSION_3) || !set_serial(made) || !set_times(made, draft) ||
        !X509_set_issuer_name(made, from) || !X509_set_pubkey(made, draft->subject_key) ||
        !add_extensions(made, issuer, draft) || !X509_sign(made, issuer_key, EVP_sha256()))
        return pki_fail(e, ERR_IO, "a certificate could not be made");
    *out = TAKE(made);
    return 0;
}
