/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doors.
 *
 *  1. A caller who says nothing, or takes nothing, costs others his five seconds and no more.
 *  2. Nothing but a socket that nobody serves is ever removed to make place.
 */
#include "daemon/local.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

/* A path that is too long for an address is reached through its directory. */
struct place {
    struct sockaddr_un at;
    int dir_fd;
};

static void place_done(struct place *p)
{
    file_close(&p->dir_fd);
}

static int place_of(const char *path, struct place *out, struct err *e)
{
    char dir[4096];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct place p = {.at.sun_family = AF_UNIX, .dir_fd = -1};
    if (strlen(path) < sizeof p.at.sun_path) {
        memcpy(p.at.sun_path, path, strlen(path));
        *out = p;
        return 0;
    }
    if (strlen(name) > 64 || strlen(path) >= sizeof dir)
        return err_set(e, ERR_USAGE, "'%s': the path of a socket is too long", path);
    (void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    p.dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (p.dir_fd < 0)
        return err_sys(e, errno, "'%s'", dir);
    (void)snprintf(p.at.sun_path, sizeof p.at.sun_path, "/proc/self/fd/%d/%s", p.dir_fd, name);
    *out = p;
    return 0;
}

static int connect_to(const struct place *p)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&p->at, sizeof p->at) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

int local_connect(const char *path, int *fd_out, struct err *e)
{
    CLEANUP(place_done) struct place p = {.dir_fd = -1};
    if (place_of(path, &p, e))
        return -1;
    int fd = connect_to(&p);
    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
        return err_set(e, ERR_OFFLINE, "nobody listens at '%s'", path);
    if (fd < 0)
        return err_sys(e, errno, "'%s'", path);
    *fd_out = fd;
    return 0;
}

/* 2 */
static int make_place(const struct place *p, const char *path, struct err *e)
{
    struct stat st;
    if (lstat(p->at.sun_path, &st))
        return errno == ENOENT ? 0 : err_sys(e, errno, "'%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_EXISTS, "'%s' is there already, and no socket", path);
    int fd = connect_to(p);
    if (fd >= 0) {
        (void)close(fd);
        return err_set(e, ERR_BUSY, "another program listens at '%s'", path);
    }
    if (errno != ECONNREFUSED && errno != ENOENT)
        return err_sys(e, errno, "'%s'", path);
    return unlink(p->at.sun_path) && errno != ENOENT ? err_sys(e, errno, "remove '%s'", path) : 0;
}

int local_listen(const char *path, mode_t mode, int *fd_out, struct err *e)
{
    CLEANUP(place_done) struct place p = {.dir_fd = -1};
    if (place_of(path, &p, e) || make_place(&p, path, e))
        return -1;
    CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The umask lets nobody else in until chmod has said who may. */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&p.at, sizeof p.at) || chmod(p.at.sun_path, mode) ||
        listen(fd, BACKLOG))
        return err_sys(e, errno, "a socket at '%s'", path);
    *fd_out = fd;
    fd = -1;
    return 0;
}

/* ---- the thread ----------------------------------------------------------------------------------- */

struct local_door {
    int fd, stop_fd;
    local_serve *serve;
    void *arg;
    pthread_t thread;
    bool runs;
};

static void *keep_door(void *arg)
{
    struct local_door *d = arg;
    struct pollfd p[2] = {{.fd = d->stop_fd, .events = POLLIN}, {.fd = d->fd, .events = POLLIN}};
    for (;;) {
        int n = poll(p, 2, -1);
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0 && p[0].revents)
            break;
        int fd = n > 0 ? accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
        if (fd >= 0) {
            d->serve(d->arg, fd, clock_monotonic_ns() + LOCAL_CALL_MS * INT64_C(1000000));
            (void)close(fd);
        } else if (n > 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            (void)poll(p, 1, 100); /* nothing to take it with: not a busy loop */
        }
    }
    return NULL;
}

void local_close(struct local_door *d)
{
    uint64_t one = 1;
    if (!d)
        return;
    if (d->runs && write(d->stop_fd, &one, sizeof one) == (ssize_t)sizeof one)
        (void)pthread_join(d->thread, NULL);
    file_close(&d->stop_fd);
    file_close(&d->fd);
    mem_free(d);
}

int local_open(int fd, local_serve *serve, void *arg, struct local_door **out, struct err *e)
{
    sigset_t all, before;
    struct local_door *d = mem_zalloc(sizeof *d);
    if (!d) {
        (void)close(fd);
        return err_no_memory(e, "a local socket");
    }
    *d = (struct local_door){.fd = fd, .stop_fd = eventfd(0, EFD_CLOEXEC), .serve = serve, .arg = arg};
    int error = d->stop_fd < 0 ? errno : 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!error)
        error = pthread_create(&d->thread, NULL, keep_door, d);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    d->runs = !error;
    if (error) {
        local_close(d);
        return err_sys(e, error, "start a thread for a local socket");
    }
    *out = d;
    return 0;
}

/* ---- transfers: 1 ----------------------------------------------------------------------------------- */

static bool wait_for(int fd, short events, int64_t until_ns)
{
    struct pollfd p = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = until_ns - clock_monotonic_ns();
        if (left <= 0)
            return false;
        int n = poll(&p, 1, (int)(left / 1000000) + 1);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

ssize_t local_read(int fd, char *out, size_t cap, const char *end, int64_t until_ns)
{
    size_t len = 0;
    for (;;) {
        if (len + 1 == cap || !wait_for(fd, POLLIN, until_ns))
            return -1;
        ssize_t n = recv(fd, out + len, cap - 1 - len, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return -1;
        if (n < 0)
            continue;
        len += (size_t)n;
        out[len] = '\0';
        if (strlen(out) != len)
            return -1; /* no text holds a NUL */
        if (strstr(out, end))
            return (ssize_t)len;
    }
}

int local_write(int fd, const void *p, size_t len, int64_t until_ns)
{
    for (const uint8_t *at = p; len > 0;) {
        if (!wait_for(fd, POLLOUT, until_ns))
            return -1;
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}
