/* SPDX-License-Identifier: Apache-2.0 */
/* Roots for trials and roots in earnest never become each other; clocks move as told, and stay moved. */
#include "daemon/trial.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_NS (INT64_C(86400) * NS_PER_S)

static char dir[SCRATCH_PATH_MAX];

static void root(char out[600], const char *name)
{
    (void)snprintf(out, 600, "%s/%s", dir, name);
}

static void one_in_earnest_never_becomes_a_trial(void **state)
{
    char at[600];
    struct err e = ERR_INIT;
    (void)state;
    root(at, "earnest");
    assert_int_equal(trial_begin(at, false, &e), 0);
    assert_int_equal(server_init(at, "x", &e), 0);
    assert_int_equal(trial_begin(at, false, &e), 0);
    assert_int_equal(trial_begin(at, true, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_non_null(strstr(e.msg, "in earnest"));
}

static void a_trial_never_serves_in_earnest(void **state)
{
    char at[600];
    struct err e = ERR_INIT;
    (void)state;
    root(at, "trial");
    assert_int_equal(trial_begin(at, true, &e), 0);
    assert_int_equal(trial_begin(at, false, &e), -1); /* even before the installation is made */
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(server_init(at, "x", &e), 0);
    assert_int_equal(trial_begin(at, false, &e), -1);
    assert_int_equal(trial_begin(at, true, &e), 0);
}

static int64_t ahead(void)
{
    struct clock_shift now = clock_get_shift(), none = {0};
    clock_set_shift(&none);
    int64_t real = clock_realtime_ns();
    clock_set_shift(&now);
    return clock_realtime_ns() - real;
}

static bool near(int64_t x, int64_t y)
{
    return x - y < 60 * NS_PER_S && y - x < 60 * NS_PER_S;
}

static void clocks_move_and_stay_moved(void **state)
{
    char at[600], out[64];
    struct err e = ERR_INIT;
    struct clock_reading before, after;
    (void)state;
    root(at, "clock");
    assert_int_equal(trial_begin(at, true, &e), 0);
    clock_read(&before);
    assert_int_equal(trial_do(at, NULL, "clock pass 864000\n", out, sizeof out, &e), 0);
    clock_read(&after);
    assert_true(near(ahead(), 10 * DAY_NS));
    assert_true(near(after.boottime_ns - before.boottime_ns, 10 * DAY_NS));
    assert_memory_equal(before.boot_id, after.boot_id, CLOCK_BOOT_BYTES);
    assert_int_equal(trial_do(at, NULL, "clock wall -172800\n", out, sizeof out, &e), 0);
    clock_read(&after);
    assert_true(near(ahead(), 8 * DAY_NS));
    assert_true(near(after.boottime_ns - before.boottime_ns, 10 * DAY_NS)); /* nobody sets that one */
    assert_int_equal(trial_do(at, NULL, "clock boot\n", out, sizeof out, &e), 0);
    clock_read(&after);
    assert_memory_not_equal(before.boot_id, after.boot_id, CLOCK_BOOT_BYTES);
    const struct clock_shift none = {0};
    clock_set_shift(&none); /* as another process */
    assert_int_equal(trial_begin(at, true, &e), 0);
    assert_true(near(ahead(), 8 * DAY_NS));
    clock_set_shift(&none);
}

static void nonsense_moves_nothing(void **state)
{
    static const char *const lines[] = {"clock pass -1\n",  "clock pass\n",    "clock pass x\n",  "clock wall \n",
                                        "clock wall 1x\n",  "clock tower 1\n", "clock \n",        "clock wall 99999999999999999999\n",
                                        "clock boot now\n", "clock wall 7",    "clock pass 9223372036\n"};
    char at[600], out[64];
    struct err e = ERR_INIT;
    (void)state;
    root(at, "nonsense");
    assert_int_equal(trial_begin(at, true, &e), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        e = ERR_INIT;
        print_message("%s", lines[i]);
        assert_true(trial_knows(lines[i]));
        assert_int_equal(trial_do(at, NULL, lines[i], out, sizeof out, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        assert_true(near(ahead(), 0));
    }
    assert_false(trial_knows("new-owner-token\n"));
    assert_false(trial_knows("clocks\n"));
}

static void a_damaged_mark_is_no_earnest(void **state)
{
    char at[600], mark[700];
    struct err e = ERR_INIT;
    (void)state;
    root(at, "damaged");
    assert_int_equal(trial_begin(at, true, &e), 0);
    (void)snprintf(mark, sizeof mark, "%s/trial", at);
    assert_int_equal(file_replace(mark, "x", 1, 0600, &e), 0);
    assert_int_equal(trial_begin(at, true, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    e = ERR_INIT;
    assert_int_equal(trial_begin(at, false, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_earnest_never_becomes_a_trial), cmocka_unit_test(a_trial_never_serves_in_earnest),
        cmocka_unit_test(clocks_move_and_stay_moved),           cmocka_unit_test(nonsense_moves_nothing),
        cmocka_unit_test(a_damaged_mark_is_no_earnest),
    };
    scratch_make(dir);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(dir);
    return rc;
}
