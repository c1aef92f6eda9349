/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants: customers. Closing one ends what its machines and people may do; its vaults stay. */
#include "server/api.h"

#include "base/mem.h"

#include <string.h>

static json_t *describe(const struct catalog_tenant *t)
{
    return json_pack("{s:o, s:s, s:o, s:o}", "tenant", json_id(t->id, EVENT_ID_BYTES), "name",
                     t->name, "created", json_time(t->created_ns), "closed",
                     json_time(t->closed_ns));
}

static int add(void *arg, const struct catalog_tenant *t, struct err *e)
{
    struct listing *l = arg;
    if (!listing_shows(l, t->id))
        return 0;
    return json_array_append_new(l->array, describe(t)) ? err_no_memory(e, "a list") : 0;
}

void api_tenants(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (listing_begin(&l) == 0)
        listing_end(&l, "tenants", catalog_list_tenant(q->server->catalog, NULL, add, &l, &why),
                    &why);
}

/* With `decide`. */
static int create(struct request *q, const char *name, struct catalog_tenant *out, struct err *e)
{
    struct event ev = {.kind = EVENT_TENANT_CREATE, .name = name};
    if (catalog_tenant_named(q->server->catalog, name, out, NULL) == 0)
        return err_set(e, ERR_EXISTS, "there is a tenant called '%s' already", name);
    if (api_random(ev.tenant, EVENT_ID_BYTES, e))
        return -1;
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    return server_decide(q->server, &ev, e) ||
                   catalog_tenant(q->server->catalog, ev.tenant, out, e)
               ? -1
               : 0;
}

void api_tenant_create(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_tenant t;
    struct err why = ERR_INIT;
    const char *name = take_name(in, "name");
    (void)body, (void)len;
    if (!name || !*name) {
        (void)err_set(&why, ERR_USAGE, "a tenant needs a name of 1 to %d bytes", EVENT_NAME_MAX);
        reply_fail(q, &why);
        return;
    }
    (void)pthread_mutex_lock(&q->server->decide);
    int rc = create(q, name, &t, &why);
    (void)pthread_mutex_unlock(&q->server->decide);
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 201, describe(&t));
}

/* One that the caller looks after, or "not found". */
static int find(struct request *q, struct catalog_tenant *out)
{
    struct listing l = {.q = q};
    if (listing_begin(&l))
        return -1;
    json_decref(l.array);
    if (catalog_tenant(q->server->catalog, q->ids[0], out, NULL) || !listing_shows(&l, out->id)) {
        reply_not_found(q);
        return -1;
    }
    return 0;
}

void api_tenant(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_tenant t;
    (void)in, (void)body, (void)len;
    if (find(q, &t) == 0)
        reply_json(q, 200, describe(&t));
}

void api_tenant_close(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_tenant t;
    struct err why = ERR_INIT;
    struct event ev = {.kind = EVENT_TENANT_CLOSE, .text = take_name(in, "reason")};
    (void)body, (void)len;
    if (find(q, &t))
        return;
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.tenant, t.id, EVENT_ID_BYTES);
    if (!ev.text || !*ev.text)
        (void)err_set(&why, ERR_USAGE, "why? A reason is needed");
    if (why.cls || server_decide(q->server, &ev, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_object());
}
