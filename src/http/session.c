/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nghttp2 tells: heads, bodies, ends of streams; and what is counted against floods.
 *
 * nghttp2 itself checks the protocol (order and case of headers, Content-Length against
 * the body, windows, states) and bounds CONTINUATION frames and unsent acknowledgements. Here
 * are bounded: resets from either side, frames that carry nothing, header bytes, and
 * requests that live on after their stream was reset.
 */
#include "http/http_internal.h"

#include <string.h>

/* A restore that is cancelled resets all its streams at once; no honest peer does so each second.
 */
#define RESETS_BURST      500
#define RESETS_PER_SECOND 50
/* SETTINGS, PING, PRIORITY, empty DATA, unknown frames. Clients send some each second at most. */
#define FRAMES_BURST      2000
#define FRAMES_PER_SECOND 200
#define OUTBOUND_ACKS_MAX 200
/* A head this many times over its limit ends the connection, since even refusing it costs. */
#define JUNK_TIMES      4
#define JUNK_FIELDS_MAX 2000
/* One stream, and all of them: received bytes are bounded by not reading (connection_open.c), so
 * that windows need only be as large as what fits between here and the other side of the earth. */
#define STREAM_WINDOW     (64 << 20)
#define CONNECTION_WINDOW (128 << 20)

static struct http_request *request_of(nghttp2_session *h2, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(h2, stream_id);
}

/* Says why, and takes nothing more: not even what was read already, which may hold thousands
 * of frames of the same kind. */
static int calm_down(struct connection *c)
{
    (void)nghttp2_session_terminate_session(c->h2, NGHTTP2_ENHANCE_YOUR_CALM);
    c->doomed = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static bool is_empty_frame(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_DATA: return hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_RST_STREAM: return false; /* counted apart */
    default: return true;
    }
}

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *hd, void *user)
{
    struct connection *c = user;
    (void)h2;
    if (is_empty_frame(hd) &&
        !bucket_take(&c->frames, c->loop->now_ms, FRAMES_BURST, FRAMES_PER_SECOND))
        return calm_down(c);
    if (hd->type == NGHTTP2_RST_STREAM &&
        !bucket_take(&c->resets_in, c->loop->now_ms, RESETS_BURST, RESETS_PER_SECOND))
        return calm_down(c);
    return 0;
}

/* Too much of this connection, or of its owner's, is under way: requests whose streams were reset while workers
 * have them, or answers that nobody reads. */
static bool is_full(const struct connection *c)
{
    const struct live_limits *l = &c->server->limits;
    return atomic_load(&c->alive) >= 2 * l->streams ||
           (owner_is_named(c->owner) && atomic_load(&c->owner->requests) >= l->requests_per_owner) ||
           atomic_load(&c->answers) > 2 * l->buffered_per_connection;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct connection *c = user;
    c->junk_bytes = 0;
    c->junk_fields = 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers: counted and dropped */
    struct http_request *r = is_full(c) ? NULL : request_new(c, frame->hd.stream_id);
    if (!r)
        return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    (void)nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, r);
    return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct connection *c = user;
    (void)flags;
    c->junk_bytes += name_len + value_len;
    if (++c->junk_fields > JUNK_FIELDS_MAX ||
        c->junk_bytes > (size_t)JUNK_TIMES * c->server->limits.header_bytes)
        return calm_down(c);
    struct http_request *r = request_of(h2, frame->hd.stream_id);
    if (r && !r->head_done && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_add_field(r, name, name_len, value, value_len);
    return 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    (void)user;
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct http_request *r = request_of(h2, frame->hd.stream_id);
    if (!r)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_head_done(r, ended);
    else if (ended && r->head_done)
        body_in_end(r);
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *p,
                   size_t len, void *user)
{
    (void)flags;
    (void)user;
    struct http_request *r = request_of(h2, stream_id);
    if (r && r->head_done)
        body_in_add(r, p, len);
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t code, void *user)
{
    (void)code;
    (void)user;
    struct http_request *r = request_of(h2, stream_id);
    if (!r)
        return 0;
    (void)nghttp2_session_set_stream_user_data(h2, stream_id, NULL);
    request_closed(r);
    return 0;
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct connection *c = user;
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        !bucket_take(&c->resets_out, c->loop->now_ms, RESETS_BURST, RESETS_PER_SECOND)) {
        count_add(&c->server->count.protocol_errors, 1);
        (void)calm_down(c); /* what is being written should be: GOAWAY comes behind it */
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct http_request *r = request_of(h2, frame->hd.stream_id);
    c->sent_ms = c->loop->now_ms;
    if (!r)
        return 0;
    r->sent_ms = c->loop->now_ms;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !r->remote_ended)
        r->lingers_ms = c->loop->now_ms;
    return 0;
}

void request_reset_rest(struct http_request *r)
{
    (void)nghttp2_submit_rst_stream(r->connection->h2, NGHTTP2_FLAG_NONE, r->stream_id,
                                    NGHTTP2_NO_ERROR);
}

static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *frame, int code, void *user)
{
    struct connection *c = user;
    (void)h2;
    (void)frame;
    (void)code;
    count_add(&c->server->count.protocol_errors, 1);
    return 0;
}

static nghttp2_session *new_session(struct connection *c)
{
    nghttp2_session *h2 = NULL;
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *o = NULL;
    if (nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&o) == 0) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
        nghttp2_session_callbacks_set_send_data_callback(cb, answer_write);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
        nghttp2_option_set_max_outbound_ack(o, OUTBOUND_ACKS_MAX);
        nghttp2_option_set_no_closed_streams(o, 1);
        if (nghttp2_session_server_new2(&h2, cb, c, o) != 0)
            h2 = NULL;
    }
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(cb);
    return h2;
}

int session_new(struct connection *c)
{
    const struct live_limits *l = &c->server->limits;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->header_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_session *h2 = new_session(c);
    if (!h2 ||
        nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof *settings) != 0 ||
        nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0) {
        nghttp2_session_del(h2);
        return -1;
    }
    c->h2 = h2;
    return 0;
}
