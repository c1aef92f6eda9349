/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen. */
#include "daemon/listen.h"

#include "base/file.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG   1024
#define FIRST_FD  3 /* of sd_listen_fds(3) */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int bad(const char *where, const char *why, struct err *e)
{
    return err_set(e, ERR_USAGE, "'%.100s': %s (ADDR:PORT, [ADDR6]:PORT or *:PORT)", where, why);
}

static int parse_port(const char *text, uint16_t *out)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (end == text || *end || port > 65535)
        return -1;
    *out = (uint16_t)port;
    return 0;
}

/* `host` without brackets. */
static int set_address(const char *host, uint16_t port, union address *out, socklen_t *len)
{
    memset(out, 0, sizeof *out);
    if (strcmp(host, "*") == 0 || inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        *len = sizeof out->v6;
        return 0;
    }
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) != 1)
        return -1;
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    *len = sizeof out->v4;
    return 0;
}

static int parse(const char *where, union address *out, socklen_t *len, struct err *e)
{
    char host[128];
    uint16_t port;
    const char *colon = strrchr(where, ':');
    if (!colon || parse_port(colon + 1, &port))
        return bad(where, "no valid port", e);
    size_t n = (size_t)(colon - where);
    const char *begin = where;
    if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
        begin++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof host)
        return bad(where, "no valid address", e);
    memcpy(host, begin, n);
    host[n] = '\0';
    return set_address(host, port, out, len) ? bad(where, "no valid address", e) : 0;
}

int listen_on(const char *where, int *fd_out, struct err *e)
{
    union address a;
    socklen_t len;
    int one = 1, zero = 0;
    if (parse(where, &a, &len, e))
        return -1;
    CLEANUP(file_close) int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, errno, "a socket for '%s'", where);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a.any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, &a.any, len) || listen(fd, BACKLOG))
        return err_sys(e, errno, "listen on '%s'", where);
    *fd_out = fd;
    fd = -1;
    return 0;
}

int listen_check(const char *where, struct err *e)
{
    union address a;
    socklen_t len;
    return parse(where, &a, &len, e);
}

int listen_check_local(const char *where, struct err *e)
{
    union address a;
    socklen_t len;
    if (parse(where, &a, &len, e))
        return -1;
    if ((a.any.sa_family == AF_INET && ntohl(a.v4.sin_addr.s_addr) >> 24 == 127) ||
        (a.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr)))
        return 0;
    return err_set(e, ERR_USAGE, "'%.100s': only an address of the machine itself, 127.0.0.1 or [::1]", where);
}

bool listen_is_any_port(const char *where)
{
    const char *colon = strrchr(where, ':');
    return colon && strcmp(colon, ":0") == 0;
}

/* The next name of "a:b:c". */
static void take_name(const char **at, char out[LISTEN_NAME_MAX + 1])
{
    size_t n = *at ? strcspn(*at, ":") : 0;
    size_t kept = n <= LISTEN_NAME_MAX ? n : 0;
    if (kept)
        memcpy(out, *at, kept);
    out[kept] = '\0';
    if (*at)
        *at += n + ((*at)[n] == ':');
}

size_t listen_inherited(struct listen_fd out[LISTEN_MAX])
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    size_t n = 0;
    if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
        n = strtoul(count, NULL, 10);
    if (n > LISTEN_MAX)
        n = LISTEN_MAX;
    for (size_t i = 0; i < n; i++) {
        int fd = out[i].fd = FIRST_FD + (int)i;
        take_name(&names, out[i].name);
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return n;
}

void listen_name(int fd, char *out, size_t cap)
{
    union address a = {0};
    socklen_t len = sizeof a;
    char host[INET6_ADDRSTRLEN] = "?";
    (void)getsockname(fd, &a.any, &len);
    if (a.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host);
        (void)snprintf(out, cap, "%s:%u", host, ntohs(a.v4.sin_port));
    } else {
        (void)inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host);
        (void)snprintf(out, cap, "[%s]:%u", host, ntohs(a.v6.sin6_port));
    }
}
