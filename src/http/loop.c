/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop: one thread, one epoll, the connections that were given to it. It never blocks but
 * in epoll_wait. The first loop also listens.
 *
 * Invariants
 *  1. Whoever posts from another thread also wakes; the loop looks at what was posted after it
 *     woke and before it sleeps, so that no post is slept over.
 *  2. A closed connection keeps its memory until the round is over; lists that live longer
 *     (posts, `again`) hold references.
 *  3. The thread ends when it was asked to and has no connection left; what is posted
 *     afterwards (by workers that finish) is nobody's news and is dropped.
 */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_A_ROUND 128
#define POSTS_A_ROUND  1024

static _Thread_local struct loop *own_loop;

static int64_t now_ms(void)
{
    return clock_monotonic_ns() / 1000000 + 1; /* never 0, which means "not yet" */
}

int loop_watch(struct loop *l, int op, int fd, uint32_t events, void *what)
{
    struct epoll_event ev = {.events = events, .data.ptr = what};
    return epoll_ctl(l->epoll_fd, op, fd, &ev);
}

void loop_wake(struct loop *l)
{
    uint64_t one = 1;
    if (l != own_loop && write(l->wake_fd, &one, sizeof one) < 0) {
        /* EAGAIN: it is awake many times over */
    }
}

void loop_post(struct connection *c)
{
    struct loop *l = c->loop;
    bool first = false;
    (void)pthread_mutex_lock(&l->lock);
    if (!c->posted && !l->ended) {
        c->posted = true;
        connection_ref(c);
        c->posted_next = NULL;
        first = !l->posted_first;
        if (l->posted_last)
            l->posted_last->posted_next = c;
        else
            l->posted_first = c;
        l->posted_last = c;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (first)
        loop_wake(l);
}

void loop_again(struct connection *c)
{
    if (c->in_again)
        return;
    c->in_again = true;
    connection_ref(c);
    c->again_next = c->loop->again;
    c->loop->again = c;
}

void loop_ask(struct loop *l, enum loop_phase phase)
{
    (void)pthread_mutex_lock(&l->lock);
    l->asked = phase;
    (void)pthread_mutex_unlock(&l->lock);
    loop_wake(l);
}

/* One at a time: as soon as one is marked as taken it may be posted again. */
static struct connection *take_post(struct loop *l)
{
    (void)pthread_mutex_lock(&l->lock);
    struct connection *c = l->posted_first;
    if (c) {
        l->posted_first = c->posted_next;
        if (!l->posted_first)
            l->posted_last = NULL;
        c->posted = false;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return c;
}

static void take_posts(struct loop *l)
{
    for (unsigned n = 0; n < POSTS_A_ROUND; n++) {
        struct connection *c = take_post(l);
        if (!c)
            break;
        connection_turn(c, false, false);
        connection_unref(c);
    }
}

static void take_again(struct loop *l)
{
    struct connection *list = TAKE(l->again);
    while (list) {
        struct connection *c = list;
        list = c->again_next;
        c->in_again = false;
        connection_turn(c, false, false);
        connection_unref(c);
    }
}

static void take_timers(struct loop *l)
{
    for (struct timer *t; (t = timers_first(&l->timers)) && t->at_ms <= l->now_ms;) {
        struct connection *c =
            (struct connection *)(void *)((char *)t - offsetof(struct connection, timer));
        timers_remove(&l->timers, t);
        connection_expire(c);
    }
}

static void free_dead(struct loop *l)
{
    while (l->dead) {
        struct connection *c = l->dead;
        l->dead = c->dead_next;
        connection_unref(c);
    }
}

static void resume_all(struct loop *l)
{
    if (!atomic_exchange(&l->resume, false))
        return;
    for (struct connection *c = l->all, *next; c; c = next) {
        next = c->all_next;
        if (atomic_load(&c->paused))
            connection_turn(c, false, false);
    }
}

/* ---- listeners: the first loop's --------------------------------------------------------- */

static bool listens(const struct loop *l)
{
    return l == &l->server->loops[0];
}

static int watch_listeners(struct loop *l, int op)
{
    for (size_t i = 0; listens(l) && i < l->server->listener_count; i++)
        if (loop_watch(l, op, l->server->listeners[i].fd, EPOLLIN, &l->server->listeners[i]))
            return -1;
    return 0;
}

static bool is_listener(const struct loop *l, const void *what)
{
    const struct listener *all = l->server->listeners;
    return (const char *)what >= (const char *)all &&
           (const char *)what < (const char *)(all + l->server->listener_count);
}

static void accept_from(struct loop *l, struct listener *from)
{
    if (l->draining || l->accept_again_ms)
        return;
    listener_accept(from, l);
    if (l->accept_again_ms)
        (void)watch_listeners(l, EPOLL_CTL_DEL);
}

static void accept_again(struct loop *l)
{
    if (!l->accept_again_ms || l->accept_again_ms > l->now_ms || l->draining)
        return;
    l->accept_again_ms = 0;
    (void)watch_listeners(l, EPOLL_CTL_ADD);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void drain(struct loop *l)
{
    if (l->draining)
        return;
    l->draining = true;
    if (!l->accept_again_ms)
        (void)watch_listeners(l, EPOLL_CTL_DEL);
    for (size_t i = 0; listens(l) && i < l->server->listener_count; i++)
        file_close(&l->server->listeners[i].fd);
    for (struct connection *c = l->all, *next; c; c = next) {
        next = c->all_next;
        connection_drain(c);
    }
}

static void close_all(struct loop *l)
{
    while (l->all)
        connection_close(l->all);
}

static int wait_ms(const struct loop *l)
{
    struct timer *t = timers_first(&l->timers);
    int64_t at = t ? t->at_ms : TIMER_NEVER;
    if (l->accept_again_ms && !l->draining && l->accept_again_ms < at)
        at = l->accept_again_ms;
    if (l->again)
        return 0;
    if (at == TIMER_NEVER)
        return -1;
    int64_t left = at - l->now_ms;
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static bool has_posts(struct loop *l, enum loop_phase *asked)
{
    (void)pthread_mutex_lock(&l->lock);
    bool some = l->posted_first;
    *asked = l->asked;
    l->ended = *asked == LOOP_END && !some && !l->all;
    (void)pthread_mutex_unlock(&l->lock);
    return some;
}

static void take_events(struct loop *l, int timeout)
{
    struct epoll_event ev[EVENTS_A_ROUND];
    int n = epoll_wait(l->epoll_fd, ev, EVENTS_A_ROUND, timeout);
    l->now_ms = now_ms();
    for (int i = 0; i < n; i++) {
        void *what = ev[i].data.ptr;
        uint64_t count;
        if (!what) {
            if (read(l->wake_fd, &count, sizeof count) < 0) {
                /* somebody else's wake-up was taken with it */
            }
        } else if (is_listener(l, what)) {
            accept_from(l, what);
        } else {
            uint32_t e = ev[i].events;
            struct connection *c = what;
            if (e & (EPOLLERR | EPOLLHUP))
                connection_close(c);
            connection_turn(c, e & EPOLLIN, e & EPOLLOUT);
        }
    }
}

static void *loop_main(void *arg)
{
    struct loop *l = arg;
    own_loop = l;
    for (enum loop_phase asked = LOOP_SERVE;;) {
        bool posts = has_posts(l, &asked);
        if (asked >= LOOP_DRAIN)
            drain(l);
        if (asked == LOOP_END)
            close_all(l);
        free_dead(l);
        if (l->ended)
            break;
        (void)atomic_fetch_add_explicit(&l->turns, 1, memory_order_relaxed);
        take_events(l, posts || asked == LOOP_END ? 0 : wait_ms(l));
        take_posts(l);
        take_again(l);
        resume_all(l);
        take_timers(l);
        accept_again(l);
        free_dead(l);
    }
    take_again(l); /* closed ones, for their references */
    own_loop = NULL;
    return NULL;
}

int loop_init(struct loop *l, struct http_server *s, struct err *e)
{
    *l = (struct loop){.server = s, .epoll_fd = -1, .wake_fd = -1, .now_ms = now_ms()};
    (void)pthread_mutex_init(&l->lock, NULL);
    l->scratch = mem_alloc(LOOP_SCRATCH_BYTES);
    if (!l->scratch)
        return err_no_memory(e, "a loop of the server");
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->epoll_fd < 0 || l->wake_fd < 0 ||
        loop_watch(l, EPOLL_CTL_ADD, l->wake_fd, EPOLLIN, NULL) ||
        watch_listeners(l, EPOLL_CTL_ADD))
        return err_sys(e, errno, "a loop of the server");
    return 0;
}

int loop_start(struct loop *l, struct err *e)
{
    int rc = pthread_create(&l->thread, NULL, loop_main, l);
    if (rc)
        return err_sys(e, rc, "start a thread for connections");
    l->started = true;
    return 0;
}

void loop_join(struct loop *l)
{
    if (l->started)
        (void)pthread_join(l->thread, NULL);
    l->started = false;
}

void loop_done(struct loop *l)
{
    file_close(&l->epoll_fd);
    file_close(&l->wake_fd);
    mem_free(TAKE(l->scratch));
    timers_done(&l->timers);
    (void)pthread_mutex_destroy(&l->lock);
}
