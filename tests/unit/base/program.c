/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: what they are given, and what is said of how they end. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *const no_environment[] = {NULL};

/* Runs a line of shell; *out gets at most 63 bytes of its output. */
static int run(const char *line, char out[64], struct err *e)
{
    const char *const argv[] = {"sh", "-c", line, NULL};
    int fds[2];
    pid_t pid;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(program_start(&(struct program){.argv = argv, .environment = no_environment,
                                                 .out_fd = fds[1]},
                                 &pid),
                     0);
    assert_int_equal(close(fds[1]), 0);
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len < 63; len += n > 0 ? (size_t)n : 0)
        n = read(fds[0], out + len, 63 - len);
    out[len] = '\0';
    (void)close(fds[0]);
    return program_wait(pid, "the sample", e);
}

static void output_goes_where_it_should_and_input_is_empty(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[64];
    assert_int_equal(run("cat; echo said", out, &e), 0);
    assert_string_equal(out, "said\n");
}

static void nothing_of_our_environment_is_handed_on(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[64];
    assert_int_equal(setenv("ABRI_TEST_SECRET", "secret", 1), 0);
    assert_int_equal(run("echo \"<$ABRI_TEST_SECRET>\"", out, &e), 0);
    assert_string_equal(out, "<>\n");
}

/* Whatever numbers they have here, and in whatever order. */
static void further_descriptors_become_3_and_4(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "cat <&3; cat <&4; for f in 5 6 7 8 9; do (: <&$f) 2>/dev/null && echo more; done; exit 0", NULL};
    int a[2], b[2], out[2];
    pid_t pid;
    char said[64] = "";
    struct err e = ERR_INIT;
    assert_int_equal(pipe2(a, O_CLOEXEC) | pipe2(b, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(write(a[1], "one", 3) + write(b[1], "two", 3), 6);
    assert_int_equal(close(a[1]) | close(b[1]), 0);
    const int fds[] = {b[0], a[0]};
    const struct program p = {.argv = argv, .environment = no_environment, .out_fd = out[1], .fds = fds, .fd_count = 2};
    assert_int_equal(program_start(&p, &pid), 0);
    assert_int_equal(close(out[1]) | close(a[0]) | close(b[0]), 0);
    if (program_wait(pid, "the sample", &e))
        fail_msg("%s", e.msg);
    assert_int_equal(read(out[0], said, sizeof said - 1), 6);
    assert_string_equal(said, "twoone");
    (void)close(out[0]);
}

static void signals_are_as_usual(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[64];
    sigset_t held, before;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &held, &before), 0);
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(run("kill -PIPE $$; echo ignored", out, &e), -1);
    assert_string_equal(out, "");
    assert_int_equal(run("kill -TERM $$; echo held", out, &e), -1);
    assert_string_equal(out, "");
    (void)signal(SIGPIPE, old);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void how_it_ended_is_told(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[64];
    assert_int_equal(run("exit 7", out, &e), -1);
    assert_int_equal(e.cls, ERR_IO);
    assert_string_equal(e.msg, "the sample failed with status 7");
    assert_int_equal(run("kill -KILL $$", out, &e), -1);
    assert_non_null(strstr(e.msg, "the sample was ended by signal 9 ("));
    assert_int_equal(run("exit 7", out, NULL), -1);
}

static void what_cannot_be_run_is_told_by_errno(void **state)
{
    (void)state;
    pid_t pid = 77;
    const char *const missing[] = {"/nowhere/program", NULL}, *const directory[] = {"/", NULL};
    struct program s = {.argv = missing, .environment = no_environment, .out_fd = STDERR_FILENO};
    assert_int_equal(program_start(&s, &pid), ENOENT);
    s.argv = directory;
    assert_int_equal(program_start(&s, &pid), EACCES);
    assert_int_equal(pid, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_goes_where_it_should_and_input_is_empty),
        cmocka_unit_test(nothing_of_our_environment_is_handed_on),
        cmocka_unit_test(further_descriptors_become_3_and_4),
        cmocka_unit_test(signals_are_as_usual),
        cmocka_unit_test(how_it_ended_is_told),
        cmocka_unit_test(what_cannot_be_run_is_told_by_errno),
    };
    return cmocka_run_group_tests_name("base/program", tests, NULL, NULL);
}
