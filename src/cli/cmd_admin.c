/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin: what people do with a server. The verbs are in files of their own; here is what
 * they share, and `call`. */
#include "cli/admin.h"

#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The only server at which this user is enrolled. */
static int only_server(struct cli *c, char out[ADMIN_URL_MAX], struct err *e)
{
    char dir[sizeof c->config_dir + 16], found[256] = "";
    (void)snprintf(dir, sizeof dir, "%s/servers", c->dirs.config);
    DIR *d = opendir(dir);
    unsigned count = 0;
    for (struct dirent *n; d && (n = readdir(d)) != NULL;)
        if (n->d_name[0] != '.' && strlen(n->d_name) < sizeof found) {
            memcpy(found, n->d_name, strlen(n->d_name) + 1);
            count++;
        }
    if (d)
        (void)closedir(d);
    char *port = strrchr(found, '_');
    if (count != 1 || !port)
        return err_set(e, ERR_USAGE, count ? "which server? You are enrolled at %u: name it with --vault URL"
                                           : "which server? You are enrolled at none: `abri enrol URL TOKEN`",
                       count);
    *port = '\0';
    (void)snprintf(out, ADMIN_URL_MAX, strchr(found, ':') ? "https://[%s]:%s" : "https://%s:%s", found, port + 1);
    return 0;
}

struct remote_where admin_where(const struct cli *c)
{
    const struct work_dirs *d = &c->dirs;
    return (struct remote_where){d->config, d->cache, d->cancel, d->log_alarm, d->log_arg};
}

int admin_server(struct cli *c, char out[ADMIN_URL_MAX], struct err *e)
{
    const char *named = c->global.vault ? c->global.vault : getenv("ABRI_VAULT");
    if (!named || !*named || !wire_is_url(named))
        return only_server(c, out, e);
    if (strlen(named) >= ADMIN_URL_MAX)
        return err_set(e, ERR_USAGE, "'%.60s…' is no address of a server", named);
    memcpy(out, named, strlen(named) + 1);
    return 0;
}

int admin_connect(struct cli *c, struct remote **out, struct err *e)
{
    const struct remote_where where = admin_where(c);
    struct remote *r = NULL;
    char url[ADMIN_URL_MAX];
    if (admin_server(c, url, e) || remote_connect(&where, url, &r, e))
        return -1;
    if (remote_renew(r, e)) {
        remote_close(r);
        return -1;
    }
    remote_witness(r);
    *out = r;
    return 0;
}

/* Takes `in`. */
int admin_do(struct cli *c, struct remote *r, const char *method, const char *path, json_t *in, const char *message_type,
             json_t **out, struct err *e)
{
    json_t *answer = NULL;
    int rc = remote_json(r, method, path, in, &answer, e);
    json_decref(in);
    if (rc)
        return -1;
    if (c->global.json) {
        json_t *o = json_object_of(message_type);
        if (o)
            (void)json_object_update(o, answer);
        json_emit(c, stdout, o);
    } else if (out) {
        *out = json_incref(answer);
    }
    json_decref(answer);
    return 0;
}

int admin_call(struct cli *c, const char *method, const char *path, const json_t *in, json_t **out,
               struct err *e)
{
    struct remote *r = NULL;
    if (admin_connect(c, &r, e))
        return -1;
    int rc = remote_json(r, method, path, in, out, e);
    remote_close(r);
    return rc;
}

static int run_call(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    json_t *in = NULL, *out = NULL;
    (void)args;
    if (command_expect_words(&cmd_admin_call, w, 2, 3, e))
        return -1;
    if (w->count == 3 && !(in = json_loads(w->items[2], JSON_REJECT_DUPLICATES, NULL)))
        return err_set(e, ERR_USAGE, "'%.200s' is no JSON", w->items[2]);
    int rc = admin_call(c, w->items[0], w->items[1], in, &out, e);
    json_decref(in);
    if (rc)
        return -1;
    char *text = json_dumps(out, c->global.json ? JSON_COMPACT : JSON_INDENT(2) | JSON_SORT_KEYS);
    json_decref(out);
    if (!text)
        return err_no_memory(e, "an answer");
    say(c, "%s", text);
    mem_free(text);
    return 0;
}

const struct command cmd_admin_call = {
    .name = "admin call",
    .summary = "make a request of the server's API",
    .operands = "METHOD PATH [JSON]",
    .description = "Sends one request with your certificate and prints the answer: for what has no verb of its own, "
                   "and for scripts. docs/api/openapi.yaml describes the calls.",
    .examples = {{"abri admin call GET /v1/tenants", "all tenants"},
                 {"abri admin call POST /v1/tenants '{\"name\":\"Example\"}'", "a new one"}},
    .run = run_call,
};

static const struct command *const verbs[] = {
    &cmd_admin_tenants,     &cmd_admin_add_tenant, &cmd_admin_close_tenant, &cmd_admin_quota,     &cmd_admin_usage,
    &cmd_admin_machines,    &cmd_admin_people,     &cmd_admin_invite,       &cmd_admin_tokens,    &cmd_admin_cancel_token,
    &cmd_admin_revoke,      &cmd_admin_give_role,  &cmd_admin_take_role,    &cmd_admin_vaults,    &cmd_admin_grants,
    &cmd_admin_snapshots,   &cmd_admin_lock,       &cmd_admin_hold,         &cmd_admin_tag,       &cmd_admin_undelete,
    &cmd_admin_grant,       &cmd_admin_end_grant,  &cmd_admin_policy,       &cmd_admin_requests,  &cmd_admin_request,
    &cmd_admin_approve,     &cmd_admin_tenant_key, &cmd_admin_sign,         &cmd_admin_cancel,
    &cmd_admin_keep,
    &cmd_admin_alarms,      &cmd_admin_close_alarm,
    &cmd_admin_upkeep,      &cmd_admin_call,       NULL};

const struct command cmd_admin = {
    .name = "admin",
    .summary = "look after a server: tenants, machines, rights, the log",
    .description = "What the people who look after a server do. Needs a certificate of that server: `abri enrol URL TOKEN`.",
    .verbs = verbs,
};
