/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that are slow or silent: every wait ends, and costs their own connection or stream only.
 * Limits are short here; nothing asserts how long anything took. */
#include "client.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct site site;
static const char *const trusted[] = {"127.0.0.0/8"};

static void start_with(const struct http_limits *l, bool proxied)
{
    site_start(&site, l, 1, 4, trusted, proxied ? 1 : 0, 0);
}

static int stop(void **state)
{
    (void)state;
    site_open_gate(&site); /* or a test that failed would wait for ever */
    site_stop(&site, 0);
    assert_int_equal(site.heads, site.dones);
    assert_int_equal(site.overlaps, 0);
    return 0;
}

static void expect_timed_out(void)
{
    while (http_server_stats(site.http).timed_out == 0)
        (void)poll(NULL, 0, 1);
}

static void test_nothing_comes(void **state)
{
    (void)state;
    start_with(&(struct http_limits){.handshake_ms = 50}, false);
    int fd = tcp_connect(&site);
    assert_true(socket_ends(fd));
    (void)close(fd);
    expect_timed_out();
}

static void test_a_handshake_stops_halfway(void **state)
{
    (void)state;
    start_with(&(struct http_limits){.handshake_ms = 50}, false);
    int fd = tcp_connect(&site);
    assert_int_equal(send(fd, "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
    assert_true(socket_ends(fd));
    (void)close(fd);
    expect_timed_out();
}

static void test_a_front_end_says_nothing(void **state)
{
    (void)state;
    start_with(&(struct http_limits){.handshake_ms = 50}, true);
    int fd = tcp_connect(&site);
    assert_int_equal(send(fd, "\r\n\r\n", 4, 0), 4);
    assert_true(socket_ends(fd));
    (void)close(fd);
    expect_timed_out();
}

static void test_no_preface(void **state)
{
    (void)state;
    struct line l;
    start_with(&(struct http_limits){.idle_ms = 50}, false);
    assert_true(line_open(&l, &site, NULL));
    line_wait_end(&l);
    line_close(&l);
}

static void test_an_idle_connection_is_ended_politely(void **state)
{
    (void)state;
    struct client c;
    start_with(&(struct http_limits){.idle_ms = 100}, false);
    assert_true(client_open(&c, &site, NULL));
    assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
    client_until_gone(&c);
    assert_true(c.goaway);
    assert_int_equal(c.goaway_code, NGHTTP2_NO_ERROR);
    client_close(&c);
}

static void test_a_head_that_never_ends(void **state)
{
    (void)state;
    struct line l;
    uint8_t buf[256];
    start_with(&(struct http_limits){.head_ms = 50}, false);
    assert_true(line_open(&l, &site, NULL));
    assert_true(raw_begin(&l));
    size_t n = raw_head(buf, (const char *[]){":method", "GET"}, 2);
    assert_true(raw_send(&l, 1, 0, 1, buf, n));
    line_wait_end(&l);
    line_close(&l);
    expect_timed_out();
    assert_int_equal(site.heads, 0);
}

static void body_stops(const char *path, int64_t sent, int64_t length)
{
    struct client c;
    start_with(&(struct http_limits){.stall_ms = 100}, false);
    assert_true(client_open(&c, &site, NULL));
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)length);
    const nghttp2_nv nv = {(uint8_t *)"content-length", (uint8_t *)text, 14, strlen(text), 0};
    size_t at = client_request_with(&c, "POST", path, length, &nv, 1, false);
    c.streams[at].send = (uint64_t)sent + 1; /* never its last byte: the stream stays open */
    while (c.streams[at].sent < (uint64_t)sent && !c.gone)
        client_step(&c, 1);
    c.streams[at].held = true;
    client_until_closed(&c, at);
    assert_int_equal(c.streams[at].status, 408);
    expect_timed_out();
    assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
    client_close(&c);
}

static void test_a_collected_body_stops(void **state)
{
    (void)state;
    body_stops("/echo", 0, 1000);
    assert_int_equal(site.runs, 0);
}

static void test_a_streamed_body_stops(void **state)
{
    (void)state;
    body_stops("/sink", 0, 1000000);
    until_count(&site.aborts, 1);
    assert_int_equal(site.ends, 0);
}

/* What comes bit by bit is no silence; but below the pace all the same. */
static void test_a_body_that_trickles(void **state)
{
    (void)state;
    struct client c;
    start_with(&(struct http_limits){.slow_ms = 100, .slow_bytes = 1U << 31}, false);
    assert_true(client_open(&c, &site, NULL));
    size_t at = client_request(&c, "POST", "/sink", INT64_C(1) << 32);
    c.streams[at].held = true;
    for (uint64_t i = 1; !c.streams[at].closed && !c.gone; i++) {
        c.streams[at].hold_at = c.streams[at].sent + 1;
        client_hold(&c, at, false);
        client_step(&c, 1);
        assert_true(i < 60000);
    }
    assert_int_equal(c.streams[at].status, 408);
    expect_timed_out();
    assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
    client_close(&c);
}

static void test_a_window_stays_closed(void **state)
{
    (void)state;
    static const char *const paths[] = {"/body?1000000", "/source?1000000", "/endless?1000000"};
    for (size_t i = 0; i < 3; i++) {
        struct client c;
        start_with(&(struct http_limits){.stall_ms = 100}, false);
        assert_true(client_open(&c, &site, &(struct client_options){.no_windows = true}));
        size_t at = client_request(&c, "GET", paths[i], -1);
        client_until_closed(&c, at);
        assert_int_equal(c.streams[at].code, NGHTTP2_CANCEL);
        assert_true(c.streams[at].got <= 65535);
        expect_timed_out();
        client_close(&c);
        if (i < 2)
            (void)stop(state);
    }
}

static void test_the_socket_is_not_read(void **state)
{
    (void)state;
    struct client c;
    start_with(&(struct http_limits){.stall_ms = 100}, false);
    struct client_options o = {.window = 1U << 30, .line.receive_bytes = 4096};
    assert_true(client_open(&c, &site, &o));
    (void)nghttp2_session_set_local_window_size(c.h2, 0, 0, 1 << 30);
    (void)client_request(&c, "GET", "/source?1000000000", -1);
    (void)nghttp2_session_send(c.h2);
    expect_timed_out();
    until_count(&site.frees, 1);
    client_close(&c);
}

static void test_a_worker_may_take_as_long_as_it_likes(void **state)
{
    (void)state;
    struct client c;
    start_with(
        &(struct http_limits){.stall_ms = 250, .head_ms = 250, .idle_ms = 250, .slow_ms = 250, .slow_bytes = 1},
        false);
    assert_true(client_open(&c, &site, NULL));
    size_t a = client_request(&c, "POST", "/block", 10);
    size_t b = client_request(&c, "POST", "/slow", 16 << 20);
    for (unsigned i = 0; i < 600; i++) /* twice the limits, or so */
        client_step(&c, 1);
    site_open_gate(&site);
    client_until_all_closed(&c);
    assert_int_equal(c.streams[a].status, 200);
    assert_int_equal(c.streams[b].status, 200);
    assert_string_equal((char *)c.streams[b].body, "16777216 0\n");
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
        T(nothing_comes),
        T(a_handshake_stops_halfway),
        T(a_front_end_says_nothing),
        T(no_preface),
        T(an_idle_connection_is_ended_politely),
        T(a_head_that_never_ends),
        T(a_collected_body_stops),
        T(a_streamed_body_stops),
        T(a_body_that_trickles),
        T(a_window_stays_closed),
        T(the_socket_is_not_read),
        T(a_worker_may_take_as_long_as_it_likes),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
