/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen: made here, or handed over by systemd. */
#ifndef ABRI_DAEMON_LISTEN_H
#define ABRI_DAEMON_LISTEN_H

#include "base/err.h"

#include <stddef.h>

#define LISTEN_MAX 16

/* "ADDR:PORT": an IPv4 address, "[IPv6]", or "*" for all. A listening socket, or -1. ERR_USAGE. */
MUST_CHECK int listen_on(const char *where, int *fd_out, struct err *e);
/* Those that systemd passed (LISTEN_FDS); how many, 0 if none. Takes the variables away. */
size_t listen_inherited(int fds_out[LISTEN_MAX]);
/* "127.0.0.1:8443", as the socket is bound. */
void listen_name(int fd, char *out, size_t cap);

#endif
