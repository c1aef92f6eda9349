/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does somebody live in there? The guest's agent answers on its socket. A port is asked from
 * inside the box's network, by a child of ours that enters it and does nothing else.
 *
 *  P1 what the guest answers is only counted, never looked into.
 */
#include "machine/vm_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS 2000

/* Bytes that came within the time; 0: none, or closed. */
static ssize_t await_bytes(int fd, char *out, size_t cap, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) <= 0)
        return 0;
    ssize_t n = recv(fd, out, cap, 0);
    return n > 0 ? n : 0;
}

/* ---- the agent --------------------------------------------------------------------- */

int vm_agent_answers(struct vm *v, bool *out, struct err *e)
{
    static const char ping[] = "{\"execute\":\"guest-ping\"}\n";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char said[1024];
    *out = false;
    CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, errno, "a socket");
    if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s/agent", v->dir) >= sizeof at.sun_path ||
        connect(fd, (const struct sockaddr *)&at, sizeof at) ||
        send(fd, ping, sizeof ping - 1, MSG_NOSIGNAL) != (ssize_t)sizeof ping - 1)
        return err_sys(e, errno, "the socket of the guest's agent");
    ssize_t n = await_bytes(fd, said, sizeof said - 1, ANSWER_MS);
    said[n] = '\0';
    *out = strstr(said, "\"return\"") != NULL;
    return 0;
}

/* ---- a port ------------------------------------------------------------------------------ */

static bool raise_loopback(void)
{
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* In the network of the box. A server that speaks first does; another answers to an empty line. */
static bool port_answers(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(VM_PROBE_PORT)};
    char byte[64];
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at))
        return false;
    if (await_bytes(fd, byte, sizeof byte, ANSWER_MS) > 0)
        return true;
    return send(fd, "\r\n\r\n", 4, MSG_NOSIGNAL) == 4 && await_bytes(fd, byte, sizeof byte, ANSWER_MS) > 0;
}

/* Only calls that a child of many threads may make. */
static void child(int user_fd, int net_fd)
{
    if ((user_fd >= 0 && setns(user_fd, CLONE_NEWUSER)) || setns(net_fd, CLONE_NEWNET) || !raise_loopback())
        _exit(2);
    _exit(port_answers() ? 0 : 1);
}

static int open_namespace(pid_t pid, const char *kind)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/ns/%s", (long)pid, kind);
    return open(path, O_RDONLY | O_CLOEXEC);
}

int vm_port_answers(struct vm *v, bool *out, struct err *e)
{
    int status;
    *out = false;
    CLEANUP(file_close) int net = open_namespace(box_pid(v->box), "net");
    CLEANUP(file_close) int user = geteuid() ? open_namespace(box_pid(v->box), "user") : -1;
    if (net < 0 || (geteuid() && user < 0))
        return err_sys(e, errno, "the network of the machine's box");
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(e, errno, "a process");
    if (pid == 0)
        child(user, net);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(e, errno, "wait");
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        return err_set(e, ERR_IO, "the network of the machine's box cannot be entered");
    *out = WEXITSTATUS(status) == 0;
    return 0;
}
