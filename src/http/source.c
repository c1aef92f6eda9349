/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are made as the peer takes them. Nothing is made before nghttp2 asks, which
 * it does when the peer's windows and its socket are open: a peer that reads nothing costs nothing.
 * While one piece is sent the next is filled.
 *
 * Invariants
 *  1. At most two pieces of a request wait, and one fill is under way.
 *  2. Pieces of a connection together stay near buffered_per_connection: a request that finds
 *     no room waits (fill_wanted) until others have sent theirs, or are reset as stalled.
 *  3. Where all connections together have more than buffered_total, pieces become small, so that
 *     slow readers cannot keep others from going on.
 */
#include "http/http_internal.h"

#include <assert.h>
#include <string.h>

#define FILL_FIRST ((size_t)64 << 10)
#define FILL_LEAST ((size_t)16 << 10)

static bool is_over(const struct http_request *r)
{
    return r->fill_ended || r->fill_failed || r->fill_left == 0;
}

static void want(struct http_request *r)
{
    if (!r->fill_wanted && !r->filling && !is_over(r) && !r->closed && r->out_count < 2) {
        r->fill_wanted = true;
        atomic_fetch_add(&r->connection->fills_wanted, 1);
    }
    request_settle(r);
}

static void unwant(struct http_request *r)
{
    if (r->fill_wanted) {
        r->fill_wanted = false;
        atomic_fetch_sub(&r->connection->fills_wanted, 1);
    }
}

bool source_may_fill(const struct http_request *r)
{
    const struct connection *c = r->connection;
    return r->have_source && r->fill_wanted && !r->filling && !r->closed && !r->refused &&
           atomic_load(&c->answers) < c->server->limits.buffered_per_connection;
}

static size_t next_cap(struct http_request *r)
{
    const struct http_server *s = r->connection->server;
    size_t cap = r->fill_cap ? r->fill_cap * 2 : FILL_FIRST;
    r->fill_cap = cap = cap < HTTP_PIECE_MAX ? cap : HTTP_PIECE_MAX;
    if (atomic_load(&s->answers_total) > s->limits.buffered_total)
        r->fill_cap = cap = FILL_LEAST;
    return r->fill_left > 0 && (uint64_t)r->fill_left < cap ? (size_t)r->fill_left : cap;
}

/* Before the lock is let go: the piece belongs to the request, or is given back. */
static void took(struct http_request *r, struct piece *x, int64_t n)
{
    struct connection *c = r->connection;
    r->filling = false;
    unwant(r);
    if (n < 0 || (n == 0 && r->fill_left > 0))
        r->fill_failed = true;
    else if (n == 0)
        r->fill_ended = true;
    if (r->fill_left > 0 && n > 0)
        r->fill_left -= n;
    if (n <= 0 || r->closed) {
        if (x)
            piece_free(&c->server->pieces, x);
    } else {
        x->len = (size_t)n;
        piece_queue_add(&r->out, x);
        r->out_count++;
        atomic_fetch_add(&c->answers, x->cap);
        atomic_fetch_add(&c->server->answers_total, x->cap);
    }
    request_tell_loop(r);
}

void source_fill(struct http_request *r)
{
    struct connection *c = r->connection;
    size_t cap = next_cap(r);
    struct piece *x = piece_new(&c->server->pieces, cap);
    int64_t n = x ? r->source.fill(r->source.arg, x->data, cap) : -1;
    assert(n <= (int64_t)cap && "fill wrote past its buffer");
    (void)pthread_mutex_lock(&c->lock);
    took(r, x, n);
    (void)pthread_mutex_unlock(&c->lock);
}

ssize_t source_ready(struct http_request *r, size_t len, uint32_t *flags)
{
    struct connection *c = r->connection;
    (void)pthread_mutex_lock(&c->lock);
    struct piece *x = r->out.first;
    size_t left = x ? x->len - x->at : 0, n = len < left ? len : left;
    bool last = is_over(r) && !r->filling && n == left && (!x || x == r->out.last);
    bool failed = r->fill_failed && !x;
    want(r);
    (void)pthread_mutex_unlock(&c->lock);
    if (failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (last && !r->fill_failed)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (!n)
        r->deferred = true;
    return n || last ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

void source_take(struct http_request *r, uint8_t *out, size_t len)
{
    struct connection *c = r->connection;
    (void)pthread_mutex_lock(&c->lock);
    struct piece *x = r->out.first;
    assert(x && len <= x->len - x->at);
    memcpy(out, x->data + x->at, len);
    x->at += len;
    if (x->at == x->len) {
        (void)piece_queue_take(&r->out);
        r->out_count--;
        size_t cap = x->cap;
        piece_free(&c->server->pieces, x);
        answers_released(c, cap);
        want(r);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void source_drop(struct http_request *r)
{
    struct connection *c = r->connection;
    for (struct piece *x; (x = piece_queue_take(&r->out));) {
        size_t cap = x->cap;
        piece_free(&c->server->pieces, x);
        answers_released(c, cap);
    }
    void (*release)(void *arg) = r->source.free;
    if (r->have_source && release)
        release(r->source.arg);
    r->have_source = false;
}
