/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each event does to the catalogue: statements with the fields of the event as parameters. The first
 * of a kind says in its conditions what the event needs, and is taken if it changes or finds
 * a row; the others follow then. A kind without statements is always taken.
 *
 * R1 Whoever acts is the server, or an identity that is there and not revoked. What machines report (sessions,
 *    snapshots, reads) happened, whoever they were.
 * R2 Nothing comes back: a tenant that was closed, an identity that was revoked, a token that was used or
 *    cancelled, a request that ended stay so.
 * R3 Machines belong to a tenant that is open when something new begins with them; what is a tenant's stays with it.
 * R4 An id names one thing: nobody can make a vault with the id of a tenant, and so reach the tenant's policy.
 * R5 A vault ends by a request of its own that is under way, and never comes back once it is gone; who keeps it
 *    calls off all such requests, agreed to or not.
 */
#include "server/catalog_internal.h"

#define NONE           "zeroblob(16)"
#define LIVING(i)      "EXISTS (SELECT 1 FROM identities q WHERE q.id = " i " AND q.revoked = 0)"
#define MACHINE(i, t)                                                                              \
    "EXISTS (SELECT 1 FROM identities q WHERE q.id = " i " AND q.revoked = 0 AND q.type = 1"       \
    " AND q.tenant = " t ")"
#define OPEN(t)        "EXISTS (SELECT 1 FROM tenants q WHERE q.id = " t " AND q.closed = 0)"
#define NONE_OR_OPEN(t) "(" t " = " NONE " OR " OPEN(t) ")"
#define NO(table, condition) "NOT EXISTS (SELECT 1 FROM " table " q WHERE " condition ")"
#define A(table, condition) "EXISTS (SELECT 1 FROM " table " q WHERE " condition ")"
#define ACTS           "(:by = " NONE " OR " LIVING(":by") ")"           /* R1 */
#define ENROLS         "(:by = :id OR " ACTS ")"                         /* or comes to be right now */
#define OF_A_TENANT    "(:type = 2 OR :tenant <> " NONE ")"              /* R3 */
#define UNDER_WAY      "request = :request AND executed = 0 AND cancelled = 0"

/* What a tenant's vaults hold is summed up as they change, for the month of the entry. */
#define MONTH                                                                                      \
    "CAST(strftime('%Y', :time / 1000000000, 'unixepoch') AS INTEGER) * 12"                        \
    " + CAST(strftime('%m', :time / 1000000000, 'unixepoch') AS INTEGER) - 1"
#define STORED_MAX "1125899906842624"
#define SUM_UP(added, snapshots)                                                                   \
    "INSERT INTO months (tenant, month, stored, peak, added, snapshots)"                           \
    " SELECT t.n, " MONTH ", s.held, s.held, " added ", " snapshots " FROM vaults v"               \
    " JOIN tenants t ON t.id = v.tenant JOIN (SELECT CAST(total(q.stored) AS INTEGER) AS held FROM vaults q"  \
    " WHERE q.tenant = (SELECT tenant FROM vaults WHERE vault = :vault)) s WHERE v.vault = :vault"  \
    " ON CONFLICT (tenant, month) DO UPDATE SET stored = excluded.stored, peak = max(peak, excluded.peak)," \
    " added = added + min(excluded.added, 9223372036854775807 - added),"                           \
    " snapshots = snapshots + excluded.snapshots"
#define SAME_CAUSE                                                                                 \
    "name = :name AND tenant = :tenant AND vault = :vault AND id = :id AND request = :request"
#define QUOTA_OF "CASE WHEN :vault = " NONE " THEN :tenant ELSE :vault END"

const char *const catalog_rules[EVENT_KIND_COUNT][CATALOG_STEPS] = {
    [EVENT_TENANT_CREATE] = {"INSERT INTO tenants (id, name, created, closed)"
                             " SELECT :tenant, :name, :time, 0 WHERE " ACTS
                             " AND " NO("tenants", "q.id = :tenant OR (q.name = :name AND q.closed = 0)")
                             " AND " NO("vaults", "q.vault = :tenant")},
    [EVENT_TENANT_CHANGE] = {"UPDATE tenants SET name = :name WHERE id = :tenant AND closed = 0 AND " ACTS
                             " AND " NO("tenants", "q.name = :name AND q.closed = 0 AND q.id <> :tenant")},
    [EVENT_TENANT_CLOSE] = {"UPDATE tenants SET closed = :time"
                            " WHERE id = :tenant AND closed = 0 AND " ACTS},

    [EVENT_TOKEN_CREATE] = {"INSERT INTO tokens (token, tenant, id, vault, by, type, role, restore, shared,"
                            " name, created, until, used, cancelled, used_by, used_pin)"
                            " SELECT :token, :tenant, :id, :vault, :by, :type, :role, :restore, :shared,"
                            " :name, :time, :until, 0, 0, " NONE ", zeroblob(32) WHERE " ACTS " AND " OF_A_TENANT
                            " AND " NONE_OR_OPEN(":tenant") " AND " NO("tokens", "q.token = :token")
                            " AND (:id = " NONE " OR " A("identities", "q.id = :id AND q.revoked = 0"
                            " AND q.tenant = :tenant AND q.type = :type") ")"
                            " AND (:vault = " NONE " OR "
                            A("vaults", "q.vault = :vault AND q.tenant = :tenant AND q.ending = 0") ")"},
    [EVENT_TOKEN_USE] = {"UPDATE tokens SET used = :time, used_by = :id, used_pin = :pin WHERE token = :token"
                         " AND used = 0 AND cancelled = 0 AND until > :time AND id IN (" NONE ", :id)"
                         " AND " ENROLS " AND " NONE_OR_OPEN("tokens.tenant")
                         " AND " NO("identities", "q.id = :id AND q.revoked <> 0")},
    [EVENT_TOKEN_CANCEL] = {"UPDATE tokens SET cancelled = :time"
                            " WHERE token = :token AND used = 0 AND cancelled = 0 AND " ACTS},

    [EVENT_IDENTITY_CREATE] = {"INSERT INTO identities (id, tenant, type, name, restore, created, revoked,"
                               " certificate, seen, snapshot)"
                               " SELECT :id, :tenant, :type, :name, :restore, :time, 0, 0, 0, 0"
                               " WHERE " ENROLS " AND " OF_A_TENANT " AND " NONE_OR_OPEN(":tenant")
                               " AND " NO("identities", "q.id = :id")},
    [EVENT_IDENTITY_REVOKE] = {"UPDATE identities SET revoked = :time"
                               " WHERE id = :id AND revoked = 0 AND " ACTS},
    [EVENT_CERTIFICATE_ISSUE] = {"INSERT INTO certificates (serial, id) SELECT :serial, i.id"
                                 " FROM identities i WHERE i.id = :id AND i.revoked = 0 AND " ACTS
                                 " AND " NONE_OR_OPEN("i.tenant")
                                 " AND " NO("certificates", "q.serial = :serial"),
                                 "UPDATE identities SET certificate = :until WHERE id = :id"},
    [EVENT_IDENTITY_WITNESS] = {"INSERT INTO witnesses (id, text) SELECT i.id, :text FROM identities i"
                                " WHERE i.id = :id AND i.revoked = 0 AND :by = :id"
                                " ON CONFLICT (id) DO UPDATE SET text = excluded.text"},
    [EVENT_ROLE_GIVE] = {"INSERT INTO roles (id, tenant, role) SELECT :id, :tenant, :role WHERE " ACTS
                         " AND " LIVING(":id") " AND " NONE_OR_OPEN(":tenant")
                         " AND " NO("roles", "q.id = :id AND q.tenant = :tenant AND q.role = :role")},
    [EVENT_ROLE_TAKE] = {"DELETE FROM roles WHERE id = :id AND tenant = :tenant AND role = :role AND " ACTS},

    [EVENT_VAULT_CREATE] = {"INSERT INTO vaults (vault, tenant, id, shared, created, snapshot, snapshots,"
                            " bytes, stored, living, ending, gone, request) SELECT :vault, :tenant, :id, :shared, :time, 0, 0, 0, 0, 0,"
                            " 0, 0, " NONE " WHERE " ACTS
                            " AND " OPEN(":tenant") " AND " MACHINE(":id", ":tenant")
                            " AND " NO("vaults", "q.vault = :vault") " AND " NO("tenants", "q.id = :vault")},
    [EVENT_VAULT_WRITER] = {"INSERT INTO writers (vault, writer, machine) SELECT :vault, :writer, :id"
                            " FROM vaults v WHERE v.vault = :vault AND v.ending = 0 AND (v.shared = 1 OR v.id = :id)"
                            " AND " ACTS " AND " OPEN("v.tenant") " AND " MACHINE(":id", "v.tenant")
                            " AND " NO("writers", "q.vault = :vault AND q.writer = :writer")},

    [EVENT_GRANT_CREATE] = {"INSERT INTO grants (grant_id, vault, id, by, created, until, ended, text)"
                            " SELECT :grant, :vault, :id, :by, :time, :until, 0, :text WHERE " ACTS
                            " AND " A("vaults", "q.vault = :vault AND q.gone = 0") " AND " LIVING(":id")
                            " AND " NO("grants", "q.grant_id = :grant")},
    [EVENT_GRANT_END] = {"UPDATE grants SET ended = :time WHERE grant_id = :grant AND ended = 0 AND " ACTS},

    [EVENT_SESSION_BEGIN] = {"SELECT 1 FROM writers WHERE vault = :vault AND writer = :writer"},
    [EVENT_SNAPSHOT] = {"INSERT INTO snapshots (vault, sequence, entry, id, machine, received)"
                        " SELECT v.n, :sequence, :entry, substr(:snapshot, 1, 16), i.n, :received FROM vaults v"
                        " JOIN writers w ON w.vault = v.vault AND w.writer = :writer"
                        " JOIN identities i ON i.id = w.machine WHERE v.vault = :vault"
                        " AND " NO("snapshots", "q.vault = v.n AND q.sequence = :sequence"),
                        /* the sum of what writers say must not overflow, whatever they say */
                        "UPDATE vaults SET snapshots = snapshots + 1,"
                        " bytes = bytes + min(:bytes, 9223372036854775807 - bytes),"
                        " living = living + 1, stored = CASE :stored WHEN 0 THEN stored"
                        " ELSE min(:stored, " STORED_MAX ") END,"
                        " snapshot = max(snapshot, :received) WHERE vault = :vault",
                        "UPDATE identities SET snapshot = max(snapshot, :received), seen = :time WHERE id ="
                        " (SELECT machine FROM writers WHERE vault = :vault AND writer = :writer)",
                        SUM_UP(":bytes", "1"),
                        "INSERT OR IGNORE INTO protected (tenant, month, machine) SELECT t.n, " MONTH ", i.n"
                        " FROM writers w JOIN identities i ON i.id = w.machine JOIN vaults v ON v.vault = w.vault"
                        " JOIN tenants t ON t.id = v.tenant WHERE w.vault = :vault AND w.writer = :writer"},
    [EVENT_READ] = {"SELECT 1 FROM vaults WHERE vault = :vault"},

    [EVENT_POLICY_SET] = {"INSERT INTO policies (id, policy)"
                          " SELECT CASE WHEN :vault = " NONE " THEN :tenant ELSE :vault END, :policy"
                          " WHERE " ACTS " AND (" A("tenants", "q.id = :tenant") " OR "
                          A("vaults", "q.vault = :vault") ")"
                          " ON CONFLICT (id) DO UPDATE SET policy = excluded.policy"},

    [EVENT_REQUEST_CREATE] = {"INSERT INTO requests (request, by, tenant, vault, kind, text, created,"
                              " cancelled, executed, signed)"
                              " SELECT :request, :by, :tenant, :vault, :name, :text, :time, 0, 0, 0 WHERE " ACTS
                              " AND " NO("requests", "q.request = :request")
                              " AND (:tenant = " NONE " OR " A("tenants", "q.id = :tenant") ")"
                              " AND (:vault = " NONE " OR " A("vaults", "q.vault = :vault") ")"},
    [EVENT_REQUEST_APPROVE] = {"INSERT INTO approvals (request, by, role, time) SELECT :request, :by, :role, :time"
                               " FROM requests WHERE " UNDER_WAY " AND " LIVING(":by")
                               " AND " NO("approvals", "q.request = :request AND q.by = :by")
                               " AND (SELECT count(*) FROM approvals q WHERE q.request = :request) < 8"},
    [EVENT_REQUEST_SIGN] = {"UPDATE requests SET signed = :time WHERE " UNDER_WAY " AND signed = 0 AND " ACTS},
    [EVENT_REQUEST_CANCEL] = {"UPDATE requests SET cancelled = :time WHERE " UNDER_WAY " AND " ACTS},
    [EVENT_REQUEST_EXECUTE] = {"UPDATE requests SET executed = :time WHERE " UNDER_WAY " AND " ACTS},

    [EVENT_ALARM] = {"INSERT INTO alarms (entry, name, tenant, vault, id, request, text, since, last, count,"
                     " closed, closed_by, reason, over) VALUES (:entry, :name, :tenant, :vault, :id, :request,"
                     " :text, :time, :time, 1, 0, " NONE ", '', 0)"
                     " ON CONFLICT (name, tenant, vault, id, request) WHERE closed = 0 DO UPDATE SET"
                     " count = count + 1, last = excluded.last, text = excluded.text"},
    /* By somebody what is open; by the server all whose cause was there. */
    [EVENT_ALARM_CLOSE] = {"UPDATE alarms SET over = CASE WHEN :by = " NONE " THEN :time ELSE 0 END,"
                           " closed_by = CASE closed WHEN 0 THEN :by ELSE closed_by END,"
                           " reason = CASE closed WHEN 0 THEN :text ELSE reason END,"
                           " closed = CASE closed WHEN 0 THEN :time ELSE closed END"
                           " WHERE " SAME_CAUSE " AND over = 0 AND (:by = " NONE " OR closed = 0) AND " ACTS},

    [EVENT_USAGE] = {"UPDATE vaults SET stored = min(:stored, " STORED_MAX "), living = :count"
                     " WHERE vault = :vault AND tenant = :tenant AND gone = 0",
                     SUM_UP("0", "0")},
    [EVENT_QUOTA_SET] = {"INSERT INTO quotas (id, bytes, count, enforced, by, text)"
                         " SELECT " QUOTA_OF ", :bytes, :count, 0, " NONE ", '' WHERE " ACTS " AND ("
                         A("tenants", "q.id = :tenant") " OR " A("vaults", "q.vault = :vault") ")"
                         " ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, count = excluded.count"},
    /* A named person decides it: never the server. */
    [EVENT_QUOTA_ENFORCE] = {"INSERT INTO quotas (id, bytes, count, enforced, by, text)"
                             " SELECT :tenant, 0, 0, :time, :by, :text WHERE " LIVING(":by")
                             " AND " OPEN(":tenant") " AND " NO("quotas", "q.id = :tenant AND q.enforced <> 0")
                             " ON CONFLICT (id) DO UPDATE SET enforced = excluded.enforced, by = excluded.by,"
                             " text = excluded.text"},
    [EVENT_QUOTA_RELAX] = {"UPDATE quotas SET enforced = 0, by = " NONE ", text = ''"
                           " WHERE id = :tenant AND enforced <> 0 AND " ACTS},
    [EVENT_UPLOAD] = {"INSERT INTO uploads (machine, day, bytes) SELECT i.n, :time / 86400000000000, :bytes FROM identities i"
                      " WHERE i.id = :id AND " A("vaults", "q.vault = :vault")
                      " ON CONFLICT (machine, day) DO UPDATE SET bytes = bytes + min(excluded.bytes, 9223372036854775807 - bytes)"},

    /* R5 */
    [EVENT_VAULT_END] = {"UPDATE vaults SET ending = :time, request = :request WHERE vault = :vault AND ending = 0"
                         " AND " ACTS " AND " A("requests", "q.request = :request AND q.vault = :vault"
                         " AND q.kind = 'delete' AND q.executed = 0 AND q.cancelled = 0")},
    [EVENT_VAULT_KEEP] = {"UPDATE vaults SET ending = 0, request = " NONE
                          " WHERE vault = :vault AND ending <> 0 AND gone = 0 AND " ACTS,
                          "UPDATE requests SET cancelled = :time WHERE vault = :vault AND kind = 'delete'"
                          " AND executed = 0 AND cancelled = 0"},
    [EVENT_VAULT_GONE] = {"UPDATE vaults SET gone = :time, stored = 0, living = 0 WHERE vault = :vault"
                          " AND ending <> 0 AND gone = 0 AND request = :request AND " ACTS,
                          SUM_UP("0", "0")},
};

_Static_assert(CATALOG_APPROVALS_MAX == 8 && IDENTITY_MACHINE == 1 && IDENTITY_PERSON == 2,
               "numbers that the statements name");
_Static_assert(CATALOG_STORED_MAX == UINT64_C(1125899906842624), "STORED_MAX");

/* Machines' own reports say who it was in `id`, where `by` is the server. */
const char catalog_seen_rule[] =
    "UPDATE identities SET seen = :time WHERE id = CASE WHEN :by <> " NONE " THEN :by ELSE :id END";
