/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: which call a path is, who may make it, how its body comes.
 *
 * A1 A call that is not in the table (call_table.c) does not exist; none of those in it removes or
 *    replaces an object of a vault.
 * A2 Nobody's handler runs before the caller was identified and has what `who` demands; handlers then
 *    look whose thing it is.
 * A15 Who has no certificate of the installation gets no memory here: his bodies are dropped as they come, and he is told
 *    why at the end.
 * A3 Loops only match names here; everything that may wait runs on workers.
 */
#include "server/server_internal.h"

#include "base/mem.h"

#include <string.h>

/* ---- paths ------------------------------------------------------------------------------ */

static bool is(const char *p, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(p, text, len) == 0;
}

/* One segment of a pattern: itself, or "{…}": an id of 32 or 64 digits; {aa} passes two digits over. */
static bool match_segment(const char *pattern, size_t plen, const char *p, size_t len,
                          struct request *q)
{
    if (pattern[0] != '{')
        return plen == len && memcmp(pattern, p, len) == 0;
    if (is(pattern, plen, "{aa}"))
        return len == 2;
    if (q->id_count == CALL_IDS || (len != 32 && len != 64))
        return false;
    if ((len == 64) != is(pattern, plen, "{pack}"))
        return false;
    return hex_decode(p, len, q->ids[q->id_count++], len / 2);
}

/* "{name}" at the end takes all that is left. */
static bool match(const char *pattern, const char *path, struct request *q)
{
    q->id_count = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++, path++;
        size_t plen = strcspn(pattern, "/"), len = strcspn(path, "/");
        if (strcmp(pattern, "{name}") == 0) {
            size_t rest = strlen(path);
            if (rest == 0 || rest > WIRE_NAME_MAX)
                return false;
            memcpy(q->rest, path, rest + 1);
            return true;
        }
        if (!match_segment(pattern, plen, path, len, q))
            return false;
        pattern += plen;
        path += len;
    }
    return *pattern == '\0' && *path == '\0';
}

static const struct call *find_call(const char *method, const char *path, struct request *q,
                                    bool *other_method)
{
    for (size_t i = 0; i < call_count; i++) {
        if (!match(calls[i].path, path, q))
            continue;
        if (strcmp(calls[i].method, method) == 0)
            return &calls[i];
        *other_method = true;
    }
    return NULL;
}

/* ---- admission ----------------------------------------------------------------------------- */

static bool has_what_it_takes(const struct request *q)
{
    unsigned who = q->call->who;
    const struct caller *c = &q->caller;
    if (who & CALL_KNOWN)
        return true;
    if ((who & CALL_MACHINE) && c->identity.type == IDENTITY_MACHINE)
        return true;
    if ((who & CALL_PERSON) && c->identity.type == IDENTITY_PERSON)
        return true;
    unsigned installation = 0, of_tenant = 0;
    if (catalog_roles(q->server->catalog, c->identity.id, c->identity.tenant, &installation,
                      &of_tenant, NULL))
        return false;
    return ((installation | of_tenant) & who) != 0;
}

int call_admit(struct request *q)
{
    struct err why = ERR_INIT;
    if (q->call->who & CALL_ANYONE)
        return 0;
    const char *code = caller_identify(q->server, http_peer(q->http), &q->caller, &why);
    if (code) {
        tally_refusal(q->server, q->caller.identity.id, code);
        reply_error(q, code, &why);
        return -1;
    }
    if (has_what_it_takes(q))
        return 0;
    reply_refuse(q, "forbidden", "this identity may not do that");
    return -1;
}

/* Before anything else: who speaks another version understands nothing but that. True: answered. */
static bool speaks_otherwise(struct http_request *r)
{
    static const struct http_field field = {WIRE_PROTOCOL_FIELD, "1"};
    CLEANUP(buf_done) struct buf body = {.max = 4096};
    struct err why = ERR_INIT;
    const char *code = wire_protocol_problem(http_header(r, WIRE_PROTOCOL_FIELD), http_path(r), &why);
    if (!code)
        return false;
    wire_error_put(&body, code, &why);
    http_respond_with(r, wire_status(why.cls), WIRE_JSON, &field, 1, body.data, body.failed ? 0 : body.len);
    return true;
}

static void run(void *arg, struct http_request *r, const uint8_t *body, size_t len)
{
    struct request *q = http_user(r);
    json_t *in = NULL;
    (void)arg;
    if (call_admit(q))
        return;
    if (q->call->body == BODY_JSON) {
        struct err why = ERR_INIT;
        in = json_loadb((const char *)body, len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(in)) {
            json_decref(in);
            (void)err_set(&why, ERR_USAGE, "the body is no JSON object");
            reply_error(q, "usage", &why);
            return;
        }
    }
    q->call->run(q, in, body, len);
    json_decref(in);
}

/* ---- of nobody ----------------------------------------------------------------------------------- */

/* Whether that can be told from the certificate alone. */
static bool is_nobody(const struct request *q)
{
    const struct http_peer *p = http_peer(q->http);
    return !(q->call->who & CALL_ANYONE) && (!p->certificate || p->verify_error);
}

static void drop_piece(void *arg, struct http_request *r, const uint8_t *p, size_t len)
{
    (void)arg, (void)r, (void)p, (void)len;
}

/* A15: always refused, with the right code. */
static void refuse_at_end(void *arg, struct http_request *r)
{
    (void)arg;
    if (call_admit(http_user(r)) == 0)
        reply_not_found(http_user(r));
}

static void forget_it(void *arg, struct http_request *r)
{
    (void)arg, (void)r;
}

static const struct http_sink nobody_sink = {drop_piece, refuse_at_end, forget_it};

/* ---- the head of a request -------------------------------------------------------------------- */

static void reply_plain(struct http_request *r, enum err_class cls, const char *code,
                         const char *message, int status)
{
    CLEANUP(buf_done) struct buf body = {.max = 4096};
    struct err why = ERR_INIT;
    (void)err_set(&why, cls, "%s", message);
    wire_error_put(&body, code, &why);
    http_respond(r, status, WIRE_JSON, body.data, body.failed ? 0 : body.len);
}

void calls_head(void *server, struct http_request *r)
{
    bool other_method = false;
    if (speaks_otherwise(r))
        return;
    struct request *q = mem_zalloc(sizeof *q);
    if (!q) {
        reply_plain(r, ERR_NO_MEMORY, "no_memory", "out of memory", 503);
        return;
    }
    q->server = server;
    q->http = r;
    http_set_user(r, q);
    q->call = find_call(http_method(r), http_path(r), q, &other_method);
    if (!q->call) {
        reply_plain(r, ERR_NOT_FOUND, other_method ? "no_such_method" : "no_such_call",
                     other_method ? "this call has other methods" : "there is no such call",
                     other_method ? 405 : 404);
        return;
    }
    size_t max = q->call->body == BODY_NONE ? 0 : q->call->max;
    if (http_content_length(r) > (int64_t)max) { /* what does not say how long it is, http refuses when it is too long */
        reply_plain(r, ERR_LIMIT, "limit", "the body is longer than this call takes", 413);
        return;
    }
    if (is_nobody(q) && q->call->body != BODY_NONE)
        http_stream(r, q->call->max, &nobody_sink);
    else if (q->call->body == BODY_STREAM)
        http_stream(r, q->call->max, q->call->sink);
    else
        http_collect(r, max, run);
}

void calls_done(void *server, struct http_request *r)
{
    (void)server;
    mem_free(http_user(r));
}
