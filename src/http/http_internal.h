/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share.
 *
 *   server ──► loops ──► connections ──► requests ──► workers ──► the handler
 *                ▲                          │ news (answers, filled pieces)
 *                └──────────────────────────┘
 *
 * Who may touch what: a field says "loop" (the thread of the connection's loop alone), "lock"
 * (under connection.lock), "queue" (under workers.lock), or "fixed" (written before others see
 * it). Order of locks: connection.lock, then workers.lock or loop.lock, which never meet.
 */
#ifndef ABRI_HTTP_HTTP_INTERNAL_H
#define ABRI_HTTP_HTTP_INTERNAL_H

#include "base/bytes.h"
#include "http/address.h"
#include "http/address_table.h"
#include "http/http.h"
#include "http/owners.h"
#include "http/pace.h"
#include "http/timers.h"

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#define TLS_READ_BYTES     ((size_t)34 << 10)
#define LOOP_SCRATCH_BYTES ((size_t)160 << 10)
/* Frames are gathered up to here before TLS gets them; one that is not DATA still fits behind. */
#define GATHER_BYTES_MAX ((size_t)140 << 10)
#define ROUND_BYTES      ((size_t)512 << 10) /* read or written before another connection's turn */
#define CLOSING_MS       5000                /* for what is still to be sent when no more is read */
/* What still comes of a request that was answered before its end is dropped for so long, then the
 * stream is reset: libcurl that sends takes a reset for a failure and loses the answer. */
#define LINGER_MS    1000
#define LINGER_BYTES ((size_t)4 << 20)
#define HEADERS_KEPT 64

/* ---- pieces ------------------------------------------------------------------------ */

struct piece {
    struct piece *next;
    size_t at, len, cap; /* data[at … len) is left */
    uint8_t data[];
};
struct piece_pool {
    pthread_mutex_t lock;
    struct piece *kept;
    unsigned kept_count;
};
void piece_pool_init(struct piece_pool *p);
void piece_pool_done(struct piece_pool *p);
struct piece *piece_new(struct piece_pool *p, size_t cap); /* NULL: no memory */
void piece_free(struct piece_pool *p, struct piece *x);

struct piece_queue {
    struct piece *first, *last;
};
void piece_queue_add(struct piece_queue *q, struct piece *x);
struct piece *piece_queue_take(struct piece_queue *q); /* NULL: empty */

/* ---- requests ----------------------------------------------------------------------- */

enum body_mode {
    BODY_UNSET = 0, /* the handler has not said */
    BODY_IGNORED,   /* it answered at once */
    BODY_COLLECTED,
    BODY_STREAMED,
};

struct answer {
    int status;
    struct buf text; /* names and values, each ending with NUL */
    size_t field_count;
    uint8_t *body;  /* NULL if a source makes it */
    size_t len, at; /* of body; loop after it was submitted */
    bool from_source;
    int64_t source_len; /* -1: until the source ends */
};

struct http_request {
    struct connection *connection; /* fixed; a reference */
    void *user;                    /* the handler's */

    /* The head: loop until handler.head is called, then fixed. */
    struct buf head;
    struct {
        size_t name, value; /* offsets in `head` */
    } fields[HEADERS_KEPT];
    unsigned field_count;
    size_t head_bytes;
    int head_error; /* status to refuse it with, once it is there */
    const char *method, *path, *query;
    size_t method_at, path_at; /* offsets + 1; 0: not there */
    int64_t content_length;
    bool head_done;

    /* loop */
    int32_t stream_id;
    struct http_request *open_next, *open_prev;
    int64_t begun_ms, moved_ms, sent_ms;
    int64_t waits_ms;   /* since when the peer is waited for, as to its pace */
    int64_t lingers_ms; /* since when an answer is sent whose request still comes; 0: no */
    size_t lingered;    /* bytes that came since */
    bool remote_ended, submitted, deferred, touched, continue_sent;
    struct http_request *touched_next;

    /* lock */
    struct http_request *news_next;
    bool in_news;
    bool in_head;   /* handler.head is running: workers wait */
    bool scheduled; /* with the workers: they look again before they let go */
    bool closed;    /* the stream is over */
    bool body_ended, broken;
    bool answered, refused; /* by the handler; by this room */
    bool ran;               /* run, end or abort was called */
    enum body_mode mode;
    uint64_t body_max, body_len;
    http_run *run;
    struct http_sink sink;
    struct buf collected;
    struct piece_queue in;
    struct answer *answer;
    bool answer_failed; /* no memory for it: the stream is reset */
    bool have_source, fill_wanted, filling, fill_ended, fill_failed;
    struct http_source source;
    struct piece_queue out;
    unsigned out_count;
    size_t fill_cap;
    int64_t fill_left; /* of the source's len; -1: not known */

    struct http_request *ready_next; /* queue */
};

/* ---- connections --------------------------------------------------------------------- */

enum connection_state {
    CONNECTION_UNSET = 0,
    CONNECTION_NEW,   /* not yet with its loop */
    CONNECTION_PROXY, /* a front end says for whom it speaks */
    CONNECTION_HANDSHAKE,
    CONNECTION_OPEN,
    CONNECTION_CLOSED,
};

/* So many at once, so many more each second. */
struct bucket {
    double tokens;
    int64_t at_ms;
};
bool bucket_take(struct bucket *b, int64_t now_ms, double burst, double per_second);
bool bucket_take_many(struct bucket *b, double count, int64_t now_ms, double burst,
                      double per_second);

struct connection {
    struct http_server *server; /* fixed */
    struct loop *loop;          /* fixed */
    atomic_uint refs;
    struct http_peer peer; /* fixed once `ready` */
    atomic_bool ready, dropped;
    struct connection *drop_next; /* whoever set `dropped` */

    /* loop */
    enum connection_state state;
    int fd;
    bool trusted, address_counted, checked_signature;
    struct address address;
    SSL *ssl;
    nghttp2_session *h2;
    uint8_t *proxy; /* what came of a PROXY header */
    size_t proxy_len;
    uint32_t events; /* that epoll watches */
    bool blocked;    /* the socket takes no more */
    bool more;       /* something is left to read without the socket */
    bool in_again;
    uint8_t *out; /* encrypted never, given to SSL_write not yet */
    size_t out_at, out_len;
    int64_t since_ms, idle_ms, wrote_ms, sent_ms, closing_ms;
    struct pace pace;  /* of bodies and answers */
    struct timer timer;
    struct http_request *open, *touched;
    unsigned open_count;
    size_t junk_bytes; /* of the header block under way */
    unsigned junk_fields;
    struct bucket frames, resets_in, resets_out, empty_records;
    bool doomed;                            /* nothing it sends is looked at any more */
    uint64_t records;                       /* of TLS, that came */
    struct connection *all_next, *all_prev; /* changes also need loop.lock */
    struct connection *again_next, *dead_next;

    atomic_uint alive;        /* requests that are not freed */
    atomic_size_t waiting;    /* received bytes that no worker has done with */
    atomic_size_t answers;    /* bytes of answers that were made and not sent */
    atomic_uint fills_wanted; /* of sources that wait, perhaps for room; changes need the lock */
    atomic_bool paused;       /* does not read */
    struct owner *owner;      /* fixed once `ready` */
    struct connection *owner_next; /* owners.lock */
    bool owner_paused;

    struct connection *posted_next; /* loop.lock */
    bool posted;

    pthread_mutex_t lock;
    struct http_request *news_first, *news_last; /* lock */
    size_t collected;                            /* lock */

    struct connection *queue_next; /* queue */
    struct http_request *ready_first, *ready_last;
    unsigned running;
    bool queued;
};

/* ---- loops and the server ------------------------------------------------------------ */

enum loop_phase { LOOP_SERVE = 0, LOOP_DRAIN, LOOP_END };

struct loop {
    struct http_server *server;
    pthread_t thread;
    bool started;
    int epoll_fd, wake_fd;
    int64_t now_ms;
    uint8_t *scratch; /* LOOP_SCRATCH_BYTES: what was read, or what is to be written */
    size_t gathered;  /* of it */
    struct timers timers;
    struct connection *all, *again, *dead;
    bool draining;
    int64_t accept_again_ms; /* 0: accepting */
    char date[32];
    int64_t date_s;
    atomic_uint connections;
    atomic_bool resume; /* there is room again for received bytes */
    atomic_uint turns;  /* wraps */
    unsigned turns_seen; /* by http_server_pulse */

    pthread_mutex_t lock;
    struct connection *posted_first, *posted_last;
    enum loop_phase asked;
    bool ended; /* takes no posts */
};

/* As http_limits, to be read while somebody sets them. */
struct live_limits {
    _Atomic uint32_t connections, connections_per_address, streams, path_bytes, header_bytes;
    _Atomic uint32_t handshake_ms, head_ms, idle_ms, stall_ms, slow_ms, slow_bytes;
    _Atomic uint32_t connections_per_owner, requests_per_owner;
    atomic_size_t buffered_per_connection, buffered_total, buffered_per_owner;
};

struct listener {
    int fd;
    struct network *trusted;
    size_t trusted_count;
};

struct workers;
struct counters {
    _Atomic uint64_t accepted, handshakes_failed, requests, bytes_in, bytes_out;
    _Atomic uint64_t refused_full, refused_address, refused_owner, refused_proxy, timed_out, protocol_errors;
    _Atomic uint64_t connections, streams, queued, taken; /* taken: by workers, ever */
};

struct http_server {
    struct live_limits limits;
    struct http_handler handler;
    pthread_mutex_t tls_lock;
    SSL_CTX *tls;
    struct listener *listeners;
    size_t listener_count;
    struct loop *loops;
    unsigned loop_count;
    struct workers *workers;
    struct piece_pool pieces;
    struct address_table addresses;
    struct owners owners;
    unsigned stop_ms;
    struct counters count;
    atomic_size_t waiting_total, answers_total;
    atomic_bool total_paused;
    pthread_mutex_t gone_lock;
    pthread_cond_t gone;       /* a connection was freed */
    bool pulse_known;          /* pulse.c: of the call before */
    uint64_t pulse_queued, pulse_taken;
    unsigned connection_count; /* gone_lock */
};

static inline void count_add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline void count_sub(_Atomic uint64_t *c, uint64_t n)
{
    atomic_fetch_sub_explicit(c, n, memory_order_relaxed);
}

/* limits.c */
void limits_fill(struct http_limits *l);
void limits_set(struct live_limits *out, const struct http_limits *l);

/* tls_context.c */
MUST_CHECK int tls_context_new(const struct http_tls *t, SSL_CTX **out, struct err *e);

/* listen.c: takes what waits at a listener. */
void listener_accept(struct listener *l, struct loop *loop);
MUST_CHECK int listener_init(struct listener *l, const struct http_listener *from, struct err *e);
void listener_done(struct listener *l);

/* loop.c */
MUST_CHECK int loop_init(struct loop *l, struct http_server *s, struct err *e);
MUST_CHECK int loop_start(struct loop *l, struct err *e);
void loop_ask(struct loop *l, enum loop_phase phase);
void loop_done(struct loop *l); /* after its thread ended, or if it was never started */
void loop_join(struct loop *l);
void loop_post(struct connection *c); /* any thread: the loop takes a turn with it */
void loop_again(struct connection *c);
void loop_wake(struct loop *l);
int loop_watch(struct loop *l, int op, int fd, uint32_t events, void *what);

/* connection.c: its life, up to TLS. */
struct connection *connection_new(struct http_server *s, struct loop *l, int fd,
                                  const struct address *a, bool trusted);
void connection_ref(struct connection *c);
void connection_unref(struct connection *c);
void connection_turn(struct connection *c, bool readable, bool writable);
void connection_close(struct connection *c);
void connection_drain(struct connection *c); /* no more streams */

/* connection_open.c: HTTP/2 flows. */
void connection_open_turn(struct connection *c);
void connection_input_took(struct connection *c, size_t n);
void connection_input_released(struct connection *c, size_t n); /* any thread */
bool connection_may_read(struct connection *c);

/* deadline.c */
int64_t connection_deadline(struct connection *c); /* TIMER_NEVER: waits for nothing */
void connection_expire(struct connection *c);      /* acts on what is over */
void connection_moved(struct connection *c, size_t n); /* loop: bytes of a body or an answer */

/* session.c */
MUST_CHECK int session_new(struct connection *c); /* sets c->h2; -1: no memory */
void request_reset_rest(struct http_request *r); /* RFC 9113 §8.1: what still comes is not wanted */

/* request.c */
struct http_request *request_new(struct connection *c, int32_t stream_id);
void request_add_field(struct http_request *r, const uint8_t *name, size_t name_len,
                       const uint8_t *value, size_t value_len);
void request_head_done(struct http_request *r, bool ended);
void request_closed(struct http_request *r); /* loop: the stream is over */
void request_free(struct http_request *r);

/* request_work.c: what a worker does next. All but request_work with the lock held. */
void request_settle(struct http_request *r);
void request_tell_loop(struct http_request *r);
void request_work(struct http_request *r); /* one thing, on a worker */

/* body_in.c */
void body_in_add(struct http_request *r, const uint8_t *p, size_t len); /* loop */
void body_in_end(struct http_request *r);                               /* loop */
void body_in_drop(struct http_request *r);                              /* lock */
void request_break(struct http_request *r, int status);                 /* lock */

/* answer.c */
void answer_free(struct answer *a);
void answer_submit(struct http_request *r);             /* loop */
void answer_refuse(struct http_request *r, int status); /* lock: this room answers */
ssize_t answer_read(nghttp2_session *h2, int32_t stream_id, uint8_t *buf, size_t len,
                    uint32_t *flags, nghttp2_data_source *source, void *user);
int answer_write(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head, size_t len,
                 nghttp2_data_source *source, void *user);
void answers_released(struct connection *c, size_t n); /* any thread */

/* source.c */
/* loop: how many of `len` bytes are there; then they are taken. */
ssize_t source_ready(struct http_request *r, size_t len, uint32_t *flags);
void source_take(struct http_request *r, uint8_t *out, size_t len);
void source_fill(struct http_request *r);           /* worker, without the lock */
void source_drop(struct http_request *r);           /* when nobody else has it */
bool source_may_fill(const struct http_request *r); /* lock */

/* workers.c */
MUST_CHECK int workers_new(struct http_server *s, unsigned threads, struct workers **out,
                           struct err *e);
unsigned workers_count(const struct workers *w);
void workers_free(struct workers *w); /* nothing is queued any more */
void workers_add(struct http_request *r);

#endif
