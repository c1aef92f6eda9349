/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When each connection must be looked at next: a binary heap. Entries fire early rather than
 * be moved at each byte; who fires computes the true deadline anew. One thread.
 */
#ifndef ABRI_HTTP_TIMERS_H
#define ABRI_HTTP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_NEVER INT64_MAX

struct timer {
    int64_t at_ms;
    size_t place; /* in the heap, from 1; 0: not in it */
};

struct timers {
    struct timer **heap;
    size_t count, cap;
};

void timers_done(struct timers *t);
/* False if there is no memory. */
bool timers_reserve(struct timers *t, size_t count);
/* Puts it in, or moves it; needs a place that was reserved. */
void timers_set(struct timers *t, struct timer *x, int64_t at_ms);
void timers_remove(struct timers *t, struct timer *x);
struct timer *timers_first(const struct timers *t); /* NULL: none */

#endif
