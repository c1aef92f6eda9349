/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over the wire: asking, agreeing, signing, cancelling. */
#include "server/api.h"
#include "server/alarms.h"
#include "server/ending.h"
#include "server/requests.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static json_t *describe(struct server *s, const struct catalog_request *r)
{
    struct retention policy;
    json_t *agreed = json_array();
    enum request_state st = request_policy(s, r, &policy, NULL) ? REQUEST_UNSET
                                                                 : request_state(s, r, &policy);
    for (unsigned i = 0; i < r->approvals; i++)
        (void)json_array_append_new(
            agreed, json_pack("{s:o, s:s, s:o}", "by", json_id(r->approval[i].by, EVENT_ID_BYTES),
                              "role", role_name(r->approval[i].role), "time",
                              json_time(r->approval[i].time_ns)));
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "request",
                     json_id(r->request, EVENT_ID_BYTES), "kind", r->kind, "state",
                     request_state_name(st), "by", json_id(r->by, EVENT_ID_BYTES), "tenant",
                     json_id(r->tenant, EVENT_ID_BYTES), "vault", json_id(r->vault, UID_BYTES),
                     "parameters", json_loads(r->text, 0, NULL), "created", json_time(r->created_ns),
                     "cancelled", json_time(r->cancelled_ns), "executed", json_time(r->executed_ns),
                     "agreed", agreed);
}

static int add(void *arg, const struct catalog_request *r, struct err *e)
{
    struct listing *l = arg;
    if (!listing_shows(l, r->tenant))
        return 0;
    return json_array_append_new(l->array, describe(l->q->server, r)) ? err_no_memory(e, "a list") : 0;
}

void api_requests(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (listing_begin(&l) == 0)
        listing_end(&l, "requests", catalog_list_request(q->server->catalog, NULL, add, &l, &why), &why);
}

/* ---- asking ------------------------------------------------------------------------------------ */

/* In which role somebody asks or agrees: he must have it, for that tenant. */
static int take_role(struct request *q, const json_t *in, const uint8_t *tenant, enum role *out,
                     struct err *e)
{
    const char *name = json_string_value(json_object_get(in, "role"));
    enum role r = name ? role_of_name(name) : ROLE_UNSET;
    if (r == ROLE_UNSET || r == ROLE_AUDITOR || r == ROLE_TENANT_RESTORER || r == ROLE_WRITER)
        return err_set(e, ERR_USAGE, "in which role? owner, security-officer, operator or tenant-admin");
    if (!caller_may(q->server, &q->caller, R(r), tenant))
        return err_set(e, ERR_REFUSED, "this identity does not have that role");
    *out = r;
    return 0;
}

/* Its tenant follows from a vault. */
static int take_subject(struct request *q, const json_t *in, struct event *ev, struct err *e)
{
    struct catalog_vault v;
    struct catalog_tenant t;
    bool gone = false;
    if (take_id(in, "vault", ev->vault, UID_BYTES)) {
        if (catalog_vault(q->server->catalog, ev->vault, &v, NULL))
            return err_set(e, ERR_NOT_FOUND, "there is no such vault");
        memcpy(ev->tenant, v.tenant, EVENT_ID_BYTES);
        gone = v.gone_ns != 0;
    } else if (!take_id(in, "tenant", ev->tenant, EVENT_ID_BYTES)) {
        if (strcmp(ev->name, REQUEST_CLOCK) == 0)
            return 0; /* of the whole server */
        return err_set(e, ERR_USAGE, "about which tenant or vault?");
    }
    if (catalog_tenant(q->server->catalog, ev->tenant, &t, NULL) ||
        !caller_may(q->server, &q->caller, ~0u, ev->tenant))
        return err_set(e, ERR_NOT_FOUND, "there is no such tenant");
    if (!gone)
        return 0;
    char text[ENDING_TEXT_BYTES];
    ending_text(&v, text);
    return err_set(e, ERR_REFUSED, "%s: there is nothing left to decide about it", text);
}

static int agree(struct request *q, const uint8_t *id, enum role role, struct err *e)
{
    struct event ev = {.kind = EVENT_REQUEST_APPROVE, .role = role};
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.request, id, EVENT_ID_BYTES);
    return server_decide(q->server, &ev, e);
}

static void tell_of(struct request *q, const struct event *asked)
{
    const struct alarm_cause c = {ALARM_REQUEST, asked->tenant, asked->vault, q->caller.identity.id, asked->request};
    const char *who = q->caller.identity.name;
    char hex[2 * UID_BYTES + 1];
    hex_encode(asked->vault, UID_BYTES, hex);
    if (strcmp(asked->name, REQUEST_CLOCK) == 0)
        alarm_raise(q->server, &c, ALARM_EACH, "%s asks to have the clock confirmed (%s)", who, asked->name);
    else if (strcmp(asked->name, REQUEST_DELETE) == 0)
        alarm_raise(q->server, &c, ALARM_EACH, "%s asks for the end of vault %s, with all that is in it (%s)", who, hex, asked->name);
    else
        alarm_raise(q->server, &c, ALARM_EACH, "%s asks for an early deletion (%s)", who, asked->name);
}

/* The parameters, with the ticks from which its time counts. */
static char *text_with_ticks(struct request *q, const json_t *in)
{
    json_t *o = json_deep_copy(json_object_get(in, "parameters"));
    if (!o)
        o = json_object();
    char *text = NULL;
    if (json_is_object(o) && json_object_set_new(o, "ticks", json_integer(server_ticks(q->server))) == 0)
        text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(o);
    return text;
}

static int ask(struct request *q, const json_t *in, struct event *ev, struct err *e)
{
    struct catalog_request r = {0};
    enum role role;
    char *text = text_with_ticks(q, in);
    if (!text || strlen(text) > EVENT_TEXT_MAX) {
        mem_free(text);
        return err_set(e, ERR_USAGE, "\"parameters\" is no object of at most %d bytes", EVENT_TEXT_MAX - 64);
    }
    ev->text = text;
    memcpy(ev->by, q->caller.identity.id, EVENT_ID_BYTES);
    (void)snprintf(r.kind, sizeof r.kind, "%s", ev->name);
    (void)snprintf(r.text, sizeof r.text, "%s", text);
    int rc = take_subject(q, in, ev, e);
    memcpy(r.vault, ev->vault, UID_BYTES);
    memcpy(r.tenant, ev->tenant, EVENT_ID_BYTES);
    rc = rc || take_role(q, in, ev->tenant, &role, e) || request_check(q->server, &r, e) ||
                 api_random(ev->request, EVENT_ID_BYTES, e) || server_decide(q->server, ev, e) ||
                 agree(q, ev->request, role, e)
             ? -1
             : 0;
    if (!rc)
        tell_of(q, ev);
    mem_free(text);
    return rc;
}

void api_request_create(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct event ev = {.kind = EVENT_REQUEST_CREATE, .name = take_name(in, "kind")};
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (!ev.name || !*ev.name)
        (void)err_set(&why, ERR_USAGE, "which kind of request?");
    if (why.cls || ask(q, in, &ev, &why)) {
        if (why.cls == ERR_NOT_FOUND)
            reply_not_found(q);
        else
            reply_fail(q, &why);
        return;
    }
    reply_json(q, 201, json_pack("{s:o}", "request", json_id(ev.request, EVENT_ID_BYTES)));
}

/* ---- agreeing, signing, cancelling ------------------------------------------------------------------ */

/* -1: answered. */
static int find(struct request *q, struct catalog_request *out)
{
    bool there = catalog_request(q->server->catalog, q->ids[0], out, NULL) == 0;
    if (caller_may_there(q->server, &q->caller, there, ~(R(ROLE_WRITER) | R(ROLE_TENANT_RESTORER)), out->tenant))
        return 0;
    reply_not_found(q);
    return -1;
}

static void reply_now(struct request *q, int rc, const struct err *why)
{
    struct catalog_request r;
    if (rc || catalog_request(q->server->catalog, q->ids[0], &r, NULL)) {
        reply_fail(q, why);
        return;
    }
    reply_json(q, 200, describe(q->server, &r));
}

void api_request_approve(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_request r;
    enum role role;
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (find(q, &r))
        return;
    int rc = take_role(q, in, r.tenant, &role, &why);
    for (unsigned i = 0; !rc && i < r.approvals; i++)
        if (memcmp(r.approval[i].by, q->caller.identity.id, EVENT_ID_BYTES) == 0 || r.approval[i].role == role)
            rc = err_set(&why, ERR_REFUSED, "somebody else, in another role, must agree");
    reply_now(q, rc ? rc : agree(q, r.request, role, &why), &why);
}

void api_request_sign(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf message = {.max = 8192};
    CLEANUP(buf_done) struct buf signature = {.max = 256};
    struct catalog_request r;
    struct retention policy;
    struct err why = ERR_INIT;
    const char *text = json_string_value(json_object_get(in, "signature"));
    (void)body, (void)len;
    if (find(q, &r))
        return;
    request_message(&r, &message);
    int rc = request_policy(q->server, &r, &policy, &why);
    if (!rc && !policy.has_tenant_key)
        rc = err_set(&why, ERR_USAGE, "the policy in force names no key of the tenant");
    if (!rc && (!text || base64_get(text, strlen(text), &signature, NULL) || signature.len != SIGN_BYTES ||
                !sign_verify(policy.tenant_key, "request", message.data, message.len, signature.data)))
        rc = err_set(&why, ERR_REFUSED, "that is not the tenant's signature over this request");
    struct event ev = {.kind = EVENT_REQUEST_SIGN, .text = text};
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.request, r.request, EVENT_ID_BYTES);
    reply_now(q, rc ? rc : server_decide(q->server, &ev, &why), &why);
}

void api_request_cancel(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_request r;
    struct err why = ERR_INIT;
    struct event ev = {.kind = EVENT_REQUEST_CANCEL, .text = take_name(in, "reason")};
    (void)body, (void)len;
    if (find(q, &r))
        return;
    if (ev.text && !*ev.text)
        ev.text = NULL;
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.request, r.request, EVENT_ID_BYTES);
    int rc = server_decide(q->server, &ev, &why);
    if (!rc)
        request_is_over(q->server, &r, "the request was cancelled");
    reply_now(q, rc, &why);
}
