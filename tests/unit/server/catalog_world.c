/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_world.h"

#include "server/event_internal.h"

#include <string.h>

void world_id(enum sort sort, unsigned n, uint8_t out[EVENT_ID_BYTES])
{
    if (sort == VAULT && n == WORLD_IDS - 1)
        sort = TENANT, n = 0;
    memset(out, (int)(sort << 4 | n), EVENT_ID_BYTES);
}

uint64_t world_random(struct world_random *r, uint64_t below)
{
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = r->state;
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 29;
    return x % below;
}

static enum sort sort_of(enum field f)
{
    switch (f) {
    case F_BY:
    case F_ID: return PEOPLE;
    case F_TENANT: return TENANT;
    case F_TOKEN: return TOKEN;
    case F_VAULT: return VAULT;
    case F_WRITER: return WRITER;
    case F_GRANT: return GRANT;
    case F_REQUEST: return REQUEST;
    case F_SERIAL: return SERIAL;
    default: return SESSION;
    }
}

static const char *const names[] = {"anna", "bert", "Zoë's \"café\"", "'; DROP TABLE tenants; --", "?1 :by %s"};

static void fill(struct world_random *r, struct event *ev, enum field f)
{
    void *m = (uint8_t *)ev + event_fields[f].offset;
    switch (event_fields[f].type) {
    case FIELD_ID: world_id(sort_of(f), (unsigned)world_random(r, WORLD_IDS), m); break;
    case FIELD_HASH: memset(m, 1 + (int)world_random(r, 200), 32); break;
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_POLICY: *(const char **)m = names[world_random(r, 5)]; break;
    case FIELD_TIME: *(int64_t *)m = ev->time_ns + (int64_t)world_random(r, world_random(r, 2) ? 60 : 3000) - 5; break;
    case FIELD_COUNT:
        *(uint64_t *)m = (f == F_BYTES || f == F_STORED) && world_random(r, 8) == 0 ? INT64_MAX : 1 + world_random(r, 12);
        break;
    case FIELD_FLAG: *(bool *)m = true; break;
    case FIELD_TYPE: *(enum identity_type *)m = 1 + (enum identity_type)world_random(r, 2); break;
    case FIELD_ROLE: *(enum role *)m = 1 + (enum role)world_random(r, ROLE_COUNT - 1); break;
    case FIELD_KIND:
    case FIELD_VERSION: break;
    }
}

/* What ends things is rarer, and what others build upon more frequent, so that there is something to contradict. */
static enum event_kind kind(struct world_random *r)
{
    static const enum event_kind grow[] = {EVENT_TENANT_CREATE, EVENT_IDENTITY_CREATE, EVENT_VAULT_CREATE,
                                           EVENT_VAULT_WRITER,  EVENT_SNAPSHOT,        EVENT_TOKEN_CREATE,
                                           EVENT_TOKEN_USE,     EVENT_GRANT_CREATE,    EVENT_ALARM,
                                           EVENT_ALARM_CLOSE,   EVENT_QUOTA_ENFORCE,   EVENT_SESSION_BEGIN,
                                           EVENT_ROLE_GIVE,     EVENT_ROLE_TAKE,       EVENT_REQUEST_CREATE,
                                           EVENT_VAULT_END,     EVENT_VAULT_KEEP,      EVENT_VAULT_GONE};
    enum event_kind k = 1 + (enum event_kind)world_random(r, EVENT_KIND_COUNT - 1);
    bool ends = k == EVENT_TENANT_CLOSE || k == EVENT_IDENTITY_REVOKE;
    return (ends && world_random(r, 12)) || world_random(r, 2) ? grow[world_random(r, sizeof grow / sizeof *grow)] : k;
}

/* So that there are vaults, and some end: machines are of the first tenant, mostly, and each request asks for the end of the
 * vault of its own number. */
static void meet(struct world_random *r, struct event *ev)
{
    bool of_vault = ev->kind == EVENT_VAULT_END || ev->kind == EVENT_VAULT_GONE || ev->kind == EVENT_REQUEST_CREATE;
    if (world_random(r, 4) == 0)
        return;
    if (ev->kind == EVENT_IDENTITY_CREATE || ev->kind == EVENT_VAULT_CREATE)
        world_id(TENANT, 0, ev->tenant);
    if (ev->kind == EVENT_IDENTITY_CREATE && world_random(r, 2))
        ev->type = IDENTITY_MACHINE;
    if (ev->kind == EVENT_REQUEST_CREATE)
        ev->name = "delete";
    if (of_vault)
        world_id(VAULT, ev->request[0] & 15U, ev->vault);
}

struct event world_event(struct world_random *r, int64_t *now)
{
    struct event ev = {.kind = kind(r)};
    const struct event_kind_row *row = &event_kinds[ev.kind];
    uint32_t fields = row->needs;
    *now += world_random(r, 20) ? (int64_t)world_random(r, 5) : -(int64_t)world_random(r, 30);
    *now = *now < 100 ? 100 : *now;
    ev.time_ns = *now;
    for (unsigned f = 0; f < FIELD_LIMIT; f++)
        if (((row->may | 1U << F_BY) >> f & 1) && world_random(r, 2))
            fields |= 1U << f;
    if ((ev.kind == EVENT_ALARM || ev.kind == EVENT_ALARM_CLOSE) && world_random(r, 8)) /* so that causes meet */
        fields &= ~(1U << F_ID | 1U << F_VAULT | 1U << F_REQUEST);
    if ((ev.kind == EVENT_ROLE_GIVE || ev.kind == EVENT_ROLE_TAKE) && world_random(r, 4))
        fields &= ~(1U << F_TENANT);
    if (row->one_of)
        fields |= world_random(r, 2) ? 1U << F_TENANT : 1U << F_VAULT;
    for (unsigned f = 0; f < FIELD_LIMIT; f++)
        if (fields >> f & 1)
            fill(r, &ev, (enum field)f);
    if (ev.kind == EVENT_ALARM || ev.kind == EVENT_ALARM_CLOSE)
        ev.name = names[world_random(r, 2)];
    meet(r, &ev);
    return ev;
}
