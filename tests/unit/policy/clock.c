/* SPDX-License-Identifier: Apache-2.0 */
/* When the clock is believed: a table of cases, and that one contradiction
 * is enough (T2). */
#include "policy_test.h"

static struct policy_witness witness(int64_t realtime, int64_t boottime, uint8_t boot)
{
    struct policy_witness w = {
        .realtime_ns = realtime, .boottime_ns = boottime, .received_ns = INT64_MIN};
    memset(w.boot_id, boot, sizeof w.boot_id);
    return w;
}

static enum policy_clock_why judge(const struct policy_witness *w, size_t count,
                                   const int64_t *received, size_t received_count,
                                   struct policy_witness now)
{
    struct policy_clock c;
    char text[POLICY_TEXT_BYTES];
    policy_clock_judge(w, count, received, received_count, &now, &c);
    policy_clock_text(&c, text);
    assert_true(strlen(text) > 10);
    assert_int_equal(c.now_ns, now.realtime_ns);
    return c.why;
}

#define T0 (INT64_C(1795000000) * SECOND) /* some time in 2026 */

static void the_first_look_is_trusted(void **state)
{
    (void)state;
    assert_int_equal(judge(NULL, 0, NULL, 0, witness(T0, HOUR, 1)), POLICY_CLOCK_TRUSTED);
}

static void a_steady_clock_is_trusted(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, HOUR, 1), witness(T0 + DAY, HOUR + DAY, 1)};
    assert_int_equal(judge(w, 2, NULL, 0, witness(T0 + 400 * DAY, HOUR + 400 * DAY, 1)),
                     POLICY_CLOCK_TRUSTED);
}

static void going_back_freezes_beyond_five_minutes(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, HOUR, 1)};
    int64_t limit = POLICY_BACK_NS;
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 - limit, HOUR, 1)), POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 - limit - 1, HOUR, 1)),
                     POLICY_CLOCK_WENT_BACK);
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 - limit - 1, SECOND, 2)),
                     POLICY_CLOCK_WENT_BACK);
}

static void a_record_of_the_future_freezes(void **state)
{
    (void)state;
    int64_t received[] = {T0 - DAY, T0 + POLICY_BACK_NS, T0 + POLICY_BACK_NS + 1};
    assert_int_equal(judge(NULL, 0, received, 2, witness(T0, HOUR, 1)), POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(NULL, 0, received, 3, witness(T0, HOUR, 1)), POLICY_CLOCK_PAST);
}

/* After a false clock stamped records, a confirmation settles these and no others. */
static void a_confirmation_settles_the_records_that_it_saw(void **state)
{
    (void)state;
    int64_t received[] = {T0, T0 + 3650 * DAY, T0 + 3651 * DAY};
    struct policy_witness w[] = {witness(T0 + DAY, DAY, 1)};
    w[0].confirmed = true;
    w[0].received_ns = received[1];
    struct policy_witness now = witness(T0 + 2 * DAY, 2 * DAY, 1);
    assert_int_equal(judge(w, 1, received, 2, now), POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 1, received, 3, now), POLICY_CLOCK_PAST);
}

/* T1 */
static void what_a_confirmation_follows_is_settled(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0 + 3650 * DAY, DAY, 1), witness(T0, 2 * DAY, 1)};
    struct policy_witness now = witness(T0 + HOUR, 2 * DAY + HOUR, 1);
    assert_int_equal(judge(w, 2, NULL, 0, now), POLICY_CLOCK_WENT_BACK);
    w[0].confirmed = true;
    assert_int_equal(judge(w, 2, NULL, 0, now), POLICY_CLOCK_WENT_BACK);
    w[1].confirmed = true;
    assert_int_equal(judge(w, 2, NULL, 0, now), POLICY_CLOCK_TRUSTED);
}

static void a_jump_while_the_machine_runs_freezes_beyond_an_hour(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, HOUR, 1)};
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + DAY + HOUR, HOUR + DAY, 1)),
                     POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + DAY + HOUR + 1, HOUR + DAY, 1)),
                     POLICY_CLOCK_JUMPED);
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + DAY, HOUR + DAY + HOUR + 1, 1)),
                     POLICY_CLOCK_JUMPED); /* slower than time */
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + 3650 * DAY, HOUR + DAY, 1)),
                     POLICY_CLOCK_JUMPED);
}

/* Two machines that share a disk: each is measured by its own last witness. */
static void witnesses_of_other_machines_in_between_hide_no_jump(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, HOUR, 1), witness(T0 + HOUR, 9 * DAY, 2)};
    assert_int_equal(judge(w, 2, NULL, 0, witness(T0 + 2 * HOUR, 3 * HOUR, 1)),
                     POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 2, NULL, 0, witness(T0 + 30 * DAY, 3 * HOUR, 1)),
                     POLICY_CLOCK_JUMPED);
}

/* An hour a day, each step too small to notice. */
static void small_steps_freeze_once_they_are_a_day_in_sum(void **state)
{
    (void)state;
    struct policy_witness w[60];
    size_t n = 0;
    for (; n < 60; n++) {
        int64_t real = T0 + (int64_t)n * (DAY + 50 * 60 * SECOND);
        struct policy_witness now = witness(real, (int64_t)n * DAY, 1);
        enum policy_clock_why why = judge(w, n, NULL, 0, now);
        if (why != POLICY_CLOCK_TRUSTED) {
            assert_int_equal(why, POLICY_CLOCK_DRIFTED);
            break;
        }
        w[n] = now;
    }
    assert_int_equal(n, 29);   /* 29 × 50 min = 24 h 10 min */
    w[n - 1].confirmed = true; /* a person looked: the sum begins again */
    assert_int_equal(
        judge(w, n, NULL, 0, witness(w[n - 1].realtime_ns + DAY, w[n - 1].boottime_ns + DAY, 1)),
        POLICY_CLOCK_TRUSTED);
}

static void a_long_silence_freezes_beyond_35_days(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, 90 * DAY, 1)};
    int64_t gap = POLICY_GAP_NS;
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + gap, HOUR, 2)), POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + gap + 1, HOUR, 2)), POLICY_CLOCK_GAP);
    int64_t received[] = {T0 - 500 * DAY, T0 + 20 * DAY, T0 + 50 * DAY};
    assert_int_equal(judge(w, 1, received, 3, witness(T0 + 70 * DAY, HOUR, 2)),
                     POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 1, received, 3, witness(T0 + 90 * DAY, HOUR, 2)), POLICY_CLOCK_GAP);
    assert_int_equal(judge(NULL, 0, received, 1, witness(T0, HOUR, 2)), POLICY_CLOCK_GAP);
}

/* +10 years, a backup, a new start: the receive time must not bridge the jump. */
static void a_record_of_the_false_time_bridges_nothing(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, 90 * DAY, 1)};
    int64_t received[] = {T0 - DAY, T0 + 3650 * DAY};
    assert_int_equal(judge(w, 1, received, 2, witness(T0 + 3650 * DAY + HOUR, HOUR, 2)),
                     POLICY_CLOCK_GAP);
    assert_int_equal(judge(NULL, 0, received, 2, witness(T0 + 3650 * DAY + HOUR, HOUR, 2)),
                     POLICY_CLOCK_GAP);
}

static void an_unknown_start_is_none_that_is_known(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, HOUR, 0)};
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + 20 * DAY, HOUR, 0)), POLICY_CLOCK_TRUSTED);
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + 40 * DAY, HOUR + 40 * DAY, 0)),
                     POLICY_CLOCK_GAP);
}

static void witnesses_that_contradict_themselves_freeze(void **state)
{
    (void)state;
    struct policy_witness w[] = {witness(T0, 2 * HOUR, 1)};
    assert_int_equal(judge(w, 1, NULL, 0, witness(T0 + SECOND, HOUR, 1)), POLICY_CLOCK_UNSOUND);
}

/* T2, with times of every size: a step back stays one whatever is known besides.
 * Nothing overflows. */
static void one_contradiction_is_enough(void **state)
{
    (void)state;
    uint64_t seed = 77;
    print_message("seed 77\n");
    unsigned trusted = 0, frozen = 0;
    for (int round = 0; round < 30000; round++) {
        struct policy_witness w[6];
        int64_t received[4], t = T0, boot = HOUR;
        for (size_t i = 0; i < 6; i++) {
            t += (int64_t)(next_random(&seed) % (uint64_t)(9 * DAY));
            boot += (int64_t)(next_random(&seed) % (uint64_t)(9 * DAY));
            w[i] = witness(t, next_random(&seed) % 2 ? t - T0 : boot,
                           (uint8_t)(next_random(&seed) % 3));
            if (next_random(&seed) % 50 == 0)
                w[i].realtime_ns = (int64_t)next_random(&seed);
            if (next_random(&seed) % 50 == 0)
                w[i].boottime_ns = (int64_t)next_random(&seed);
        }
        for (size_t i = 0; i < 4; i++)
            received[i] = T0 + (int64_t)i * 10 * DAY;
        enum policy_clock_why less = judge(w, 4, received, 3, w[5]);
        enum policy_clock_why more = judge(w, 5, received, 3, w[5]);
        trusted += less == POLICY_CLOCK_TRUSTED;
        frozen += less != POLICY_CLOCK_TRUSTED;
        if (less == POLICY_CLOCK_WENT_BACK)
            assert_int_equal(more, POLICY_CLOCK_WENT_BACK);
        if (judge(w, 4, received, 2, w[5]) == POLICY_CLOCK_PAST)
            assert_true(judge(w, 4, received, 3, w[5]) != POLICY_CLOCK_TRUSTED);
    }
    assert_true(trusted > 1000 && frozen > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_look_is_trusted),
        cmocka_unit_test(a_steady_clock_is_trusted),
        cmocka_unit_test(going_back_freezes_beyond_five_minutes),
        cmocka_unit_test(a_record_of_the_future_freezes),
        cmocka_unit_test(a_confirmation_settles_the_records_that_it_saw),
        cmocka_unit_test(what_a_confirmation_follows_is_settled),
        cmocka_unit_test(a_jump_while_the_machine_runs_freezes_beyond_an_hour),
        cmocka_unit_test(witnesses_of_other_machines_in_between_hide_no_jump),
        cmocka_unit_test(small_steps_freeze_once_they_are_a_day_in_sum),
        cmocka_unit_test(a_long_silence_freezes_beyond_35_days),
        cmocka_unit_test(a_record_of_the_false_time_bridges_nothing),
        cmocka_unit_test(an_unknown_start_is_none_that_is_known),
        cmocka_unit_test(witnesses_that_contradict_themselves_freeze),
        cmocka_unit_test(one_contradiction_is_enough),
    };
    return cmocka_run_group_tests_name("policy/clock", tests, NULL, NULL);
}
