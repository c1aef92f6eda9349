/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients for tests: TLS with a choice of everything, on it either raw frames or an nghttp2
 * client that the test drives step by step. Each wait ends the program after 30 seconds.
 */
#ifndef ABRI_TESTS_HTTP_CLIENT_H
#define ABRI_TESTS_HTTP_CLIENT_H

#include "site.h"

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

/* ---- TLS ----------------------------------------------------------------------------- */

struct line_options {
    const struct identity *identity; /* NULL: no certificate */
    const char *alpn;                /* NULL: "h2"; "": none */
    int version;                     /* 0: 1.3 */
    const void *before;              /* sent in front of TLS */
    size_t before_len;
    int receive_bytes; /* SO_RCVBUF; 0: as it is */
};
struct line {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};
int tcp_connect(const struct site *s);
/* False: the server did not want it. */
bool line_open(struct line *l, const struct site *s, const struct line_options *o);
void line_close(struct line *l); /* closes the socket, with no goodbye */
bool line_write(struct line *l, const void *p, size_t len);
/* Bytes; 0: the other side ended; -1: nothing came within `ms`. */
int line_read(struct line *l, void *p, size_t len, int ms);
/* Reads until the other side ends. */
void line_wait_end(struct line *l);
/* True once the other side of a bare socket is gone; waits. */
bool socket_ends(int fd);

/* ---- frames ---------------------------------------------------------------------------- */

struct raw_frame {
    uint32_t len;
    uint8_t type, flags;
    uint32_t stream;
    uint8_t payload[16384 + 256];
};
/* The preface and empty SETTINGS. */
bool raw_begin(struct line *l);
bool raw_send(struct line *l, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
              size_t len);
/* A head in HPACK literals, "name\0value\0" pairs; returns its length. */
size_t raw_head(uint8_t *out, const char *const *pairs, size_t count);
bool raw_get(struct line *l, uint32_t stream, const char *path, uint8_t flags);
/* False: the connection ended. */
bool raw_read(struct line *l, struct raw_frame *f);
/* Reads until a frame of `type` comes (true) or the connection ends (false). */
bool raw_until(struct line *l, uint8_t type, struct raw_frame *f);

/* ---- an nghttp2 client ------------------------------------------------------------------- */

#define CLIENT_STREAMS 512
struct client_stream {
    int32_t id;
    int status;
    uint64_t got, bad; /* body bytes, and those that are not site_byte */
    uint8_t body[512];
    size_t body_len;
    bool closed, continued;
    uint32_t code;
    int64_t length;      /* content-length; -1 */
    uint64_t send, sent; /* of the request's body */
    bool held;           /* sends nothing more for now */
    uint64_t hold_at;    /* holds itself when so much is sent; 0: never */
};
struct client {
    struct line line;
    nghttp2_session *h2;
    struct client_stream streams[CLIENT_STREAMS];
    size_t count;
    bool gone, goaway, no_windows;
    uint32_t goaway_code;
};
struct client_options {
    struct line_options line;
    bool no_windows; /* gives no WINDOW_UPDATE */
    uint32_t window; /* initial, of streams; 0: 65,535 */
};
bool client_open(struct client *c, const struct site *s, const struct client_options *o);
void client_close(struct client *c);
/* A request with a body of `send` bytes of the pattern; -1: none. Its place in streams. */
size_t client_request(struct client *c, const char *method, const char *path, int64_t send);
size_t client_request_with(struct client *c, const char *method, const char *path, int64_t send,
                           const nghttp2_nv *more, size_t more_count, bool says_length);
void client_hold(struct client *c, size_t at, bool held);
/* Sends and receives once, waiting at most `ms`. */
void client_step(struct client *c, int ms);
void client_until_closed(struct client *c, size_t at); /* or the connection is gone */
void client_until_all_closed(struct client *c);
void client_until_status(struct client *c, size_t at);
void client_until_gone(struct client *c);
/* Steps until the counter has reached `n`. */
void client_until_count(struct client *c, const atomic_uint *counter, unsigned n);
void until_count(const atomic_uint *counter, unsigned n);
/* Request, wait, and the body as text. */
const char *client_get(struct client *c, const char *path, int *status_out);

#endif
