/* SPDX-License-Identifier: Apache-2.0 */
/* A program that runs to its end while we read what it writes: qemu-img info. Bounded in length and
 * in time. */
#include "box/box.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* 0 with *len_out = 0 at the end. */
static int read_some(int fd, int64_t until_ns, const char *who, char *p, size_t cap,
                     size_t *len_out, struct err *e)
{
    for (;;) {
        int64_t left_ms = (until_ns - clock_monotonic_ns()) / (NS_PER_S / 1000);
        struct pollfd p1 = {.fd = fd, .events = POLLIN};
        int n = left_ms > 0 ? poll(&p1, 1, (int)left_ms) : 0;
        if (n == 0)
            return err_set(e, ERR_IO, "%s did not end in time", who);
        ssize_t got = n < 0 ? -1 : read(fd, p, cap);
        if (got >= 0) {
            *len_out = (size_t)got;
            return 0;
        }
        if (errno != EINTR)
            return err_sys(e, errno, "cannot read what %s writes", who);
    }
}

static int read_all(int fd, size_t max, int64_t until_ns, const char *who, struct buf *out,
                    struct err *e)
{
    char piece[16384];
    for (size_t n = 0, all = 0;; all += n) {
        if (read_some(fd, until_ns, who, piece, sizeof piece, &n, e))
            return -1;
        if (n == 0)
            return buf_check(out, "what a program wrote", e);
        if (n > max - all)
            return err_set(e, ERR_LIMIT, "%s wrote more than %zu bytes", who, max);
        buf_put(out, piece, n);
    }
}

/* A program that closed its output may still run on: the time is for all of it. */
static int wait_in_time(struct box *b, int64_t until_ns, const char *who, struct err *e)
{
    int64_t left_ms = (until_ns - clock_monotonic_ns()) / (NS_PER_S / 1000);
    if (box_is_running_after(b, left_ms > 0 ? (int)left_ms : 0))
        return err_set(e, ERR_IO, "%s did not end in time", who);
    return box_wait(b, e);
}

int box_run(const struct box_options *o, size_t max, int timeout_ms, struct buf *out, struct err *e)
{
    int64_t until_ns = clock_monotonic_ns() + (int64_t)timeout_ms * (NS_PER_S / 1000);
    struct box_options with = *o;
    struct box *b = NULL;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC))
        return err_sys(e, errno, "cannot run '%s'", o->argv[0] ? o->argv[0] : "");
    with.out_fd = fds[1];
    int rc = box_start(&with, &b, e);
    file_close(&fds[1]);
    size_t before = out->len;
    if (rc == 0)
        rc = read_all(fds[0], max, until_ns, o->argv[0], out, e);
    file_close(&fds[0]);
    if (rc == 0)
        rc = wait_in_time(b, until_ns, o->argv[0], e);
    if (rc)
        out->len = before;
    box_free(b);
    return rc;
}
