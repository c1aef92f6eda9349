/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to systemd. */
#include "daemon/notify.h"

#include "base/clock.h"
#include "base/file.h"
#include "daemon/watchdog.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int fd;
    struct sockaddr_un to;
    socklen_t len;
} notify = {.fd = -1};

/* A path, or "@name" in the abstract space. */
static bool set_address(const char *path)
{
    size_t n = strlen(path);
    if ((*path != '/' && *path != '@') || n < 2 || n >= sizeof notify.to.sun_path)
        return false;
    notify.to.sun_family = AF_UNIX;
    memcpy(notify.to.sun_path, path, n);
    if (*path == '@')
        notify.to.sun_path[0] = '\0';
    notify.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

void notify_init(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path && set_address(path))
        notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)unsetenv("NOTIFY_SOCKET");
    watchdog_init(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_done(void)
{
    file_close(&notify.fd);
}

void notify_say(const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    if (notify.fd < 0)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        (void)sendto(notify.fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, MSG_NOSIGNAL,
                     (const struct sockaddr *)&notify.to, notify.len);
}

void notify_reloading(void)
{
    notify_say("RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Reading the configuration", clock_monotonic_ns() / 1000);
}
