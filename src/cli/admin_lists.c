/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin tenants, machines, people, vaults, tokens, grants, requests: what there is. A table says which columns. */
#include "cli/admin.h"
#include "cli/amount.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 8
#define CELL_BYTES  300

enum cell { CELL_TEXT = 0, CELL_ID, CELL_TIME, CELL_NUMBER, CELL_SIZE, CELL_YES, CELL_STATE, CELL_TENANT, CELL_IDENTITY };

struct column {
    const char *title, *member;
    enum cell cell;
};
struct list {
    enum admin_kind kind;
    const char *message_type;
    const char *over[2]; /* members that are null as long as it is in force */
    const char *only;    /* "type" must be this; NULL: any */
    struct column columns[COLUMNS_MAX];
};
struct list_args {
    bool all;
    const char *tenant;
};

static const struct option_spec options[] = {
    {.name = "all", .letter = 'a', .kind = OPTION_FLAG, OPTION_AT(list_args, all),
     .help = "those, too, that are over: closed, revoked, used up, ended"},
    {.name = "tenant", .kind = OPTION_TEXT, .arg = "TENANT", OPTION_AT(list_args, tenant), .help = "of this tenant alone"},
};

/* ---- names behind ids --------------------------------------------------------------------- */

struct names {
    json_t *tenants, *identities; /* NULL: not needed, or not to be seen */
};

static const char *name_of(const json_t *list, const char *id_member, const char *id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *own = json_string_value(json_object_get(o, id_member));
        if (own && id && strcmp(own, id) == 0)
            return json_string_value(json_object_get(o, "name"));
    }
    return NULL;
}

static bool has_cell(const struct list *l, enum cell cell)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        if (l->columns[i].title && l->columns[i].cell == cell)
            return true;
    return false;
}

/* Without them ids are shown. */
static void load_names(struct remote *r, const struct list *l, struct names *out)
{
    *out = (struct names){0};
    if (has_cell(l, CELL_TENANT))
        (void)!admin_list(r, ADMIN_TENANT, &out->tenants, NULL);
    if (has_cell(l, CELL_IDENTITY))
        (void)!admin_list(r, ADMIN_IDENTITY, &out->identities, NULL);
}

/* ---- cells ---------------------------------------------------------------------------------- */

void admin_time(const json_t *o, const char *member, char out[ADMIN_TIME_BYTES])
{
    const char *text = json_string_value(json_object_get(o, member));
    char local[CLOCK_TEXT_BYTES];
    int64_t ns;
    out[0] = '\0';
    if (!text || !clock_parse(text, &ns))
        return;
    clock_format(ns, local);
    (void)snprintf(out, ADMIN_TIME_BYTES, "%.16s", local);
}

static void cell(const struct names *n, const struct column *col, const json_t *o, char out[CELL_BYTES])
{
    const json_t *v = json_object_get(o, col->member);
    const char *text = json_string_value(v), *name = NULL;
    char size[AMOUNT_TEXT_BYTES];
    out[0] = '\0';
    switch (col->cell) {
    case CELL_TEXT: (void)snprintf(out, CELL_BYTES, "%s", text ? text : ""); return;
    case CELL_TIME: admin_time(o, col->member, out); return;
    case CELL_NUMBER: (void)snprintf(out, CELL_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); return;
    case CELL_STATE: /* of a vault */
        (void)snprintf(out, CELL_BYTES, "%s", json_is_string(json_object_get(o, "gone")) ? "gone" : json_is_object(v) ? "ending" : "");
        return;
    case CELL_YES: (void)snprintf(out, CELL_BYTES, "%s", json_is_true(v) ? "yes" : ""); return;
    case CELL_SIZE:
        amount_format_size((uint64_t)json_integer_value(v), size);
        (void)snprintf(out, CELL_BYTES, "%s", size);
        return;
    case CELL_TENANT: name = name_of(n->tenants, "tenant", text); break;
    case CELL_IDENTITY: name = name_of(n->identities, "id", text); break;
    case CELL_ID: break;
    }
    if (name)
        (void)snprintf(out, CELL_BYTES, "%s", name);
    else if (text && strspn(text, "0") != strlen(text))
        (void)snprintf(out, CELL_BYTES, "%.8s", text);
}

/* ---- the list --------------------------------------------------------------------------------- */

static bool is_over(const struct list *l, const json_t *o)
{
    for (size_t i = 0; i < 2; i++)
        if (l->over[i] && json_is_string(json_object_get(o, l->over[i])))
            return true;
    return false;
}

static bool is_shown(const struct list *l, const struct list_args *a, const char *tenant, const json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    const char *of = json_string_value(json_object_get(o, "tenant"));
    return (a->all || !is_over(l, o)) && (!l->only || (type && strcmp(type, l->only) == 0)) &&
           (!*tenant || (of && strcmp(of, tenant) == 0));
}

static size_t column_count(const struct list *l)
{
    size_t n = 0;
    while (n < COLUMNS_MAX && l->columns[n].title)
        n++;
    return n;
}

static void put_row(struct table *t, const struct list *l, const struct names *n, const json_t *o, bool escape)
{
    char cells[COLUMNS_MAX][CELL_BYTES];
    const char *row[COLUMNS_MAX];
    for (size_t i = 0; i < t->columns; i++) {
        if (o)
            cell(n, &l->columns[i], o, cells[i]);
        row[i] = o ? cells[i] : l->columns[i].title;
    }
    table_row(t, row, escape);
}

static int show(struct cli *c, const struct list *l, const struct list_args *a, const char *tenant, const struct names *n,
                const json_t *list, struct err *e)
{
    struct table t;
    table_init(&t, column_count(l));
    for (size_t i = 0; i < t.columns; i++)
        t.right[i] = l->columns[i].cell == CELL_NUMBER || l->columns[i].cell == CELL_SIZE;
    put_row(&t, l, n, NULL, false);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_shown(l, a, tenant, json_array_get(list, i)))
            put_row(&t, l, n, json_array_get(list, i), c->out_is_tty);
    int rc = table_print(&t, stdout, e);
    table_done(&t);
    for (size_t i = 0; !rc && l->kind == ADMIN_VAULT && i < json_array_size(list); i++)
        if (is_shown(l, a, tenant, json_array_get(list, i)))
            admin_say_ending(c, json_array_get(list, i));
    return rc;
}

static void emit(struct cli *c, const struct list *l, const struct list_args *a, const char *tenant, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i), *line;
        if (!is_shown(l, a, tenant, o))
            continue;
        line = json_object_of(l->message_type);
        if (line)
            (void)json_object_update(line, o);
        json_emit(c, stdout, line);
    }
}

static int run_list(struct cli *c, const struct list *l, const struct command *cmd, const void *args, const struct words *w,
                    struct err *e)
{
    const struct list_args *a = args;
    struct remote *r = NULL;
    struct names n = {0};
    json_t *list = NULL;
    char tenant[ADMIN_ID_BYTES] = "";
    if (command_expect_words(cmd, w, 0, 0, e) || admin_connect(c, &r, e))
        return -1;
    int rc = a->tenant ? admin_find(r, ADMIN_TENANT, a->tenant, tenant, e) : 0;
    if (!rc)
        rc = admin_list(r, l->kind, &list, e);
    if (!rc && c->global.json) {
        emit(c, l, a, tenant, list);
    } else if (!rc) {
        load_names(r, l, &n);
        rc = show(c, l, a, tenant, &n, list, e);
    }
    json_decref(n.tenants);
    json_decref(n.identities);
    json_decref(list);
    remote_close(r);
    return rc;
}

static const struct list tenants = {
    ADMIN_TENANT, "tenant", {"closed", NULL}, NULL,
    {{"ID", "tenant", CELL_ID}, {"Name", "name", CELL_TEXT}, {"Since", "created", CELL_TIME}, {"Closed", "closed", CELL_TIME}}};
static const struct list machines = {
    ADMIN_IDENTITY, "machine", {"revoked", NULL}, "machine",
    {{"ID", "id", CELL_ID}, {"Name", "name", CELL_TEXT}, {"Tenant", "tenant", CELL_TENANT}, {"Reads", "restore", CELL_YES},
     {"Last snapshot", "last_snapshot", CELL_TIME}, {"Seen", "seen", CELL_TIME}, {"Certificate until", "certificate_until", CELL_TIME},
     {"Revoked", "revoked", CELL_TIME}}};
static const struct list people = {
    ADMIN_IDENTITY, "person", {"revoked", NULL}, "person",
    {{"ID", "id", CELL_ID}, {"Name", "name", CELL_TEXT}, {"Tenant", "tenant", CELL_TENANT}, {"Seen", "seen", CELL_TIME},
     {"Certificate until", "certificate_until", CELL_TIME}, {"Revoked", "revoked", CELL_TIME}}};
static const struct list vaults = {
    ADMIN_VAULT, "vault", {"gone", NULL}, NULL,
    {{"ID", "vault", CELL_ID}, {"Machine", "machine", CELL_IDENTITY}, {"Tenant", "tenant", CELL_TENANT}, {"Shared", "shared", CELL_YES},
     {"Snapshots", "snapshots", CELL_NUMBER}, {"Added", "bytes", CELL_SIZE}, {"Last snapshot", "last_snapshot", CELL_TIME},
     {"State", "ending", CELL_STATE}}};
static const struct list tokens = {
    ADMIN_TOKEN, "token", {"used", "cancelled"}, NULL,
    {{"ID", "id", CELL_ID}, {"For", "type", CELL_TEXT}, {"Role", "role", CELL_TEXT}, {"Tenant", "tenant", CELL_TENANT},
     {"Label", "name", CELL_TEXT}, {"Good until", "until", CELL_TIME}, {"Used", "used", CELL_TIME}, {"Cancelled", "cancelled", CELL_TIME}}};
static const struct list grants = {
    ADMIN_GRANT, "grant", {"ended", NULL}, NULL,
    {{"ID", "grant", CELL_ID}, {"To", "to", CELL_IDENTITY}, {"Vault", "vault", CELL_ID}, {"Until", "until", CELL_TIME},
     {"Ended", "ended", CELL_TIME}, {"Reason", "reason", CELL_TEXT}}};
static const struct list requests = {
    ADMIN_REQUEST, "request", {"executed", "cancelled"}, NULL,
    {{"ID", "request", CELL_ID}, {"For", "kind", CELL_TEXT}, {"State", "state", CELL_TEXT}, {"By", "by", CELL_IDENTITY},
     {"Tenant", "tenant", CELL_TENANT}, {"Vault", "vault", CELL_ID}, {"Asked", "created", CELL_TIME}, {"Carried out", "executed", CELL_TIME}}};
/* ---- the verbs ----------------------------------------------------------------------------------- */

#define LIST_VERB(word, what, first, why)                                                          \
    static int run_##word(struct cli *c, const void *args, const struct words *w, struct err *e)   \
    {                                                                                              \
        return run_list(c, &word, &cmd_admin_##word, args, w, e);                                  \
    }                                                                                              \
    const struct command cmd_admin_##word = {                                                      \
        .name = "admin " #word,                                                                    \
        .summary = "list " what,                                                                   \
        .operands = "",                                                                            \
        .description = why,                                                                        \
        .examples = {{"abri admin " #word, first}, {"abri admin " #word " --all --json", "with those that are over, whole ids, for a program"}}, \
        .options = options,                                                                        \
        .option_count = OPTION_COUNT(options),                                                     \
        .args_bytes = sizeof(struct list_args),                                                    \
        .run = run_##word,                                                                         \
    }

LIST_VERB(tenants, "customers", "all that are open", "Lists the tenants that you look after.");
LIST_VERB(machines, "protected machines", "and when each made its last snapshot",
          "Lists machines: whether they may read their own vault, when they were last seen, and how long their certificates last. One that is silent loses "
          "its certificate, and then can do nothing.");
LIST_VERB(people, "people who look after the server or a tenant", "all that are not revoked", "Lists people. What they may do is in the log: `abri log show`.");
LIST_VERB(vaults, "vaults", "one for each machine, as a rule",
          "Lists vaults, with what was added to them in all, and their last snapshots; of those that are ending, what is left, what protects it, and when it goes.");
LIST_VERB(tokens, "invitations", "those that can still be used", "Lists tokens: who was invited, and until when. The tokens themselves are nowhere.");
LIST_VERB(grants, "rights to read", "those in force", "Lists who may read which vault, until when, and why.");
LIST_VERB(requests, "requests for early deletion", "those that are under way",
          "Lists requests and how far they are: alone (nobody else has agreed), unsigned (the tenant has not signed), waiting, ready, over.");
