/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every wait for a peer has an end. Waits for the handler have none: it blocks for as long
 * as a disk needs, and a peer must not be blamed for that.
 *
 *   what is awaited                          since                      then
 *   a front end's header, TLS                accept                     closed
 *   a first or another stream                the last one's end         GOAWAY
 *   the socket to take bytes                 the last one it took       closed
 *   a head                                   its stream's begin         GOAWAY: HPACK is stuck
 *   the next bytes of a body                 the last ones              408
 *   a window for an answer                   the last bytes sent        RST_STREAM CANCEL
 *   either of these, by a connection that    it was last looked at,     as above
 *   moves fewer than slow_bytes of both      each slow_ms
 *   the rest of what was answered            the answer's end           RST_STREAM NO_ERROR
 *   GOAWAY to be sent                        it was given               closed
 */
#include "http/http_internal.h"

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Locks, because the handler may be answering. */
static bool awaits_body(struct http_request *r)
{
    struct connection *c = r->connection;
    if (r->remote_ended || atomic_load(&c->paused))
        return false;
    (void)pthread_mutex_lock(&c->lock);
    bool waits = !r->answered && !r->refused && !r->broken;
    (void)pthread_mutex_unlock(&c->lock);
    return waits;
}

/* When an answer counts as stuck: its own window is closed, or nothing moves at all. */
static int64_t answer_deadline(const struct http_request *r)
{
    const struct connection *c = r->connection;
    int64_t since = r->sent_ms;
    if (nghttp2_session_get_stream_remote_window_size(c->h2, r->stream_id) > 0 &&
        c->sent_ms > since)
        since = c->sent_ms;
    return since + c->server->limits.stall_ms;
}

static int64_t request_deadline(struct http_request *r)
{
    const struct live_limits *l = &r->connection->server->limits;
    if (!r->head_done)
        return r->begun_ms + l->head_ms;
    if (r->lingers_ms)
        return r->lingers_ms + LINGER_MS;
    if (r->submitted)
        return r->deferred ? TIMER_NEVER : answer_deadline(r);
    return awaits_body(r) ? r->moved_ms + l->stall_ms : TIMER_NEVER;
}

/* ---- pace: who sends or takes a byte now and then is not silent, and holds on to memory all the same ---- */

/* Of the connection, since streams of one may starve each other. `at` is the request's deadline. */
static bool awaits_peer(const struct http_request *r, int64_t at)
{
    return r->head_done && !r->lingers_ms && at != TIMER_NEVER;
}

static int64_t pace_deadline(struct connection *c, bool awaits)
{
    if (awaits)
        return pace_await(&c->pace, c->loop->now_ms, c->server->limits.slow_ms);
    pace_rest(&c->pace);
    return TIMER_NEVER;
}

void connection_moved(struct connection *c, size_t n)
{
    c->pace.moved += n;
}

int64_t connection_deadline(struct connection *c)
{
    const struct live_limits *l = &c->server->limits;
    bool awaits = false;
    if (c->state != CONNECTION_OPEN)
        return c->since_ms + l->handshake_ms;
    int64_t at = TIMER_NEVER;
    if (c->out || c->blocked)
        at = sooner(at, c->wrote_ms + l->stall_ms);
    if (c->closing_ms)
        return sooner(at, c->closing_ms + CLOSING_MS);
    if (!c->open)
        at = sooner(at, c->idle_ms + l->idle_ms);
    for (struct http_request *r = c->open; r; r = r->open_next) {
        int64_t theirs = request_deadline(r);
        awaits |= awaits_peer(r, theirs);
        at = sooner(at, theirs);
    }
    return sooner(at, pace_deadline(c, awaits));
}

static void expire_request(struct http_request *r)
{
    struct connection *c = r->connection;
    if (r->lingers_ms) {
        r->lingers_ms = c->loop->now_ms;
        request_reset_rest(r);
        return;
    }
    count_add(&c->server->count.timed_out, 1);
    if (!r->head_done) {
        (void)nghttp2_session_terminate_session(c->h2, NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (r->submitted) {
        r->sent_ms = c->loop->now_ms;
        (void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, r->stream_id, NGHTTP2_CANCEL);
    } else {
        r->moved_ms = c->loop->now_ms;
        (void)pthread_mutex_lock(&c->lock);
        request_break(r, 408);
        (void)pthread_mutex_unlock(&c->lock);
    }
}

/* All that were awaited when the stretch began. */
static void expire_slow(struct connection *c)
{
    const struct live_limits *l = &c->server->limits;
    int64_t since;
    if (pace_judge(&c->pace, c->loop->now_ms, l->slow_ms, l->slow_bytes, &since) != PACE_SLOW)
        return;
    for (struct http_request *r = c->open, *next; r; r = next) {
        next = r->open_next;
        if (r->waits_ms <= since && awaits_peer(r, request_deadline(r)))
            expire_request(r);
    }
}

static void expire_open(struct connection *c)
{
    const struct live_limits *l = &c->server->limits;
    int64_t now = c->loop->now_ms;
    bool stuck = (c->out || c->blocked) && c->wrote_ms + l->stall_ms <= now;
    if (stuck || (c->closing_ms && c->closing_ms + CLOSING_MS <= now)) {
        if (stuck)
            count_add(&c->server->count.timed_out, 1);
        connection_close(c);
        return;
    }
    if (c->closing_ms)
        return;
    for (struct http_request *r = c->open, *next; r; r = next) {
        next = r->open_next;
        if (request_deadline(r) <= now)
            expire_request(r);
    }
    expire_slow(c);
    if (!c->open && c->idle_ms + l->idle_ms <= now) {
        c->idle_ms = now;
        (void)nghttp2_session_terminate_session(c->h2, NGHTTP2_NO_ERROR);
    }
}

void connection_expire(struct connection *c)
{
    if (c->state == CONNECTION_OPEN) {
        expire_open(c);
    } else if (connection_deadline(c) <= c->loop->now_ms) {
        count_add(&c->server->count.timed_out, 1);
        connection_close(c);
    }
    connection_turn(c, false, false);
}
