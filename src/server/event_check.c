/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an event is one that can be written: its kind's fields and no others, texts that people
 * can read, numbers that JSON can hold.
 */
#include "server/event_internal.h"

#include <string.h>

/* UTF-8 as RFC 3629 has it: the shortest form, no surrogates, nothing above U+10FFFF. */
static size_t decode_character(const uint8_t *p, size_t len, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
    if (n == 0 || n > len)
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if ((n > 1 && c < least[n]) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

/* C0, DEL, C1, and the two separators that some programs take for an end of line. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

size_t event_character(const uint8_t *p, size_t len)
{
    uint32_t c = 0;
    size_t n = len ? decode_character(p, len, &c) : 0;
    return n && !is_control(c) ? n : 0;
}

void event_clean(const void *text, size_t len, size_t max, char *out)
{
    const uint8_t *p = text;
    size_t used = 0;
    for (size_t at = 0; at < len;) {
        size_t n = event_character(p + at, len - at);
        if (used + (n ? n : 1) > max)
            break;
        if (n)
            memcpy(out + used, p + at, n);
        else
            out[used] = '?';
        used += n ? n : 1;
        at += n ? n : 1;
    }
    out[used] = '\0';
}

size_t event_text_max(enum field_type t)
{
    return t == FIELD_NAME ? EVENT_NAME_MAX : t == FIELD_TEXT ? EVENT_TEXT_MAX : EVENT_POLICY_MAX;
}

bool event_has(const struct event *ev, enum field f)
{
    const void *m = event_member(ev, f);
    switch (event_fields[f].type) {
    case FIELD_ID: return !bytes_are_zero(m, EVENT_ID_BYTES);
    case FIELD_HASH: return !bytes_are_zero(m, 32);
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_POLICY: return *(const char *const *)m && **(const char *const *)m;
    case FIELD_TIME: return *(const int64_t *)m != 0;
    case FIELD_COUNT: return *(const uint64_t *)m != 0;
    case FIELD_FLAG: return *(const bool *)m;
    case FIELD_TYPE: return *(const enum identity_type *)m != IDENTITY_UNSET;
    case FIELD_ROLE: return *(const enum role *)m != ROLE_UNSET;
    case FIELD_KIND: return *(const enum event_kind *)m != EVENT_UNSET;
    case FIELD_VERSION: return true;
    }
    return false;
}

static int check_text(const struct event_field *f, const char *text, struct err *e)
{
    size_t len = strlen(text);
    if (len > event_text_max(f->type))
        return err_set(e, ERR_LIMIT, "'%s' has %zu bytes, at most %zu are possible", f->name, len,
                       event_text_max(f->type));
    for (size_t at = 0; at < len;) {
        size_t n = event_character((const uint8_t *)text + at, len - at);
        if (!n)
            return err_set(e, ERR_USAGE, "'%s' is no UTF-8 or has control characters", f->name);
        at += n;
    }
    return 0;
}

static int check_value(const struct event *ev, enum field f, struct err *e)
{
    const struct event_field *d = &event_fields[f];
    const void *m = event_member(ev, f);
    bool good = true;
    switch (d->type) {
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_POLICY: return check_text(d, *(const char *const *)m, e);
    case FIELD_TIME: good = *(const int64_t *)m > 0; break;
    case FIELD_COUNT: good = *(const uint64_t *)m <= INT64_MAX; break;
    case FIELD_TYPE: good = identity_type_name(*(const enum identity_type *)m) != NULL; break;
    case FIELD_ROLE: good = role_name(*(const enum role *)m) != NULL; break;
    case FIELD_ID:
    case FIELD_HASH:
    case FIELD_FLAG:
    case FIELD_KIND:
    case FIELD_VERSION: break;
    }
    return good ? 0 : err_set(e, ERR_USAGE, "'%s' is out of range", d->name);
}

static int check_field(const struct event *ev, const struct event_kind_row *k, enum field f,
                       struct err *e)
{
    uint32_t bit = 1U << f;
    bool has = event_has(ev, f);
    if (has && !(bit & (k->needs | k->may | k->one_of | EVENT_ALWAYS | 1U << F_BY)))
        return err_set(e, ERR_USAGE, "such an event has no '%s'", event_fields[f].name);
    if (!has && (bit & (k->needs | EVENT_ALWAYS)))
        return err_set(e, ERR_USAGE, "its '%s' is missing", event_fields[f].name);
    return has ? check_value(ev, f, e) : 0;
}

int event_check(const struct event *ev, struct err *e)
{
    if (!event_kind_name(ev->kind))
        return err_set(e, ERR_USAGE, "an event of no kind");
    const struct event_kind_row *k = &event_kinds[ev->kind];
    uint32_t chosen = 0;
    for (unsigned f = 0; f < FIELD_LIMIT; f++) {
        if (check_field(ev, k, (enum field)f, e))
            return err_wrap(e, "event %s", k->name);
        if ((k->one_of >> f & 1) && event_has(ev, (enum field)f))
            chosen |= 1U << f;
    }
    if (k->one_of && (!chosen || (chosen & (chosen - 1))))
        return err_set(e, ERR_USAGE, "event %s: it needs exactly one of its subjects", k->name);
    return 0;
}
