/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers and their queue: a ring of owners, each with a ring of its connections, each with its ready
 * requests. A worker takes one request of the first connection of the first owner; both then go to the end.
 *
 * Invariants
 *  1. A connection is in its owner's ring if it has ready requests and fewer than `share` running; an owner is in
 *     the ring if a connection is in its own, and, if it was named, fewer than `share` of it are running.
 *  2. No connection ever has all workers, and no owner that was named, however many its connections, unless there
 *     is only one worker. (Behind an address there may be many.)
 *  3. A request is with at most one worker (request_work.c, `scheduled`).
 */
#include "http/http_internal.h"

#include "base/mem.h"

#include <signal.h>

struct workers {
    struct http_server *server;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct owner *first, *last;
    unsigned share; /* at once for one */
    bool stopping;
    unsigned started;
    pthread_t *threads;
};

static void enqueue(struct workers *w, struct owner *o)
{
    if (o->queued || !o->ready_first || (owner_is_named(o) && o->running >= w->share))
        return;
    o->queued = true;
    o->queue_next = NULL;
    if (w->last)
        w->last->queue_next = o;
    else
        w->first = o;
    w->last = o;
    (void)pthread_cond_signal(&w->some);
}

static void enqueue_connection(struct workers *w, struct connection *c)
{
    struct owner *o = c->owner;
    if (c->queued || !c->ready_first || c->running >= w->share)
        return;
    c->queued = true;
    c->queue_next = NULL;
    if (o->ready_last)
        o->ready_last->queue_next = c;
    else
        o->ready_first = c;
    o->ready_last = c;
}

static struct owner *dequeue(struct workers *w)
{
    struct owner *o = w->first;
    w->first = o->queue_next;
    if (!w->first)
        w->last = NULL;
    o->queued = false;
    return o;
}

static struct connection *dequeue_connection(struct owner *o)
{
    struct connection *c = o->ready_first;
    o->ready_first = c->queue_next;
    if (!o->ready_first)
        o->ready_last = NULL;
    c->queued = false;
    return c;
}

static struct http_request *take_ready(struct connection *c)
{
    struct http_request *r = c->ready_first;
    c->ready_first = r->ready_next;
    if (!c->ready_first)
        c->ready_last = NULL;
    return r;
}

static void *worker_main(void *arg)
{
    struct workers *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->stopping)
            (void)pthread_cond_wait(&w->some, &w->lock);
        if (!w->first)
            break;
        struct owner *o = dequeue(w);
        struct connection *c = dequeue_connection(o);
        struct http_request *r = take_ready(c);
        c->running++;
        enqueue_connection(w, c);
        o->running++;
        enqueue(w, o);
        (void)pthread_mutex_unlock(&w->lock);
        count_sub(&w->server->count.queued, 1);
        count_add(&w->server->count.taken, 1);
        connection_ref(c); /* the request's own may go with it; and it keeps its owner */
        request_work(r);
        (void)pthread_mutex_lock(&w->lock);
        o->running--;
        c->running--;
        enqueue_connection(w, c);
        enqueue(w, o);
        (void)pthread_mutex_unlock(&w->lock);
        connection_unref(c);
        (void)pthread_mutex_lock(&w->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

void workers_add(struct http_request *r)
{
    struct connection *c = r->connection;
    struct workers *w = c->server->workers;
    count_add(&c->server->count.queued, 1);
    (void)pthread_mutex_lock(&w->lock);
    r->ready_next = NULL;
    if (c->ready_last)
        c->ready_last->ready_next = r;
    else
        c->ready_first = r;
    c->ready_last = r;
    enqueue_connection(w, c);
    enqueue(w, c->owner);
    (void)pthread_mutex_unlock(&w->lock);
}

int workers_new(struct http_server *s, unsigned threads, struct workers **out, struct err *e)
{
    struct workers *w = mem_zalloc(sizeof *w);
    pthread_t *ids = mem_array(threads, sizeof *ids);
    if (!w || !ids) {
        mem_free(w);
        mem_free(ids);
        return err_no_memory(e, "worker threads");
    }
    *w = (struct workers){.server = s, .share = threads > 1 ? threads - 1 : 1, .threads = ids};
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->some, NULL);
    for (; w->started < threads; w->started++) {
        int rc = pthread_create(&ids[w->started], NULL, worker_main, w);
        if (rc) {
            workers_free(w);
            return err_sys(e, rc, "start a worker thread");
        }
    }
    *out = w;
    return 0;
}

unsigned workers_count(const struct workers *w)
{
    return w->started;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_broadcast(&w->some);
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->started; i++)
        (void)pthread_join(w->threads[i], NULL);
    (void)pthread_cond_destroy(&w->some);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w->threads);
    mem_free(w);
}
