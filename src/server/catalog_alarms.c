/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms in the catalogue: one row each, from its first entry on. catalog_rules.c says what opens and closes them. */
#include "server/catalog_internal.h"

void catalog_read_alarm(sqlite3_stmt *row, void *out)
{
    struct catalog_alarm *a = out;
    a->entry = (uint64_t)sqlite3_column_int64(row, 0);
    catalog_get_text(row, 1, EVENT_NAME_MAX, a->name);
    catalog_get_id(row, 2, a->tenant);
    catalog_get_id(row, 3, a->vault);
    catalog_get_id(row, 4, a->id);
    catalog_get_id(row, 5, a->request);
    catalog_get_text(row, 6, EVENT_TEXT_MAX, a->text);
    a->since_ns = sqlite3_column_int64(row, 7);
    a->last_ns = sqlite3_column_int64(row, 8);
    a->count = (uint64_t)sqlite3_column_int64(row, 9);
    a->closed_ns = sqlite3_column_int64(row, 10);
    catalog_get_id(row, 11, a->closed_by);
    catalog_get_text(row, 12, EVENT_TEXT_MAX, a->reason);
    a->over_ns = sqlite3_column_int64(row, 13);
}

int catalog_alarm(struct catalog *c, uint64_t entry, struct catalog_alarm *out, struct err *e)
{
    LOCKED(c);
    return catalog_look_up(c, QUERY_ALARM, &BY_NUMBER((int64_t)entry), 1, catalog_read_alarm, out, "alarm", e);
}

int catalog_standing_alarm(struct catalog *c, const struct event *about, struct catalog_alarm *out,
                           struct err *e)
{
    const struct catalog_value v[] = {BY_TEXT(about->name), BY_ID(about->tenant), BY_ID(about->vault),
                                      BY_ID(about->id), BY_ID(about->request)};
    LOCKED(c);
    return catalog_look_up(c, QUERY_STANDING, v, 5, catalog_read_alarm, out, "alarm", e);
}
