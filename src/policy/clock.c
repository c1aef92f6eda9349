/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging the clock. Knows no true time: it can only say that what the clock says
 * does not go together with what is known. It does not see a clock that was false
 * from the beginning, nor one that is moved by less than the limits of policy.h.
 *
 * T1 A witness counts only from the last confirmed one on: a person who confirms
 *    settles what was before.
 * T2 Evidence is not weighed: one contradiction is enough, and nothing that speaks
 *    for the clock makes up for it. What is older than the last witness of the same
 *    start counts in sum only, for that witness was believed.
 */
#include "policy/policy_internal.h"

#include <stdio.h>
#include <string.h>

/* a − b, at the ends of time where it leaves them. */
static int64_t minus(int64_t a, int64_t b)
{
    int64_t d;
    if (__builtin_sub_overflow(a, b, &d))
        return b < 0 ? INT64_MAX : INT64_MIN;
    return d;
}

static bool same_boot(const struct policy_witness *a, const struct policy_witness *b)
{
    static const uint8_t unknown[POLICY_BOOT_BYTES];
    return memcmp(a->boot_id, b->boot_id, POLICY_BOOT_BYTES) == 0 &&
           memcmp(a->boot_id, unknown, POLICY_BOOT_BYTES) != 0;
}

/* What a trial is about: the witnesses that count, then the reading itself. */
struct trial {
    const struct policy_witness *witnesses; /* from the last confirmed one on */
    size_t count;
    const int64_t *received;
    size_t received_count;
    const struct policy_witness *now;
    struct policy_clock *out;
};

static bool convict(struct trial *t, enum policy_clock_why why, int64_t against_ns, int64_t by_ns)
{
    t->out->why = why;
    t->out->against_ns = against_ns;
    t->out->by_ns = by_ns;
    return true;
}

static bool went_back(struct trial *t)
{
    int64_t latest = INT64_MIN;
    for (size_t i = 0; i < t->count; i++)
        if (t->witnesses[i].realtime_ns > latest)
            latest = t->witnesses[i].realtime_ns;
    int64_t by = t->count ? minus(latest, t->now->realtime_ns) : 0;
    return by > POLICY_BACK_NS && convict(t, POLICY_CLOCK_WENT_BACK, latest, by);
}

static bool before_a_record(struct trial *t)
{
    int64_t settled = t->count ? t->witnesses[t->count - 1].received_ns : INT64_MIN;
    int64_t latest = t->received_count ? t->received[t->received_count - 1] : INT64_MIN;
    if (latest <= settled)
        return false;
    int64_t by = minus(latest, t->now->realtime_ns);
    return by > POLICY_BACK_NS && convict(t, POLICY_CLOCK_PAST, latest, by);
}

/* The last one of the same start before number `i`, or NULL. */
static const struct policy_witness *before_in_boot(const struct trial *t, size_t i,
                                                   const struct policy_witness *w)
{
    while (i-- > 0)
        if (same_boot(&t->witnesses[i], w))
            return &t->witnesses[i];
    return NULL;
}

/* How far the two clocks went apart from `a` to `b`. */
static int64_t skew(const struct policy_witness *a, const struct policy_witness *b)
{
    int64_t d = minus(minus(b->realtime_ns, a->realtime_ns), minus(b->boottime_ns, a->boottime_ns));
    return d < 0 ? minus(0, d) : d;
}

static bool jumped_or_drifted(struct trial *t)
{
    int64_t sum = 0;
    for (size_t i = 0; i <= t->count; i++) {
        const struct policy_witness *w = i < t->count ? &t->witnesses[i] : t->now;
        const struct policy_witness *a = before_in_boot(t, i, w);
        if (!a)
            continue;
        if (w->boottime_ns < a->boottime_ns)
            return convict(t, POLICY_CLOCK_UNSOUND, a->realtime_ns, 0);
        int64_t by = skew(a, w);
        if (i == t->count && by > POLICY_JUMP_NS)
            return convict(t, POLICY_CLOCK_JUMPED, a->realtime_ns, by);
        sum = calendar_add(sum, by);
    }
    return sum > POLICY_SKEW_NS && convict(t, POLICY_CLOCK_DRIFTED, 0, sum);
}

/* The time without any sign of life since the last witness of another start. */
static bool has_gap(struct trial *t)
{
    const struct policy_witness *now = t->now;
    if (before_in_boot(t, t->count, now))
        return false; /* the time since the start bridges it */
    bool begun = t->count > 0;
    int64_t last = begun ? t->witnesses[t->count - 1].realtime_ns : 0;
    for (size_t i = 0; i <= t->received_count; i++) {
        int64_t at = i < t->received_count ? t->received[i] : now->realtime_ns;
        if (at > now->realtime_ns || (begun && at <= last))
            continue;
        if (begun && minus(at, last) > POLICY_GAP_NS)
            return convict(t, POLICY_CLOCK_GAP, last, minus(at, last));
        last = at;
        begun = true;
    }
    return false;
}

void policy_clock_judge(const struct policy_witness *witnesses, size_t count,
                        const int64_t *received, size_t received_count,
                        const struct policy_witness *now, struct policy_clock *out)
{
    size_t first = 0;
    for (size_t i = 0; i < count; i++)
        if (witnesses[i].confirmed)
            first = i;
    *out = (struct policy_clock){.why = POLICY_CLOCK_TRUSTED, .now_ns = now->realtime_ns};
    struct trial t = {
        .witnesses = count ? witnesses + first : NULL,
        .count = count - first,
        .received = received,
        .received_count = received_count,
        .now = now,
        .out = out,
    };
    (void)(went_back(&t) || before_a_record(&t) || jumped_or_drifted(&t) || has_gap(&t));
}

void policy_clock_text(const struct policy_clock *c, char out[POLICY_TEXT_BYTES])
{
    char now[CALENDAR_TEXT_BYTES], then[CALENDAR_TEXT_BYTES], by[CALENDAR_TEXT_BYTES];
    calendar_text(c->now_ns, now);
    calendar_text(c->against_ns, then);
    calendar_length_text(c->by_ns, by);
    switch (c->why) {
    case POLICY_CLOCK_TRUSTED:
        (void)snprintf(out, POLICY_TEXT_BYTES, "the clock goes together with all that is known");
        return;
    case POLICY_CLOCK_WENT_BACK:
        (void)snprintf(out, POLICY_TEXT_BYTES, "it says %s, %s before the time it was seen at (%s)",
                       now, by, then);
        return;
    case POLICY_CLOCK_PAST:
        (void)snprintf(out, POLICY_TEXT_BYTES,
                       "it says %s, %s before the newest snapshot was received (%s)", now, by,
                       then);
        return;
    case POLICY_CLOCK_JUMPED:
        (void)snprintf(out, POLICY_TEXT_BYTES, "it was moved by %s while the machine ran, after %s",
                       by, then);
        return;
    case POLICY_CLOCK_DRIFTED:
        (void)snprintf(out, POLICY_TEXT_BYTES,
                       "it was moved by %s in sum since somebody confirmed it", by);
        return;
    case POLICY_CLOCK_GAP:
        (void)snprintf(out, POLICY_TEXT_BYTES,
                       "it went on by %s after %s without a sign of life in between", by, then);
        return;
    case POLICY_CLOCK_UNSOUND:
    case POLICY_CLOCK_UNSET: break;
    }
    (void)snprintf(out, POLICY_TEXT_BYTES,
                   "what is known of it cannot be read or contradicts itself");
}
