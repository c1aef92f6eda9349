/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the threads still turn. A loop that was woken goes round within the time of a few system
 * calls, whatever its peers do; a worker may wait for a disk, but if requests wait from one look to
 * the next and none was taken, then all of them hang.
 */
#include "http/http_internal.h"

static bool loop_took_turn(struct loop *l)
{
    unsigned turns = atomic_load_explicit(&l->turns, memory_order_relaxed);
    bool moved = turns != l->turns_seen;
    l->turns_seen = turns;
    return moved;
}

struct http_pulse http_server_pulse(struct http_server *s)
{
    struct http_pulse p = {.loops = s->loop_count, .workers = workers_count(s->workers)};
    uint64_t queued = atomic_load(&s->count.queued), taken = atomic_load(&s->count.taken);
    for (unsigned i = 0; i < s->loop_count; i++) {
        if (!loop_took_turn(&s->loops[i]) && s->pulse_known)
            p.loops_silent++;
        loop_wake(&s->loops[i]);
    }
    p.workers_stuck = s->pulse_known && queued && s->pulse_queued && taken == s->pulse_taken;
    s->pulse_queued = queued;
    s->pulse_taken = taken;
    s->pulse_known = true;
    return p;
}
