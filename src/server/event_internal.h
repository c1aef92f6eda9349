/* SPDX-License-Identifier: Apache-2.0 */
/* The two tables of events, for this room: what fields there are, and which of them a kind has. */
#ifndef ABRI_SERVER_EVENT_INTERNAL_H
#define ABRI_SERVER_EVENT_INTERNAL_H

#include "server/event.h"

enum field_type {
    FIELD_ID = 1, /* EVENT_ID_BYTES, hex */
    FIELD_HASH,   /* 32 bytes, hex */
    FIELD_NAME,   /* texts, by their greatest length */
    FIELD_TEXT,
    FIELD_POLICY,
    FIELD_TIME,  /* ns, int64_t */
    FIELD_COUNT, /* uint64_t, of which JSON takes 63 bits */
    FIELD_FLAG,
    FIELD_TYPE,
    FIELD_ROLE,
    FIELD_KIND,
    FIELD_VERSION, /* of the entry: EVENT_VERSION, no member */
};

/* In the order of their names, which is that of the entry. */
enum field {
    F_BY,
    F_BYTES,
    F_COUNT,
    F_FILES,
    F_GRANT,
    F_ID,
    F_KIND,
    F_NAME,
    F_PIN,
    F_POLICY,
    F_RECEIVED,
    F_REQUEST,
    F_RESTORE,
    F_ROLE,
    F_SEQUENCE,
    F_SERIAL,
    F_SESSION,
    F_SHARED,
    F_SNAPSHOT,
    F_STORED,
    F_TENANT,
    F_TEXT,
    F_TIME,
    F_TOKEN,
    F_TYPE,
    F_UNTIL,
    F_V,
    F_VAULT,
    F_WRITER,
    FIELD_LIMIT
};
struct event_field {
    const char *name;
    enum field_type type;
    size_t offset; /* in struct event */
};
extern const struct event_field event_fields[FIELD_LIMIT];

#define EVENT_VERSION 1

/* Sets of fields: bits 1 << field. What every kind has is not in them. */
struct event_kind_row {
    const char *name;
    uint32_t needs, may, one_of; /* one_of: exactly one of these */
};
extern const struct event_kind_row event_kinds[EVENT_KIND_COUNT];
#define EVENT_ALWAYS (1U << F_KIND | 1U << F_TIME | 1U << F_V) /* and `by`, unless the server itself acts */

const char *identity_type_name(enum identity_type t); /* NULL beyond */
enum identity_type identity_type_of_name(const char *name);

/* Bytes of the character at `p`, 0 if it is no UTF-8 or a control character. */
size_t event_character(const uint8_t *p, size_t len);

static inline const void *event_member(const struct event *ev, enum field f)
{
    return (const uint8_t *)ev + event_fields[f].offset;
}
bool event_has(const struct event *ev, enum field f); /* whether it is neither zero nor empty */
size_t event_text_max(enum field_type t);
/* What event_encode demands; the event needs a known kind. */
MUST_CHECK int event_check(const struct event *ev, struct err *e);

#endif
