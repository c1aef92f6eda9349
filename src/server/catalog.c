/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue's file: opened, judged, made anew; transactions and errors.
 *
 * C1 The position stands in the transaction of what it counts: whenever the process ends, a
 *    catalogue at position n is what the first n entries make of an empty one.
 * C2 What cannot be trusted is thrown away, and nothing else: that a disk is full, a file not ours or another
 *    process in it, is told.
 */
#include "base/mem.h"
#include "server/catalog_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum err_class class_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_READONLY:
    case SQLITE_PERM: return ERR_READ_ONLY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return ERR_IO;
    case SQLITE_TOOBIG: return ERR_LIMIT;
    default: return ERR_DAMAGED; /* corrupt, no database, not our schema, a constraint */
    }
}

int catalog_fail(struct catalog *c, int rc, struct err *e)
{
    enum err_class cls = class_of(rc);
    return err_set(e, cls, "catalogue '%s': %s%s", c->path, c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc),
                   cls == ERR_DAMAGED ? " (delete it and start again: it is made anew from the log)" : "");
}

int catalog_run(struct catalog *c, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc ? catalog_fail(c, rc, e) : 0;
}

struct catalog *catalog_lock(struct catalog *c)
{
    (void)pthread_mutex_lock(&c->lock);
    return c;
}

void catalog_unlock(struct catalog **c)
{
    (void)pthread_mutex_unlock(&(*c)->lock);
}

/* ---- closing, which also ends what an opening began --------------------------------------- */

static void disconnect(struct catalog *c)
{
    for (unsigned q = 0; q < QUERY_COUNT; q++)
        (void)sqlite3_finalize(TAKE(c->queries[q]));
    for (unsigned k = 0; k < EVENT_KIND_COUNT; k++)
        for (unsigned i = 0; i < CATALOG_STEPS; i++)
            (void)sqlite3_finalize(TAKE(c->rules[k][i]));
    (void)sqlite3_finalize(TAKE(c->seen));
    (void)sqlite3_close(TAKE(c->db)); /* rolls back */
}

void catalog_close(struct catalog *c)
{
    if (!c)
        return;
    disconnect(c);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c->path);
    mem_free(c);
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool in_memory(const struct catalog *c)
{
    return strcmp(c->path, ":memory:") == 0;
}

/* For this user's eyes alone; the log beside it gets the same mode. */
static int touch(struct catalog *c, struct err *e)
{
    if (in_memory(c))
        return 0;
    int fd = open(c->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "catalogue '%s'", c->path);
    return close(fd) ? err_sys(e, errno, "catalogue '%s'", c->path) : 0;
}

static int connect_db(struct catalog *c, struct err *e)
{
    if (touch(c, e))
        return -1;
    int rc = sqlite3_open_v2(c->path, &c->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (!rc)
        rc = sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (rc)
        return catalog_fail(c, rc, e);
    if (catalog_sum_define(c, e))
        return -1;
    /* Exclusive: one process, no memory shared with others, nobody who looks in can hold us up. */
    return catalog_run(c, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"
                          "PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL;"
                          "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY", e);
}

static int number_of(struct catalog *c, const char *sql, int64_t *out, struct err *e)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
    if (!rc)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    return rc == SQLITE_ROW ? 0 : catalog_fail(c, rc, e);
}

static int create(struct catalog *c, const char *origin, struct err *e)
{
    char head[160];
    sqlite3_stmt *s = NULL;
    (void)snprintf(head, sizeof head, "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d",
                   CATALOG_APPLICATION, CATALOG_VERSION);
    if (catalog_run(c, head, e))
        return -1;
    for (const char *const *sql = catalog_schema; *sql; sql++)
        if (catalog_run(c, *sql, e))
            return -1;
    if (catalog_sum_keep(c, e))
        return -1;
    int rc = sqlite3_prepare_v2(c->db, "INSERT INTO position VALUES (1, ?1, 0, zeroblob(32),"
                                " abri_sum(0, 'position', 0, ?1, zeroblob(32)))", -1, &s, NULL);
    if (!rc)
        rc = sqlite3_bind_text(s, 1, origin, -1, SQLITE_STATIC);
    if (!rc)
        rc = sqlite3_step(s);
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? catalog_run(c, "COMMIT", e) : catalog_fail(c, rc, e);
}

/* 0: it is sound and ours. ERR_DAMAGED: it is not. */
static int judge(struct catalog *c, struct err *e)
{
    int64_t application = 0, version = 0, sound = 0;
    if (number_of(c, "PRAGMA application_id", &application, e) ||
        number_of(c, "PRAGMA user_version", &version, e))
        return -1;
    if (application != CATALOG_APPLICATION || version != CATALOG_VERSION)
        return err_set(e, ERR_DAMAGED, "catalogue '%s' is of another version", c->path);
    if (number_of(c, "SELECT integrity_check = 'ok' FROM pragma_integrity_check(1)", &sound, e))
        return -1;
    return sound ? catalog_sum_check(c, e) : err_set(e, ERR_DAMAGED, "catalogue '%s' is damaged", c->path);
}

static int prepare(struct catalog *c, const char *sql, sqlite3_stmt **out, struct err *e)
{
    int rc = sql ? sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) : 0;
    return rc ? catalog_fail(c, rc, e) : 0;
}

static int prepare_all(struct catalog *c, struct err *e)
{
    for (unsigned q = 0; q < QUERY_COUNT; q++)
        if (prepare(c, catalog_queries[q], &c->queries[q], e))
            return -1;
    for (unsigned k = 0; k < EVENT_KIND_COUNT; k++)
        for (unsigned i = 0; i < CATALOG_STEPS; i++)
            if (prepare(c, catalog_rules[k][i], &c->rules[k][i], e))
                return -1;
    return prepare(c, catalog_seen_rule, &c->seen, e);
}

struct position {
    uint64_t size;
    uint8_t root[MERKLE_BYTES];
    const char *origin; /* what it should be */
    bool good;
};

static void read_position(sqlite3_stmt *row, void *out)
{
    struct position *p = out;
    const char *origin = (const char *)sqlite3_column_text(row, 2);
    p->size = (uint64_t)sqlite3_column_int64(row, 0);
    p->good = sqlite3_column_bytes(row, 1) == MERKLE_BYTES && (!p->origin || (origin && strcmp(origin, p->origin) == 0));
    if (p->good)
        memcpy(p->root, sqlite3_column_blob(row, 1), MERKLE_BYTES);
}

static int resume(struct catalog *c, const char *origin, struct err *e)
{
    struct position p = {.origin = origin};
    int rc = prepare_all(c, e) ? -1 : catalog_row(c, QUERY_POSITION, NULL, 0, read_position, &p, e);
    if (rc < 0)
        return -1;
    if (rc || !p.good)
        return err_set(e, ERR_DAMAGED, "catalogue '%s' is of another log", c->path);
    c->next = p.size;
    return 0;
}

/* The log first: a database beside the log of another would read it. */
static int throw_away(struct catalog *c, struct err *e)
{
    static const char *const parts[] = {"-wal", "-shm", "-journal", ""};
    disconnect(c);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char path[4096];
        if ((size_t)snprintf(path, sizeof path, "%s%s", c->path, parts[i]) >= sizeof path)
            return err_set(e, ERR_LIMIT, "the path of the catalogue is too long");
        if (unlink(path) && errno != ENOENT)
            return err_sys(e, errno, "remove the damaged catalogue '%s'", path);
    }
    return 0;
}

static int open_there(struct catalog *c, const char *origin, bool *fresh, struct err *e)
{
    int64_t objects = 0;
    if (connect_db(c, e) || number_of(c, "SELECT count(*) FROM sqlite_schema", &objects, e))
        return -1;
    *fresh = objects == 0; /* new, or cut off while it was made: that is one transaction */
    if (*fresh ? create(c, origin, e) : judge(c, e))
        return -1;
    return resume(c, origin, e);
}

static int open_any(struct catalog *c, const char *origin, bool *fresh, struct err *e)
{
    struct err why = ERR_INIT;
    if (open_there(c, origin, fresh, &why) == 0)
        return 0;
    if (why.cls != ERR_DAMAGED || in_memory(c)) /* C2 */
        return err_give(e, &why);
    return throw_away(c, e) || open_there(c, origin, fresh, e) ? -1 : 0;
}

int catalog_open(const char *path, const char *origin, struct catalog **out, bool *fresh_out,
                 struct err *e)
{
    bool fresh = false;
    struct catalog *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_no_memory(e, "the catalogue");
    (void)pthread_mutex_init(&c->lock, NULL);
    c->path = mem_strdup(path);
    if (!c->path || open_any(c, origin, &fresh, e)) {
        if (!c->path)
            (void)err_no_memory(e, "the catalogue");
        catalog_close(c);
        return -1;
    }
    *out = c;
    *fresh_out = fresh;
    return 0;
}

int catalog_position(struct catalog *c, uint64_t *size_out, uint8_t root_out[MERKLE_BYTES],
                     struct err *e)
{
    struct position p = {0};
    LOCKED(c);
    int rc = catalog_row(c, QUERY_POSITION, NULL, 0, read_position, &p, e);
    if (rc)
        return rc < 0 ? -1 : err_set(e, ERR_DAMAGED, "catalogue '%s' has no position", c->path);
    *size_out = p.size;
    memcpy(root_out, p.root, MERKLE_BYTES);
    return 0;
}
