/* SPDX-License-Identifier: Apache-2.0 */
/* What abrid says: lines on standard error, with a priority in front where they go into the journal. Any thread. */
#ifndef ABRI_DAEMON_SAY_H
#define ABRI_DAEMON_SAY_H

#include "base/err.h"
#include "daemon/settings.h"

void say_init(void);
void say_set_level(enum log_level level);
/* One line; less important ones than the level are dropped. */
void say(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
