/* SPDX-License-Identifier: Apache-2.0 */
/* Machines and people: listing them, revoking them for ever, giving and taking roles. */
#include "server/alarms.h"
#include "server/api.h"

#include "base/mem.h"

#include <string.h>

static json_t *roles_of(struct server *s, const struct catalog_identity *i)
{
    unsigned installation = 0, of_tenant = 0;
    json_t *list = json_array();
    if (catalog_roles(s->catalog, i->id, i->tenant, &installation, &of_tenant, NULL))
        return list;
    for (int r = ROLE_OWNER; r < ROLE_COUNT; r++)
        if ((installation | of_tenant) & R(r))
            (void)json_array_append_new(list, json_string(role_name((enum role)r)));
    return list;
}

/* What an inventory of access needs: what it is for, when it was last used, when it ends by itself. */
static json_t *describe(struct server *s, const struct catalog_identity *i)
{
    struct catalog_vault v;
    bool adds = i->type == IDENTITY_MACHINE && catalog_vault_of(s->catalog, i->id, &v, NULL) == 0;
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "vault",
                     adds ? json_id(v.vault, UID_BYTES) : json_null(), "roles", roles_of(s, i), "id",
                     json_id(i->id, EVENT_ID_BYTES), "type",
                     i->type == IDENTITY_MACHINE ? "machine" : "person", "name", i->name, "tenant",
                     json_id(i->tenant, EVENT_ID_BYTES), "restore", i->restore, "created",
                     json_time(i->created_ns), "revoked", json_time(i->revoked_ns),
                     "certificate_until", json_time(i->certificate_until_ns), "seen",
                     json_time(i->seen_ns), "last_snapshot", json_time(i->snapshot_ns));
}

static int add(void *arg, const struct catalog_identity *i, struct err *e)
{
    struct listing *l = arg;
    if (!listing_shows(l, i->tenant))
        return 0;
    return json_array_append_new(l->array, describe(l->q->server, i)) ? err_no_memory(e, "a list") : 0;
}

void api_identities(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (listing_begin(&l) == 0)
        listing_end(&l, "identities",
                    catalog_list_identity(q->server->catalog, NULL, add, &l, &why), &why);
}

/* One that the caller looks after, or himself. */
static int find(struct request *q, struct catalog_identity *out)
{
    struct listing l = {.q = q};
    if (listing_begin(&l))
        return -1;
    json_decref(l.array);
    bool self = memcmp(q->ids[0], q->caller.identity.id, EVENT_ID_BYTES) == 0;
    if (catalog_identity(q->server->catalog, q->ids[0], out, NULL) ||
        !(self || listing_shows(&l, out->tenant))) {
        reply_not_found(q);
        return -1;
    }
    return 0;
}

void api_identity(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_identity i;
    (void)in, (void)body, (void)len;
    if (find(q, &i) == 0)
        reply_json(q, 200, describe(q->server, &i));
}

/* ---- revoking -------------------------------------------------------------------------------- */

static bool is_of(void *arg, const struct http_peer *p)
{
    struct pki_identity c;
    char hex[2 * EVENT_ID_BYTES + 1];
    hex_encode(arg, EVENT_ID_BYTES, hex);
    return p->certificate && pki_read(p->certificate, p->certificate_len, &c, NULL) == 0 &&
           strstr(c.uri, hex) != NULL;
}

static bool may_revoke(struct request *q, const struct catalog_identity *i)
{
    static const uint8_t none[EVENT_ID_BYTES];
    bool of_installation = bytes_are_zero(i->tenant, EVENT_ID_BYTES);
    return of_installation
               ? caller_may(q->server, &q->caller, R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER), none)
               : caller_may(q->server, &q->caller,
                            R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) |
                                R(ROLE_TENANT_ADMIN),
                            i->tenant);
}

/* Whose it was hears of it, and by whom: a thief of an operator's certificate would otherwise switch backups off unseen. */
static void tell_revoked(struct request *q, const struct catalog_identity *i, const char *reason)
{
    const struct alarm_cause c = {.name = ALARM_REVOKED, .tenant = i->tenant, .id = i->id};
    bool machine = i->type == IDENTITY_MACHINE;
    alarm_raise(q->server, &c, ALARM_EACH, "%s %s was revoked by %s%s: %s", machine ? "machine" : "person", i->name,
                q->caller.identity.name, machine ? ", and is not backed up any more" : "", reason);
}

void api_identity_revoke(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_identity i;
    struct event ev = {.kind = EVENT_IDENTITY_REVOKE, .text = take_name(in, "reason")};
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (find(q, &i))
        return;
    if (!may_revoke(q, &i)) {
        reply_refuse(q, "forbidden", "this identity may not revoke that one");
        return;
    }
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.id, i.id, EVENT_ID_BYTES);
    if (!ev.text || !*ev.text)
        (void)err_set(&why, ERR_USAGE, "why? A reason is needed");
    if (why.cls || server_decide(q->server, &ev, &why)) {
        reply_fail(q, &why);
        return;
    }
    tell_revoked(q, &i, ev.text);
    reply_json(q, 200, json_object());
    http_server_drop(q->server->http, is_of, i.id);
}

/* ---- roles -------------------------------------------------------------------------------------- */

void rights_given(struct server *s, const struct catalog_identity *whom, enum role role, const uint8_t by[EVENT_ID_BYTES])
{
    const struct alarm_cause c = {.name = ALARM_RIGHTS, .tenant = whom->tenant, .id = whom->id};
    struct catalog_identity giver;
    if (catalog_identity(s->catalog, by, &giver, NULL) == 0) /* nobody gives the first owner his */
        alarm_raise(s, &c, ALARM_EACH, "%s was given the role %s by %s", whom->name, role_name(role), giver.name);
}

static int change_role(struct request *q, const json_t *in, enum event_kind kind, struct err *e)
{
    struct catalog_identity i;
    struct event ev = {.kind = kind};
    const char *role = json_string_value(json_object_get(in, "role"));
    if (catalog_identity(q->server->catalog, q->ids[0], &i, e))
        return -1;
    ev.role = role ? role_of_name(role) : ROLE_UNSET;
    if (i.type != IDENTITY_PERSON || ev.role == ROLE_UNSET || ev.role == ROLE_WRITER)
        return err_set(e, ERR_USAGE, "a person can have a role: owner, security-officer, operator, auditor, "
                                     "tenant-admin or tenant-restorer");
    bool of_tenant = ev.role == ROLE_TENANT_ADMIN || ev.role == ROLE_TENANT_RESTORER;
    if (of_tenant == bytes_are_zero(i.tenant, EVENT_ID_BYTES))
        return err_set(e, ERR_USAGE, "that role does not go with this person's tenant");
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.id, i.id, EVENT_ID_BYTES);
    memcpy(ev.tenant, i.tenant, EVENT_ID_BYTES);
    if (server_decide(q->server, &ev, e))
        return -1;
    if (kind == EVENT_ROLE_GIVE)
        rights_given(q->server, &i, ev.role, q->caller.identity.id);
    return 0;
}

static void role_call(struct request *q, const json_t *in, enum event_kind kind)
{
    struct err why = ERR_INIT;
    if (change_role(q, in, kind, &why) == 0)
        reply_json(q, 200, json_object());
    else if (why.cls == ERR_NOT_FOUND)
        reply_not_found(q);
    else
        reply_fail(q, &why);
}

void api_role_give(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)body, (void)len;
    role_call(q, in, EVENT_ROLE_GIVE);
}

void api_role_take(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)body, (void)len;
    role_call(q, in, EVENT_ROLE_TAKE);
}
