/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin invite, cancel-token, revoke, give-role, take-role, grant, end-grant: who may do what. */
#include "cli/admin.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct access_args {
    const char *tenant, *role, *name, *vault, *machine, *reason;
    bool restore, shared;
    uint64_t hours;
};

/* ---- invite -------------------------------------------------------------------------------- */

static const struct option_spec invite_options[] = {
    {.name = "tenant", .kind = OPTION_TEXT, .arg = "TENANT", OPTION_AT(access_args, tenant),
     .help = "whose machine or person; people who look after the whole server have none"},
    {.name = "role", .kind = OPTION_TEXT, .arg = "ROLE", OPTION_AT(access_args, role),
     .help = "invite a person: owner, security-officer, operator, auditor; with --tenant: tenant-admin, tenant-restorer"},
    {.name = "label", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(access_args, name), .help = "for the list of tokens"},
    {.name = "restore", .kind = OPTION_FLAG, OPTION_AT(access_args, restore),
     .help = "the machine may read its own vault; otherwise that needs a grant for a time"},
    {.name = "shared", .kind = OPTION_FLAG, OPTION_AT(access_args, shared),
     .help = "the vault that it makes is for several machines that trust each other"},
    {.name = "join", .kind = OPTION_TEXT, .arg = "VAULT", OPTION_AT(access_args, vault), .help = "it joins this vault, which is shared"},
    {.name = "again", .kind = OPTION_TEXT, .arg = "MACHINE", OPTION_AT(access_args, machine),
     .help = "for a machine that lost its key, or whose certificate ran out: it stays who it is"},
    {.name = "hours", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 720, OPTION_AT(access_args, hours),
     .help = "how long the invitation is good (default: 24)"},
};

/* Puts the id of what a word means; NULL: nothing. */
static int put_id(struct remote *r, json_t *in, const char *member, enum admin_kind kind, const char *word, struct err *e)
{
    char id[ADMIN_ID_BYTES];
    if (!word)
        return 0;
    if (admin_find(r, kind, word, id, e))
        return -1;
    return json_object_set_new(in, member, json_string(id)) ? err_no_memory(e, "a request") : 0;
}

static int make_invitation(struct cli *c, struct remote *r, const struct access_args *a, json_t **out, struct err *e)
{
    json_t *in = json_pack("{s:s}", "type", a->role ? "person" : "machine");
    if (a->role)
        (void)json_object_set_new(in, "role", json_string(a->role));
    if (a->name)
        (void)json_object_set_new(in, "name", json_string(a->name));
    if (a->restore)
        (void)json_object_set_new(in, "restore", json_true());
    if (a->shared)
        (void)json_object_set_new(in, "shared", json_true());
    if (a->hours)
        (void)json_object_set_new(in, "hours", json_integer((json_int_t)a->hours));
    if (put_id(r, in, "tenant", ADMIN_TENANT, a->tenant, e) || put_id(r, in, "vault", ADMIN_VAULT, a->vault, e) ||
        put_id(r, in, "machine", ADMIN_IDENTITY, a->machine, e)) {
        json_decref(in);
        return -1;
    }
    return admin_do(c, r, "POST", "/v1/tokens", in, "invitation", out, e);
}

static int run_invite(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct access_args *a = args;
    struct remote *r = NULL;
    json_t *out = NULL;
    char url[ADMIN_URL_MAX];
    if (command_expect_words(&cmd_admin_invite, w, 0, 0, e))
        return -1;
    if (!a->role && !a->tenant)
        return err_set(e, ERR_USAGE, "whom? A machine of --tenant TENANT, or a person with --role ROLE");
    if (a->role && (a->restore || a->shared || a->vault || a->machine))
        return err_set(e, ERR_USAGE, "--restore, --shared, --join and --again are about machines, --role is about people");
    if (admin_server(c, url, e) || admin_connect(c, &r, e))
        return -1;
    int rc = make_invitation(c, r, a, &out, e);
    if (!rc && out) {
        say(c, "abri enrol %s %s", url, json_string_value(json_object_get(out, "token")));
        say_note(c, "that line is good once, until %s: for whoever it is meant for, and nobody else",
                 json_string_value(json_object_get(out, "until")));
    }
    json_decref(out);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_invite = {
    .name = "admin invite",
    .summary = "a token for a machine or a person",
    .operands = "",
    .description = "Makes a token and prints the line with which a machine or a person enrols: good once, for a day, bound to the tenant. Keys are made there and "
                   "never leave. The token is shown once and kept nowhere.",
    .examples = {{"abri admin invite --tenant Example --restore", "a machine that may restore itself"},
                 {"abri admin invite --role security-officer", "somebody who agrees to early deletions"},
                 {"abri admin invite --tenant Example --again web1", "a machine that lost its disk"}},
    .options = invite_options,
    .option_count = OPTION_COUNT(invite_options),
    .args_bytes = sizeof(struct access_args),
    .run = run_invite,
};

static int run_cancel(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    if (command_expect_words(&cmd_admin_cancel_token, w, 1, 1, e))
        return -1;
    return admin_about(c, ADMIN_TOKEN, w->items[0], "cancel", NULL, "token_cancelled", e);
}

const struct command cmd_admin_cancel_token = {
    .name = "admin cancel-token",
    .summary = "take an invitation back",
    .operands = "TOKEN",
    .description = "Cancels a token that was not used yet. TOKEN is its id, as `abri admin tokens` lists it.",
    .examples = {{"abri admin cancel-token 3f2a91c0", "this one admits nobody any more"},
                 {"abri admin cancel-token 3f2a91c0 --json", "the same, for a program"}},
    .run = run_cancel,
};

/* ---- revoking, roles ------------------------------------------------------------------------ */

static const struct option_spec reason_options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(access_args, reason), .help = "why, for the log; needed"},
};

static int run_revoke(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct access_args *a = args;
    if (command_expect_words(&cmd_admin_revoke, w, 1, 1, e))
        return -1;
    if (!a->reason)
        return err_set(e, ERR_USAGE, "why? --reason TEXT");
    if (admin_about(c, ADMIN_IDENTITY, w->items[0], "revoke", json_pack("{s:s}", "reason", a->reason), "revoked", e))
        return -1;
    say_note(c, "revoked, for ever: each of its requests is refused from now on; its snapshots stay");
    return 0;
}

const struct command cmd_admin_revoke = {
    .name = "admin revoke",
    .summary = "a machine or person may do nothing any more",
    .operands = "MACHINE|PERSON",
    .description = "Revokes an identity, for ever: neither its certificate nor an old token brings it back. What it stored stays, under its tenant's policy.",
    .examples = {{"abri admin revoke web1 --reason 'stolen'", "by its name"}, {"abri admin revoke 3f2a91c0 --reason 'left the company'", "by its id"}},
    .options = reason_options,
    .option_count = OPTION_COUNT(reason_options),
    .args_bytes = sizeof(struct access_args),
    .run = run_revoke,
};

static const struct option_spec role_options[] = {
    {.name = "tenant", .kind = OPTION_TEXT, .arg = "TENANT", OPTION_AT(access_args, tenant), .help = "for tenant-admin and tenant-restorer: of which"},
};

static int change_role(struct cli *c, const struct command *cmd, const struct access_args *a, const struct words *w,
                       const char *after, const char *message_type, struct err *e)
{
    struct remote *r = NULL;
    char id[ADMIN_ID_BYTES], path[160];
    if (command_expect_words(cmd, w, 2, 2, e) || admin_connect(c, &r, e))
        return -1;
    json_t *in = json_pack("{s:s}", "role", w->items[1]);
    int rc = put_id(r, in, "tenant", ADMIN_TENANT, a->tenant, e);
    if (!rc)
        rc = admin_find(r, ADMIN_IDENTITY, w->items[0], id, e);
    (void)snprintf(path, sizeof path, "/v1/identities/%s/roles%s", id, after);
    if (rc)
        json_decref(in);
    else
        rc = admin_do(c, r, "POST", path, in, message_type, NULL, e);
    remote_close(r);
    return rc;
}

static int run_give(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    return change_role(c, &cmd_admin_give_role, args, w, "", "role_given", e);
}

static int run_take(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    return change_role(c, &cmd_admin_take_role, args, w, "/take", "role_taken", e);
}

const struct command cmd_admin_give_role = {
    .name = "admin give-role",
    .summary = "a person may do more",
    .operands = "PERSON ROLE",
    .description = "Gives a role: owner, security-officer, operator or auditor of the server; tenant-admin or tenant-restorer of a tenant. The log keeps it.",
    .examples = {{"abri admin give-role anna operator", "of the server"},
                 {"abri admin give-role paul tenant-admin --tenant Example", "of one tenant"}},
    .options = role_options,
    .option_count = OPTION_COUNT(role_options),
    .args_bytes = sizeof(struct access_args),
    .run = run_give,
};

const struct command cmd_admin_take_role = {
    .name = "admin take-role",
    .summary = "a person may do less",
    .operands = "PERSON ROLE",
    .description = "Takes a role away, from the next request on. What the person agreed to counts no more.",
    .examples = {{"abri admin take-role anna operator", "of the server"},
                 {"abri admin take-role paul tenant-admin --tenant Example", "of one tenant"}},
    .options = role_options,
    .option_count = OPTION_COUNT(role_options),
    .args_bytes = sizeof(struct access_args),
    .run = run_take,
};

/* ---- rights to read ---------------------------------------------------------------------------- */

static const struct option_spec grant_options[] = {
    {.name = "hours", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 720, OPTION_AT(access_args, hours), .help = "for how long (default: 24)"},
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(access_args, reason), .help = "why, for the log; needed"},
};

static int run_grant(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct access_args *a = args;
    struct remote *r = NULL;
    json_t *out = NULL;
    if (command_expect_words(&cmd_admin_grant, w, 2, 2, e))
        return -1;
    if (!a->reason)
        return err_set(e, ERR_USAGE, "why? --reason TEXT");
    if (admin_connect(c, &r, e))
        return -1;
    json_t *in = json_pack("{s:s, s:I}", "reason", a->reason, "hours", (json_int_t)(a->hours ? a->hours : 24));
    int rc = put_id(r, in, "to", ADMIN_IDENTITY, w->items[0], e) || put_id(r, in, "vault", ADMIN_VAULT, w->items[1], e) ? -1 : 0;
    if (rc)
        json_decref(in);
    else
        rc = admin_do(c, r, "POST", "/v1/grants", in, "grant", &out, e);
    if (!rc && out)
        say(c, "may read until %s: grant %s", json_string_value(json_object_get(out, "until")),
            json_string_value(json_object_get(out, "grant")));
    json_decref(out);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_grant = {
    .name = "admin grant",
    .summary = "somebody may read a vault, for a time",
    .operands = "MACHINE|PERSON VAULT",
    .description = "Grants the right to read a vault: what is stored, sealed. To open it takes the vault's passphrase besides, which the server does not have. VAULT is "
                   "an id or the name of its machine. Grants, and what is read by them, are in the log.",
    .examples = {{"abri admin grant web1 web1 --hours 4 --reason 'restore of /srv'", "a machine, its own vault"},
                 {"abri admin grant anna 3f2a91c0 --reason 'restore drill'", "a person, by the vault's id"}},
    .options = grant_options,
    .option_count = OPTION_COUNT(grant_options),
    .args_bytes = sizeof(struct access_args),
    .run = run_grant,
};

static int run_end_grant(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    if (command_expect_words(&cmd_admin_end_grant, w, 1, 1, e))
        return -1;
    return admin_about(c, ADMIN_GRANT, w->items[0], "end", NULL, "grant_ended", e);
}

const struct command cmd_admin_end_grant = {
    .name = "admin end-grant",
    .summary = "end a right to read before its time",
    .operands = "GRANT",
    .description = "Ends a grant, from the next request on.",
    .examples = {{"abri admin end-grant 3f2a91c0", "not any more; `abri admin grants` lists them"},
                 {"abri admin end-grant 3f2a91c0 --json", "the same, for a program"}},
    .run = run_end_grant,
};
