/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: a server for HTTP/2 over TLS 1.3, and nothing else: no HTTP/1, no clear text,
 * no upgrade. nghttp2 frames, OpenSSL encrypts; this room accepts, bounds, times out,
 * and hands requests to whoever knows what they mean. It knows no path and no person.
 *
 * Threads: a few loops (one connection belongs to one loop for life) read and write
 * sockets and never block. Bodies and answers are worked on by a pool of workers, on
 * which a handler may block for as long as a disk needs. Owners of connections take turns (and
 * their connections among themselves), so that nobody with many streams or many connections starves anybody.
 *
 * Limits: everything of a connection is bounded (struct http_limits). A peer that is slow
 * costs its own connection only; one that sends more than it may gets its stream or its
 * connection ended. Received bytes that no worker has taken yet are bounded for each
 * connection and in sum: beyond, the loop stops reading that socket, and TCP tells the peer.
 */
#ifndef ABRI_HTTP_HTTP_H
#define ABRI_HTTP_HTTP_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_request; /* from its head until its answer is sent, or the peer is gone */

/* ---- who is at the other end ---------------------------------------------------- */

#define HTTP_ADDRESS_BYTES 64
struct http_peer {
    char
        address[HTTP_ADDRESS_BYTES]; /* "192.0.2.7", "2001:db8::1"; what a trusted front end said */
    const uint8_t *certificate;      /* DER of what the peer presented and proved to own; or NULL */
    size_t certificate_len;
    /* 0 (X509_V_OK), or why the certificate does not lead to the authority (X509_V_ERR_…):
     * the connection stands all the same, so that the refusal can say why. */
    int verify_error;
};

/* ---- requests -------------------------------------------------------------------- */

const struct http_peer *http_peer(const struct http_request *r);
const char *http_method(const struct http_request *r); /* "GET" */
/* The path without its query; not decoded; begins with '/', at most limits.path_bytes. */
const char *http_path(const struct http_request *r);
const char *http_query(const struct http_request *r); /* behind '?'; "" if there is none */
/* A header by its name in small letters; NULL if it is not there. Only the first 64 are kept; of
 * several with one name the first is given. "host" is also what :authority says. */
const char *http_header(const struct http_request *r, const char *name);
/* What Content-Length says; -1: nothing. */
int64_t http_content_length(const struct http_request *r);
/* For the handler's own use, from head to done. */
void http_set_user(struct http_request *r, void *user);
void *http_user(const struct http_request *r);

/* `owner` says whose a connection is, so that one owner's many connections share what one may have: called by a loop when
 * TLS is done, must not block; false, or NULL: it is its address's.
 *
 * The handler. `head` is called by a loop when a request's head is there: it must not block,
 * and must call exactly one of http_respond…, http_collect and http_stream. `done` is called
 * once for each request that `head` saw, last, by a worker, also if the peer went away; frees
 * what `user` is. Callbacks for one request never overlap, and none begins before `head`
 * returned. `arg` is the first argument of all callbacks (also of http_run and http_sink).
 *
 * A request that was handed to `run` or `end` belongs to the handler until it answers, peer or
 * no peer. Outside of a callback nothing of it may be touched after http_respond…. */
#define HTTP_OWNER_BYTES 16
struct http_handler {
    void (*head)(void *arg, struct http_request *r);
    void (*done)(void *arg, struct http_request *r); /* may be NULL */
    void *arg;
    bool (*owner)(void *arg, const struct http_peer *p, uint8_t key_out[HTTP_OWNER_BYTES]); /* may be NULL */
};

/* Gathers the body, at most `max` bytes (413 beyond, without calling anybody), then calls
 * `run` on a worker, which must answer with http_respond… before or after it returns; `body`
 * is gone when it returned. Gathered bytes count as buffered: a body that would exceed
 * buffered_total, or buffered_per_connection together with others of its connection, is refused
 * with 503. If the peer goes away before the body is whole, only `done` is called. */
typedef void http_run(void *arg, struct http_request *r, const uint8_t *body, size_t len);
void http_collect(struct http_request *r, size_t max, http_run *run);

/* Hands the body over as it comes, in order, one call at a time, on workers. Pieces have at most
 *  HTTP_PIECE_MAX bytes and are gathered up to about that size while the worker is busy. After
 * an answer was given, further pieces are dropped, and neither `end` nor `abort` is called
 * any more (`done` is); what still comes is thrown away for a second or 4 MiB after the answer
 * was sent, then the stream is reset. Otherwise exactly one of `end` and `abort` is called,
 * also if the body is longer than `max` (413) or stops (408). */
#define HTTP_PIECE_MAX ((size_t)256 << 10)
struct http_sink {
    void (*piece)(void *arg, struct http_request *r, const uint8_t *p, size_t len);
    void (*end)(void *arg, struct http_request *r); /* the whole body came: must answer */
    /* Instead of `end`: the peer went away, or broke a rule. No answer is possible any more. */
    void (*abort)(void *arg, struct http_request *r);
};
void http_stream(struct http_request *r, uint64_t max, const struct http_sink *sink);

/* ---- answers: once for a request, from any thread --------------------------------- */

struct http_field {
    const char *name, *value; /* copied; names in small letters */
};
/* The whole answer, status 200 … 599. `type` NULL: no content-type. Copies. To HEAD, and with 204
 * and 304, no body is sent. Fields that HTTP does not allow, or no memory: the stream is reset. */
void http_respond(struct http_request *r, int status, const char *type, const void *body,
                  size_t len);
void http_respond_with(struct http_request *r, int status, const char *type,
                       const struct http_field *fields, size_t field_count, const void *body,
                       size_t len);
/* An answer of `len` bytes that is produced as the peer takes it: `fill` is called on workers,
 * one call at a time, to write 1 … cap bytes (cap ≤ HTTP_PIECE_MAX); -1, or
 * 0 before `len` bytes, resets the stream. `free` is called once, when no more is wanted,
 * before `done` of its request. len < 0: until fill gives 0. */
struct http_source {
    int64_t (*fill)(void *arg, uint8_t *buf, size_t cap);
    void (*free)(void *arg);
    void *arg;
};
void http_respond_source(struct http_request *r, int status, const char *type, int64_t len,
                         const struct http_source *source);

/* ---- the server --------------------------------------------------------------------- */

struct http_tls {
    const char *certificate_pem; /* of the server, followed by what leads to its authority */
    const char *key_pem;
    const char *authority_pem; /* whom clients' certificates must lead to */
};

struct http_listener {
    int fd; /* bound and listening; taken over if the server starts */
    /* PROXY protocol v2 is demanded from peers in `trusted` (and refused from others, who are
     * served as themselves). Each is "192.0.2.0/24", "::1/128" or an address. */
    const char *const *trusted;
    size_t trusted_count;
};

struct http_limits { /* 0: the default, named in limits.c with its reason */
    uint32_t connections, connections_per_address;
    uint32_t streams; /* at once in a connection */
    uint32_t path_bytes, header_bytes;
    uint32_t handshake_ms, head_ms; /* from accept to TLS; from a stream's begin to its head */
    uint32_t idle_ms;               /* a connection without any stream */
    uint32_t stall_ms;              /* a body or an answer that does not move at all */
    uint32_t slow_ms, slow_bytes;   /* a connection whose bodies and answers move less than so much in that time */
    uint32_t connections_per_owner, requests_per_owner; /* at once; of owners that the handler names */
    size_t buffered_per_connection, buffered_total; /* received bytes that wait for workers */
    size_t buffered_per_owner;
};

struct http_config {
    struct http_tls tls;
    const struct http_listener *listeners;
    size_t listener_count;
    unsigned loops, workers; /* 0: by the number of processors */
    struct http_limits limits;
    struct http_handler handler;
    unsigned stop_ms; /* how long http_server_stop waits for handlers; 0: for ever */
};

/* Starts serving on threads of its own, which take no signals. ERR_USAGE names what is wrong
 * with certificates and networks. What `c` points to is not needed afterwards. */
MUST_CHECK int http_server_start(const struct http_config *c, struct http_server **out,
                                 struct err *e);
/* New certificates for connections from now on; on failure all stays as it was. */
MUST_CHECK int http_server_set_tls(struct http_server *s, const struct http_tls *tls,
                                   struct err *e);
/* Other limits, for connections and requests from now on; a deadline that is running keeps its
 * end, and the streams of a connection stay as they were agreed. */
void http_server_set_limits(struct http_server *s, const struct http_limits *limits);
/* Ends all connections whose certificate `matches` says yes to (a revoked one); any thread.
 * `matches` must not call this room. One whose handshake is still under way may escape: what
 * was revoked must also be refused at each request. */
void http_server_drop(struct http_server *s, bool (*matches)(void *arg, const struct http_peer *p),
                      void *arg);
/* No new connections or streams; waits up to `drain_ms` for those under way, ends the rest,
 * waits for callbacks and for answers that the handler owes (stop_ms), and frees. Not from a callback.
 * NULL is fine. False: a handler did not come back within stop_ms; nothing is freed then, and the
 * process should end (or call again). */
bool http_server_stop(struct http_server *s, unsigned drain_ms);

/* Whether the threads still turn, compared with the call before; the first knows nothing bad. Asks
 * every loop to take a turn until the next call. Does not block. By one thread. */
struct http_pulse {
    unsigned loops, loops_silent; /* took no turn since they were asked to */
    unsigned workers;
    bool workers_stuck; /* requests waited then and wait now, and no worker took one in between */
};
struct http_pulse http_server_pulse(struct http_server *s);

struct http_stats { /* since the start, but for those that say "now" */
    uint64_t accepted, handshakes_failed, requests, bytes_in, bytes_out;
    uint64_t refused_full, refused_address, refused_owner, refused_proxy, timed_out, protocol_errors;
    uint64_t connections_now, streams_now, queued_now, buffered_now;
};
struct http_stats http_server_stats(const struct http_server *s);

#endif
