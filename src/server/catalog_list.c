/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists. First the numbers of the rows, under the lock; then each row as it is when its turn comes, so that
 * whoever is called may ask the catalogue, and nobody waits for him. Rows are never removed.
 */
#include "server/catalog_internal.h"


static int list_rows(struct catalog *c, enum catalog_query list, const uint8_t *tenant,
                     struct buf *out, struct err *e)
{
    int rc;
    LOCKED(c);
    sqlite3_stmt *s = c->queries[list];
    if (catalog_bind(c, list, &(struct catalog_value){tenant ? VALUE_ID : VALUE_NULL, tenant, 0}, 1, e))
        return -1;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        buf_put_u64(out, (uint64_t)sqlite3_column_int64(s, 0));
    int failed = rc == SQLITE_DONE ? buf_check(out, "a list", e) : catalog_fail(c, rc, e);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return failed;
}

typedef int call(void *arg, void *item, struct err *e);
struct listing {
    enum catalog_query list, nth;
    catalog_read *read;
    void *item;
    call *call;
    void *arg;
};

static int nth(struct catalog *c, const struct listing *l, uint64_t n, struct err *e)
{
    LOCKED(c);
    int rc = catalog_row(c, l->nth, &BY_NUMBER((int64_t)n), 1, l->read, l->item, e);
    if (!rc && l->nth == QUERY_NTH_REQUEST)
        rc = catalog_read_approvals(c, l->item, e);
    return rc;
}

static int list_all(struct catalog *c, const struct listing *l, const uint8_t *tenant, struct err *e)
{
    CLEANUP(buf_done) struct buf rows = {0};
    if (list_rows(c, l->list, tenant, &rows, e))
        return -1;
    for (size_t at = 0; at < rows.len; at += 8) {
        int rc = nth(c, l, get_u64(rows.data + at), e);
        if (rc < 0)
            return -1;
        if (rc == 0 && (rc = l->call(l->arg, l->item, e)))
            return rc;
    }
    return 0;
}

/* One function a list, each with its own type of item. */
#define LIST(what, WHAT)                                                                           \
    struct call_##what {                                                                           \
        catalog_each_##what *each;                                                                 \
        void *arg;                                                                                 \
    };                                                                                             \
    static int call_##what(void *arg, void *item, struct err *e)                                   \
    {                                                                                              \
        const struct call_##what *k = arg;                                                         \
        return k->each(k->arg, item, e);                                                           \
    }                                                                                              \
    int catalog_list_##what(struct catalog *c, const uint8_t *tenant, catalog_each_##what *each,   \
                            void *arg, struct err *e)                                              \
    {                                                                                              \
        struct catalog_##what item = {0};                                                          \
        struct call_##what k = {each, arg};                                                        \
        const struct listing l = {QUERY_LIST_##WHAT, QUERY_NTH_##WHAT, catalog_read_##what, &item, \
                                  call_##what, &k};                                                \
        return list_all(c, &l, tenant, e);                                                         \
    }
LIST(tenant, TENANT)
LIST(identity, IDENTITY)
LIST(token, TOKEN)
LIST(vault, VAULT)
LIST(grant, GRANT)
LIST(request, REQUEST)
LIST(alarm, ALARM)
