/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: how a machine or a person becomes known. Shown once, to whoever makes one; the log and the
 * catalogue know a hash.
 *
 * A9 Nobody gives what he does not have: people of a tenant make tokens for that tenant alone, and roles of the
 *    installation are given by owners.
 */
#include "server/api.h"
#include "server/ending.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define DEFAULT_HOURS 24
#define HOURS_MAX     (24 * 30)

int api_random(void *p, size_t len, struct err *e)
{
    if (getrandom(p, len, 0) != (ssize_t)len)
        return err_sys(e, errno ? errno : EIO, "random numbers");
    return 0;
}

int token_make(struct server *s, struct event *ev, char out[WIRE_TOKEN_TEXT], struct err *e)
{
    struct wire_token t;
    memcpy(t.pin, s->installation.pin, WIRE_PIN_BYTES);
    if (api_random(t.secret, sizeof t.secret, e))
        return -1;
    token_id(t.secret, ev->token);
    ev->kind = EVENT_TOKEN_CREATE;
    int rc = server_decide(s, ev, e);
    if (!rc)
        wire_token_text(&t, out);
    explicit_bzero(&t, sizeof t);
    return rc;
}

/* ---- what is asked for --------------------------------------------------------------------- */

static int take_hours(const json_t *in, struct event *ev, struct err *e)
{
    const json_t *hours = json_object_get(in, "hours");
    json_int_t n = hours ? json_integer_value(hours) : DEFAULT_HOURS;
    if (n < 1 || n > HOURS_MAX)
        return err_set(e, ERR_USAGE, "a token is good for 1 to %d hours", HOURS_MAX);
    ev->until_ns = clock_realtime_ns() + n * 3600 * NS_PER_S;
    return 0;
}

static int take_type(const json_t *in, struct event *ev, struct err *e)
{
    const char *type = json_string_value(json_object_get(in, "type"));
    const char *role = json_string_value(json_object_get(in, "role"));
    if (type && strcmp(type, "person") == 0) {
        ev->type = IDENTITY_PERSON;
        ev->role = role ? role_of_name(role) : ROLE_UNSET;
        if (ev->role == ROLE_UNSET || ev->role == ROLE_WRITER)
            return err_set(e, ERR_USAGE, "which role shall the person have?");
        return 0;
    }
    if (!type || strcmp(type, "machine") != 0)
        return err_set(e, ERR_USAGE, "a token is for a \"machine\" or a \"person\"");
    ev->type = IDENTITY_MACHINE;
    ev->restore = json_is_true(json_object_get(in, "restore"));
    ev->shared = json_is_true(json_object_get(in, "shared"));
    return 0;
}

static bool is_of_tenant(enum role r)
{
    return r == ROLE_TENANT_ADMIN || r == ROLE_TENANT_RESTORER;
}

static int take_tenant(struct request *q, const json_t *in, struct event *ev, struct err *e)
{
    struct catalog_tenant t;
    bool named = take_id(in, "tenant", ev->tenant, EVENT_ID_BYTES);
    if (ev->type == IDENTITY_PERSON && !is_of_tenant(ev->role))
        return named ? err_set(e, ERR_USAGE, "that role is of the installation: it has no tenant") : 0;
    if (!named)
        return err_set(e, ERR_USAGE, "for which tenant?");
    if (catalog_tenant(q->server->catalog, ev->tenant, &t, NULL) || t.closed_ns)
        return err_set(e, ERR_NOT_FOUND, "there is no such tenant");
    return 0;
}

/* A machine that enrols again, a vault that it shall join: of the same tenant. */
static int take_links(struct request *q, const json_t *in, struct event *ev, struct err *e)
{
    struct catalog_identity who;
    struct catalog_vault v;
    if (take_id(in, "machine", ev->id, EVENT_ID_BYTES) &&
        (catalog_identity(q->server->catalog, ev->id, &who, NULL) || who.type != IDENTITY_MACHINE ||
         who.revoked_ns || memcmp(who.tenant, ev->tenant, EVENT_ID_BYTES) != 0))
        return err_set(e, ERR_NOT_FOUND, "there is no such machine of that tenant, or it was revoked");
    if (take_id(in, "vault", ev->vault, UID_BYTES) &&
        (catalog_vault(q->server->catalog, ev->vault, &v, NULL) ||
         memcmp(v.tenant, ev->tenant, EVENT_ID_BYTES) != 0))
        return err_set(e, ERR_NOT_FOUND, "there is no such vault of that tenant");
    return 0;
}

/* A9 */
static bool may_make(struct request *q, const struct event *ev)
{
    static const uint8_t none[EVENT_ID_BYTES];
    if (ev->type == IDENTITY_PERSON && !is_of_tenant(ev->role))
        return caller_may(q->server, &q->caller, R(ROLE_OWNER), none);
    return caller_may(q->server, &q->caller,
                      R(ROLE_OWNER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN), ev->tenant);
}

/* Of who may make the token at all. */
static int check_vault(struct request *q, const struct event *ev, struct err *e)
{
    struct catalog_vault v;
    char text[ENDING_TEXT_BYTES];
    if (bytes_are_zero(ev->vault, UID_BYTES) || catalog_vault(q->server->catalog, ev->vault, &v, NULL) || !v.ending_ns)
        return 0;
    ending_text(&v, text);
    return err_set(e, ERR_REFUSED, "%s: nobody can join it", text);
}

void api_token_create(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct event ev = {0};
    char text[WIRE_TOKEN_TEXT];
    struct err why = ERR_INIT;
    (void)body, (void)len;
    const char *name = take_name(in, "name");
    ev.name = name && *name ? name : NULL;
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    if (take_type(in, &ev, &why) || take_hours(in, &ev, &why) || take_tenant(q, in, &ev, &why) ||
        take_links(q, in, &ev, &why)) {
        reply_fail(q, &why);
        return;
    }
    if (!may_make(q, &ev)) {
        reply_refuse(q, "forbidden", "this identity may not make such a token");
        return;
    }
    if (check_vault(q, &ev, &why) || token_make(q->server, &ev, text, &why)) {
        reply_fail(q, &why);
        return;
    }
    reply_json(q, 201, json_pack("{s:s, s:o, s:o}", "token", text, "id",
                                  json_id(ev.token, EVENT_ID_BYTES), "until",
                                  json_time(ev.until_ns)));
    explicit_bzero(text, sizeof text);
}

/* ---- listing, cancelling ---------------------------------------------------------------------- */

static json_t *describe(const struct catalog_token *t)
{
    return json_pack("{s:o, s:s, s:s?, s:s, s:o, s:o, s:o, s:o, s:o}", "id",
                     json_id(t->token, EVENT_ID_BYTES), "type",
                     t->type == IDENTITY_MACHINE ? "machine" : "person", "role",
                     t->type == IDENTITY_PERSON ? role_name(t->role) : NULL, "name", t->name,
                     "tenant", json_id(t->tenant, EVENT_ID_BYTES), "created",
                     json_time(t->created_ns), "until", json_time(t->until_ns), "used",
                     json_time(t->used_ns), "cancelled", json_time(t->cancelled_ns));
}

static int add(void *arg, const struct catalog_token *t, struct err *e)
{
    struct listing *l = arg;
    if (!listing_shows(l, t->tenant))
        return 0;
    return json_array_append_new(l->array, describe(t)) ? err_no_memory(e, "a list") : 0;
}

void api_tokens(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (listing_begin(&l) == 0)
        listing_end(&l, "tokens", catalog_list_token(q->server->catalog, NULL, add, &l, &why), &why);
}

void api_token_cancel(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_token t;
    struct event ev = {.kind = EVENT_TOKEN_CANCEL};
    struct err why = ERR_INIT;
    struct listing l = {.q = q};
    (void)in, (void)body, (void)len;
    if (listing_begin(&l))
        return;
    json_decref(l.array);
    if (catalog_token(q->server->catalog, q->ids[0], &t, NULL) || !listing_shows(&l, t.tenant)) {
        reply_not_found(q);
        return;
    }
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.token, t.token, EVENT_ID_BYTES);
    if (server_decide(q->server, &ev, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_object());
}
