/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a certificate is about. Verifies nothing: TLS has done so, or the caller says what the answer
 * is worth.
 *
 * Invariants
 * 1. What does not fit the identity is refused, never cut: no two certificates of one authority
 * look alike.
 */
#include "pki/pki_internal.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <string.h>

static int read_serial(X509 *certificate, struct pki_identity *out, struct err *e)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    bool good = number && !BN_is_negative(number) &&
                BN_bn2binpad(number, out->serial, PKI_SERIAL_BYTES) == PKI_SERIAL_BYTES;
    BN_free(number);
    if (!good)
        return pki_fail(e, ERR_DAMAGED,
                        "the certificate's serial is negative or longer than %d bytes: "
                        "no abri server issued it",
                        PKI_SERIAL_BYTES);
    return 0;
}

static int read_uri(X509 *certificate, struct pki_identity *out, struct err *e)
{
    int where = -1;
    CLEANUP(pki_names_done)
    STACK_OF(GENERAL_NAME) *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &where, NULL);
    if (!names && where != -1)
        return pki_fail(e, ERR_DAMAGED, "the certificate's alternative names cannot be read");
    const ASN1_IA5STRING *uri = NULL;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        if (uri)
            return err_set(e, ERR_DAMAGED, "the certificate has more than one URI");
        uri = name->d.uniformResourceIdentifier;
    }
    if (!uri)
        return 0;
    const char *text = (const char *)ASN1_STRING_get0_data(uri);
    size_t len = (size_t)ASN1_STRING_length(uri);
    if (!pki_uri_is_plain(text, len))
        return err_set(e, ERR_DAMAGED,
                       "the certificate's URI is empty, too long, or has characters "
                       "that are not printable");
    memcpy(out->uri, text, len);
    return 0;
}

bool pki_pin_of(X509_PUBKEY *key, uint8_t out[PKI_PIN_BYTES])
{
    uint8_t *der = NULL;
    int len = i2d_X509_PUBKEY(key, &der);
    unsigned hashed = 0;
    bool good = len > 0 && EVP_Digest(der, (size_t)len, out, &hashed, EVP_sha256(), NULL) &&
                hashed == PKI_PIN_BYTES;
    OPENSSL_free(der);
    return good;
}

static int read_pin(X509 *certificate, struct pki_identity *out, struct err *e)
{
    return pki_pin_of(X509_get_X509_PUBKEY(certificate), out->key_pin)
               ? 0
               : pki_fail(e, ERR_DAMAGED, "the certificate's public key cannot be read");
}

/* Times that nanoseconds cannot tell (before 1678, after 2261) become the outermost ones. */
static int read_time(const ASN1_TIME *time, int64_t *ns_out, struct err *e)
{
    struct tm parts;
    if (!ASN1_TIME_to_tm(time, &parts))
        return pki_fail(e, ERR_DAMAGED, "the certificate's times cannot be read");
    int64_t seconds = (int64_t)timegm(&parts);
    if (seconds > INT64_MAX / NS_PER_S)
        *ns_out = INT64_MAX;
    else if (seconds < INT64_MIN / NS_PER_S)
        *ns_out = INT64_MIN;
    else
        *ns_out = seconds * NS_PER_S;
    return 0;
}

int pki_identity_of(X509 *certificate, struct pki_identity *out, struct err *e)
{
    struct pki_identity found = {0};
    ERR_clear_error();
    if (read_serial(certificate, &found, e) || read_uri(certificate, &found, e) ||
        read_pin(certificate, &found, e) ||
        read_time(X509_get0_notBefore(certificate), &found.not_before_ns, e) ||
        read_time(X509_get0_notAfter(certificate), &found.not_after_ns, e))
        return -1;
    *out = found;
    return 0;
}

int pki_read(const void *p, size_t len, struct pki_identity *out, struct err *e)
{
    CLEANUP(pki_certificate_done) X509 *certificate = NULL;
    if (pki_certificate_parse(p, len, "the certificate", &certificate, e))
        return -1;
    return pki_identity_of(certificate, out, e);
}
