/* SPDX-License-Identifier: Apache-2.0 */
/* Events into the catalogue, alone or many in one transaction. What they do is in catalog_rules.c; C1 (catalog.c)
 * is kept here. */
#include "server/catalog_internal.h"
#include "server/event_internal.h"

#include <string.h>

/* ---- transactions ------------------------------------------------------------------------ */

static int begin(struct catalog *c, struct err *e)
{
    if (catalog_run(c, "BEGIN IMMEDIATE", e))
        return -1;
    c->begun_at = c->next;
    return 0;
}

/* SQLite may have done it already, if a disk was full. */
static void roll_back(struct catalog *c)
{
    if (!sqlite3_get_autocommit(c->db))
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    c->next = c->begun_at;
    c->batch = c->broken = false;
}

/* C1 */
static int move(struct catalog *c, const uint8_t *root, struct err *e)
{
    sqlite3_stmt *s = c->queries[QUERY_MOVE];
    int rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)c->next);
    if (!rc)
        rc = sqlite3_bind_blob(s, 2, root, MERKLE_BYTES, SQLITE_STATIC);
    if (!rc)
        rc = sqlite3_step(s);
    int failed = rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return failed;
}

static int commit(struct catalog *c, const uint8_t *root, struct err *e)
{
    if (move(c, root, e) || catalog_run(c, "COMMIT", e)) {
        roll_back(c);
        return -1;
    }
    c->batch = false;
    return 0;
}

int catalog_begin(struct catalog *c, struct err *e)
{
    LOCKED(c);
    if (c->batch)
        return err_set(e, ERR_USAGE, "the catalogue is in a transaction already");
    if (begin(c, e))
        return -1;
    c->batch = true;
    return 0;
}

int catalog_commit(struct catalog *c, const uint8_t root[MERKLE_BYTES], struct err *e)
{
    LOCKED(c);
    if (!c->batch)
        return err_set(e, ERR_USAGE, "the catalogue is in no transaction");
    if (!c->broken)
        return commit(c, root, e);
    roll_back(c);
    return err_set(e, ERR_INCOMPLETE, "an entry of the log could not be put into the catalogue: nothing was");
}

void catalog_rollback(struct catalog *c)
{
    LOCKED(c);
    if (c->batch)
        roll_back(c);
}

/* ---- one event ------------------------------------------------------------------------------ */

static int bind_text(sqlite3_stmt *s, int i, const char *text)
{
    return sqlite3_bind_text(s, i, text ? text : "", -1, SQLITE_STATIC);
}

static int bind_field(sqlite3_stmt *s, int i, const struct event *ev, enum field f)
{
    const void *m = event_member(ev, f);
    switch (event_fields[f].type) {
    case FIELD_ID: return sqlite3_bind_blob(s, i, m, EVENT_ID_BYTES, SQLITE_STATIC);
    case FIELD_HASH: return sqlite3_bind_blob(s, i, m, 32, SQLITE_STATIC);
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_POLICY: return bind_text(s, i, *(const char *const *)m);
    case FIELD_TIME: return sqlite3_bind_int64(s, i, *(const int64_t *)m);
    case FIELD_COUNT: return sqlite3_bind_int64(s, i, (sqlite3_int64) * (const uint64_t *)m);
    case FIELD_FLAG: return sqlite3_bind_int(s, i, *(const bool *)m);
    case FIELD_TYPE: return sqlite3_bind_int(s, i, (int)*(const enum identity_type *)m);
    case FIELD_ROLE: return sqlite3_bind_int(s, i, (int)*(const enum role *)m);
    case FIELD_KIND:
    case FIELD_VERSION: break;
    }
    return SQLITE_MISUSE;
}

/* ":tenant" gets the event's `tenant`: parameters are fields by their names; ":entry" is its number. */
static int bind_event(sqlite3_stmt *s, const struct event *ev, uint64_t entry)
{
    int rc = 0;
    for (int i = 1; !rc && i <= sqlite3_bind_parameter_count(s); i++) {
        const char *name = sqlite3_bind_parameter_name(s, i) + 1;
        unsigned f = 0;
        if (strcmp(name, "entry") == 0) {
            rc = sqlite3_bind_int64(s, i, (sqlite3_int64)entry);
            continue;
        }
        while (f < FIELD_LIMIT && strcmp(name, event_fields[f].name) != 0)
            f++;
        rc = f < FIELD_LIMIT ? bind_field(s, i, ev, (enum field)f) : SQLITE_MISUSE;
    }
    return rc;
}

/* Whether it found or changed a row. */
static int perform(struct catalog *c, sqlite3_stmt *s, const struct event *ev, bool *did_out,
                   struct err *e)
{
    int rc = bind_event(s, ev, c->next);
    if (!rc)
        rc = sqlite3_step(s);
    int failed = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
    if (!failed)
        *did_out = rc == SQLITE_ROW || (!sqlite3_stmt_readonly(s) && sqlite3_changes(c->db) > 0);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s); /* the texts are not ours */
    return failed;
}

/* Machines' own reports name them in `id` (catalog_seen_rule); of the others `id` is whom it is about. */
static int mark_seen(struct catalog *c, const struct event *ev, struct err *e)
{
    struct event who = {.time_ns = ev->time_ns};
    bool ignored;
    memcpy(who.by, ev->by, EVENT_ID_BYTES);
    if (ev->kind == EVENT_SESSION_BEGIN || ev->kind == EVENT_SNAPSHOT || ev->kind == EVENT_READ)
        memcpy(who.id, ev->id, EVENT_ID_BYTES);
    return perform(c, c->seen, &who, &ignored, e);
}

static int apply(struct catalog *c, const struct event *ev, bool *took_out, struct err *e)
{
    sqlite3_stmt **rules = c->rules[ev->kind];
    bool took = ev->kind != EVENT_UNSET, ignored; /* what a newer server wrote changes nothing */
    if (rules[0] && perform(c, rules[0], ev, &took, e))
        return -1;
    for (int i = 1; took && i < CATALOG_STEPS && rules[i]; i++)
        if (perform(c, rules[i], ev, &ignored, e))
            return -1;
    if (took && mark_seen(c, ev, e))
        return -1;
    c->next++;
    *took_out = took;
    return 0;
}

static int check(const struct catalog *c, uint64_t index, const struct event *ev, const uint8_t *root,
                 struct err *e)
{
    if (index != c->next)
        return err_set(e, ERR_USAGE, "the catalogue waits for entry %llu of the log, not %llu",
                       (unsigned long long)c->next, (unsigned long long)index);
    if (!root && !c->batch)
        return err_set(e, ERR_USAGE, "an entry of the log without the root of its tree");
    return ev->kind == EVENT_UNSET ? 0 : event_check(ev, e);
}

static int apply_in_batch(struct catalog *c, const struct event *ev, bool *took, struct err *e)
{
    if (c->broken)
        return err_set(e, ERR_USAGE, "an earlier entry could not be put into the catalogue");
    if (apply(c, ev, took, e) == 0)
        return 0;
    c->broken = true;
    return -1;
}

static int apply_alone(struct catalog *c, const struct event *ev, const uint8_t *root, bool *took,
                       struct err *e)
{
    if (begin(c, e))
        return -1;
    if (apply(c, ev, took, e)) {
        roll_back(c);
        return -1;
    }
    return commit(c, root, e);
}

int catalog_apply(struct catalog *c, uint64_t index, const struct event *ev,
                  const uint8_t root[MERKLE_BYTES], bool *took_out, struct err *e)
{
    bool took = false;
    LOCKED(c);
    if (check(c, index, ev, root, e) ||
        (c->batch ? apply_in_batch(c, ev, &took, e) : apply_alone(c, ev, root, &took, e)))
        return -1;
    if (took_out)
        *took_out = took;
    return 0;
}
