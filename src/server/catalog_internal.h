/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's inside: one connection, its prepared statements, one lock. */
#ifndef ABRI_SERVER_CATALOG_INTERNAL_H
#define ABRI_SERVER_CATALOG_INTERNAL_H

#include "base/mem.h"
#include "server/catalog.h"

#include <pthread.h>
#include <sqlite3.h>

#define CATALOG_VERSION     6          /* in user_version: count it up with any change of the schema or of a rule */
#define CATALOG_APPLICATION 0x61627269 /* "abri", in application_id */
extern const char *const catalog_schema[]; /* up to NULL */

/* What an event does: the first statement decides whether it is taken, the others follow if it is. */
#define CATALOG_STEPS 5
extern const char *const catalog_rules[EVENT_KIND_COUNT][CATALOG_STEPS];
extern const char catalog_seen_rule[];

enum catalog_query {
    QUERY_POSITION,
    QUERY_MOVE,
    QUERY_TENANT,
    QUERY_TENANT_NAMED,
    QUERY_IDENTITY,
    QUERY_ROLES,
    QUERY_CERTIFICATE,
    QUERY_WITNESS,
    QUERY_SNAPSHOT,
    QUERY_NEWEST_SNAPSHOT,
    QUERY_TOKEN,
    QUERY_VAULT,
    QUERY_WRITER,
    QUERY_VAULT_OF,
    QUERY_WRITER_MACHINE,
    QUERY_HAS_SNAPSHOT,
    QUERY_GRANT,
    QUERY_GRANT_ID,
    QUERY_POLICY,
    QUERY_REQUEST,
    QUERY_APPROVALS,
    QUERY_EARLIER,
    QUERY_UPLOADED,
    QUERY_ALARM,
    QUERY_STANDING,
    QUERY_HELD,
    QUERY_QUOTA,
    QUERY_MONTHS,
    QUERY_NTH_TENANT, /* by row number; the same columns as the look-up */
    QUERY_NTH_IDENTITY,
    QUERY_NTH_TOKEN,
    QUERY_NTH_VAULT,
    QUERY_NTH_GRANT,
    QUERY_NTH_REQUEST,
    QUERY_NTH_ALARM,
    QUERY_LIST_TENANT, /* row numbers */
    QUERY_LIST_IDENTITY,
    QUERY_LIST_TOKEN,
    QUERY_LIST_VAULT,
    QUERY_LIST_GRANT,
    QUERY_LIST_REQUEST,
    QUERY_LIST_ALARM,
    QUERY_COUNT
};
extern const char *const catalog_queries[QUERY_COUNT];

struct catalog {
    sqlite3 *db;
    pthread_mutex_t lock; /* over all that follows */
    char *path;
    uint64_t next;     /* entry */
    uint64_t begun_at; /* `next` when the transaction began */
    bool batch;        /* between begin and commit */
    bool broken;       /* an apply of the batch failed */
    sqlite3_stmt *queries[QUERY_COUNT];
    sqlite3_stmt *rules[EVENT_KIND_COUNT][CATALOG_STEPS];
    sqlite3_stmt *seen;
};

/* Error of the last call on the connection; `rc` as it returned. */
int catalog_fail(struct catalog *c, int rc, struct err *e);
MUST_CHECK int catalog_run(struct catalog *c, const char *sql, struct err *e);

struct catalog *catalog_lock(struct catalog *c);
void catalog_unlock(struct catalog **c); /* for the attribute */
#define LOCKED(c) CLEANUP(catalog_unlock) __attribute__((unused)) struct catalog *locked_ = catalog_lock(c)

/* catalog_sum.c: defines the function for the connection; makes the triggers; ERR_DAMAGED if the rows are not what
 * the triggers saw. */
MUST_CHECK int catalog_sum_define(struct catalog *c, struct err *e);
MUST_CHECK int catalog_sum_keep(struct catalog *c, struct err *e);
MUST_CHECK int catalog_sum_check(struct catalog *c, struct err *e);

/* One row, under the lock: binds, steps, lets `read` copy it, resets. 1: there is no such row. */
struct catalog_value {
    enum { VALUE_NULL, VALUE_ID, VALUE_TEXT, VALUE_NUMBER } type;
    const void *p;
    int64_t n;
};
#define BY_ID(id)     ((struct catalog_value){VALUE_ID, (id), 0})
#define BY_TEXT(text) ((struct catalog_value){VALUE_TEXT, (text), 0})
#define BY_NUMBER(n)  ((struct catalog_value){VALUE_NUMBER, NULL, (n)})
typedef void catalog_read(sqlite3_stmt *row, void *out);
MUST_CHECK int catalog_bind(struct catalog *c, enum catalog_query q, const struct catalog_value *v,
                            int count, struct err *e);
MUST_CHECK int catalog_row(struct catalog *c, enum catalog_query q, const struct catalog_value *v,
                           int count, catalog_read *read, void *out, struct err *e);

catalog_read catalog_read_tenant, catalog_read_identity, catalog_read_token, catalog_read_vault,
    catalog_read_grant, catalog_read_request, catalog_read_alarm;
/* Columns, for those functions. */
void catalog_get_id(sqlite3_stmt *row, int i, uint8_t out[EVENT_ID_BYTES]);
void catalog_get_text(sqlite3_stmt *row, int i, size_t max, char *out);
/* As catalog_row; ERR_NOT_FOUND names `what`. */
MUST_CHECK int catalog_look_up(struct catalog *c, enum catalog_query q, const struct catalog_value *v,
                               int count, catalog_read *read, void *out, const char *what, struct err *e);
/* The approvals of a request that was read. */
MUST_CHECK int catalog_read_approvals(struct catalog *c, struct catalog_request *r, struct err *e);

#endif
