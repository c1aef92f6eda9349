/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd is told (sd_notify(3)), and the watchdog. All of it does nothing where nobody listens. */
#ifndef ABRI_DAEMON_NOTIFY_H
#define ABRI_DAEMON_NOTIFY_H

#include "base/err.h"
#include "server/server.h"

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them away. Once, before there are threads. */
void notify_init(void);
void notify_done(void);
/* "READY=1\nSTATUS=…"; text beyond 1000 bytes is cut. Any thread. */
void notify_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* RELOADING=1 and when, as Type=notify-reload wants it; READY=1 ends it. */
void notify_reloading(void);

/* A thread that says WATCHDOG=1, four times in the time that the watchdog gives, as long as loops and
 * workers of the server turn. */
MUST_CHECK int watchdog_start(struct server *s, struct err *e);
void watchdog_stop(void);

#endif
