/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

#include "base/mem.h"
#include "cli/cli.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char dir[64], list[96];
    struct string_list paths;
    unsigned problems;
    struct err err;
};

static int make(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof f->dir, "%.40s/abri-cli-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->list, sizeof f->list, "%s/list", f->dir);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->list);
    assert_int_equal(rmdir(f->dir), 0);
    string_list_done(&f->paths);
    mem_free(f);
    return 0;
}

static void on_problem(void *arg, const char *item, const struct err *e)
{
    struct fixture *f = arg;
    (void)item;
    (void)e;
    f->problems++;
}

static int read_list(struct fixture *f, int tag, const char *text, size_t len)
{
    int fd = open(f->list, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    (void)close(fd);
    struct option_item item = {.text = f->list, .tag = tag};
    struct option_list l = {.items = &item, .count = 1};
    string_list_done(&f->paths);
    f->problems = 0;
    f->err = ERR_INIT;
    return files_from_read(&l, &f->paths, on_problem, f, &f->err);
}
#define READ(f, tag, text) read_list(f, tag, text, sizeof(text) - 1)

static void patterns_skip_comments_and_blanks(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(READ(f, FILES_FROM, "# comment\n\n  /et[c]  \r\n\t#no\n/dev/nul?"), 0);
    assert_int_equal(f->paths.count, 2);
    assert_string_equal(f->paths.items[0], "/etc");
    assert_string_equal(f->paths.items[1], "/dev/null");
    assert_int_equal(f->problems, 0);
}

static void a_pattern_that_matches_nothing_is_a_problem(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(READ(f, FILES_FROM, "/nonexistent-*\n/etc\n"), 0);
    assert_int_equal(f->paths.count, 1);
    assert_int_equal(f->problems, 1);
}

static void verbatim_lines_are_taken_as_they_are(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(READ(f, FILES_FROM_VERBATIM, " a \n# b\n\n*\xff"), 0);
    assert_int_equal(f->paths.count, 3);
    assert_string_equal(f->paths.items[0], " a ");
    assert_string_equal(f->paths.items[1], "# b");
    assert_string_equal(f->paths.items[2], "*\xff");
    assert_int_equal(READ(f, FILES_FROM_VERBATIM, "a\0b\n"), -1);
    assert_int_equal(f->err.cls, ERR_USAGE);
}

static void raw_names_end_with_nul_or_the_list_was_cut(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(READ(f, FILES_FROM_RAW, "a\nb\0c\0"), 0);
    assert_int_equal(f->paths.count, 2);
    assert_string_equal(f->paths.items[0], "a\nb");
    assert_int_equal(READ(f, FILES_FROM_RAW, "a\0b"), -1);
    assert_non_null(strstr(f->err.msg, "was cut"));
    assert_int_equal(READ(f, FILES_FROM_RAW, "a\0\0b\0"), -1);
    assert_int_equal(READ(f, FILES_FROM_RAW, ""), 0);
    assert_int_equal(f->paths.count, 0);
}

static void long_lists_are_whole(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf text = {0};
    for (int i = 0; i < 50000; i++) {
        char name[32];
        buf_put(&text, name, (size_t)snprintf(name, sizeof name, "name-%d", i) + 1);
    }
    assert_int_equal(read_list(f, FILES_FROM_RAW, (const char *)text.data, text.len), 0);
    assert_int_equal(f->paths.count, 50000);
    assert_string_equal(f->paths.items[49999], "name-49999");
}

static void every_failing_allocation_is_an_error(void **state)
{
    struct fixture *f = *state;
    for (uint64_t n = 1;; n++) {
        mem_fail_nth(n);
        int rc = READ(f, FILES_FROM_RAW, "a\0b\0c\0");
        bool reached = mem_count() >= n;
        mem_fail_nth(0);
        if (!reached) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(f->err.cls, ERR_NO_MEMORY);
    }
}

static void comma_lists_have_no_empty_parts(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(string_list_add_commas(&f->paths, "a,b c,d", "--tag", &f->err), 0);
    assert_int_equal(f->paths.count, 3);
    assert_string_equal(f->paths.items[1], "b c");
    static const char *const bad[] = {"", ",", "a,", ",a", "a,,b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(string_list_add_commas(&f->paths, bad[i], "--tag", &f->err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patterns_skip_comments_and_blanks, make, unmake),
        cmocka_unit_test_setup_teardown(a_pattern_that_matches_nothing_is_a_problem, make, unmake),
        cmocka_unit_test_setup_teardown(verbatim_lines_are_taken_as_they_are, make, unmake),
        cmocka_unit_test_setup_teardown(raw_names_end_with_nul_or_the_list_was_cut, make, unmake),
        cmocka_unit_test_setup_teardown(long_lists_are_whole, make, unmake),
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_an_error, make, unmake),
        cmocka_unit_test_setup_teardown(comma_lists_have_no_empty_parts, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
