/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over HTTP/2, by libcurl: a pool of connections to one server. Any thread may call;
 * each call waits for its answer. */
#ifndef ABRI_REMOTE_CLIENT_H
#define ABRI_REMOTE_CLIENT_H

#include "wire/wire.h"

#include <stdatomic.h>

#define CLIENT_CONNECTIONS_MAX 12u

struct client;
struct client_options {
    const struct wire_url *url;
    const char *authority_pem; /* NULL: whoever answers is believed; for the first question alone, whose answer is checked otherwise */
    const char *certificate_pem, *key_pem; /* NULL: none. Copied, wiped at the end */
    const atomic_bool *cancel;
    /* Hears once for each time that the server is lost, that it is waited for. From any thread. May be NULL. */
    void (*waiting)(void *arg, const char *server, const struct err *what);
    void *arg;
};
MUST_CHECK int client_new(const struct client_options *o, struct client **out, struct err *e);
void client_free(struct client *c);
/* "https://host:port", for messages. */
const char *client_name(const struct client *c);
/* Whether any call was answered well. */
bool client_was_served(const struct client *c);

struct client_piece {
    const void *p;
    size_t len;
};
struct client_call {
    const char *method, *path; /* "PUT", "/v1/…" */
    const char *type;          /* of the body; NULL: no body */
    const struct client_piece *pieces; /* of the body, in order */
    size_t piece_count;
    bool ranged; /* asks for bytes `first` … `last` */
    uint64_t first, last;
    /* The body of a good answer: appended to `answer` (max set by the caller), or handed to `take`. */
    struct buf *answer;
    int (*take)(void *arg, const uint8_t *p, size_t len);
    void *arg;
    bool once; /* not tried again */
    /* Answered: */
    int status;
    char code[64];       /* of a refusal */
    uint64_t object_len; /* by Content-Range, or Content-Length */
};
/* 0 for a status of 2xx. A call that failed on the way is tried again (all calls may be repeated), unless `take` has got something: for some
 * minutes if the server was reached before; for some seconds, in which a server starts anew, if it has certified whoever asks. */
MUST_CHECK int client_do(struct client *c, struct client_call *call, struct err *e);

#endif
