/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs nbdkit beside us: hands it the passphrase through a pipe, waits until it serves, tells what it complains
 * of, ends it when somebody interrupts us.
 *
 *  N1 It never outlives us: it is told to end with its parent, whatever becomes of us.
 *  N2 The passphrase is in no argument and no environment.
 *  N3 Before it serves, its first complaint is our error; afterwards each is a problem in a line.
 *  N4 Interrupted, it has GRACE_MS to end, and is then killed.
 *  N5 If it crashes after it has served, it is started again: clients that connect again go on. (nbdkit 1.32 gives
 *     up on an assertion if a client hangs up while several of its requests are being answered.)
 */
#include "cli/export.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* how soon an interruption is seen */
#define GRACE_MS 5000

struct running {
    struct cli *c;
    const struct nbd_server *s;
    int err_fd, ready_fd; /* −1: closed */
    bool is_ready, is_ending;
    bool is_known; /* its addresses were told before */
    int64_t ending_ns;
    pid_t pid;
    char line[2048]; /* of its standard error, so far */
    size_t len;
    struct err first; /* complaint */
};

/* ---- what it says -------------------------------------------------------------------------- */

/* "nbdkit: abri.1: error: what" without what is said of everything. */
static const char *essence(const char *line)
{
    const char *what = strstr(line, "error: ");
    return what ? what + strlen("error: ") : line;
}

static void take_line(struct running *r)
{
    struct err e = ERR_INIT;
    r->line[r->len] = '\0';
    if (r->len)
        (void)err_set(&e, ERR_IO, "%s", essence(r->line));
    if (r->len && r->is_ready)
        report_problem(r->c, "nbd", &e);
    else if (r->len && r->first.cls == ERR_UNSET)
        r->first = e;
    r->len = 0;
}

static void read_complaints(struct running *r)
{
    char bytes[512];
    ssize_t n = read(r->err_fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || r->len == sizeof r->line - 1)
            take_line(r);
        if (bytes[i] != '\n')
            r->line[r->len++] = bytes[i];
    }
    if (n > 0)
        return;
    take_line(r);
    (void)close(r->err_fd);
    r->err_fd = -1;
}

static void read_ready(struct running *r)
{
    char byte;
    bool is_ready = read(r->ready_fd, &byte, 1) == 1;
    (void)close(r->ready_fd);
    r->ready_fd = -1;
    if (!is_ready)
        return;
    r->is_ready = true;
    if (!r->is_known)
        r->s->ready(r->s->arg);
    r->is_known = true;
}

static void end_if_asked(struct running *r)
{
    int64_t now = clock_monotonic_ns();
    if (r->s->end ? !atomic_load(r->s->end) : !progress_cancelled(&r->c->progress))
        return;
    if (!r->is_ending) {
        r->is_ending = true;
        r->ending_ns = now;
        (void)kill(r->pid, SIGTERM);
    } else if (now - r->ending_ns > GRACE_MS * (NS_PER_S / 1000)) {
        (void)kill(r->pid, SIGKILL);
    }
}

/* Until its standard error is closed: then it has ended. */
static void attend(struct running *r)
{
    while (r->err_fd >= 0) {
        struct pollfd fds[] = {{.fd = r->err_fd, .events = POLLIN}, {.fd = r->ready_fd, .events = POLLIN}};
        end_if_asked(r);
        if (poll(fds, 2, LOOK_MS) <= 0)
            continue;
        if (fds[1].revents)
            read_ready(r);
        if (fds[0].revents)
            read_complaints(r);
    }
    if (r->ready_fd >= 0)
        (void)close(r->ready_fd);
}

/* ---- starting ------------------------------------------------------------------------------- */

struct pipes {
    int secret[2], ready[2], complaints[2], null;
};

static void pipes_done(struct pipes *p)
{
    const int fds[] = {p->secret[0], p->secret[1], p->ready[0], p->ready[1], p->complaints[0], p->complaints[1], p->null};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static int pipes_make(struct pipes *p, struct err *e)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, -1};
    if (pipe2(p->secret, O_CLOEXEC) || pipe2(p->ready, O_CLOEXEC) || pipe2(p->complaints, O_CLOEXEC) ||
        (p->null = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0)
        return err_sys(e, errno, "starting nbdkit");
    return 0;
}

/* A pipe takes a page before anybody reads. */
static int write_secret(int fd, const char *passphrase, struct err *e)
{
    size_t len = passphrase ? strlen(passphrase) : 0;
    if (write(fd, passphrase ? passphrase : "", len) != (ssize_t)len || write(fd, "\n", 1) != 1)
        return err_sys(e, errno ? errno : EIO, "handing the passphrase to nbdkit");
    return 0;
}

static int start(const struct nbd_server *s, struct pipes *p, pid_t *pid_out, struct err *e)
{
    const int fds[] = {p->secret[0], p->ready[1]};
    const struct program program = {.argv = s->argv, .environment = environ, .out_fd = p->null,
                                    .err_fd = p->complaints[1], .fds = fds, .fd_count = 2, .apart = true};
    if (write_secret(p->secret[1], s->passphrase, e))
        return -1;
    int rc = program_start(&program, pid_out);
    if (rc == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "there is no program `nbdkit` here, which serves NBD: install it (apt install nbdkit)");
    return rc ? err_sys(e, rc, "nbdkit cannot be run") : 0;
}

/* 1: it shall be started again. */
static int how_it_ended(struct running *r, struct err *e)
{
    struct err why = ERR_INIT;
    int rc = program_wait(r->pid, "nbdkit", &why);
    if (*r->s->socket)
        (void)unlink(r->s->socket);
    if (r->is_ending || (rc == 0 && r->is_ready))
        return 0;
    if (r->is_ready) {
        (void)err_wrap(&why, "it is started again");
        report_problem(r->c, "nbd", &why);
        return 1;
    }
    if (r->first.cls != ERR_UNSET) {
        (void)err_give(e, &r->first);
        return err_wrap(e, "nbdkit");
    }
    return rc ? err_give(e, &why) : err_set(e, ERR_IO, "nbdkit ended before it served anything");
}

static int serve_once(struct running *r, struct err *e)
{
    struct pipes p;
    int rc = pipes_make(&p, e);
    if (rc == 0)
        rc = start(r->s, &p, &r->pid, e);
    if (rc) {
        pipes_done(&p);
        return -1;
    }
    r->is_ready = false;
    r->len = 0;
    r->first = ERR_INIT;
    r->err_fd = p.complaints[0];
    r->ready_fd = p.ready[0];
    p.complaints[0] = p.ready[0] = -1;
    pipes_done(&p);
    attend(r);
    return how_it_ended(r, e);
}

int nbd_serve(struct cli *c, const struct nbd_server *s, struct err *e)
{
    struct running r = {.c = c, .s = s};
    int rc;
    while ((rc = serve_once(&r, e)) > 0)
        ;
    return rc;
}
