/* SPDX-License-Identifier: Apache-2.0 */
/* What patterns mean, as tables. */
#include "base/mem.h"
#include "select/glob.h"
#include "select/pattern.h"
#include "select/select.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct table_case {
    const char *pattern, *path;
    bool matches;
};

/* Behind 100 more components the path is matched by the other algorithm. */
static void check_deep(const struct select *s, const char *path, bool result)
{
    char deep[1024] = "";
    size_t used = 0;
    for (int i = 0; i < 100; i++)
        used += (size_t)snprintf(deep + used, sizeof deep - used, "/<>");
    (void)snprintf(deep + used, sizeof deep - used, "/%s", path + (path[0] == '/'));
    if (select_matches(s, deep, strlen(deep)) != result)
        fail_msg("deep below: '%s'", path);
}

static bool matches(const char *pattern, const char *path, bool ignore_case)
{
    struct err e = ERR_INIT;
    struct select *s;
    if (select_new(&s, &e) || select_add(s, pattern, ignore_case, &e))
        fail_msg("'%s': %s", pattern, e.msg);
    bool result = select_matches(s, path, strlen(path));
    if (path[0] == '/')
        assert_int_equal(result, select_matches(s, path + 1, strlen(path) - 1));
    /* Where the new parents change nothing: no anchor, nothing that they match. */
    if (strpbrk(pattern, "*?[/") == NULL && path[0] && path[1])
        check_deep(s, path, result);
    select_free(s);
    return result;
}

static void check(const struct table_case *cases, size_t count, bool ignore_case)
{
    for (size_t i = 0; i < count; i++)
        if (matches(cases[i].pattern, cases[i].path, ignore_case) != cases[i].matches)
            fail_msg("pattern '%s' should%s match '%s'", cases[i].pattern,
                     cases[i].matches ? "" : " not", cases[i].path);
}

#define CHECK(cases, ignore_case) check(cases, sizeof(cases) / sizeof *(cases), ignore_case)

static void components_match_at_any_depth(void **state)
{
    (void)state;
    static const struct table_case cases[] = {
        {"foo", "/foo", true},
        {"foo", "/a/b/foo", true},
        {"foo", "/a/foo/b/c", true}, /* what a match holds is matched */
        {"foo", "/foobar", false},
        {"foo", "/barfoo", false},
        {"foo", "/fo", false},
        {"foo", "/", false},
        {"foo", "", false},
        {"foo/", "/a/foo", true}, /* the trailing '/' is ignored */
        {"foo/bar", "/foo/bar", true},
        {"foo/bar", "/a/b/foo/bar/c", true},
        {"foo/bar", "/foo/x/bar", false},
        {"foo/bar", "/foo/foo/bar", true}, /* the leftmost foo is not the one */
        {"a/a/b", "/a/a/a/a/b", true},
        {"a/a/b", "/a/a/a/a", false},
        {"foo//bar", "/foo/bar", true},
        {"./foo", "/x/foo", true},
        {"foo/./bar", "/foo/bar", true},
        {"*.o", "/src/x.o", true},
        {"*.o", "/src/.o", true},
        {"*.o", "/src/x.oo", false},
        {"*.o", "/src.o/x.c", true},
        {"*~", "/a/b~", true},
        {"*", "/a", true},
        {"*", "/", false},
        {"*/*", "/a", false},
        {"*/*", "/a/b", true},
        {"foo/*.go", "/foo/x.go", true},
        {"foo/*.go", "/foo/bar/x.go", false},
        {"user/*/b?", "/home/user/x/bc/d", true},
    };
    CHECK(cases, false);
}

static void a_leading_slash_anchors(void **state)
{
    (void)state;
    static const struct table_case cases[] = {
        {"/foo", "/foo", true},
        {"/foo", "/foo/bar/baz", true},
        {"/foo", "/a/foo", false},
        {"/foo", "/foobar", false},
        {"/foo/bar", "/foo", false},
        {"/*/bar", "/foo/bar", true},
        {"/*/bar", "/foo/x/bar", false},
        {"/*.c", "/a.c", true},
        {"/*.c", "/src/a.c", false},
        {"/", "/anything", true},
        {"/", "/", true},
        {"//foo", "/foo", true},
        {"/home/*/Downloads/", "/home/u/Downloads/x", true},
    };
    CHECK(cases, false);
}

static void two_stars_match_any_number_of_components(void **state)
{
    (void)state;
    static const struct table_case cases[] = {
        {"/etc/**/x", "/etc/x", true},
        {"/etc/**/x", "/etc/a/x", true},
        {"/etc/**/x", "/etc/a/b/c/x", true},
        {"/etc/**/x", "/etc/a/b/c/x/y", true},
        {"/etc/**/x", "/etc/a/b/c", false},
        {"/etc/**/x", "/var/etc/x", false},
        {"etc/**/x", "/var/etc/a/x", true},
        {"**/x", "/x", true},
        {"**/x", "/a/b/x", true},
        {"/**/x", "/a/b/x", true},
        {"**", "/a", true},
        {"/**", "/a/b", true},
        {"foo/**", "/foo/bar", true},
        {"foo/**/bar/**/baz", "/foo/1/bar/2/baz", true},
        {"foo/**/bar/**/baz", "/foo/bar/baz", true},
        {"foo/**/bar/**/baz", "/foo/baz/bar", false},
        {"foo/**/bar/**/baz", "/foo/bar/x/bar", false},
        {"/a/**/b/c", "/a/b/x/b/c", true}, /* the leftmost b is not the one */
        {"/a/**/**/c", "/a/c", true},
        {"a**b", "/aXXb", true}, /* not alone in its component: two plain stars */
        {"a**b", "/a/b", false},
    };
    CHECK(cases, false);
}

static void globs_know_classes_and_quotes(void **state)
{
    (void)state;
    static const struct table_case cases[] = {
        {"[abc]", "/b", true},
        {"[abc]", "/d", false},
        {"[a-c]x", "/bx", true},
        {"[a-c]x", "/dx", false},
        {"[^a-c]", "/d", true},
        {"[^a-c]", "/a", false},
        {"[!a]", "/b", true},
        {"[!a]", "/a", false},
        {"[]a]", "/]", true},
        {"[^]a]", "/]", false},
        {"[^]a]", "/x", true},
        {"[a-]", "/-", true},
        {"[-a]", "/-", true},
        {"[a\\]b]", "/]", true},
        {"[\\a-c]", "/b", true},
        {"[a-cx-z]1", "/y1", true},
        {"[[]", "/[", true},
        {"a[0-9][0-9]", "/a42", true},
        {"a[0-9][0-9]", "/a4", false},
        {"\\*", "/*", true},
        {"\\*", "/a", false},
        {"a\\?b", "/a?b", true},
        {"a\\?b", "/axb", false},
        {"\\[a]", "/[a]", true},
        {"\\!a", "/!a", true},
        {"\\a\\b", "/ab", true},
        {"a\\\\b", "/a\\b", true},
        {"?", "/a", true},
        {"?", "/ab", false},
        {"a?c", "/ac", false},
        {"???", "/abc", true},
        {"a*c*e", "/abcde", true},
        {"a*c*e", "/abcd", false},
        {"*a*", "/bab", true},
        {"a*", "/a", true},
        {"*a", "/bbba", true},
        {"*ab", "/aab", true},
        {"*ab*ab", "/abab", true},
        {"*ab*ab", "/aab", false},
        {"a#b", "/a#b", true},
        {"a b", "/a b", true},
    };
    CHECK(cases, false);
}

static void a_character_is_one_of_utf8(void **state)
{
    (void)state;
    static const struct table_case cases[] = {
        {"?", "/\xc3\xa9", true}, /* é */
        {"??", "/\xc3\xa9", false},
        {"?", "/\xf0\x9f\x98\x80", true}, /* an emoji */
        {"[\xc3\xa8-\xc3\xaa]", "/\xc3\xa9", true},
        {"[^a]", "/\xc3\xa9", true},
        {"?", "/\xff", true}, /* not UTF-8: a byte is one */
        {"??", "/\xff\xfe", true},
        {"?", "/\xc3", true},
        {"?", "/\xe2\x82", false},
        {"\xff*", "/\xff\x01", true},
        {"\xc3\xbf", "/\xff", false},
    };
    CHECK(cases, false);
}

static void case_is_ignored_on_demand(void **state)
{
    (void)state;
    static const struct table_case cases[] = {
        {"foo", "/FOO", true},
        {"FOO", "/foo/x", true},
        {"*.JPG", "/a.jpg", true},
        {"*.jpg", "/a.JPEG", false},
        {"[A-C]x", "/bX", true},
        {"[a-c]", "/D", false},
        {"[^a]", "/A", false},
        {"\xc3\x89t\xc3\xa9", "/\xc3\xa9T\xc3\x89", true}, /* Été, éTÉ */
        {"\xce\xa9", "/\xcf\x89", true},                   /* Ω, ω */
        {"\xd0\x96", "/\xd0\xb6", true},                   /* Ж, ж */
        {"\xc5\xa0", "/\xc5\xa1", true},                   /* Š, š */
        {"\xc3\x97", "/\xc3\xb7", false},                  /* ×, ÷ */
        {"a1", "/A1", true},
        {"@", "/`", false},
    };
    CHECK(cases, true);
    assert_false(matches("foo", "/FOO", false));
}

static void invalid_patterns_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "!",    "[",   "[a",    "a/[b",  "[a-",
                                        "[^",   "[]",   "a\\", "a\\/b", "[a/b]", "!x[",
                                        "../a", "a/..", "/..", "[\\",   "[a-\\"};
    struct select *s;
    struct err e = ERR_INIT;
    assert_int_equal(select_new(&s, &e), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        e = ERR_INIT;
        if (select_add(s, wrong[i], false, &e) == 0)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(e.cls, ERR_USAGE);
        assert_true(e.msg[0] != '\0');
    }
    assert_true(select_is_empty(s));
    select_free(s);
}

/* A matcher that tries everything would not finish before the machine rusts. */
static void many_stars_take_no_exponential_time(void **state)
{
    (void)state;
    char pattern[400], path[256];
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        pattern[n++] = 'a';
        pattern[n++] = '*';
    }
    memcpy(pattern + n, "b", 2);
    memset(path, 'a', 255);
    path[255] = '\0';
    assert_false(matches(pattern, path, false));
    n = 0;
    for (int i = 0; i < 60; i++) {
        memcpy(pattern + n, "**/a/", 5);
        n += 5;
    }
    memcpy(pattern + n, "b", 2);
    for (size_t i = 1; i < 255; i += 2)
        path[i] = '/';
    assert_false(matches(pattern, path, false));
}

static bool names(const char *pattern, const char *path)
{
    struct pattern p;
    assert_int_equal(pattern_init(&p, pattern, false, NULL), 0);
    bool yes = pattern_matches_whole(&p, path, strlen(path));
    pattern_done(&p);
    return yes;
}

static void a_whole_match_is_not_one_of_a_parent(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool yes;
    } cases[] = {
        {"foo", "foo", true},           {"foo", "a/foo", true},
        {"foo", "foo/a", false},        {"foo", "foo/a/foo", true},
        {"/foo", "foo", true},          {"/foo", "a/foo", false},
        {"/foo", "foo/foo", false},     {"a/foo", "x/a/foo", true},
        {"a/foo", "a/x/foo", false},    {"/a/foo", "a/foo", true},
        {"/a/**/foo", "a/foo", true},   {"/a/**/foo", "a/x/y/foo", true},
        {"/a/**/foo", "a/x/foo/y", false}, {"/a/**/foo", "foo", false},
        {"/a/**", "a", false},          {"/a/**", "a/x/y", true},
        {"**/foo", "foo", true},        {"**/a/**/b", "x/a/b/a/b", true},
        {"**/a/**/b", "b/a", false},    {"a/**/a", "a", false},
        {"*", "x/y", true},             {"/*", "x/y", false},
        {"/*/*", "x/y", true},          {"**", "x/y", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (names(cases[i].pattern, cases[i].path) != cases[i].yes)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].path);
    char deep[2 * COMPONENTS_MAX + 8] = "";
    for (int i = 0; i < COMPONENTS_MAX + 2; i++)
        strcat(deep, i ? "/x" : "x");
    assert_true(names("/x/**/x", deep));
    assert_false(names("/x/x", deep));
    assert_true(names("x/x", deep));
}

/* The C library's matcher is another implementation of the same language. */
static void globs_agree_with_fnmatch(void **state)
{
    (void)state;
    const char *given = getenv("ABRI_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;
    print_message("ABRI_TEST_SEED=%u\n", seed);
    srandom(seed);
    static const char pattern_alphabet[] = "aabb**?[]^!-\\c", name_alphabet[] = "aabbc-]!^";
    size_t matched = 0, valid = 0;
    for (int round = 0; round < 300000; round++) {
        char pattern[17], name[13];
        size_t pattern_len = 1 + (size_t)random() % (sizeof pattern - 2);
        size_t name_len = 1 + (size_t)random() % (sizeof name - 2);
        for (size_t i = 0; i < pattern_len; i++)
            pattern[i] = pattern_alphabet[(size_t)random() % (sizeof pattern_alphabet - 1)];
        for (size_t i = 0; i < name_len; i++)
            name[i] = name_alphabet[(size_t)random() % (sizeof name_alphabet - 1)];
        pattern[pattern_len] = name[name_len] = '\0';
        if (glob_check(pattern, pattern_len))
            continue;
        valid++;
        bool ours = glob_matches(pattern, pattern_len, name, name_len, false);
        matched += ours;
        if (ours != (fnmatch(pattern, name, 0) == 0))
            fail_msg("'%s' and '%s'", pattern, name);
    }
    print_message("%zu valid patterns, %zu matches\n", valid, matched);
    assert_true(matched > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_match_at_any_depth),
        cmocka_unit_test(a_leading_slash_anchors),
        cmocka_unit_test(two_stars_match_any_number_of_components),
        cmocka_unit_test(globs_know_classes_and_quotes),
        cmocka_unit_test(a_character_is_one_of_utf8),
        cmocka_unit_test(a_whole_match_is_not_one_of_a_parent),
        cmocka_unit_test(globs_agree_with_fnmatch),
        cmocka_unit_test(case_is_ignored_on_demand),
        cmocka_unit_test(invalid_patterns_are_refused),
        cmocka_unit_test(many_stars_take_no_exponential_time),
    };
    return cmocka_run_group_tests_name("select/pattern", tests, NULL, NULL);
}
