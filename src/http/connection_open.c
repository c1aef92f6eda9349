/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between TLS and nghttp2, a bounded round at a time.
 *
 * Invariants
 *  1. The socket is not read while received bytes that wait for workers are at their limit, of
 *     this connection, of its owner or of all; whoever takes the last below it wakes the loop.
 *  2. What nghttp2 gave out and the socket did not take is kept (c->out) and goes first.
 *  3. A round reads and writes at most ROUND_BYTES; what is left goes on after the others.
 */
#include "http/http_internal.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <string.h>

/* Frames that wait to be sent: resets, updates of windows, acknowledgements. 16 KiB of input can
 * make a thousand; honest peers make some. */
#define OUTBOUND_FRAMES_MAX 4000
/* Records of TLS that carry nothing for us: key updates, empty ones. */
#define EMPTY_RECORDS_BURST      100
#define EMPTY_RECORDS_PER_SECOND 10

/* ---- how much may wait ------------------------------------------------------------------ */

static bool all_have_room(const struct http_server *s)
{
    return atomic_load(&s->waiting_total) < s->limits.buffered_total;
}

static bool owner_has_room(const struct connection *c)
{
    return atomic_load(&c->owner->waiting) < c->server->limits.buffered_per_owner;
}

static bool has_room(const struct connection *c)
{
    const struct http_server *s = c->server;
    return atomic_load(&c->waiting) < s->limits.buffered_per_connection && owner_has_room(c) && all_have_room(s);
}

bool connection_may_read(struct connection *c)
{
    if (has_room(c)) {
        if (atomic_exchange(&c->paused, false))
            for (struct http_request *r = c->open; r; r = r->open_next)
                r->moved_ms = r->waits_ms = c->loop->now_ms; /* it was us who waited */
        return true;
    }
    atomic_store(&c->paused, true);
    if (!all_have_room(c->server))
        atomic_store(&c->server->total_paused, true);
    if (!owner_has_room(c))
        owners_pause(&c->server->owners, c);
    if (!has_room(c))
        return false;
    atomic_store(&c->paused, false); /* a worker was quicker */
    if (atomic_load(&c->owner->has_paused)) /* and may not have seen it */
        owners_resume(&c->server->owners, c->owner);
    return true;
}

void connection_input_took(struct connection *c, size_t n)
{
    atomic_fetch_add(&c->waiting, n);
    atomic_fetch_add(&c->owner->waiting, n);
    atomic_fetch_add(&c->server->waiting_total, n);
}

void connection_input_released(struct connection *c, size_t n)
{
    struct http_server *s = c->server;
    size_t mine = atomic_fetch_sub(&c->waiting, n) - n;
    size_t owners = atomic_fetch_sub(&c->owner->waiting, n) - n;
    size_t all = atomic_fetch_sub(&s->waiting_total, n) - n;
    if (all < s->limits.buffered_total && atomic_load(&s->total_paused) &&
        atomic_exchange(&s->total_paused, false))
        for (unsigned i = 0; i < s->loop_count; i++) {
            atomic_store(&s->loops[i].resume, true);
            loop_wake(&s->loops[i]);
        }
    if (owners < s->limits.buffered_per_owner && atomic_load(&c->owner->has_paused))
        owners_resume(&s->owners, c->owner);
    if (atomic_load(&c->paused) && mine < s->limits.buffered_per_connection)
        loop_post(c);
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool feed(struct connection *c, const uint8_t *p, size_t len)
{
    count_add(&c->server->count.bytes_in, len);
    ssize_t n = nghttp2_session_mem_recv(c->h2, p, len);
    if (nghttp2_session_get_outbound_queue_size(c->h2) > OUTBOUND_FRAMES_MAX)
        c->doomed = true; /* it makes us answer and does not read: nothing can be told to it */
    if (n >= 0 && (size_t)n == len && !c->doomed)
        return true;
    count_add(&c->server->count.protocol_errors, 1);
    return false;
}

/* Records that carried no data. False: too many. */
static bool count_records(struct connection *c, uint64_t empty)
{
    if (!empty || bucket_take_many(&c->empty_records, (double)empty, c->loop->now_ms,
                                   EMPTY_RECORDS_BURST, EMPTY_RECORDS_PER_SECOND))
        return true;
    count_add(&c->server->count.protocol_errors, 1);
    return false;
}

/* False: the peer is gone, or must go. */
static bool read_round(struct connection *c)
{
    uint8_t *p = c->loop->scratch;
    size_t total = 0;
    while (c->more && !c->doomed && total < ROUND_BYTES && nghttp2_session_want_read(c->h2)) {
        if (!connection_may_read(c))
            return true;
        ERR_clear_error();
        uint64_t before = c->records;
        int n = SSL_read(c->ssl, p, (int)LOOP_SCRATCH_BYTES);
        int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, n);
        uint64_t records = c->records - before;
        if (!count_records(c, n > 0 ? records - (records > 0) : records))
            return false;
        if (n > 0) {
            if (!feed(c, p, (size_t)n))
                return false;
            total += (size_t)n;
            continue;
        }
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return false;
        if (why == SSL_ERROR_WANT_WRITE)
            c->blocked = true;
        c->more = records > 0; /* else the socket is empty */
    }
    return true;
}

static void settle_touched(struct connection *c)
{
    for (struct http_request *r; (r = c->touched);) {
        c->touched = r->touched_next;
        r->touched = false;
        (void)pthread_mutex_lock(&c->lock);
        request_settle(r);
        (void)pthread_mutex_unlock(&c->lock);
    }
}

/* ---- news of workers ---------------------------------------------------------------------- */

static void take_news(struct connection *c)
{
    for (;;) {
        (void)pthread_mutex_lock(&c->lock);
        struct http_request *r = c->news_first;
        if (r) {
            c->news_first = r->news_next;
            if (!c->news_first)
                c->news_last = NULL;
            r->in_news = false;
        }
        (void)pthread_mutex_unlock(&c->lock);
        if (!r)
            break;
        answer_submit(r);
    }
    if (!atomic_load(&c->fills_wanted))
        return;
    (void)pthread_mutex_lock(&c->lock);
    for (struct http_request *r = c->open; r; r = r->open_next)
        if (r->head_done)
            request_settle(r);
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Gives TLS what it takes. -1: the connection is broken; else how much it took. */
static ssize_t give(struct connection *c, const uint8_t *p, size_t len)
{
    size_t done = 0;
    while (done < len && !c->blocked) {
        ERR_clear_error();
        int n = SSL_write(c->ssl, p + done, (int)(len - done));
        if (n > 0) {
            done += (size_t)n;
            c->wrote_ms = c->loop->now_ms;
            continue;
        }
        int why = SSL_get_error(c->ssl, n);
        if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ)
            return -1;
        c->blocked = true;
    }
    count_add(&c->server->count.bytes_out, done);
    return (ssize_t)done;
}

static bool flush_kept(struct connection *c)
{
    if (!c->out)
        return true;
    ssize_t n = give(c, c->out + c->out_at, c->out_len - c->out_at);
    if (n < 0)
        return false;
    c->out_at += (size_t)n;
    connection_moved(c, (size_t)n);
    if (c->out_at == c->out_len)
        mem_free(TAKE(c->out));
    return true;
}

/* Frames of nghttp2, as many as fit, in the scratch; DATA puts itself there (answer_write). */
static bool gather(struct connection *c)
{
    struct loop *l = c->loop;
    l->gathered = 0;
    while (l->gathered < GATHER_BYTES_MAX) {
        const uint8_t *frame = NULL;
        ssize_t n = nghttp2_session_mem_send(c->h2, &frame);
        if (n < 0 || (size_t)n > LOOP_SCRATCH_BYTES - l->gathered)
            return false;
        if (n == 0)
            break;
        memcpy(l->scratch + l->gathered, frame, (size_t)n);
        l->gathered += (size_t)n;
    }
    return true;
}

static bool write_round(struct connection *c)
{
    if (!flush_kept(c))
        return false;
    for (size_t total = 0; !c->blocked && !c->out;) {
        if (total >= ROUND_BYTES) {
            loop_again(c);
            break;
        }
        uint8_t *p = c->loop->scratch;
        if (!gather(c))
            return false;
        size_t len = c->loop->gathered;
        ssize_t n = len ? give(c, p, len) : 0;
        if (n < 0 || !len)
            return n == 0;
        if ((size_t)n < len) {
            c->out = mem_dup(p + n, len - (size_t)n);
            c->out_at = 0;
            c->out_len = len - (size_t)n;
            if (!c->out)
                return false;
        }
        total += len;
    }
    return true;
}

void connection_open_turn(struct connection *c)
{
    bool ok = read_round(c);
    settle_touched(c);
    /* Even if the peer broke a rule: what nghttp2 says about it should reach it. */
    take_news(c);
    if (!write_round(c) || !ok) {
        connection_close(c);
        return;
    }
    bool reads = nghttp2_session_want_read(c->h2) && !c->doomed;
    if (!reads && !c->closing_ms)
        c->closing_ms = c->loop->now_ms;
    if (!reads && !c->out && (c->doomed || !nghttp2_session_want_write(c->h2))) {
        connection_close(c);
        return;
    }
    if (c->more && reads && !atomic_load(&c->paused))
        loop_again(c);
}
