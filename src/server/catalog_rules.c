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
                            " name, created, until, used, cancelled, used_by)"
                            " SELECT :token, :tenant, :id, :vault, :by, :type, :role, :restore, :shared,"
                            " :name, :time, :until, 0, 0, " NONE " WHERE " ACTS " AND " OF_A_TENANT
                            " AND " NONE_OR_OPEN(":tenant") " AND " NO("tokens", "q.token = :token")
                            " AND (:id = " NONE " OR " A("identities", "q.id = :id AND q.revoked = 0"
                            " AND q.tenant = :tenant AND q.type = :type") ")"
                            " AND (:vault = " NONE " OR "
                            A("vaults", "q.vault = :vault AND q.tenant = :tenant") ")"},
    [EVENT_TOKEN_USE] = {"UPDATE tokens SET used = :time, used_by = :id WHERE token = :token"
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

    [EVENT_VAULT_CREATE] = {"INSERT INTO vaults (vault, tenant, id, shared, created, snapshot, snapshots, bytes)"
                            " SELECT :vault, :tenant, :id, :shared, :time, 0, 0, 0 WHERE " ACTS
                            " AND " OPEN(":tenant") " AND " MACHINE(":id", ":tenant")
                            " AND " NO("vaults", "q.vault = :vault") " AND " NO("tenants", "q.id = :vault")},
    [EVENT_VAULT_WRITER] = {"INSERT INTO writers (vault, writer, machine) SELECT :vault, :writer, :id"
                            " FROM vaults v WHERE v.vault = :vault AND (v.shared = 1 OR v.id = :id)"
                            " AND " ACTS " AND " OPEN("v.tenant") " AND " MACHINE(":id", "v.tenant")
                            " AND " NO("writers", "q.vault = :vault AND q.writer = :writer")},

    [EVENT_GRANT_CREATE] = {"INSERT INTO grants (grant_id, vault, id, by, created, until, ended, text)"
                            " SELECT :grant, :vault, :id, :by, :time, :until, 0, :text WHERE " ACTS
                            " AND " A("vaults", "q.vault = :vault") " AND " LIVING(":id")
                            " AND " NO("grants", "q.grant_id = :grant")},
    [EVENT_GRANT_END] = {"UPDATE grants SET ended = :time WHERE grant_id = :grant AND ended = 0 AND " ACTS},

    [EVENT_SESSION_BEGIN] = {"SELECT 1 FROM writers WHERE vault = :vault AND writer = :writer"},
    [EVENT_SNAPSHOT] = {"INSERT INTO snapshots (vault, sequence, entry, id)"
                        " SELECT v.n, :sequence, :entry, substr(:snapshot, 1, 16) FROM vaults v"
                        " WHERE v.vault = :vault"
                        " AND " A("writers", "q.vault = :vault AND q.writer = :writer")
                        " AND " NO("snapshots", "q.vault = v.n AND q.sequence = :sequence"),
                        /* the sum of what writers say must not overflow, whatever they say */
                        "UPDATE vaults SET snapshots = snapshots + 1,"
                        " bytes = bytes + min(:bytes, 9223372036854775807 - bytes),"
                        " snapshot = max(snapshot, :received) WHERE vault = :vault",
                        "UPDATE identities SET snapshot = max(snapshot, :received), seen = :time WHERE id ="
                        " (SELECT machine FROM writers WHERE vault = :vault AND writer = :writer)"},
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
};

_Static_assert(CATALOG_APPROVALS_MAX == 8 && IDENTITY_MACHINE == 1 && IDENTITY_PERSON == 2,
               "numbers that the statements name");

/* Machines' own reports say who it was in `id`, where `by` is the server. */
const char catalog_seen_rule[] =
    "UPDATE identities SET seen = :time WHERE id = CASE WHEN :by <> " NONE " THEN :by ELSE :id END";
