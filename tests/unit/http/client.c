/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 30

static struct client_stream *stream_of(nghttp2_session *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2, id);
}

static ssize_t on_send(nghttp2_session *h2, const uint8_t *p, size_t len, int flags, void *user)
{
    struct client *c = user;
    (void)h2;
    (void)flags;
    ERR_clear_error();
    int n = SSL_write(c->line.ssl, p, (int)len);
    if (n > 0)
        return n;
    int why = SSL_get_error(c->line.ssl, n);
    if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ)
        return NGHTTP2_ERR_WOULDBLOCK;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct client_stream *s = stream_of(h2, f->hd.stream_id);
    char text[64] = "";
    (void)flags;
    (void)user;
    memcpy(text, value, value_len < 63 ? value_len : 63);
    if (s && name_len == 7 && memcmp(name, ":status", 7) == 0) {
        int status = (int)strtol(text, NULL, 10);
        if (status == 100)
            s->continued = true;
        else
            s->status = status;
    }
    if (s && name_len == 14 && memcmp(name, "content-length", 14) == 0)
        s->length = strtoll(text, NULL, 10);
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *p, size_t len,
                   void *user)
{
    struct client_stream *s = stream_of(h2, id);
    (void)flags;
    (void)user;
    if (!s)
        return 0;
    for (size_t i = 0; i < len; i++) {
        s->bad += p[i] != site_byte(s->got + i);
        if (s->body_len < sizeof s->body - 1)
            s->body[s->body_len++] = p[i];
    }
    s->got += len;
    return 0;
}

static int on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
    struct client_stream *s = stream_of(h2, id);
    (void)user;
    if (s) {
        s->closed = true;
        s->code = code;
    }
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
    struct client *c = user;
    (void)h2;
    if (f->hd.type == NGHTTP2_GOAWAY) {
        c->goaway = true;
        c->goaway_code = f->goaway.error_code;
    }
    return 0;
}

static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
                       nghttp2_data_source *source, void *user)
{
    struct client_stream *s = source->ptr;
    (void)h2;
    (void)id;
    (void)user;
    if (s->hold_at && s->sent >= s->hold_at) {
        s->hold_at = 0;
        s->held = true;
    }
    if (s->held)
        return NGHTTP2_ERR_DEFERRED;
    size_t n = s->send - s->sent < len ? (size_t)(s->send - s->sent) : len;
    for (size_t i = 0; i < n; i++)
        buf[i] = site_byte(s->sent + i);
    s->sent += n;
    if (s->sent == s->send)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void make_session(struct client *c, const struct client_options *o)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    if (nghttp2_session_callbacks_new(&cb) || nghttp2_option_new(&opt))
        abort();
    nghttp2_session_callbacks_set_send_callback(cb, on_send);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_option_set_no_auto_window_update(opt, o->no_windows);
    if (nghttp2_session_client_new2(&c->h2, cb, c, opt))
        abort();
    nghttp2_option_del(opt);
    nghttp2_session_callbacks_del(cb);
    nghttp2_settings_entry e = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                o->window ? o->window : 65535};
    (void)nghttp2_submit_settings(c->h2, 0, &e, 1);
}

bool client_open(struct client *c, const struct site *s, const struct client_options *o)
{
    static const struct client_options plain;
    o = o ? o : &plain;
    memset(c, 0, sizeof *c);
    if (!line_open(&c->line, s, &o->line)) {
        line_close(&c->line);
        return false;
    }
    (void)fcntl(c->line.fd, F_SETFL, fcntl(c->line.fd, F_GETFL) | O_NONBLOCK);
    make_session(c, o);
    return true;
}

void client_close(struct client *c)
{
    nghttp2_session_del(c->h2);
    c->h2 = NULL;
    line_close(&c->line);
}

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), 0};
}

size_t client_request_with(struct client *c, const char *method, const char *path, int64_t send,
                           const nghttp2_nv *more, size_t more_count, bool says_length)
{
    nghttp2_nv nv[256];
    size_t n = 0, at = c->count++;
    char length[24];
    if (at >= CLIENT_STREAMS || more_count > 240)
        abort();
    struct client_stream *s = &c->streams[at];
    *s = (struct client_stream){.length = -1, .send = send > 0 ? (uint64_t)send : 0};
    nv[n++] = pair(":method", method);
    nv[n++] = pair(":scheme", "https");
    nv[n++] = pair(":path", path);
    nv[n++] = pair(":authority", "localhost");
    (void)snprintf(length, sizeof length, "%lld", (long long)send);
    if (send >= 0 && says_length)
        nv[n++] = pair("content-length", length);
    for (size_t i = 0; i < more_count; i++)
        nv[n++] = more[i];
    nghttp2_data_provider p = {.source.ptr = s, .read_callback = on_read};
    s->id = nghttp2_submit_request(c->h2, NULL, nv, n, send >= 0 ? &p : NULL, s);
    if (s->id < 0)
        s->closed = true;
    return at;
}

size_t client_request(struct client *c, const char *method, const char *path, int64_t send)
{
    return client_request_with(c, method, path, send, NULL, 0, true);
}

void client_hold(struct client *c, size_t at, bool held)
{
    c->streams[at].held = held;
    if (!held)
        (void)nghttp2_session_resume_data(c->h2, c->streams[at].id);
}

void client_step(struct client *c, int ms)
{
    uint8_t buf[65536];
    if (c->gone)
        return;
    if (nghttp2_session_send(c->h2))
        c->gone = true;
    struct pollfd f = {.fd = c->line.fd, .events = POLLIN};
    if (nghttp2_session_want_write(c->h2))
        f.events |= POLLOUT;
    if (!SSL_has_pending(c->line.ssl))
        (void)poll(&f, 1, ms);
    for (int i = 0; i < 64; i++) {
        ERR_clear_error();
        int n = SSL_read(c->line.ssl, buf, sizeof buf);
        if (n <= 0) {
            int why = SSL_get_error(c->line.ssl, n);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                c->gone = true;
            break;
        }
        if (nghttp2_session_mem_recv(c->h2, buf, (size_t)n) < 0) {
            c->gone = true;
            break;
        }
    }
    if (!c->gone && nghttp2_session_send(c->h2))
        c->gone = true;
}

static void check_patience(time_t since, const char *what)
{
    if (time(NULL) - since > PATIENCE_S) {
        (void)fprintf(stderr, "waited too long: %s\n", what);
        abort();
    }
}

void client_until_closed(struct client *c, size_t at)
{
    for (time_t t = time(NULL); !c->gone && !c->streams[at].closed; check_patience(t, "a stream"))
        client_step(c, 1000);
}

void client_until_status(struct client *c, size_t at)
{
    for (time_t t = time(NULL); !c->gone && !c->streams[at].closed && !c->streams[at].status;
         check_patience(t, "a status"))
        client_step(c, 1000);
}

void client_until_all_closed(struct client *c)
{
    for (size_t i = 0; i < c->count; i++)
        client_until_closed(c, i);
}

void client_until_gone(struct client *c)
{
    for (time_t t = time(NULL); !c->gone; check_patience(t, "the end of a connection"))
        client_step(c, 1000);
}

void client_until_count(struct client *c, const atomic_uint *counter, unsigned n)
{
    for (time_t t = time(NULL); atomic_load(counter) < n; check_patience(t, "a counter"))
        client_step(c, 1);
}

void until_count(const atomic_uint *counter, unsigned n)
{
    for (time_t t = time(NULL); atomic_load(counter) < n; check_patience(t, "a counter"))
        (void)poll(NULL, 0, 1);
}

const char *client_get(struct client *c, const char *path, int *status_out)
{
    size_t at = client_request(c, "GET", path, -1);
    client_until_closed(c, at);
    if (status_out)
        *status_out = c->streams[at].status;
    return (const char *)c->streams[at].body;
}
