/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, fairness, front ends, and the end of a server. */
#include "client.h"
#include "http/proxy_v2.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;
static const char *const trusted[] = {"10.0.0.0/8", "127.0.0.0/8"};

static void start_with(const struct http_limits *l, unsigned workers, size_t trusted_count)
{
    site_start(&site, l, 1, workers, trusted, trusted_count, 0);
}

static int stop(void **state)
{
    (void)state;
    site_open_gate(&site); /* or a test that failed would wait for ever */
    if (site.http)
        site_stop(&site, 0);
    assert_int_equal(site.heads, site.dones);
    assert_int_equal(site.overlaps, 0);
    return 0;
}

static struct http_stats stats(void)
{
    return http_server_stats(site.http);
}

/* ---- how many ---------------------------------------------------------------------------- */

/* Each one's first stream is answered so. */
static void all_end_with(struct client *c, size_t count, const char *answer)
{
    for (size_t left = count; left;) {
        left = 0;
        for (size_t i = 0; i < count; i++) {
            client_step(&c[i], 1);
            assert_false(c[i].gone);
            left += !c[i].streams[0].closed;
        }
    }
    for (size_t i = 0; i < count; i++) {
        assert_string_equal((char *)c[i].streams[0].body, answer);
        client_close(&c[i]);
    }
}

static void test_connections_are_bounded(void **state)
{
    (void)state;
    static struct client c[4];
    start_with(&(struct http_limits){.connections = 3}, 2, 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(client_open(&c[i], &site, NULL));
    assert_false(client_open(&c[3], &site, NULL));
    assert_int_equal(stats().refused_full, 1);
    client_close(&c[0]);
    while (stats().connections_now == 3)
        (void)poll(NULL, 0, 1);
    assert_true(client_open(&c[0], &site, NULL));
    assert_string_equal(client_get(&c[0], "/hello", NULL), "hello\n");
    for (size_t i = 0; i < 3; i++)
        client_close(&c[i]);
}

static void test_connections_of_an_address_are_bounded(void **state)
{
    (void)state;
    static struct client c[3];
    start_with(&(struct http_limits){.connections_per_address = 2}, 2, 0);
    assert_true(client_open(&c[0], &site, NULL));
    assert_true(client_open(&c[1], &site, NULL));
    assert_false(client_open(&c[2], &site, NULL));
    assert_int_equal(stats().refused_address, 1);
    client_close(&c[0]);
    while (stats().connections_now == 2)
        (void)poll(NULL, 0, 1);
    assert_true(client_open(&c[0], &site, NULL));
    client_close(&c[0]);
    client_close(&c[1]);
}

static void test_peers_that_ask_and_go_are_bounded(void **state)
{
    (void)state;
    static struct client c;
    start_with(&(struct http_limits){.connections = 4}, 2, 0);
    unsigned opened = 0;
    for (unsigned i = 0; i < 40 && stats().refused_full == 0; i++) {
        if (!client_open(&c, &site, NULL))
            continue;
        opened++;
        for (unsigned k = 0; k < 10; k++)
            (void)client_request(&c, "POST", "/block", 0);
        client_until_count(&c, &site.heads, 10 * opened);
        client_close(&c);
        while (stats().connections_now)
            (void)poll(NULL, 0, 1);
    }
    assert_true(stats().refused_full >
                0); /* all workers wait at the gate, nobody is there any more */
    assert_in_range(opened, 8, 12); /* a worker may just let go of one */
    site_open_gate(&site);
}

/* ---- memory ------------------------------------------------------------------------------- */

static void test_a_slow_worker_stops_the_socket(void **state)
{
    (void)state;
    struct client c;
    struct http_limits l = {.buffered_per_connection = 1 << 20};
    start_with(&l, 2, 0);
    assert_true(client_open(&c, &site, NULL));
    size_t at = client_request(&c, "POST", "/slow", 64 << 20);
    client_until_count(&c, &site.pieces, 1);
    uint64_t last = 0;
    for (unsigned idle = 0; idle < 100;) { /* until the client cannot send any more */
        client_step(&c, 1);
        idle = c.streams[at].sent == last ? idle + 1 : 0;
        last = c.streams[at].sent;
        assert_true(stats().buffered_now <= (1 << 20) + HTTP_PIECE_MAX);
    }
    assert_true(last < 64 << 20);
    site_open_gate(&site);
    client_until_closed(&c, at);
    assert_string_equal((char *)c.streams[at].body, "67108864 0\n");
    while (stats().buffered_now)
        (void)poll(NULL, 0, 1);
    client_close(&c);
}

static void test_the_sum_of_what_waits_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 6 };
    static struct client c[COUNT];
    struct http_limits l = {.buffered_per_connection = 2 << 20, .buffered_total = 3 << 20};
    start_with(&l, 2, 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(client_open(&c[i], &site, NULL));
        (void)client_request(&c[i], "POST", "/slow", 8 << 20);
    }
    uint64_t last = 0, sum = 0;
    for (unsigned idle = 0; idle < 100; last = sum) {
        sum = 0;
        for (size_t i = 0; i < COUNT; i++) {
            client_step(&c[i], 1);
            sum += c[i].streams[0].sent;
        }
        idle = sum == last ? idle + 1 : 0;
        assert_true(stats().buffered_now <= (3 << 20) + HTTP_PIECE_MAX);
    }
    site_open_gate(&site);
    all_end_with(c, COUNT, "8388608 0\n");
}

static void test_collected_bodies_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct client c;
    struct http_limits l = {.buffered_per_connection = 256 << 10};
    start_with(&l, 2, 0);
    assert_true(client_open(&c, &site, NULL));
    size_t first = client_request(&c, "POST", "/echo", 1 << 20);
    c.streams[first].hold_at = 200 << 10;
    while (!c.streams[first].held)
        client_step(&c, 1);
    size_t second = client_request(&c, "POST", "/echo", 1 << 20);
    client_until_closed(&c, second);
    assert_int_equal(c.streams[second].status, 503);
    client_hold(&c, first, false);
    client_until_closed(&c, first);
    assert_int_equal(c.streams[first].status, 200);
    assert_int_equal(c.streams[first].bad, 0);
    size_t at = client_request(&c, "POST", "/echo", 1 << 20); /* alone it may be as large */
    client_until_closed(&c, at);
    assert_int_equal(c.streams[at].status, 200);
    client_close(&c);
}

/* ---- fairness ------------------------------------------------------------------------------ */

static void test_one_connection_never_has_all_workers(void **state)
{
    (void)state;
    struct client greedy, modest;
    start_with(NULL, 4, 0);
    assert_true(client_open(&greedy, &site, NULL));
    assert_true(client_open(&modest, &site, NULL));
    for (unsigned i = 0; i < 60; i++)
        (void)client_request(&greedy, "POST", "/block", 0);
    client_until_count(&greedy, &site.heads, 60);
    client_until_count(&greedy, &site.blocked, 3);
    for (unsigned i = 0; i < 20; i++) {
        size_t at = client_request(&modest, "POST", "/echo", 1000);
        client_until_closed(&modest, at);
        assert_int_equal(modest.streams[at].status, 200);
    }
    assert_int_equal(site.blocked, 3);
    site_open_gate(&site);
    client_until_all_closed(&greedy);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(greedy.streams[i].status, 200);
    assert_int_equal(site.blocked_most, 3);
    client_close(&greedy);
    client_close(&modest);
}

static void test_a_single_worker_serves_all(void **state)
{
    (void)state;
    struct client c;
    start_with(NULL, 1, 0);
    assert_true(client_open(&c, &site, NULL));
    for (unsigned i = 0; i < 50; i++)
        (void)client_request(&c, "POST", i % 2 ? "/sink" : "/echo", 5000);
    client_until_all_closed(&c);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(c.streams[i].status, 200);
    client_close(&c);
}

static void test_slow_readers_do_not_hold_up_others(void **state)
{
    (void)state;
    static struct client slow[4], quick;
    struct http_limits l = {.buffered_per_connection = 1 << 20, .buffered_total = 1 << 20};
    start_with(&l, 2, 0);
    for (size_t i = 0; i < 4; i++) {
        struct client_options o = {.window = 1U << 24, .line.receive_bytes = 4096};
        assert_true(client_open(&slow[i], &site, &o));
        (void)nghttp2_session_set_local_window_size(slow[i].h2, 0, 0, 1 << 24);
        for (unsigned k = 0; k < 30; k++)
            (void)client_request(&slow[i], "GET", "/source?10000000", -1);
        (void)nghttp2_session_send(slow[i].h2);
    }
    until_count(&site.heads, 120);
    assert_true(client_open(&quick, &site, NULL));
    size_t at = client_request(&quick, "GET", "/source?20000000", -1);
    client_until_closed(&quick, at);
    assert_int_equal(quick.streams[at].got, 20000000);
    assert_int_equal(quick.streams[at].bad, 0);
    for (size_t i = 0; i < 4; i++)
        client_close(&slow[i]);
    client_close(&quick);
    until_count(&site.frees, 121);
}

/* ---- owners -------------------------------------------------------------------------------- */

static void open_as(struct client *c, const struct identity *who)
{
    assert_true(client_open(c, &site, &(struct client_options){.line.identity = who}));
}

static void test_one_owner_never_has_all_workers(void **state)
{
    (void)state;
    static struct client greedy[4], modest;
    start_with(NULL, 4, 0);
    for (size_t i = 0; i < 4; i++) {
        open_as(&greedy[i], &site.machine);
        for (unsigned k = 0; k < 10; k++)
            (void)client_request(&greedy[i], "POST", "/block", 0);
        client_until_count(&greedy[i], &site.heads, 10 * (unsigned)(i + 1));
    }
    until_count(&site.blocked, 3);
    open_as(&modest, &site.stranger);
    for (unsigned i = 0; i < 20; i++) {
        size_t at = client_request(&modest, "POST", "/echo", 1000);
        client_until_closed(&modest, at);
        assert_int_equal(modest.streams[at].status, 200);
    }
    assert_int_equal(site.blocked, 3);
    site_open_gate(&site);
    for (size_t i = 0; i < 4; i++) {
        client_until_all_closed(&greedy[i]);
        for (unsigned k = 0; k < 10; k++)
            assert_int_equal(greedy[i].streams[k].status, 200);
        client_close(&greedy[i]);
    }
    assert_int_equal(site.blocked_most, 3);
    client_close(&modest);
}

static void test_what_waits_of_an_owner_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    static struct client c[COUNT], other;
    struct http_limits l = {.buffered_per_connection = 1 << 20, .buffered_per_owner = 2 << 20};
    start_with(&l, 4, 0);
    for (size_t i = 0; i < COUNT; i++) {
        open_as(&c[i], &site.machine);
        (void)client_request(&c[i], "POST", "/slow", 4 << 20);
    }
    uint64_t last = 0, sum = 0;
    for (unsigned idle = 0; idle < 100; last = sum) {
        sum = 0;
        for (size_t i = 0; i < COUNT; i++) {
            client_step(&c[i], 1);
            sum += c[i].streams[0].sent;
        }
        idle = sum == last ? idle + 1 : 0;
        assert_true(stats().buffered_now <= (2 << 20) + HTTP_PIECE_MAX);
    }
    open_as(&other, &site.stranger); /* for whom there is room */
    size_t at = client_request(&other, "POST", "/sink", 8 << 20);
    client_until_closed(&other, at);
    assert_string_equal((char *)other.streams[at].body, "8388608 0\n");
    client_close(&other);
    site_open_gate(&site);
    all_end_with(c, COUNT, "4194304 0\n");
}

/* They go while they are paused: nothing is kept of them. */
static void test_an_owner_that_goes_while_it_waits(void **state)
{
    (void)state;
    static struct client c[4];
    struct http_limits l = {.buffered_per_connection = 512 << 10, .buffered_per_owner = 512 << 10};
    start_with(&l, 4, 0);
    for (size_t i = 0; i < 4; i++) {
        open_as(&c[i], &site.machine);
        size_t at = client_request(&c[i], "POST", "/slow", 4 << 20);
        for (unsigned k = 0; k < 100 && !c[i].streams[at].closed; k++)
            client_step(&c[i], 1);
    }
    for (size_t i = 0; i < 4; i++)
        client_close(&c[i]);
    site_open_gate(&site);
    while (stats().connections_now || stats().buffered_now)
        (void)poll(NULL, 0, 1);
    open_as(&c[0], &site.machine);
    assert_string_equal(client_get(&c[0], "/hello", NULL), "hello\n");
    client_close(&c[0]);
}

static void test_connections_and_requests_of_an_owner_are_bounded(void **state)
{
    (void)state;
    static struct client c[4];
    struct http_limits l = {.connections_per_owner = 2, .requests_per_owner = 5};
    start_with(&l, 4, 0);
    open_as(&c[0], &site.machine);
    open_as(&c[1], &site.machine);
    struct client_options o = {.line.identity = &site.machine};
    if (client_open(&c[2], &site, &o)) /* TLS 1.3: the client may be done before the server has looked */
        client_until_gone(&c[2]);
    client_close(&c[2]);
    assert_int_equal(stats().refused_owner, 1);
    open_as(&c[3], &site.stranger);
    for (unsigned i = 0; i < 5; i++)
        (void)client_request(&c[i % 2], "POST", "/block", 0);
    client_until_count(&c[0], &site.heads, 3);
    client_until_count(&c[1], &site.heads, 5);
    size_t at = client_request(&c[0], "GET", "/hello", -1);
    client_until_closed(&c[0], at);
    assert_int_equal(c[0].streams[at].code, NGHTTP2_REFUSED_STREAM);
    assert_string_equal(client_get(&c[3], "/hello", NULL), "hello\n");
    site_open_gate(&site);
    client_until_all_closed(&c[0]);
    client_until_all_closed(&c[1]);
    for (size_t i = 0; i < 4; i++)
        if (i != 2)
            client_close(&c[i]);
}

/* ---- front ends ------------------------------------------------------------------------------ */

static size_t said(uint8_t *out, uint8_t command)
{
    static const uint8_t rest[] = {203, 0, 113, 9, 10, 0, 0, 1, 1, 2, 1, 0xbb, 4, 0, 3, 0, 0, 0};
    memcpy(out, proxy_v2_signature, 12);
    memcpy(out + 12, (uint8_t[]){command, 0x11, 0, sizeof rest}, 4);
    memcpy(out + 16, rest, sizeof rest);
    return 16 + sizeof rest;
}

static void test_a_front_end_says_for_whom_it_speaks(void **state)
{
    (void)state;
    struct client c;
    uint8_t buf[64];
    struct client_options o = {.line.before = buf};
    start_with(NULL, 2, 2);
    o.line.before_len = said(buf, 0x21);
    assert_true(client_open(&c, &site, &o));
    assert_string_equal(client_get(&c, "/who", NULL), "203.0.113.9 0 nobody\n");
    client_close(&c);
    o.line.before_len = said(buf, 0x20); /* LOCAL */
    assert_true(client_open(&c, &site, &o));
    assert_string_equal(client_get(&c, "/who", NULL), "127.0.0.1 0 nobody\n");
    client_close(&c);
}

static void test_a_header_comes_byte_by_byte(void **state)
{
    (void)state;
    uint8_t buf[64];
    start_with(NULL, 2, 2);
    size_t n = said(buf, 0x21);
    int fd = tcp_connect(&site);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(send(fd, buf + i, 1, 0), 1);
    (void)close(fd);
    fd = tcp_connect(&site); /* and is cut */
    assert_int_equal(send(fd, buf, 20, 0), 20);
    (void)close(fd);
    while (stats().refused_proxy < 1 || stats().connections_now)
        (void)poll(NULL, 0, 1);
}

static void test_a_front_end_must_say_it_rightly(void **state)
{
    (void)state;
    struct client c;
    uint8_t buf[64];
    struct client_options o = {.line.before = buf};
    start_with(NULL, 2, 2);
    assert_false(client_open(&c, &site, NULL));
    o.line.before_len = said(buf, 0x22);
    assert_false(client_open(&c, &site, &o));
    o.line.before = "PROXY TCP4 203.0.113.9 10.0.0.1 258 443\r\n";
    o.line.before_len = 41;
    assert_false(client_open(&c, &site, &o));
    assert_int_equal(stats().refused_proxy, 3);
}

static void test_others_may_not_say_anything(void **state)
{
    (void)state;
    struct client c;
    uint8_t buf[64];
    struct client_options o = {.line.before = buf};
    start_with(NULL, 2, 1);
    o.line.before_len = said(buf, 0x21);
    assert_false(client_open(&c, &site, &o));
    o.line.before = "PROXY TCP4 203.0.113.9 10.0.0.1 258 443\r\n";
    o.line.before_len = 41;
    assert_false(client_open(&c, &site, &o));
    assert_int_equal(stats().refused_proxy, 2);
    assert_true(client_open(&c, &site, NULL));
    assert_string_equal(client_get(&c, "/who", NULL), "127.0.0.1 0 nobody\n");
    client_close(&c);
}

static void test_clients_behind_a_front_end_are_counted_apart(void **state)
{
    (void)state;
    static struct client c[3];
    uint8_t buf[64], other[64];
    struct http_limits l = {.connections_per_address = 1};
    struct client_options o = {.line.before = buf}, p = {.line.before = other};
    start_with(&l, 2, 2);
    o.line.before_len = said(buf, 0x21);
    p.line.before_len = said(other, 0x21);
    other[19] = 77;
    assert_true(client_open(&c[0], &site, &o));
    assert_false(client_open(&c[1], &site, &o));
    assert_true(client_open(&c[1], &site, &p));
    assert_int_equal(stats().refused_address, 1);
    client_close(&c[0]);
    client_close(&c[1]);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void *stop_thread(void *arg)
{
    (void)arg;
    assert_true(http_server_stop(site.http, 20000));
    return NULL;
}

static void test_stopping_lets_requests_end(void **state)
{
    (void)state;
    struct client c;
    pthread_t t;
    start_with(NULL, 4, 0);
    assert_true(client_open(&c, &site, NULL));
    size_t a = client_request(&c, "POST", "/block", 0);
    size_t b = client_request(&c, "POST", "/slow", 1 << 20);
    client_until_count(&c, &site.blocked, 2);
    assert_int_equal(pthread_create(&t, NULL, stop_thread, NULL), 0);
    while (!c.goaway)
        client_step(&c, 10);
    assert_int_equal(c.goaway_code, NGHTTP2_NO_ERROR);
    site_open_gate(&site);
    client_until_all_closed(&c);
    assert_int_equal(c.streams[a].status, 200);
    assert_string_equal((char *)c.streams[b].body, "1048576 0\n");
    client_until_gone(&c);
    (void)pthread_join(t, NULL);
    site.http = NULL;
    client_close(&c);
}

static void test_stopping_at_once_aborts(void **state)
{
    (void)state;
    struct client c;
    start_with(NULL, 4, 0);
    assert_true(client_open(&c, &site, NULL));
    for (unsigned i = 0; i < 20; i++) {
        size_t at = client_request(&c, i % 2 ? "POST" : "GET", i % 2 ? "/sink" : "/source?99999999",
                                   i % 2 ? 1000 : -1);
        c.streams[at].held = true;
    }
    client_until_count(&c, &site.heads, 20);
    site_stop(&site, 0);
    assert_int_equal(site.dones, 20);
    assert_int_equal(site.aborts, 10);
    assert_int_equal(site.frees, 10);
    client_close(&c);
}

static void test_a_handler_that_hangs_does_not_hold_up_the_end(void **state)
{
    (void)state;
    struct client c;
    site.stop_ms = 50;
    start_with(NULL, 4, 0);
    assert_true(client_open(&c, &site, NULL));
    (void)client_request(&c, "POST", "/block", 0);
    client_until_count(&c, &site.blocked, 1);
    assert_false(http_server_stop(site.http, 0)); /* nothing is freed: a program would end here */
    site_open_gate(&site);
    site.stop_ms = 0;
    while (!http_server_stop(site.http, 0)) {
    }
    site.http = NULL;
    assert_int_equal(site.dones, 1);
    client_close(&c);
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

#define T(name) cmocka_unit_test_setup_teardown(test_##name, NULL, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(connections_are_bounded),
        T(connections_of_an_address_are_bounded),
        T(peers_that_ask_and_go_are_bounded),
        T(a_slow_worker_stops_the_socket),
        T(the_sum_of_what_waits_is_bounded),
        T(collected_bodies_that_do_not_fit_are_refused),
        T(one_connection_never_has_all_workers),
        T(a_single_worker_serves_all),
        T(one_owner_never_has_all_workers),
        T(what_waits_of_an_owner_is_bounded),
        T(an_owner_that_goes_while_it_waits),
        T(connections_and_requests_of_an_owner_are_bounded),
        T(a_handler_that_hangs_does_not_hold_up_the_end),
        T(slow_readers_do_not_hold_up_others),
        T(a_front_end_says_for_whom_it_speaks),
        T(a_header_comes_byte_by_byte),
        T(a_front_end_must_say_it_rightly),
        T(others_may_not_say_anything),
        T(clients_behind_a_front_end_are_counted_apart),
        T(stopping_lets_requests_end),
        T(stopping_at_once_aborts),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
