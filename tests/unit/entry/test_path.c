/* SPDX-License-Identifier: Apache-2.0 */
/* Order, validity and parents of paths. */
#include "base/mem.h"
#include "entry/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int cmp(const char *a, const char *b)
{
    return path_compare(a, strlen(a), b, strlen(b));
}

static void slash_sorts_before_every_other_byte(void **state)
{
    (void)state;
    static const char *const ascending[] = {"a",
                                            "a/a",
                                            "a/b",
                                            "a/b/c",
                                            "a/b\x01",
                                            "a\x01",
                                            "a-b",
                                            "a-b/c",
                                            "a.b",
                                            "aa",
                                            "aa/zz",
                                            "ab",
                                            "b",
                                            "b/a",
                                            "longer12",
                                            "longer12/3456789",
                                            "longer12-3456789",
                                            "z",
                                            "\xc3\xa9",
                                            "\xff",
                                            "\xff/\xff"};
    size_t n = sizeof ascending / sizeof *ascending;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_int_equal(cmp(ascending[i], ascending[j]), (i > j) - (i < j));
}

/* The order without tricks, as docs/format/tree.md words it. */
static int slow_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && i < b_len; i++) {
        int x = a[i] == '/' ? 0 : (unsigned char)a[i];
        int y = b[i] == '/' ? 0 : (unsigned char)b[i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a_len > b_len) - (a_len < b_len);
}

static void order_agrees_with_the_plain_definition(void **state)
{
    (void)state;
    unsigned seed = 20;
    print_message("seed %u\n", seed);
    srandom(seed);
    static const char alphabet[] = "/-.a\xff";
    for (int round = 0; round < 200000; round++) {
        char a[40], b[40];
        size_t a_len = (size_t)random() % sizeof a, b_len = (size_t)random() % sizeof b;
        for (size_t i = 0; i < sizeof a; i++) {
            a[i] = alphabet[(unsigned long)random() % 5];
            b[i] = random() % 16 ? a[i] : alphabet[(unsigned long)random() % 5];
        }
        assert_int_equal(path_compare(a, a_len, b, b_len), slow_compare(a, a_len, b, b_len));
        assert_int_equal(path_compare(b, b_len, a, a_len), -slow_compare(a, a_len, b, b_len));
    }
}

static void validity_is_that_of_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool valid;
    } cases[] = {
        {"a", true},      {"a/b", true},      {"...", true},   {"a/.b", true},  {"..a/b", true},
        {"a\nb", true},   {"\xff\xfe", true}, {" ", true},     {"", false},     {"/", false},
        {"/a", false},    {"a/", false},      {"a//b", false}, {".", false},    {"..", false},
        {"a/.", false},   {"a/..", false},    {"./a", false},  {"../a", false}, {"a/../b", false},
        {"a/./b", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (path_is_valid(cases[i].path, strlen(cases[i].path)) != cases[i].valid)
            fail_msg("'%s' should be %s", cases[i].path, cases[i].valid ? "valid" : "invalid");
    assert_false(path_is_valid("a\0b", 3));
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    char *p = mem_alloc(ENTRY_PATH_MAX + 1);
    memset(p, 'x', ENTRY_PATH_MAX + 1);
    assert_true(path_is_valid(p, 255));
    assert_false(path_is_valid(p, 256));
    for (size_t i = 1; i < ENTRY_PATH_MAX; i += 2)
        p[i] = '/';
    p[ENTRY_PATH_MAX - 1] = 'x';
    p[ENTRY_PATH_MAX - 2] = 'x';
    assert_true(path_is_valid(p, ENTRY_PATH_MAX));
    assert_false(path_is_valid(p, ENTRY_PATH_MAX + 1));
    mem_free(p);
}

static void parents_and_descendants(void **state)
{
    (void)state;
    assert_int_equal(path_parent_len("a/b/c", 5), 3);
    assert_int_equal(path_parent_len("a/b", 3), 1);
    assert_int_equal(path_parent_len("a", 1), 0);
    assert_int_equal(path_parent_len("", 0), 0);
    assert_true(path_is_below("a/b", 3, "a", 1));
    assert_true(path_is_below("a", 1, "a", 1));
    assert_true(path_is_below("a", 1, "", 0));
    assert_true(path_is_below("", 0, "", 0));
    assert_false(path_is_below("ab", 2, "a", 1));
    assert_false(path_is_below("a", 1, "a/b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slash_sorts_before_every_other_byte),
        cmocka_unit_test(order_agrees_with_the_plain_definition),
        cmocka_unit_test(validity_is_that_of_the_format),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(parents_and_descendants),
    };
    return cmocka_run_group_tests_name("entry/path", tests, NULL, NULL);
}
