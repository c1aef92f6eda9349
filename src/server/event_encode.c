/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to JSON. Written by hand and not by a library, whose taste in spaces and escapes may
 * change, while these bytes are hashed into the log for ever.
 *
 * E1 The same event is the same bytes: fields in the order of their names, no spaces, of escapes
 *    only \" and \\ (there are no control characters), hexadecimal in lower case.
 */
#include "base/mem.h"
#include "server/event_internal.h"

#include <inttypes.h>
#include <stdio.h>

static void put_text(struct buf *b, const char *text)
{
    buf_put_u8(b, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_put_u8(b, '\\');
        buf_put_u8(b, (uint8_t)*text);
    }
    buf_put_u8(b, '"');
}

static void put_hex(struct buf *b, const uint8_t *p, size_t len)
{
    char hex[2 * 32 + 1];
    hex_encode(p, len, hex);
    put_text(b, hex);
}

static void put_number(struct buf *b, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    buf_put(b, digits, (size_t)len);
}

static void put_value(struct buf *b, const struct event *ev, enum field f)
{
    const void *m = event_member(ev, f);
    switch (event_fields[f].type) {
    case FIELD_ID: put_hex(b, m, EVENT_ID_BYTES); break;
    case FIELD_HASH: put_hex(b, m, 32); break;
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_POLICY: put_text(b, *(const char *const *)m); break;
    case FIELD_TIME: put_number(b, (uint64_t) * (const int64_t *)m); break;
    case FIELD_COUNT: put_number(b, *(const uint64_t *)m); break;
    case FIELD_FLAG: buf_put(b, "true", 4); break;
    case FIELD_TYPE: put_text(b, identity_type_name(*(const enum identity_type *)m)); break;
    case FIELD_ROLE: put_text(b, role_name(*(const enum role *)m)); break;
    case FIELD_KIND: put_text(b, event_kind_name(*(const enum event_kind *)m)); break;
    case FIELD_VERSION: put_number(b, EVENT_VERSION); break;
    }
}

int event_encode(const struct event *ev, struct buf *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = EVENT_BYTES_MAX};
    if (event_check(ev, e))
        return -1;
    for (unsigned f = 0; f < FIELD_LIMIT; f++) {
        if (!event_has(ev, (enum field)f))
            continue;
        buf_put_u8(&b, b.len ? ',' : '{');
        put_text(&b, event_fields[f].name);
        buf_put_u8(&b, ':');
        put_value(&b, ev, (enum field)f);
    }
    buf_put_u8(&b, '}');
    if (buf_check(&b, "an event", e))
        return -1;
    size_t before = out->len;
    buf_put(out, b.data, b.len);
    if (buf_check(out, "an event", e)) {
        out->len = before;
        return -1;
    }
    return 0;
}
