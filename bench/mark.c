/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marking alone: 200 records that refer to 150,000 frames each, in memory. Prints
 * the time that a collection takes to know what they need, and its peak memory.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define RECORDS 200
#define FRAMES  150000u

static void put_all(struct session *s, uint64_t day)
{
    uint64_t random = day;
    for (uint64_t n = 0; n < FRAMES; n++) {
        /* One in a hundred was changed, here and there. */
        uint64_t number = next_random(&random) % 100 ? n : n + day * FRAMES;
        if (chunk_put(s, number, FRAME_DATA, NULL) < 0)
            abort();
    }
}

int main(void)
{
    struct world w;
    struct err e = ERR_INIT;
    struct rusage usage;
    struct gc_result r = {0};
    const struct gc_options o = {.dry_run = true, .max_unused = 1, .max_rewrite = 0,
                                 .clock = {.why = POLICY_CLOCK_TRUSTED, .now_ns = 1}};
    world_open(&w, WORLD_MEM, false);
    for (uint64_t day = 0; day < RECORDS; day++) {
        struct session *s = session_start(&w, 0, 0);
        put_all(s, day);
        commit(&w, s, 0);
        session_end(s);
    }
    if (vault_gc(w.v, &o, &r, &e)) {
        (void)fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("references marked, million: %.1f\n", (double)r.references / 1e6);
    (void)printf("mark of them, s: %.3f\n", (double)r.mark_ns / 1e9);
    world_close(&w);
    return 0;
}
