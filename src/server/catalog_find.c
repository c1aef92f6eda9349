/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups: one row of the catalogue each. */
#include "server/catalog_internal.h"

#include <string.h>

static int bind(sqlite3_stmt *s, int i, const struct catalog_value *v)
{
    switch (v->type) {
    case VALUE_NULL: return sqlite3_bind_null(s, i);
    case VALUE_ID: return sqlite3_bind_blob(s, i, v->p, EVENT_ID_BYTES, SQLITE_STATIC);
    case VALUE_TEXT: return sqlite3_bind_text(s, i, v->p, -1, SQLITE_STATIC);
    case VALUE_NUMBER: return sqlite3_bind_int64(s, i, v->n);
    }
    return SQLITE_MISUSE;
}

int catalog_bind(struct catalog *c, enum catalog_query q, const struct catalog_value *v, int count,
                 struct err *e)
{
    int rc = 0;
    for (int i = 0; !rc && i < count; i++)
        rc = bind(c->queries[q], i + 1, &v[i]);
    return rc ? catalog_fail(c, rc, e) : 0;
}

int catalog_row(struct catalog *c, enum catalog_query q, const struct catalog_value *v, int count,
                catalog_read *read, void *out, struct err *e)
{
    sqlite3_stmt *s = c->queries[q];
    if (catalog_bind(c, q, v, count, e))
        return -1;
    int rc = sqlite3_step(s);
    int failed = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
    if (rc == SQLITE_ROW)
        read(s, out);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return failed ? -1 : rc == SQLITE_DONE;
}

int catalog_look_up(struct catalog *c, enum catalog_query q, const struct catalog_value *v, int count,
                    catalog_read *read, void *out, const char *what, struct err *e)
{
    int rc = catalog_row(c, q, v, count, read, out, e);
    return rc == 1 ? err_set(e, ERR_NOT_FOUND, "there is no such %s", what) : rc;
}

/* By id: the row that came may be another (OR_ANY). All structs begin with their id. `row` has `size` bytes. */
static int find_id(struct catalog *c, enum catalog_query q, const uint8_t id[EVENT_ID_BYTES],
                   catalog_read *read, void *row, size_t size, void *out, const char *what, struct err *e)
{
    int rc = catalog_row(c, q, &BY_ID(id), 1, read, row, e);
    if (rc < 0)
        return -1;
    if (rc || memcmp(row, id, EVENT_ID_BYTES) != 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such %s", what);
    memcpy(out, row, size);
    return 0;
}

/* ---- columns --------------------------------------------------------------------------------- */

void catalog_get_id(sqlite3_stmt *row, int i, uint8_t out[EVENT_ID_BYTES])
{
    memset(out, 0, EVENT_ID_BYTES);
    if (sqlite3_column_bytes(row, i) == EVENT_ID_BYTES)
        memcpy(out, sqlite3_column_blob(row, i), EVENT_ID_BYTES);
}

void catalog_get_text(sqlite3_stmt *row, int i, size_t max, char *out)
{
    const unsigned char *text = sqlite3_column_text(row, i);
    event_clean(text, text ? (size_t)sqlite3_column_bytes(row, i) : 0, max, out);
}

void catalog_read_tenant(sqlite3_stmt *row, void *out)
{
    struct catalog_tenant *t = out;
    catalog_get_id(row, 0, t->id);
    catalog_get_text(row, 1, EVENT_NAME_MAX, t->name);
    t->created_ns = sqlite3_column_int64(row, 2);
    t->closed_ns = sqlite3_column_int64(row, 3);
}

void catalog_read_identity(sqlite3_stmt *row, void *out)
{
    struct catalog_identity *i = out;
    catalog_get_id(row, 0, i->id);
    catalog_get_id(row, 1, i->tenant);
    i->type = (enum identity_type)sqlite3_column_int(row, 2);
    catalog_get_text(row, 3, EVENT_NAME_MAX, i->name);
    i->restore = sqlite3_column_int(row, 4) != 0;
    i->created_ns = sqlite3_column_int64(row, 5);
    i->revoked_ns = sqlite3_column_int64(row, 6);
    i->certificate_until_ns = sqlite3_column_int64(row, 7);
    i->seen_ns = sqlite3_column_int64(row, 8);
    i->snapshot_ns = sqlite3_column_int64(row, 9);
}

void catalog_read_token(sqlite3_stmt *row, void *out)
{
    struct catalog_token *t = out;
    catalog_get_id(row, 0, t->token);
    catalog_get_id(row, 1, t->tenant);
    catalog_get_id(row, 2, t->id);
    catalog_get_id(row, 3, t->vault);
    catalog_get_id(row, 4, t->by);
    t->type = (enum identity_type)sqlite3_column_int(row, 5);
    t->role = (enum role)sqlite3_column_int(row, 6);
    t->restore = sqlite3_column_int(row, 7) != 0;
    t->shared = sqlite3_column_int(row, 8) != 0;
    catalog_get_text(row, 9, EVENT_NAME_MAX, t->name);
    t->created_ns = sqlite3_column_int64(row, 10);
    t->until_ns = sqlite3_column_int64(row, 11);
    t->used_ns = sqlite3_column_int64(row, 12);
    t->cancelled_ns = sqlite3_column_int64(row, 13);
    catalog_get_id(row, 14, t->used_by);
    memset(t->used_pin, 0, sizeof t->used_pin);
    if (sqlite3_column_bytes(row, 15) == sizeof t->used_pin)
        memcpy(t->used_pin, sqlite3_column_blob(row, 15), sizeof t->used_pin);
}

void catalog_read_vault(sqlite3_stmt *row, void *out)
{
    struct catalog_vault *v = out;
    catalog_get_id(row, 0, v->vault);
    catalog_get_id(row, 1, v->tenant);
    catalog_get_id(row, 2, v->id);
    v->shared = sqlite3_column_int(row, 3) != 0;
    v->created_ns = sqlite3_column_int64(row, 4);
    v->snapshot_ns = sqlite3_column_int64(row, 5);
    v->snapshots = (uint64_t)sqlite3_column_int64(row, 6);
    v->bytes = (uint64_t)sqlite3_column_int64(row, 7);
    v->stored = (uint64_t)sqlite3_column_int64(row, 8);
    v->living = (uint64_t)sqlite3_column_int64(row, 9);
    v->ending_ns = sqlite3_column_int64(row, 10);
    v->gone_ns = sqlite3_column_int64(row, 11);
    catalog_get_id(row, 12, v->request);
}

void catalog_read_grant(sqlite3_stmt *row, void *out)
{
    struct catalog_grant *g = out;
    catalog_get_id(row, 0, g->grant);
    catalog_get_id(row, 1, g->vault);
    catalog_get_id(row, 2, g->id);
    catalog_get_id(row, 3, g->by);
    g->created_ns = sqlite3_column_int64(row, 4);
    g->until_ns = sqlite3_column_int64(row, 5);
    g->ended_ns = sqlite3_column_int64(row, 6);
    catalog_get_text(row, 7, EVENT_NAME_MAX, g->text);
}

void catalog_read_request(sqlite3_stmt *row, void *out)
{
    struct catalog_request *r = out;
    catalog_get_id(row, 0, r->request);
    catalog_get_id(row, 1, r->by);
    catalog_get_id(row, 2, r->tenant);
    catalog_get_id(row, 3, r->vault);
    catalog_get_text(row, 4, EVENT_NAME_MAX, r->kind);
    catalog_get_text(row, 5, EVENT_TEXT_MAX, r->text);
    r->created_ns = sqlite3_column_int64(row, 6);
    r->cancelled_ns = sqlite3_column_int64(row, 7);
    r->executed_ns = sqlite3_column_int64(row, 8);
    r->signed_ns = sqlite3_column_int64(row, 9);
}

int catalog_read_approvals(struct catalog *c, struct catalog_request *r, struct err *e)
{
    sqlite3_stmt *s = c->queries[QUERY_APPROVALS];
    int rc = SQLITE_ROW;
    if (catalog_bind(c, QUERY_APPROVALS, &BY_ID(r->request), 1, e))
        return -1;
    r->approvals = 0;
    while (r->approvals < CATALOG_APPROVALS_MAX && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        catalog_get_id(s, 0, r->approval[r->approvals].by);
        r->approval[r->approvals].role = (enum role)sqlite3_column_int(s, 1);
        r->approval[r->approvals].time_ns = sqlite3_column_int64(s, 2);
        r->approvals++;
    }
    int failed = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return failed;
}

/* ---- the look-ups ------------------------------------------------------------------------------ */

/* Outputs stay as they were on failure: what is read goes to a copy, or is read in one go. */
int catalog_tenant(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct catalog_tenant *out,
                   struct err *e)
{
    struct catalog_tenant row;
    LOCKED(c);
    return find_id(c, QUERY_TENANT, id, catalog_read_tenant, &row, sizeof row, out, "tenant", e);
}

int catalog_tenant_named(struct catalog *c, const char *name, struct catalog_tenant *out, struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_TENANT_NAMED, &BY_TEXT(name), 1, catalog_read_tenant, out, "tenant", e);
}

int catalog_identity(struct catalog *c, const uint8_t id[EVENT_ID_BYTES],
                     struct catalog_identity *out, struct err *e)
{
    struct catalog_identity row;
    LOCKED(c);
    return find_id(c, QUERY_IDENTITY, id, catalog_read_identity, &row, sizeof row, out, "identity", e);
}

static void read_id(sqlite3_stmt *row, void *out)
{
    catalog_get_id(row, 0, out);
}

int catalog_certificate(struct catalog *c, const uint8_t serial[EVENT_ID_BYTES],
                        uint8_t id_out[EVENT_ID_BYTES], struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_CERTIFICATE, &BY_ID(serial), 1, read_id, id_out, "certificate", e);
}

int catalog_roles(struct catalog *c, const uint8_t id[EVENT_ID_BYTES],
                  const uint8_t tenant[EVENT_ID_BYTES], unsigned *installation_out,
                  unsigned *tenant_out, struct err *e)
{
    const struct catalog_value v[] = {BY_ID(id), BY_ID(tenant)};
    unsigned installation = 0, of_tenant = 0;
    int rc;
    LOCKED(c);
    sqlite3_stmt *s = c->queries[QUERY_ROLES];
    if (catalog_bind(c, QUERY_ROLES, v, 2, e))
        return -1;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        uint8_t where[EVENT_ID_BYTES];
        int role = sqlite3_column_int(s, 1);
        catalog_get_id(s, 0, where);
        if (role > ROLE_UNSET && role < ROLE_COUNT)
            *(bytes_are_zero(where, EVENT_ID_BYTES) ? &installation : &of_tenant) |= 1U << role;
    }
    int failed = rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    if (failed)
        return -1;
    *installation_out = installation;
    *tenant_out = of_tenant;
    return 0;
}

int catalog_token(struct catalog *c, const uint8_t token[EVENT_ID_BYTES], struct catalog_token *out,
                  struct err *e)
{
    struct catalog_token row;
    LOCKED(c);
    return find_id(c, QUERY_TOKEN, token, catalog_read_token, &row, sizeof row, out, "token", e);
}

int catalog_vault(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], struct catalog_vault *out,
                  struct err *e)
{
    struct catalog_vault row;
    LOCKED(c);
    return find_id(c, QUERY_VAULT, vault, catalog_read_vault, &row, sizeof row, out, "vault", e);
}

int catalog_writer(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES],
                   const uint8_t machine[EVENT_ID_BYTES], uint8_t writer_out[EVENT_ID_BYTES],
                   struct err *e)
{
    const struct catalog_value v[] = {BY_ID(machine), BY_ID(vault)};
    LOCKED(c);
    return catalog_look_up(c, QUERY_WRITER, v, 2, read_id, writer_out, "writer", e);
}

int catalog_writer_machine(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES],
                           const uint8_t writer[EVENT_ID_BYTES], uint8_t machine_out[EVENT_ID_BYTES],
                           struct err *e)
{
    const struct catalog_value v[] = {BY_ID(vault), BY_ID(writer)};
    LOCKED(c);
    return catalog_look_up(c, QUERY_WRITER_MACHINE, v, 2, read_id, machine_out, "writer", e);
}

int catalog_vault_of(struct catalog *c, const uint8_t machine[EVENT_ID_BYTES],
                     struct catalog_vault *out, struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_VAULT_OF, &BY_ID(machine), 1, catalog_read_vault, out, "vault", e);
}

int catalog_grant(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES],
                  const uint8_t id[EVENT_ID_BYTES], int64_t now_ns, struct catalog_grant *out,
                  struct err *e)
{
    const struct catalog_value v[] = {BY_ID(id), BY_ID(vault), BY_NUMBER(now_ns)};
    LOCKED(c);
    return catalog_look_up(c, QUERY_GRANT, v, 3, catalog_read_grant, out, "grant", e);
}

int catalog_grant_named(struct catalog *c, const uint8_t grant[EVENT_ID_BYTES], struct catalog_grant *out,
                        struct err *e)
{
    struct catalog_grant row;
    LOCKED(c);
    return find_id(c, QUERY_GRANT_ID, grant, catalog_read_grant, &row, sizeof row, out, "grant", e);
}

static void read_long_text(sqlite3_stmt *row, void *out)
{
    const unsigned char *text = sqlite3_column_text(row, 0);
    buf_put(out, text, text ? (size_t)sqlite3_column_bytes(row, 0) : 0);
}

int catalog_policy(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct buf *out, struct err *e)
{
    LOCKED(c);
    int rc = catalog_look_up(c, QUERY_POLICY, &BY_ID(id), 1, read_long_text, out, "policy", e);
    return rc ? rc : buf_check(out, "a policy", e);
}

int catalog_request(struct catalog *c, const uint8_t request[EVENT_ID_BYTES],
                    struct catalog_request *out, struct err *e)
{
    struct catalog_request r = {0};
    LOCKED(c);
    int rc = catalog_row(c, QUERY_REQUEST, &BY_ID(request), 1, catalog_read_request, &r, e);
    if (rc < 0 || catalog_read_approvals(c, &r, e))
        return -1;
    if (rc || memcmp(r.request, request, EVENT_ID_BYTES) != 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such request");
    *out = r;
    return 0;
}

/* ---- for the log's readers and witnesses ------------------------------------------------------ */

static void read_number(sqlite3_stmt *row, void *out)
{
    *(uint64_t *)out = (uint64_t)sqlite3_column_int64(row, 0);
}

int catalog_witness(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct buf *out, struct err *e)
{
    LOCKED(c);
    int rc = catalog_look_up(c, QUERY_WITNESS, &BY_ID(id), 1, read_long_text, out, "witness", e);
    return rc ? rc : buf_check(out, "a key", e);
}

int catalog_snapshot_entry(struct catalog *c, const uint8_t least[EVENT_ID_BYTES],
                           const uint8_t most[EVENT_ID_BYTES], uint64_t n, uint64_t *entry_out,
                           struct err *e)
{
    const struct catalog_value v[] = {BY_ID(least), BY_ID(most), BY_NUMBER((int64_t)n)};
    LOCKED(c);
    return catalog_look_up(c, QUERY_SNAPSHOT, v, 3, read_number, entry_out, "snapshot", e);
}

int catalog_has_snapshot(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], uint64_t sequence,
                         bool *has_out, struct err *e)
{
    const struct catalog_value v[] = {BY_ID(vault), BY_NUMBER((int64_t)sequence)};
    uint64_t entry;
    LOCKED(c);
    int rc = catalog_row(c, QUERY_HAS_SNAPSHOT, v, 2, read_number, &entry, e);
    if (rc < 0)
        return -1;
    *has_out = rc == 0;
    return 0;
}

int catalog_newest_entry(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], uint64_t *entry_out,
                         struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_NEWEST_SNAPSHOT, &BY_ID(vault), 1, read_number, entry_out, "snapshot", e);
}
