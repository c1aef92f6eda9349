/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becoming known: the authority's certificate, a token for a certificate, renewal, oneself.
 *
 * X5 A token is used up, durably, before what it is good for exists; for good, unless its answer was lost: as
 *    long as the token would be valid, whoever shows it again with the same key is the same, and gets what
 *    is still missing.
 * X7 Tokens of somebody who was revoked admit nobody: his last act may have been to make them.
 */
#include "server/api.h"
#include "server/rates.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void api_authority(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    const struct buf *pem = &q->server->installation.authority_pem;
    (void)in, (void)body, (void)len;
    http_respond(q->http, 200, WIRE_PEM, pem->data, pem->len - 1);
}

int log_key_text(const struct server *s, struct buf *out, struct err *e)
{
    const struct installation *i = &s->installation;
    struct note_key log = {0};
    (void)snprintf(log.name, sizeof log.name, "%s", i->origin);
    memcpy(log.public_key, i->log_key.public_key, SIGN_PUBLIC_BYTES);
    if (note_key_text(&log, false, out, e))
        return -1;
    buf_put_u8(out, 0);
    return buf_check(out, "a key", e);
}

void api_server(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf key = {.max = 4096};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (log_key_text(q->server, &key, &why)) {
        reply_fail(q, &why);
        return;
    }
    json_t *o = json_pack("{s:s, s:[i], s:s, s:o}", "name",
                          q->server->options.name ? q->server->options.name : "abri", "api",
                          WIRE_API, "log_key", (char *)key.data, "time",
                          json_time(clock_realtime_ns()));
    if (q->server->options.trial)
        (void)json_object_set_new(o, "trial", json_true());
    reply_json(q, 200, o);
}

/* ---- tokens ------------------------------------------------------------------------------- */

void token_id(const uint8_t secret[WIRE_SECRET_BYTES], uint8_t out[EVENT_ID_BYTES])
{
    static const char context[] = "abri token";
    uint8_t hash[HASH_BYTES];
    hash_two(context, sizeof context, secret, WIRE_SECRET_BYTES, hash);
    memcpy(out, hash, EVENT_ID_BYTES);
}

/* X7 */
static bool maker_is_revoked(struct server *s, const struct catalog_token *t)
{
    struct catalog_identity maker;
    return !bytes_are_zero(t->by, EVENT_ID_BYTES) && (catalog_identity(s->catalog, t->by, &maker, NULL) || maker.revoked_ns);
}

static const char *check_token(struct request *q, const struct wire_token *t,
                               const uint8_t pin[PKI_PIN_BYTES], struct catalog_token *out)
{
    uint8_t id[EVENT_ID_BYTES];
    struct catalog_tenant tenant;
    token_id(t->secret, id);
    if (catalog_token(q->server->catalog, id, out, NULL) || out->cancelled_ns || maker_is_revoked(q->server, out))
        return "token_unknown";
    bool late = clock_realtime_ns() >= out->until_ns;
    if (out->used_ns && (late || memcmp(out->used_pin, pin, PKI_PIN_BYTES) != 0))
        return "token_used";
    if (late)
        return "token_expired";
    if (!bytes_are_zero(out->tenant, EVENT_ID_BYTES) &&
        (catalog_tenant(q->server->catalog, out->tenant, &tenant, NULL) || tenant.closed_ns))
        return "tenant_closed";
    return NULL;
}

static void refuse_token(struct request *q, const char *code)
{
    const char *text = strcmp(code, "token_used") == 0
                           ? "this token was used already: each is good once. Ask for another"
                       : strcmp(code, "token_expired") == 0
                           ? "this token has expired: ask for another"
                       : strcmp(code, "tenant_closed") == 0
                           ? "the tenant of this token was closed"
                           : "this server does not know that token, or whoever made it was revoked: ask for another";
    reply_refuse(q, code, "%s", text);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static unsigned days(const struct server *s)
{
    return s->options.certificate_days ? s->options.certificate_days : 30;
}

static int certify(struct request *q, const struct catalog_identity *who, const char *request,
                   struct buf *pem, struct err *e)
{
    struct server *s = q->server;
    char uri[PKI_URI_MAX], hex[2 * EVENT_ID_BYTES + 1];
    struct pki_identity c;
    struct event ev = {.kind = EVENT_CERTIFICATE_ISSUE};
    hex_encode(who->id, EVENT_ID_BYTES, hex);
    (void)snprintf(uri, sizeof uri, "abri:%s:%s",
                   who->type == IDENTITY_MACHINE ? "machine" : "person", hex);
    if (pki_certify(s->installation.authority, request, uri, days(s), clock_realtime_ns(), pem, &c,
                    e))
        return -1;
    memcpy(ev.by, who->id, EVENT_ID_BYTES);
    memcpy(ev.id, who->id, EVENT_ID_BYTES);
    memcpy(ev.serial, c.serial, PKI_SERIAL_BYTES);
    memcpy(ev.pin, c.key_pin, PKI_PIN_BYTES);
    ev.until_ns = c.not_after_ns;
    buf_put_u8(pem, 0);
    return buf_check(pem, "a certificate", e) ? -1 : server_decide(s, &ev, e);
}

/* ---- enrolment ---------------------------------------------------------------------------------- */

struct newcomer {
    struct catalog_token token;
    struct catalog_identity who;
    uint8_t pin[PKI_PIN_BYTES]; /* of the key */
    const char *name, *request;
    const char *witness; /* its key for checkpoints; NULL: it has none */
};

/* What a crash may have left out alone. */
static bool has_role(struct server *s, const struct newcomer *n)
{
    unsigned installation = 0, of_tenant = 0;
    bool of_one = !bytes_are_zero(n->token.tenant, EVENT_ID_BYTES);
    if (catalog_roles(s->catalog, n->who.id, n->token.tenant, &installation, &of_tenant, NULL))
        return false;
    return ((of_one ? of_tenant : installation) & R(n->token.role)) != 0;
}

static int record_identity(struct server *s, const struct newcomer *n, struct err *e)
{
    struct catalog_identity there;
    struct event ev = {.kind = EVENT_IDENTITY_CREATE, .type = n->token.type, .name = n->name,
                       .restore = n->token.restore};
    memcpy(ev.by, n->token.by, EVENT_ID_BYTES);
    memcpy(ev.id, n->who.id, EVENT_ID_BYTES);
    memcpy(ev.tenant, n->token.tenant, EVENT_ID_BYTES);
    if (catalog_identity(s->catalog, n->who.id, &there, NULL) && server_decide(s, &ev, e))
        return -1;
    if (n->token.type != IDENTITY_PERSON || has_role(s, n))
        return 0;
    struct event role = {.kind = EVENT_ROLE_GIVE, .role = n->token.role};
    memcpy(role.by, n->token.by, EVENT_ID_BYTES);
    memcpy(role.id, n->who.id, EVENT_ID_BYTES);
    memcpy(role.tenant, n->token.tenant, EVENT_ID_BYTES);
    struct catalog_identity who;
    if (server_decide(s, &role, e) || catalog_identity(s->catalog, n->who.id, &who, e))
        return -1;
    rights_given(s, &who, role.role, n->token.by);
    return 0;
}

/* A machine that enrols again stays itself; its tombstone stays, too (X4). */
static int choose_identity(struct request *q, struct newcomer *n, struct err *e)
{
    struct server *s = q->server;
    const uint8_t *id = n->token.used_ns ? n->token.used_by : n->token.id;
    if (bytes_are_zero(id, EVENT_ID_BYTES) && api_random(n->who.id, EVENT_ID_BYTES, e))
        return -1;
    if (catalog_identity(s->catalog, id, &n->who, NULL)) {
        if (!bytes_are_zero(id, EVENT_ID_BYTES))
            memcpy(n->who.id, id, EVENT_ID_BYTES);
        n->who.type = n->token.type;
        n->who.restore = n->token.restore;
        return 0;
    }
    return n->who.revoked_ns ? err_set(e, ERR_REFUSED, "this machine was revoked: nothing brings it back")
                             : 0;
}

/* X5 */
static int use_token(struct request *q, struct newcomer *n, struct err *e)
{
    struct event ev = {.kind = EVENT_TOKEN_USE};
    bool again = !bytes_are_zero(n->token.id, EVENT_ID_BYTES);
    if (choose_identity(q, n, e))
        return -1;
    memcpy(ev.by, n->who.id, EVENT_ID_BYTES);
    memcpy(ev.id, n->who.id, EVENT_ID_BYTES);
    memcpy(ev.token, n->token.token, EVENT_ID_BYTES);
    memcpy(ev.pin, n->pin, PKI_PIN_BYTES);
    if (!n->token.used_ns && server_decide(q->server, &ev, e))
        return -1;
    return again ? 0 : record_identity(q->server, n, e);
}

/* The daemon keeps the first owner's token in a file until then. */
static void tell_claimed(const struct server *s, const struct catalog_token *t)
{
    if (t->role == ROLE_OWNER && bytes_are_zero(t->by, EVENT_ID_BYTES) && s->options.claimed)
        s->options.claimed(s->options.arg);
}

static json_t *describe(struct server *s, const struct catalog_identity *who)
{
    struct catalog_tenant tenant = {0};
    bool of_tenant = !bytes_are_zero(who->tenant, EVENT_ID_BYTES) &&
                     catalog_tenant(s->catalog, who->tenant, &tenant, NULL) == 0;
    return json_pack("{s:o, s:s, s:s, s:s, s:b}", "id", json_id(who->id, EVENT_ID_BYTES), "type",
                     who->type == IDENTITY_MACHINE ? "machine" : "person", "name", who->name,
                     "tenant", of_tenant ? tenant.name : "", "restore", who->restore);
}

#define JOIN_NS (INT64_C(3600) * NS_PER_S)

/* Who shall add to a vault that is there must read its keys once, to be certified by its owner's passphrase:
 * an hour, in the log like any grant. True and the vault; the writer that the machine had, if it had one. */
static bool let_join(struct server *s, const struct newcomer *n, uint8_t vault[UID_BYTES],
                     uint8_t writer[UID_BYTES])
{
    struct catalog_vault v;
    struct event ev = {.kind = EVENT_GRANT_CREATE, .text = "to join the vault"};
    bool again = !bytes_are_zero(n->token.id, EVENT_ID_BYTES);
    memcpy(vault, n->token.vault, UID_BYTES);
    if (bytes_are_zero(vault, UID_BYTES) && again && catalog_vault_of(s->catalog, n->who.id, &v, NULL) == 0)
        memcpy(vault, v.vault, UID_BYTES);
    if (bytes_are_zero(vault, UID_BYTES) || api_random(ev.grant, EVENT_ID_BYTES, NULL))
        return false;
    (void)!catalog_writer(s->catalog, vault, n->who.id, writer, NULL);
    memcpy(ev.by, n->token.by, EVENT_ID_BYTES);
    memcpy(ev.id, n->who.id, EVENT_ID_BYTES);
    memcpy(ev.vault, vault, UID_BYTES);
    ev.until_ns = clock_realtime_ns() + JOIN_NS;
    return server_decide(s, &ev, NULL) == 0;
}

/* What it will hold this server to: the log's key, and how far the log is. */
static void put_log(struct server *s, json_t *o)
{
    CLEANUP(buf_done) struct buf key = {.max = 4096};
    CLEANUP(buf_done) struct buf note = {.max = NOTE_MAX};
    if (log_key_text(s, &key, NULL) || tlog_checkpoint(s->log, &note, NULL))
        return;
    (void)json_object_set_new(o, "log_key", json_string((const char *)key.data));
    (void)json_object_set_new(o, "checkpoint", json_stringn((const char *)note.data, note.len));
}

static void welcome(struct request *q, struct newcomer *n, const struct buf *certificate)
{
    struct server *s = q->server;
    uint8_t vault[UID_BYTES], writer[UID_BYTES] = {0};
    json_t *o = catalog_identity(s->catalog, n->who.id, &n->who, NULL) ? NULL : describe(s, &n->who);
    if (o) {
        (void)json_object_set_new(o, "certificate", json_string((const char *)certificate->data));
        (void)json_object_set_new(o, "shared", json_boolean(n->token.shared));
        put_log(s, o);
        if (let_join(s, n, vault, writer))
            (void)json_object_set_new(o, "vault", json_id(vault, UID_BYTES));
        if (!bytes_are_zero(writer, UID_BYTES))
            (void)json_object_set_new(o, "writer", json_id(writer, UID_BYTES));
    }
    reply_json(q, 201, o);
}

void api_enrol(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct server *s = q->server;
    struct wire_token token;
    struct newcomer n = {.name = take_name(in, "name")};
    CLEANUP(buf_done) struct buf certificate = {.max = PKI_PEM_MAX};
    struct err why = ERR_INIT;
    const char *text = json_string_value(json_object_get(in, "token"));
    uint8_t from[RATE_KEY_BYTES];
    (void)body, (void)len;
    rates_address(http_peer(q->http)->address, from);
    if (rates_are_full(s->rates, RATE_ENROL, from, clock_monotonic_ns())) {
        (void)err_set(&why, ERR_BUSY, "too many attempts to enrol have failed from your address: try again in some minutes");
        reply_limit(q, "too_many_attempts", &why);
        return;
    }
    n.request = json_string_value(json_object_get(in, "request"));
    n.witness = json_string_value(json_object_get(in, "witness"));
    if (!text || !n.request || !n.name || !*n.name || wire_token_parse(text, &token, &why)) {
        if (why.cls == ERR_UNSET)
            (void)err_set(&why, ERR_USAGE, "a token, a request for a certificate and a name are needed");
        reply_error(q, "usage", &why);
        return;
    }
    bool readable = pki_request_pin(n.request, n.pin, &why) == 0; /* or it would cost the token */
    (void)pthread_mutex_lock(&s->decide);
    const char *code = check_token(q, &token, n.pin, &n.token);
    int rc = code || !readable ? -1 : use_token(q, &n, &why);
    (void)pthread_mutex_unlock(&s->decide);
    explicit_bzero(&token, sizeof token);
    if (!code && !rc)
        tell_claimed(s, &n.token);
    if (code)
        (void)rates_take(s->rates, RATE_ENROL, from, clock_monotonic_ns());
    if (code)
        refuse_token(q, code);
    else if (rc || certify(q, &n.who, n.request, &certificate, &why) ||
             (n.witness && witness_record(s, n.who.id, n.witness, &why)))
        reply_fail(q, &why);
    else
        welcome(q, &n, &certificate);
}

/* ---- oneself ---------------------------------------------------------------------------------------- */

void api_renew(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf certificate = {.max = PKI_PEM_MAX};
    const char *request = json_string_value(json_object_get(in, "request"));
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (!request)
        (void)err_set(&why, ERR_USAGE, "a request for a certificate is needed");
    if (!request || certify(q, &q->caller.identity, request, &certificate, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 201, json_pack("{s:s}", "certificate", (char *)certificate.data));
}

void api_self(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct server *s = q->server;
    const struct catalog_identity *who = &q->caller.identity;
    struct catalog_vault vault;
    json_t *o = describe(s, who), *roles = json_array();
    (void)in, (void)body, (void)len;
    for (int r = ROLE_OWNER; r < ROLE_COUNT; r++)
        if (caller_may(s, &q->caller, R(r), who->tenant))
            (void)json_array_append_new(roles, json_string(role_name((enum role)r)));
    if (o) {
        (void)json_object_set_new(o, "roles", roles);
        (void)json_object_set_new(o, "certificate_until", json_time(who->certificate_until_ns));
        (void)json_object_set_new(o, "address", json_string(http_peer(q->http)->address));
        if (who->type == IDENTITY_MACHINE && catalog_vault_of(s->catalog, who->id, &vault, NULL) == 0)
            (void)json_object_set_new(o, "vault", json_id(vault.vault, UID_BYTES));
    } else {
        json_decref(roles);
    }
    reply_json(q, 200, o);
}
