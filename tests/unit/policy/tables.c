/* SPDX-License-Identifier: Apache-2.0 */
/* Examples of decisions: which snapshots rules keep, and with which words. */
#include "policy_test.h"

#define MAX 64

static const struct policy_clock noon = {.why = POLICY_CLOCK_TRUSTED};

struct scene {
    struct policy_snapshot s[MAX];
    struct policy_decision d[MAX];
    size_t count;
    struct policy_rules rules;
    struct policy_question q;
    struct policy_clock clock;
};

static const uint8_t one_group[POLICY_GROUP_BYTES] = {1}, other_group[POLICY_GROUP_BYTES] = {2};

/* Snapshots at the given times, oldest first; it is a day after the last. */
static void scene(struct scene *sc, const char *const *times, size_t count)
{
    *sc = (struct scene){.count = count, .clock = noon};
    for (size_t i = 0; i < count; i++)
        sc->s[i] = (struct policy_snapshot){
            .sequence = i + 1, .received_ns = at(times[i]), .dated_ns = at(times[i]),
            .group = one_group, .machine = "web-1"};
    sc->clock.now_ns = count ? sc->s[count - 1].received_ns + DAY : DAY;
    sc->q = (struct policy_question){
        .snapshots = sc->s, .count = count, .rules = &sc->rules, .clock = &sc->clock};
}

static int decide(struct scene *sc, struct err *e)
{
    return policy_decide(&sc->q, sc->d, e);
}

/* "x" for each that is kept, "." for each that goes. */
static void expect(struct scene *sc, const char *pattern)
{
    struct err e = ERR_INIT;
    char got[MAX + 1] = "";
    if (decide(sc, &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < sc->count; i++)
        got[i] = sc->d[i].keep ? 'x' : '.';
    assert_string_equal(got, pattern);
}

/* All reasons of one, joined. */
static void expect_reasons(struct scene *sc, size_t i, const char *expected)
{
    char all[2 * POLICY_TEXT_BYTES] = "", text[POLICY_TEXT_BYTES];
    for (size_t r = 0; r < sc->d[i].reason_count; r++) {
        policy_reason_text(&sc->d[i].reasons[r], &sc->clock, text);
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", used ? "; " : "", text);
    }
    assert_string_equal(all, expected);
}

static const char *const week[] = {
    "2026-11-16 06:00", "2026-11-16 18:00", "2026-11-17 06:00", "2026-11-17 18:00",
    "2026-11-19 06:00", "2026-11-19 18:00", "2026-11-20 06:00", "2026-11-20 06:30",
};
#define WEEK sizeof week / sizeof *week

static void the_newest_are_kept(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 3;
    expect(&sc, ".....xxx");
    expect_reasons(&sc, 7, "last 1 of 3");
    expect_reasons(&sc, 5, "last 3 of 3");
    expect_reasons(&sc, 0, "no rule keeps it");
}

static void the_newest_of_each_day_that_has_one(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_DAILY] = 3;
    expect(&sc, "...x.x.x");
    expect_reasons(&sc, 3, "daily 3 of 3");
    sc.rules.keep[POLICY_DAILY] = POLICY_UNLIMITED;
    expect(&sc, "xx.x.x.x"); /* the oldest, as well */
    expect_reasons(&sc, 1, "daily 4");
    expect_reasons(&sc, 0, "oldest, daily 5");
}

static void hours_are_hours(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_HOURLY] = 2;
    expect(&sc, ".....x.x");
}

static const char *const years[] = {
    "2023-12-31 12:00", "2024-01-01 12:00", "2024-06-30 12:00", "2024-12-30 12:00",
    "2025-01-02 12:00", "2025-12-28 12:00", "2025-12-29 12:00", "2026-01-04 12:00",
    "2026-01-05 12:00", "2026-02-01 12:00",
};
#define YEARS sizeof years / sizeof *years

/* 2025-12-29 to 2026-01-04 is one week, in two years; so is 2024-12-30 to 2025-01-05. */
static void weeks_run_from_monday_across_the_years(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, years, YEARS);
    sc.rules.keep[POLICY_WEEKLY] = 6;
    expect(&sc, "..x.xx.xxx");
    sc.rules.keep[POLICY_WEEKLY] = 0;
    sc.rules.keep[POLICY_YEARLY] = 3;
    expect(&sc, "...x..x..x");
    sc.rules.keep[POLICY_YEARLY] = 0;
    sc.rules.keep[POLICY_MONTHLY] = 4;
    expect(&sc, "....x.x.xx");
}

static void the_oldest_stays_until_the_number_is_filled(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, years, YEARS);
    sc.rules.keep[POLICY_YEARLY] = 5;
    expect(&sc, "x..x..x..x"); /* four years: the oldest is the newest of its own */
    scene(&sc, years + 1, YEARS - 1);
    sc.rules.keep[POLICY_YEARLY] = 5;
    expect(&sc, "x.x..x..x");
    expect_reasons(&sc, 0, "oldest, yearly 4 of 5");
    sc.rules.keep[POLICY_YEARLY] = 3;
    expect(&sc, "..x..x..x");
}

static void rules_add_up(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 1;
    sc.rules.keep[POLICY_DAILY] = 2;
    sc.rules.keep[POLICY_WEEKLY] = 1;
    expect(&sc, ".....x.x");
    expect_reasons(&sc, 7, "last 1 of 1; daily 1 of 2; weekly 1 of 1");
    expect_reasons(&sc, 5, "daily 2 of 2");
}

static void within_counts_from_the_newest_not_from_now(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.clock.now_ns += 400 * DAY;
    sc.rules.within[POLICY_EACH] = (struct policy_span){.days = 1};
    expect(&sc, ".....xxx");
    expect_reasons(&sc, 5, "within 1d");
    sc.rules.within[POLICY_DAILY] = (struct policy_span){.days = 3, .hours = 12};
    expect(&sc, "...x.xxx");
    expect_reasons(&sc, 3, "daily within 3d12h");
}

/* What came from another vault is as old as it was there, for the rules; for the
 * floor it is as old as it is here. */
static void copies_keep_their_dates(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    int64_t arrived = sc.s[WEEK - 1].received_ns;
    for (size_t i = 0; i < WEEK; i++)
        sc.s[i].received_ns = arrived;
    sc.clock.now_ns = arrived + DAY;
    sc.rules.keep[POLICY_DAILY] = 3;
    struct scene plain;
    scene(&plain, week, WEEK);
    plain.clock.now_ns = sc.clock.now_ns;
    plain.rules.keep[POLICY_DAILY] = 3;
    struct policy_decision a[WEEK], b[WEEK];
    assert_int_equal(policy_decide(&sc.q, a, NULL), 0);
    assert_int_equal(policy_decide(&plain.q, b, NULL), 0);
    for (size_t i = 0; i < WEEK; i++)
        assert_int_equal(a[i].keep, b[i].keep);
    sc.q.floor_ns = 2 * DAY;
    expect(&sc, "xxxxxxxx");
    sc.clock.now_ns = arrived + 2 * DAY;
    assert_int_equal(policy_decide(&sc.q, a, NULL), 0);
    for (size_t i = 0; i < WEEK; i++)
        assert_int_equal(a[i].keep, b[i].keep);
}

/* A record that a false clock dated must not make all others too old. */
static void a_snapshot_of_the_future_takes_nobody_s_place(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.s[7].received_ns = sc.s[7].dated_ns = at("2036-01-01");
    sc.clock.now_ns = at("2026-11-21");
    sc.rules.within[POLICY_EACH] = (struct policy_span){.days = 1};
    expect(&sc, "....xxxx");
    expect_reasons(&sc, 7, "received later than now, by the clock");
    sc.rules.within[POLICY_EACH] = (struct policy_span){0};
    sc.rules.keep[POLICY_EACH] = 2;
    expect(&sc, ".....xxx");
}

static void tags_keep(void **state)
{
    (void)state;
    static const char both[][256] = {"a", "b"}, one[][256] = {"a"};
    static const char *const lists[] = {"a,b", "c"};
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.s[2].tags = both;
    sc.s[2].tag_count = 2;
    sc.s[3].tags = one;
    sc.s[3].tag_count = 1;
    sc.rules.tags = lists;
    sc.rules.tag_count = 2;
    expect(&sc, "..x.....");
    expect_reasons(&sc, 2, "tag 'a,b'");
}

static void protections_keep_what_rules_would_not(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 1;
    sc.clock.now_ns = at("2026-11-21 00:00");
    sc.s[0].locked_until_ns = at("2026-12-24");
    sc.s[1].locked_until_ns = at("2026-11-20"); /* over */
    sc.s[2].hold_reason = "looks encrypted";
    sc.s[3].doubtful = true;
    sc.q.floor_ns = 36 * HOUR;
    expect(&sc, "x.xx.xxx");
    expect_reasons(&sc, 0, "locked until 2026-12-24 00:00:00 UTC");
    expect_reasons(&sc, 2, "held: looks encrypted");
    expect_reasons(&sc, 3, "a mark of it cannot be read");
    expect_reasons(&sc, 5, "younger than the floor of 36 h, until 2026-11-21 06:00:00 UTC");
}

/* To the nanosecond: at the floor's age it may go, a nanosecond before it may not; a lock
 * ends at its end. */
static void floors_and_locks_end_when_they_say(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 1;
    sc.q.floor_ns = 2 * DAY;
    sc.clock.now_ns = sc.s[4].received_ns + sc.q.floor_ns;
    sc.s[0].locked_until_ns = sc.clock.now_ns;
    expect(&sc, ".....xxx");
    sc.clock.now_ns--;
    expect(&sc, "x...xxxx");
}

static void a_clock_that_is_not_trusted_keeps_everything(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 1;
    sc.clock.why = POLICY_CLOCK_JUMPED;
    expect(&sc, "xxxxxxxx");
    assert_false(sc.d[0].by_rule);
    assert_true(sc.d[7].by_rule);
    sc.clock.why = POLICY_CLOCK_UNSET;
    expect(&sc, "xxxxxxxx");
}

static void the_trash_takes_no_place(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 2;
    sc.s[7].forgotten = sc.s[6].forgotten = true;
    expect(&sc, "....xx..");
    expect_reasons(&sc, 7, "in the trash already");
}

static void each_group_counts_by_itself(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.keep[POLICY_EACH] = 1;
    for (size_t i = 0; i < WEEK; i += 2) {
        sc.s[i].group = other_group;
        sc.s[i].machine = "web-2";
    }
    expect(&sc, "......xx");
    sc.q.group_by = POLICY_BY_MACHINE;
    sc.s[0].machine = "web-3";
    expect(&sc, "x.....xx");
    sc.q.group_by = POLICY_BY_NOTHING;
    expect(&sc, ".......x");
}

/* The order of the question does not matter; sequences count. */
static void the_order_of_the_question_does_not_matter(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    struct policy_snapshot t = sc.s[0];
    sc.s[0] = sc.s[7];
    sc.s[7] = t;
    sc.rules.keep[POLICY_EACH] = 2;
    expect(&sc, "x.....x.");
}

/* ---- refused -------------------------------------------------------------------------- */

static void expect_refused(struct scene *sc, const char *words)
{
    struct err e = ERR_INIT;
    assert_int_equal(decide(sc, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    if (!strstr(e.msg, words))
        fail_msg("'%s' does not say '%s'", e.msg, words);
}

static void rules_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, WEEK);
    expect_refused(&sc, "no rule");
    sc.rules.keep[POLICY_DAILY] = POLICY_UNLIMITED;
    sc.rules.keep[POLICY_WEEKLY] = 4;
    expect_refused(&sc, "contradict");
    sc.rules.keep[POLICY_WEEKLY] = 0;
    sc.rules.keep[POLICY_HOURLY] = 24;
    expect(&sc, "xxxxxx.x");
    sc.rules.within[POLICY_EACH] = (struct policy_span){.days = 30};
    sc.rules.within[POLICY_DAILY] = (struct policy_span){.days = 7};
    expect_refused(&sc, "keep-within-daily");
    sc.rules.within[POLICY_DAILY] = (struct policy_span){.days = 31};
    expect(&sc, "xxxxxxxx");
}

static void rules_that_keep_nothing_of_a_group_are_refused(void **state)
{
    (void)state;
    static const char tagged[][256] = {"a"};
    static const char *const lists[] = {"a"};
    struct scene sc;
    scene(&sc, week, WEEK);
    sc.rules.tags = lists;
    sc.rules.tag_count = 1;
    sc.q.floor_ns = 3650 * DAY; /* a protection is no rule */
    sc.s[1].hold_reason = "x";
    expect_refused(&sc, "none of 8 snapshots of 'web-1'");
    sc.s[0].tags = tagged;
    sc.s[0].tag_count = 1;
    expect(&sc, "xxxxxxxx");
    sc.s[3].group = other_group;
    expect_refused(&sc, "none of 1 snapshot of 'web-1'");
    sc.q.allow_remove_all = true;
    sc.q.floor_ns = 0;
    expect(&sc, "xx......");
    sc.q.allow_remove_all = false;
    sc.s[3].forgotten = true; /* nothing is left of that group already */
    expect(&sc, "xx......");
}

static void an_empty_vault_is_fine(void **state)
{
    (void)state;
    struct scene sc;
    scene(&sc, week, 0);
    sc.rules.keep[POLICY_EACH] = 1;
    expect(&sc, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_are_kept),
        cmocka_unit_test(the_newest_of_each_day_that_has_one),
        cmocka_unit_test(hours_are_hours),
        cmocka_unit_test(weeks_run_from_monday_across_the_years),
        cmocka_unit_test(the_oldest_stays_until_the_number_is_filled),
        cmocka_unit_test(rules_add_up),
        cmocka_unit_test(within_counts_from_the_newest_not_from_now),
        cmocka_unit_test(copies_keep_their_dates),
        cmocka_unit_test(a_snapshot_of_the_future_takes_nobody_s_place),
        cmocka_unit_test(tags_keep),
        cmocka_unit_test(protections_keep_what_rules_would_not),
        cmocka_unit_test(floors_and_locks_end_when_they_say),
        cmocka_unit_test(a_clock_that_is_not_trusted_keeps_everything),
        cmocka_unit_test(the_trash_takes_no_place),
        cmocka_unit_test(each_group_counts_by_itself),
        cmocka_unit_test(the_order_of_the_question_does_not_matter),
        cmocka_unit_test(rules_that_contradict_each_other_are_refused),
        cmocka_unit_test(rules_that_keep_nothing_of_a_group_are_refused),
        cmocka_unit_test(an_empty_vault_is_fine),
    };
    return cmocka_run_group_tests_name("policy/tables", tests, NULL, NULL);
}
