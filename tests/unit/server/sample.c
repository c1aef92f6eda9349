/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <string.h>

/* Numbers of fields as they were before others came between: what golden.jsonl has stays what is made here. */
static int number_of(enum field f)
{
    return f == F_STORED ? 28 : f > F_STORED ? (int)f - 1 : (int)f;
}

void sample_field(struct event *ev, enum field field)
{
    const int f = number_of(field);
    void *m = (uint8_t *)ev + event_fields[field].offset;
    switch (event_fields[field].type) {
    case FIELD_ID: memset(m, 0x10 + f, EVENT_ID_BYTES); break;
    case FIELD_HASH: memset(m, 0x10 + f, 32); break;
    case FIELD_NAME: *(const char **)m = "Zoë \"A\\B\" / 店"; break;
    case FIELD_TEXT: *(const char **)m = "why; 100 %"; break;
    case FIELD_POLICY: *(const char **)m = "{\"keep-daily\":7}"; break;
    case FIELD_TIME: *(int64_t *)m = INT64_C(1700000000123456789) + f; break;
    case FIELD_COUNT: *(uint64_t *)m = field == F_BYTES ? INT64_MAX : 1000 + (uint64_t)f; break;
    case FIELD_FLAG: *(bool *)m = true; break;
    case FIELD_TYPE: *(enum identity_type *)m = IDENTITY_PERSON; break;
    case FIELD_ROLE: *(enum role *)m = ROLE_SECURITY_OFFICER; break;
    case FIELD_KIND:
    case FIELD_VERSION: break;
    }
}

void sample_clear(struct event *ev, enum field f)
{
    static const size_t sizes[] = {
        [FIELD_ID] = EVENT_ID_BYTES,       [FIELD_HASH] = 32,
        [FIELD_NAME] = sizeof(char *),     [FIELD_TEXT] = sizeof(char *),
        [FIELD_POLICY] = sizeof(char *),   [FIELD_TIME] = sizeof(int64_t),
        [FIELD_COUNT] = sizeof(uint64_t),  [FIELD_FLAG] = sizeof(bool),
        [FIELD_TYPE] = sizeof(enum identity_type), [FIELD_ROLE] = sizeof(enum role),
        [FIELD_KIND] = 0,                  [FIELD_VERSION] = 0,
    };
    memset((uint8_t *)ev + event_fields[f].offset, 0, sizes[event_fields[f].type]);
}

struct event sample_event(enum event_kind k, bool whole)
{
    const struct event_kind_row *row = &event_kinds[k];
    struct event ev = {.kind = k};
    uint32_t fields = row->needs | (whole ? row->may | 1U << F_BY : 0);
    if (row->one_of) /* the first of them, or the last */
        fields |= whole ? 1U << (31 - __builtin_clz(row->one_of)) : row->one_of & -row->one_of;
    sample_field(&ev, F_TIME);
    for (unsigned f = 0; f < FIELD_LIMIT; f++)
        if (fields >> f & 1)
            sample_field(&ev, (enum field)f);
    return ev;
}
