/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, and what requests are read with. */
#include "server/server_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reply_json(struct request *q, int status, json_t *o)
{
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(o);
    if (!text) {
        struct err why = ERR_INIT;
        (void)err_no_memory(&why, "an answer");
        reply_fail(q, &why);
        return;
    }
    http_respond(q->http, status, WIRE_JSON, text, strlen(text));
    explicit_bzero(text, strlen(text)); /* it may hold a token */
    mem_free(text);
}

void reply_empty(struct request *q, int status)
{
    http_respond(q->http, status, NULL, NULL, 0);
}

static int status_of(const char *code, const struct err *e)
{
    if (strncmp(code, "certificate_", 12) == 0)
        return 401;
    return e->cls == ERR_NO_KEY ? 403 : wire_status(e->cls);
}

void reply_error(struct request *q, const char *code, const struct err *e)
{
    CLEANUP(buf_done) struct buf body = {.max = WIRE_JSON_MAX};
    wire_error_put(&body, code, e);
    http_respond(q->http, status_of(code, e), WIRE_JSON, body.data, body.failed ? 0 : body.len);
}

/* Paths of this machine are nobody's business: what the system refuses is said here alone. */
void reply_fail(struct request *q, const struct err *e)
{
    struct err shown = *e;
    if (e->cls == ERR_IO || e->cls == ERR_READ_ONLY) {
        server_tell(q->server, "%s %s: %s", http_method(q->http), http_path(q->http), e->msg);
        (void)err_set(&shown, e->cls, "the server could not do that; its operator finds why in its journal");
    } else if (e->cls == ERR_NO_SPACE) {
        server_tell(q->server, "no space: %s", e->msg);
        (void)err_set(&shown, e->cls, "the server has no space left: nothing that it has acknowledged is lost");
    }
    reply_error(q, err_class_name(e->cls), &shown);
}

void reply_refuse(struct request *q, const char *code, const char *fmt, ...)
{
    struct err why = ERR_INIT;
    char text[256], note[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)err_set(&why, ERR_REFUSED, "%s", text);
    (void)snprintf(note, sizeof note, "%s %s: %s", q->call->method, q->call->path, code);
    tally_refusal(q->server, q->caller.identity.id, note);
    reply_error(q, code, &why);
}

void reply_limit(struct request *q, const char *code, const struct err *e)
{
    char note[200];
    (void)snprintf(note, sizeof note, "%s %s: %s", q->call->method, q->call->path, code);
    tally_refusal(q->server, q->caller.identity.id, note);
    reply_error(q, code, e);
}

void reply_not_found(struct request *q)
{
    struct err why = ERR_INIT;
    (void)err_set(&why, ERR_NOT_FOUND, "there is nothing of that name for you");
    reply_error(q, "not_found", &why);
}

json_t *json_id(const uint8_t *id, size_t len)
{
    char hex[2 * 32 + 1];
    hex_encode(id, len, hex);
    return json_string(hex);
}

json_t *json_time(int64_t ns)
{
    char text[CLOCK_TEXT_BYTES];
    if (!ns)
        return json_null();
    clock_format_utc(ns, text);
    return json_string(text);
}

bool take_id(const json_t *o, const char *key, uint8_t *out, size_t len)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text && hex_decode(text, strlen(text), out, len);
}

const char *take_name(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    if (!text)
        return NULL;
    size_t len = strlen(text);
    if (len == 0 || len > EVENT_NAME_MAX)
        return "";
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return "";
    return text;
}
