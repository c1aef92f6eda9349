/* SPDX-License-Identifier: Apache-2.0 */
/*
 * M1 to M5 with random groups, rules, floors and clocks. The seed is printed;
 * ABRI_TEST_SEED replays one.
 */
#include "policy_test.h"

#define MAX    40
#define ROUNDS 4000

struct world {
    struct policy_snapshot s[MAX];
    uint8_t groups[3][POLICY_GROUP_BYTES];
    size_t count;
    struct policy_rules rules;
    struct policy_clock clock;
    int64_t floor_ns;
};

static uint64_t pick(uint64_t *seed, uint64_t below)
{
    return next_random(seed) % below;
}

static struct policy_snapshot random_snapshot(struct world *w, uint64_t *seed, size_t i, int64_t t)
{
    static const char tags[][256] = {"keep"};
    static const char *const machines[] = {"a", "b"};
    struct policy_snapshot s = {
        .sequence = i + 1,
        .received_ns = t,
        .dated_ns = pick(seed, 4) ? t : t - (int64_t)pick(seed, (uint64_t)(90 * DAY)), /* a copy */
        .group = w->groups[pick(seed, 3)],
        .machine = machines[pick(seed, 2)],
        .tags = tags,
        .tag_count = pick(seed, 8) == 0,
        .doubtful = pick(seed, 30) == 0,
        .forgotten = pick(seed, 10) == 0,
    };
    if (pick(seed, 10) == 0)
        s.hold_reason = "why";
    if (pick(seed, 10) == 0)
        s.locked_until_ns = t + (int64_t)pick(seed, (uint64_t)(60 * DAY));
    return s;
}

static void random_rules(struct policy_rules *r, uint64_t *seed)
{
    static const char *const lists[] = {"keep"};
    do {
        *r = (struct policy_rules){.tags = lists, .tag_count = pick(seed, 3) == 0};
        for (int g = 0; g < POLICY_GRAINS; g++) {
            if (pick(seed, 3) == 0)
                r->keep[g] = pick(seed, 12) ? 1 + pick(seed, 9) : POLICY_UNLIMITED;
            if (pick(seed, 5) == 0)
                r->within[g] = (struct policy_span){.days = (uint32_t)pick(seed, 60),
                                                    .hours = (uint32_t)pick(seed, 30)};
        }
    } while (policy_rules_check(r, NULL));
}

static void random_world(struct world *w, uint64_t *seed)
{
    *w = (struct world){.count = pick(seed, MAX), .clock.why = POLICY_CLOCK_TRUSTED};
    int64_t t = at("2026-01-01"), step = (int64_t)1 << (35 + pick(seed, 16));
    for (size_t g = 0; g < 3; g++)
        w->groups[g][0] = (uint8_t)g;
    for (size_t i = 0; i < w->count; i++) {
        t += (int64_t)pick(seed, (uint64_t)step);
        w->s[i] = random_snapshot(w, seed, i, t);
    }
    w->clock.now_ns = t + (int64_t)pick(seed, (uint64_t)(50 * DAY)) - 2 * DAY;
    w->floor_ns = pick(seed, 3) ? (int64_t)pick(seed, (uint64_t)(40 * DAY)) : 0;
    if (pick(seed, 20) == 0)
        w->clock.why = POLICY_CLOCK_JUMPED;
    random_rules(&w->rules, seed);
}

static void decide(const struct world *w, struct policy_decision d[MAX + 1])
{
    struct err e = ERR_INIT;
    struct policy_question q = {.snapshots = w->s,
                                .count = w->count,
                                .rules = &w->rules,
                                .floor_ns = w->floor_ns,
                                .clock = &w->clock,
                                .allow_remove_all = true};
    if (policy_decide(&q, d, &e))
        fail_msg("%s", e.msg);
}

/* M1 to M4 on what was decided. */
static void assert_protected(const struct world *w, const struct policy_decision *d)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct policy_snapshot *s = &w->s[i];
        assert_true(d[i].reason_count >= 1 && d[i].reason_count <= POLICY_REASONS_MAX);
        if (s->forgotten) {
            assert_false(d[i].keep);
            continue;
        }
        bool must = s->received_ns > w->clock.now_ns - w->floor_ns || s->hold_reason ||
                    s->doubtful || s->locked_until_ns > w->clock.now_ns ||
                    s->received_ns > w->clock.now_ns || w->clock.why != POLICY_CLOCK_TRUSTED;
        if (must)
            assert_true(d[i].keep);
        assert_true(d[i].keep ||
                    (d[i].reason_count == 1 && d[i].reasons[0].why == POLICY_WHY_NO_RULE));
    }
}

/* M5: what is accepted without leave keeps one of each group by a rule. */
static void assert_one_of_each_group(const struct world *w, const struct policy_decision *d)
{
    for (size_t g = 0; g < 3; g++) {
        bool any = false, kept = false;
        for (size_t i = 0; i < w->count; i++) {
            bool mine = w->s[i].group == w->groups[g] && !w->s[i].forgotten;
            any = any || mine;
            kept = kept || (mine && d[i].by_rule);
        }
        assert_true(kept || !any);
    }
}

static void decisions_hold_what_is_promised(uint64_t seed)
{
    struct world w;
    struct policy_decision d[MAX + 1];
    struct policy_question q = {0};
    struct err e = ERR_INIT;
    random_world(&w, &seed);
    decide(&w, d);
    assert_protected(&w, d);
    q = (struct policy_question){.snapshots = w.s,
                                 .count = w.count,
                                 .rules = &w.rules,
                                 .floor_ns = w.floor_ns,
                                 .clock = &w.clock};
    if (policy_decide(&q, d, &e) == 0)
        assert_one_of_each_group(&w, d);
    else
        assert_int_equal(e.cls, ERR_USAGE);
}

/* M1: newer snapshots, of whatever number, never evict one before its floor, and a
 * higher floor lets nothing go that a lower one kept. */
static void floors_and_newcomers_are_monotone(uint64_t seed)
{
    struct world w;
    struct policy_decision before[MAX + 1], after[MAX + 1];
    random_world(&w, &seed);
    w.count = w.count > 20 ? 20 : w.count;
    decide(&w, before);
    struct world higher = w;
    higher.floor_ns += (int64_t)pick(&seed, (uint64_t)(30 * DAY));
    decide(&higher, after);
    for (size_t i = 0; i < w.count; i++)
        assert_true(!before[i].keep || after[i].keep);
    struct world more = w;
    for (more.count = w.count; more.count < MAX; more.count++)
        more.s[more.count] = random_snapshot(&more, &seed, more.count, w.clock.now_ns);
    decide(&more, after);
    for (size_t i = 0; i < w.count; i++)
        if (!w.s[i].forgotten && w.s[i].received_ns + w.floor_ns > w.clock.now_ns)
            assert_true(after[i].keep);
}

/* A rule more, or a number more, keeps at least what was kept. */
static void more_rules_keep_more(uint64_t seed)
{
    struct world w;
    struct policy_decision before[MAX + 1], after[MAX + 1];
    random_world(&w, &seed);
    decide(&w, before);
    int g = (int)pick(&seed, POLICY_GRAINS);
    if (w.rules.keep[g] != POLICY_UNLIMITED)
        w.rules.keep[g] += 1 + pick(&seed, 5);
    if (policy_rules_check(&w.rules, NULL))
        return;
    decide(&w, after);
    for (size_t i = 0; i < w.count; i++)
        assert_true(!before[i].by_rule || after[i].by_rule || before[i].reasons[0].oldest);
}

/* Forgetting what was decided and deciding again at once forgets nothing more. */
static void deciding_again_changes_nothing(uint64_t seed)
{
    struct world w;
    struct policy_decision before[MAX + 1], after[MAX + 1];
    random_world(&w, &seed);
    decide(&w, before);
    for (size_t i = 0; i < w.count; i++)
        w.s[i].forgotten = w.s[i].forgotten || !before[i].keep;
    decide(&w, after);
    for (size_t i = 0; i < w.count; i++)
        assert_true(!before[i].keep || after[i].keep);
}

/* The sequence of restic's attack: a burst of empty snapshots at the end of each
 * day, for a year; what came before is kept for as long as the floor says. */
static void a_burst_evicts_nothing_before_its_floor(void **state)
{
    (void)state;
    enum { OLD = 10, BURST = 30 };
    uint8_t group[POLICY_GROUP_BYTES] = {0};
    struct world w = {.clock.why = POLICY_CLOCK_TRUSTED, .floor_ns = 30 * DAY};
    struct policy_decision d[MAX + 1];
    w.rules.keep[POLICY_DAILY] = 7;
    for (size_t i = 0; i < OLD + BURST; i++) {
        int64_t t = i < OLD ? (int64_t)i * DAY : (OLD - 1) * DAY + (int64_t)(i - OLD) * HOUR;
        w.s[i] = (struct policy_snapshot){
            .sequence = i + 1, .group = group, .machine = "m", .received_ns = t, .dated_ns = t};
    }
    w.count = OLD + BURST;
    for (int day = 0; day < 60; day++) {
        w.clock.now_ns = (OLD + 1 + day) * DAY;
        decide(&w, d);
        for (size_t i = 0; i < OLD; i++)
            if (w.s[i].received_ns + w.floor_ns > w.clock.now_ns)
                assert_true(d[i].keep);
    }
}

static void the_promises_hold(void **state)
{
    (void)state;
    const char *given = getenv("ABRI_TEST_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * ROUNDS;
    for (uint64_t i = 0; i < (given ? 1 : ROUNDS); i++) {
        static uint64_t seed;
        seed = first + i;
        if (i == 0)
            print_message("ABRI_TEST_SEED=%llu and the %d after it\n", (unsigned long long)seed,
                          ROUNDS);
        decisions_hold_what_is_promised(seed);
        floors_and_newcomers_are_monotone(seed);
        more_rules_keep_more(seed);
        deciding_again_changes_nothing(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_promises_hold),
        cmocka_unit_test(a_burst_evicts_nothing_before_its_floor),
    };
    return cmocka_run_group_tests_name("policy/properties", tests, NULL, NULL);
}
