/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: made by any thread, given to nghttp2 by the loop. The first answer counts; where
 * this room refused a request (413, 408, …) what the handler says later is dropped.
 */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIELDS_MAX       32
#define FRAME_HEAD_BYTES 9

void answer_free(struct answer *a)
{
    if (!a)
        return;
    buf_done(&a->text);
    mem_free(a->body);
    mem_free(a);
}

static bool add_field(struct answer *a, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    if (a->field_count == FIELDS_MAX || name[0] == ':' ||
        !nghttp2_check_header_name((const uint8_t *)name, name_len) ||
        !nghttp2_check_header_value_rfc9113((const uint8_t *)value, value_len))
        return false;
    buf_put(&a->text, name, name_len + 1);
    buf_put(&a->text, value, value_len + 1);
    a->field_count++;
    return true;
}

/* NULL: no memory, or something that cannot be sent. */
static struct answer *answer_new(int status, const char *type, const struct http_field *fields,
                                 size_t field_count, const void *body, size_t len)
{
    struct answer *a = mem_zalloc(sizeof *a);
    if (!a)
        return NULL;
    a->status = status;
    a->len = len;
    bool ok = status >= 200 && status <= 599 && (!type || add_field(a, "content-type", type));
    for (size_t i = 0; ok && i < field_count; i++)
        ok = add_field(a, fields[i].name, fields[i].value);
    if (ok && len)
        ok = (a->body = mem_dup(body, len)) != NULL;
    if (ok && !a->text.failed)
        return a;
    answer_free(a);
    return NULL;
}

/* Takes the answer in the name of the handler; NULL: the stream is reset. */
static void give(struct http_request *r, struct answer *a, const struct http_source *source)
{
    struct connection *c = r->connection;
    connection_ref(c);
    (void)pthread_mutex_lock(&c->lock);
    assert(!r->answered && "one answer for a request");
    r->answered = true;
    if (r->mode == BODY_UNSET)
        r->mode = BODY_IGNORED;
    if (source) {
        r->source = *source;
        r->have_source = true;
        r->fill_left = a ? a->source_len : 0;
    }
    if (r->refused || r->closed) {
        answer_free(a);
    } else {
        r->answer = a;
        r->answer_failed = !a;
        if (a) {
            atomic_fetch_add(&c->answers, a->len);
            atomic_fetch_add(&c->server->answers_total, a->len);
        }
        request_tell_loop(r);
    }
    request_settle(r);
    (void)pthread_mutex_unlock(&c->lock);
    connection_unref(c);
}

void http_respond_with(struct http_request *r, int status, const char *type,
                       const struct http_field *fields, size_t field_count, const void *body,
                       size_t len)
{
    give(r, answer_new(status, type, fields, field_count, body, len), NULL);
}

void http_respond(struct http_request *r, int status, const char *type, const void *body,
                  size_t len)
{
    http_respond_with(r, status, type, NULL, 0, body, len);
}

void http_respond_source(struct http_request *r, int status, const char *type, int64_t len,
                         const struct http_source *source)
{
    struct answer *a = answer_new(status, type, NULL, 0, NULL, 0);
    if (a) {
        a->from_source = true;
        a->source_len = len < 0 ? -1 : len;
    }
    give(r, a, source);
}

static const char *refusal(int status)
{
    switch (status) {
    case 408: return "the request did not go on\n";
    case 413: return "the body is larger than this request may have\n";
    case 414: return "the path is too long\n";
    case 431: return "the headers are too large\n";
    case 501: return "this method is not served\n";
    case 503: return "no room for this request now: try again\n";
    default: return "the request cannot be understood\n";
    }
}

void answer_refuse(struct http_request *r, int status)
{
    struct connection *c = r->connection;
    const char *text = refusal(status);
    r->refused = true;
    r->answer = answer_new(status, "text/plain; charset=utf-8", NULL, 0, text, strlen(text));
    r->answer_failed = !r->answer;
    if (r->answer) {
        atomic_fetch_add(&c->answers, r->answer->len);
        atomic_fetch_add(&c->server->answers_total, r->answer->len);
    }
    request_tell_loop(r);
    request_settle(r);
}

void answers_released(struct connection *c, size_t n)
{
    if (!n)
        return;
    atomic_fetch_sub(&c->answers, n);
    atomic_fetch_sub(&c->server->answers_total, n);
    if (atomic_load(&c->fills_wanted))
        loop_post(c);
}

/* ---- on the loop ------------------------------------------------------------------------ */

static nghttp2_nv nv_of(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

/* "Sun, 22 Nov 2026 07:00:00 GMT": in English whatever the locale. */
static const char *date_of(struct loop *l)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now_s = clock_realtime_ns() / NS_PER_S;
    time_t t = (time_t)now_s;
    struct tm tm;
    if (now_s != l->date_s && gmtime_r(&t, &tm)) {
        l->date_s = now_s;
        (void)snprintf(l->date, sizeof l->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                       days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year % 8000 + 1900,
                       tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
    return l->date;
}

/* How much there is; nghttp2 then asks answer_write to put it behind its frame's head, which
 * saves a copy. */
ssize_t answer_read(nghttp2_session *h2, int32_t stream_id, uint8_t *buf, size_t len,
                    uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct http_request *r = source->ptr;
    (void)h2;
    (void)stream_id;
    (void)buf;
    (void)user;
    struct answer *a = r->answer;
    ssize_t n;
    if (a->from_source) {
        n = source_ready(r, len, flags);
    } else {
        n = (ssize_t)(len < a->len - a->at ? len : a->len - a->at);
        if ((size_t)n == a->len - a->at)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    if (n > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return n;
}

int answer_write(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head, size_t len,
                 nghttp2_data_source *source, void *user)
{
    struct connection *c = user;
    struct http_request *r = source->ptr;
    struct loop *l = c->loop;
    (void)h2;
    assert(frame->data.padlen == 0); /* nobody asked for padding */
    if (l->gathered + FRAME_HEAD_BYTES + len > GATHER_BYTES_MAX)
        return NGHTTP2_ERR_WOULDBLOCK;
    uint8_t *out = l->scratch + l->gathered;
    memcpy(out, head, FRAME_HEAD_BYTES);
    out += FRAME_HEAD_BYTES;
    if (r->answer->from_source) {
        source_take(r, out, len);
    } else {
        memcpy(out, r->answer->body + r->answer->at, len);
        r->answer->at += len;
    }
    l->gathered += FRAME_HEAD_BYTES + len;
    connection_moved(c, len);
    return 0;
}

static bool has_body(const struct http_request *r, const struct answer *a)
{
    if (strcmp(r->method, "HEAD") == 0 || a->status == 204 || a->status == 304)
        return false;
    return a->from_source ? a->source_len != 0 : a->len != 0;
}

static int submit(struct http_request *r, const struct answer *a)
{
    nghttp2_nv nv[FIELDS_MAX + 3];
    size_t n = 0;
    char status[12], length[24];
    (void)snprintf(status, sizeof status, "%d", a->status);
    nv[n++] = nv_of(":status", status);
    nv[n++] = nv_of("date", date_of(r->connection->loop));
    int64_t len = a->from_source ? a->source_len : (int64_t)a->len;
    if (len >= 0 && a->status != 204 && a->status != 304) {
        (void)snprintf(length, sizeof length, "%" PRId64, len);
        nv[n++] = nv_of("content-length", length);
    }
    const char *p = (const char *)a->text.data;
    for (size_t i = 0; i < a->field_count; i++) {
        const char *value = p + strlen(p) + 1;
        nv[n++] = nv_of(p, value);
        p = value + strlen(value) + 1;
    }
    nghttp2_data_provider body = {.source.ptr = r, .read_callback = answer_read};
    return nghttp2_submit_response(r->connection->h2, r->stream_id, nv, n,
                                   has_body(r, a) ? &body : NULL);
}

void answer_submit(struct http_request *r)
{
    struct connection *c = r->connection;
    (void)pthread_mutex_lock(&c->lock);
    struct answer *a = r->answer;
    bool failed = r->answer_failed;
    (void)pthread_mutex_unlock(&c->lock);
    if (r->submitted) {
        if (r->deferred) {
            r->deferred = false;
            r->sent_ms = r->waits_ms = c->loop->now_ms;
            (void)nghttp2_session_resume_data(c->h2, r->stream_id);
        }
        return;
    }
    if (!a && !failed)
        return;
    r->submitted = true;
    r->sent_ms = r->waits_ms = c->loop->now_ms;
    if (failed || submit(r, a))
        (void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, r->stream_id,
                                        NGHTTP2_INTERNAL_ERROR);
}
