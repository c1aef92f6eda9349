/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server with a handler of its own for tests and for measuring by hand.
 *
 *   GET  /hello              "hello\n"
 *   GET  /who                address, verify error, whether there is a certificate
 *   GET  /head               method, query, how many of x-0, x-1 … are there
 *   POST /echo               collects up to 1 MiB, gives it back
 *   POST /later              collects, answers from another thread
 *   POST /sink               streams up to 8 GiB, answers with length and checksum
 *   POST /small              streams up to 100,000 bytes
 *   POST /slow               as /sink; each piece waits for site_open_gate
 *   POST /block              collects, waits for site_open_gate, answers
 *   GET  /hang               waits for site_open_gate in the loop, which no handler may; 404
 *   POST /early              streams, answers 403 at the first piece
 *   GET  /source?N           N bytes of the pattern, by a source of that length
 *   GET  /endless?N          the same, of unknown length
 *   GET  /short?N            says N, gives half
 *   GET  /fails?N            fails after half
 *   GET  /nothing            204
 *   GET  /body?N             N bytes, whole
 */
#ifndef ABRI_TESTS_HTTP_SITE_H
#define ABRI_TESTS_HTTP_SITE_H

#include "http/http.h"
#include "pki_make.h"

#include <pthread.h>
#include <stdatomic.h>

struct site {
    struct authority authority, foreign;
    struct identity server, machine, expired, stranger;
    struct http_server *http;
    int port;
    unsigned stop_ms; /* of the next start */
    atomic_uint heads, dones, runs, ends, aborts, pieces, frees, overlaps, answered_early;
    atomic_uint streams, sources; /* that were begun */
    atomic_uint blocked, blocked_most;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
};

/* The byte at `at` of every body that this site makes or checks. */
static inline uint8_t site_byte(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

void site_make(struct site *s); /* certificates */
/* Listens at 127.0.0.1, any port; or the `port` given. Aborts if it cannot. */
void site_start(struct site *s, const struct http_limits *limits, unsigned loops, unsigned workers,
                const char *const *trusted, size_t trusted_count, int port);
void site_stop(struct site *s, unsigned drain_ms); /* and forgets what was counted */
void site_done(struct site *s);
void site_open_gate(struct site *s);
int site_listen(int port, int *port_out);

#endif
