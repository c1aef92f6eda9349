/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, errors, files, the worker pool. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void test_a_date_means_its_last_moment(void **state)
{
    (void)state;
    int64_t ns;
    assert_true(clock_parse("1970-01-01 00:00Z", &ns));
    assert_true(ns == 60 * NS_PER_S - 1);
    assert_true(clock_parse("1970-01-01T00:00:07Z", &ns));
    assert_true(ns == 8 * NS_PER_S - 1);
    assert_true(clock_parse("1970-01-01T00:00:07.5Z", &ns));
    assert_int_equal(ns, 7600000000 - 1);
    assert_true(clock_parse("1970-01-01T00:00:07.123456789Z", &ns));
    assert_int_equal(ns, 7123456789);
    assert_true(clock_parse("1970-01-02Z", &ns));
    assert_true(ns == 2 * 86400 * NS_PER_S - 1);
    assert_true(clock_parse("3000-01-01Z", &ns)); /* beyond what can be counted: the end */
    assert_true(ns == INT64_MAX);
    assert_true(clock_parse("0001-01-01Z", &ns));
    assert_true(ns == INT64_MIN);
}

static void test_what_is_no_date(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",           "2026",          "latest",     "2026-13-01",
                                        "2026-00-01", "2026-01-32",    "2026-01-01x", "3f2a91c0",
                                        "2026-01-01 25:00", "2026-01-01 1", "2026-01-01 10:61",
                                        "2026-01-01 10:01.5", "2026-01-01 10:01:02.", "2026-01-01 10:01:02.1234567891"};
    int64_t ns = 5;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (clock_parse(wrong[i], &ns))
            fail_msg("'%s' was taken for a date", wrong[i]);
    assert_true(ns == 5);
}

static void test_times_are_written_and_never_overflow(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_BYTES];
    clock_format_utc(1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000001Z");
    clock_format_utc(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
    clock_format_utc(INT64_MAX, text);
    clock_format(INT64_MIN, text);
}

static void test_errors_read_from_the_object_to_the_cause(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_sys(&e, ENOSPC, "write '%s'", "x"), -1);
    assert_int_equal(e.cls, ERR_NO_SPACE);
    assert_int_equal(err_wrap(&e, "pack %d", 7), -1);
    assert_string_equal(e.msg, "pack 7: write 'x': No space left on device");
    assert_int_equal(err_exit_status(ERR_NO_VAULT), 10);
    assert_int_equal(err_exit_status(ERR_BUSY), 11);
    assert_int_equal(err_exit_status(ERR_PASSPHRASE), 12);
    assert_int_equal(err_exit_status(ERR_INCOMPLETE), 3);
    char long_text[2 * ERR_MESSAGE_BYTES];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    (void)err_wrap(&e, "%s", long_text);
    assert_true(strlen(e.msg) < ERR_MESSAGE_BYTES);
}

static void test_a_file_is_replaced_whole(void **state)
{
    (void)state;
    char top[SCRATCH_PATH_MAX], path[600], dir[600];
    struct err e = ERR_INIT;
    struct stat st;
    struct buf b = {0};
    scratch_make(top);
    (void)snprintf(dir, sizeof dir, "%s/a/b/c", top);
    (void)snprintf(path, sizeof path, "%s/a/b/c/f", top);
    assert_int_equal(file_make_dirs(dir, 0700, &e), 0);
    assert_int_equal(file_make_dirs(dir, 0700, &e), 0);
    assert_int_equal(file_replace(path, "one", 3, 0600, &e), 0);
    assert_int_equal(file_replace(path, "second", 6, 0600, &e), 0);
    assert_int_equal(file_slurp(AT_FDCWD, path, 100, &b, &e), 0);
    assert_int_equal(b.len, 6);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    buf_reset(&b);
    assert_int_equal(file_slurp(AT_FDCWD, path, 5, &b, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    assert_int_equal(file_slurp(AT_FDCWD, "/nonexistent/x", 5, &b, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    buf_done(&b);
    scratch_remove(top);
}

struct sum_job {
    struct pool_job base;
    unsigned n;
    uint64_t sum;
};

static void add_up(void *arg, unsigned worker, struct pool_job *base)
{
    struct sum_job *j = (struct sum_job *)base;
    (void)arg;
    (void)worker;
    for (unsigned i = 1; i <= j->n; i++)
        j->sum += i;
}

static void test_every_job_is_done_once(void **state)
{
    (void)state;
    enum { JOBS = 5000 };
    struct err e = ERR_INIT;
    struct pool *p;
    struct sum_job *jobs = calloc(JOBS, sizeof *jobs);
    assert_non_null(jobs);
    assert_int_equal(pool_new(3, add_up, NULL, &p, &e), 0);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].n = i;
        pool_wait_below(p, 50);
        pool_submit(p, &jobs[i].base);
    }
    pool_wait(p, &jobs[JOBS - 1].base);
    pool_wait_below(p, 1);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_true(pool_is_done(&jobs[i].base));
        assert_true(jobs[i].sum == (uint64_t)i * (i + 1) / 2);
    }
    pool_free(p);
    free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_date_means_its_last_moment),
        cmocka_unit_test(test_what_is_no_date),
        cmocka_unit_test(test_times_are_written_and_never_overflow),
        cmocka_unit_test(test_errors_read_from_the_object_to_the_cause),
        cmocka_unit_test(test_a_file_is_replaced_whole),
        cmocka_unit_test(test_every_job_is_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
