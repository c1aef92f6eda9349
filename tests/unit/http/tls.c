/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect, and what is known about them. */
#include "client.h"

#include <openssl/x509_vfy.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;

static int start(void **state)
{
    (void)state;
    site_start(&site, NULL, 1, 2, NULL, 0, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_stop(&site, 0);
    assert_int_equal(site.heads, site.dones);
    return 0;
}

static void who(const struct identity *identity, char *out, size_t len)
{
    struct client c;
    struct client_options o = {.line.identity = identity};
    assert_true(client_open(&c, &site, &o));
    (void)snprintf(out, len, "%s", client_get(&c, "/who", NULL));
    client_close(&c);
}

static void test_certificates_are_judged_and_not_demanded(void **state)
{
    (void)state;
    char text[256], expected[256];
    who(&site.machine, text, sizeof text);
    assert_string_equal(text, "127.0.0.1 0 certificate\n");
    who(NULL, text, sizeof text);
    assert_string_equal(text, "127.0.0.1 0 nobody\n");
    who(&site.expired, text, sizeof text);
    (void)snprintf(expected, sizeof expected, "127.0.0.1 %d certificate\n",
                   X509_V_ERR_CERT_HAS_EXPIRED);
    assert_string_equal(text, expected);
    who(&site.stranger, text, sizeof text);
    (void)snprintf(expected, sizeof expected, "127.0.0.1 %d certificate\n",
                   X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    assert_string_equal(text, expected);
}

static void refused(const struct line_options *o)
{
    struct client c;
    struct client_options with = {.line = *o};
    uint64_t before = http_server_stats(site.http).handshakes_failed;
    if (client_open(&c, &site, &with)) { /* the client may be through before the server says no */
        client_until_gone(&c);
        client_close(&c);
    }
    while (http_server_stats(site.http).handshakes_failed == before)
        (void)poll(NULL, 0, 1);
    assert_int_equal(site.heads, 0);
}

static void test_only_tls_1_3_and_h2(void **state)
{
    (void)state;
    refused(&(struct line_options){.version = TLS1_2_VERSION});
    refused(&(struct line_options){.alpn = "http/1.1"});
    refused(&(struct line_options){.alpn = ""});
    refused(&(struct line_options){.before = "GET / HTTP/1.1\r\n\r\n", .before_len = 18});
}

/* As networks do it: a record is rarely there at once. */
static void test_records_come_in_fragments(void **state)
{
    (void)state;
    static struct raw_frame f;
    struct line l;
    uint8_t head[256], body[100];
    assert_true(line_open(&l, &site, NULL));
    BIO *out = BIO_new(BIO_s_mem());
    BIO *in = BIO_new_socket(l.fd, BIO_NOCLOSE);
    SSL_set_bio(l.ssl, in, out);
    assert_true(raw_begin(&l));
    const char *pairs[] = {":method", "POST",  ":scheme",    "https",
                           ":path",   "/sink", ":authority", "a"};
    assert_true(raw_send(&l, NGHTTP2_HEADERS, 4, 1, head, raw_head(head, pairs, 8)));
    for (unsigned i = 0; i < 400; i++) {
        for (size_t k = 0; k < sizeof body; k++)
            body[k] = site_byte(i * sizeof body + k);
        assert_true(raw_send(&l, NGHTTP2_DATA, i == 399, 1, body, sizeof body));
        uint8_t sealed[1024];
        int n = BIO_read(out, sealed, sizeof sealed);
        assert_in_range(n, 60, sizeof sealed);
        assert_int_equal(send(l.fd, sealed, 50, MSG_NOSIGNAL), 50);
        (void)poll(NULL, 0, 1); /* so that the server most often sees the half of it */
        assert_int_equal(send(l.fd, sealed + 50, (size_t)n - 50, MSG_NOSIGNAL), n - 50);
    }
    assert_true(raw_until(&l, NGHTTP2_DATA, &f));
    assert_int_equal(f.len, 8);
    assert_memory_equal(f.payload, "40000 0\n", 8);
    line_close(&l);
}

static void test_no_session_can_be_resumed(void **state)
{
    (void)state;
    struct client c;
    assert_true(client_open(&c, &site, NULL));
    assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
    assert_false(SSL_SESSION_is_resumable(SSL_get_session(c.line.ssl)));
    client_close(&c);
}

static void test_new_certificates_are_for_new_connections(void **state)
{
    (void)state;
    struct client old, young;
    struct err e = ERR_INIT;
    struct http_tls tls = {site.machine.certificate_pem, site.machine.key_pem, site.foreign.pem};
    assert_true(client_open(&old, &site, NULL));
    assert_int_equal(http_server_set_tls(site.http, &tls, &e), 0);
    struct client_options o = {.line.identity = &site.stranger};
    assert_true(client_open(&young, &site, &o));
    assert_string_equal(client_get(&young, "/who", NULL), "127.0.0.1 0 certificate\n");
    assert_string_equal(client_get(&old, "/hello", NULL), "hello\n");
    X509 *x = SSL_get1_peer_certificate(young.line.ssl);
    char name[64];
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
    assert_string_equal(name, "machine");
    X509_free(x);
    client_close(&old);
    client_close(&young);
}

static void test_bad_certificates_change_nothing(void **state)
{
    (void)state;
    const struct identity *i = &site.server, *m = &site.machine;
    const char *ca = site.authority.pem;
    const struct http_tls bad[] = {
        {m->certificate_pem, i->key_pem, ca},
        {i->certificate_pem, "", ca},
        {"", i->key_pem, ca},
        {i->certificate_pem, i->key_pem, ""},
        {NULL, NULL, NULL},
        {i->certificate_pem, i->certificate_pem, ca},
        {i->key_pem, i->key_pem, ca},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct err e = ERR_INIT;
        struct client c;
        assert_int_equal(http_server_set_tls(site.http, &bad[k], &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        assert_true(strlen(e.msg) > 20);
        assert_true(client_open(&c, &site, NULL));
        assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
        client_close(&c);
    }
}

static void test_a_start_that_fails_takes_nothing_over(void **state)
{
    (void)state;
    int port;
    const char *trusted[] = {"10.0.0.1/99"};
    struct http_listener l = {.fd = site_listen(0, &port)};
    struct http_config c = {
        .tls = {site.server.certificate_pem, site.machine.key_pem, site.authority.pem},
        .listeners = &l,
        .listener_count = 1,
    };
    struct http_server *s = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(http_server_start(&c, &s, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_non_null(strstr(e.msg, "not that of its certificate"));
    c.tls.key_pem = site.server.key_pem;
    l.trusted = trusted;
    l.trusted_count = 1;
    assert_int_equal(http_server_start(&c, &s, &e), -1);
    assert_non_null(strstr(e.msg, "10.0.0.1/99"));
    assert_null(s);
    assert_int_equal(close(l.fd), 0);
}

static bool is_expired(void *arg, const struct http_peer *p)
{
    return p->verify_error == *(int *)arg;
}

static void test_dropped_connections_end(void **state)
{
    (void)state;
    struct client good, bad, nobody;
    int error = X509_V_ERR_CERT_HAS_EXPIRED;
    assert_true(
        client_open(&good, &site, &(struct client_options){.line.identity = &site.machine}));
    assert_true(client_open(&bad, &site, &(struct client_options){.line.identity = &site.expired}));
    assert_true(client_open(&nobody, &site, NULL));
    (void)client_get(&good, "/hello", NULL);
    (void)client_get(&bad, "/hello", NULL);
    (void)client_get(&nobody, "/hello", NULL);
    size_t at = client_request(&bad, "POST", "/sink", 1 << 20);
    bad.streams[at].held = true;
    client_until_count(&bad, &site.heads, 4);
    http_server_drop(site.http, is_expired, &error);
    client_until_gone(&bad);
    until_count(&site.aborts, 1);
    assert_string_equal(client_get(&good, "/hello", NULL), "hello\n");
    assert_string_equal(client_get(&nobody, "/hello", NULL), "hello\n");
    client_close(&good);
    client_close(&bad);
    client_close(&nobody);
}

static int make(void **state)
{
    (void)state;
    site_make(&site);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(certificates_are_judged_and_not_demanded),
        T(only_tls_1_3_and_h2),
        T(records_come_in_fragments),
        T(no_session_can_be_resumed),
        T(new_certificates_are_for_new_connections),
        T(bad_certificates_change_nothing),
        T(a_start_that_fails_takes_nothing_over),
        T(dropped_connections_end),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
