/* SPDX-License-Identifier: Apache-2.0 */
/* How often what was refused since the start. Reasons are the codes of answers: a few dozen, none from outside. */
#include "server/server_internal.h"

#include <stdio.h>
#include <string.h>

void refusals_init(struct refusal_counts *r)
{
    *r = (struct refusal_counts){0};
    (void)pthread_mutex_init(&r->lock, NULL);
}

void refusals_done(struct refusal_counts *r)
{
    (void)pthread_mutex_destroy(&r->lock);
}

void refusals_add(struct refusal_counts *r, const char *reason)
{
    (void)pthread_mutex_lock(&r->lock);
    unsigned i = 0;
    while (i < r->used && strcmp(r->items[i].reason, reason) != 0)
        i++;
    if (i == r->used && i + 1 >= REFUSAL_REASONS) {
        i = REFUSAL_REASONS - 1;
        reason = "other";
    }
    if (i == r->used) {
        (void)snprintf(r->items[i].reason, sizeof r->items[i].reason, "%s", reason);
        r->used++;
    }
    r->items[i].count++;
    (void)pthread_mutex_unlock(&r->lock);
}
