/* SPDX-License-Identifier: Apache-2.0 */
/* abrid at work: from settings to a server, until a signal ends it. */
#ifndef ABRI_DAEMON_SERVE_H
#define ABRI_DAEMON_SERVE_H

#include "daemon/settings.h"

#include <signal.h>

/* Reads all settings anew, as at the start; the caller frees them. What is wrong is said by whoever reads. */
typedef int serve_settings(void *arg, struct settings *out, struct err *e);

/* Serves until SIGTERM or SIGINT, of `signals`, which are blocked; SIGHUP reads the settings again. Takes the
 * settings over. */
MUST_CHECK int serve(struct settings *s, const sigset_t *signals, serve_settings *again, void *arg, struct err *e);

#endif
