/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done for a request next, on a worker. One function decides from the state;
 * whoever changes the state calls request_settle, which gives the request to the workers if
 * there is something to do.
 *
 * Invariants
 *  1. While `scheduled` is set exactly one worker has the request or will take it; only that
 *     worker calls the handler for it, so that calls for one request never overlap.
 *  2. Of `end` and `abort` at most one is called, and one of them is, unless the handler answered
 *     before. `run` is called at most once.
 *  3. `done` is called when the stream is over, no callback is running, and the handler owes no
 *     answer; then the request is freed.
 *  4. The loop never looks at a request after it set `closed`.
 */
#include "http/http_internal.h"

enum work {
    WORK_NONE = 0,
    WORK_PIECE,
    WORK_END,
    WORK_ABORT,
    WORK_RUN,
    WORK_FILL,
    WORK_FINISH,
};

static bool owes_answer(const struct http_request *r)
{
    return r->ran && !r->answered && !r->broken;
}

static enum work sink_work(struct http_request *r)
{
    if (r->ran || r->answered)
        return WORK_NONE;
    if (r->closed || r->broken)
        return WORK_ABORT;
    if (r->in.first)
        return WORK_PIECE;
    return r->body_ended ? WORK_END : WORK_NONE;
}

static enum work next_work(struct http_request *r)
{
    enum work w = r->mode == BODY_STREAMED ? sink_work(r) : WORK_NONE;
    if (w != WORK_NONE)
        return w;
    if (r->mode == BODY_COLLECTED && r->body_ended && !r->ran && !r->closed && !r->refused)
        return WORK_RUN;
    if (source_may_fill(r))
        return WORK_FILL;
    return r->closed && !owes_answer(r) ? WORK_FINISH : WORK_NONE;
}

void request_settle(struct http_request *r)
{
    if (r->scheduled || r->in_head || next_work(r) == WORK_NONE)
        return;
    r->scheduled = true;
    workers_add(r);
}

void request_tell_loop(struct http_request *r)
{
    struct connection *c = r->connection;
    if (r->closed || r->in_news)
        return;
    r->in_news = true;
    r->news_next = NULL;
    if (c->news_last)
        c->news_last->news_next = r;
    else
        c->news_first = r;
    c->news_last = r;
    loop_post(c);
}

static void work_piece(struct http_request *r, struct piece *x)
{
    r->sink.piece(r->connection->server->handler.arg, r, x->data, x->len);
    size_t cap = x->cap;
    piece_free(&r->connection->server->pieces, x);
    connection_input_released(r->connection, cap);
}

static void work_finish(struct http_request *r)
{
    const struct http_handler *h = &r->connection->server->handler;
    source_drop(r); /* what produced the answer may still use what `done` frees */
    if (h->done && !r->head_error)
        h->done(h->arg, r);
    request_free(r);
}

void request_work(struct http_request *r)
{
    struct connection *c = r->connection;
    void *arg = c->server->handler.arg;
    (void)pthread_mutex_lock(&c->lock);
    enum work w = next_work(r);
    struct piece *x = w == WORK_PIECE ? piece_queue_take(&r->in) : NULL;
    if (w == WORK_ABORT)
        r->broken = true;
    if (w == WORK_END || w == WORK_ABORT || w == WORK_RUN)
        r->ran = true;
    if (w == WORK_FILL)
        r->filling = true;
    (void)pthread_mutex_unlock(&c->lock);

    switch (w) {
    case WORK_PIECE: work_piece(r, x); break;
    case WORK_END: r->sink.end(arg, r); break;
    case WORK_ABORT: r->sink.abort(arg, r); break;
    case WORK_RUN: r->run(arg, r, r->collected.data, r->collected.len); break;
    case WORK_FILL: source_fill(r); break;
    case WORK_FINISH: work_finish(r); return;
    case WORK_NONE: break;
    }
    (void)pthread_mutex_lock(&c->lock);
    if (r->answered || r->ran)
        body_in_drop(r);
    r->scheduled = false;
    request_settle(r);
    (void)pthread_mutex_unlock(&c->lock);
}
