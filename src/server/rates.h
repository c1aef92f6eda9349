/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often somebody does something, for what is bounded by the hour. A table of fixed size: where it is full,
 * who did the least lately is forgotten. Nothing here is kept over a restart.
 *
 * Threads: any.
 */
#ifndef ABRI_SERVER_RATES_H
#define ABRI_SERVER_RATES_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define RATE_KEY_BYTES 16
enum rate {
    RATE_UNSET = 0,
    RATE_ENROL,       /* attempts to enrol that failed, of an address */
    RATE_SESSION,     /* sessions that a machine begins */
    RATE_SESSION_KEY, /* keys of sessions that it stores */
    RATE_COUNT
};
struct rates;
MUST_CHECK int rates_new(struct rates **out, struct err *e);
void rates_free(struct rates *r); /* NULL is fine */
/* Counts one at `now_ns` (monotonic): false if there were too many, and then nothing is counted. */
bool rates_take(struct rates *r, enum rate what, const uint8_t key[RATE_KEY_BYTES], int64_t now_ns);
/* Whether one more would be too many. */
bool rates_are_full(struct rates *r, enum rate what, const uint8_t key[RATE_KEY_BYTES], int64_t now_ns);
/* So many at once, and so many an hour. */
unsigned rates_burst(enum rate what);
/* The key of an address as http_peer has it: IPv6 by /64, which is what one customer gets. */
void rates_address(const char *address, uint8_t key_out[RATE_KEY_BYTES]);

#endif
