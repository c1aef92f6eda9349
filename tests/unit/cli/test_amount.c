/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

#include "base/clock.h"
#include "cli/amount.h"

#include <string.h>

static void sizes_are_read_with_units_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t unit, bytes;
    } good[] = {
        {"0", 1, 0},          {"500", 1, 500},           {"500", 1024, 512000},
        {"1K", 1, 1024},      {"1k", 1024, 1024},        {"10M", 1, 10485760},
        {"1.5G", 1, 1610612736}, {"2TiB", 1, 2199023255552}, {"3kb", 1, 3072},
        {"7B", 1024, 7},      {"0.25M", 1, 262144},      {"1P", 1, 1125899906842624},
        {"9223372036854775807", 1, INT64_MAX}, {"0.1", 1024, 102}, {"1.000000000001K", 1, 1024},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t n = 1;
        print_message("%s\n", good[i].text);
        assert_true(amount_parse_size(good[i].text, good[i].unit, &n));
        assert_int_equal(n, good[i].bytes);
    }
}

static void what_is_no_size_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "-1",  "+1",  " 1",   "1 ",  "1 K", "K",   "1KK", "1X",
                                      "1.",   ".5",  "1..5", "0x10", "1e3", "1iB", "1Kib2",
                                      "9223372036854775808", "18446744073709551616", "8388608T",
                                      "99999999999999999999999", "1@", "1k ", "1\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t n = 42;
        print_message("'%s'\n", bad[i]);
        assert_false(amount_parse_size(bad[i], 1, &n));
        assert_int_equal(n, 42);
    }
}

static void numbers_are_digits_only(void **state)
{
    (void)state;
    uint64_t n = 42;
    assert_true(amount_parse_number("18446744073709551615", &n));
    assert_true(n == UINT64_MAX);
    static const char *const bad[] = {"", "1k", "-1", "18446744073709551616", "1.0", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(amount_parse_number(bad[i], &n));
    assert_true(n == UINT64_MAX);
}

static void parts_of_packs_are_read(void **state)
{
    (void)state;
    struct amount_subset s;
    assert_true(amount_parse_subset("5%", &s));
    assert_int_equal(s.kind, SUBSET_SHARE);
    assert_true(s.share > 0.0499 && s.share < 0.0501);
    assert_true(amount_parse_subset("0.5%", &s) && s.share > 0.00499 && s.share < 0.00501);
    assert_true(amount_parse_subset("100%", &s) && s.share >= 1);
    assert_true(amount_parse_subset("2/7", &s));
    assert_int_equal(s.kind, SUBSET_PART);
    assert_int_equal(s.part, 2);
    assert_int_equal(s.parts, 7);
    assert_true(amount_parse_subset("10G", &s));
    assert_int_equal(s.kind, SUBSET_SIZE);
    assert_true(s.size_bytes == UINT64_C(10) << 30);
    static const char *const bad[] = {"",     "%",   "0%", "101%", "100.5%", "0/3", "4/3",
                                      "1/0",  "1/",  "/3", "1/2/3", "-1/3",  "0",   "5 %"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        print_message("'%s'\n", bad[i]);
        assert_false(amount_parse_subset(bad[i], &s));
    }
}

static void sizes_are_written_for_people(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } all[] = {
        {0, "0 B"}, {1023, "1023 B"}, {1024, "1.000 KiB"}, {1536, "1.500 KiB"},
        {1048575, "1023.999 KiB"}, {1048576, "1.000 MiB"}, {1325400064, "1.234 GiB"},
        {UINT64_MAX, "15.999 EiB"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[AMOUNT_TEXT_BYTES];
        amount_format_size(all[i].bytes, text);
        assert_string_equal(text, all[i].text);
    }
}

static void durations_are_written_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } all[] = {
        {-5, "0.000 s"}, {352 * NS_PER_S / 1000, "0.352 s"}, {9999 * NS_PER_S / 1000, "9.999 s"},
        {12345 * NS_PER_S / 1000, "12.3 s"}, {59999 * NS_PER_S / 1000, "59.9 s"},
        {60 * NS_PER_S, "1:00"}, {3599 * NS_PER_S, "59:59"}, {3661 * NS_PER_S, "1:01:01"},
        {INT64_MAX, "2562047:47:16"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[AMOUNT_TEXT_BYTES];
        amount_format_duration(all[i].ns, text);
        assert_string_equal(text, all[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_with_units_of_1024),
        cmocka_unit_test(what_is_no_size_is_refused_and_leaves_the_output),
        cmocka_unit_test(numbers_are_digits_only),
        cmocka_unit_test(parts_of_packs_are_read),
        cmocka_unit_test(sizes_are_written_for_people),
        cmocka_unit_test(durations_are_written_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
