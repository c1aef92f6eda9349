/* SPDX-License-Identifier: Apache-2.0 */
/* Input that is refused, in words, with the outputs untouched. */
#include "people.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct pki_authority *authority;
static struct person papers;
static char *request;

static void refused_request(const char *pem)
{
    struct buf out = {0};
    buf_put(&out, "kept", 4);
    struct pki_identity id = {.uri = "kept"};
    struct err e = ERR_INIT;
    assert_int_equal(
        pki_certify(authority, pem, PEOPLE_URI, 30, clock_realtime_ns(), &out, &id, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(out.len, 4);
    assert_string_equal(id.uri, "kept");
    buf_done(&out);
}

static void a_request_with_any_changed_character_is_refused(void **state)
{
    (void)state;
    size_t len = strlen(request), refused = 0;
    /* The last four digits of base64 hold bits that say nothing. */
    const char *end = strstr(request, "\n-----END");
    assert_non_null(end);
    for (size_t i = 0; i < len; i++) {
        char kept = request[i];
        if (kept == '\n' || (request + i < end && request + i >= end - 4))
            continue;
        request[i] = kept == 'A' ? 'B' : 'A';
        refused_request(request);
        request[i] = kept;
        refused++;
    }
    assert_true(refused > 300);
    for (size_t cut = 0; cut < len - 2; cut += 7) {
        char kept = request[cut];
        request[cut] = '\0';
        refused_request(request);
        request[cut] = kept;
    }
}

static void garbage_and_too_much_are_refused(void **state)
{
    (void)state;
    refused_request("");
    refused_request("hello");
    refused_request("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n");
    refused_request(papers.certificate);
    refused_request(papers.key);
    CLEANUP_FREE char *huge = mem_zalloc(PKI_PEM_MAX + 2 + strlen(request));
    assert_non_null(huge);
    memset(huge, '\n', PKI_PEM_MAX + 1);
    memcpy(huge + PKI_PEM_MAX + 1, request, strlen(request));
    refused_request(huge);
    /* As much as is allowed is taken. */
    struct buf out = {0};
    struct pki_identity id;
    struct err e = ERR_INIT;
    assert_int_equal(pki_certify(authority, huge + 1 + strlen(request), PEOPLE_URI, 30,
                                 clock_realtime_ns(), &out, &id, &e),
                     0);
    buf_done(&out);
}

static void bad_uris_and_days_are_refused(void **state)
{
    (void)state;
    char longest[PKI_URI_MAX + 2];
    memset(longest, 'u', sizeof longest);
    longest[PKI_URI_MAX + 1] = '\0';
    const char *const bad[] = {"", "with space", "line\n", "caf\xc3\xa9", longest};
    struct buf out = {0};
    struct pki_identity id;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(pki_certify(authority, request, bad[i], 30, 0, &out, &id, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    assert_int_equal(pki_certify(authority, request, PEOPLE_URI, 0, 0, &out, &id, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(pki_certify(authority, request, PEOPLE_URI, 36501, 0, &out, &id, &e), -1);
    assert_int_equal(out.len, 0);
    longest[PKI_URI_MAX] = '\0';
    assert_int_equal(pki_certify(authority, request, longest, 30, 0, &out, &id, &e), 0);
    assert_string_equal(id.uri, longest);
    buf_done(&out);
}

static void what_is_no_server_name_is_refused(void **state)
{
    (void)state;
    char label[260], deep[260];
    memset(label, 'l', sizeof label);
    label[64] = '\0';
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = i % 2 ? '.' : 'd';
    deep[255] = '\0';
    const char *const bad[] = {"",
                               ".",
                               "a..b",
                               "a.",
                               ".a",
                               "-a",
                               "a-",
                               "a b",
                               "a,DNS:evil",
                               "192.0.2",
                               "192.0.2.256",
                               "1",
                               "[::1]",
                               "fe80::1%eth0",
                               "2001:db8::/32",
                               "a:1",
                               "https://a",
                               "a*b.c",
                               "*",
                               "*.",
                               "a.*.b",
                               "caf\xc3\xa9",
                               "a\nb",
                               label,
                               deep};
    struct buf certificate = {0}, key = {0};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *names[] = {"good.example", bad[i]};
        if (pki_make_server(authority, names, 2, 30, 0, &certificate, &key, &e) != -1)
            fail_msg("'%s' was taken for a name", bad[i]);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    assert_int_equal(pki_make_server(authority, NULL, 0, 30, 0, &certificate, &key, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(certificate.len + key.len, 0);
    label[63] = '\0';
    deep[253] = '\0';
    const char *good[] = {
        "localhost", "a",  "A-1.b_c",          "*.example.com", "1.example", "xn--caf-dma.example",
        "0.0.0.0",   "::", "::ffff:192.0.2.1", label,           deep};
    assert_int_equal(pki_make_server(authority, good, sizeof good / sizeof good[0], 30, 0,
                                     &certificate, &key, &e),
                     0);
    buf_done(&certificate);
    buf_done(&key);
}

static void an_authority_needs_a_name_that_fits(void **state)
{
    (void)state;
    struct buf certificate = {0}, key = {0};
    struct err e = ERR_INIT;
    char name[66];
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    assert_int_equal(pki_make_authority("", &certificate, &key, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(pki_make_authority(name, &certificate, &key, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(pki_make_authority("bad \xff utf-8", &certificate, &key, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(certificate.len + key.len, 0);
    name[64] = '\0';
    assert_int_equal(pki_make_authority(name, &certificate, &key, &e), 0);
    buf_done(&certificate);
    buf_done(&key);
}

static void an_authority_is_opened_with_its_own_key_alone(void **state)
{
    (void)state;
    struct person other = people_authority("abri", NULL);
    struct pki_authority *a = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(pki_authority_open(papers.certificate, other.key, &a, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(pki_authority_open(papers.key, papers.certificate, &a, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(pki_authority_open("", "", &a, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_null(a);
    people_done(&other);
}

static void no_memory_leaves_outputs_alone(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 6; n++) {
        struct buf certificate = {0}, key = {0};
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = pki_make_authority("abri", &certificate, &key, &e);
        mem_fail_nth(0);
        if (rc) {
            assert_int_equal(e.cls, ERR_NO_MEMORY);
            assert_int_equal(certificate.len + key.len, 0);
        }
        buf_done(&certificate);
        buf_done(&key);
    }
}

static int setup(void **state)
{
    (void)state;
    struct buf key = {0}, text = {0};
    struct err e = ERR_INIT;
    papers = people_authority("abri", &authority);
    if (pki_make_request(&key, &text, &e))
        return -1;
    request = people_text(&text);
    buf_done(&key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pki_authority_close(authority);
    people_done(&papers);
    mem_free(request);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_with_any_changed_character_is_refused),
        cmocka_unit_test(garbage_and_too_much_are_refused),
        cmocka_unit_test(bad_uris_and_days_are_refused),
        cmocka_unit_test(what_is_no_server_name_is_refused),
        cmocka_unit_test(an_authority_needs_a_name_that_fits),
        cmocka_unit_test(an_authority_is_opened_with_its_own_key_alone),
        cmocka_unit_test(no_memory_leaves_outputs_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
