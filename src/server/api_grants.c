/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants: the right to read a vault, for one identity and a time. The content stays sealed; who reads still needs the
 * recovery key.
 *
 * A10 A grant is for the same tenant's machine or person, or for one of the installation; it ends by itself.
 */
#include "server/api.h"
#include "server/ending.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

#define HOURS_MAX (24 * 30)
#define GRANTERS                                                                                   \
    (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN) |          \
     R(ROLE_TENANT_RESTORER))

static json_t *describe(const struct catalog_grant *g)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "grant", json_id(g->grant, EVENT_ID_BYTES),
                     "vault", json_id(g->vault, UID_BYTES), "to", json_id(g->id, EVENT_ID_BYTES),
                     "created", json_time(g->created_ns), "until", json_time(g->until_ns), "ended",
                     json_time(g->ended_ns), "reason", g->text);
}

static int add(void *arg, const struct catalog_grant *g, struct err *e)
{
    struct listing *l = arg;
    struct catalog_vault v;
    if (catalog_vault(l->q->server->catalog, g->vault, &v, NULL) || !listing_shows(l, v.tenant))
        return 0;
    return json_array_append_new(l->array, describe(g)) ? err_no_memory(e, "a list") : 0;
}

void api_grants(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (listing_begin(&l) == 0)
        listing_end(&l, "grants", catalog_list_grant(q->server->catalog, NULL, add, &l, &why), &why);
}

/* A10 */
static int check(struct request *q, const struct event *ev, struct err *e)
{
    struct catalog_vault v;
    struct catalog_identity to;
    bool there = catalog_vault(q->server->catalog, ev->vault, &v, NULL) == 0;
    if (!caller_may_there(q->server, &q->caller, there, GRANTERS, v.tenant))
        return err_set(e, ERR_NOT_FOUND, "there is no such vault for you");
    if (catalog_identity(q->server->catalog, ev->id, &to, NULL) || to.revoked_ns ||
        !(bytes_are_zero(to.tenant, EVENT_ID_BYTES) ||
          memcmp(to.tenant, v.tenant, EVENT_ID_BYTES) == 0))
        return err_set(e, ERR_NOT_FOUND, "there is nobody of that id to whom this vault could be granted");
    char text[ENDING_TEXT_BYTES];
    ending_text(&v, text);
    return v.gone_ns ? err_set(e, ERR_REFUSED, "%s: there is nothing left to read", text) : 0;
}

void api_grant_create(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct event ev = {.kind = EVENT_GRANT_CREATE, .text = take_name(in, "reason")};
    struct err why = ERR_INIT;
    json_int_t hours = json_integer_value(json_object_get(in, "hours"));
    (void)body, (void)len;
    if (!take_id(in, "vault", ev.vault, UID_BYTES) || !take_id(in, "to", ev.id, EVENT_ID_BYTES) ||
        !ev.text || !*ev.text || hours < 1 || hours > HOURS_MAX)
        (void)err_set(&why, ERR_USAGE, "a grant needs a vault, to whom, a reason, and 1 to %d hours", HOURS_MAX);
    if (why.cls || check(q, &ev, &why) || api_random(ev.grant, EVENT_ID_BYTES, &why)) {
        if (why.cls == ERR_NOT_FOUND)
            reply_not_found(q);
        else
            reply_fail(q, &why);
        return;
    }
    ev.until_ns = clock_realtime_ns() + hours * 3600 * NS_PER_S;
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    if (server_decide(q->server, &ev, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 201, json_pack("{s:o, s:o}", "grant", json_id(ev.grant, EVENT_ID_BYTES),
                                      "until", json_time(ev.until_ns)));
}

void api_grant_end(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_grant g = {0};
    struct catalog_vault v;
    struct event ev = {.kind = EVENT_GRANT_END};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    bool there = catalog_grant_named(q->server->catalog, q->ids[0], &g, NULL) == 0;
    there = catalog_vault(q->server->catalog, g.vault, &v, NULL) == 0 && there;
    if (!caller_may_there(q->server, &q->caller, there, GRANTERS, v.tenant)) {
        reply_not_found(q);
        return;
    }
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.grant, g.grant, EVENT_ID_BYTES);
    if (server_decide(q->server, &ev, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_object());
}
