/* SPDX-License-Identifier: Apache-2.0 */
/* What notify.c tells the watchdog: the texts of WATCHDOG_USEC and WATCHDOG_PID, or NULL. */
#ifndef ABRI_DAEMON_WATCHDOG_H
#define ABRI_DAEMON_WATCHDOG_H

void watchdog_init(const char *usec, const char *pid);

#endif
