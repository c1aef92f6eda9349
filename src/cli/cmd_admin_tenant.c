/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin add-tenant, close-tenant, quota, usage. */
#include "cli/admin.h"
#include "cli/amount.h"
#include "cli/term.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct tenant_args {
    const char *reason, *from, *to;
    uint64_t bytes, count;
    bool enforce, no_enforce;
};

/* ---- add, close ----------------------------------------------------------------------------- */

static int run_add(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    struct remote *r = NULL;
    json_t *out = NULL;
    (void)args;
    if (command_expect_words(&cmd_admin_add_tenant, w, 1, 1, e) || admin_connect(c, &r, e))
        return -1;
    int rc = admin_do(c, r, "POST", "/v1/tenants", json_pack("{s:s}", "name", w->items[0]), "tenant", &out, e);
    if (!rc && out)
        say(c, "tenant %s: %s", json_string_value(json_object_get(out, "tenant")), w->items[0]);
    json_decref(out);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_add_tenant = {
    .name = "admin add-tenant",
    .summary = "make a customer",
    .operands = "NAME",
    .description = "Makes a tenant, and prints its id. Policies, quotas, machines and people belong to tenants; one never learns of another.",
    .examples = {{"abri admin add-tenant 'Example Ltd'", "a customer"},
                 {"abri admin add-tenant --json Example | jq -r .tenant", "its id, for a script"}},
    .run = run_add,
};

static const struct option_spec close_options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(tenant_args, reason), .help = "why, for the log; needed"},
};

static int run_close(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct tenant_args *a = args;
    if (command_expect_words(&cmd_admin_close_tenant, w, 1, 1, e))
        return -1;
    if (!a->reason)
        return err_set(e, ERR_USAGE, "why? --reason TEXT");
    if (admin_about(c, ADMIN_TENANT, w->items[0], "close", json_pack("{s:s}", "reason", a->reason), "tenant_closed", e))
        return -1;
    say_note(c, "closed, for ever: its machines may do nothing new; what they stored is kept for the policy's grace, and can be read by grants");
    return 0;
}

const struct command cmd_admin_close_tenant = {
    .name = "admin close-tenant",
    .summary = "a customer leaves",
    .operands = "TENANT",
    .description = "Closes a tenant, for ever. Its machines and people may do nothing new. Nothing that was stored goes before the grace of its policy is over "
                   "(180 days), and until then can be read by whom somebody grants it.",
    .examples = {{"abri admin close-tenant Example --reason 'contract ended'", "the log keeps the reason"},
                 {"abri admin close-tenant 3f2a91c0 --reason moved", "by its id; `abri admin tenants --all` goes on listing it"}},
    .options = close_options,
    .option_count = OPTION_COUNT(close_options),
    .args_bytes = sizeof(struct tenant_args),
    .run = run_close,
};

/* ---- quota ------------------------------------------------------------------------------------- */

static const struct option_spec quota_options[] = {
    {.name = "bytes", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1, OPTION_AT(tenant_args, bytes), .help = "stored, such as 500G"},
    {.name = "machines", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(tenant_args, count), .help = "protected"},
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(tenant_args, reason), .help = "for the log; the tenant sees it"},
    {.name = "enforce", .kind = OPTION_FLAG, OPTION_AT(tenant_args, enforce),
     .help = "above it refuse new data: this ends protection, in your name. Needs --reason"},
    {.name = "do-not-enforce", .kind = OPTION_FLAG, OPTION_AT(tenant_args, no_enforce), .help = "the opposite, which is the rule"},
};

static int set_quota(struct cli *c, struct remote *r, const char *id, const struct tenant_args *a, struct err *e)
{
    char path[160];
    json_t *in = json_object();
    if (a->bytes)
        (void)json_object_set_new(in, "bytes", json_integer((json_int_t)a->bytes));
    if (a->count)
        (void)json_object_set_new(in, "count", json_integer((json_int_t)a->count));
    if (a->reason)
        (void)json_object_set_new(in, "reason", json_string(a->reason));
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/quota", id);
    return admin_do(c, r, "PUT", path, in, "quota", NULL, e);
}

static int run_quota(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct tenant_args *a = args;
    struct remote *r = NULL;
    char id[ADMIN_ID_BYTES], path[160];
    bool decides = a->enforce || a->no_enforce;
    if (command_expect_words(&cmd_admin_quota, w, 1, 1, e))
        return -1;
    if (a->enforce && a->no_enforce)
        return err_set(e, ERR_USAGE, "--enforce or --do-not-enforce?");
    if (decides && !a->reason)
        return err_set(e, ERR_USAGE, "why? --reason TEXT: it is decided in your name, and the tenant sees it");
    if (admin_connect(c, &r, e))
        return -1;
    int rc = admin_find(r, ADMIN_TENANT, w->items[0], id, e);
    if (!rc && (a->bytes || a->count || !decides))
        rc = set_quota(c, r, id, a, e);
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/quota/enforce", id);
    if (!rc && decides)
        rc = admin_do(c, r, "POST", path, json_pack("{s:b, s:s}", "enforce", a->enforce, "reason", a->reason), "quota", NULL, e);
    if (!rc)
        say_note(c, a->enforce ? "from now on new data above the quota is refused; restores never are" : "above it there is an alarm, and a line in the usage");
    remote_close(r);
    return rc;
}

const struct command cmd_admin_quota = {
    .name = "admin quota",
    .summary = "what was agreed on with a customer",
    .operands = "TENANT",
    .description = "Sets how much a tenant may store and how many machines it may protect; without either there is no limit any more. Above a quota there is an "
                   "alarm and it shows in the usage, nothing else: a bill ends no protection. Only --enforce does, in your name and with a reason.",
    .examples = {{"abri admin quota Example --bytes 500G --machines 20", "agreed on"},
                 {"abri admin quota Example --do-not-enforce --reason 'paid'", "protected again"}},
    .options = quota_options,
    .option_count = OPTION_COUNT(quota_options),
    .args_bytes = sizeof(struct tenant_args),
    .run = run_quota,
};

/* ---- usage --------------------------------------------------------------------------------------- */

static const struct option_spec usage_options[] = {
    {.name = "from", .kind = OPTION_TEXT, .arg = "MONTH", OPTION_AT(tenant_args, from), .help = "the first month, such as 2026-01"},
    {.name = "to", .kind = OPTION_TEXT, .arg = "MONTH", OPTION_AT(tenant_args, to), .help = "the last one (default: this one)"},
};

static uint64_t number(const json_t *o, const char *member)
{
    json_int_t n = json_integer_value(json_object_get(o, member));
    return n > 0 ? (uint64_t)n : 0;
}

static int show_months(struct cli *c, const json_t *months, struct err *e)
{
    struct table t;
    table_init(&t, 6);
    for (size_t i = 1; i < 6; i++)
        t.right[i] = true;
    table_row(&t, (const char *[]){"Month", "Stored", "Peak", "Added", "Snapshots", "Machines"}, false);
    for (size_t i = 0; i < json_array_size(months); i++) {
        const json_t *m = json_array_get(months, i);
        const char *name = json_string_value(json_object_get(m, "month"));
        char stored[AMOUNT_TEXT_BYTES], peak[AMOUNT_TEXT_BYTES], added[AMOUNT_TEXT_BYTES], snapshots[24], machines[24];
        amount_format_size(number(m, "stored"), stored);
        amount_format_size(number(m, "peak"), peak);
        amount_format_size(number(m, "added"), added);
        (void)snprintf(snapshots, sizeof snapshots, "%" PRIu64, number(m, "snapshots"));
        (void)snprintf(machines, sizeof machines, "%" PRIu64, number(m, "machines"));
        table_row(&t, (const char *[]){name ? name : "", stored, peak, added, snapshots, machines}, c->out_is_tty);
    }
    int rc = table_print(&t, stdout, e);
    table_done(&t);
    return rc;
}

static void show_unprotected(struct cli *c, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(o, "name")), *why = json_string_value(json_object_get(o, "why"));
        if (name && why)
            say(c, "not protected: %s, %s", name,
                strcmp(why, "revoked") == 0  ? "which somebody revoked"
                : strcmp(why, "never") == 0 ? "which never made a snapshot"
                                            : "silent for too long");
    }
}

static bool is_month(const char *text)
{
    return !text || (strlen(text) == 7 && strspn(text, "0123456789") == 4 && text[4] == '-' && strspn(text + 5, "0123456789") == 2);
}

static int run_usage(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct tenant_args *a = args;
    struct remote *r = NULL;
    json_t *out = NULL;
    char id[ADMIN_ID_BYTES], path[256], size[AMOUNT_TEXT_BYTES];
    if (command_expect_words(&cmd_admin_usage, w, 1, 1, e))
        return -1;
    if (!is_month(a->from) || !is_month(a->to))
        return err_set(e, ERR_USAGE, "a month is written as 2026-01");
    if (admin_connect(c, &r, e))
        return -1;
    int rc = admin_find(r, ADMIN_TENANT, w->items[0], id, e);
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/usage%s%s%s%s", id, a->from || a->to ? "?" : "", a->from ? "from=" : "",
                   a->from ? a->from : "", "");
    if (a->to)
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "%sto=%s", a->from ? "&" : "", a->to);
    if (!rc)
        rc = admin_do(c, r, "GET", path, NULL, "usage", &out, e);
    if (!rc && out) {
        amount_format_size(number(out, "stored"), size);
        say(c, "%s stored, %" PRIu64 " snapshots, %" PRIu64 " machines: %" PRIu64 " silent, %" PRIu64 " never backed up%s", size,
            number(out, "snapshots"), number(out, "machines"), number(out, "silent"), number(out, "never"),
            json_is_true(json_object_get(out, "over_quota")) ? "; above the quota" : "");
        show_unprotected(c, json_object_get(out, "unprotected"));
        rc = show_months(c, json_object_get(out, "months"), e);
    }
    json_decref(out);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_usage = {
    .name = "admin usage",
    .summary = "what a customer uses, by months",
    .operands = "TENANT",
    .description = "What an invoice needs: bytes stored at the end of each month and at their highest, what was added, snapshots, and machines that were protected; "
                   "and who is not protected now: machines that never made a snapshot, are silent, or were revoked and nobody has said yet that this is known (`abri admin close-alarm`).",
    .examples = {{"abri admin usage Example", "this month"},
                 {"abri admin usage Example --from 2026-01 --to 2026-12 --json", "a year, for a program"}},
    .options = usage_options,
    .option_count = OPTION_COUNT(usage_options),
    .args_bytes = sizeof(struct tenant_args),
    .run = run_usage,
};
