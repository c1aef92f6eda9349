/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that is looked at all the time, by whoever runs for years: a server. What clock.c says of one vault's witnesses,
 * this says of every minute; and it knows how much time has truly passed, which no clock can be set to.
 *
 * G1 Doubt stays until a person confirms: a false clock that is right again has been false.
 * G2 Ticks are seconds in which somebody looked. Nothing but their passing makes more of them.
 * G3 What is not remembered (a run that was dropped, a beginning that is not known) makes time look
 *    shorter, never longer.
 */
#include "policy/policy_internal.h"

#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define NOTICE_NS (60 * SECOND_NS) /* less is not worth a note, until it has become as much */
#define YEAR      365

static int64_t minus(int64_t a, int64_t b)
{
    int64_t d;
    if (__builtin_sub_overflow(a, b, &d))
        return b < 0 ? INT64_MAX : INT64_MIN;
    return d;
}

static void suspect(struct policy_guard *g, enum policy_clock_why why, int64_t against_ns, int64_t by_ns)
{
    if (g->why != POLICY_CLOCK_TRUSTED)
        return; /* G1: what was seen first */
    g->why = why;
    g->against_ns = against_ns;
    g->by_ns = by_ns < 0 ? minus(0, by_ns) : by_ns;
}

/* ---- looking ---------------------------------------------------------------------------- */

static void refer(struct policy_guard *g, const struct policy_witness *now)
{
    g->reference_ns = now->realtime_ns;
    g->reference_boottime_ns = now->boottime_ns;
}

static void spend(struct policy_guard *g, int64_t by_ns, enum policy_clock_why why, int64_t against_ns)
{
    g->moved_ns = calendar_add(g->moved_ns, by_ns < 0 ? minus(0, by_ns) : by_ns);
    if (g->moved_ns > POLICY_SKEW_NS)
        suspect(g, why, against_ns, why == POLICY_CLOCK_GAP ? by_ns : g->moved_ns);
}

/* Both clocks since the last reference: the difference is what somebody moved. */
static void watch(struct policy_guard *g, const struct policy_witness *now)
{
    int64_t passed = minus(now->boottime_ns, g->seen_boottime_ns);
    if (passed < 0) {
        suspect(g, POLICY_CLOCK_UNSOUND, g->seen_ns, 0);
        refer(g, now);
        return;
    }
    g->moved_ns = g->moved_ns > passed / YEAR ? g->moved_ns - passed / YEAR : 0;
    int64_t by = minus(minus(now->realtime_ns, g->reference_ns),
                       minus(now->boottime_ns, g->reference_boottime_ns));
    if (by > -NOTICE_NS && by < NOTICE_NS)
        return;
    if (by > POLICY_JUMP_NS || by < -POLICY_JUMP_NS)
        suspect(g, POLICY_CLOCK_JUMPED, g->seen_ns, by);
    spend(g, by, POLICY_CLOCK_DRIFTED, 0);
    refer(g, now);
}

/* The machine was started anew: how long it was off, its battery clock alone says. */
static void wake(struct policy_guard *g, const struct policy_witness *now)
{
    int64_t back = minus(g->seen_ns, now->realtime_ns);
    int64_t off = minus(minus(now->realtime_ns, g->seen_ns), now->boottime_ns);
    if (back > POLICY_BACK_NS)
        suspect(g, POLICY_CLOCK_WENT_BACK, g->seen_ns, back);
    if (off > 0)
        spend(g, off, off > POLICY_SKEW_NS ? POLICY_CLOCK_GAP : POLICY_CLOCK_DRIFTED, g->seen_ns);
    refer(g, now);
}

/* ---- what times were when ------------------------------------------------------------------ */

/* G3: the one before which the clock leapt least: without it the line of the run before it goes on, and says that what is
 * later was later than it was. Where it went back each time, the first one: what was before is not known. */
static void thin_out(struct policy_guard *g)
{
    unsigned least = 0;
    int64_t lost = INT64_MAX;
    for (unsigned i = 1; i < g->run_count; i++) {
        int64_t d = minus(minus(g->runs[i].realtime_ns, g->runs[i - 1].realtime_ns),
                          minus(g->runs[i].ticks_ns, g->runs[i - 1].ticks_ns));
        if (d >= 0 && d < lost) {
            lost = d;
            least = i;
        }
    }
    memmove(g->runs + least, g->runs + least + 1, (g->run_count - least - 1) * sizeof *g->runs);
    g->run_count--;
}

/* A new run where the clock left the line of the last one. */
static void follow(struct policy_guard *g, int64_t now_ns)
{
    if (g->run_count) {
        const struct policy_run *r = &g->runs[g->run_count - 1];
        int64_t off = minus(minus(now_ns, r->realtime_ns), minus(g->ticks_ns, r->ticks_ns));
        if (off < NOTICE_NS && off > -SECOND_NS)
            return;
    }
    if (g->run_count == POLICY_RUNS_MAX)
        thin_out(g);
    g->runs[g->run_count++] = (struct policy_run){now_ns, g->ticks_ns};
}

static void see(struct policy_guard *g, const struct policy_witness *now)
{
    g->seen_ns = now->realtime_ns;
    g->seen_boottime_ns = now->boottime_ns;
    memcpy(g->boot_id, now->boot_id, sizeof g->boot_id);
}

void policy_guard_begin(struct policy_guard *g, const struct policy_witness *now)
{
    *g = (struct policy_guard){.why = POLICY_CLOCK_TRUSTED};
    refer(g, now);
    see(g, now);
    follow(g, now->realtime_ns);
}

void policy_guard_resume(struct policy_guard *g, const struct policy_witness *now)
{
    static const uint8_t unknown[POLICY_BOOT_BYTES];
    bool same = memcmp(g->boot_id, now->boot_id, POLICY_BOOT_BYTES) == 0 &&
                memcmp(g->boot_id, unknown, POLICY_BOOT_BYTES) != 0;
    if (same)
        watch(g, now);
    else
        wake(g, now);
    see(g, now);
    follow(g, now->realtime_ns);
}

void policy_guard_look(struct policy_guard *g, const struct policy_witness *now)
{
    int64_t passed = minus(now->boottime_ns, g->seen_boottime_ns);
    watch(g, now);
    if (passed > 0) /* G2 */
        g->ticks_ns = calendar_add(g->ticks_ns, passed);
    see(g, now);
    follow(g, now->realtime_ns);
}

void policy_guard_doubt(struct policy_guard *g, enum policy_clock_why why, int64_t against_ns, int64_t by_ns)
{
    suspect(g, why, against_ns, by_ns);
}

void policy_guard_confirm(struct policy_guard *g)
{
    g->why = POLICY_CLOCK_TRUSTED;
    g->against_ns = g->by_ns = g->moved_ns = 0;
    g->reference_ns = g->seen_ns;
    g->reference_boottime_ns = g->seen_boottime_ns;
}

void policy_guard_verdict(const struct policy_guard *g, struct policy_clock *out)
{
    *out = (struct policy_clock){.why = g->why, .now_ns = g->seen_ns, .against_ns = g->against_ns,
                                 .by_ns = g->by_ns};
}

/* ---- how long ago ---------------------------------------------------------------------------- */

/* The latest that it can have been, in ticks. */
static int64_t ticks_at(const struct policy_guard *g, int64_t time_ns)
{
    int64_t at = g->run_count ? g->runs[0].ticks_ns : g->ticks_ns;
    for (unsigned i = 0; i < g->run_count; i++) {
        if (g->runs[i].realtime_ns > time_ns)
            continue; /* later ones may have begun earlier, by their clock */
        int64_t end = i + 1 < g->run_count ? g->runs[i + 1].ticks_ns : g->ticks_ns;
        int64_t t = calendar_add(g->runs[i].ticks_ns, minus(time_ns, g->runs[i].realtime_ns));
        t = t < end ? t : end;
        at = t > at ? t : at;
    }
    return at;
}

int64_t policy_guard_elapsed(const struct policy_guard *g, int64_t since_ns)
{
    return minus(g->ticks_ns, ticks_at(g, since_ns));
}
