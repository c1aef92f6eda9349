/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes begin, speak and end: descriptors, what is said, and that nothing outlives us. */
#include "box_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct box *start(const char *const *argv, const struct box_options *with)
{
    struct err e = ERR_INIT;
    struct box *b = NULL;
    struct box_options o = with ? *with : plain();
    o.argv = argv;
    if (box_start(&o, &b, &e))
        fail_msg("%s", e.msg);
    return b;
}

/* True when the last writer of the pipe is gone, within 20 s. */
static bool all_gone(int fd)
{
    char c;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 20000) > 0)
        if (read(fd, &c, 1) <= 0)
            return true;
    return false;
}

/* Starts what would like to stay, with a pipe that its descendants keep open; true if it said that
 * it runs. */
static struct box *start_stayer(int keep)
{
    static const char line[] = "import ctypes,os,signal,sys,time\n"
                               "fd=int(sys.argv[1])\n"
                               "libc=ctypes.CDLL(None); libc.prctl(1,0,0,0,0)\n"
                               "for s in range(1,32):\n"
                               "  try: signal.signal(s,signal.SIG_IGN)\n"
                               "  except (OSError,ValueError): pass\n"
                               "for i in range(4):\n"
                               "  if os.fork()==0:\n"
                               "    os.setsid(); libc.prctl(1,0,0,0,0)\n"
                               "    if os.fork(): os._exit(0)\n"
                               "    break\n"
                               "os.write(fd,b'.')\n"
                               "time.sleep(1000)\n";
    char number[16];
    (void)snprintf(number, sizeof number, "%d", keep);
    const char *const argv[] = {"/usr/bin/python3", "-c", line, number, NULL};
    struct box_options o = plain();
    o.keep_fds = &keep;
    o.keep_fd_count = 1;
    return start(argv, &o);
}

static void wait_for_dots(int fd, int n)
{
    char c;
    for (int i = 0; i < n; i++)
        assert_int_equal(read(fd, &c, 1), 1);
}

static void nothing_outlives_a_killed_parent(void **state)
{
    (void)state;
    int fds[2], status;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        (void)close(fds[0]);
        struct box *b = start_stayer(fds[1]);
        (void)close(fds[1]);
        for (;;)
            (void)(pause() + (b != NULL));
    }
    (void)close(fds[1]);
    wait_for_dots(fds[0], 5);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(all_gone(fds[0]));
    (void)close(fds[0]);
}

static void nothing_outlives_its_box(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct box *b = start_stayer(fds[1]);
    (void)close(fds[1]);
    wait_for_dots(fds[0], 5);
    pid_t pid = box_pid(b);
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(box_is_running(b), 1);
    box_free(b);
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1); /* at once */
    assert_true(all_gone(fds[0]));
    assert_int_equal(kill(pid, 0), -1);
    (void)close(fds[0]);
}

static void *start_and_go(void *arg)
{
    static const char *const argv[] = {"sleep", "1000", NULL};
    *(struct box **)arg = start(argv, NULL);
    return NULL;
}

/* PDEATHSIG is of threads: a worker that starts a box and ends does not end the box. */
static void a_box_outlives_the_thread_that_started_it(void **state)
{
    (void)state;
    pthread_t t;
    struct box *b = NULL;
    assert_int_equal(pthread_create(&t, NULL, start_and_go, &b), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(box_is_running_after(b, 300), 1);
    box_free(b);
}

static void a_program_that_can_is_asked_to_end(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    make_file(at("end"), "");
    const struct box_file shown = {at("end"), true};
    char line[1024];
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)snprintf(line, sizeof line,
                   "trap 'echo asked >%s; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
                   shown.path);
    const char *const argv[] = {"sh", "-c", line, NULL};
    struct box_options o = plain();
    o.files = &shown;
    o.file_count = 1;
    o.out_fd = fds[1];
    struct box *b = start(argv, &o);
    wait_for_dots(fds[0], 6);
    box_free(b);
    struct buf text = {0};
    assert_int_equal(0, access(at("end"), F_OK));
    FILE *f = fopen(at("end"), "r");
    char said[16] = "";
    assert_non_null(f);
    assert_non_null(fgets(said, sizeof said, f));
    (void)fclose(f);
    assert_string_equal(said, "asked\n");
    (void)close(fds[0]);
    (void)close(fds[1]);
    buf_done(&text);
    (void)e;
}

static void it_listens_for_the_outside(void **state)
{
    (void)state;
    static const char line[] =
        "import os,socket\n"
        "assert os.environ['LISTEN_FDS']=='1' and int(os.environ['LISTEN_PID'])==os.getpid()\n"
        "s=socket.socket(fileno=3); c,_=s.accept(); c.sendall(c.recv(5)[::-1])\n";
    static const char *const argv[] = {"/usr/bin/python3", "-c", line, NULL};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct err e = ERR_INIT;
    struct box_options o = plain();
    char answer[6] = "";
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", at("listen"));
    o.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o.listen_fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(o.listen_fd, 4), 0);
    struct box *b = start(argv, &o);
    int c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(write(c, "hello", 5), 5);
    assert_int_equal(recv(c, answer, 5, MSG_WAITALL), 5);
    assert_string_equal(answer, "olleh");
    assert_int_equal(box_wait(b, &e), 0);
    assert_int_equal(box_wait(b, &e), 0);
    assert_int_equal(box_is_running(b), 0);
    assert_true(fcntl(o.listen_fd, F_GETFD) >= 0); /* it stays ours */
    box_free(b);
    (void)close(c);
    (void)close(o.listen_fd);
}

static void only_named_descriptors_are_open(void **state)
{
    (void)state;
    static const char line[] = "import os\nr=[]\n"
                               "for i in range(1024):\n"
                               "  try: os.fstat(i); r.append(i)\n"
                               "  except OSError: pass\n"
                               "print(r)";
    struct err e = ERR_INIT;
    char out[1024], expected[64];
    struct box_options o = plain();
    int open_to_all[20];
    for (int i = 0; i < 20; i++)
        open_to_all[i] = open("/dev/null", O_RDONLY); /* not close-on-exec: of a careless library */
    int low = fcntl(open_to_all[0], F_DUPFD, 40), high = fcntl(low, F_DUPFD_CLOEXEC, 700),
        keep[2] = {high, low};
    o.keep_fds = keep;
    o.keep_fd_count = 2;
    assert_int_equal(python(line, &o, out, &e), 0);
    (void)snprintf(expected, sizeof expected, "[0, 1, 2, %d, %d]\n", low, high);
    assert_string_equal(out, expected);
    o.listen_fd = open_to_all[5];
    o.keep_fd_count = 0;
    assert_int_equal(python(line, &o, out, &e), 0);
    assert_string_equal(out, "[0, 1, 2, 3]\n");
    for (int i = 0; i < 20; i++)
        (void)close(open_to_all[i]);
    (void)close(low);
    (void)close(high);
}

static void what_it_said_last_is_told(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char out[1024];
    assert_int_equal(
        shell("echo first >&2; printf 'no \\033[31mred\\tone\\377\\n' >&2; exit 3", NULL, out, &e),
        -1);
    assert_int_equal(e.cls, ERR_IO);
    assert_string_equal(e.msg, "sh failed with status 3: first no ?[31mred one?");
    assert_int_equal(shell("exit 4", NULL, out, &e), -1);
    assert_string_equal(e.msg, "sh failed with status 4");
    assert_int_equal(python("import ctypes; ctypes.string_at(0)", NULL, out, &e), -1);
    assert_non_null(strstr(e.msg, "was ended by signal 11 ("));
}

static void a_flood_of_words_stops_nobody(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    static const char *const argv[] = {"sh", "-c",
                                       "i=0; while [ $i -lt 300 ]; do printf '%01000d' $i; "
                                       "i=$((i+1)); done >&2; echo LAST >&2; exit 1",
                                       NULL};
    struct box *b = start(argv, NULL);
    assert_int_equal(box_wait(b, &e), -1);
    size_t len = strlen(box_said(b));
    assert_true(len > BOX_SAID_MAX - 8 && len <= BOX_SAID_MAX);
    assert_string_equal(box_said(b) + len - 7, "299LAST");
    box_free(b);
}

static void running_is_bounded_in_length_and_time(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf out = {0};
    const char *argv[] = {"sh", "-c", "while :; do echo yes; done", NULL};
    struct box_options o = plain();
    o.argv = argv;
    buf_put(&out, "kept", 4);
    assert_int_equal(box_run(&o, 1000, 60000, &out, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    argv[2] = "echo x; sleep 1000";
    assert_int_equal(box_run(&o, 1000, 200, &out, &e), -1);
    assert_int_equal(e.cls, ERR_IO);
    assert_string_equal(e.msg, "sh did not end in time");
    argv[2] = "exec >&-; sleep 1000";
    assert_int_equal(box_run(&o, 1000, 200, &out, &e), -1);
    assert_string_equal(e.msg, "sh did not end in time");
    argv[2] = "echo 12345678; exit 1";
    assert_int_equal(box_run(&o, 9, 60000, &out, &e), -1);
    assert_int_equal(out.len, 4);
    argv[2] = "echo 12345678";
    assert_int_equal(box_run(&o, 8, 60000, &out, &e), -1);
    assert_int_equal(box_run(&o, 9, 60000, &out, &e), 0);
    assert_int_equal(out.len, 13);
    assert_memory_equal(out.data, "kept12345678\n", 13);
    buf_done(&out);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const missing[] = {"abri-no-such-program", NULL}, *const sh[] = {"sh", NULL};
    static const char *const bad[] = {"relative", "/",       "/tmp/../etc/shadow",
                                      "/tmp/./x", "/tmp/..", ""};
    struct err e = ERR_INIT;
    struct box *b = NULL;
    struct box_options o = plain();
    o.argv = missing;
    assert_int_equal(box_start(&o, &b, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "the program 'abri-no-such-program' is not installed");
    o.argv = sh;
    struct box_file f = {"/nowhere/file", false};
    o.files = &f;
    o.file_count = 1;
    assert_int_equal(box_start(&o, &b, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "cannot show '/nowhere/file' to 'sh'"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        f.path = bad[i];
        assert_int_equal(box_start(&o, &b, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    o.file_count = 0;
    const int keeps[][2] = {{2, 9}, {9, 9}, {3, 9}};
    o.keep_fd_count = 2;
    o.listen_fd = 0;
    for (size_t i = 0; i < 3; i++) {
        o.keep_fds = keeps[i];
        assert_int_equal(box_start(&o, &b, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    assert_null(b);
}

static void a_failed_allocation_is_an_error(void **state)
{
    (void)state;
    static const char *const argv[] = {"true", NULL};
    struct err e = ERR_INIT;
    struct box *b = NULL;
    struct box_options o = plain();
    int keep = open("/dev/null", O_RDONLY | O_CLOEXEC), high = fcntl(keep, F_DUPFD_CLOEXEC, 10);
    o.argv = argv;
    o.keep_fds = &high;
    o.keep_fd_count = 1;
    for (uint64_t n = 1; n <= 5; n++) {
        mem_fail_nth(n);
        assert_int_equal(box_start(&o, &b, &e), -1);
        assert_int_equal(e.cls, ERR_NO_MEMORY);
    }
    mem_fail_nth(0);
    assert_int_equal(box_start(&o, &b, &e), 0);
    box_free(b);
    (void)close(keep);
    (void)close(high);
}

static void *many(void *arg)
{
    struct err e = ERR_INIT;
    (void)arg;
    for (int i = 0; i < 8; i++) {
        char out[1024];
        assert_int_equal(shell("echo $$", NULL, out, &e), 0);
        assert_string_equal(out, "1\n");
    }
    return NULL;
}

static void several_threads_have_boxes(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, many, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outlives_a_killed_parent),
        cmocka_unit_test(nothing_outlives_its_box),
        cmocka_unit_test(a_box_outlives_the_thread_that_started_it),
        cmocka_unit_test(a_program_that_can_is_asked_to_end),
        cmocka_unit_test(it_listens_for_the_outside),
        cmocka_unit_test(only_named_descriptors_are_open),
        cmocka_unit_test(what_it_said_last_is_told),
        cmocka_unit_test(a_flood_of_words_stops_nobody),
        cmocka_unit_test(running_is_bounded_in_length_and_time),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_failed_allocation_is_an_error),
        cmocka_unit_test(several_threads_have_boxes),
    };
    return run_boxes(argc, argv, "box/life", tests, sizeof tests / sizeof tests[0]);
}
