/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen: made here, or handed over by systemd. */
#ifndef ABRI_DAEMON_LISTEN_H
#define ABRI_DAEMON_LISTEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_MAX 16

/* "ADDR:PORT": an IPv4 address, "[IPv6]", or "*" for all. A listening socket, or -1. ERR_USAGE. */
MUST_CHECK int listen_on(const char *where, int *fd_out, struct err *e);
/* Whether a socket could be meant; _local: on an address of this machine alone. ERR_USAGE. */
MUST_CHECK int listen_check(const char *where, struct err *e);
MUST_CHECK int listen_check_local(const char *where, struct err *e);
bool listen_is_any_port(const char *where); /* port 0: twice is no contradiction */

#define LISTEN_NAME_MAX 64
struct listen_fd {
    int fd;
    char name[LISTEN_NAME_MAX + 1]; /* of FileDescriptorName=; "" if nobody said one */
};
/* Those that systemd passed (LISTEN_FDS); how many, 0 if none. Takes the variables away. */
size_t listen_inherited(struct listen_fd out[LISTEN_MAX]);
/* "127.0.0.1:8443", as the socket is bound. */
void listen_name(int fd, char *out, size_t cap);

#endif
