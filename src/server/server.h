/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: many vaults behind one address, for machines and people that are told apart, by a
 * keeper that can open nothing. Tenants, identities and their roles, tokens, vaults, sessions, the log of all
 * that happens, the API over HTTP/2. What it is made of and why: docs/decisions/0016; calls and who may
 * make them: calls.c and docs/api/.
 *
 * Everything lies below one directory, the root:
 *
 *     authority.pem  authority.key   the installation's certificate authority
 *     server.pem     server.key      the server's own certificate
 *     log.key                        signs checkpoints of the log
 *     log/                           what happened (tlog)
 *     ticks                          what is known of the clock, and how long this has run
 *     vaults/<id>/                   a vault each
 *     pending/<machine>/             vaults that are being made
 *     ended/<id>/                    vaults that are gone, while they are removed
 *     bootstrap-token  control       of the program abrid: the first owner's token, a socket
 *     catalog.sqlite                 what follows from log and vaults: can be deleted
 *
 * Threads: its own. The functions here belong to one thread.
 */
#ifndef ABRI_SERVER_SERVER_H
#define ABRI_SERVER_SERVER_H

#include "base/bytes.h"
#include "base/err.h"
#include "http/http.h"
#include "wire/wire.h"

#include <stdbool.h>

struct server;

struct server_options {
    const char *root;
    const char *name;               /* of the installation, for people; NULL: "abri" */
    const char *const *names;       /* DNS names and addresses for the certificate, beside "abrid" */
    size_t name_count;
    const struct http_listener *listeners;
    size_t listener_count;
    unsigned loops, workers;        /* 0: by the number of processors */
    struct http_limits limits;
    unsigned certificate_days;      /* of machines and people; 0: 30 */
    unsigned free_percent;          /* of the disk: less is an alarm; 0: 5 */
    bool trial;                     /* its clocks are moved at will: it says so to all who ask */
    /* One line for the operator; NULL: nobody hears. From any thread. */
    void (*tell)(void *arg, const char *line);
    /* Somebody became the first owner: the token is used up. NULL is fine. From any thread. */
    void (*claimed)(void *arg);
    void *arg;
};

/* Makes an installation in a directory that is new or empty: authority, keys, log.
 * ERR_EXISTS if there is one. */
MUST_CHECK int server_init(const char *root, const char *name, struct err *e);
bool server_exists(const char *root);
/* Reads what is there, brings the catalogue up to date, serves. ERR_BUSY if another process has the root. */
MUST_CHECK int server_start(const struct server_options *o, struct server **out, struct err *e);
/* Finishes what is under way for at most `drain_ms`. NULL is fine. False: a request hangs and nothing was freed: the
 * process should end, which loses nothing that was acknowledged. */
bool server_stop(struct server *s, unsigned drain_ms);

/* Whether nobody has ever become owner. */
bool server_is_new(struct server *s);
/* A token for the first owner, good for an hour, replacing an earlier one. ERR_REFUSED if there has been an
 * owner: then owners make tokens. */
MUST_CHECK int server_bootstrap(struct server *s, char out[WIRE_TOKEN_TEXT], struct err *e);

/* A new certificate for the server, with these further names, for connections from now on; on failure
 * all stays as it was. Its 397 days begin anew. */
MUST_CHECK int server_set_names(struct server *s, const char *const *names, size_t count, struct err *e);
void server_set_limits(struct server *s, const struct http_limits *limits);
/* Whether loops and workers still turn, compared with the call before; by one thread (http.h). */
struct http_pulse server_pulse(struct server *s);

/* Begins a round of upkeep; how many have ended before. Any thread. */
uint64_t server_upkeep_ask(struct server *s);
uint64_t server_upkeep_rounds(struct server *s);

/* Appends what can be measured as OpenMetrics text, up to "# EOF". Costs some microseconds for each machine:
 * whoever is asked often keeps the text for a while. By any one thread, also beside the others. */
#define SERVER_METRICS_MAX ((size_t)32 << 20)
MUST_CHECK int server_metrics(struct server *s, const char *version, struct buf *out, struct err *e);

#endif
