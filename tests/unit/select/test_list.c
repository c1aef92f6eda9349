/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of patterns: order, taking back, files, going down, failing memory. */
#include "base/mem.h"
#include "select/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct select *list_of(const char *const *patterns, size_t count)
{
    struct err e = ERR_INIT;
    struct select *s;
    assert_int_equal(select_new(&s, &e), 0);
    for (size_t i = 0; i < count; i++)
        if (select_add(s, patterns[i], false, &e))
            fail_msg("%s", e.msg);
    return s;
}

#define LIST_OF(...)                                                                               \
    list_of((const char *const[]){__VA_ARGS__},                                                    \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool matches(const struct select *s, const char *path)
{
    return select_matches(s, path, strlen(path));
}

static bool may(const struct select *s, const char *path)
{
    return select_may_match_below(s, path, strlen(path));
}

static void the_last_pattern_that_matches_decides(void **state)
{
    (void)state;
    struct select *s = LIST_OF("*.log", "!keep.log", "/var/keep.log");
    assert_true(matches(s, "/a/x.log"));
    assert_false(matches(s, "/a/keep.log"));
    assert_true(matches(s, "/var/keep.log"));
    assert_false(matches(s, "/a/x.txt"));
    select_free(s);
    s = LIST_OF("!a", "a"); /* taking back comes too early */
    assert_true(matches(s, "/a"));
    select_free(s);
    s = LIST_OF("/home/u", "!/home/u/keep");
    assert_true(matches(s, "/home/u/x"));
    assert_false(matches(s, "/home/u/keep/deep/file"));
    select_free(s);
}

static void an_empty_list_matches_nothing(void **state)
{
    (void)state;
    struct select *s = list_of(NULL, 0);
    assert_true(select_is_empty(s));
    assert_false(matches(s, "/a"));
    assert_false(may(s, "/"));
    select_free(s);
    select_free(NULL);
}

static void going_down_is_never_refused_wrongly(void **state)
{
    (void)state;
    struct select *s = LIST_OF("/home/*/mail/x", "/srv/**/data", "/etc/passwd");
    assert_true(may(s, "/"));
    assert_true(may(s, ""));
    assert_true(may(s, "/home"));
    assert_true(may(s, "/home/u"));
    assert_true(may(s, "home/u/mail"));
    assert_true(may(s, "/home/u/mail/x/y"));
    assert_false(may(s, "/home/u/news"));
    assert_false(may(s, "/opt"));
    assert_true(may(s, "/srv/any/thing/at/all"));
    assert_false(may(s, "/etc/ssh"));
    select_free(s);
    s = LIST_OF("passwd");
    assert_true(may(s, "/any/where"));
    select_free(s);
    s = LIST_OF("!/home");
    assert_false(may(s, "/home"));
    select_free(s);
}

/* Every path that matches must have parents below which something may match. */
static void going_down_agrees_with_matching(void **state)
{
    (void)state;
    unsigned seed = 4711;
    print_message("seed %u\n", seed);
    srandom(seed);
    static const char *const parts[] = {"a", "b", "**", "*", "?", "ab", "a*", "[ab]"};
    static const char *const names[] = {"a", "b", "ab", "c"};
    size_t matched = 0;
    for (int round = 0; round < 20000; round++) {
        char pattern[64] = "", path[64] = "";
        if (random() % 2)
            strcat(pattern, "/");
        for (long n = random() % 4; n >= 0; n--) {
            strcat(pattern, parts[(unsigned long)random() % 8]);
            strcat(pattern, n ? "/" : "");
        }
        for (long n = random() % 5; n >= 0; n--) {
            strcat(path, "/");
            strcat(path, names[(unsigned long)random() % 4]);
        }
        struct select *s = LIST_OF(pattern);
        if (matches(s, path)) {
            matched++;
            for (size_t len = strlen(path); len-- > 0;)
                if (path[len] == '/' && !select_may_match_below(s, path, len))
                    fail_msg("'%s' matches '%s', but nothing below its first %zu bytes", pattern,
                             path, len);
        }
        select_free(s);
    }
    assert_true(matched > 1000);
}

static int write_file(char *name, const void *text, size_t len)
{
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    return close(fd);
}

static void files_hold_a_pattern_a_line(void **state)
{
    (void)state;
    char name[] = "/tmp/abri-select-XXXXXX";
    static const char text[] =
        "\xef\xbb\xbf# comment\n\n  *.o \t\r\n\t# another\n/a b\n!/a b/c\n*.last";
    assert_int_equal(write_file(name, text, sizeof text - 1), 0);
    struct err e = ERR_INIT;
    struct select *s = list_of(NULL, 0);
    assert_int_equal(select_add_file(s, name, false, &e), 0);
    assert_true(matches(s, "/x.o"));
    assert_true(matches(s, "/a b/d"));
    assert_false(matches(s, "/a b/c"));
    assert_true(matches(s, "/x.last"));
    assert_false(matches(s, "/# comment"));
    select_free(s);
    (void)unlink(name);
}

static void bad_files_say_where(void **state)
{
    (void)state;
    char name[] = "/tmp/abri-select-XXXXXX";
    assert_int_equal(write_file(name, "a\n\n[\n", 5), 0);
    struct err e = ERR_INIT;
    struct select *s = list_of(NULL, 0);
    assert_int_equal(select_add_file(s, name, false, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_non_null(strstr(e.msg, "line 3"));
    assert_non_null(strstr(e.msg, name));
    (void)unlink(name);
    assert_int_equal(select_add_file(s, name, false, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    char binary[] = "/tmp/abri-select-XXXXXX";
    assert_int_equal(write_file(binary, "a\0b", 3), 0);
    assert_int_equal(select_add_file(s, binary, false, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    (void)unlink(binary);
    select_free(s);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct err e = ERR_INIT;
        struct select *s = NULL;
        mem_fail_nth(n);
        int rc = select_new(&s, &e);
        for (int i = 0; rc == 0 && i < 40; i++)
            rc = select_add(s, "/a/*.b/[c]", true, &e);
        uint64_t used = mem_count();
        mem_fail_nth(0);
        select_free(s);
        if (rc == 0) {
            assert_true(used < n);
            break;
        }
        assert_int_equal(e.cls, ERR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_pattern_that_matches_decides),
        cmocka_unit_test(an_empty_list_matches_nothing),
        cmocka_unit_test(going_down_is_never_refused_wrongly),
        cmocka_unit_test(going_down_agrees_with_matching),
        cmocka_unit_test(files_hold_a_pattern_a_line),
        cmocka_unit_test(bad_files_say_where),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("select/list", tests, NULL, NULL);
}
