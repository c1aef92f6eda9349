/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: listing them, and closing one: "I know of it".
 *
 * A12 Who looks after the installation sees all; who looks after a tenant those of that tenant; a machine those about itself
 *     and about the vault that is its alone. Closing needs a reason, is in the log, and changes nothing else.
 */
#include "server/alarms.h"
#include "server/api.h"

#include "base/mem.h"

#include <string.h>

#define CLOSERS (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN))

/* 32 digits like every id: the number of the entry that opened it. */
static void id_of(uint64_t entry, uint8_t out[EVENT_ID_BYTES])
{
    memset(out, 0, EVENT_ID_BYTES);
    for (int i = 0; i < 8; i++)
        out[EVENT_ID_BYTES - 1 - i] = (uint8_t)(entry >> 8 * i);
}

static bool entry_of(const uint8_t id[EVENT_ID_BYTES], uint64_t *out)
{
    *out = 0;
    for (int i = 8; i < EVENT_ID_BYTES; i++)
        *out = *out << 8 | id[i];
    return bytes_are_zero(id, 8) && *out <= INT64_MAX;
}

static json_t *id_or_null(const uint8_t id[EVENT_ID_BYTES])
{
    return bytes_are_zero(id, EVENT_ID_BYTES) ? json_null() : json_id(id, EVENT_ID_BYTES);
}

static json_t *describe(const struct catalog_alarm *a)
{
    uint8_t id[EVENT_ID_BYTES];
    id_of(a->entry, id);
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:b, s:o, s:o, s:s, s:o}", "alarm",
                     json_id(id, EVENT_ID_BYTES), "name", a->name, "tenant", id_or_null(a->tenant), "vault",
                     id_or_null(a->vault), "id", id_or_null(a->id), "request", id_or_null(a->request), "text",
                     a->text, "since", json_time(a->since_ns), "last", json_time(a->last_ns), "count",
                     (json_int_t)a->count, "open", a->closed_ns == 0, "closed", json_time(a->closed_ns),
                     "closed_by", id_or_null(a->closed_by), "reason", a->reason, "over", json_time(a->over_ns));
}

/* ---- listing -------------------------------------------------------------------------------- */

struct alarm_list {
    struct listing l;
    bool open_only, machine, has_vault;
    uint8_t vault[UID_BYTES]; /* of a machine that is alone in it */
};

static void read_viewer(struct request *q, struct alarm_list *a)
{
    const struct catalog_identity *who = &q->caller.identity;
    struct catalog_vault own;
    uint64_t open;
    a->open_only = query_number(http_query(q->http), "open", &open) && open;
    a->machine = who->type == IDENTITY_MACHINE;
    a->has_vault = a->machine && catalog_vault_of(q->server->catalog, who->id, &own, NULL) == 0 && !own.shared &&
                   memcmp(own.id, who->id, EVENT_ID_BYTES) == 0;
    if (a->has_vault)
        memcpy(a->vault, own.vault, UID_BYTES);
}

/* A12 */
static bool shows(const struct alarm_list *l, const struct catalog_alarm *a)
{
    if (!l->machine)
        return listing_shows(&l->l, a->tenant);
    return memcmp(a->id, l->l.q->caller.identity.id, EVENT_ID_BYTES) == 0 ||
           (l->has_vault && memcmp(a->vault, l->vault, UID_BYTES) == 0);
}

static int add(void *arg, const struct catalog_alarm *a, struct err *e)
{
    struct alarm_list *l = arg;
    if (l->open_only && a->closed_ns)
        return 1; /* open ones come first */
    if (!shows(l, a))
        return 0;
    return json_array_append_new(l->l.array, describe(a)) ? err_no_memory(e, "a list") : 0;
}

void api_alarms(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct alarm_list l = {.l = {.q = q}};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    read_viewer(q, &l);
    if (listing_begin(&l.l))
        return;
    int rc = catalog_list_alarm(q->server->catalog, NULL, add, &l, &why);
    listing_end(&l.l, "alarms", rc < 0 ? -1 : 0, &why);
}

/* ---- closing --------------------------------------------------------------------------------- */

static int find(struct request *q, struct catalog_alarm *out)
{
    uint64_t entry;
    if (entry_of(q->ids[0], &entry) && catalog_alarm(q->server->catalog, entry, out, NULL) == 0 &&
        caller_may(q->server, &q->caller, CLOSERS, out->tenant))
        return 0;
    reply_not_found(q);
    return -1;
}

/* With `alarm_lock`. The same alarm may be closed once. */
static int close_it(struct request *q, const struct catalog_alarm *a, const char *reason, struct err *e)
{
    struct event ev = {.kind = EVENT_ALARM_CLOSE, .name = a->name, .text = reason};
    if (a->closed_ns)
        return err_set(e, ERR_EXISTS, "it is closed already: %.300s", a->reason);
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.tenant, a->tenant, EVENT_ID_BYTES);
    memcpy(ev.vault, a->vault, UID_BYTES);
    memcpy(ev.id, a->id, EVENT_ID_BYTES);
    memcpy(ev.request, a->request, EVENT_ID_BYTES);
    return server_decide(q->server, &ev, e);
}

void api_alarm_close(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct err why = ERR_INIT;
    const char *reason = take_name(in, "reason");
    CLEANUP_FREE struct catalog_alarm *a = mem_zalloc(sizeof *a);
    (void)body, (void)len;
    if (!a) {
        (void)err_no_memory(&why, "an alarm");
        reply_fail(q, &why);
        return;
    }
    (void)pthread_mutex_lock(&q->server->alarm_lock);
    int found = find(q, a), rc = -1;
    if (!found && (!reason || !*reason))
        (void)err_set(&why, ERR_USAGE, "why? A reason is needed");
    else if (!found)
        rc = close_it(q, a, reason, &why);
    if (!rc)
        rc = catalog_alarm(q->server->catalog, a->entry, a, &why);
    (void)pthread_mutex_unlock(&q->server->alarm_lock);
    if (found)
        return;
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 200, describe(a));
}
