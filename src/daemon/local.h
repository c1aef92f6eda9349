/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doors for programs of this machine: a socket, a thread that takes one caller at a time, and transfers that end
 * in time. What is said there is not this file's business.
 */
#ifndef ABRI_DAEMON_LOCAL_H
#define ABRI_DAEMON_LOCAL_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define LOCAL_CALL_MS 5000 /* a caller's whole time */

/* A socket at `path`, taking the place of one that nobody serves. ERR_BUSY: somebody does; ERR_EXISTS: something
 * else is there. */
MUST_CHECK int local_listen(const char *path, mode_t mode, int *fd_out, struct err *e);
/* ERR_OFFLINE: nobody serves it. */
MUST_CHECK int local_connect(const char *path, int *fd_out, struct err *e);

struct local_door;
/* Takes `fd` over, also on failure. `serve` gets each caller's socket, which does not block, and when his time is over;
 * the door closes it. */
typedef void local_serve(void *arg, int fd, int64_t until_ns);
MUST_CHECK int local_open(int fd, local_serve *serve, void *arg, struct local_door **out, struct err *e);
void local_close(struct local_door *d); /* waits for the caller who is inside; NULL is fine */

/* Reads until `end` has come, at most `cap` − 1 bytes, and ends them with NUL: how many, or -1 (too much, too late,
 * the other side is gone). */
ssize_t local_read(int fd, char *out, size_t cap, const char *end, int64_t until_ns);
int local_write(int fd, const void *p, size_t len, int64_t until_ns);

#endif
