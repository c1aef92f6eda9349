/* SPDX-License-Identifier: Apache-2.0 */
#include "box_test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY 65534
#define SKIP   77

char place[SCRATCH_PATH_MAX];

const char *at(const char *name)
{
    static char paths[8][SCRATCH_PATH_MAX + 64];
    static unsigned next;
    char *p = paths[next++ % 8];
    (void)snprintf(p, sizeof paths[0], "%s/%s", place, name);
    return p;
}

void make_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

struct box_options plain(void)
{
    return (struct box_options){.listen_fd = -1, .out_fd = -1};
}

static int run(const char *program, const char *line, const struct box_options *with,
               char out[1024], struct err *e)
{
    const char *const argv[] = {program, "-c", line, NULL};
    struct box_options o = with ? *with : plain();
    struct buf text = {0};
    o.argv = argv;
    int rc = box_run(&o, 65536, 60000, &text, e);
    size_t n = text.len < 1023 ? text.len : 1023;
    if (n)
        memcpy(out, text.data, n);
    out[n] = '\0';
    buf_done(&text);
    if (rc)
        print_message("%s\n", e->msg);
    return rc;
}

int shell(const char *line, const struct box_options *with, char out[1024], struct err *e)
{
    return run("sh", line, with, out, e);
}

int python(const char *line, const struct box_options *with, char out[1024], struct err *e)
{
    return run("/usr/bin/python3", line, with, out, e);
}

/* As box.c asks for them: unshare would refuse a process with threads, as one under a sanitizer is. */
static int try_namespaces(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0)
        (void)syscall(SYS_exit_group, 0);
    int status = 1;
    return pid > 0 && waitpid((pid_t)pid, &status, 0) == pid && status == 0;
}

/* As the program abri is: without a dump, and its /proc files so not its own. */
static int become_nobody(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
                           setresuid(NOBODY, NOBODY, NOBODY)))
        return -1;
    return prctl(PR_SET_DUMPABLE, 0);
}

int run_boxes(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count)
{
    if (argc > 1 && strcmp(argv[1], "nobody") == 0) {
        if (become_nobody()) {
            print_message("skipped: no other user can be had here\n");
            return SKIP;
        }
        if (!try_namespaces()) {
            print_message("skipped: this system gives users no namespaces\n");
            return SKIP;
        }
    }
    (void)umask(077);
    scratch_make(place);
    int rc = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    scratch_remove(place);
    return rc;
}
