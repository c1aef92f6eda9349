/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, changes, stops. Stopping goes from the outside inwards: no connections, no streams,
 * no sockets, no requests, no threads; so that each `done` has been called when it returns.
 */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define LOOPS_MAX     4
#define WORKERS_LEAST 4
#define THREADS_MAX   256

/* Threads of ours take no signals: those are for the program; and a peer that is gone is
 * an error of a write, not a SIGPIPE. */
static void block_signals(sigset_t *before)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
}

static unsigned loops_for(const struct http_config *c)
{
    unsigned n = c->loops ? c->loops : (pool_cpu_count() + 1) / 2;
    return n < LOOPS_MAX || c->loops ? (n < THREADS_MAX ? n : THREADS_MAX) : LOOPS_MAX;
}

static unsigned workers_for(const struct http_config *c)
{
    unsigned n = c->workers ? c->workers : 2 * pool_cpu_count();
    if (!c->workers && n < WORKERS_LEAST)
        n = WORKERS_LEAST;
    return n < THREADS_MAX ? n : THREADS_MAX;
}

static struct http_server *server_new(const struct http_config *c)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    http_server_set_limits(s, &c->limits);
    s->handler = c->handler;
    (void)pthread_mutex_init(&s->tls_lock, NULL);
    (void)pthread_mutex_init(&s->gone_lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->gone, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    piece_pool_init(&s->pieces);
    owners_init(&s->owners);
    s->stop_ms = c->stop_ms;
    return s;
}

/* Everything but threads. Listeners stay the caller's until all has succeeded. */
static int server_init(struct http_server *s, const struct http_config *c, struct err *e)
{
    if (tls_context_new(&c->tls, &s->tls, e) ||
        address_table_init(&s->addresses, s->limits.connections, e))
        return -1;
    unsigned loops = loops_for(c);
    s->listeners = mem_array(c->listener_count, sizeof *s->listeners);
    s->loops = mem_array(loops, sizeof *s->loops);
    if (!s->listeners || !s->loops)
        return err_no_memory(e, "the server");
    for (size_t i = 0; i < c->listener_count; i++)
        if (listener_init(&s->listeners[s->listener_count++], &c->listeners[i], e))
            return -1;
    while (s->loop_count < loops)
        if (loop_init(&s->loops[s->loop_count++], s, e))
            return -1;
    return 0;
}

static int server_start_threads(struct http_server *s, unsigned workers, struct err *e)
{
    sigset_t before;
    block_signals(&before);
    int rc = workers_new(s, workers, &s->workers, e);
    for (unsigned i = s->loop_count; !rc && i-- > 0;) /* the one that accepts comes last */
        rc = loop_start(&s->loops[i], e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* Until no connection is left: handlers have come back and answered. False: not within `ms`. */
static bool wait_for_all(struct http_server *s, int64_t ms)
{
    int64_t until = clock_monotonic_ns() + ms * 1000000;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    (void)pthread_mutex_lock(&s->gone_lock);
    while (s->connection_count &&
           pthread_cond_timedwait(&s->gone, &s->gone_lock, &at) != ETIMEDOUT) {
    }
    bool all = s->connection_count == 0;
    (void)pthread_mutex_unlock(&s->gone_lock);
    return all;
}

#define FOR_EVER_MS (INT64_C(100) * 365 * 86400 * 1000)

/* False: handlers still run. */
static bool server_end(struct http_server *s)
{
    /* The first gives connections to the others: it must be gone before they go. */
    for (unsigned i = 0; i < s->loop_count; i++)
        if (s->loops[i].started) {
            loop_ask(&s->loops[i], LOOP_END);
            loop_join(&s->loops[i]);
        }
    if (!wait_for_all(s, s->stop_ms ? (int64_t)s->stop_ms : FOR_EVER_MS))
        return false;
    workers_free(s->workers);
    return true;
}

static void server_free(struct http_server *s)
{
    for (unsigned i = 0; i < s->loop_count; i++)
        loop_done(&s->loops[i]);
    for (size_t i = 0; i < s->listener_count; i++)
        listener_done(&s->listeners[i]);
    SSL_CTX_free(s->tls);
    address_table_done(&s->addresses);
    piece_pool_done(&s->pieces);
    owners_done(&s->owners);
    mem_free(s->loops);
    mem_free(s->listeners);
    (void)pthread_mutex_destroy(&s->tls_lock);
    (void)pthread_mutex_destroy(&s->gone_lock);
    (void)pthread_cond_destroy(&s->gone);
    mem_free(s);
}

int http_server_start(const struct http_config *c, struct http_server **out, struct err *e)
{
    struct http_server *s = server_new(c);
    if (!s)
        return err_no_memory(e, "the server");
    if (server_init(s, c, e) || server_start_threads(s, workers_for(c), e)) {
        (void)server_end(s); /* nobody came yet */
        /* A start that failed takes nothing over. */
        for (size_t i = 0; i < s->listener_count; i++)
            s->listeners[i].fd = -1;
        server_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

int http_server_set_tls(struct http_server *s, const struct http_tls *tls, struct err *e)
{
    SSL_CTX *ctx = NULL;
    if (tls_context_new(tls, &ctx, e))
        return -1;
    (void)pthread_mutex_lock(&s->tls_lock);
    SSL_CTX *old = s->tls;
    s->tls = ctx;
    (void)pthread_mutex_unlock(&s->tls_lock);
    SSL_CTX_free(old);
    return 0;
}

void http_server_set_limits(struct http_server *s, const struct http_limits *limits)
{
    struct http_limits filled = *limits;
    limits_fill(&filled);
    limits_set(&s->limits, &filled);
}

void http_server_drop(struct http_server *s, bool (*matches)(void *arg, const struct http_peer *p),
                      void *arg)
{
    for (unsigned i = 0; i < s->loop_count; i++) {
        struct loop *l = &s->loops[i];
        struct connection *found = NULL;
        (void)pthread_mutex_lock(&l->lock);
        for (struct connection *c = l->all; c; c = c->all_next)
            if (atomic_load(&c->ready) && c->peer.certificate && matches(arg, &c->peer) &&
                !atomic_exchange(&c->dropped, true)) {
                connection_ref(c);
                c->drop_next = found;
                found = c;
            }
        (void)pthread_mutex_unlock(&l->lock);
        while (found) { /* posting needs that lock */
            struct connection *c = found;
            found = c->drop_next;
            loop_post(c);
            connection_unref(c);
        }
    }
}

bool http_server_stop(struct http_server *s, unsigned drain_ms)
{
    if (!s)
        return true;
    for (unsigned i = 0; i < s->loop_count; i++)
        loop_ask(&s->loops[i], LOOP_DRAIN);
    (void)wait_for_all(s, drain_ms);
    if (!server_end(s))
        return false;
    server_free(s);
    return true;
}

static uint64_t count_of(const _Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

struct http_stats http_server_stats(const struct http_server *s)
{
    const struct counters *c = &s->count;
    return (struct http_stats){
        .accepted = count_of(&c->accepted),
        .handshakes_failed = count_of(&c->handshakes_failed),
        .requests = count_of(&c->requests),
        .bytes_in = count_of(&c->bytes_in),
        .bytes_out = count_of(&c->bytes_out),
        .refused_full = count_of(&c->refused_full),
        .refused_address = count_of(&c->refused_address),
        .refused_owner = count_of(&c->refused_owner),
        .refused_proxy = count_of(&c->refused_proxy),
        .timed_out = count_of(&c->timed_out),
        .protocol_errors = count_of(&c->protocol_errors),
        .connections_now = count_of(&c->connections),
        .streams_now = count_of(&c->streams),
        .queued_now = count_of(&c->queued),
        .buffered_now = atomic_load(&s->waiting_total),
    };
}
