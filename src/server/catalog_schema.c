/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the catalogue, and all that is asked of them. What events do is in catalog_rules.c.
 *
 * `n` is the order of creation: rows are only ever added (roles apart), so a replay numbers
 * them alike. Times are ns, 0 is "not"; ids of 16 zeros are "none".
 */
#include "server/catalog_internal.h"

#define ID(name)   name " BLOB NOT NULL CHECK (length(" name ") = 16)"
#define TIME(name) name " INTEGER NOT NULL CHECK (" name " >= 0)"
#define FLAG(name) name " INTEGER NOT NULL CHECK (" name " IN (0, 1))"
#define TYPE       "type INTEGER NOT NULL CHECK (type IN (1, 2))"

const char *const catalog_schema[] = {
    "CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL,"
    " size INTEGER NOT NULL CHECK (size >= 0), root BLOB NOT NULL CHECK (length(root) = 32),"
    " sum INTEGER NOT NULL) STRICT",

    "CREATE TABLE tenants (n INTEGER PRIMARY KEY, " ID("id") " UNIQUE, name TEXT NOT NULL,"
    TIME("created") ", " TIME("closed") ") STRICT",
    "CREATE UNIQUE INDEX tenants_open ON tenants (name) WHERE closed = 0",

    "CREATE TABLE identities (n INTEGER PRIMARY KEY, " ID("id") " UNIQUE, " ID("tenant") ", " TYPE ","
    " name TEXT NOT NULL, " FLAG("restore") ", " TIME("created") ", " TIME("revoked") ", "
    TIME("certificate") ", " TIME("seen") ", " TIME("snapshot") ") STRICT",

    "CREATE TABLE roles (" ID("id") ", " ID("tenant") ","
    " role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 7),"
    " PRIMARY KEY (id, tenant, role)) STRICT, WITHOUT ROWID",

    "CREATE TABLE certificates (" ID("serial") " PRIMARY KEY, " ID("id") ") STRICT, WITHOUT ROWID",

    "CREATE TABLE witnesses (" ID("id") " PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE tokens (n INTEGER PRIMARY KEY, " ID("token") " UNIQUE, " ID("tenant") ", " ID("id") ", "
    ID("vault") ", " ID("by") ", " TYPE ", role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 7), "
    FLAG("restore") ", " FLAG("shared") ", name TEXT NOT NULL, " TIME("created") ", " TIME("until") ", "
    TIME("used") ", " TIME("cancelled") ", " ID("used_by") ","
    " used_pin BLOB NOT NULL CHECK (length(used_pin) = 32)) STRICT",

    "CREATE TABLE vaults (n INTEGER PRIMARY KEY, " ID("vault") " UNIQUE, " ID("tenant") ", " ID("id") ", "
    FLAG("shared") ", " TIME("created") ", " TIME("snapshot") ","
    " snapshots INTEGER NOT NULL CHECK (snapshots >= 0),"
    " bytes INTEGER NOT NULL CHECK (bytes >= 0),"
    " stored INTEGER NOT NULL CHECK (stored >= 0), living INTEGER NOT NULL CHECK (living >= 0), "
    TIME("ending") ", " TIME("gone") ", " ID("request") ", CHECK (gone = 0 OR ending > 0)) STRICT",
    "CREATE INDEX vaults_tenant ON vaults (tenant, gone, stored, living)",
    "CREATE TABLE writers (n INTEGER PRIMARY KEY, " ID("vault") ", " ID("writer") ", " ID("machine") ","
    " UNIQUE (vault, writer)) STRICT",
    "CREATE INDEX writers_machine ON writers (machine, n)",
    /* Which ones were counted: an entry that was repeated after a crash counts once. */
    "CREATE TABLE snapshots (vault INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " entry INTEGER NOT NULL, " ID("id") ", machine INTEGER NOT NULL, " TIME("received") ","
    " PRIMARY KEY (vault, sequence)) STRICT, WITHOUT ROWID",
    "CREATE INDEX snapshots_id ON snapshots (id, entry)",
    "CREATE INDEX snapshots_machine ON snapshots (machine, received)",

    /* What a tenant had in a month (12 * year + month - 1): bytes at the last entry of it, and at most. */
    "CREATE TABLE months (tenant INTEGER NOT NULL, month INTEGER NOT NULL,"
    " stored INTEGER NOT NULL CHECK (stored >= 0), peak INTEGER NOT NULL CHECK (peak >= 0),"
    " added INTEGER NOT NULL CHECK (added >= 0), snapshots INTEGER NOT NULL CHECK (snapshots >= 0),"
    " PRIMARY KEY (tenant, month)) STRICT, WITHOUT ROWID",
    "CREATE TABLE protected (tenant INTEGER NOT NULL, month INTEGER NOT NULL, machine INTEGER NOT NULL,"
    " PRIMARY KEY (tenant, month, machine)) STRICT, WITHOUT ROWID",
    /* What a machine uploaded in a day (of 86,400 s since 1970). */
    "CREATE TABLE uploads (machine INTEGER NOT NULL, day INTEGER NOT NULL, bytes INTEGER NOT NULL CHECK (bytes >= 0),"
    " PRIMARY KEY (machine, day)) STRICT, WITHOUT ROWID",
    "CREATE TABLE quotas (" ID("id") " PRIMARY KEY, bytes INTEGER NOT NULL CHECK (bytes >= 0),"
    " count INTEGER NOT NULL CHECK (count >= 0), " TIME("enforced") ", " ID("by") ", text TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID",

    /* `closed`: by somebody, or with its cause; `over`: the cause is gone. */
    "CREATE TABLE alarms (n INTEGER PRIMARY KEY, entry INTEGER NOT NULL UNIQUE, name TEXT NOT NULL, "
    ID("tenant") ", " ID("vault") ", " ID("id") ", " ID("request") ", text TEXT NOT NULL, " TIME("since") ", "
    TIME("last") ", count INTEGER NOT NULL CHECK (count > 0), " TIME("closed") ", " ID("closed_by") ","
    " reason TEXT NOT NULL, " TIME("over") ") STRICT",
    "CREATE UNIQUE INDEX alarms_open ON alarms (name, tenant, vault, id, request) WHERE closed = 0",
    "CREATE INDEX alarms_standing ON alarms (name, tenant, vault, id, request) WHERE over = 0",

    "CREATE TABLE grants (n INTEGER PRIMARY KEY, " ID("grant_id") " UNIQUE, " ID("vault") ", " ID("id") ", "
    ID("by") ", " TIME("created") ", " TIME("until") ", " TIME("ended") ", text TEXT NOT NULL) STRICT",
    "CREATE INDEX grants_reader ON grants (vault, id, until)",

    "CREATE TABLE policies (" ID("id") " PRIMARY KEY, policy TEXT NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE requests (n INTEGER PRIMARY KEY, " ID("request") " UNIQUE, " ID("by") ", "
    ID("tenant") ", " ID("vault") ", kind TEXT NOT NULL, text TEXT NOT NULL, " TIME("created") ", "
    TIME("cancelled") ", " TIME("executed") ", " TIME("signed") ") STRICT",
    "CREATE TABLE approvals (n INTEGER PRIMARY KEY, " ID("request") ", " ID("by") ","
    " role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 7), " TIME("time") ","
    " UNIQUE (request, by)) STRICT",
    NULL,
};

#define TENANT   "SELECT id, name, created, closed FROM tenants"
#define IDENTITY                                                                                   \
    "SELECT id, tenant, type, name, restore, created, revoked, certificate, seen, snapshot"        \
    " FROM identities"
#define TOKEN                                                                                      \
    "SELECT token, tenant, id, vault, by, type, role, restore, shared, name, created, until, used," \
    " cancelled, used_by, used_pin FROM tokens"
#define VAULT                                                                                      \
    "SELECT v.vault, v.tenant, v.id, v.shared, v.created, v.snapshot, v.snapshots, v.bytes,"       \
    " v.stored, v.living, v.ending, v.gone, v.request FROM vaults v"
#define GRANT   "SELECT grant_id, vault, id, by, created, until, ended, text FROM grants"
#define REQUEST                                                                                    \
    "SELECT request, by, tenant, vault, kind, text, created, cancelled, executed, signed"          \
    " FROM requests"
#define ALARM                                                                                      \
    "SELECT entry, name, tenant, vault, id, request, text, since, last, count, closed, closed_by," \
    " reason, over FROM alarms"
/* The row of an id, or some row: who asks for what is not there waits as long as who asks for what is somebody else's. */
#define OR_ANY(table, n, id)                                                                       \
    " WHERE " n " = coalesce((SELECT q.n FROM " table " q WHERE q." id " = ?1), 1)"
#define LIVING " AND EXISTS (SELECT 1 FROM identities i WHERE i.id = ?1 AND i.revoked = 0)"
#define ALL_OR(condition) " WHERE ?1 IS NULL OR " condition
#define OF_VAULT_OF_TENANT "vault IN (SELECT vault FROM vaults WHERE tenant = ?1)"

const char *const catalog_queries[QUERY_COUNT] = {
    [QUERY_POSITION] = "SELECT size, root, origin FROM position",
    [QUERY_MOVE] = "UPDATE position SET sum = abri_sum(abri_sum(sum, 'position', size, origin, root),"
                   " 'position', ?1, origin, ?2), size = ?1, root = ?2",
    [QUERY_TENANT] = TENANT OR_ANY("tenants", "n", "id"),
    [QUERY_TENANT_NAMED] = TENANT " WHERE name = ?1 AND closed = 0",
    [QUERY_IDENTITY] = IDENTITY OR_ANY("identities", "n", "id"),
    [QUERY_ROLES] = "SELECT tenant, role FROM roles WHERE id = ?1 AND tenant IN (zeroblob(16), ?2)" LIVING,
    [QUERY_CERTIFICATE] = "SELECT id FROM certificates WHERE serial = ?1",
    [QUERY_WITNESS] = "SELECT text FROM witnesses WHERE id = ?1",
    [QUERY_SNAPSHOT] = "SELECT entry FROM snapshots WHERE id BETWEEN ?1 AND ?2 ORDER BY id, entry LIMIT 1 OFFSET ?3",
    [QUERY_NEWEST_SNAPSHOT] = "SELECT s.entry FROM snapshots s JOIN vaults v ON v.n = s.vault WHERE v.vault = ?1"
                              " ORDER BY s.sequence DESC LIMIT 1",
    [QUERY_TOKEN] = TOKEN OR_ANY("tokens", "n", "token"),
    [QUERY_VAULT] = VAULT OR_ANY("vaults", "v.n", "vault"),
    [QUERY_WRITER] = "SELECT writer FROM writers WHERE machine = ?1 AND vault = ?2 ORDER BY n DESC LIMIT 1",
    [QUERY_WRITER_MACHINE] = "SELECT machine FROM writers WHERE vault = ?1 AND writer = ?2",
    [QUERY_HAS_SNAPSHOT] = "SELECT s.entry FROM snapshots s JOIN vaults v ON v.n = s.vault"
                           " WHERE v.vault = ?1 AND s.sequence = ?2",
    [QUERY_VAULT_OF] = VAULT " JOIN writers w ON w.vault = v.vault WHERE w.machine = ?1"
                             " ORDER BY w.n DESC LIMIT 1",
    [QUERY_GRANT] = GRANT " WHERE id = ?1 AND vault = ?2 AND ended = 0 AND until > ?3" LIVING
                          " ORDER BY until DESC, n DESC LIMIT 1",
    [QUERY_POLICY] = "SELECT policy FROM policies WHERE id = ?1",
    [QUERY_REQUEST] = REQUEST OR_ANY("requests", "n", "request"),
    [QUERY_GRANT_ID] = GRANT OR_ANY("grants", "n", "grant_id"),
    [QUERY_APPROVALS] = "SELECT by, role, time FROM approvals WHERE request = ?1 ORDER BY n",
    [QUERY_EARLIER] = "SELECT received FROM snapshots WHERE machine = (SELECT n FROM identities WHERE id = ?1)"
                      " AND received <= ?2 ORDER BY received DESC LIMIT 1 OFFSET ?3",
    [QUERY_UPLOADED] = "SELECT coalesce(max(CASE WHEN day = ?2 THEN bytes END), 0), coalesce(sum(CASE WHEN day BETWEEN ?2 - 30 AND ?2 - 1"
                       " THEN min(bytes, 1125899906842624) END), 0), coalesce(min(day), 0) FROM uploads"
                       " WHERE machine = (SELECT n FROM identities WHERE id = ?1)",
    [QUERY_ALARM] = ALARM " WHERE entry = ?1",
    [QUERY_STANDING] = ALARM " WHERE name = ?1 AND tenant = ?2 AND vault = ?3 AND id = ?4 AND request = ?5"
                             " AND over = 0 ORDER BY n DESC LIMIT 1",
    [QUERY_HELD] = "SELECT CAST(total(stored) AS INTEGER), total(living), count(*) FROM vaults"
                   " WHERE tenant = ?1 AND gone = 0",
    [QUERY_QUOTA] = "SELECT bytes, count, enforced, by, text FROM quotas WHERE id = ?1",
    [QUERY_MONTHS] = "SELECT m.month, m.stored, m.peak, m.added, m.snapshots, (SELECT count(*) FROM protected p"
                     " WHERE p.tenant = m.tenant AND p.month = m.month) FROM months m"
                     " JOIN tenants t ON t.n = m.tenant WHERE t.id = ?1 AND m.month <= ?2 ORDER BY m.month DESC",
    [QUERY_NTH_TENANT] = TENANT " WHERE n = ?1",
    [QUERY_NTH_IDENTITY] = IDENTITY " WHERE n = ?1",
    [QUERY_NTH_TOKEN] = TOKEN " WHERE n = ?1",
    [QUERY_NTH_VAULT] = VAULT " WHERE n = ?1",
    [QUERY_NTH_GRANT] = GRANT " WHERE n = ?1",
    [QUERY_NTH_REQUEST] = REQUEST " WHERE n = ?1",
    [QUERY_NTH_ALARM] = ALARM " WHERE n = ?1",
    [QUERY_LIST_TENANT] = "SELECT n FROM tenants" ALL_OR("id = ?1") " ORDER BY n",
    [QUERY_LIST_IDENTITY] = "SELECT n FROM identities" ALL_OR("tenant = ?1") " ORDER BY n",
    [QUERY_LIST_TOKEN] = "SELECT n FROM tokens" ALL_OR("tenant = ?1") " ORDER BY n",
    [QUERY_LIST_VAULT] = "SELECT n FROM vaults" ALL_OR("tenant = ?1") " ORDER BY n",
    [QUERY_LIST_GRANT] = "SELECT n FROM grants" ALL_OR(OF_VAULT_OF_TENANT) " ORDER BY n",
    [QUERY_LIST_REQUEST] = "SELECT n FROM requests" ALL_OR("tenant = ?1 OR " OF_VAULT_OF_TENANT)
                           " ORDER BY executed + cancelled > 0, n",
    [QUERY_LIST_ALARM] = "SELECT n FROM alarms" ALL_OR("tenant = ?1") " ORDER BY closed > 0, n",
};
