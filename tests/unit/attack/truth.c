/* SPDX-License-Identifier: Apache-2.0 */
/* What retention is held against: a vault that lies about what it kept is found out. */
#include "attack/truth.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DAY_NS (INT64_C(86400) * NS_PER_S)
#define DAYS   40u

static const struct policy_rules rules = {.keep = {[POLICY_DAILY] = 7}};
static struct victim_point points[DAYS];
static struct snapshot snapshots[2 * DAYS];

/* One true one a day at noon, and a false one of the same day behind it. */
static void make(void)
{
    for (unsigned i = 0; i < DAYS; i++) {
        points[i] = (struct victim_point){.id = {1, (uint8_t)i}};
        snapshots[2 * i] = (struct snapshot){.id = {1, (uint8_t)i}, .seq = 2 * i + 1, .received_ns = i * DAY_NS + DAY_NS / 2,
                                             .dated_ns = i * DAY_NS + DAY_NS / 2};
        snapshots[2 * i + 1] = (struct snapshot){.id = {2, (uint8_t)i}, .seq = 2 * i + 2, .received_ns = i * DAY_NS + DAY_NS / 2 + 1,
                                                 .dated_ns = i * DAY_NS + DAY_NS / 2 + 1};
    }
}

static struct snapshot_list first(size_t count)
{
    return (struct snapshot_list){.items = snapshots, .count = count};
}

static void learn_all(struct truth *t)
{
    struct err e = ERR_INIT;
    struct snapshot_list all = first(2 * DAYS);
    make();
    assert_int_equal(truth_new(t, &e), 0);
    truth_learn(t, points, DAYS, &all);
    truth_learn(t, points, DAYS, &all);
    assert_int_equal(t->count, DAYS); /* each once, the false ones never */
}

static void a_true_one_that_is_gone_is_missed(void **state)
{
    struct truth t = {0};
    struct snapshot_list all = first(2 * DAYS), but_last = first(2 * DAYS - 2);
    (void)state;
    learn_all(&t);
    assert_int_equal(truth_lost(&t, &all), 0);
    assert_int_equal(truth_lost(&t, &but_last), 1);
    struct snapshot_list none = first(0);
    assert_int_equal(truth_lost(&t, &none), DAYS);
    truth_done(&t);
}

/* As the rules say without the false ones: seven days, and what is under the floor. */
static void what_was_due_to_go_is_not_missed(void **state)
{
    struct truth t = {0};
    struct err e = ERR_INIT;
    size_t kept = 0;
    (void)state;
    learn_all(&t);
    assert_int_equal(truth_end_of_day(&t, &rules, 14 * DAY_NS, DAYS * DAY_NS, &e), 0);
    for (size_t i = 0; i < t.count; i++)
        kept += !t.all[i].forgotten;
    assert_int_equal(kept, 14);
    struct snapshot_list none = first(0);
    assert_int_equal(truth_lost(&t, &none), 14);
    assert_int_equal(truth_end_of_day(&t, &rules, 0, DAYS * DAY_NS, &e), 0);
    assert_int_equal(truth_lost(&t, &none), 7);
    truth_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_true_one_that_is_gone_is_missed),
        cmocka_unit_test(what_was_due_to_go_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
