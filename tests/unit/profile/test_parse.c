/* SPDX-License-Identifier: Apache-2.0 */
/* The language of profiles: what is read, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "profile/profile.h"

#include <stdio.h>
#include <string.h>

static void parse(const char *text, struct profile *p)
{
    struct err e = ERR_INIT;
    *p = (struct profile){0};
    if (profile_parse(text, strlen(text), p, &e))
        fail_msg("%s", e.msg);
}

static const struct profile_key *key(const struct profile *p, const char *table, const char *name,
                                     enum profile_kind kind)
{
    const struct profile_key *k = profile_find(p, table, name);
    assert_non_null(k);
    assert_int_equal(k->kind, kind);
    return k;
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    struct profile p;
    parse("# a comment\r\n"
          "vault = \"/mnt/a b\" # behind\n"
          "\n"
          "[backup]\n"
          "  paths=['/etc', \"/home\",\n  # one more\n  '/srv' , ]\n"
          "none = []\n"
          "one-file-system = true\n"
          "no = false\n"
          "[ forget ]\n"
          "keep-daily = 1_000\n"
          "keep-last = -1",
          &p);
    assert_int_equal(p.count, 7);
    assert_string_equal(key(&p, "", "vault", PROFILE_STRING)->items[0], "/mnt/a b");
    const struct profile_key *paths = key(&p, "backup", "paths", PROFILE_ARRAY);
    assert_int_equal(paths->count, 3);
    assert_string_equal(paths->items[0], "/etc");
    assert_string_equal(paths->items[2], "/srv");
    assert_int_equal(paths->at.line, 5);
    assert_int_equal(paths->at.column, 3);
    assert_int_equal(paths->value_at.column, 9);
    assert_int_equal(key(&p, "backup", "none", PROFILE_ARRAY)->count, 0);
    assert_true(key(&p, "backup", "one-file-system", PROFILE_BOOLEAN)->yes);
    assert_false(key(&p, "backup", "no", PROFILE_BOOLEAN)->yes);
    assert_string_equal(key(&p, "forget", "keep-daily", PROFILE_INTEGER)->items[0], "1000");
    assert_string_equal(key(&p, "forget", "keep-last", PROFILE_INTEGER)->items[0], "-1");
    assert_null(profile_find(&p, "backup", "vault"));
    profile_done(&p);
}

static void strings_mean_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"a = \"\"", ""},
        {"a = ''", ""},
        {"a = 'C:\\n\"#'", "C:\\n\"#"},
        {"a = \"\\t\\\"\\\\\\n\"", "\t\"\\\n"},
        {"a = \"\\u00e4\\u20AC\\U0001F600\"", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a = \"\xff\xfe\"", "\xff\xfe"}, /* names on a disk are bytes */
        {"a = \"#\" # x", "#"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct profile p;
        print_message("%s\n", cases[i].text);
        parse(cases[i].text, &p);
        assert_string_equal(key(&p, "", "a", PROFILE_STRING)->items[0], cases[i].wanted);
        profile_done(&p);
    }
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *about;
    } cases[] = {
        {"a", "line 1, column 2", "stands ="},
        {"a =", "line 1, column 4", "a value"},
        {"\n a = yes", "line 2, column 6", "'yes'"},
        {"a = 1 2", "line 1, column 7", "comment"},
        {"a = 007", "line 1, column 5", "'007'"},
        {"a = 1__0", "line 1, column 5", "'1__0'"},
        {"a = 1_", "line 1, column 5", "'1_'"},
        {"a = 1.5", "line 1, column 5", "'1.5'"},
        {"a = -", "line 1, column 5", "'-'"},
        {"a = 123456789012345678901", "line 1, column 5", "no value"},
        {"a = \"x", "line 1, column 5", "closing \""},
        {"a = 'x\n'", "line 1, column 5", "closing '"},
        {"a = \"\"\"x\"\"\"", "line 1, column 5", "several lines"},
        {"a = \"\\x\"", "line 1, column 6", "unknown escape"},
        {"a = \"\\u12g4\"", "line 1, column 6", "4 hexadecimal"},
        {"a = \"\\u0000\"", "line 1, column 6", "no character"},
        {"a = \"\\ud800\"", "line 1, column 6", "no character"},
        {"a = \"\\U00110000\"", "line 1, column 6", "no character"},
        {"a = \"\xc3\xa4\xc3\xa4\" x", "line 1, column 10", "comment"},
        {"a = ['x'", "line 1, column 5", "closing ]"},
        {"a = ['x' 'y']", "line 1, column 10", "comma"},
        {"a = [\n1]", "line 2, column 1", "in quotes"},
        {"a = [,]", "line 1, column 6", "in quotes"},
        {"a = 1\na = 2", "line 2, column 1", "already in line 1"},
        {"[t]\na=1\n[t]", "line 3, column 1", "already in line 1"},
        {"[t", "line 1, column 3", "[t]"},
        {"[]", "line 1, column 2", "name of a table"},
        {"[[t]]", "line 1, column 1", "arrays of tables"},
        {"[a.b]", "line 1, column 3", "[a]"},
        {"a.b = 1", "line 1, column 2", "no dots"},
        {"= 1", "line 1, column 1", "name of a key"},
        {"\"a\" = 1", "line 1, column 1", "name of a key"},
        {"# \x01", "line 1, column 3", "control"},
        {"a = '\x01'", "line 1, column 6", "control"},
        {"a = 1\rb = 2", "line 1, column 6", "comment"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct profile p = {0};
        struct err e = ERR_INIT;
        print_message("%s\n", cases[i].text);
        assert_int_equal(profile_parse(cases[i].text, strlen(cases[i].text), &p, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        print_message("  %s\n", e.msg);
        assert_int_equal(strncmp(e.msg, cases[i].place, strlen(cases[i].place)), 0);
        assert_int_equal(e.msg[strlen(cases[i].place)], ':');
        assert_non_null(strstr(e.msg, cases[i].about));
        assert_null(p.keys);
    }
}

static void a_nul_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const char text[] = "[t]\na = 'b' # c\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char copy[sizeof text];
        struct profile p = {0};
        struct err e = ERR_INIT;
        memcpy(copy, text, sizeof text);
        copy[i] = '\0';
        assert_int_equal(profile_parse(copy, sizeof text - 1, &p, &e), -1);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    struct profile p = {0};
    struct err e = ERR_INIT;
    size_t len = PROFILE_TEXT_MAX + 1;
    char *text = mem_alloc(len);
    assert_non_null(text);
    memset(text, '\n', len);
    assert_int_equal(profile_parse(text, len, &p, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    assert_int_equal(profile_parse(text, len - 1, &p, &e), 0);
    size_t at = 0;
    for (unsigned i = 0; i <= PROFILE_KEYS_MAX; i++)
        at += (size_t)snprintf(text + at, len - at, "k%u=1\n", i);
    assert_int_equal(profile_parse(text, at, &p, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    memset(text, 'n', PROFILE_NAME_MAX + 1);
    memcpy(text + PROFILE_NAME_MAX + 1, "=1", 2);
    assert_int_equal(profile_parse(text, PROFILE_NAME_MAX + 3, &p, &e), -1);
    assert_int_equal(profile_parse(text + 1, PROFILE_NAME_MAX + 2, &p, &e), 0);
    profile_done(&p);
    mem_free(text);
}

static void an_allocation_that_fails_leaves_nothing(void **state)
{
    (void)state;
    static const char text[] = "a = ['b', 'c', 'd']\n[t]\ne = \"f\"\n";
    for (uint64_t n = 1;; n++) {
        struct profile p = {0};
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = profile_parse(text, sizeof text - 1, &p, &e);
        mem_fail_nth(0);
        if (rc == 0) {
            profile_done(&p);
            assert_true(n > 5);
            return;
        }
        assert_null(p.keys);
        assert_int_equal(e.cls, ERR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(strings_mean_what_they_say),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
