/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request: its head as it comes, what the handler may ask about it, and its end.
 *
 *      begin ──► head ──► handler.head ──► body, answer ──► stream over ──► done, freed
 *                                      (request_work.c)     request_closed   on a worker
 *
 * Headers beyond 64 are counted, not kept. A head that breaks a limit is still read to its end,
 * because HPACK needs it, and is then refused; one that breaks it four times over
 * costs the connection (session.c).
 */
#include "http/http_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* What the table of RFC 9113 §6.5.2 adds for each field. */
#define FIELD_OVERHEAD 32

struct http_request *request_new(struct connection *c, int32_t stream_id)
{
    struct http_request *r = mem_zalloc(sizeof *r);
    if (!r)
        return NULL;
    r->connection = c;
    r->stream_id = stream_id;
    r->content_length = -1;
    r->head.max = (size_t)c->server->limits.header_bytes + 4096;
    r->begun_ms = r->moved_ms = r->sent_ms = r->waits_ms = c->loop->now_ms;
    connection_ref(c);
    atomic_fetch_add(&c->alive, 1);
    atomic_fetch_add(&c->owner->requests, 1);
    r->open_next = c->open;
    if (c->open)
        c->open->open_prev = r;
    c->open = r;
    c->open_count++;
    count_add(&c->server->count.streams, 1);
    return r;
}

void request_free(struct http_request *r)
{
    struct connection *c = r->connection;
    (void)pthread_mutex_lock(&c->lock);
    body_in_drop(r);
    (void)pthread_mutex_unlock(&c->lock);
    source_drop(r);
    if (r->answer)
        answers_released(c, r->answer->len);
    answer_free(r->answer);
    buf_done(&r->head);
    mem_free(r);
    atomic_fetch_sub(&c->alive, 1);
    atomic_fetch_sub(&c->owner->requests, 1);
    connection_unref(c);
}

void request_closed(struct http_request *r)
{
    struct connection *c = r->connection;
    if (r->open_prev)
        r->open_prev->open_next = r->open_next;
    else
        c->open = r->open_next;
    if (r->open_next)
        r->open_next->open_prev = r->open_prev;
    if (--c->open_count == 0)
        c->idle_ms = c->loop->now_ms;
    for (struct http_request **at = &c->touched; r->touched && *at; at = &(*at)->touched_next)
        if (*at == r) {
            *at = r->touched_next;
            break;
        }
    count_sub(&c->server->count.streams, 1);
    if (!r->head_done) { /* nobody else has heard of it */
        request_free(r);
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    struct http_request **at = &c->news_first, *before = NULL;
    for (; r->in_news && *at; before = *at, at = &(*at)->news_next)
        if (*at == r) {
            *at = r->news_next;
            if (c->news_last == r)
                c->news_last = before;
            break;
        }
    r->in_news = false;
    r->closed = true;
    if (r->fill_wanted) {
        r->fill_wanted = false;
        atomic_fetch_sub(&c->fills_wanted, 1);
    }
    request_settle(r);
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- the head ---------------------------------------------------------------------- */

static bool is(const uint8_t *p, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(p, text, len) == 0;
}

/* Puts a string into the head and gives its offset. */
static size_t keep(struct http_request *r, const void *p, size_t len)
{
    size_t at = r->head.len;
    buf_put(&r->head, p, len);
    buf_put_u8(&r->head, 0);
    return at;
}

void request_add_field(struct http_request *r, const uint8_t *name, size_t name_len,
                       const uint8_t *value, size_t value_len)
{
    const struct live_limits *l = &r->connection->server->limits;
    r->head_bytes += name_len + value_len + FIELD_OVERHEAD;
    if (r->head_bytes > l->header_bytes)
        r->head_error = 431;
    else if (is(name, name_len, ":path") && value_len > l->path_bytes)
        r->head_error = 414;
    if (r->head_error)
        return;
    if (is(name, name_len, ":method")) {
        r->method_at = keep(r, value, value_len) + 1;
    } else if (is(name, name_len, ":path")) {
        r->path_at = keep(r, value, value_len) + 1;
    } else if (is(name, name_len, ":authority")) {
        request_add_field(r, (const uint8_t *)"host", 4, value, value_len);
    } else if (name_len && name[0] != ':' && r->field_count < HEADERS_KEPT) {
        size_t at = keep(r, name, name_len);
        r->fields[r->field_count].name = at;
        r->fields[r->field_count++].value = keep(r, value, value_len);
    }
}

/* nghttp2 has checked that it is digits and fits; it is read again all the same. */
static int64_t parse_length(const char *s)
{
    int64_t n = 0;
    if (!s || !*s)
        return -1;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || n > (INT64_MAX - 9) / 10)
            return -1;
        n = n * 10 + (*s - '0');
    }
    return n;
}

static void read_head(struct http_request *r)
{
    char *text = (char *)r->head.data;
    if (r->head.failed || !r->head.len)
        r->head_error = r->head_error ? r->head_error : 503;
    if (r->head_error)
        return;
    r->method = r->method_at ? text + r->method_at - 1 : "";
    char *path = r->path_at ? text + r->path_at - 1 : NULL;
    if (!path || path[0] != '/' || !*r->method || memchr(path, '#', strlen(path))) {
        r->head_error = strcmp(r->method, "CONNECT") == 0 ? 501 : 400;
        return;
    }
    char *mark = strchr(path, '?');
    if (mark)
        *mark = '\0';
    r->query = mark ? mark + 1 : "";
    r->path = path;
    r->content_length = parse_length(http_header(r, "content-length"));
}

void request_head_done(struct http_request *r, bool ended)
{
    struct connection *c = r->connection;
    struct http_server *s = c->server;
    count_add(&s->count.requests, 1);
    r->method = r->path = r->query = "";
    read_head(r);
    r->remote_ended = ended;
    r->moved_ms = r->waits_ms = c->loop->now_ms;
    if (r->head_error) {
        /* The handler never hears of it: neither head nor done. */
        (void)pthread_mutex_lock(&c->lock);
        r->head_done = r->body_ended = true;
        r->mode = BODY_IGNORED;
        r->user = NULL;
        answer_refuse(r, r->head_error);
        (void)pthread_mutex_unlock(&c->lock);
        return;
    }
    r->head_done = true;
    r->body_ended = ended;
    r->in_head = true;
    s->handler.head(s->handler.arg, r);
    (void)pthread_mutex_lock(&c->lock);
    assert(r->mode != BODY_UNSET && "the handler must respond, collect or stream");
    r->in_head = false;
    request_settle(r);
    bool wait = !r->answered && !r->refused && !ended;
    (void)pthread_mutex_unlock(&c->lock);
    const char *expect = wait ? http_header(r, "expect") : NULL;
    if (expect && strcmp(expect, "100-continue") == 0) {
        const nghttp2_nv nv = {(uint8_t *)":status", (uint8_t *)"100", 7, 3, NGHTTP2_NV_FLAG_NONE};
        (void)nghttp2_submit_headers(c->h2, NGHTTP2_FLAG_NONE, r->stream_id, NULL, &nv, 1, NULL);
    }
}

/* ---- what the handler may ask --------------------------------------------------------- */

const struct http_peer *http_peer(const struct http_request *r)
{
    return &r->connection->peer;
}

const char *http_method(const struct http_request *r)
{
    return r->method;
}

const char *http_path(const struct http_request *r)
{
    return r->path;
}

const char *http_query(const struct http_request *r)
{
    return r->query;
}

const char *http_header(const struct http_request *r, const char *name)
{
    const char *text = (const char *)r->head.data;
    for (unsigned i = 0; i < r->field_count; i++)
        if (strcmp(text + r->fields[i].name, name) == 0)
            return text + r->fields[i].value;
    return NULL;
}

int64_t http_content_length(const struct http_request *r)
{
    return r->content_length;
}

void http_set_user(struct http_request *r, void *user)
{
    r->user = user;
}

void *http_user(const struct http_request *r)
{
    return r->user;
}
