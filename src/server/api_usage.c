/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tenant uses, by months, as an invoice needs it; what was agreed on; and the decision of a named person that
 * a quota ends protection.
 *
 * A13 Only an owner or an operator sets, enforces and relaxes quotas; enforcing needs a reason, which the tenant sees.
 */
#include "server/alarms.h"
#include "server/api.h"
#include "server/usage.h"
#include "server/watch.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTERS (R(ROLE_OWNER) | R(ROLE_OPERATOR))

static int find_tenant(struct request *q, unsigned roles, struct catalog_tenant *out)
{
    if (catalog_tenant(q->server->catalog, q->ids[0], out, NULL) == 0 &&
        caller_may(q->server, &q->caller, roles, out->id))
        return 0;
    reply_not_found(q);
    return -1;
}

/* ---- months ------------------------------------------------------------------------------------ */

static int32_t month_of(int64_t ns)
{
    time_t t = (time_t)(ns / NS_PER_S);
    struct tm tm;
    return gmtime_r(&t, &tm) ? 12 * (tm.tm_year + 1900) + tm.tm_mon : 12 * 1970;
}

/* "2026-01"; as `otherwise` where it is not there. */
static int take_month(const char *query, const char *key, int32_t otherwise, int32_t *out, struct err *e)
{
    char text[16];
    int year, month, end = 0;
    *out = otherwise;
    if (!query_text(query, key, text, sizeof text))
        return strstr(query, key) ? err_set(e, ERR_USAGE, "'%s' is no month such as 2026-01", key) : 0;
    if (strlen(text) != 7 || sscanf(text, "%4d-%2d%n", &year, &month, &end) != 2 || end != 7 || year < 1970 ||
        month < 1 || month > 12)
        return err_set(e, ERR_USAGE, "'%s' is no month such as 2026-01", key);
    *out = 12 * year + month - 1;
    return 0;
}

static json_t *describe_month(const struct catalog_month *m)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%04d-%02d", m->month / 12 % 10000, m->month % 12 + 1);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "month", text, "stored", (json_int_t)m->stored, "peak",
                     (json_int_t)m->peak, "added", (json_int_t)m->added, "snapshots", (json_int_t)m->snapshots,
                     "machines", (json_int_t)m->machines);
}

static int list_months(struct request *q, json_t **out, struct err *e)
{
    struct catalog_month months[CATALOG_MONTHS_MAX];
    int32_t now = month_of(clock_realtime_ns()), from, to;
    size_t count = 0;
    const char *query = http_query(q->http);
    if (take_month(query, "to", now, &to, e) || take_month(query, "from", to, &from, e) ||
        catalog_months(q->server->catalog, q->ids[0], from, to, months, &count, e))
        return -1;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, describe_month(&months[i]))) {
            json_decref(list);
            return err_no_memory(e, "an answer");
        }
    *out = list;
    return 0;
}

/* ---- now ----------------------------------------------------------------------------------------- */

struct machine_count {
    struct server *s;
    int64_t now_ns;
    uint64_t machines, silent, never;
    json_t *unprotected;
};

static int add_unprotected(struct machine_count *n, const struct catalog_identity *i, struct err *e)
{
    const char *why;
    if (watch_why_unprotected(n->s, i, n->now_ns, &why, e))
        return -1;
    json_t *o = !why ? NULL
                     : json_pack("{s:o, s:s, s:s, s:o}", "machine", json_id(i->id, EVENT_ID_BYTES), "name", i->name, "why", why,
                                 "last_snapshot", json_time(i->snapshot_ns));
    return why && json_array_append_new(n->unprotected, o) ? err_no_memory(e, "an answer") : 0;
}

static int count_machine(void *arg, const struct catalog_identity *i, struct err *e)
{
    struct machine_count *n = arg;
    bool silent = false;
    if (add_unprotected(n, i, e))
        return -1;
    if (i->type != IDENTITY_MACHINE || i->revoked_ns)
        return 0;
    if (watch_is_silent(n->s, i, n->now_ns, &silent, e))
        return -1;
    n->machines++;
    n->never += i->snapshot_ns == 0;
    n->silent += silent;
    return 0;
}

static json_t *describe_quota(struct server *s, const uint8_t id[EVENT_ID_BYTES])
{
    struct catalog_quota quota;
    if (catalog_quota(s->catalog, id, &quota, NULL))
        quota = (struct catalog_quota){0};
    json_t *o = json_pack("{s:o, s:s, s:o}", "enforced", json_time(quota.enforced_ns), "reason", quota.text, "by",
                          quota.enforced_ns ? json_id(quota.by, EVENT_ID_BYTES) : json_null());
    (void)json_object_set_new(o, "bytes", quota.bytes ? json_integer((json_int_t)quota.bytes) : json_null());
    (void)json_object_set_new(o, "count", quota.count ? json_integer((json_int_t)quota.count) : json_null());
    return o;
}

void api_usage(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct server *s = q->server;
    struct catalog_tenant t;
    struct catalog_held held;
    struct machine_count n = {.s = s, .now_ns = clock_realtime_ns()};
    struct err why = ERR_INIT;
    json_t *months = NULL;
    (void)in, (void)body, (void)len;
    if (find_tenant(q, ~0u, &t))
        return;
    n.unprotected = json_array();
    if (list_months(q, &months, &why) || catalog_held(s->catalog, t.id, &held, &why) ||
        catalog_list_identity(s->catalog, t.id, count_machine, &n, &why) < 0) {
        json_decref(months);
        json_decref(n.unprotected);
        reply_fail(q, &why);
        return;
    }
    reply_json(q, 200,
               json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b, s:o}", "tenant", json_id(t.id, EVENT_ID_BYTES),
                         "unprotected", n.unprotected, "stored", (json_int_t)held.stored, "snapshots", (json_int_t)held.living, "vaults",
                         (json_int_t)held.vaults, "machines", (json_int_t)n.machines, "silent", (json_int_t)n.silent,
                         "never", (json_int_t)n.never, "quota", describe_quota(s, t.id), "over_quota",
                         quota_is_exceeded(s, t.id), "months", months));
}

/* ---- quotas ---------------------------------------------------------------------------------------- */

/* Missing or null: no limit. */
static int take_amount(const json_t *in, const char *key, uint64_t *out, struct err *e)
{
    const json_t *o = json_object_get(in, key);
    if (!o || json_is_null(o))
        return 0;
    if (!json_is_integer(o) || json_integer_value(o) < 1)
        return err_set(e, ERR_USAGE, "'%s' is no number from 1; without one there is no limit", key);
    *out = (uint64_t)json_integer_value(o);
    return 0;
}

static int set_quota(struct request *q, const json_t *in, struct event *ev, struct err *e)
{
    ev->kind = EVENT_QUOTA_SET;
    ev->text = take_name(in, "reason");
    memcpy(ev->by, q->caller.identity.id, EVENT_ID_BYTES);
    return take_amount(in, "bytes", &ev->bytes, e) || take_amount(in, "count", &ev->count, e) ||
                   server_decide(q->server, ev, e)
               ? -1
               : 0;
}

static void reply_done(struct request *q, int rc, const struct err *why)
{
    if (rc)
        reply_fail(q, why);
    else
        reply_json(q, 200, describe_quota(q->server, q->ids[0]));
}

void api_quota_tenant(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_tenant t;
    struct event ev = {0};
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (find_tenant(q, SETTERS, &t))
        return;
    memcpy(ev.tenant, t.id, EVENT_ID_BYTES);
    int rc = set_quota(q, in, &ev, &why);
    if (!rc)
        quota_watch_tenant(q->server, t.id);
    reply_done(q, rc, &why);
}

void api_quota_vault(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_vault v;
    struct event ev = {0};
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (catalog_vault(q->server->catalog, q->ids[0], &v, NULL) ||
        !caller_may(q->server, &q->caller, SETTERS, v.tenant)) {
        reply_not_found(q);
        return;
    }
    memcpy(ev.vault, v.vault, UID_BYTES);
    int rc = set_quota(q, in, &ev, &why);
    if (!rc)
        quota_watch_vault(q->server, v.vault);
    reply_done(q, rc, &why);
}

/* A13: the tenant hears who decided it, and why. */
static void tell_tenant(struct request *q, bool enforced, const char *reason)
{
    const struct alarm_cause c = {.name = ALARM_ENFORCED, .tenant = q->ids[0]};
    if (enforced)
        alarm_raise(q->server, &c, ALARM_EACH, "%s decided that above its quota nothing more is taken: %s",
                    q->caller.identity.name, reason);
    else
        alarm_over(q->server, &c, reason);
}

void api_quota_enforce(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_tenant t;
    struct event ev = {.text = take_name(in, "reason")};
    struct err why = ERR_INIT;
    const json_t *enforce = json_object_get(in, "enforce");
    (void)body, (void)len;
    if (find_tenant(q, SETTERS, &t))
        return;
    ev.kind = json_is_true(enforce) ? EVENT_QUOTA_ENFORCE : EVENT_QUOTA_RELAX;
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.tenant, t.id, EVENT_ID_BYTES);
    if (!json_is_boolean(enforce) || !ev.text || !*ev.text)
        (void)err_set(&why, ERR_USAGE, "{\"enforce\": true or false, \"reason\": why}: both are needed");
    if (why.cls || server_decide(q->server, &ev, &why)) {
        reply_fail(q, &why);
        return;
    }
    tell_tenant(q, json_is_true(enforce), ev.text);
    reply_done(q, 0, &why);
}
