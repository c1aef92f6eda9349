/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's control socket: what a QEMU says that a guest has taken over costs a bounded amount, and
 * ends in an error. */
#include "machine/qmp.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define WELCOME  "{\"return\": {}, \"id\": 1}\r\n"

/* A QEMU: says one thing when somebody comes, one for each line that it hears. */
struct fake {
    int listen_fd;
    const char *first;
    const char *answers[4];
    size_t flood; /* so many bytes without a line after the first answer */
    pthread_t thread;
    char path[64];
};

static void say(int fd, const char *text)
{
    size_t len = strlen(text);
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        return;
}

/* False at the end. */
static bool hear_line(int fd)
{
    char byte;
    ssize_t n;
    while ((n = recv(fd, &byte, 1, 0)) == 1 && byte != '\n')
        ;
    return n == 1;
}

static void *serve(void *arg)
{
    struct fake *f = arg;
    int fd = accept(f->listen_fd, NULL, NULL);
    say(fd, f->first);
    for (size_t i = 0; i < 4 && f->answers[i] && hear_line(fd); i++) {
        say(fd, f->answers[i]);
        char junk[4096];
        memset(junk, 'x', sizeof junk);
        for (size_t sent = 0; i == 0 && sent < f->flood; sent += sizeof junk)
            if (send(fd, junk, sizeof junk, MSG_NOSIGNAL) < 0)
                break;
    }
    (void)shutdown(fd, SHUT_WR);
    while (hear_line(fd))
        ;
    (void)close(fd);
    return NULL;
}

static void fake_start(struct fake *f)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(f->path, sizeof f->path, "/tmp/abri-qmp-%ld", (long)getpid());
    (void)unlink(f->path);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", f->path);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listen_fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(f->listen_fd, 1), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void fake_end(struct fake *f)
{
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    (void)close(f->listen_fd);
    (void)unlink(f->path);
}

static void refused_greeting(const char *greeting, enum err_class cls)
{
    struct fake f = {.first = greeting};
    struct qmp *q = NULL;
    struct err e = ERR_INIT;
    fake_start(&f);
    assert_int_equal(qmp_open(f.path, 2000, &q, &e), -1);
    assert_int_equal(e.cls, cls);
    assert_null(q);
    fake_end(&f);
}

static void what_does_not_greet_is_no_qemu(void **state)
{
    (void)state;
    refused_greeting("{\"hello\": 1}\n", ERR_IO);
    refused_greeting("SSH-2.0-OpenSSH\r\n", ERR_IO);
    refused_greeting("[1]\n", ERR_IO);
    refused_greeting("", ERR_OFFLINE);
}

static void nobody_there_is_told(void **state)
{
    (void)state;
    struct qmp *q = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(qmp_open("/tmp/abri-no-such-socket", 50, &q, &e), -1);
    assert_int_equal(e.cls, ERR_OFFLINE);
}

static void answers_find_their_question_and_events_wait_in_order(void **state)
{
    (void)state;
    struct fake f = {.first = GREETING,
                     .answers = {WELCOME, "{\"event\": \"A\"}\n{\"return\": {\"late\": 1}, \"id\": 99}\n"
                                          "{\"event\": \"B\"}\n{\"return\": {\"n\": 7}, \"id\": 2}\n{\"event\": \"C\"}\n",
                                 "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": 3}\n"}};
    struct qmp *q = NULL;
    struct err e = ERR_INIT;
    json_t *o = NULL;
    fake_start(&f);
    assert_int_equal(qmp_open(f.path, 2000, &q, &e), 0);
    assert_int_equal(qmp_do(q, "query", json_pack("{s:s}", "a", "b"), &o, &e), 0);
    assert_int_equal(json_integer_value(json_object_get(o, "n")), 7);
    json_decref(o);
    for (const char *name = "ABC"; *name; name++) {
        const char text[] = {*name, '\0'};
        assert_int_equal(qmp_event(q, 2000, &o, &e), 1);
        assert_string_equal(json_string_value(json_object_get(o, "event")), text);
        json_decref(o);
    }
    assert_int_equal(qmp_event(q, 10, &o, &e), 0);
    assert_int_equal(qmp_do(q, "refused", NULL, NULL, &e), -1);
    assert_int_equal(e.cls, ERR_IO);
    assert_non_null(strstr(e.msg, "not now"));
    e = ERR_INIT;
    assert_int_equal(qmp_do(q, "after the end", NULL, NULL, &e), -1);
    assert_int_equal(e.cls, ERR_OFFLINE);
    qmp_close(q);
    fake_end(&f);
}

static void a_line_without_end_is_cut(void **state)
{
    (void)state;
    struct fake f = {.first = GREETING, .answers = {WELCOME, "\n"}, .flood = 2 * QMP_LINE_MAX};
    struct qmp *q = NULL;
    struct err e = ERR_INIT;
    fake_start(&f);
    assert_int_equal(qmp_open(f.path, 2000, &q, &e), 0);
    assert_int_equal(qmp_do(q, "query", NULL, NULL, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    qmp_close(q);
    fake_end(&f);
}

static void only_so_many_events_are_kept(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf flood = {0};
    char line[64];
    for (unsigned i = 0; i < QMP_EVENTS_MAX + 10; i++) {
        int n = snprintf(line, sizeof line, "{\"event\": \"E\", \"n\": %u}\n", i);
        buf_put(&flood, line, (size_t)n);
    }
    buf_put(&flood, "{\"return\": {}, \"id\": 2}\n", 25);
    struct fake f = {.first = GREETING, .answers = {WELCOME, (const char *)flood.data}};
    struct qmp *q = NULL;
    struct err e = ERR_INIT;
    json_t *o = NULL;
    unsigned count = 0;
    fake_start(&f);
    assert_int_equal(qmp_open(f.path, 2000, &q, &e), 0);
    assert_int_equal(qmp_do(q, "query", NULL, NULL, &e), 0);
    while (qmp_event(q, 10, &o, &e) == 1) {
        if (count++ == 0)
            assert_int_equal(json_integer_value(json_object_get(o, "n")), 10); /* the oldest are gone */
        json_decref(o);
    }
    assert_int_equal(count, QMP_EVENTS_MAX);
    qmp_close(q);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_greet_is_no_qemu),
        cmocka_unit_test(nobody_there_is_told),
        cmocka_unit_test(answers_find_their_question_and_events_wait_in_order),
        cmocka_unit_test(a_line_without_end_is_cut),
        cmocka_unit_test(only_so_many_events_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
