/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a box: start, wait, end. Does not know what the program may do (box_plan.c), nor how
 * it is kept from the rest (box_child.c).
 *
 *   thread: clone ── armed? ── leave ── executed? ──► started ── drain what it says ── ended: reap
 * ──► ended └────────── failure ──► failed
 *
 * 1. One thread of each box clones the child, so that PDEATHSIG means our death and not that of a
 * worker that came by; it lives as long as the child.
 * 2. Standard error is read all the time, so the program never waits for us; only its end is kept.
 * 3. The child is reaped under the lock, and `state` says so: nobody sends a signal to a number
 * that is free again.
 * 4. The end of the init of a PID namespace is the end of all in it: when the child is reaped,
 * nothing is left.
 */
#include "box/box_plan.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define START_TIMEOUT_MS 60000 /* a file to show may lie on a slow server */
#define END_TIMEOUT_MS   5000

enum box_state { BOX_NEW = 0, BOX_FAILED, BOX_RUNNING, BOX_ENDED };

struct box {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum box_state state;
    int status;
    struct err error; /* if BOX_FAILED */
    char said[2 * BOX_SAID_MAX];
    size_t said_len;

    /* of the thread, and constant once started */
    struct box_plan *plan; /* until started */
    char *name;
    pid_t pid;
    int pid_fd, talk_fd, err_fd;

    char shown[BOX_SAID_MAX + 1]; /* of the caller */
};

static void set_state(struct box *b, enum box_state state)
{
    (void)pthread_mutex_lock(&b->lock);
    b->state = state;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->lock);
}

/* ---- the thread ---------------------------------------------------------- */

static long clone_child(struct box *b)
{
    b->pid_fd = -1;
    return box_child_clone(b->plan, box_plan_flags(b->plan), &b->pid_fd);
}

static int make_child(struct box *b, struct err *e)
{
    struct box_plan *p = b->plan;
    long pid = clone_child(b);
    if (pid < 0 && errno == EPERM && !p->user_ns) { /* root of a container, perhaps */
        p->user_ns = true;
        pid = clone_child(b);
    }
    if (pid < 0) {
        (void)err_sys(
            e, errno,
            "'%s' is not started without a box, and this system gives no namespaces for one (%s)",
            b->name, p->user_ns ? "are user namespaces allowed here?" : "are they in this kernel?");
        return err_reclass(e, ERR_REFUSED);
    }
    b->pid = (pid_t)pid;
    return 0;
}

/* Waits for a report. 1 if there is one, 0 if the other end is closed. */
static int next_report(struct box *b, struct box_report *r, struct err *e)
{
    struct pollfd p = {.fd = b->talk_fd, .events = POLLIN};
    int n;
    do
        n = poll(&p, 1, START_TIMEOUT_MS);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return err_set(e, ERR_IO, "'%s' could not be started in %d seconds: does a file hang?",
                       b->name, START_TIMEOUT_MS / 1000);
    ssize_t len = recv(b->talk_fd, r, sizeof *r, 0);
    if (len != 0 && len != (ssize_t)sizeof *r)
        return err_set(e, ERR_IO, "'%s' could not be started: its box broke off", b->name);
    return len > 0;
}

/* The child says "armed", we give leave, and the talk ends with its exec. */
static int see_it_started(struct box *b, struct err *e)
{
    struct box_report r = {0};
    int n = next_report(b, &r, e);
    if (n == 0 || (n > 0 && r.step != BOX_STEP_ARMED))
        return n ? box_plan_failure(b->plan, &r, e)
                 : err_set(e, ERR_IO, "'%s' could not be started: its box ended early", b->name);
    if (n < 0)
        return -1;
    if (send(b->talk_fd, "", 1, MSG_NOSIGNAL) != 1)
        return err_sys(e, errno, "cannot start '%s'", b->name);
    n = next_report(b, &r, e);
    if (n > 0)
        return box_plan_failure(b->plan, &r, e);
    return n;
}

static int start(struct box *b, struct err *e)
{
    struct box_plan *p = b->plan;
    int talk[2], says[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk))
        return err_sys(e, errno, "cannot start '%s'", b->name);
    b->talk_fd = p->parent_fd = talk[0];
    p->talk_fd = talk[1];
    if (pipe2(says, O_CLOEXEC)) {
        (void)close(talk[1]);
        return err_sys(e, errno, "cannot start '%s'", b->name);
    }
    b->err_fd = says[0];
    p->err_fd = says[1];
    int rc = fcntl(b->err_fd, F_SETFL, O_NONBLOCK) ? err_sys(e, errno, "a pipe") : make_child(b, e);
    (void)close(talk[1]);
    (void)close(says[1]);
    if (rc == 0)
        rc = see_it_started(b, e);
    file_close(&b->talk_fd);
    return rc;
}

/* Keeps the last BOX_SAID_MAX bytes. False at the end of the pipe, or if there is nothing now. */
static bool drain_some(struct box *b)
{
    char piece[BOX_SAID_MAX];
    ssize_t n = read(b->err_fd, piece, sizeof piece);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    (void)pthread_mutex_lock(&b->lock);
    memcpy(b->said + b->said_len, piece, (size_t)n);
    b->said_len += (size_t)n;
    if (b->said_len > BOX_SAID_MAX) {
        memmove(b->said, b->said + b->said_len - BOX_SAID_MAX, BOX_SAID_MAX);
        b->said_len = BOX_SAID_MAX;
    }
    (void)pthread_mutex_unlock(&b->lock);
    return true;
}

static void drain_until_end(struct box *b)
{
    struct pollfd p[2] = {{.fd = b->err_fd, .events = POLLIN}, {.fd = b->pid_fd, .events = POLLIN}};
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents && !drain_some(b) && (p[0].revents & (POLLHUP | POLLERR)))
            p[0].fd = -1; /* it closed its standard error and lives on */
        if (p[1].revents)
            break;
    }
    for (int i = 0; i < 64 && drain_some(b);) /* what was left in the pipe */
        i++;
}

/* Invariant 3. */
static void reap(struct box *b, enum box_state state)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)b->pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
        continue;
    (void)pthread_mutex_lock(&b->lock);
    (void)waitpid(b->pid, &b->status, 0);
    b->state = state;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->lock);
}

static void *keep(void *arg)
{
    struct box *b = arg;
    struct err e = ERR_INIT;
    if (start(b, &e) == 0) {
        set_state(b, BOX_RUNNING);
        drain_until_end(b);
        reap(b, BOX_ENDED);
        return NULL;
    }
    b->error = e;
    if (b->pid > 0) {
        (void)kill(b->pid, SIGKILL);
        reap(b, BOX_FAILED);
    } else {
        set_state(b, BOX_FAILED);
    }
    return NULL;
}

/* ---- the caller ------------------------------------------------------------ */

static void discard(struct box *b)
{
    file_close(&b->pid_fd);
    file_close(&b->talk_fd);
    file_close(&b->err_fd);
    (void)pthread_cond_destroy(&b->changed);
    (void)pthread_mutex_destroy(&b->lock);
    box_plan_free(b->plan);
    mem_free(b->name);
    mem_free(b);
}

static struct box *new_box(const char *name)
{
    pthread_condattr_t attr;
    struct box *b = mem_zalloc(sizeof *b);
    if (!b)
        return NULL;
    b->pid_fd = b->talk_fd = b->err_fd = -1;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&b->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&b->lock, NULL);
    b->name = mem_strdup(name);
    if (!b->name) {
        discard(b);
        return NULL;
    }
    return b;
}

/* Signals are for the threads that expect them. */
static int start_thread(struct box *b, struct err *e)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&b->thread, NULL, keep, b);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? err_sys(e, rc, "cannot make a thread") : 0;
}

/* Waits until the state is beyond `state`, and gives it. */
static enum box_state wait_beyond(struct box *b, enum box_state state)
{
    (void)pthread_mutex_lock(&b->lock);
    while (b->state <= state)
        (void)pthread_cond_wait(&b->changed, &b->lock);
    state = b->state;
    (void)pthread_mutex_unlock(&b->lock);
    return state;
}

int box_start(const struct box_options *o, struct box **out, struct err *e)
{
    struct box_plan *plan = NULL;
    if (box_plan_new(o, &plan, e))
        return -1;
    struct box *b = new_box(o->argv[0]);
    if (!b) {
        box_plan_free(plan);
        return err_no_memory(e, "a box");
    }
    b->plan = plan;
    if (start_thread(b, e)) {
        discard(b);
        return -1;
    }
    if (wait_beyond(b, BOX_NEW) == BOX_FAILED) {
        (void)pthread_join(b->thread, NULL);
        (void)err_give(e, &b->error);
        discard(b);
        return -1;
    }
    box_plan_free(TAKE(b->plan));
    *out = b;
    return 0;
}

int box_is_running(struct box *b)
{
    (void)pthread_mutex_lock(&b->lock);
    int running = b->state == BOX_RUNNING;
    (void)pthread_mutex_unlock(&b->lock);
    return running;
}

int box_is_running_after(struct box *b, int timeout_ms)
{
    struct timespec until;
    int64_t left_ns = (int64_t)timeout_ms * (NS_PER_S / 1000);
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    left_ns += until.tv_nsec;
    until.tv_sec += left_ns / NS_PER_S;
    until.tv_nsec = left_ns % NS_PER_S;
    (void)pthread_mutex_lock(&b->lock);
    for (int rc = 0; b->state == BOX_RUNNING && rc == 0;)
        rc = pthread_cond_timedwait(&b->changed, &b->lock, &until);
    int running = b->state == BOX_RUNNING;
    (void)pthread_mutex_unlock(&b->lock);
    return running;
}

int box_wait(struct box *b, struct err *e)
{
    (void)wait_beyond(b, BOX_RUNNING);
    const char *said = box_said(b), *colon = said[0] ? ": " : "";
    int s = b->status;
    if (WIFSIGNALED(s))
        return err_set(e, ERR_IO, "%s was ended by signal %d (%s)%s%s", b->name, WTERMSIG(s),
                       strsignal(WTERMSIG(s)), colon, said);
    if (WEXITSTATUS(s) != 0)
        return err_set(e, ERR_IO, "%s failed with status %d%s%s", b->name, WEXITSTATUS(s), colon,
                       said);
    return 0;
}

const char *box_said(struct box *b)
{
    char text[BOX_SAID_MAX];
    (void)pthread_mutex_lock(&b->lock);
    size_t len = b->said_len;
    memcpy(text, b->said, len);
    (void)pthread_mutex_unlock(&b->lock);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
            text[i] = ' ';
    utf8_clean(text, len, b->shown, sizeof b->shown);
    return b->shown;
}

pid_t box_pid(const struct box *b)
{
    return b->pid;
}

/* The init of a PID namespace gets no signal that it has no handler for: then waiting is in vain.
 */
static bool handles_sigterm(pid_t pid)
{
    char path[40];
    struct buf text = {0};
    struct err e = ERR_INIT;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    bool handles = true; /* where it cannot be seen, wait */
    if (file_slurp(AT_FDCWD, path, 65536, &text, &e) == 0) {
        buf_put_u8(&text, 0);
        const char *at = text.failed ? NULL : strstr((const char *)text.data, "\nSigCgt:");
        if (at)
            handles = strtoull(at + 8, NULL, 16) >> (SIGTERM - 1) & 1;
    }
    buf_done(&text);
    return handles;
}

static void send_signal(struct box *b, int sig)
{
    (void)pthread_mutex_lock(&b->lock);
    if (b->state == BOX_RUNNING)
        (void)kill(b->pid, sig);
    (void)pthread_mutex_unlock(&b->lock);
}

static void end(struct box *b)
{
    bool asks = handles_sigterm(b->pid);
    send_signal(b, asks ? SIGTERM : SIGKILL);
    if (asks && box_is_running_after(b, END_TIMEOUT_MS))
        send_signal(b, SIGKILL);
}

void box_free(struct box *b)
{
    if (!b)
        return;
    if (box_is_running(b))
        end(b);
    (void)pthread_join(b->thread, NULL);
    discard(b);
}
