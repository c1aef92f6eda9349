/* SPDX-License-Identifier: Apache-2.0 */
/* What is issued says what it should, and a peer's verification agrees. */
#include "people.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pki_authority *authority, *other;
static struct person authority_papers, other_papers;

static X509 *certificate_of(const char *pem)
{
    BIO *b = BIO_new_mem_buf(pem, -1);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    BIO_free(b);
    assert_non_null(x);
    return x;
}

/* What a TLS peer that trusts `authority_pem` finds at `at_ns`. */
static int verified(const char *pem, const char *authority_pem, int purpose, int64_t at_ns)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *trusted = certificate_of(authority_pem), *x = certificate_of(pem);
    assert_true(X509_STORE_add_cert(store, trusted));
    assert_true(X509_STORE_CTX_init(context, store, x, NULL));
    assert_true(X509_STORE_CTX_set_purpose(context, purpose));
    X509_STORE_CTX_set_time(context, 0, (time_t)(at_ns / NS_PER_S));
    int problem = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_free(x);
    X509_free(trusted);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return problem;
}

static void a_machine_is_valid_from_an_hour_ago_for_its_days(void **state)
{
    (void)state;
    int64_t now = clock_realtime_ns() / NS_PER_S * NS_PER_S;
    struct pki_identity id;
    struct person m = people_machine(authority, PEOPLE_URI, 30, now, &id);
    int64_t hour = 3600 * NS_PER_S;
    assert_int_equal(id.not_before_ns, now - hour);
    assert_int_equal(id.not_after_ns, now + 30 * PEOPLE_DAY);
    assert_string_equal(id.uri, PEOPLE_URI);
    const char *ca = authority_papers.certificate;
    assert_int_equal(verified(m.certificate, ca, X509_PURPOSE_SSL_CLIENT, now), X509_V_OK);
    assert_int_equal(verified(m.certificate, ca, X509_PURPOSE_SSL_CLIENT, now - hour + NS_PER_S),
                     X509_V_OK);
    assert_int_equal(pki_problem(verified(m.certificate, ca, X509_PURPOSE_SSL_CLIENT,
                                          now + 30 * PEOPLE_DAY + NS_PER_S)),
                     PKI_EXPIRED);
    assert_int_equal(pki_problem(verified(m.certificate, ca, X509_PURPOSE_SSL_SERVER, now)),
                     PKI_INVALID);
    people_done(&m);
}

static void refusals_are_told_apart(void **state)
{
    (void)state;
    int64_t now = clock_realtime_ns();
    struct person early = people_machine(authority, PEOPLE_URI, 30, now + 10 * PEOPLE_DAY, NULL);
    struct person late = people_machine(authority, PEOPLE_URI, 30, now - 40 * PEOPLE_DAY, NULL);
    struct person foreign = people_machine(other, PEOPLE_URI, 30, now, NULL);
    struct person foreign_late = people_machine(other, PEOPLE_URI, 30, now - 40 * PEOPLE_DAY, NULL);
    const char *ca = authority_papers.certificate;
    int p = X509_PURPOSE_SSL_CLIENT;
    assert_int_equal(pki_problem(verified(early.certificate, ca, p, now)), PKI_NOT_YET);
    assert_int_equal(pki_problem(verified(late.certificate, ca, p, now)), PKI_EXPIRED);
    /* The other authority has the same name: only its key is another. */
    assert_int_equal(pki_problem(verified(foreign.certificate, ca, p, now)), PKI_FOREIGN);
    assert_int_equal(pki_problem(verified(foreign_late.certificate, ca, p, now)), PKI_FOREIGN);
    assert_int_equal(pki_problem(verified(other_papers.certificate, ca, p, now)), PKI_FOREIGN);
    assert_string_equal(pki_verify_text(verified(late.certificate, ca, p, now)),
                        "certificate has expired");
    people_done(&early);
    people_done(&late);
    people_done(&foreign);
    people_done(&foreign_late);
}

static void a_machine_cannot_certify(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct person m = people_machine(authority, PEOPLE_URI, 30, clock_realtime_ns(), NULL);
    struct pki_authority *a = NULL;
    assert_int_equal(pki_authority_open(m.certificate, m.key, &a, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_null(a);
    people_done(&m);
}

static void serials_are_unique_and_positive(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct pki_identity id[COUNT];
    struct buf key = {0}, request = {0};
    struct err e = ERR_INIT;
    assert_int_equal(pki_make_request(&key, &request, &e), 0);
    CLEANUP_FREE char *text = people_text(&request);
    for (size_t i = 0; i < COUNT; i++) {
        struct buf out = {0};
        assert_int_equal(
            pki_certify(authority, text, PEOPLE_URI, 1, clock_realtime_ns(), &out, &id[i], &e), 0);
        buf_done(&out);
        assert_in_range(id[i].serial[0], 1, 127);
        assert_memory_equal(id[i].key_pin, id[0].key_pin, PKI_PIN_BYTES);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(id[i].serial, id[j].serial, PKI_SERIAL_BYTES);
    }
    buf_done(&key);
}

static void a_kept_key_asks_again(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    int64_t now = clock_realtime_ns();
    struct pki_identity first, second;
    struct person m = people_machine(authority, PEOPLE_URI, 30, now, &first);
    struct buf request = {0}, certificate = {0};
    assert_int_equal(pki_request_for(m.key, &request, &e), 0);
    CLEANUP_FREE char *text = people_text(&request);
    assert_int_equal(pki_certify(authority, text, PEOPLE_URI, 30, now, &certificate, &second, &e),
                     0);
    assert_memory_equal(first.key_pin, second.key_pin, PKI_PIN_BYTES);
    assert_memory_not_equal(first.serial, second.serial, PKI_SERIAL_BYTES);
    CLEANUP_FREE char *renewed = people_text(&certificate);
    assert_int_equal(pki_check_pair(renewed, m.key, authority_papers.certificate, &e), 0);
    people_done(&m);
}

static void a_pair_may_have_expired(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct person m = people_machine(authority, PEOPLE_URI, 1, PEOPLE_DAY, NULL); /* 1970 */
    assert_int_equal(pki_check_pair(m.certificate, m.key, authority_papers.certificate, &e), 0);
    assert_int_equal(pki_check_pair(m.certificate, m.key, other_papers.certificate, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    people_done(&m);
}

static void far_times_are_written_and_read(void **state)
{
    (void)state;
    /* 1970, around 2050 (where X.509 changes its form of times), 2200. */
    static const int64_t days[] = {0, 29219, 29220, 84000};
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct pki_identity id;
        struct person m = people_machine(authority, PEOPLE_URI, 400, days[i] * PEOPLE_DAY, &id);
        assert_int_equal(id.not_before_ns, days[i] * PEOPLE_DAY - 3600 * NS_PER_S);
        assert_int_equal(id.not_after_ns, (days[i] + 400) * PEOPLE_DAY);
        people_done(&m);
    }
}

static void *issue_many(void *arg)
{
    bool *good = arg;
    for (int i = 0; i < 20; i++) {
        struct pki_identity id;
        struct err e = ERR_INIT;
        struct person m = people_machine(authority, PEOPLE_URI, 30, clock_realtime_ns(), &id);
        *good =
            *good && pki_check_pair(m.certificate, m.key, authority_papers.certificate, &e) == 0;
        people_done(&m);
    }
    return NULL;
}

static void threads_issue_at_once(void **state)
{
    (void)state;
    pthread_t t[4];
    bool good[4] = {true, true, true, true};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, issue_many, &good[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(t[i], NULL);
        assert_true(good[i]);
    }
}

static int setup(void **state)
{
    (void)state;
    authority_papers = people_authority("abri", &authority);
    other_papers = people_authority("abri", &other);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pki_authority_close(authority);
    pki_authority_close(other);
    people_done(&authority_papers);
    people_done(&other_papers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_is_valid_from_an_hour_ago_for_its_days),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(a_machine_cannot_certify),
        cmocka_unit_test(serials_are_unique_and_positive),
        cmocka_unit_test(a_kept_key_asks_again),
        cmocka_unit_test(a_pair_may_have_expired),
        cmocka_unit_test(far_times_are_written_and_read),
        cmocka_unit_test(threads_issue_at_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
