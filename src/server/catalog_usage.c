/* SPDX-License-Identifier: Apache-2.0 */
/* What tenants use, and what was agreed on: sums of the vaults, months, quotas; when machines backed up. */
#include "server/catalog_internal.h"

#include <string.h>

static uint64_t column(sqlite3_stmt *row, int i)
{
    int64_t n = sqlite3_column_int64(row, i);
    return n < 0 ? 0 : (uint64_t)n;
}

static void read_time(sqlite3_stmt *row, void *out)
{
    *(int64_t *)out = sqlite3_column_int64(row, 0);
}

int catalog_earlier_snapshot(struct catalog *c, const uint8_t machine[EVENT_ID_BYTES], int64_t now_ns,
                             uint64_t n, int64_t *received_out, struct err *e)
{
    const struct catalog_value v[] = {BY_ID(machine), BY_NUMBER(now_ns),
                                      BY_NUMBER((int64_t)(n < INT64_MAX ? n : INT64_MAX))};
    LOCKED(c);
    return catalog_look_up(c, QUERY_EARLIER, v, 3, read_time, received_out, "snapshot", e);
}

static void read_uploaded(sqlite3_stmt *row, void *out)
{
    *(struct catalog_uploaded *)out = (struct catalog_uploaded){column(row, 0), column(row, 1), sqlite3_column_int64(row, 2)};
}

int catalog_uploaded(struct catalog *c, const uint8_t machine[EVENT_ID_BYTES], int64_t day, struct catalog_uploaded *out,
                     struct err *e)
{
    const struct catalog_value v[] = {BY_ID(machine), BY_NUMBER(day)};
    LOCKED(c);
    return catalog_look_up(c, QUERY_UPLOADED, v, 2, read_uploaded, out, "machine", e);
}

static void read_held(sqlite3_stmt *row, void *out)
{
    *(struct catalog_held *)out = (struct catalog_held){column(row, 0), column(row, 1), column(row, 2)};
}

int catalog_held(struct catalog *c, const uint8_t tenant[EVENT_ID_BYTES], struct catalog_held *out,
                 struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_HELD, &BY_ID(tenant), 1, read_held, out, "tenant", e);
}

static void read_quota(sqlite3_stmt *row, void *out)
{
    struct catalog_quota *q = out;
    q->bytes = column(row, 0);
    q->count = column(row, 1);
    q->enforced_ns = sqlite3_column_int64(row, 2);
    catalog_get_id(row, 3, q->by);
    catalog_get_text(row, 4, EVENT_NAME_MAX, q->text);
}

int catalog_quota(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct catalog_quota *out,
                  struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_QUOTA, &BY_ID(id), 1, read_quota, out, "quota", e);
}

/* ---- months ---------------------------------------------------------------------------------- */

static struct catalog_month read_month(sqlite3_stmt *row)
{
    return (struct catalog_month){.month = sqlite3_column_int(row, 0), .stored = column(row, 1),
                                  .peak = column(row, 2), .added = column(row, 3),
                                  .snapshots = column(row, 4), .machines = column(row, 5)};
}

/* The rows come from the newest on; the first one before `from` says what the first month began with. */
static int gather(struct catalog *c, int32_t from, struct catalog_month *out, uint64_t *before, struct err *e)
{
    sqlite3_stmt *s = c->queries[QUERY_MONTHS];
    int rc;
    *before = 0;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const struct catalog_month m = read_month(s);
        if (m.month < from) {
            *before = m.stored;
            break;
        }
        out[m.month - from] = m;
    }
    int failed = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return failed;
}

/* A month without entries holds what the one before it held at its end. */
static void carry(struct catalog_month *m, size_t count, int32_t from, uint64_t held)
{
    for (size_t i = 0; i < count; i++) {
        if (m[i].month == 0) {
            m[i].month = from + (int32_t)i;
            m[i].stored = held;
        }
        if (m[i].peak < held)
            m[i].peak = held;
        held = m[i].stored;
    }
}

int catalog_months(struct catalog *c, const uint8_t tenant[EVENT_ID_BYTES], int32_t from, int32_t to,
                   struct catalog_month *out, size_t *count_out, struct err *e)
{
    const struct catalog_value v[] = {BY_ID(tenant), BY_NUMBER(to)};
    uint64_t before;
    if (from < 1 || to < from || to - from >= CATALOG_MONTHS_MAX)
        return err_set(e, ERR_LIMIT, "from one month to the same or a later one, at most %d of them",
                       CATALOG_MONTHS_MAX);
    size_t count = (size_t)(to - from) + 1;
    memset(out, 0, count * sizeof *out);
    LOCKED(c);
    if (catalog_bind(c, QUERY_MONTHS, v, 2, e) || gather(c, from, out, &before, e))
        return -1;
    carry(out, count, from, before);
    *count_out = count;
    return 0;
}
