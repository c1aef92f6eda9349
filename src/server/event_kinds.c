/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of events and their fields: the one table that encoder, decoder, catalogue and
 * docs/protocol/log.md agree with. A kind's name and a field's name are for ever: logs hold them. */
#include "server/event_internal.h"

#include <string.h>

#define FIELD(field, text, type, member) [field] = {text, type, offsetof(struct event, member)}
const struct event_field event_fields[FIELD_LIMIT] = {
    FIELD(F_BY, "by", FIELD_ID, by),
    FIELD(F_BYTES, "bytes", FIELD_COUNT, bytes),
    FIELD(F_COUNT, "count", FIELD_COUNT, count),
    FIELD(F_FILES, "files", FIELD_COUNT, files),
    FIELD(F_GRANT, "grant", FIELD_ID, grant),
    FIELD(F_ID, "id", FIELD_ID, id),
    FIELD(F_KIND, "kind", FIELD_KIND, kind),
    FIELD(F_NAME, "name", FIELD_NAME, name),
    FIELD(F_PIN, "pin", FIELD_HASH, pin),
    FIELD(F_POLICY, "policy", FIELD_POLICY, policy),
    FIELD(F_RECEIVED, "received", FIELD_TIME, received_ns),
    FIELD(F_REQUEST, "request", FIELD_ID, request),
    FIELD(F_RESTORE, "restore", FIELD_FLAG, restore),
    FIELD(F_ROLE, "role", FIELD_ROLE, role),
    FIELD(F_SEQUENCE, "sequence", FIELD_COUNT, sequence),
    FIELD(F_SERIAL, "serial", FIELD_ID, serial),
    FIELD(F_SESSION, "session", FIELD_ID, session),
    FIELD(F_SHARED, "shared", FIELD_FLAG, shared),
    FIELD(F_SNAPSHOT, "snapshot", FIELD_HASH, snapshot),
    FIELD(F_STORED, "stored", FIELD_COUNT, stored),
    FIELD(F_TENANT, "tenant", FIELD_ID, tenant),
    FIELD(F_TEXT, "text", FIELD_TEXT, text),
    FIELD(F_TIME, "time", FIELD_TIME, time_ns),
    FIELD(F_TOKEN, "token", FIELD_ID, token),
    FIELD(F_TYPE, "type", FIELD_TYPE, type),
    FIELD(F_UNTIL, "until", FIELD_TIME, until_ns),
    [F_V] = {"v", FIELD_VERSION, 0},
    FIELD(F_VAULT, "vault", FIELD_ID, vault),
    FIELD(F_WRITER, "writer", FIELD_ID, writer),
};

#define B(field) (1U << F_##field)
const struct event_kind_row event_kinds[EVENT_KIND_COUNT] = {
    [EVENT_SERVER_INIT] = {"server.init", B(TEXT), 0, 0},
    [EVENT_TENANT_CREATE] = {"tenant.create", B(TENANT) | B(NAME), 0, 0},
    [EVENT_TENANT_CHANGE] = {"tenant.change", B(TENANT) | B(NAME), 0, 0},
    [EVENT_TENANT_CLOSE] = {"tenant.close", B(TENANT), B(TEXT), 0},
    [EVENT_TOKEN_CREATE] = {"token.create", B(TOKEN) | B(TYPE) | B(UNTIL),
                            B(ID) | B(NAME) | B(TENANT) | B(ROLE) | B(RESTORE) | B(SHARED) | B(VAULT),
                            0},
    [EVENT_TOKEN_USE] = {"token.use", B(TOKEN) | B(ID), B(PIN), 0},
    [EVENT_TOKEN_CANCEL] = {"token.cancel", B(TOKEN), B(TEXT), 0},
    [EVENT_IDENTITY_CREATE] = {"identity.create", B(ID) | B(TYPE) | B(NAME), B(TENANT) | B(RESTORE), 0},
    [EVENT_IDENTITY_REVOKE] = {"identity.revoke", B(ID), B(TEXT), 0},
    [EVENT_CERTIFICATE_ISSUE] = {"certificate.issue", B(ID) | B(SERIAL) | B(PIN) | B(UNTIL), 0, 0},
    [EVENT_IDENTITY_WITNESS] = {"identity.witness", B(ID) | B(TEXT), 0, 0},
    [EVENT_ROLE_GIVE] = {"role.give", B(ID) | B(ROLE), B(TENANT), 0},
    [EVENT_ROLE_TAKE] = {"role.take", B(ID) | B(ROLE), B(TENANT), 0},
    [EVENT_VAULT_CREATE] = {"vault.create", B(VAULT) | B(TENANT) | B(ID), B(SHARED), 0},
    [EVENT_VAULT_WRITER] = {"vault.writer", B(VAULT) | B(WRITER) | B(ID), 0, 0},
    [EVENT_GRANT_CREATE] = {"grant.create", B(GRANT) | B(VAULT) | B(ID) | B(UNTIL), B(TEXT), 0},
    [EVENT_GRANT_END] = {"grant.end", B(GRANT), B(TEXT), 0},
    [EVENT_SESSION_BEGIN] = {"session.begin", B(VAULT) | B(SESSION) | B(WRITER), B(ID), 0},
    [EVENT_SNAPSHOT] = {"snapshot",
                        B(VAULT) | B(SNAPSHOT) | B(WRITER) | B(SESSION) | B(SEQUENCE) | B(RECEIVED),
                        B(ID) | B(BYTES) | B(FILES) | B(STORED) | B(TEXT), 0},
    [EVENT_READ] = {"read", B(VAULT) | B(ID), B(GRANT) | B(BYTES) | B(COUNT), 0},
    [EVENT_REFUSAL] = {"refusal", B(TEXT), B(ID) | B(COUNT), 0},
    [EVENT_POLICY_SET] = {"policy.set", B(POLICY), 0, B(TENANT) | B(VAULT)},
    [EVENT_REQUEST_CREATE] = {"request.create", B(REQUEST) | B(NAME), B(TENANT) | B(VAULT) | B(TEXT), 0},
    [EVENT_REQUEST_APPROVE] = {"request.approve", B(REQUEST) | B(ROLE), 0, 0},
    [EVENT_REQUEST_SIGN] = {"request.sign", B(REQUEST) | B(TEXT), 0, 0},
    [EVENT_REQUEST_CANCEL] = {"request.cancel", B(REQUEST), B(TEXT), 0},
    [EVENT_REQUEST_EXECUTE] = {"request.execute", B(REQUEST), B(TEXT), 0},
    [EVENT_FORGET] = {"forget", B(VAULT) | B(SNAPSHOT) | B(SEQUENCE), B(UNTIL) | B(TEXT), 0},
    [EVENT_UNDELETE] = {"undelete", B(VAULT) | B(SNAPSHOT) | B(SEQUENCE), 0, 0},
    [EVENT_FREE] = {"free", B(VAULT) | B(SNAPSHOT) | B(SEQUENCE), 0, 0},
    [EVENT_PROTECT] = {"protect", B(VAULT) | B(SNAPSHOT) | B(SEQUENCE) | B(NAME), B(UNTIL) | B(TEXT), 0},
    [EVENT_CLOCK] = {"clock", B(NAME), B(TEXT), 0},
    [EVENT_SCRUB] = {"scrub", B(VAULT), B(COUNT) | B(BYTES) | B(TEXT), 0},
    [EVENT_ALARM] = {"alarm", B(NAME), B(TENANT) | B(VAULT) | B(ID) | B(REQUEST) | B(TEXT), 0},
    [EVENT_ALARM_CLOSE] = {"alarm.close", B(NAME), B(TENANT) | B(VAULT) | B(ID) | B(REQUEST) | B(TEXT), 0},
    [EVENT_USAGE] = {"usage", B(TENANT) | B(VAULT), B(STORED) | B(COUNT), 0},
    [EVENT_QUOTA_SET] = {"quota.set", 0, B(BYTES) | B(COUNT) | B(TEXT), B(TENANT) | B(VAULT)},
    [EVENT_QUOTA_ENFORCE] = {"quota.enforce", B(TENANT) | B(TEXT), 0, 0},
    [EVENT_QUOTA_RELAX] = {"quota.relax", B(TENANT), B(TEXT), 0},
    [EVENT_UPLOAD] = {"upload", B(VAULT) | B(ID), B(BYTES) | B(COUNT), 0},
    [EVENT_VAULT_END] = {"vault.end", B(VAULT) | B(REQUEST), B(TEXT), 0},
    [EVENT_VAULT_KEEP] = {"vault.keep", B(VAULT), B(TEXT), 0},
    [EVENT_VAULT_GONE] = {"vault.gone", B(VAULT) | B(REQUEST), B(BYTES) | B(COUNT) | B(STORED), 0},
    [EVENT_KEY_ADD] = {"key.add", B(VAULT) | B(ID) | B(TEXT), 0, 0},
};

const char *event_kind_name(enum event_kind k)
{
    return (unsigned)k < EVENT_KIND_COUNT ? event_kinds[k].name : NULL;
}

enum event_kind event_kind_of_name(const char *name)
{
    for (unsigned k = EVENT_UNSET + 1; k < EVENT_KIND_COUNT; k++)
        if (strcmp(name, event_kinds[k].name) == 0)
            return (enum event_kind)k;
    return EVENT_UNSET;
}

/* ---- words that stand for numbers ------------------------------------------------------- */

static const char *const roles[ROLE_COUNT] = {
    [ROLE_OWNER] = "owner",
    [ROLE_SECURITY_OFFICER] = "security-officer",
    [ROLE_OPERATOR] = "operator",
    [ROLE_AUDITOR] = "auditor",
    [ROLE_TENANT_ADMIN] = "tenant-admin",
    [ROLE_TENANT_RESTORER] = "tenant-restorer",
    [ROLE_WRITER] = "writer",
};

const char *role_name(enum role r)
{
    return (unsigned)r < ROLE_COUNT ? roles[r] : NULL;
}

enum role role_of_name(const char *name)
{
    for (unsigned r = ROLE_UNSET + 1; r < ROLE_COUNT; r++)
        if (strcmp(name, roles[r]) == 0)
            return (enum role)r;
    return ROLE_UNSET;
}

const char *identity_type_name(enum identity_type t)
{
    return t == IDENTITY_MACHINE ? "machine" : t == IDENTITY_PERSON ? "person" : NULL;
}

enum identity_type identity_type_of_name(const char *name)
{
    if (strcmp(name, "machine") == 0)
        return IDENTITY_MACHINE;
    return strcmp(name, "person") == 0 ? IDENTITY_PERSON : IDENTITY_UNSET;
}
