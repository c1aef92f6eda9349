/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request: gathered whole, or in pieces that wait for a worker.
 *
 * The loop fills the last waiting piece as long as no worker took it: so pieces grow to their
 * full size exactly when the worker is slower than the network.
 *
 * Invariants
 *  1. Bytes are counted (connection.waiting, waiting_total) from here until the handler has done
 *     with them; the count is of memory, not of bytes that happen to be in it.
 *  2. After an answer, a refusal or the end of the stream nothing is kept.
 */
#include "http/http_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

static bool is_deaf(const struct http_request *r)
{
    return r->closed || r->broken || r->answered || r->refused || r->mode == BODY_IGNORED;
}

static void begin(struct http_request *r, enum body_mode mode, uint64_t max)
{
    assert(r->mode == BODY_UNSET && "respond, collect or stream once");
    r->mode = mode;
    r->body_max = max;
    if (r->content_length >= 0 && (uint64_t)r->content_length > max)
        request_break(r, 413);
}

void http_collect(struct http_request *r, size_t max, http_run *run)
{
    struct connection *c = r->connection;
    (void)pthread_mutex_lock(&c->lock);
    r->run = run;
    r->collected.max = max ? max : 1;
    begin(r, BODY_COLLECTED, max);
    (void)pthread_mutex_unlock(&c->lock);
}

void http_stream(struct http_request *r, uint64_t max, const struct http_sink *sink)
{
    struct connection *c = r->connection;
    (void)pthread_mutex_lock(&c->lock);
    r->sink = *sink;
    begin(r, BODY_STREAMED, max);
    (void)pthread_mutex_unlock(&c->lock);
}

/* A collected body is held until it is whole, so that waiting for room would be waiting for
 * ever: what does not fit is refused. One body may always be as large as the handler said. */
static void collect(struct http_request *r, const uint8_t *p, size_t len)
{
    struct connection *c = r->connection;
    struct http_server *s = c->server;
    size_t others = c->collected - r->collected.len;
    size_t owners = atomic_load(&c->owner->collected);
    if ((others && c->collected + len > s->limits.buffered_per_connection) ||
        (owners > r->collected.len && owners + len > s->limits.buffered_per_owner) ||
        atomic_load(&s->waiting_total) + len > s->limits.buffered_total) {
        request_break(r, 503);
        return;
    }
    buf_put(&r->collected, p, len);
    if (r->collected.failed) {
        request_break(r, 503);
        return;
    }
    c->collected += len;
    atomic_fetch_add(&c->owner->collected, len);
    atomic_fetch_add(&s->waiting_total, len);
}

/* Room for a piece: what is still to come, if that is known and less than a whole one. */
static size_t cap_for(const struct http_request *r)
{
    int64_t left = r->content_length < 0 ? INT64_MAX : r->content_length - (int64_t)r->body_len;
    return left > 0 && left < (int64_t)HTTP_PIECE_MAX ? (size_t)left : HTTP_PIECE_MAX;
}

static void stream(struct http_request *r, const uint8_t *p, size_t len)
{
    struct connection *c = r->connection;
    r->body_len -= len;
    while (len) {
        struct piece *x = r->in.last;
        if (!x || x->len == x->cap) {
            if (x)
                request_settle(r);
            x = piece_new(&c->server->pieces, cap_for(r));
            if (!x) {
                request_break(r, 503);
                return;
            }
            connection_input_took(c, x->cap);
            piece_queue_add(&r->in, x);
        }
        size_t n = len < x->cap - x->len ? len : x->cap - x->len;
        memcpy(x->data + x->len, p, n);
        x->len += n;
        r->body_len += n;
        p += n;
        len -= n;
    }
    if (r->in.last->len == r->in.last->cap)
        request_settle(r);
}

void body_in_add(struct http_request *r, const uint8_t *p, size_t len)
{
    struct connection *c = r->connection;
    r->moved_ms = c->loop->now_ms;
    connection_moved(c, len);
    if (r->lingers_ms) {
        r->lingered += len;
        if (r->lingered > LINGER_BYTES && r->lingered - len <= LINGER_BYTES)
            request_reset_rest(r);
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    if (!is_deaf(r)) {
        r->body_len += len;
        if (r->body_len > r->body_max)
            request_break(r, 413);
        else if (r->mode == BODY_COLLECTED)
            collect(r, p, len);
        else
            stream(r, p, len);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (!r->touched) {
        r->touched = true;
        r->touched_next = c->touched;
        c->touched = r;
    }
}

void body_in_end(struct http_request *r)
{
    struct connection *c = r->connection;
    r->remote_ended = true;
    (void)pthread_mutex_lock(&c->lock);
    r->body_ended = true;
    request_settle(r);
    (void)pthread_mutex_unlock(&c->lock);
}

void body_in_drop(struct http_request *r)
{
    struct connection *c = r->connection;
    for (struct piece *x; (x = piece_queue_take(&r->in));) {
        size_t cap = x->cap;
        piece_free(&c->server->pieces, x);
        connection_input_released(c, cap);
    }
    if (r->collected.data) {
        c->collected -= r->collected.len;
        size_t len = r->collected.len;
        buf_done(&r->collected);
        r->collected = (struct buf){.max = 1};
        atomic_fetch_sub(&c->owner->collected, len);
        atomic_fetch_sub(&c->server->waiting_total, len);
        connection_input_released(c, 0);
    }
}

void request_break(struct http_request *r, int status)
{
    if (r->closed || r->broken || r->answered || r->refused)
        return;
    r->broken = true;
    body_in_drop(r);
    answer_refuse(r, status);
}
