/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a connection: a header of a front end, TLS, HTTP/2, the end.
 *
 *      NEW ──► PROXY ──► HANDSHAKE ──► OPEN ──► CLOSED ──► freed with its last request
 *         └─────────────────┘
 *
 * Invariants
 *  1. All that touches sockets, TLS and nghttp2 happens on the loop.
 *  2. Not a byte behind a PROXY header is read before it is whole: what follows belongs to TLS.
 *  3. connection_close is reached in every way out, and hands every open request its end.
 */
#include "http/http_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "http/proxy_v2.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

bool bucket_take(struct bucket *b, int64_t now_ms, double burst, double per_second)
{
    return bucket_take_many(b, 1, now_ms, burst, per_second);
}

bool bucket_take_many(struct bucket *b, double count, int64_t now_ms, double burst,
                      double per_second)
{
    if (!b->at_ms)
        b->tokens = burst;
    else
        b->tokens += (double)(now_ms - b->at_ms) * per_second / 1000;
    b->at_ms = now_ms;
    if (b->tokens > burst)
        b->tokens = burst;
    b->tokens -= count;
    return b->tokens >= 0;
}

struct connection *connection_new(struct http_server *s, struct loop *l, int fd,
                                  const struct address *a, bool trusted)
{
    struct connection *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->server = s;
    c->loop = l;
    atomic_store(&c->refs, 1);
    c->state = CONNECTION_NEW;
    c->fd = fd;
    c->trusted = trusted;
    c->address = *a;
    address_text(a, c->peer.address, sizeof c->peer.address);
    (void)pthread_mutex_init(&c->lock, NULL);
    count_add(&s->count.connections, 1);
    atomic_fetch_add(&l->connections, 1);
    (void)pthread_mutex_lock(&s->gone_lock);
    s->connection_count++;
    (void)pthread_mutex_unlock(&s->gone_lock);
    return c;
}

void connection_ref(struct connection *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void connection_unref(struct connection *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    struct http_server *s = c->server;
    OPENSSL_free((void *)(uintptr_t)c->peer.certificate);
    owners_leave(&s->owners, c->owner);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
    (void)pthread_mutex_lock(&s->gone_lock);
    s->connection_count--;
    (void)pthread_cond_broadcast(&s->gone);
    (void)pthread_mutex_unlock(&s->gone_lock);
}

static void list_add(struct connection *c)
{
    struct loop *l = c->loop;
    (void)pthread_mutex_lock(&l->lock);
    c->all_next = l->all;
    if (l->all)
        l->all->all_prev = c;
    l->all = c;
    (void)pthread_mutex_unlock(&l->lock);
}

static void list_remove(struct connection *c)
{
    struct loop *l = c->loop;
    (void)pthread_mutex_lock(&l->lock);
    if (c->all_prev)
        c->all_prev->all_next = c->all_next;
    else if (l->all == c)
        l->all = c->all_next;
    if (c->all_next)
        c->all_next->all_prev = c->all_prev;
    (void)pthread_mutex_unlock(&l->lock);
}

void connection_close(struct connection *c)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    struct loop *l = c->loop;
    c->state = CONNECTION_CLOSED;
    while (c->open) {
        if (c->h2)
            (void)nghttp2_session_set_stream_user_data(c->h2, c->open->stream_id, NULL);
        request_closed(c->open);
    }
    timers_remove(&l->timers, &c->timer);
    nghttp2_session_del(c->h2);
    c->h2 = NULL;
    if (c->ssl) {
        ERR_clear_error();
        if (SSL_is_init_finished(c->ssl))
            (void)SSL_shutdown(c->ssl); /* says goodbye if there is room, waits for nothing */
        SSL_free(c->ssl);
        c->ssl = NULL;
        ERR_clear_error();
    }
    file_close(&c->fd); /* which epoll notices */
    mem_free(TAKE(c->proxy));
    mem_free(TAKE(c->out));
    if (c->address_counted)
        address_table_remove(&c->server->addresses, &c->address);
    list_remove(c);
    count_sub(&c->server->count.connections, 1);
    atomic_fetch_sub(&l->connections, 1);
    c->dead_next = l->dead; /* events of this round may still name it */
    l->dead = c;
}

/* ---- until there is HTTP/2 -------------------------------------------------------------- */

static bool count_address(struct connection *c)
{
    c->address_counted = address_table_add(&c->server->addresses, &c->address,
                                           c->server->limits.connections_per_address);
    if (!c->address_counted)
        count_add(&c->server->count.refused_address, 1);
    return c->address_counted;
}

static void count_record(int writes, int version, int type, const void *p, size_t len, SSL *ssl,
                         void *arg)
{
    struct connection *c = arg;
    (void)version;
    (void)p;
    (void)len;
    (void)ssl;
    if (!writes && type == SSL3_RT_INNER_CONTENT_TYPE) /* whole, and decrypted */
        c->records++;
}

static bool begin_handshake(struct connection *c)
{
    struct http_server *s = c->server;
    if (!count_address(c))
        return false;
    (void)pthread_mutex_lock(&s->tls_lock);
    c->ssl = SSL_new(s->tls);
    (void)pthread_mutex_unlock(&s->tls_lock);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
        return false;
    SSL_set_accept_state(c->ssl);
    SSL_set_msg_callback(c->ssl, count_record);
    SSL_set_msg_callback_arg(c->ssl, c);
    c->state = CONNECTION_HANDSHAKE;
    return true;
}

static bool begin(struct connection *c)
{
    struct loop *l = c->loop;
    list_add(c);
    c->since_ms = c->idle_ms = c->wrote_ms = c->sent_ms = l->now_ms;
    if (l->draining || !timers_reserve(&l->timers, atomic_load(&l->connections) + 1))
        return false;
    c->events = EPOLLIN;
    if (loop_watch(l, EPOLL_CTL_ADD, c->fd, c->events, c))
        return false;
    c->state = CONNECTION_PROXY;
    return c->trusted || begin_handshake(c);
}

/* Reads up to `want` bytes of the header in all. 1: they are there; 0: not yet; -1: never. */
static int read_proxy(struct connection *c, size_t want)
{
    while (c->proxy_len < want) {
        ssize_t n = recv(c->fd, c->proxy + c->proxy_len, want - c->proxy_len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
        c->proxy_len += (size_t)n;
    }
    return 1;
}

static bool take_proxy(struct connection *c, size_t len)
{
    struct address said;
    enum proxy_v2 kind = proxy_v2_decode(c->proxy, len, &said);
    if (kind == PROXY_V2_CLIENT) {
        c->address = said;
        address_text(&said, c->peer.address, sizeof c->peer.address);
    }
    mem_free(TAKE(c->proxy));
    return kind != PROXY_V2_BAD && begin_handshake(c);
}

static bool proxy_turn(struct connection *c)
{
    if (!c->proxy && !(c->proxy = mem_alloc(PROXY_V2_HEAD_BYTES + PROXY_V2_REST_MAX)))
        return false;
    int got = read_proxy(c, PROXY_V2_HEAD_BYTES);
    int rest = got == 1 ? proxy_v2_rest(c->proxy) : -1;
    if (got == 1 && rest >= 0)
        got = read_proxy(c, PROXY_V2_HEAD_BYTES + (size_t)rest);
    else if (got == 1)
        got = -1;
    if (got == 0)
        return true;
    if (got == 1 && take_proxy(c, PROXY_V2_HEAD_BYTES + (size_t)rest))
        return true;
    if (!c->address_counted && c->state == CONNECTION_PROXY)
        count_add(&c->server->count.refused_proxy, 1);
    return false;
}

/* A front end that nobody named: refused as such, and not as a broken handshake. TLS never
 * begins with the first byte of a PROXY header, of either version. */
static bool speaks_proxy(struct connection *c)
{
    uint8_t first;
    ssize_t n = recv(c->fd, &first, 1, MSG_PEEK);
    c->checked_signature = n > 0;
    if (n <= 0 || (first != proxy_v2_signature[0] && first != 'P'))
        return false;
    count_add(&c->server->count.refused_proxy, 1);
    return true;
}

static bool is_h2(SSL *ssl)
{
    const unsigned char *p = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(ssl, &p, &len);
    return len == 2 && memcmp(p, "h2", 2) == 0;
}

static bool take_peer(struct connection *c)
{
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    if (!x)
        return true;
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    X509_free(x);
    if (len <= 0)
        return false;
    c->peer.certificate = der;
    c->peer.certificate_len = (size_t)len;
    c->peer.verify_error = (int)SSL_get_verify_result(c->ssl);
    return true;
}

static bool join_owner(struct connection *c)
{
    struct http_server *s = c->server;
    const struct http_handler *h = &s->handler;
    uint8_t key[OWNER_KEY_BYTES] = {0};
    bool named = h->owner && h->owner(h->arg, &c->peer, key + 1);
    if (!named) /* how many of an address there may be was looked at already */
        address_key(&c->address, key + 1);
    key[0] = named;
    c->owner = owners_join(&s->owners, key, named ? s->limits.connections_per_owner : UINT32_MAX);
    if (!c->owner)
        count_add(&s->count.refused_owner, 1);
    return c->owner != NULL;
}

static bool handshake_turn(struct connection *c, bool *done)
{
    if (!c->trusted && !c->checked_signature && speaks_proxy(c))
        return false;
    ERR_clear_error();
    int rc = SSL_do_handshake(c->ssl);
    int why = SSL_get_error(c->ssl, rc);
    if (rc != 1) {
        bool waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        if (!waits)
            count_add(&c->server->count.handshakes_failed, 1);
        c->blocked = why == SSL_ERROR_WANT_WRITE;
        return waits;
    }
    c->blocked = false;
    if (!is_h2(c->ssl)) {
        count_add(&c->server->count.handshakes_failed, 1);
        return false;
    }
    if (!take_peer(c) || !join_owner(c) || session_new(c))
        return false;
    c->state = CONNECTION_OPEN;
    c->idle_ms = c->wrote_ms = c->sent_ms = c->loop->now_ms;
    c->more = true; /* what came with the last record of the handshake */
    atomic_store(&c->ready, true);
    *done = true;
    return true;
}

static void watch(struct connection *c)
{
    bool reads = c->state != CONNECTION_OPEN ||
                 (!atomic_load(&c->paused) && !c->doomed && nghttp2_session_want_read(c->h2));
    uint32_t events = (reads ? EPOLLIN : 0U) | (c->blocked ? EPOLLOUT : 0U);
    if (events == c->events)
        return;
    c->events = events;
    if (loop_watch(c->loop, EPOLL_CTL_MOD, c->fd, events, c))
        connection_close(c);
}

static void retime(struct connection *c)
{
    int64_t at = connection_deadline(c);
    if (at < (c->timer.place ? c->timer.at_ms : TIMER_NEVER))
        timers_set(&c->loop->timers, &c->timer, at);
}

void connection_turn(struct connection *c, bool readable, bool writable)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    bool ok = true, done = false;
    if (writable)
        c->blocked = false;
    if (readable)
        c->more = true;
    if (atomic_load(&c->dropped) && c->state != CONNECTION_NEW)
        ok = false;
    if (ok && c->state == CONNECTION_NEW)
        ok = begin(c);
    if (ok && c->state == CONNECTION_PROXY)
        ok = proxy_turn(c);
    if (ok && c->state == CONNECTION_HANDSHAKE)
        ok = handshake_turn(c, &done);
    if (!ok) {
        connection_close(c);
        return;
    }
    if (c->state == CONNECTION_OPEN)
        connection_open_turn(c);
    if (c->state != CONNECTION_CLOSED)
        watch(c);
    if (c->state != CONNECTION_CLOSED)
        retime(c);
}

void connection_drain(struct connection *c)
{
    if (c->state == CONNECTION_OPEN) {
        (void)nghttp2_submit_goaway(c->h2, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(c->h2),
                                    NGHTTP2_NO_ERROR, NULL, 0);
        connection_turn(c, false, false);
    } else {
        connection_close(c);
    }
}
