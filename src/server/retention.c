/* SPDX-License-Identifier: Apache-2.0 */
/* Reading policies, and telling which of two keeps less. */
#include "server/retention.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define WAIT_NS    (INT64_C(7) * 24 * 3600 * 1000000000)
#define GRACE_NS   (INT64_C(180) * 24 * 3600 * 1000000000)
#define LONGEST_NS (INT64_C(100) * 366 * 24 * 3600 * 1000000000)

static int bad(const char *key, const char *why, struct err *e)
{
    return err_set(e, ERR_USAGE, "policy: '%.40s' %s", key, why);
}

static int take_span(const json_t *o, const char *key, struct policy_span *out, struct err *e)
{
    const char *text = json_string_value(o);
    return text && policy_span_parse(text, out) ? 0 : bad(key, "is no time such as 30d, 1y6m or 36h", e);
}

static int take_length(const json_t *o, const char *key, int64_t *out, struct err *e)
{
    struct policy_span span;
    if (take_span(o, key, &span, e))
        return -1;
    *out = policy_span_longest_ns(&span);
    return *out <= LONGEST_NS ? 0 : bad(key, "is longer than 100 years", e);
}

static int take_number(const json_t *o, const char *key, uint64_t *out, struct err *e)
{
    const char *text = json_string_value(o);
    if (text && strcmp(text, "unlimited") == 0) {
        *out = POLICY_UNLIMITED;
        return 0;
    }
    if (!json_is_integer(o) || json_integer_value(o) < 1 || json_integer_value(o) > UINT32_MAX)
        return bad(key, "is neither a number from 1 nor \"unlimited\"", e);
    *out = (uint64_t)json_integer_value(o);
    return 0;
}

/* Bytes; 0: no alarm at all. */
static int take_bytes(const json_t *o, const char *key, struct retention *r, struct err *e)
{
    if (!json_is_integer(o) || json_integer_value(o) < 0)
        return bad(key, "is no number of bytes; 0 is for no alarm", e);
    r->bytes_silent = json_integer_value(o) == 0;
    r->bytes_a_day = r->bytes_silent ? POLICY_UNLIMITED : (uint64_t)json_integer_value(o);
    return 0;
}

static int find_grain(const char *name, enum policy_grain *out, struct err *e)
{
    for (int g = 0; g < POLICY_GRAINS; g++)
        if (strcmp(name, policy_grain_name((enum policy_grain)g)) == 0 ||
            (g == POLICY_EACH && strcmp(name, "each") == 0)) {
            *out = (enum policy_grain)g;
            return 0;
        }
    return bad(name, "is none of last, hourly, daily, weekly, monthly, yearly", e);
}

static int take_keep(json_t *o, struct retention *r, struct err *e)
{
    const char *name;
    json_t *value;
    enum policy_grain g = POLICY_EACH;
    json_object_foreach(o, name, value) {
        if (find_grain(name, &g, e) || take_number(value, name, &r->rules.keep[g], e))
            return -1;
    }
    return 0;
}

static int take_within(json_t *o, struct retention *r, struct err *e)
{
    const char *name;
    json_t *value;
    enum policy_grain g = POLICY_EACH;
    json_object_foreach(o, name, value) {
        if (find_grain(name, &g, e) || take_span(value, name, &r->rules.within[g], e))
            return -1;
    }
    return 0;
}

static int take_tags(const json_t *o, struct retention *r, struct err *e)
{
    size_t n = json_array_size(o);
    if (!json_is_array(o) || n > RETENTION_TAGS_MAX)
        return bad("tags", "is no list of at most 16 tags", e);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(o, i));
        if (!text || !*text || strlen(text) >= sizeof r->tag_text[i])
            return bad("tags", "holds something that is no tag", e);
        memcpy(r->tag_text[i], text, strlen(text) + 1);
        r->tags[i] = r->tag_text[i];
    }
    r->rules.tags = r->tags;
    r->rules.tag_count = n;
    return 0;
}

static int take_key_of_tenant(const json_t *o, struct retention *r, struct err *e)
{
    const char *text = json_string_value(o);
    r->has_tenant_key = text && hex_decode(text, strlen(text), r->tenant_key, sizeof r->tenant_key);
    return r->has_tenant_key ? 0 : bad("tenant_key", "is no key of 64 hex digits", e);
}

static int take_key(struct retention *r, const char *key, json_t *value, struct err *e)
{
    if (strcmp(key, "keep") == 0)
        return json_is_object(value) ? take_keep(value, r, e) : bad(key, "is no object", e);
    if (strcmp(key, "within") == 0)
        return json_is_object(value) ? take_within(value, r, e) : bad(key, "is no object", e);
    if (strcmp(key, "tags") == 0)
        return take_tags(value, r, e);
    if (strcmp(key, "floor") == 0)
        return take_length(value, key, &r->floor_ns, e);
    if (strcmp(key, "trash") == 0)
        return take_length(value, key, &r->trash_ns, e);
    if (strcmp(key, "silence") == 0)
        return take_length(value, key, &r->silence_ns, e);
    if (strcmp(key, "wait") == 0)
        return take_length(value, key, &r->wait_ns, e);
    if (strcmp(key, "tenant_key") == 0)
        return take_key_of_tenant(value, r, e);
    if (strcmp(key, "grace") == 0)
        return take_length(value, key, &r->grace_ns, e);
    if (strcmp(key, "snapshots_limit") == 0)
        return take_number(value, key, &r->snapshots_limit, e);
    if (strcmp(key, "bytes_a_day") == 0)
        return take_bytes(value, key, r, e);
    if (strcmp(key, "snapshots_a_day") == 0)
        return take_number(value, key, &r->snapshots_a_day, e);
    return bad(key, "is nothing that a policy can say", e);
}

int retention_parse(const char *text, struct retention *out, struct err *e)
{
    json_error_t where;
    const char *key;
    json_t *value, *o = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    int rc = 0;
    if (!json_is_object(o)) {
        json_decref(o);
        return err_set(e, ERR_USAGE, "policy: no JSON object: line %d, column %d: %s", where.line,
                       where.column, where.text);
    }
    *out = (struct retention){.wait_ns = WAIT_NS, .grace_ns = GRACE_NS, .bytes_a_day = POLICY_UNLIMITED};
    json_object_foreach(o, key, value) {
        rc = take_key(out, key, value, e);
        if (rc)
            break;
    }
    json_decref(o);
    return rc || policy_rules_check(&out->rules, e) ? -1 : 0;
}

/* Where nothing is expected, ten times what every tenant begins with. */
uint64_t retention_snapshots_limit(const struct retention *r)
{
    uint64_t limit = r->snapshots_limit;
    if (!limit && r->snapshots_a_day == POLICY_UNLIMITED)
        return POLICY_UNLIMITED;
    if (!limit)
        limit = r->snapshots_a_day ? 10 * r->snapshots_a_day : 2000;
    return limit < 24 ? 24 : limit;
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool has_tag(const struct retention *r, const char *tag)
{
    for (size_t i = 0; i < r->rules.tag_count; i++)
        if (strcmp(r->rules.tags[i], tag) == 0)
            return true;
    return false;
}

static bool less(bool yes, const char *what, char *why)
{
    if (yes)
        (void)snprintf(why, 128, "%s", what);
    return yes;
}

bool retention_keeps_less(const struct retention *now, const struct retention *next, char *why)
{
    for (int g = 0; g < POLICY_GRAINS; g++) {
        char what[64];
        (void)snprintf(what, sizeof what, "fewer %s snapshots", policy_grain_name((enum policy_grain)g));
        if (less(next->rules.keep[g] < now->rules.keep[g] ||
                     policy_span_longest_ns(&next->rules.within[g]) <
                         policy_span_longest_ns(&now->rules.within[g]),
                 what, why))
            return true;
    }
    for (size_t i = 0; i < now->rules.tag_count; i++)
        if (less(!has_tag(next, now->rules.tags[i]), "a tag is missing", why))
            return true;
    bool other_key = now->has_tenant_key && (!next->has_tenant_key ||
                                             memcmp(now->tenant_key, next->tenant_key, 32) != 0);
    return less(other_key, "another key of the tenant", why) ||
           less(next->wait_ns < now->wait_ns, "a shorter wait for early deletions", why) ||
           less(next->floor_ns < now->floor_ns, "a lower floor", why) ||
           less(next->trash_ns < now->trash_ns, "a shorter time in the trash", why) ||
           less(next->snapshots_a_day > now->snapshots_a_day, "a later alarm for floods of snapshots", why) ||
           less(next->bytes_a_day > now->bytes_a_day || (next->bytes_silent && !now->bytes_silent),
                "a later alarm for floods of bytes", why) ||
           less(next->snapshots_limit && /* one that follows from what is expected may fall with it */
                    retention_snapshots_limit(next) < retention_snapshots_limit(now),
                "a lower limit of snapshots", why) ||
           less(next->grace_ns < now->grace_ns, "less grace after the end of a contract", why) ||
           less(next->silence_ns > now->silence_ns || (!next->silence_ns && now->silence_ns),
                "a later alarm for silent machines", why);
}
