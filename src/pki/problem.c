/* SPDX-License-Identifier: Apache-2.0 */
/* Why OpenSSL refused a certificate: as words, and as the few cases that are answered differently.
 */
#include "pki/pki.h"

#include <openssl/x509_vfy.h>

const char *pki_verify_text(int verify_error)
{
    return X509_verify_cert_error_string(verify_error);
}

enum pki_problem pki_problem(int verify_error)
{
    switch (verify_error) {
    case X509_V_OK: return PKI_VALID;
    case X509_V_ERR_CERT_HAS_EXPIRED: return PKI_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return PKI_NOT_YET;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH: return PKI_FOREIGN;
    default: return PKI_INVALID;
    }
}
