/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's clock: what is kept of it, and that a false one frees nothing (F2, W1 to
 * W3). */
#include "life.h"

#include <stdio.h>
#include <string.h>

static enum policy_clock_why judge(struct life *l)
{
    struct policy_clock c;
    assert_ok(vault_clock_judge(l->w.v, &c, e));
    return c.why;
}

static size_t witnesses(struct life *l)
{
    size_t count;
    mem_free(names_below(l->w.store, "clock", &count));
    return count;
}

static void assert_frozen(struct life *l)
{
    struct vault_forgotten out = {.count = 9};
    const struct snapshot *one[] = {&l->list.items[0]};
    assert_err(vault_forget(l->w.v, one, 1, NULL, NULL, &out, e), ERR_READ_ONLY);
    assert_int_equal(out.count, 0);
    life_look(l);
    assert_int_equal(l->trash.count, 0);
    size_t count;
    mem_free(names_below(l->w.store, "marks", &count));
    assert_int_equal(count, 0);
}

static void a_steady_clock_leaves_witnesses_and_they_are_thinned(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 1);
    assert_ok(vault_clock_confirm(l.w.v, e));
    for (int i = 0; i < 200; i++) {
        struct policy_clock c;
        pass(&l, DAY);
        assert_ok(vault_clock_look(l.w.v, &c, e));
        assert_int_equal(c.why, POLICY_CLOCK_TRUSTED);
        assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
        assert_true(witnesses(&l) <= 65);
    }
    size_t count;
    object_names *names = names_below(l.w.store, "clock", &count);
    assert_true(count >= 32);
    assert_string_equal(names[0], "clock/0000000000000001"); /* the confirmed one stays */
    assert_string_equal(names[count - 1], "clock/00000000000000c9");
    mem_free(names);
    assert_checked(&l);
    life_close(&l);
}

/* A5: ten years ahead, and asked again and again: no repetition makes it true; put
 * right again, it needs nobody. */
static void a_jump_frees_nothing_and_is_not_believed_when_repeated(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 3);
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    l.now.realtime_ns += 3650 * DAY;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(judge(&l), POLICY_CLOCK_JUMPED);
        pass(&l, 3600 * NS_PER_S);
    }
    assert_int_equal(witnesses(&l), 1);
    assert_frozen(&l);
    l.now.boot_id[0] = 2; /* a new start does not help */
    l.now.boottime_ns = 60 * NS_PER_S;
    assert_int_equal(judge(&l), POLICY_CLOCK_GAP);
    assert_frozen(&l);
    l.now.realtime_ns -= 3650 * DAY;
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    assert_int_equal(forget_one(&l, 0), 1);
    life_close(&l);
}

/* The trash, too: what is in it is not freed by a clock that ran ahead. */
static void a_jump_frees_nothing_from_the_trash(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 2);
    assert_int_equal(forget_one(&l, 0), 1);
    l.now.realtime_ns += 30 * DAY;
    assert_false(may_free(&l, &l.trash.items[0]));
    assert_ok(vault_undelete(l.w.v, &l.trash.items[0], e)); /* nor is it lost */
    life_look(&l);
    assert_int_equal(l.list.count, 2);
    life_close(&l);
}

static void drift_and_steps_back_freeze(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 2);
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    int hours = 0;
    while (judge(&l) == POLICY_CLOCK_TRUSTED && hours < 100) {
        pass(&l, DAY);
        l.now.realtime_ns += 3600 * NS_PER_S;
        hours++;
    }
    assert_int_equal(hours, 25);
    assert_int_equal(judge(&l), POLICY_CLOCK_DRIFTED);
    assert_frozen(&l);
    assert_ok(vault_clock_confirm(l.w.v, e));
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    l.now.realtime_ns -= DAY;
    assert_int_equal(judge(&l), POLICY_CLOCK_WENT_BACK);
    assert_frozen(&l);
    life_close(&l);
}

/* A backup by a false clock dates its record ten years ahead; the next ones, too, since
 * receive times never go back. A person confirms, and it goes on. */
static void records_of_a_false_time_are_settled_by_a_confirmation(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 2);
    l.now.realtime_ns += 3650 * DAY;
    backup(&l.w, 0, 50, 55);
    l.now.realtime_ns -= 3650 * DAY;
    assert_int_equal(judge(&l), POLICY_CLOCK_PAST);
    assert_frozen(&l);
    assert_ok(vault_clock_confirm(l.w.v, e));
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    backup(&l.w, 0, 60, 65);
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    life_look(&l);
    assert_int_equal(forget_one(&l, 3), 0); /* of the future: kept */
    assert_int_equal(forget_one(&l, 0), 1);
    life_close(&l);
}

/* W3, for every byte. */
static void a_damaged_witness_freezes_until_it_is_confirmed(void **state)
{
    (void)state;
    struct life l;
    size_t len;
    life_open(&l, 1);
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    uint8_t *bytes = object_bytes(l.w.store, "clock/0000000000000001", &len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 32;
        object_replace(l.w.store, "clock/0000000000000001", bytes, len);
        bytes[i] ^= 32;
        assert_int_equal(judge(&l), POLICY_CLOCK_UNSOUND);
        struct reports r = {0};
        struct vault_check_stats stats;
        assert_ok(vault_check(l.w.v, report, &r, &stats, e));
        assert_int_equal(r.count, 1);
        assert_string_equal(r.object, "clock/0000000000000001");
    }
    assert_frozen(&l);
    assert_ok(vault_clock_confirm(l.w.v, e));
    assert_int_equal(judge(&l), POLICY_CLOCK_TRUSTED);
    mem_free(bytes);
    life_close(&l);
}

/* A full disk must not stop those who make room on it. */
static void a_full_disk_does_not_freeze_the_clock(void **state)
{
    (void)state;
    struct life l;
    struct store *layer;
    struct vault *v = NULL;
    struct policy_clock c;
    life_open(&l, 1);
    assert_ok(store_fault_open(l.w.store, &layer, e));
    assert_ok(vault_open(layer, &v, e));
    struct store_fault_plan plan = {
        .only = 1u << STORE_OP_WRITE, .fail_at = 1, .fail_errno = 28 /* ENOSPC */};
    store_fault_plan(layer, &plan);
    assert_ok(vault_clock_judge(v, &c, e));
    assert_int_equal(c.why, POLICY_CLOCK_TRUSTED);
    plan.fail_errno = 5; /* EIO */
    store_fault_plan(layer, &plan);
    assert_err(vault_clock_judge(v, &c, e), ERR_IO);
    vault_close(v);
    store_close(layer);
    life_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_clock_leaves_witnesses_and_they_are_thinned),
        cmocka_unit_test(a_jump_frees_nothing_and_is_not_believed_when_repeated),
        cmocka_unit_test(a_jump_frees_nothing_from_the_trash),
        cmocka_unit_test(drift_and_steps_back_freeze),
        cmocka_unit_test(records_of_a_false_time_are_settled_by_a_confirmation),
        cmocka_unit_test(a_damaged_witness_freezes_until_it_is_confirmed),
        cmocka_unit_test(a_full_disk_does_not_freeze_the_clock),
    };
    return cmocka_run_group_tests_name("vault/witness", tests, NULL, NULL);
}
