/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to events. The bytes may come from anywhere: from a log that was edited, or from a newer server.
 *
 * E2 What is understood whole must be what the encoder would have written, byte for byte; so nothing
 *    is hidden in an entry that one reader sees and another does not.
 * E3 What is not understood is passed over, and changes nothing of what is; unless it says that
 *    it must be understood.
 */
#include "base/mem.h"
#include "server/event_internal.h"
#include "tlog/tlog.h"

#include <jansson.h>
#include <string.h>

_Static_assert(EVENT_BYTES_MAX == TLOG_ENTRY_MAX, "an event is an entry");

static int malformed(const char *key, struct err *e)
{
    return err_set(e, ERR_DAMAGED, "its '%s' is malformed", key);
}

static bool get_hex(const json_t *j, uint8_t *out, size_t len)
{
    return json_is_string(j) && hex_decode(json_string_value(j), json_string_length(j), out, len);
}

static bool get_value(const json_t *j, enum field f, struct event *ev)
{
    const struct event_field *d = &event_fields[f];
    void *m = (uint8_t *)ev + d->offset;
    const char *text = json_string_value(j); /* NULL if it is none */
    json_int_t n = json_is_integer(j) ? json_integer_value(j) : -1;
    switch (d->type) {
    case FIELD_ID: return get_hex(j, m, EVENT_ID_BYTES);
    case FIELD_HASH: return get_hex(j, m, 32);
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_POLICY: return (*(const char **)m = text) != NULL;
    case FIELD_TIME: return (*(int64_t *)m = n) >= 0;
    case FIELD_COUNT: *(uint64_t *)m = (uint64_t)n; return n >= 0;
    case FIELD_FLAG: return *(bool *)m = json_is_true(j);
    case FIELD_TYPE:
        *(enum identity_type *)m = text ? identity_type_of_name(text) : IDENTITY_UNSET;
        return *(enum identity_type *)m != IDENTITY_UNSET;
    case FIELD_ROLE:
        *(enum role *)m = text ? role_of_name(text) : ROLE_UNSET;
        return *(enum role *)m != ROLE_UNSET;
    case FIELD_KIND:
    case FIELD_VERSION: return true; /* was read before */
    }
    return false;
}

/* FIELD_LIMIT if a kind with these fields has none of that name. */
static enum field field_of(const char *key, uint32_t allowed)
{
    for (unsigned f = 0; f < FIELD_LIMIT; f++)
        if (allowed >> f & 1 && strcmp(key, event_fields[f].name) == 0)
            return (enum field)f;
    return FIELD_LIMIT;
}

static int check_version(json_t *root, struct err *e)
{
    const json_t *v = json_object_get(root, "v");
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return malformed("v", e);
    if (json_integer_value(v) != EVENT_VERSION)
        return err_set(e, ERR_NEWER,
                       "it has version %lld, this program reads %d: run a newer abrid",
                       (long long)json_integer_value(v), EVENT_VERSION);
    return 0;
}

/* E3. Sets *passed_out if the bytes cannot be those of the encoder. */
static int get_fields(json_t *root, struct event *ev, bool *passed_out, struct err *e)
{
    const struct event_kind_row *k = &event_kinds[ev->kind];
    uint32_t allowed = EVENT_ALWAYS | 1U << F_BY | k->needs | k->may | k->one_of;
    bool unknown = ev->kind == EVENT_UNSET, must = false;
    const char *key;
    json_t *value;
    json_object_foreach (root, key, value) {
        enum field f = field_of(key, allowed);
        bool is_must = strcmp(key, "must") == 0;
        if (is_must ? !json_is_true(value) : f != FIELD_LIMIT && !get_value(value, f, ev))
            return err_set(e, ERR_DAMAGED, "its '%s' is malformed", is_must ? key : event_fields[f].name);
        must |= is_must;
        unknown |= !is_must && f == FIELD_LIMIT;
    }
    if (must && unknown)
        return err_set(e, ERR_NEWER, "it must be understood, and is not: run a newer abrid");
    *passed_out = must || unknown;
    return 0;
}

/* E2 */
static int check_bytes(const struct event *ev, const uint8_t *p, size_t len, struct err *e)
{
    CLEANUP(buf_done) struct buf again = {.max = EVENT_BYTES_MAX};
    struct err why = ERR_INIT;
    if (event_encode(ev, &again, &why))
        return err_set(e, why.cls == ERR_NO_MEMORY ? ERR_NO_MEMORY : ERR_DAMAGED, "%s", why.msg);
    if (again.len != len || memcmp(again.data, p, len) != 0)
        return err_set(e, ERR_DAMAGED, "it is not written as events are");
    return 0;
}

static int check_whole(const struct event *ev, bool passed, const uint8_t *p, size_t len,
                       struct err *e)
{
    if (!passed)
        return check_bytes(ev, p, len, e);
    if (ev->time_ns <= 0)
        return malformed("time", e);
    if (ev->kind != EVENT_UNSET && event_check(ev, e))
        return err_reclass(e, ERR_DAMAGED);
    return 0;
}

static int decode(json_t *root, const uint8_t *p, size_t len, struct event *ev, struct err *e)
{
    bool passed = false;
    if (!json_is_object(root))
        return err_set(e, ERR_DAMAGED, "it is no JSON object");
    const char *kind = json_string_value(json_object_get(root, "kind"));
    if (check_version(root, e))
        return -1;
    if (!kind || !*kind || strlen(kind) != json_string_length(json_object_get(root, "kind")))
        return malformed("kind", e);
    ev->kind = event_kind_of_name(kind);
    if (get_fields(root, ev, &passed, e))
        return -1;
    return check_whole(ev, passed, p, len, e);
}

int event_decode(const uint8_t *p, size_t len, struct event *out, struct err *e)
{
    struct event ev = {0};
    json_error_t why;
    if (len > EVENT_BYTES_MAX)
        return err_set(e, ERR_DAMAGED, "an event of %zu bytes", len);
    json_t *root = json_loadb((const char *)p, len, JSON_REJECT_DUPLICATES, &why);
    if (!root && json_error_code(&why) == json_error_out_of_memory)
        return err_no_memory(e, "an event");
    if (!root)
        return err_set(e, ERR_DAMAGED, "an event is no JSON: %s", why.text);
    if (decode(root, p, len, &ev, e)) {
        json_decref(root);
        return err_wrap(e, "an event");
    }
    ev.json = root;
    *out = ev;
    return 0;
}

void event_done(struct event *ev)
{
    json_decref(ev->json);
    ev->json = NULL;
    ev->name = ev->text = ev->policy = NULL;
}
