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
/* One request of several. Takes `in`. With --json the answer is printed as `message_type`; without, `out` (may be NULL) gets it (json_decref). */
MUST_CHECK int admin_do(struct cli *c, struct remote *r, const char *method, const char *path, json_t *in,
                        const char *message_type, json_t **out, struct err *e);

/* ERR_USAGE if a word or an option that the command sends to a server as JSON is not UTF-8; fine for commands that send none. */
MUST_CHECK int admin_check_text(const struct command *cmd, const void *args, const struct words *w, struct err *e);

/* A time that the server told, as people here read it: "2026-11-22 14:30". Empty if there is none (admin_lists.c). */
#define ADMIN_TIME_BYTES 17
void admin_time(const json_t *o, const char *member, char out[ADMIN_TIME_BYTES]);

/* ---- admin_names.c --------------------------------------------------------------------------- */

enum admin_kind { ADMIN_TENANT, ADMIN_IDENTITY, ADMIN_VAULT, ADMIN_TOKEN, ADMIN_GRANT, ADMIN_REQUEST };
#define ADMIN_ID_BYTES 65
/* All that there are, to be freed by json_decref. */
MUST_CHECK int admin_list(struct remote *r, enum admin_kind kind, json_t **out, struct err *e);
/* The whole id of what a word means: an id, at least four digits of one, a name; of a vault, its machine's name.
 * ERR_NOT_FOUND, ERR_USAGE if it may be several. */
MUST_CHECK int admin_find(struct remote *r, enum admin_kind kind, const char *text, char out[ADMIN_ID_BYTES],
                          struct err *e);
/* One request about what a word means: "POST <its path>/<id>/<verb>". Takes `in`. */
MUST_CHECK int admin_about(struct cli *c, enum admin_kind kind, const char *word, const char *verb, json_t *in,
                           const char *message_type, struct err *e);

/* ---- cmd_admin_vault.c ------------------------------------------------------------------------- */

/* One line about a vault that is ending: what is left, what protects it, and when it goes; none about others. */
void admin_say_ending(struct cli *c, const json_t *vault);

extern const struct command cmd_admin_call, cmd_admin_alarms, cmd_admin_close_alarm;
extern const struct command cmd_admin_tenants, cmd_admin_machines, cmd_admin_people, cmd_admin_vaults, cmd_admin_tokens,
    cmd_admin_grants, cmd_admin_requests;
extern const struct command cmd_admin_add_tenant, cmd_admin_close_tenant, cmd_admin_quota, cmd_admin_usage;
extern const struct command cmd_admin_invite, cmd_admin_cancel_token, cmd_admin_revoke, cmd_admin_give_role, cmd_admin_take_role,
    cmd_admin_grant, cmd_admin_end_grant;
extern const struct command cmd_admin_policy, cmd_admin_request, cmd_admin_approve, cmd_admin_sign, cmd_admin_cancel,
    cmd_admin_tenant_key, cmd_admin_upkeep, cmd_admin_keep;
extern const struct command cmd_admin_snapshots, cmd_admin_lock, cmd_admin_hold, cmd_admin_tag, cmd_admin_undelete;

#endif
