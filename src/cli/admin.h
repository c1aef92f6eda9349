/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `abri admin` share. */
#ifndef ABRI_CLI_ADMIN_H
#define ABRI_CLI_ADMIN_H

#include "cli/json_out.h"
#include "remote/remote.h"

#define ADMIN_URL_MAX 400
struct remote_where admin_where(const struct cli *c);
/* The address of the server that --vault or ABRI_VAULT names, or of the only one at which this user is enrolled. */
MUST_CHECK int admin_server(struct cli *c, char out[ADMIN_URL_MAX], struct err *e);
/* To the server that --vault or ABRI_VAULT names, or the only one at which this user is enrolled; renews the certificate if it is due, and
 * looks at the server's log. */
MUST_CHECK int admin_connect(struct cli *c, struct remote **out, struct err *e);
/* One request: connect, call. */
MUST_CHECK int admin_call(struct cli *c, const char *method, const char *path, const json_t *in,
                          json_t **out, struct err *e);

extern const struct command cmd_admin_call;

#endif
