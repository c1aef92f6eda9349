/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a peer keeps up: as long as it is waited for, so many bytes must move in each stretch of time. Pure; the
 * caller says what time it is.
 */
#ifndef ABRI_HTTP_PACE_H
#define ABRI_HTTP_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    int64_t since_ms; /* the stretch began; 0: nobody waits */
    uint64_t moved;   /* bytes since then */
};
/* The peer is waited for from now on, or still; then when to judge. */
int64_t pace_await(struct pace *p, int64_t now_ms, uint32_t stretch_ms);
void pace_rest(struct pace *p); /* nobody waits */
enum pace_verdict { PACE_EARLY = 1, PACE_KEPT, PACE_SLOW };
/* Of the stretch that is over; another one begins. *since_out: whoever waited since then or longer may give up. */
enum pace_verdict pace_judge(struct pace *p, int64_t now_ms, uint32_t stretch_ms, uint32_t bytes,
                             int64_t *since_out);

#endif
