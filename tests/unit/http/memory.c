/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of the server fails once, while it starts and while it serves: it says so, or
 * loses a request or a connection, and nothing else. */
#include "base/mem.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;

static void test_a_start_without_memory(void **state)
{
    (void)state;
    int port;
    static const char *const trusted[] = {"10.0.0.0/8"};
    struct http_listener l = {.fd = site_listen(0, &port), .trusted = trusted, .trusted_count = 1};
    struct http_config c = {
        .tls = {site.server.certificate_pem, site.server.key_pem, site.authority.pem},
        .listeners = &l,
        .listener_count = 1,
        .loops = 2,
        .workers = 2,
    };
    struct http_server *s = NULL;
    uint64_t n = 1;
    for (;; n++) {
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = http_server_start(&c, &s, &e);
        mem_fail_nth(0);
        if (rc == 0)
            break;
        assert_int_equal(e.cls, ERR_NO_MEMORY);
        assert_null(s);
    }
    assert_true(n > 6);
    (void)http_server_stop(s, 0);
}

/* A little of everything; whatever comes of it. */
static void visit(void)
{
    struct client c;
    struct client_options o = {.line.identity = &site.machine};
    if (!client_open(&c, &site, &o))
        return;
    (void)client_request(&c, "GET", "/hello", -1);
    (void)client_request(&c, "POST", "/echo", 50000);
    (void)client_request(&c, "POST", "/sink", 600000);
    (void)client_request(&c, "POST", "/small", 200000);
    (void)client_request(&c, "GET", "/source?600000", -1);
    (void)client_request(&c, "GET", "/endless?100000", -1);
    (void)client_request(&c, "GET", "/body?100000", -1);
    client_until_all_closed(&c);
    client_close(&c);
}

static void test_serving_without_memory(void **state)
{
    (void)state;
    struct http_limits l = {.stall_ms = 5000};
    site_start(&site, &l, 1, 2, NULL, 0, 0);
    mem_fail_nth(0);
    visit();
    uint64_t most = mem_count() + 20;
    print_message("%llu allocations\n", (unsigned long long)most);
    for (uint64_t n = 1; n <= most; n++) {
        mem_fail_nth(n);
        visit();
        mem_fail_nth(0);
        struct client c;
        assert_true(client_open(&c, &site, NULL));
        assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
        client_close(&c);
    }
    site_stop(&site, 0);
    assert_int_equal(site.heads, site.dones);
    assert_int_equal(site.streams, site.ends + site.aborts + site.answered_early);
    assert_int_equal(site.sources, site.frees);
    assert_int_equal(site.overlaps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_start_without_memory),
        cmocka_unit_test(test_serving_without_memory),
    };
    site_make(&site);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    site_done(&site);
    return rc;
}
