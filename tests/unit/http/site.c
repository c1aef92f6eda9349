/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct visit { /* what a request has as its user */
    struct site *site;
    uint64_t len, bad;
    atomic_flag busy;
    bool slow, early;
};

static void enter(struct visit *v)
{
    if (atomic_flag_test_and_set(&v->busy))
        atomic_fetch_add(&v->site->overlaps, 1);
}

static void leave(struct visit *v)
{
    atomic_flag_clear(&v->busy);
}

static void wait_at_gate(struct site *s)
{
    unsigned now = atomic_fetch_add(&s->blocked, 1) + 1, most = atomic_load(&s->blocked_most);
    while (now > most && !atomic_compare_exchange_weak(&s->blocked_most, &most, now)) {
    }
    (void)pthread_mutex_lock(&s->lock);
    while (!s->open)
        (void)pthread_cond_wait(&s->opened, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    atomic_fetch_sub(&s->blocked, 1);
}

void site_open_gate(struct site *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->open = true;
    (void)pthread_cond_broadcast(&s->opened);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- bodies ------------------------------------------------------------------------ */

static void on_echo(void *arg, struct http_request *r, const uint8_t *body, size_t len)
{
    struct site *s = arg;
    atomic_fetch_add(&s->runs, 1);
    http_respond(r, 200, "application/octet-stream", body, len);
}

static void on_block(void *arg, struct http_request *r, const uint8_t *body, size_t len)
{
    struct site *s = arg;
    (void)body;
    (void)len;
    atomic_fetch_add(&s->runs, 1);
    wait_at_gate(s);
    http_respond(r, 200, "text/plain", "through\n", 8);
}

static void *answer_later(void *arg)
{
    http_respond(arg, 200, "text/plain", "later\n", 6);
    return NULL;
}

static void on_later(void *arg, struct http_request *r, const uint8_t *body, size_t len)
{
    struct site *s = arg;
    pthread_t t;
    (void)body;
    (void)len;
    atomic_fetch_add(&s->runs, 1);
    if (pthread_create(&t, NULL, answer_later, r))
        abort();
    (void)pthread_detach(t);
}

static void on_piece(void *arg, struct http_request *r, const uint8_t *p, size_t len)
{
    struct site *s = arg;
    struct visit *v = http_user(r);
    enter(v);
    atomic_fetch_add(&s->pieces, 1);
    if (len == 0 || len > HTTP_PIECE_MAX)
        abort();
    if (v->slow)
        wait_at_gate(s);
    for (size_t i = 0; i < len; i += 251) /* some of them: this is not about checksums */
        v->bad += p[i] != site_byte(v->len + i);
    v->bad += p[len - 1] != site_byte(v->len + len - 1);
    v->len += len;
    if (v->early) {
        v->early = false;
        atomic_fetch_add(&s->answered_early, 1);
        http_respond(r, 403, "text/plain", "no\n", 3);
    }
    leave(v);
}

static void on_end(void *arg, struct http_request *r)
{
    struct site *s = arg;
    struct visit *v = http_user(r);
    char text[64];
    enter(v);
    atomic_fetch_add(&s->ends, 1);
    (void)snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", v->len, v->bad);
    http_respond(r, 200, "text/plain", text, strlen(text));
    leave(v);
}

static void on_abort(void *arg, struct http_request *r)
{
    struct site *s = arg;
    enter(http_user(r));
    atomic_fetch_add(&s->aborts, 1);
    leave(http_user(r));
}

static void stream(struct site *s, struct http_request *r, uint64_t max)
{
    static const struct http_sink sink = {on_piece, on_end, on_abort};
    struct visit *v = calloc(1, sizeof *v);
    v->site = s;
    v->slow = strcmp(http_path(r), "/slow") == 0;
    v->early = strcmp(http_path(r), "/early") == 0;
    http_set_user(r, v);
    atomic_fetch_add(&s->streams, 1);
    http_stream(r, max, &sink);
}

/* ---- sources ----------------------------------------------------------------------- */

struct spring {
    struct site *site;
    uint64_t at, stop;
    bool fails;
};

/* The pattern, which repeats after 2^24 bytes; so that measuring does not measure its making. */
#define PATTERN_BYTES ((uint64_t)1 << 24)
static uint8_t *pattern;

static void copy_pattern(uint8_t *out, uint64_t at, size_t len)
{
    while (len) {
        uint64_t from = at % PATTERN_BYTES;
        size_t n = PATTERN_BYTES - from < len ? (size_t)(PATTERN_BYTES - from) : len;
        memcpy(out, pattern + from, n);
        out += n;
        at += n;
        len -= n;
    }
}

static int64_t spring_fill(void *arg, uint8_t *buf, size_t cap)
{
    struct spring *f = arg;
    if (f->at == f->stop)
        return f->fails ? -1 : 0;
    size_t n = f->stop - f->at < cap ? (size_t)(f->stop - f->at) : cap;
    copy_pattern(buf, f->at, n);
    f->at += n;
    return (int64_t)n;
}

static void spring_free(void *arg)
{
    struct spring *f = arg;
    atomic_fetch_add(&f->site->frees, 1);
    free(f);
}

static void give_source(struct site *s, struct http_request *r)
{
    const char *path = http_path(r);
    uint64_t n = strtoull(http_query(r), NULL, 10);
    struct spring *f = calloc(1, sizeof *f);
    f->site = s;
    atomic_fetch_add(&s->sources, 1);
    f->fails = strcmp(path, "/fails") == 0;
    f->stop = f->fails || strcmp(path, "/short") == 0 ? n / 2 : n;
    struct http_source source = {spring_fill, spring_free, f};
    http_respond_source(r, 200, "application/octet-stream",
                        strcmp(path, "/endless") == 0 ? -1 : (int64_t)n, &source);
}

static void give_body(struct http_request *r)
{
    size_t n = (size_t)strtoull(http_query(r), NULL, 10);
    uint8_t *p = malloc(n + 1);
    copy_pattern(p, 0, n);
    http_respond(r, 200, "application/octet-stream", p, n);
    free(p);
}

/* ---- heads --------------------------------------------------------------------------- */

static void give_text(struct http_request *r, const char *text)
{
    static const struct http_field fields[] = {{"x-one", "1"}, {"x-two", "2"}};
    http_respond_with(r, 200, "text/plain", fields, 2, text, strlen(text));
}

static void give_who(struct http_request *r)
{
    char text[128];
    const struct http_peer *p = http_peer(r);
    (void)snprintf(text, sizeof text, "%s %d %s\n", p->address, p->verify_error,
                   p->certificate ? "certificate" : "nobody");
    give_text(r, text);
}

static void give_head(struct http_request *r)
{
    char text[512], name[16];
    unsigned n = 0;
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "x-%u", i);
        n += http_header(r, name) != NULL;
    }
    (void)snprintf(text, sizeof text, "%s '%s' %u %" PRId64 " %s\n", http_method(r), http_query(r),
                   n, http_content_length(r),
                   http_header(r, "host") ? http_header(r, "host") : "-");
    give_text(r, text);
}

static bool starts_a_body(struct site *s, struct http_request *r, const char *p)
{
    if (strcmp(p, "/echo") == 0)
        http_collect(r, 1 << 20, on_echo);
    else if (strcmp(p, "/later") == 0)
        http_collect(r, 1 << 20, on_later);
    else if (strcmp(p, "/block") == 0)
        http_collect(r, 1 << 20, on_block);
    else if (strcmp(p, "/sink") == 0 || strcmp(p, "/slow") == 0 || strcmp(p, "/early") == 0)
        stream(s, r, UINT64_C(8) << 30);
    else if (strcmp(p, "/small") == 0)
        stream(s, r, 100000);
    else
        return false;
    return true;
}

static void on_head(void *arg, struct http_request *r)
{
    struct site *s = arg;
    const char *p = http_path(r);
    atomic_fetch_add(&s->heads, 1);
    if (strcmp(p, "/hang") == 0)
        wait_at_gate(s); /* what no handler may do: its loop stands still */
    if (starts_a_body(s, r, p))
        return;
    if (strcmp(p, "/hello") == 0)
        give_text(r, "hello\n");
    else if (strcmp(p, "/who") == 0)
        give_who(r);
    else if (strcmp(p, "/head") == 0)
        give_head(r);
    else if (strcmp(p, "/nothing") == 0)
        http_respond(r, 204, NULL, NULL, 0);
    else if (strcmp(p, "/body") == 0)
        give_body(r);
    else if (strcmp(p, "/source") == 0 || strcmp(p, "/endless") == 0 || strcmp(p, "/short") == 0 ||
             strcmp(p, "/fails") == 0)
        give_source(s, r);
    else
        http_respond(r, 404, "text/plain", "not here\n", 9);
}

static void on_done(void *arg, struct http_request *r)
{
    struct site *s = arg;
    free(http_user(r));
    atomic_fetch_add(&s->dones, 1);
}

/* ---- the server ------------------------------------------------------------------------ */

int site_listen(int port, int *port_out)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof a;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &len)) {
        perror("listen at 127.0.0.1");
        abort();
    }
    *port_out = ntohs(a.sin_port);
    return fd;
}

void site_make(struct site *s)
{
    memset(s, 0, sizeof *s);
    (void)signal(SIGPIPE, SIG_IGN); /* the clients' side */
    pattern = malloc(PATTERN_BYTES);
    for (uint64_t i = 0; i < PATTERN_BYTES; i++)
        pattern[i] = site_byte(i);
    authority_make("test authority", &s->authority);
    authority_make("foreign authority", &s->foreign);
    identity_make(&s->authority, "abrid", -60, 3600, &s->server);
    identity_make(&s->authority, "machine", -60, 3600, &s->machine);
    identity_make(&s->authority, "expired", -3600, -60, &s->expired);
    identity_make(&s->foreign, "stranger", -60, 3600, &s->stranger);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->opened, NULL);
}

/* Who has a certificate is told by it: the end of it is its signature. */
static bool on_owner(void *arg, const struct http_peer *p, uint8_t key_out[HTTP_OWNER_BYTES])
{
    (void)arg;
    if (!p->certificate || p->certificate_len < HTTP_OWNER_BYTES)
        return false;
    memcpy(key_out, p->certificate + p->certificate_len - HTTP_OWNER_BYTES, HTTP_OWNER_BYTES);
    return true;
}

void site_start(struct site *s, const struct http_limits *limits, unsigned loops, unsigned workers,
                const char *const *trusted, size_t trusted_count, int port)
{
    struct http_listener listener = {.trusted = trusted, .trusted_count = trusted_count};
    listener.fd = site_listen(port, &s->port);
    struct http_config c = {
        .tls = {s->server.certificate_pem, s->server.key_pem, s->authority.pem},
        .listeners = &listener,
        .listener_count = 1,
        .loops = loops,
        .workers = workers,
        .handler = {on_head, on_done, s, on_owner},
        .stop_ms = s->stop_ms,
    };
    if (limits)
        c.limits = *limits;
    s->heads = s->dones = s->runs = s->ends = s->aborts = s->pieces = s->frees = s->overlaps = 0;
    s->streams = s->sources = s->answered_early = s->blocked = s->blocked_most = 0;
    s->open = false;
    struct err e = ERR_INIT;
    if (http_server_start(&c, &s->http, &e)) {
        (void)fprintf(stderr, "%s\n", e.msg);
        abort();
    }
}

void site_stop(struct site *s, unsigned drain_ms)
{
    if (!http_server_stop(s->http, drain_ms))
        abort();
    s->http = NULL;
    s->stop_ms = 0;
}

void site_done(struct site *s)
{
    free(pattern);
    identity_done(&s->server);
    identity_done(&s->machine);
    identity_done(&s->expired);
    identity_done(&s->stranger);
    authority_done(&s->authority);
    authority_done(&s->foreign);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->opened);
}
