/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding what is kept. The invariants M1 to M5 are in policy.h; what makes them
 * true is the order: rules speak first and can only add reasons to keep, then
 * protections add theirs, and what has no reason goes. Nothing ever takes a
 * reason away.
 */
#include "policy/policy_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* One rule while it goes from the newest snapshot of a group to the oldest. */
struct counter {
    uint64_t taken;
    int64_t last; /* bucket */
};

struct group {
    const struct policy_question *q;
    struct policy_decision *decisions;
    const uint32_t *members; /* newest first; places in the question */
    size_t count;
    int64_t newest_ns; /* of those that rules look at; not later than now */
    struct counter keep[POLICY_GRAINS], within[POLICY_GRAINS];
};

static void add(struct policy_decision *d, const struct policy_reason *r)
{
    d->reasons[d->reason_count++] = *r;
}

/* True if the snapshot is the first of its bucket that the counter sees. */
static bool is_new(struct counter *c, enum policy_grain g, int64_t ns)
{
    int64_t bucket = calendar_bucket(g, ns);
    bool fresh = c->taken == 0 || g == POLICY_EACH || bucket != c->last;
    c->last = bucket;
    return fresh;
}

static void count_rules(struct group *g, const struct policy_snapshot *s, bool oldest,
                        struct policy_decision *d)
{
    for (int i = 0; i < POLICY_GRAINS; i++) {
        struct counter *c = &g->keep[i];
        uint64_t of = g->q->rules->keep[i];
        if (c->taken >= of)
            continue;
        bool fresh = is_new(c, (enum policy_grain)i, s->dated_ns);
        if (!fresh && !oldest)
            continue;
        c->taken++;
        add(d, &(struct policy_reason){.why = POLICY_WHY_RULE,
                                       .grain = (enum policy_grain)i,
                                       .oldest = !fresh,
                                       .number = c->taken,
                                       .of = of});
    }
}

static void within_rules(struct group *g, const struct policy_snapshot *s, bool oldest,
                         struct policy_decision *d)
{
    for (int i = 0; i < POLICY_GRAINS; i++) {
        struct counter *c = &g->within[i];
        const struct policy_span *span = &g->q->rules->within[i];
        if (policy_span_is_zero(span) || s->dated_ns < policy_span_before(span, g->newest_ns))
            continue;
        bool fresh = is_new(c, (enum policy_grain)i, s->dated_ns);
        if (!fresh && !oldest)
            continue;
        c->taken++;
        add(d, &(struct policy_reason){.why = POLICY_WHY_WITHIN,
                                       .grain = (enum policy_grain)i,
                                       .oldest = !fresh,
                                       .number = c->taken,
                                       .span = *span});
    }
}

static bool has_tag(const struct policy_snapshot *s, const char *tag, size_t len)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (strlen(s->tags[i]) == len && memcmp(s->tags[i], tag, len) == 0)
            return true;
    return false;
}

static bool has_all_tags(const struct policy_snapshot *s, const char *commas)
{
    for (const char *p = commas;; p++) {
        size_t n = strcspn(p, ",");
        if (n > 0 && !has_tag(s, p, n))
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

static void tag_rules(const struct policy_rules *r, const struct policy_snapshot *s,
                      struct policy_decision *d)
{
    for (size_t i = 0; i < r->tag_count; i++) {
        if (has_all_tags(s, r->tags[i])) {
            add(d, &(struct policy_reason){.why = POLICY_WHY_TAG, .text = r->tags[i]});
            return;
        }
    }
}

/* ---- protections -------------------------------------------------------------------- */

static bool is_future(const struct policy_snapshot *s, const struct policy_clock *clock)
{
    return s->received_ns > clock->now_ns;
}

bool policy_protects(const struct policy_snapshot *s, int64_t floor_ns,
                     const struct policy_clock *clock, struct policy_decision *d)
{
    size_t before = d->reason_count;
    if (s->doubtful)
        add(d, &(struct policy_reason){.why = POLICY_WHY_DOUBT});
    if (s->hold_reason)
        add(d, &(struct policy_reason){.why = POLICY_WHY_HOLD, .text = s->hold_reason});
    if (s->locked_until_ns > clock->now_ns)
        add(d, &(struct policy_reason){.why = POLICY_WHY_LOCK, .until_ns = s->locked_until_ns});
    int64_t of_age = calendar_add(s->received_ns, floor_ns);
    if (is_future(s, clock))
        add(d, &(struct policy_reason){.why = POLICY_WHY_FUTURE});
    else if (floor_ns > 0 && of_age > clock->now_ns)
        add(d, &(struct policy_reason){
                   .why = POLICY_WHY_FLOOR, .until_ns = of_age, .length_ns = floor_ns});
    if (!policy_clock_trusted(clock))
        add(d, &(struct policy_reason){.why = POLICY_WHY_CLOCK});
    return d->reason_count > before;
}

/* ---- groups -------------------------------------------------------------------------- */

static int compare_groups(const struct policy_question *q, const struct policy_snapshot *a,
                          const struct policy_snapshot *b)
{
    switch (q->group_by) {
    case POLICY_BY_GROUP: return memcmp(a->group, b->group, POLICY_GROUP_BYTES);
    case POLICY_BY_MACHINE: return strcmp(a->machine, b->machine);
    case POLICY_BY_NOTHING: break;
    }
    return 0;
}

/* By group, then newest first. */
static int compare_members(const void *x, const void *y, void *arg)
{
    const struct policy_question *q = arg;
    const struct policy_snapshot *a = &q->snapshots[*(const uint32_t *)x];
    const struct policy_snapshot *b = &q->snapshots[*(const uint32_t *)y];
    int order = compare_groups(q, a, b);
    if (order)
        return order;
    if (a->dated_ns != b->dated_ns)
        return a->dated_ns < b->dated_ns ? 1 : -1;
    return a->sequence < b->sequence ? 1 : a->sequence > b->sequence ? -1 : 0;
}

/* What rules look at: not the trash, not the future (M4). */
static bool takes_part(const struct group *g, size_t i)
{
    const struct policy_snapshot *s = &g->q->snapshots[g->members[i]];
    return !s->forgotten && !is_future(s, g->q->clock);
}

static void rules_speak(struct group *g)
{
    size_t oldest = g->count;
    bool any = false;
    for (size_t i = 0; i < g->count; i++) {
        if (!takes_part(g, i))
            continue;
        oldest = i;
        if (!any)
            g->newest_ns = g->q->snapshots[g->members[i]].dated_ns;
        any = true;
    }
    for (size_t i = 0; i < g->count; i++) {
        const struct policy_snapshot *s = &g->q->snapshots[g->members[i]];
        struct policy_decision *d = &g->decisions[g->members[i]];
        if (!takes_part(g, i))
            continue;
        count_rules(g, s, i == oldest, d);
        within_rules(g, s, i == oldest, d);
        tag_rules(g->q->rules, s, d);
        d->by_rule = d->reason_count > 0;
    }
}

static void settle(const struct policy_question *q, size_t i, struct policy_decision *d)
{
    const struct policy_snapshot *s = &q->snapshots[i];
    if (s->forgotten) {
        add(d, &(struct policy_reason){.why = POLICY_WHY_TRASH});
        return;
    }
    bool protected = policy_protects(s, q->floor_ns, q->clock, d);
    d->keep = d->by_rule || protected;
    if (!d->keep)
        add(d, &(struct policy_reason){.why = POLICY_WHY_NO_RULE});
}

/* M5 */
static int refuse_nothing(const struct group *g, struct err *e)
{
    const struct policy_snapshot *first = NULL;
    size_t living = 0;
    for (size_t i = 0; i < g->count; i++) {
        const struct policy_snapshot *s = &g->q->snapshots[g->members[i]];
        if (s->forgotten)
            continue;
        if (g->decisions[g->members[i]].by_rule)
            return 0;
        first = first ? first : s;
        living++;
    }
    if (!first || g->q->allow_remove_all)
        return 0;
    return err_set(
        e, ERR_USAGE,
        "the rules would keep none of %zu snapshot%s of '%s': give rules that keep one, or "
        "--unsafe-allow-remove-all if that is what you want",
        living, living == 1 ? "" : "s",
        g->q->group_by == POLICY_BY_NOTHING ? "the vault" : first->machine);
}

static int decide_group(struct group *g, struct err *e)
{
    rules_speak(g);
    for (size_t i = 0; i < g->count; i++)
        settle(g->q, g->members[i], &g->decisions[g->members[i]]);
    return refuse_nothing(g, e);
}

static int decide_groups(const struct policy_question *q, const uint32_t *members,
                         struct policy_decision *decisions, struct err *e)
{
    for (size_t from = 0, to; from < q->count; from = to) {
        const struct policy_snapshot *first = &q->snapshots[members[from]];
        for (to = from + 1; to < q->count; to++)
            if (compare_groups(q, first, &q->snapshots[members[to]]) != 0)
                break;
        struct group g = {
            .q = q, .decisions = decisions, .members = members + from, .count = to - from};
        if (decide_group(&g, e))
            return -1;
    }
    return 0;
}

int policy_decide(const struct policy_question *q, struct policy_decision *decisions_out,
                  struct err *e)
{
    if (policy_rules_check(q->rules, e))
        return -1;
    if (q->count == 0)
        return 0;
    if (q->count > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "%zu snapshots are too many to decide about", q->count);
    CLEANUP_FREE uint32_t *members = mem_array(q->count, sizeof *members);
    CLEANUP_FREE struct policy_decision *decisions = mem_array(q->count, sizeof *decisions);
    if (!members || !decisions)
        return err_no_memory(e, "deciding what is kept");
    for (size_t i = 0; i < q->count; i++)
        members[i] = (uint32_t)i;
    qsort_r(members, q->count, sizeof *members, compare_members, (void *)(uintptr_t)q);
    if (decide_groups(q, members, decisions, e))
        return -1;
    memcpy(decisions_out, decisions, q->count * sizeof *decisions);
    return 0;
}
