/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: of tenants, and of vaults where they have one of their own; and upkeep, which applies them.
 *
 * A11 A policy may be set by one person only if it keeps at least what the one in force keeps. Keeping less is an
 *     early deletion, and no call of one person makes one.
 */
#include "server/api.h"
#include "server/clock_guard.h"
#include "server/upkeep.h"

#include "base/mem.h"

#include <string.h>

#define SETTERS (R(ROLE_OWNER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN))

static void reply_policy(struct request *q, const uint8_t *id, const uint8_t *fallback)
{
    CLEANUP(buf_done) struct buf text = {.max = EVENT_POLICY_MAX + 1};
    bool own = catalog_policy(q->server->catalog, id, &text, NULL) == 0;
    if (!own && (!fallback || catalog_policy(q->server->catalog, fallback, &text, NULL)))
        buf_put(&text, RETENTION_DEFAULT, sizeof RETENTION_DEFAULT - 1);
    reply_json(q, 200, json_pack("{s:b, s:o}", "own", own, "policy",
                                 json_loadb((const char *)text.data, text.len, 0, NULL)));
}

/* A11, with `decide`. `now` is what is in force. */
static int set(struct request *q, struct event *ev, const struct catalog_vault *v, const json_t *in,
               struct err *e)
{
    struct retention now, next;
    char why[128];
    char *text = json_dumps(in, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return err_no_memory(e, "a policy");
    ev->kind = EVENT_POLICY_SET;
    ev->policy = text;
    memcpy(ev->by, q->caller.identity.id, EVENT_ID_BYTES);
    int rc = retention_parse(text, &next, e) || upkeep_policy(q->server, v, &now, e) ? -1 : 0;
    if (!rc && retention_keeps_less(&now, &next, why))
        rc = err_set(e, ERR_REFUSED,
                     "this policy keeps less than the one in force (%s): that is an early deletion, which takes "
                     "two people and time (a request)", why);
    if (!rc)
        rc = server_decide(q->server, ev, e);
    mem_free(text);
    return rc;
}

static void set_and_reply(struct request *q, struct event *ev, const struct catalog_vault *v,
                          const json_t *in)
{
    struct err why = ERR_INIT;
    (void)pthread_mutex_lock(&q->server->decide);
    int rc = set(q, ev, v, in, &why);
    (void)pthread_mutex_unlock(&q->server->decide);
    if (rc && why.cls == ERR_REFUSED)
        reply_refuse(q, "keeps_less", "%s", why.msg);
    else if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_object());
}

/* ---- tenants --------------------------------------------------------------------------------- */

static int find_tenant(struct request *q, unsigned roles)
{
    struct catalog_tenant t;
    bool there = catalog_tenant(q->server->catalog, q->ids[0], &t, NULL) == 0;
    if (caller_may_there(q->server, &q->caller, there, roles, t.id))
        return 0;
    reply_not_found(q);
    return -1;
}

void api_policy_tenant(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)in, (void)body, (void)len;
    if (find_tenant(q, ~0u) == 0)
        reply_policy(q, q->ids[0], NULL);
}

void api_policy_tenant_set(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct event ev = {0};
    struct catalog_vault none = {0}; /* as if it were one without a policy of its own */
    (void)body, (void)len;
    if (find_tenant(q, SETTERS))
        return;
    memcpy(ev.tenant, q->ids[0], EVENT_ID_BYTES);
    memcpy(none.tenant, q->ids[0], EVENT_ID_BYTES);
    set_and_reply(q, &ev, &none, in);
}

/* ---- vaults ------------------------------------------------------------------------------------ */

void api_policy_vault(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    (void)in, (void)body, (void)len;
    if (access_to_vault(q, q->ids[0], &a) == 0)
        reply_policy(q, a.vault.vault, a.vault.tenant);
}

void api_policy_vault_set(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct event ev = {0};
    struct catalog_vault v;
    (void)body, (void)len;
    bool there = catalog_vault(q->server->catalog, q->ids[0], &v, NULL) == 0;
    if (!caller_may_there(q->server, &q->caller, there, SETTERS, v.tenant)) {
        reply_not_found(q);
        return;
    }
    memcpy(ev.vault, v.vault, UID_BYTES);
    set_and_reply(q, &ev, &v, in);
}

/* ---- upkeep ---------------------------------------------------------------------------------------- */

static void reply_rounds(struct request *q, int status, uint64_t rounds)
{
    char text[POLICY_TEXT_BYTES];
    struct policy_clock c;
    clock_guard_verdict(q->server, &c);
    policy_clock_text(&c, text);
    reply_json(q, status,
               json_pack("{s:I, s:{s:b, s:s}}", "rounds", (json_int_t)rounds, "clock", "trusted",
                         policy_clock_trusted(&c), "text", text));
}

void api_upkeep(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)in, (void)body, (void)len;
    reply_rounds(q, 200, upkeep_rounds(q->server));
}

void api_upkeep_ask(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)in, (void)body, (void)len;
    reply_rounds(q, 202, upkeep_ask(q->server));
}
