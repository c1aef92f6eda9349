/* SPDX-License-Identifier: Apache-2.0 */
/* The first owner's token: who gets to see it, and where it lies until it is used. */
#ifndef ABRI_DAEMON_BOOTSTRAP_H
#define ABRI_DAEMON_BOOTSTRAP_H

#include "base/err.h"
#include "server/server.h"

#define BOOTSTRAP_FILE "bootstrap-token"
#define BOOTSTRAP_LINE_MAX 512

/* If there is no owner yet: a new token, as the command that uses it, on the terminal if there is one, else in the file. If
 * there is one: an old file goes. `url`: where this server is. */
MUST_CHECK int bootstrap_offer(struct server *s, const char *root, const char *url, struct err *e);
/* A new token for whoever asked; the file of an earlier one goes. */
MUST_CHECK int bootstrap_renew(struct server *s, const char *root, const char *url, char *out, size_t cap, struct err *e);
void bootstrap_forget(const char *root); /* it was used; any thread */

#endif
