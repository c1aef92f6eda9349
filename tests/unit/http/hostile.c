/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that break rules or flood. Each ends with a connection that works. */
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

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
#define END_STREAM  1
#define END_HEADERS 4

static struct site site;
static struct line line;
static struct raw_frame frame;

static int start(void **state)
{
    (void)state;
    site_start(&site, NULL, 1, 4, NULL, 0, 0);
    assert_true(line_open(&line, &site, NULL));
    assert_true(raw_begin(&line));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    struct client c;
    line_close(&line);
    assert_true(client_open(&c, &site, NULL));
    assert_string_equal(client_get(&c, "/hello", NULL), "hello\n");
    client_close(&c);
    site_stop(&site, 0);
    assert_int_equal(site.heads, site.dones);
    assert_int_equal(site.overlaps, 0);
    return 0;
}

static uint32_t code_of(const struct raw_frame *f, size_t at)
{
    return (uint32_t)f->payload[at] << 24 | (uint32_t)f->payload[at + 1] << 16 |
           (uint32_t)f->payload[at + 2] << 8 | f->payload[at + 3];
}

/* The connection ends; if it says so first, with this code. */
static void expect_goaway(uint32_t code)
{
    while (raw_read(&line, &frame))
        if (frame.type == GOAWAY)
            assert_int_equal(code_of(&frame, 4), code);
}

static void expect_reset(uint32_t stream, uint32_t code)
{
    assert_true(raw_until(&line, RST_STREAM, &frame));
    assert_int_equal(frame.stream, stream);
    assert_int_equal(code_of(&frame, 0), code);
}

static void head_of(uint32_t stream, const char *const *pairs, size_t count, uint8_t flags)
{
    uint8_t buf[4096];
    assert_true(raw_send(&line, HEADERS, flags, stream, buf, raw_head(buf, pairs, count)));
}

static void post(uint32_t stream, const char *path, const char *length)
{
    const char *pairs[] = {":method", "POST",       ":scheme", "https",          ":path",
                           path,      ":authority", "a",       "content-length", length};
    head_of(stream, pairs, length ? 10 : 8, END_HEADERS);
}

/* ---- floods ---------------------------------------------------------------------------- */

static void test_rapid_resets_end_the_connection(void **state) /* CVE-2023-44487 */
{
    (void)state;
    uint8_t code[4] = {0, 0, 0, 8};
    bool open = true;
    for (uint32_t i = 0; open && i < 20000; i++)
        open = raw_get(&line, 2 * i + 1, "/hello", END_HEADERS | END_STREAM) &&
               raw_send(&line, RST_STREAM, 0, 2 * i + 1, code, 4);
    expect_goaway(NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(site.heads < 1000);
}

static void test_resets_that_we_are_made_to_send_are_bounded(void **state) /* CVE-2025-8671 */
{
    (void)state;
    bool open = true;
    for (uint32_t i = 0; open && i < 20000; i++) {
        uint8_t buf[1024];
        const char *pairs[] = {":method", "POST",       ":scheme", "https",          ":path",
                               "/sink",   ":authority", "a",       "content-length", "1"};
        open = raw_send(&line, HEADERS, END_HEADERS, 2 * i + 1, buf, raw_head(buf, pairs, 10)) &&
               raw_send(&line, DATA, 0, 2 * i + 1, "ab", 2);
    }
    expect_goaway(NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(site.heads < 5000);
}

static void test_continuation_flood(void **state) /* CVE-2024-28182 */
{
    (void)state;
    uint8_t buf[16384], one[1024];
    const char *pairs[] = {":method", "GET",    ":scheme",    "https",
                           ":path",   "/hello", ":authority", "a"};
    size_t n = raw_head(one, pairs, 8);
    assert_true(raw_send(&line, HEADERS, END_STREAM, 1, one, n));
    memset(buf, 0, sizeof buf);
    size_t len = 0;
    while (len + 100 < sizeof buf) {
        const char *more[] = {"x-flood", "0123456789012345678901234567890123456789"};
        len += raw_head(buf + len, more, 2);
    }
    bool open = true;
    for (unsigned i = 0; open && i < 1000; i++)
        open = raw_send(&line, CONTINUATION, 0, 1, buf, len);
    line_wait_end(&line);
    assert_int_equal(site.heads, 0);
}

static void test_header_bomb(void **state)
{
    (void)state;
    uint8_t buf[16384];
    size_t len = raw_head(
        buf,
        (const char *[]){":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a"}, 8);
    buf[len++] = 0x40; /* indexed from now on */
    buf[len++] = 1;
    buf[len++] = 'x';
    buf[len++] = 0x7f; /* 127 + 3 * 1000 … */
    buf[len++] = 0xb9;
    buf[len++] = 0x16;
    memset(buf + len, 'b', 3000);
    len += 127 + 0x39 + (0x16 << 7);
    size_t refs = sizeof buf - len;
    memset(buf + len, 0xbe, refs); /* 62: the entry just made, 13,000 times */
    (void)raw_send(&line, HEADERS, END_HEADERS | END_STREAM, 1, buf, sizeof buf);
    line_wait_end(&line);
    assert_int_equal(site.heads, 0);
}

static void flood_of(uint8_t type, uint32_t stream, size_t len, bool reads)
{
    uint8_t p[8] = {0}, sink[65536];
    bool open = true;
    for (unsigned i = 0; open && i < 200000; i++) {
        open = raw_send(&line, type, 0, stream, p, len);
        if (reads && open && i % 64 == 0)
            open = line_read(&line, sink, sizeof sink, 0) != 0;
    }
    if (!open)
        return;
    line_wait_end(&line);
}

static void test_ping_flood(void **state)
{
    (void)state;
    flood_of(PING, 0, 8, true);
}

static void test_settings_flood(void **state)
{
    (void)state;
    flood_of(SETTINGS, 0, 0, true);
}

static void test_flood_of_priorities(void **state)
{
    (void)state;
    flood_of(PRIORITY, 1, 5, true);
}

static void test_unknown_frames_are_stepped_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++)
        assert_true(raw_send(&line, 0x77, 0xff, i, "12345678", 8));
    assert_true(raw_get(&line, 1, "/hello", END_HEADERS | END_STREAM));
    assert_true(raw_until(&line, DATA, &frame));
}

static void test_refused_streams_of_a_peer_that_never_reads(void **state)
{
    (void)state;
    const uint8_t window[6] = {0, 4, 0x40}, more[4] = {0x3f};
    assert_true(raw_send(&line, SETTINGS, 0, 0, window, 6));
    assert_true(raw_send(&line, WINDOW_UPDATE, 0, 0, more, 4));
    assert_true(raw_get(&line, 1000001, "/source?1000000000", END_HEADERS | END_STREAM));
    uint64_t last = 0;
    for (unsigned idle = 0; idle < 50;) { /* until the server cannot send any more */
        uint64_t now = http_server_stats(site.http).bytes_out;
        idle = now > 100000 && now == last ? idle + 1 : 0;
        last = now;
        (void)poll(NULL, 0, 2);
    }
    bool open = true;
    for (uint32_t i = 0; open && i < 2000000; i++) {
        uint8_t buf[1024];
        const char *pairs[] = {":method", "POST",  ":scheme",    "https",
                               ":path",   "/sink", ":authority", "a"};
        open = raw_send(&line, HEADERS, END_HEADERS, 2 * i + 1000003, buf, raw_head(buf, pairs, 8));
    }
    assert_false(open);
    while (http_server_stats(site.http).connections_now)
        (void)poll(NULL, 0, 1);
    assert_true(site.heads <= 100);
}

static void test_flood_of_empty_data(void **state) /* CVE-2019-9518 */
{
    (void)state;
    post(1, "/sink", NULL);
    flood_of(DATA, 1, 0, true);
    until_count(&site.aborts, 1);
}

static void test_flood_of_key_updates(void **state)
{
    (void)state;
    bool open = true;
    for (unsigned i = 0; open && i < 5000; i++)
        open = SSL_key_update(line.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
               SSL_do_handshake(line.ssl) == 1;
    if (open)
        line_wait_end(&line);
    assert_int_equal(http_server_stats(site.http).protocol_errors, 1);
}

static void test_too_many_streams_are_refused(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 101; i++)
        post(2 * i + 1, "/sink", NULL);
    bool seen = false;
    while (!seen && raw_read(&line, &frame)) { /* before our SETTINGS were acknowledged: refused */
        seen = frame.type == RST_STREAM || frame.type == GOAWAY;
        if (frame.type == RST_STREAM)
            assert_int_equal(code_of(&frame, 0), NGHTTP2_REFUSED_STREAM);
    }
    assert_true(seen);
    assert_int_equal(site.heads, 100);
}

static void test_reset_requests_that_workers_hold_are_bounded(void **state)
{
    (void)state;
    uint8_t code[4] = {0, 0, 0, 8};
    unsigned refused = 0;
    for (uint32_t i = 0; i < 300; i++) { /* each stays with a worker though its stream is gone */
        post(2 * i + 1, "/block", "0");
        assert_true(raw_send(&line, DATA, END_STREAM, 2 * i + 1, NULL, 0));
        assert_true(raw_send(&line, RST_STREAM, 0, 2 * i + 1, code, 4));
    }
    assert_true(raw_send(&line, PING, 0, 0, "abcdefgh", 8));
    while (raw_read(&line, &frame) && frame.type != PING)
        refused += frame.type == RST_STREAM;
    /* Those that did not begin to run are gone at once; a few are with workers. */
    assert_true(site.heads <= 300);
    assert_true(site.blocked_most <= 3); /* one worker is for others */
    print_message("refused %u\n", refused);
    site_open_gate(&site);
}

/* ---- broken requests --------------------------------------------------------------------- */

static void test_garbage_instead_of_a_preface(void **state)
{
    (void)state;
    struct line l;
    assert_true(line_open(&l, &site, NULL));
    (void)line_write(&l, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 28);
    line_wait_end(&l);
    line_close(&l);
    assert_int_equal(site.heads, 0);
}

static void test_bodies_longer_or_shorter_than_they_say(void **state)
{
    (void)state;
    uint8_t p[10000];
    for (size_t i = 0; i < sizeof p; i++)
        p[i] = site_byte(i);
    post(1, "/sink", "5000");
    assert_true(raw_send(&line, DATA, 0, 1, p, 10000));
    expect_reset(1, NGHTTP2_PROTOCOL_ERROR);
    post(3, "/sink", "10001");
    assert_true(raw_send(&line, DATA, END_STREAM, 3, p, 10000));
    expect_reset(3, NGHTTP2_PROTOCOL_ERROR);
    until_count(&site.aborts, 2);
    assert_int_equal(site.ends, 0);
    post(5, "/echo", "3");
    assert_true(raw_send(&line, DATA, END_STREAM, 5, p, 4));
    expect_reset(5, NGHTTP2_PROTOCOL_ERROR);
    assert_int_equal(site.runs, 0);
}

static void test_a_get_with_a_body_is_served(void **state)
{
    (void)state;
    assert_true(raw_get(&line, 1, "/hello", END_HEADERS));
    assert_true(raw_send(&line, DATA, END_STREAM, 1, "body", 4));
    assert_true(raw_until(&line, HEADERS, &frame));
    assert_true(raw_until(&line, DATA, &frame));
    assert_int_equal(frame.len, 6);
    assert_memory_equal(frame.payload, "hello\n", 6);
}

static void test_malformed_heads_are_reset(void **state)
{
    (void)state;
    static const char *const heads[][10] = {
        {":method", "GET", ":scheme", "https", ":path", "/hello", "X-Upper", "1", "host", "a"},
        {":method", "GET", ":scheme", "https", "x-a", "1", ":path", "/hello", "host", "a"},
        {":method", "GET", ":scheme", "https", ":path", "/hello", ":path", "/who", "host", "a"},
        {":method", "GET", ":scheme", "https", ":status", "200", ":path", "/hello", "host", "a"},
        {":method", "GET", ":scheme", "https", ":path", "/hello", "connection", "close", "host",
         "a"},
        {":method", "GET", ":scheme", "https", ":path", "/hello", "transfer-encoding", "chunked",
         "host", "a"},
        {":method", "GET", ":scheme", "https", ":path", "/hello", "content-length", "-1", "host",
         "a"},
        {":method", "GET", ":scheme", "https", ":path", "", "x-a", "1", "host", "a"},
        {":method", "GET", ":scheme", "https", "x-a", "1", "x-b", "2", "host", "a"},
        {":method", "GET", ":scheme", "https", ":path", "/hello", "x-a", "a\rb", "host", "a"},
    };
    uint32_t count = sizeof heads / sizeof *heads;
    for (uint32_t i = 0; i < count; i++) {
        head_of(2 * i + 1, heads[i], 10, END_HEADERS | END_STREAM);
        expect_reset(2 * i + 1, NGHTTP2_PROTOCOL_ERROR);
    }
    assert_int_equal(site.heads, 0);
}

static void test_frames_that_break_the_connection(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, flags;
        uint32_t stream;
        size_t len;
    } frames[] = {
        {DATA, 0, 0, 8}, {HEADERS, END_HEADERS, 0, 8}, {SETTINGS, 0, 0, 5},
        {PING, 0, 0, 7}, {WINDOW_UPDATE, 0, 0, 4},     {CONTINUATION, 0, 1, 8},
        {PUSH, 0, 1, 8}, {RST_STREAM, 0, 1, 4},        {HEADERS, END_HEADERS, 2, 8},
    };
    uint8_t zeros[16] = {0};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct line l;
        assert_true(line_open(&l, &site, NULL));
        assert_true(raw_begin(&l));
        (void)raw_send(&l, frames[i].type, frames[i].flags, frames[i].stream, zeros, frames[i].len);
        line_wait_end(&l);
        line_close(&l);
    }
    assert_int_equal(site.heads, 0);
}

static void test_trailers_are_dropped(void **state)
{
    (void)state;
    const char *trailer[] = {"x-sum", "1"};
    post(1, "/echo", NULL);
    assert_true(raw_send(&line, DATA, 0, 1, "abc", 3));
    head_of(1, trailer, 2, END_HEADERS | END_STREAM);
    assert_true(raw_until(&line, DATA, &frame));
    assert_int_equal(frame.len, 3);
}

static void test_peers_that_vanish_at_any_byte(void **state)
{
    (void)state;
    uint8_t all[4096];
    size_t len = 0, n;
    uint8_t buf[1024];
    const char *pairs[] = {":method", "POST",  ":scheme",    "https",
                           ":path",   "/sink", ":authority", "a"};
    memcpy(all, NGHTTP2_CLIENT_MAGIC, 24);
    memcpy(all + 24, "\0\0\0\4\0\0\0\0\0", 9);
    len = 33;
    n = raw_head(buf, pairs, 8);
    memcpy(all + len, (uint8_t[]){0, 0, (uint8_t)n, HEADERS, END_HEADERS, 0, 0, 0, 1}, 9);
    memcpy(all + len + 9, buf, n);
    len += 9 + n;
    memcpy(all + len, (uint8_t[]){0, 0, 4, DATA, END_STREAM, 0, 0, 0, 1}, 9);
    for (size_t i = 0; i < 4; i++)
        all[len + 9 + i] = site_byte(i);
    len += 13;
    for (size_t cut = 0; cut <= len; cut++) {
        struct line l;
        assert_true(line_open(&l, &site, NULL));
        if (cut)
            assert_true(line_write(&l, all, cut));
        line_close(&l);
    }
    while (http_server_stats(site.http).connections_now > 1)
        (void)poll(NULL, 0, 1);
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
        T(rapid_resets_end_the_connection),
        T(resets_that_we_are_made_to_send_are_bounded),
        T(continuation_flood),
        T(header_bomb),
        T(ping_flood),
        T(settings_flood),
        T(flood_of_priorities),
        T(unknown_frames_are_stepped_over),
        T(refused_streams_of_a_peer_that_never_reads),
        T(flood_of_empty_data),
        T(flood_of_key_updates),
        T(too_many_streams_are_refused),
        T(reset_requests_that_workers_hold_are_bounded),
        T(garbage_instead_of_a_preface),
        T(bodies_longer_or_shorter_than_they_say),
        T(a_get_with_a_body_is_served),
        T(malformed_heads_are_reset),
        T(frames_that_break_the_connection),
        T(trailers_are_dropped),
        T(peers_that_vanish_at_any_byte),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
