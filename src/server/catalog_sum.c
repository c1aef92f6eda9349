/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sum over all that the catalogue says, so that a bit that fell over in a row is noticed, which SQLite's own check of its
 * structure does not see: a machine that was revoked must not come back by it.
 *
 * The sum is the XOR of 64 bits of BLAKE3 of each row, with its table's name and its columns' types. Triggers keep it, in the
 * transaction that changes the row; opening computes it anew. It is against accidents: who can write the file can make
 * it match, and can do worse things.
 */
#include "server/catalog_internal.h"

#include "base/bytes.h"
#include "sign/sign.h"

#include <stdio.h>
#include <string.h>

static void put_value(struct buf *b, sqlite3_value *v)
{
    int type = sqlite3_value_type(v);
    buf_put_u8(b, (uint8_t)type);
    if (type == SQLITE_INTEGER) {
        buf_put_u64(b, (uint64_t)sqlite3_value_int64(v));
        return;
    }
    const void *p = sqlite3_value_blob(v);
    buf_put_blob(b, p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0);
}

/* abri_sum(sum, table, column …): `sum` with one row more, or one less. */
static void add(sqlite3_context *context, int count, sqlite3_value **values)
{
    CLEANUP(buf_done) struct buf row = {0};
    uint8_t hash[HASH_BYTES];
    for (int i = 1; i < count; i++)
        put_value(&row, values[i]);
    if (count < 1 || row.failed) {
        sqlite3_result_error_nomem(context);
        return;
    }
    hash_bytes(row.data, row.len, hash);
    sqlite3_result_int64(context, (sqlite3_int64)((uint64_t)sqlite3_value_int64(values[0]) ^ get_u64(hash)));
}

int catalog_sum_define(struct catalog *c, struct err *e)
{
    int rc = sqlite3_create_function_v2(c->db, "abri_sum", -1,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL, add,
                                        NULL, NULL, NULL);
    return rc ? catalog_fail(c, rc, e) : 0;
}

/* ---- tables and their columns ----------------------------------------------------------------- */

#define TABLES                                                                                     \
    "SELECT t.name, group_concat(char(34) || i.name || char(34), ', '),"                           \
    " group_concat('OLD.' || char(34) || i.name || char(34), ', '),"                               \
    " group_concat('NEW.' || char(34) || i.name || char(34), ', ')"                                \
    " FROM sqlite_schema t JOIN pragma_table_info(t.name) i"                                       \
    " WHERE t.type = 'table' AND t.name <> 'position' AND t.name NOT LIKE 'sqlite_%'"              \
    " GROUP BY t.name ORDER BY t.name"

typedef int each_table(struct catalog *c, const char *name, const char *columns, const char *old, const char *new,
                       uint64_t *sum, struct err *e);

static int for_each_table(struct catalog *c, each_table *each, uint64_t *sum, struct err *e)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->db, TABLES, -1, &s, NULL), failed = 0;
    while (!rc && !failed && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text[4];
        for (int i = 0; i < 4; i++)
            text[i] = (const char *)sqlite3_column_text(s, i);
        failed = text[0] && text[1] && text[2] && text[3]
                     ? each(c, text[0], text[1], text[2], text[3], sum, e)
                     : err_no_memory(e, "the catalogue");
        rc = 0;
    }
    if (!failed && rc != SQLITE_DONE)
        failed = catalog_fail(c, rc, e);
    (void)sqlite3_finalize(s);
    return failed;
}

static int make_triggers(struct catalog *c, const char *name, const char *columns, const char *old,
                         const char *new, uint64_t *sum, struct err *e)
{
    (void)columns, (void)sum;
    char *sql = sqlite3_mprintf(
        "CREATE TRIGGER sum_%s_insert AFTER INSERT ON %s BEGIN"
        " UPDATE position SET sum = abri_sum(sum, '%s', %s); END;"
        "CREATE TRIGGER sum_%s_delete AFTER DELETE ON %s BEGIN"
        " UPDATE position SET sum = abri_sum(sum, '%s', %s); END;"
        "CREATE TRIGGER sum_%s_update AFTER UPDATE ON %s BEGIN"
        " UPDATE position SET sum = abri_sum(abri_sum(sum, '%s', %s), '%s', %s); END",
        name, name, name, new, name, name, name, old, name, name, name, old, name, new);
    int rc = sql ? catalog_run(c, sql, e) : err_no_memory(e, "the catalogue");
    sqlite3_free(sql);
    return rc;
}

/* While it is made. */
int catalog_sum_keep(struct catalog *c, struct err *e)
{
    return for_each_table(c, make_triggers, NULL, e);
}

/* ---- looking ---------------------------------------------------------------------------------------- */

static int add_rows(struct catalog *c, const char *sql, uint64_t *sum, struct err *e)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
    while (!rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        *sum ^= (uint64_t)sqlite3_column_int64(s, 0);
        rc = 0;
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : catalog_fail(c, rc, e);
}

static int add_table(struct catalog *c, const char *name, const char *columns, const char *old,
                     const char *new, uint64_t *sum, struct err *e)
{
    (void)old, (void)new;
    char *sql = sqlite3_mprintf("SELECT abri_sum(0, '%s', %s) FROM %s", name, columns, name);
    int rc = sql ? add_rows(c, sql, sum, e) : err_no_memory(e, "the catalogue");
    sqlite3_free(sql);
    return rc;
}

int catalog_sum_check(struct catalog *c, struct err *e)
{
    uint64_t sum = 0;
    if (for_each_table(c, add_table, &sum, e) ||
        add_rows(c, "SELECT abri_sum(sum, 'position', size, origin, root) FROM position", &sum, e))
        return -1;
    return sum ? err_set(e, ERR_DAMAGED, "catalogue '%s' is damaged: a row is not what it was", c->path) : 0;
}
