/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that is watched: what makes it doubted, that doubt stays (G1), that only ticks pass (G2), and that what
 * is forgotten makes time look shorter (G3). */
#include "policy_test.h"

#include <stdlib.h>

#define T0     (INT64_C(1795000000) * SECOND)
#define MINUTE (60 * SECOND)

/* The world: true time goes on, the clock is `off` from it. */
struct world {
    int64_t time, off, boot_at;
    uint8_t boot;
};
static struct policy_guard g;

static struct policy_witness reading(const struct world *w)
{
    struct policy_witness r = {.realtime_ns = w->time + w->off, .boottime_ns = w->time - w->boot_at};
    memset(r.boot_id, w->boot, sizeof r.boot_id);
    return r;
}
static void begin(struct world *w)
{
    *w = (struct world){.time = T0, .boot_at = T0 - HOUR, .boot = 1};
    policy_guard_begin(&g, &(struct policy_witness){.realtime_ns = T0, .boottime_ns = HOUR, .boot_id = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}});
}
static void run(struct world *w, int64_t length, int64_t step)
{
    for (int64_t left = length; left > 0; left -= step) {
        w->time += step < left ? step : left;
        const struct policy_witness r = reading(w);
        policy_guard_look(&g, &r);
    }
}
/* The program is not there for a time; the machine only if `off`. */
static void rest(struct world *w, int64_t length, bool off)
{
    w->time += length;
    if (off) {
        w->boot++;
        w->boot_at = w->time - MINUTE;
    }
    const struct policy_witness r = reading(w);
    policy_guard_resume(&g, &r);
}
static enum policy_clock_why verdict(void)
{
    struct policy_clock c;
    char text[POLICY_TEXT_BYTES];
    policy_guard_verdict(&g, &c);
    policy_clock_text(&c, text);
    assert_true(strlen(text) > 10);
    assert_int_equal(c.now_ns, g.seen_ns);
    return c.why;
}

static void a_steady_clock_is_trusted_for_years(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    for (int i = 0; i < 1000; i++) {
        run(&w, 2 * DAY, HOUR);
        rest(&w, 20 * SECOND, false); /* an upgrade */
        if (i % 30 == 0)
            rest(&w, 10 * MINUTE, true); /* a new kernel */
        w.off += i % 2 ? SECOND : -SECOND;
    }
    assert_int_equal(verdict(), POLICY_CLOCK_TRUSTED);
    assert_true(g.run_count < POLICY_RUNS_MAX);
}

static void a_jump_of_more_than_an_hour_is_doubted(void **state)
{
    (void)state;
    for (int way = -1; way <= 1; way += 2) {
        struct world w;
        begin(&w);
        run(&w, DAY, MINUTE);
        w.off += way * (HOUR - MINUTE);
        run(&w, MINUTE, MINUTE);
        assert_int_equal(verdict(), POLICY_CLOCK_TRUSTED);
        w.off += way * (HOUR + SECOND);
        run(&w, MINUTE, MINUTE);
        assert_int_equal(verdict(), POLICY_CLOCK_JUMPED);
        w.off = 0; /* G1 */
        run(&w, 30 * DAY, HOUR);
        assert_int_equal(verdict(), POLICY_CLOCK_JUMPED);
        policy_guard_confirm(&g);
        run(&w, 30 * DAY, HOUR);
        assert_int_equal(verdict(), POLICY_CLOCK_TRUSTED);
    }
}

static void a_jump_while_the_program_rests_is_doubted(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.off += 2 * HOUR;
    rest(&w, MINUTE, false);
    assert_int_equal(verdict(), POLICY_CLOCK_JUMPED);
}

static void an_hour_a_day_is_doubted_within_a_month(void **state)
{
    struct world w;
    int days = 0;
    (void)state;
    begin(&w);
    for (; verdict() == POLICY_CLOCK_TRUSTED && days < 100; days++)
        for (int i = 0; i < 1440; i++) {
            w.off += HOUR / 1440;
            run(&w, MINUTE, MINUTE);
        }
    assert_int_equal(verdict(), POLICY_CLOCK_DRIFTED);
    assert_in_range(days, 24, 26);
}

static void four_minutes_a_day_are_less_than_the_budget_forgives(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    for (int day = 0; day < 1500; day++) {
        w.off += 3 * MINUTE; /* 24 h a year are almost four minutes a day */
        run(&w, DAY, HOUR);
    }
    assert_int_equal(verdict(), POLICY_CLOCK_TRUSTED);
}

static void a_false_clock_at_boot_is_doubted(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    run(&w, DAY, HOUR);
    w.off = -10 * MINUTE;
    rest(&w, MINUTE, true);
    assert_int_equal(verdict(), POLICY_CLOCK_WENT_BACK);
    begin(&w);
    run(&w, DAY, HOUR);
    w.off = 25 * HOUR;
    rest(&w, MINUTE, true);
    assert_int_equal(verdict(), POLICY_CLOCK_GAP);
    begin(&w);
    for (int i = 0; i < 3; i++) { /* … and three times nine hours are no better */
        w.off += 9 * HOUR;
        rest(&w, MINUTE, true);
    }
    assert_int_equal(verdict(), POLICY_CLOCK_DRIFTED);
}

static void time_without_ticks_ends_nothing(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    run(&w, 10 * DAY, HOUR);
    assert_int_equal(policy_guard_elapsed(&g, T0), 10 * DAY);
    assert_int_equal(policy_guard_elapsed(&g, T0 - 100 * DAY), 10 * DAY); /* it was not there */
    rest(&w, 20 * DAY, false);
    assert_int_equal(policy_guard_elapsed(&g, T0), 10 * DAY);
    assert_int_equal(policy_guard_elapsed(&g, T0 + 4 * DAY), 6 * DAY);
    assert_int_equal(policy_guard_elapsed(&g, T0 + 15 * DAY), 0); /* nobody was there */
    run(&w, DAY, HOUR);
    assert_int_equal(policy_guard_elapsed(&g, T0 + 4 * DAY), 7 * DAY);
    assert_int_equal(policy_guard_elapsed(&g, T0 + 30 * DAY), DAY);
}

static void a_clock_that_is_set_forward_ends_nothing_either(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    run(&w, DAY, HOUR);
    w.off = 400 * DAY;
    run(&w, HOUR, MINUTE);
    policy_guard_confirm(&g); /* whatever they believed */
    assert_int_equal(policy_guard_elapsed(&g, T0), DAY + HOUR);
    w.off = 0; /* and back again: what was received in between is not older than it is */
    run(&w, DAY, HOUR);
    assert_true(policy_guard_elapsed(&g, T0 + DAY + HOUR / 2) <= DAY + HOUR);
    assert_int_equal(policy_guard_elapsed(&g, T0 + 400 * DAY), 0);
}


/* Against a model that remembers every look. */
static void it_never_says_more_than_has_passed(void **state)
{
    unsigned seed = (unsigned)(getenv("SEED") ? strtoul(getenv("SEED"), NULL, 10) : 1795);
    static struct { int64_t clock, ticks; } looks[20000];
    size_t n = 0;
    struct world w;
    (void)state;
    print_message("SEED=%u\n", seed);
    srand(seed);
    begin(&w);
    int64_t ticks = 0;
    for (int i = 0; i < 4000; i++) {
        int64_t step = MINUTE + (rand() % 600) * MINUTE;
        looks[n].clock = w.time + w.off;
        looks[n++].ticks = ticks;
        if (rand() % 3 == 0) {
            if (rand() % 2)
                w.off += (rand() % 4000 - 1000) * MINUTE;
            rest(&w, step, rand() % 4 == 0);
        } else {
            run(&w, step, step);
            ticks += step;
        }
        assert_true(g.run_count <= POLICY_RUNS_MAX);
        for (int k = 0; k < 20; k++) {
            size_t at = (size_t)rand() % n;
            int64_t passed = policy_guard_elapsed(&g, looks[at].clock);
            if (passed < 0 || passed > ticks - looks[at].ticks + MINUTE)
                fail_msg("step %d: %lld s, not %lld", i, (long long)(passed / SECOND), (long long)((ticks - looks[at].ticks) / SECOND));
        }
    }
    print_message("%u runs\n", g.run_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_clock_is_trusted_for_years),
        cmocka_unit_test(a_jump_of_more_than_an_hour_is_doubted),
        cmocka_unit_test(a_jump_while_the_program_rests_is_doubted),
        cmocka_unit_test(an_hour_a_day_is_doubted_within_a_month),
        cmocka_unit_test(four_minutes_a_day_are_less_than_the_budget_forgives),
        cmocka_unit_test(a_false_clock_at_boot_is_doubted),
        cmocka_unit_test(time_without_ticks_ends_nothing),
        cmocka_unit_test(a_clock_that_is_set_forward_ends_nothing_either),
        cmocka_unit_test(it_never_says_more_than_has_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
