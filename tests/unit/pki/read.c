/* SPDX-License-Identifier: Apache-2.0 */
/* Reading certificates that others made. */
#include "people.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A certificate with this subjectAltName (as OpenSSL's configuration has it) and serial, as DER. */
static int make(const char *names, const char *serial_hex, const char *not_after, uint8_t **der)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIGNUM *serial = NULL;
    assert_true(BN_hex2bn(&serial, serial_hex));
    assert_non_null(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)));
    assert_true(X509_set_version(x, X509_VERSION_3));
    assert_true(ASN1_TIME_set_string(X509_getm_notBefore(x), "260101000000Z"));
    assert_true(ASN1_TIME_set_string(X509_getm_notAfter(x), not_after));
    assert_true(X509_set_pubkey(x, key));
    if (names) {
        X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, names);
        assert_non_null(ext);
        assert_true(X509_add_ext(x, ext, -1));
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(x, key, EVP_sha256()));
    *der = NULL;
    int len = i2d_X509(x, der);
    assert_true(len > 0);
    BN_free(serial);
    X509_free(x);
    EVP_PKEY_free(key);
    return len;
}

static int read_made(const char *names, const char *serial, const char *not_after,
                     struct pki_identity *id, struct err *e)
{
    uint8_t *der;
    int len = make(names, serial, not_after, &der);
    int rc = pki_read(der, (size_t)len, id, e);
    OPENSSL_free(der);
    return rc;
}

#define LATER "270101000000Z"

static void names_other_than_uris_do_not_count(void **state)
{
    (void)state;
    struct pki_identity id = {0};
    struct err e = ERR_INIT;
    assert_int_equal(read_made(NULL, "01", LATER, &id, &e), 0);
    assert_string_equal(id.uri, "");
    assert_int_equal(read_made("DNS:a,IP:192.0.2.1", "01", LATER, &id, &e), 0);
    assert_string_equal(id.uri, "");
    assert_int_equal(read_made("DNS:a,URI:abri:x,IP:192.0.2.1", "01", LATER, &id, &e), 0);
    assert_string_equal(id.uri, "abri:x");
}

static void two_uris_are_refused(void **state)
{
    (void)state;
    struct pki_identity id = {.uri = "kept"};
    struct err e = ERR_INIT;
    assert_int_equal(read_made("URI:abri:x,URI:abri:y", "01", LATER, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_string_equal(id.uri, "kept");
}

static void odd_uris_are_refused(void **state)
{
    (void)state;
    struct pki_identity id;
    struct err e = ERR_INIT;
    assert_int_equal(read_made("URI:a b", "01", LATER, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    char longest[PKI_URI_MAX + 6] = "URI:";
    memset(longest + 4, 'u', PKI_URI_MAX + 1);
    assert_int_equal(read_made(longest, "01", LATER, &id, &e), -1);
    longest[PKI_URI_MAX + 4] = '\0';
    assert_int_equal(read_made(longest, "01", LATER, &id, &e), 0);
    assert_string_equal(id.uri, longest + 4);
    /* A NUL inside must not hide what follows. */
    uint8_t *der;
    int len = make("URI:abri:machine:1#rest", "01", LATER, &der);
    uint8_t *at = memmem(der, (size_t)len, "#rest", 5);
    assert_non_null(at);
    *at = 0;
    assert_int_equal(pki_read(der, (size_t)len, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    OPENSSL_free(der);
}

static void serials_are_padded_and_never_cut(void **state)
{
    (void)state;
    struct pki_identity id;
    struct err e = ERR_INIT;
    uint8_t expected[PKI_SERIAL_BYTES] = {[14] = 0x12, [15] = 0x34};
    assert_int_equal(read_made(NULL, "1234", LATER, &id, &e), 0);
    assert_memory_equal(id.serial, expected, sizeof expected);
    assert_int_equal(read_made(NULL, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", LATER, &id, &e), 0);
    assert_int_equal(id.serial[0], 0xff);
    assert_int_equal(read_made(NULL, "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", LATER, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(read_made(NULL, "-01", LATER, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
}

static void the_end_of_time_is_kept_in_range(void **state)
{
    (void)state;
    struct pki_identity id;
    struct err e = ERR_INIT;
    assert_int_equal(read_made(NULL, "01", "99991231235959Z", &id, &e), 0);
    assert_int_equal(id.not_before_ns, INT64_C(1767225600) * NS_PER_S);
    assert_int_equal(id.not_after_ns, INT64_MAX);
}

static void one_whole_certificate_or_nothing(void **state)
{
    (void)state;
    struct pki_identity id;
    struct err e = ERR_INIT;
    uint8_t *der;
    size_t len = (size_t)make("URI:abri:x", "01", LATER, &der);
    CLEANUP_FREE uint8_t *copy = mem_zalloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, der, len);
    OPENSSL_free(der);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(pki_read(copy, cut, &id, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
    }
    assert_int_equal(pki_read(copy, len, &id, &e), 0);
    assert_int_equal(pki_read(copy, len + 1, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    CLEANUP_FREE uint8_t *huge = mem_zalloc(PKI_PEM_MAX + 1);
    assert_non_null(huge);
    huge[0] = 0x30;
    assert_int_equal(pki_read(huge, PKI_PEM_MAX + 1, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_non_null(strstr(e.msg, "64 KiB"));
}

static void a_pem_chain_is_refused(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct pki_identity id;
    struct person p = people_authority("abri", NULL);
    struct buf both = {0};
    buf_put(&both, p.certificate, strlen(p.certificate));
    assert_int_equal(pki_read(both.data, both.len, &id, &e), 0);
    assert_string_equal(id.uri, "");
    buf_put(&both, p.certificate, strlen(p.certificate));
    assert_int_equal(pki_read(both.data, both.len, &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(pki_read(p.key, strlen(p.key), &id, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&both);
    people_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_other_than_uris_do_not_count),
        cmocka_unit_test(two_uris_are_refused),
        cmocka_unit_test(odd_uris_are_refused),
        cmocka_unit_test(serials_are_padded_and_never_cut),
        cmocka_unit_test(the_end_of_time_is_kept_in_range),
        cmocka_unit_test(one_whole_certificate_or_nothing),
        cmocka_unit_test(a_pem_chain_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
