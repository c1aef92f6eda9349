/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many clients that do everything at random and leave at any moment, while certificates change
 * and connections are dropped. Afterwards the books must balance: a `done` for each head; `end`,
 * `abort` or an early answer for each stream; a `free` for each source.
 *
 * ABRI_SEED replays a run (as far as threads allow), ABRI_ROUNDS makes it longer.
 */
#include "client.h"

#include <openssl/x509_vfy.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS 6

static struct site site;
static unsigned rounds = 40;
static atomic_uint answered, left;

struct actor {
    pthread_t thread;
    unsigned seed;
    struct client client;
};

static unsigned pick(struct actor *a, unsigned n)
{
    return (unsigned)rand_r(&a->seed) % n;
}

static void knock(struct actor *a) /* never becomes HTTP/2 */
{
    uint8_t junk[64];
    int fd = tcp_connect(&site);
    size_t n = pick(a, sizeof junk);
    for (size_t i = 0; i < n; i++)
        junk[i] = (uint8_t)pick(a, 256);
    if (pick(a, 2))
        junk[0] = 0x16;
    (void)send(fd, junk, n, MSG_NOSIGNAL);
    (void)close(fd);
}

static void begin_request(struct actor *a)
{
    static const char *const posts[] = {"/echo", "/later", "/sink", "/small", "/early"};
    static const char *const gets[] = {"/hello",         "/who",          "/source?300000",
                                       "/endless?70000", "/short?500000", "/fails?9",
                                       "/body?100000",   "/nothing"};
    struct client *c = &a->client;
    if (c->count == CLIENT_STREAMS)
        return;
    size_t at;
    if (pick(a, 2)) {
        int64_t len = pick(a, 4) ? pick(a, 50000) : pick(a, 2000000);
        at = client_request_with(c, "POST", posts[pick(a, 5)], len, NULL, 0, pick(a, 2));
        c->streams[at].held = pick(a, 8) == 0;
    } else {
        (void)client_request(c, pick(a, 8) ? "GET" : "HEAD", gets[pick(a, 8)], -1);
    }
}

static void act(struct actor *a)
{
    struct client *c = &a->client;
    switch (pick(a, 10)) {
    case 0:
        if (c->count) {
            size_t at = pick(a, (unsigned)c->count);
            if (!c->streams[at].closed)
                (void)nghttp2_submit_rst_stream(c->h2, 0, c->streams[at].id, NGHTTP2_CANCEL);
        }
        break;
    case 1: (void)nghttp2_submit_ping(c->h2, 0, NULL); break;
    case 2:
    case 3: client_step(c, (int)pick(a, 3)); break;
    default: begin_request(a); break;
    }
}

static void leave(struct actor *a)
{
    struct client *c = &a->client;
    struct linger hard = {.l_onoff = 1};
    unsigned how = pick(a, 4);
    if (how == 0) {
        (void)setsockopt(c->line.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    } else if (how == 1) {
        uint8_t junk[32] = {0};
        (void)send(c->line.fd, junk, sizeof junk, MSG_NOSIGNAL); /* breaks TLS */
        client_step(c, 1);
    } else if (how == 2 && !c->gone) {
        for (size_t i = 0; i < c->count; i++)
            if (c->streams[i].held)
                client_hold(c, i, false);
        client_until_all_closed(c);
        for (size_t i = 0; !c->gone && i < c->count; i++)
            if (c->streams[i].status == 200) {
                atomic_fetch_add(&answered, 1);
            }
    }
    client_close(c);
}

static void *actor_main(void *arg)
{
    struct actor *a = arg;
    for (unsigned i = 0; i < rounds; i++) {
        const struct identity *ids[] = {NULL, &site.machine, &site.expired, &site.stranger};
        struct client_options o = {.line.identity = ids[pick(a, 4)],
                                   .no_windows = pick(a, 10) == 0};
        if (pick(a, 5) == 0) {
            knock(a);
            continue;
        }
        if (!client_open(&a->client, &site, &o))
            continue;
        for (unsigned n = pick(a, 60); n && !a->client.gone; n--)
            act(a);
        leave(a);
    }
    atomic_fetch_sub(&left, 1);
    return NULL;
}

static bool is_expired(void *arg, const struct http_peer *p)
{
    (void)arg;
    return p->verify_error == X509_V_ERR_CERT_HAS_EXPIRED;
}

static void test_the_books_balance(void **state)
{
    (void)state;
    static struct actor actors[CLIENTS];
    const char *text = getenv("ABRI_SEED"), *more = getenv("ABRI_ROUNDS");
    unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)time(NULL);
    if (more)
        rounds = (unsigned)strtoul(more, NULL, 10);
    print_message("ABRI_SEED=%u\n", seed);
    struct http_limits l = {.stall_ms = 300,
                            .head_ms = 300,
                            .idle_ms = 500,
                            .buffered_per_connection = 512 << 10,
                            .buffered_total = 2 << 20};
    site_start(&site, &l, 2, 3, NULL, 0, 0);
    atomic_store(&left, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        actors[i].seed = seed + i;
        assert_int_equal(pthread_create(&actors[i].thread, NULL, actor_main, &actors[i]), 0);
    }
    struct http_tls tls = {site.server.certificate_pem, site.server.key_pem, site.authority.pem};
    struct err e;
    while (atomic_load(&left)) {
        (void)poll(NULL, 0, 20);
        assert_int_equal(http_server_set_tls(site.http, &tls, &e), 0);
        http_server_drop(site.http, is_expired, NULL);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        (void)pthread_join(actors[i].thread, NULL);
    struct http_stats s = http_server_stats(site.http);
    site_stop(&site, seed % 2 ? 0 : 200);
    print_message(
        "%u heads, %u answered whole, %u streams (%u ends, %u aborts, %u early), %u sources; "
        "%llu timed out, %llu protocol errors\n",
        site.heads, answered, site.streams, site.ends, site.aborts, site.answered_early,
        site.sources, (unsigned long long)s.timed_out, (unsigned long long)s.protocol_errors);
    assert_true(site.heads > 0 && answered > 0);
    assert_int_equal(site.heads, site.dones);
    assert_int_equal(site.streams, site.ends + site.aborts + site.answered_early);
    assert_int_equal(site.sources, site.frees);
    assert_int_equal(site.overlaps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_books_balance)};
    site_make(&site);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    site_done(&site);
    return rc;
}
