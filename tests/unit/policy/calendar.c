/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets and spans of the calendar, against the C library. */
#include "policy_test.h"

static int64_t library_bucket(enum policy_grain g, int64_t ns)
{
    int64_t seconds = ns / SECOND - (ns % SECOND < 0);
    time_t t = (time_t)seconds;
    struct tm tm;
    char week[16];
    assert_non_null(gmtime_r(&t, &tm));
    switch (g) {
    case POLICY_HOURLY: return ((tm.tm_year * INT64_C(400) + tm.tm_yday) * 24) + tm.tm_hour;
    case POLICY_DAILY: return tm.tm_year * INT64_C(400) + tm.tm_yday;
    case POLICY_WEEKLY:
        assert_true(strftime(week, sizeof week, "%G%V", &tm) == 6);
        return strtol(week, NULL, 10);
    case POLICY_MONTHLY: return tm.tm_year * INT64_C(12) + tm.tm_mon;
    case POLICY_YEARLY: return tm.tm_year;
    default: return ns;
    }
}

/* Two times are in one bucket exactly if the library thinks so. */
static void buckets_are_those_of_the_library(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 200000; i++) {
        static const int64_t spans[] = {HOUR, DAY, 7 * DAY, 31 * DAY, 366 * DAY};
        enum policy_grain g = (enum policy_grain)(POLICY_HOURLY + next_random(&seed) % 5);
        int64_t a = (int64_t)(next_random(&seed) % (200 * 366)) * DAY - 30 * 366 * DAY +
                    (int64_t)(next_random(&seed) % (uint64_t)DAY);
        int64_t b = a + (int64_t)(next_random(&seed) % (uint64_t)(2 * spans[g - POLICY_HOURLY]));
        bool ours = calendar_bucket(g, a) == calendar_bucket(g, b);
        bool theirs = library_bucket(g, a) == library_bucket(g, b);
        if (ours != theirs)
            fail_msg("%s: %lld and %lld", policy_grain_name(g), (long long)a, (long long)b);
        assert_true(calendar_bucket(g, a) <= calendar_bucket(g, b));
    }
}

static void texts_are_dates(void **state)
{
    (void)state;
    char text[CALENDAR_TEXT_BYTES];
    calendar_text(at("2024-02-29 23:59"), text);
    assert_string_equal(text, "2024-02-29 23:59:00 UTC");
    calendar_text(0, text);
    assert_string_equal(text, "1970-01-01 00:00:00 UTC");
    calendar_text(-1, text);
    assert_string_equal(text, "1969-12-31 23:59:59 UTC");
    calendar_text(INT64_MAX, text);
    calendar_text(INT64_MIN, text);
    calendar_length_text(INT64_MAX, text);
    calendar_length_text(90 * SECOND, text);
    assert_string_equal(text, "90 s");
    calendar_length_text(36 * HOUR, text);
    assert_string_equal(text, "36 h");
    calendar_length_text(30 * DAY, text);
    assert_string_equal(text, "30 days");
}

static void spans_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct policy_span span;
        const char *back;
    } good[] = {
        {"30d", {.days = 30}, "30d"},
        {"1y6m", {.years = 1, .months = 6}, "1y6m"},
        {"2w", {.days = 14}, "14d"},
        {"1w1d", {.days = 8}, "8d"},
        {"2y5m7d3h", {2, 5, 7, 3}, "2y5m7d3h"},
        {"36h", {.hours = 36}, "36h"},
    };
    static const char *const bad[] = {"",
                                      "0d",
                                      "d",
                                      "30",
                                      "30x",
                                      "1h1d",
                                      "1d1d",
                                      "-1d",
                                      "1.5d",
                                      " 1d",
                                      "1d ",
                                      "1000001d",
                                      "99999999999999999999d",
                                      "200000w"};
    char text[POLICY_SPAN_TEXT_BYTES];
    struct policy_span s;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(policy_span_parse(good[i].text, &s));
        assert_memory_equal(&s, &good[i].span, sizeof s);
        policy_span_text(&s, text);
        assert_string_equal(text, good[i].back);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (policy_span_parse(bad[i], &s))
            fail_msg("'%s' was taken for a span", bad[i]);
}

static void spans_move_by_the_calendar(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        struct policy_span span;
        const char *before, *after;
    } rows[] = {
        {"2026-11-21 21:26", {.days = 30}, "2026-10-22 21:26", "2026-12-21 21:26"},
        {"2024-02-29 01:00", {.years = 1}, "2023-03-01 01:00", "2025-03-01 01:00"},
        {"2026-03-31 00:00", {.months = 1}, "2026-03-03 00:00", "2026-05-01 00:00"},
        {"2026-01-01 00:30", {.hours = 1}, "2025-12-31 23:30", "2026-01-01 01:30"},
        {"2026-01-15 00:00", {1, 1, 1, 1}, "2024-12-13 23:00", "2027-02-16 01:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(policy_span_before(&rows[i].span, at(rows[i].from)), at(rows[i].before));
        assert_int_equal(policy_span_after(&rows[i].span, at(rows[i].from)), at(rows[i].after));
    }
}

/* The ends of time are ends, whatever is asked. */
static void spans_saturate(void **state)
{
    (void)state;
    static const struct policy_span all[] = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
                                             {1000000, 0, 0, 0},
                                             {0, 0, 0, UINT32_MAX}};
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, 0, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
            assert_true(policy_span_before(&all[i], times[t]) <= times[t]);
            assert_true(policy_span_after(&all[i], times[t]) >= times[t]);
            assert_true(policy_span_longest_ns(&all[i]) > 0);
        }
}

static void the_longest_length_is_never_too_short(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        struct policy_span s = {
            (uint32_t)(next_random(&seed) % 9), (uint32_t)(next_random(&seed) % 30),
            (uint32_t)(next_random(&seed) % 99), (uint32_t)(next_random(&seed) % 99)};
        int64_t from = (int64_t)(next_random(&seed) % (100 * 366)) * DAY;
        assert_true(policy_span_after(&s, from) - from <= policy_span_longest_ns(&s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_those_of_the_library),
        cmocka_unit_test(texts_are_dates),
        cmocka_unit_test(spans_are_read_and_written),
        cmocka_unit_test(spans_move_by_the_calendar),
        cmocka_unit_test(spans_saturate),
        cmocka_unit_test(the_longest_length_is_never_too_short),
    };
    return cmocka_run_group_tests_name("policy/calendar", tests, NULL, NULL);
}
