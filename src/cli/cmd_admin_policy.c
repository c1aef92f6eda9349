/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin policy: what is kept for how long, of a tenant or of one vault. */
#include "cli/admin.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct policy_args {
    bool vault, ask;
    const char *role;
    uint64_t last, hourly, daily, weekly, monthly, yearly, snapshots, bytes;
    const char *floor, *trash, *silence, *wait, *grace, *key;
};

static const struct option_spec options[] = {
    {.name = "vault-only", .kind = OPTION_FLAG, OPTION_AT(policy_args, vault), .help = "of the vault of that id or machine, not of a tenant"},
    {.name = "keep-last", .letter = 'l', .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, last), .help = "keep the last N"},
    {.name = "keep-hourly", .letter = 'H', .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, hourly), .help = "keep one for each of N hours"},
    {.name = "keep-daily", .letter = 'd', .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, daily), .help = "… days"},
    {.name = "keep-weekly", .letter = 'w', .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, weekly), .help = "… weeks"},
    {.name = "keep-monthly", .letter = 'm', .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, monthly), .help = "… months"},
    {.name = "keep-yearly", .letter = 'y', .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, yearly), .help = "… years"},
    {.name = "floor", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(policy_args, floor), .help = "nothing younger goes, whatever the rules say: 14d, 6m"},
    {.name = "trash", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(policy_args, trash), .help = "for so long it can be brought back"},
    {.name = "silence", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(policy_args, silence), .help = "alarm after so long without a snapshot: 36h"},
    {.name = "snapshots-a-day", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(policy_args, snapshots), .help = "alarm above"},
    {.name = "bytes-a-day", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1, OPTION_AT(policy_args, bytes), .help = "alarm if a machine uploads more: 100G"},
    {.name = "grace", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(policy_args, grace), .help = "after a tenant was closed nothing of his goes for so long"},
    {.name = "wait", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(policy_args, wait), .help = "how long an early deletion waits"},
    {.name = "tenant-key", .kind = OPTION_TEXT, .arg = "HEX", OPTION_AT(policy_args, key),
     .help = "early deletions need a signature of this key (`abri admin tenant-key`)"},
    {.name = "ask", .kind = OPTION_FLAG, OPTION_AT(policy_args, ask), .help = "if it keeps less, ask for it: somebody else must agree, and it waits"},
    {.name = "role", .kind = OPTION_TEXT, .arg = "ROLE", OPTION_AT(policy_args, role), .help = "with --ask: in which of your roles (default: operator)"},
};

static bool put_keep(json_t *policy, const char *grain, uint64_t n)
{
    if (!n)
        return false;
    json_t *keep = json_object_get(policy, "keep");
    if (!keep) {
        keep = json_object();
        (void)json_object_set_new(policy, "keep", keep);
    }
    (void)json_object_set_new(keep, grain, json_integer((json_int_t)n));
    return true;
}

static bool put_text(json_t *policy, const char *member, const char *text)
{
    if (text)
        (void)json_object_set_new(policy, member, json_string(text));
    return text != NULL;
}

/* Whether anything shall change. */
static bool apply(const struct policy_args *a, json_t *policy)
{
    bool any = put_keep(policy, "last", a->last);
    any |= put_keep(policy, "hourly", a->hourly);
    any |= put_keep(policy, "daily", a->daily);
    any |= put_keep(policy, "weekly", a->weekly);
    any |= put_keep(policy, "monthly", a->monthly);
    any |= put_keep(policy, "yearly", a->yearly);
    any |= put_text(policy, "floor", a->floor);
    any |= put_text(policy, "trash", a->trash);
    any |= put_text(policy, "silence", a->silence);
    any |= put_text(policy, "wait", a->wait);
    any |= put_text(policy, "grace", a->grace);
    any |= put_text(policy, "tenant_key", a->key);
    if (a->snapshots)
        (void)json_object_set_new(policy, "snapshots_a_day", json_integer((json_int_t)a->snapshots));
    if (a->bytes)
        (void)json_object_set_new(policy, "bytes_a_day", json_integer(a->bytes < INT64_MAX ? (json_int_t)a->bytes : INT64_MAX));
    return any || a->snapshots || a->bytes;
}

static void show(struct cli *c, const json_t *answer)
{
    const json_t *policy = json_object_get(answer, "policy");
    const char *member;
    json_t *value;
    say(c, "%s", json_is_true(json_object_get(answer, "own")) ? "a policy of its own:" : "no policy of its own: what is in force is");
    json_object_foreach((json_t *)(uintptr_t)policy, member, value) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        say(c, "  %-18s %s", member, text ? text : "?");
        mem_free(text);
    }
}

/* Takes the policy. */
static int set(struct cli *c, struct remote *r, const struct policy_args *a, const char *path, const char *id, json_t *policy,
               struct err *e)
{
    struct err why = ERR_INIT;
    if (!a->ask) {
        if (admin_do(c, r, "PUT", path, policy, "policy", NULL, &why) == 0) {
            say_note(c, "in force");
            return 0;
        }
        (void)err_give(e, &why);
        return why.cls == ERR_REFUSED ? err_wrap(e, "not set (--ask asks for a policy that keeps less)") : -1;
    }
    json_t *out = NULL;
    json_t *in = json_pack("{s:s, s:s, s:s, s:{s:o}}", "role", a->role ? a->role : "operator", "kind", "policy", a->vault ? "vault" : "tenant", id,
                           "parameters", "policy", policy);
    int rc = admin_do(c, r, "POST", "/v1/requests", in, "request", &out, e);
    if (!rc && out)
        say(c, "asked for: request %s. Somebody with another role agrees with `abri admin approve`", json_string_value(json_object_get(out, "request")));
    json_decref(out);
    return rc;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct policy_args *a = args;
    struct remote *r = NULL;
    json_t *answer = NULL;
    char id[ADMIN_ID_BYTES], path[160];
    if (command_expect_words(&cmd_admin_policy, w, 1, 1, e) || admin_connect(c, &r, e))
        return -1;
    int rc = admin_find(r, a->vault ? ADMIN_VAULT : ADMIN_TENANT, w->items[0], id, e);
    (void)snprintf(path, sizeof path, "/v1/%s/%s/policy", a->vault ? "vaults" : "tenants", id);
    if (!rc)
        rc = remote_json(r, "GET", path, NULL, &answer, e);
    json_t *policy = json_object_get(answer, "policy");
    if (!rc && !json_is_object(policy))
        rc = err_set(e, ERR_DAMAGED, "the server's policy makes no sense");
    if (!rc && apply(a, policy))
        rc = set(c, r, a, path, id, json_incref(policy), e);
    else if (!rc && c->global.json)
        rc = admin_do(c, r, "GET", path, NULL, "policy", NULL, e);
    else if (!rc)
        show(c, answer);
    json_decref(answer);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_policy = {
    .name = "admin policy",
    .summary = "show or set what is kept, and for how long",
    .operands = "TENANT|VAULT",
    .description = "Without options, shows the policy in force. With options, changes what they name and leaves the rest. A policy may keep more at once; one that keeps "
                   "less is refused, and --ask makes a request of it: two people with different roles, a waiting time, and the tenant's signature if it asked for that.",
    .examples = {{"abri admin policy Example", "what is in force"},
                 {"abri admin policy Example -d 60 --floor 30d", "keeps more"},
                 {"abri admin policy Example -d 10 --ask", "keeps less: asked for"},
                 {"abri admin policy --vault-only web1 -y 10", "of one vault"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct policy_args),
    .run = run,
};
