/* SPDX-License-Identifier: Apache-2.0 */
/* Which days are unusual, and what policies say of bytes. */
#include "server/floods.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)

static bool unusual(uint64_t bytes, uint64_t before, int64_t first)
{
    return flood_is_unusual(&(struct catalog_uploaded){bytes, before, first}, 20000);
}

static void ten_times_the_mean_of_thirty_days_is_unusual(void **state)
{
    (void)state;
    assert_false(unusual(20 * GIB, 60 * GIB, 19000)); /* ten times 2 */
    assert_true(unusual(21 * GIB, 60 * GIB, 19000));
    assert_true(unusual(20 * GIB, 57 * GIB, 19000));
    assert_true(unusual(11 * GIB, 0, 19000)); /* it was silent for a month */
}

static void little_is_never_unusual(void **state)
{
    (void)state;
    assert_false(unusual(0, 0, 0));
    assert_false(unusual(10 * GIB, 0, 19000));
    assert_true(unusual(10 * GIB + 1, 0, 19000));
}

/* The first backup of a machine is everything. */
static void in_the_first_week_nothing_is_unusual(void **state)
{
    (void)state;
    assert_false(unusual(4096 * GIB, 0, 20000));
    assert_false(unusual(4096 * GIB, GIB, 19994));
    assert_true(unusual(4096 * GIB, GIB, 19993));
    assert_false(unusual(20 * GIB, 14 * GIB, 19993)); /* of the days that there were: 2 each */
    assert_true(unusual(21 * GIB, 14 * GIB, 19993));
}

static void the_greatest_sums_are_no_less(void **state)
{
    (void)state;
    assert_false(unusual(CATALOG_STORED_MAX, 30 * CATALOG_STORED_MAX, 0));
    assert_true(unusual(INT64_MAX, 30 * GIB, 0));
}

static void parse(const char *more, struct retention *out)
{
    char text[128];
    struct err e = ERR_INIT;
    (void)snprintf(text, sizeof text, "{\"keep\":{\"last\":1}%s}", more);
    assert_return_code(retention_parse(text, out, &e), 0);
}

static void policies_are_compared_by_when_the_alarm_comes(void **state)
{
    static const char *const in_order[] = {",\"bytes_a_day\":1", ",\"bytes_a_day\":2", "", ",\"bytes_a_day\":0"}; /* later and later */
    struct retention a, b;
    char why[128];
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++) {
            parse(in_order[i], &a);
            parse(in_order[k], &b);
            assert_int_equal(retention_keeps_less(&a, &b, why), k > i);
            assert_true(k <= i || strcmp(why, "a later alarm for floods of bytes") == 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_times_the_mean_of_thirty_days_is_unusual), cmocka_unit_test(little_is_never_unusual),
        cmocka_unit_test(in_the_first_week_nothing_is_unusual),         cmocka_unit_test(the_greatest_sums_are_no_less),
        cmocka_unit_test(policies_are_compared_by_when_the_alarm_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
