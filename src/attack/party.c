/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who is known at the server: enrolled as people and machines are, each with a directory of its own. */
#include "attack/world.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)

static void heard(void *arg, const char *server, const struct err *what)
{
    struct party *x = arg;
    (void)server;
    if (what->cls != ERR_DAMAGED) {
        (void)snprintf(x->unknown, sizeof x->unknown, "%s", what->msg);
        return;
    }
    x->lies++;
    (void)snprintf(x->lie, sizeof x->lie, "%s", what->msg);
}

static struct remote_where where_of(const struct party *x)
{
    return (struct remote_where){x->dirs.config, x->dirs.cache, x->dirs.cancel, x->dirs.log_alarm, x->dirs.log_arg};
}

static int begin(struct party *x, struct world *w, const char *name, struct err *e)
{
    *x = (struct party){.world = w};
    (void)snprintf(x->name, sizeof x->name, "%s", name);
    int n = snprintf(x->config, sizeof x->config, "%s/%s", w->dir, name);
    int m = snprintf(x->cache, sizeof x->cache, "%s/%s-cache", w->dir, name);
    if (n < 0 || m < 0 || n >= (int)sizeof x->config || m >= (int)sizeof x->cache)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", w->dir);
    x->dirs = (struct work_dirs){.config = x->config, .cache = x->cache, .cancel = w->o->cancel, .log_alarm = heard,
                                 .log_arg = x};
    return file_make_dirs(x->config, 0700, e) || file_make_dirs(x->cache, 0700, e) ? -1 : 0;
}

static int connect_anew(struct party *x, struct err *e)
{
    const struct remote_where where = where_of(x);
    struct remote *r = NULL;
    if (remote_connect(&where, x->world->url, &r, e))
        return -1;
    remote_close(x->remote);
    x->remote = r;
    return 0;
}

static int make_vault(struct party *x, struct err *e)
{
    struct init_options o = {.location = x->world->url, .machine = x->name, .shared = x->who.shared,
                             .cost = {.passes = 1, .memory_kib = 8}};
    uint8_t vault[UID_BYTES];
    return work_init_far(&o, &x->dirs, world_ask_passphrase, x->world, vault, e);
}

int party_enrol(struct party *x, struct world *w, const char *name, const char *token, struct err *e)
{
    const struct remote_enrolment o = {.url = w->url, .token = token, .name = name};
    if (begin(x, w, name, e))
        return -1;
    const struct remote_where where = where_of(x);
    if (remote_enrol(&where, &o, &x->who, e) || (strcmp(x->who.type, "machine") == 0 && make_vault(x, e)) ||
        connect_anew(x, e))
        return err_wrap(e, "'%s'", name);
    return 0;
}

static int enrol_by_owner(struct party *x, struct world *w, const char *name, const json_t *what, struct err *e)
{
    json_t *answer = NULL;
    char token[WIRE_TOKEN_TEXT] = "";
    int rc = what ? party_ask(&w->owner, "POST", "/v1/tokens", what, &answer, e) : err_no_memory(e, "a request");
    if (!rc)
        rc = json_take_text(answer, "token", token, sizeof token, e) || party_enrol(x, w, name, token, e) ? -1 : 0;
    json_decref(answer);
    if (!rc && w->renewing_count < sizeof w->renewing / sizeof *w->renewing)
        w->renewing[w->renewing_count++] = x;
    return rc;
}

int party_person(struct party *x, struct world *w, const char *name, const char *role, const char *tenant, struct err *e)
{
    json_t *o = json_pack("{s:s, s:s}", "type", "person", "role", role);
    if (o && tenant)
        (void)json_object_set_new(o, "tenant", json_string(tenant));
    int rc = enrol_by_owner(x, w, name, o, e);
    json_decref(o);
    return rc;
}

int party_machine(struct party *x, struct world *w, const char *name, const char *tenant, bool restore, struct err *e)
{
    json_t *o = json_pack("{s:s, s:s, s:b}", "type", "machine", "tenant", tenant, "restore", restore);
    int rc = enrol_by_owner(x, w, name, o, e);
    json_decref(o);
    return rc;
}

/* A connection that stands goes on with the certificate that it showed: so a new one is made. */
int party_renew(struct party *x, struct err *e)
{
    if (!x->remote)
        return 0;
    return remote_renew(x->remote, e) || connect_anew(x, e) ? err_wrap(e, "'%s'", x->name) : 0;
}

void party_done(struct party *x)
{
    if (x->world)
        world_let_expire(x->world, x);
    remote_close(x->remote);
    *x = (struct party){0};
}

/* ---- asking ---------------------------------------------------------------------------------------- */

int party_ask(struct party *x, const char *method, const char *path, const json_t *in, json_t **out, struct err *e)
{
    return remote_json(x->remote, method, path, in, out, e) ? err_wrap(e, "'%s': %s %s", x->name, method, path) : 0;
}

static void send_it(struct party *x, struct client_call *call, struct told *out)
{
    struct err why = ERR_INIT;
    call->once = true;
    *out = (struct told){0};
    int rc = client_do(x->remote->client, call, &why);
    out->status = call->status;
    (void)snprintf(out->code, sizeof out->code, "%s", call->code);
    if (rc)
        (void)snprintf(out->text, sizeof out->text, "%s", why.msg);
}

void party_try(struct party *x, const char *method, const char *path, const char *type, const void *body, size_t len,
               struct told *out)
{
    CLEANUP(buf_done) struct buf answer = {.max = ANSWER_MAX};
    const struct client_piece piece = {body, len};
    struct client_call call = {.method = method, .path = path, .type = type, .pieces = &piece,
                               .piece_count = len ? 1 : 0, .answer = &answer};
    send_it(x, &call, out);
}

void party_try_json(struct party *x, const char *method, const char *path, struct told *out, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    party_try(x, method, path, *text ? WIRE_JSON : NULL, text, strlen(text), out);
}

void party_get(struct party *x, const char *path, struct buf *body, struct told *out)
{
    struct client_call call = {.method = "GET", .path = path, .answer = body};
    if (!body->max)
        body->max = ANSWER_MAX;
    send_it(x, &call, out);
}

void party_vault(const struct party *x, char out[2 * UID_BYTES + 1])
{
    hex_encode(x->remote->identity.own_vault, UID_BYTES, out); /* zeros: it has none */
}
