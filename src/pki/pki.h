/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki: an installation's own certificate authority, and the keys and requests of those whom it
 * certifies. X.509 by OpenSSL, ECDSA P-256 with SHA-256 throughout (what every TLS peer, load
 * balancer and browser takes). Certificates say who somebody is; what they may do, the server looks
 * up.
 *
 * Secrets are PEM text in caller-owned buffers that the caller wipes. All functions are
 * thread-safe. Foreign input (requests, certificates) is bounded by PKI_PEM_MAX.
 */
#ifndef ABRI_PKI_PKI_H
#define ABRI_PKI_PKI_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

#define PKI_PEM_MAX      ((size_t)64 << 10)
#define PKI_PIN_BYTES    32 /* SHA-256 of a certificate's SubjectPublicKeyInfo, DER */
#define PKI_URI_MAX      200
#define PKI_SERIAL_BYTES 16

/* What is read from a certificate. */
struct pki_identity {
    char uri[PKI_URI_MAX +
             1]; /* of the only URI in subjectAltName: "abri:machine:<32 hex>"; "" if none */
    uint8_t serial[PKI_SERIAL_BYTES]; /* left-padded with zeros */
    uint8_t key_pin[PKI_PIN_BYTES];
    int64_t not_before_ns, not_after_ns;
};

/* ---- the authority ------------------------------------------------------------------ */

/* A new key and its self-signed certificate (20 years, CA:TRUE, pathlen 0, keyCertSign and
 * cRLSign only). `name` becomes the common name. Appends PEM to both. */
MUST_CHECK int pki_make_authority(const char *name, struct buf *certificate_out,
                                  struct buf *key_out, struct err *e);

struct pki_authority;
/* ERR_DAMAGED if one cannot be read; ERR_USAGE if the two do not belong together or it is no
 * authority. */
MUST_CHECK int pki_authority_open(const char *certificate_pem, const char *key_pem,
                                  struct pki_authority **out, struct err *e);
void pki_authority_close(struct pki_authority *a); /* NULL is fine */

/* A certificate for a server: key and certificate, serverAuth only; `names` are 1 to 100 DNS names
 * ("*.example.com" too) or IP addresses, told apart by their form. Valid from an hour before
 * `now_ns` for `days` (1 to 36500). ERR_USAGE for a name that is neither. */
MUST_CHECK int pki_make_server(struct pki_authority *a, const char *const *names, size_t count,
                               unsigned days, int64_t now_ns, struct buf *certificate_out,
                               struct buf *key_out, struct err *e);
/* Certifies the key of a request (PEM), whose own names and wishes are ignored: `uri` and
 * clientAuth only, a random serial, from an hour before `now_ns` for `days`. ERR_USAGE if the
 * request is not valid, is not signed by its key, or the key is not P-256. */
MUST_CHECK int pki_certify(struct pki_authority *a, const char *request_pem, const char *uri,
                           unsigned days, int64_t now_ns, struct buf *certificate_out,
                           struct pki_identity *identity_out, struct err *e);

/* The pin that a certificate for this request will have: who asks again with the same key is known by
 * it. ERR_USAGE as pki_certify. */
MUST_CHECK int pki_request_pin(const char *request_pem, uint8_t pin_out[PKI_PIN_BYTES],
                               struct err *e);

/* ---- for those who are certified ------------------------------------------------------- */

/* A new key and a request for it. */
MUST_CHECK int pki_make_request(struct buf *key_out, struct buf *request_out, struct err *e);
/* A request for a key that is there. */
MUST_CHECK int pki_request_for(const char *key_pem, struct buf *request_out, struct err *e);
/* 0 if key and certificate belong together and the certificate is from the authority, at whatever
 * time; else ERR_USAGE. ERR_DAMAGED if one of them cannot be read. */
MUST_CHECK int pki_check_pair(const char *certificate_pem, const char *key_pem,
                              const char *authority_pem, struct err *e);

/* ---- reading ------------------------------------------------------------------------------ */

/* Exactly one certificate, PEM or DER. Verifies nothing. ERR_DAMAGED, also for a serial of more
 * than PKI_SERIAL_BYTES, for two URIs, or one with characters that are not printable. Times beyond
 * what nanoseconds can tell become INT64_MIN or INT64_MAX. */
MUST_CHECK int pki_read(const void *p, size_t len, struct pki_identity *out, struct err *e);
/* "certificate has expired", … for a X509_V_ERR_… number. */
const char *pki_verify_text(int verify_error);
/* What refusals distinguish: an X509_V_ERR_… number. */
enum pki_problem { PKI_VALID = 0, PKI_EXPIRED, PKI_NOT_YET, PKI_FOREIGN, PKI_INVALID };
enum pki_problem pki_problem(int verify_error);

#endif
