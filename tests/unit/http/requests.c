/* SPDX-License-Identifier: Apache-2.0 */
/* What a well-behaved client sees. */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct site site;
static struct client client;

static int start(void **state)
{
    (void)state;
    site_start(&site, NULL, 2, 4, NULL, 0, 0);
    assert_true(client_open(&client, &site, NULL));
    return 0;
}

/* Whatever a test did: every request that the handler heard of got its `done`, each
 * stream its `end` or `abort`, each source its `free`; and calls never overlapped. */
static int stop(void **state)
{
    (void)state;
    client_close(&client);
    site_stop(&site, 0);
    assert_int_equal(site.heads, site.dones);
    assert_int_equal(site.overlaps, 0);
    return 0;
}

static struct client_stream *ask(const char *method, const char *path, int64_t send)
{
    size_t at = client_request(&client, method, path, send);
    client_until_closed(&client, at);
    return &client.streams[at];
}

static void test_answers(void **state)
{
    (void)state;
    struct client_stream *s = ask("GET", "/hello", -1);
    assert_int_equal(s->status, 200);
    assert_string_equal((char *)s->body, "hello\n");
    assert_int_equal(s->length, 6);
    s = ask("GET", "/head?a=b&c=%2f", -1);
    assert_string_equal((char *)s->body, "GET 'a=b&c=%2f' 0 -1 localhost\n");
    s = ask("GET", "/elsewhere", -1);
    assert_int_equal(s->status, 404);
    s = ask("GET", "/nothing", -1);
    assert_int_equal(s->status, 204);
    assert_int_equal(s->length, -1);
    assert_int_equal(s->got, 0);
}

static void test_head_has_a_length_and_no_body(void **state)
{
    (void)state;
    struct client_stream *s = ask("HEAD", "/hello", -1);
    assert_int_equal(s->status, 200);
    assert_int_equal(s->length, 6);
    assert_int_equal(s->got, 0);
    s = ask("HEAD", "/source?100000", -1);
    assert_int_equal(s->length, 100000);
    assert_int_equal(s->got, 0);
    until_count(&site.frees, 1);
}

static void test_a_body_is_collected(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 16384, 70000, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct client_stream *s = ask("POST", "/echo", sizes[i]);
        assert_int_equal(s->status, 200);
        assert_int_equal(s->got, sizes[i]);
        assert_int_equal(s->bad, 0);
    }
    struct client_stream *s = ask("GET", "/echo", -1);
    assert_int_equal(s->status, 200);
    assert_int_equal(s->got, 0);
}

static void test_an_answer_comes_from_another_thread(void **state)
{
    (void)state;
    struct client_stream *s = ask("POST", "/later", 10);
    assert_int_equal(s->status, 200);
    assert_string_equal((char *)s->body, "later\n");
}

static void test_a_body_is_streamed_in_order(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 65536, 3 << 20, 40 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[64];
        struct client_stream *s = ask("POST", "/sink", sizes[i]);
        (void)snprintf(text, sizeof text, "%lld 0\n", (long long)sizes[i]);
        assert_int_equal(s->status, 200);
        assert_string_equal((char *)s->body, text);
    }
    assert_int_equal(site.ends, 5);
    assert_int_equal(site.aborts, 0);
}

static void test_a_body_of_unknown_length(void **state)
{
    (void)state;
    size_t at = client_request_with(&client, "POST", "/sink", 5 << 20, NULL, 0, false);
    client_until_closed(&client, at);
    assert_string_equal((char *)client.streams[at].body, "5242880 0\n");
    at = client_request_with(&client, "POST", "/echo", 100000, NULL, 0, false);
    client_until_closed(&client, at);
    assert_int_equal(client.streams[at].got, 100000);
    assert_int_equal(client.streams[at].bad, 0);
}

static void test_a_collected_body_is_bounded(void **state)
{
    (void)state;
    struct client_stream *s = ask("POST", "/echo", (1 << 20) + 1);
    assert_int_equal(s->status, 413);
    size_t at = client_request_with(&client, "POST", "/echo", 3 << 20, NULL, 0, false);
    client_until_closed(&client, at);
    assert_int_equal(client.streams[at].status, 413);
    assert_int_equal(site.runs, 0);
}

static void test_a_streamed_body_is_bounded(void **state)
{
    (void)state;
    struct client_stream *s = ask("POST", "/small", 100001);
    assert_int_equal(s->status, 413);
    until_count(&site.aborts, 1);
    size_t at = client_request_with(&client, "POST", "/small", 3 << 20, NULL, 0, false);
    client_until_closed(&client, at);
    assert_int_equal(client.streams[at].status, 413);
    until_count(&site.aborts, 2);
    assert_int_equal(site.ends, 0);
}

static void test_an_early_answer_is_seen_and_ends_the_upload(void **state)
{
    (void)state;
    struct client_stream *s = ask("POST", "/early", INT64_C(1) << 30);
    assert_int_equal(s->status, 403);
    assert_string_equal((char *)s->body, "no\n");
    assert_int_equal(s->code, NGHTTP2_NO_ERROR);
    until_count(&site.dones, 1);
    assert_int_equal(site.ends + site.aborts, 0);
    assert_int_equal(site.answered_early, 1);
    assert_true(s->sent < (256U << 20)); /* not all of it was taken */
}

static void test_sources(void **state)
{
    (void)state;
    static const char *const paths[] = {"/source", "/endless", "/body"};
    static const uint64_t sizes[] = {0, 1, 16384, 65536, 262144, 262145, 1000000, 20000000};
    unsigned sources = 0;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            char path[64];
            (void)snprintf(path, sizeof path, "%s?%llu", paths[k], (unsigned long long)sizes[i]);
            struct client_stream *s = ask("GET", path, -1);
            assert_int_equal(s->status, 200);
            assert_int_equal(s->got, sizes[i]);
            assert_int_equal(s->bad, 0);
            assert_int_equal(s->code, 0);
            assert_int_equal(s->length, k == 1 ? -1 : (int64_t)sizes[i]);
            sources += k < 2;
        }
    until_count(&site.frees, sources);
    assert_int_equal(site.frees, sources);
}

static void test_a_source_that_fails_resets(void **state)
{
    (void)state;
    static const char *const paths[] = {"/fails?1000000", "/short?1000000", "/fails?0", "/short?1"};
    for (size_t i = 0; i < 4; i++) {
        struct client_stream *s = ask("GET", paths[i], -1);
        if (i == 2) { /* nothing was promised, nothing is missing */
            assert_int_equal(s->got, 0);
            continue;
        }
        assert_int_equal(s->code, NGHTTP2_INTERNAL_ERROR);
        assert_true(s->got <= 500000);
    }
    until_count(&site.frees, 4);
    assert_int_equal(ask("GET", "/hello", -1)->status, 200);
}

static void test_many_streams_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++)
        (void)client_request(&client, i % 3 ? "POST" : "GET",
                             i % 3 == 0   ? "/source?50000"
                             : i % 3 == 1 ? "/echo"
                                          : "/sink",
                             i % 3 ? 30000 : -1);
    client_until_all_closed(&client);
    for (size_t i = 0; i < client.count; i++) {
        assert_int_equal(client.streams[i].status, 200);
        if (i % 3 < 2)
            assert_int_equal(client.streams[i].bad, 0);
    }
}

static void test_continue_is_said(void **state)
{
    (void)state;
    const nghttp2_nv expect = {(uint8_t *)"expect", (uint8_t *)"100-continue", 6, 12, 0};
    size_t at = client_request_with(&client, "POST", "/echo", 1000, &expect, 1, true);
    client.streams[at].held = true;
    for (int i = 0; i < 1000 && !client.streams[at].continued; i++)
        client_step(&client, 10);
    assert_true(client.streams[at].continued);
    client_hold(&client, at, false);
    client_until_closed(&client, at);
    assert_int_equal(client.streams[at].status, 200);
    assert_int_equal(client.streams[at].got, 1000);
}

static void test_only_64_headers_are_kept(void **state)
{
    (void)state;
    nghttp2_nv nv[100];
    char names[100][8];
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(names[i], sizeof names[i], "x-%u", i);
        nv[i] = (nghttp2_nv){(uint8_t *)names[i], (uint8_t *)"1", strlen(names[i]), 1, 0};
    }
    size_t at = client_request_with(&client, "GET", "/head", -1, nv, 100, true);
    client_until_closed(&client, at);
    assert_string_equal((char *)client.streams[at].body, "GET '' 63 -1 localhost\n");
}

static void test_heads_that_are_refused(void **state)
{
    (void)state;
    static char path[6000], value[3000];
    path[0] = '/';
    memset(path + 1, 'a', 5000);
    assert_int_equal(ask("GET", path, -1)->status, 414);
    memset(value, 'v', 2500);
    nghttp2_nv nv[20];
    for (unsigned i = 0; i < 20; i++)
        nv[i] = (nghttp2_nv){(uint8_t *)"x", (uint8_t *)value, 1, 2500, 0};
    size_t at = client_request_with(&client, "GET", "/hello", -1, nv, 20, true);
    client_until_closed(&client, at);
    assert_int_equal(client.streams[at].status, 431);
    assert_int_equal(ask("OPTIONS", "*", -1)->status, 400);
    assert_int_equal(ask("GET", "/a#b", -1)->status, 400);
    assert_int_equal(site.heads, 0);
    assert_int_equal(ask("GET", "/hello", -1)->status, 200);
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
        T(answers),
        T(head_has_a_length_and_no_body),
        T(a_body_is_collected),
        T(an_answer_comes_from_another_thread),
        T(a_body_is_streamed_in_order),
        T(a_body_of_unknown_length),
        T(a_collected_body_is_bounded),
        T(a_streamed_body_is_bounded),
        T(an_early_answer_is_seen_and_ends_the_upload),
        T(sources),
        T(a_source_that_fails_resets),
        T(many_streams_at_once),
        T(continue_is_said),
        T(only_64_headers_are_kept),
        T(heads_that_are_refused),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
