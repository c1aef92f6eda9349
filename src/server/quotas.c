/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas: what was agreed on with a tenant.
 *
 * Q1 A quota raises an alarm and is on the invoice; it refuses nothing.
 * Q2 Unless a named person decided so, with a reason that the tenant sees: then new packs are refused above the bytes.
 *    Sessions, snapshots of what is there, and every restore go on.
 */
#include "server/alarms.h"
#include "server/usage.h"

#include <inttypes.h>
#include <string.h>

static bool above(uint64_t has, uint64_t quota)
{
    return quota && has > quota;
}

/* What the catalogue knows of the tenant's other vaults, and of this one what is there now. */
static uint64_t held_now(const struct catalog_held *h, const struct catalog_vault *about, uint64_t now)
{
    return (h->stored > about->stored ? h->stored - about->stored : 0) + now;
}

int quota_admit(struct server *s, const struct catalog_vault *about, struct vault_entry *v, uint64_t len,
                struct err *e)
{
    struct catalog_quota q;
    struct catalog_held h;
    if (catalog_quota(s->catalog, about->tenant, &q, NULL) || !q.enforced_ns || !q.bytes || /* Q1 */
        catalog_held(s->catalog, about->tenant, &h, NULL))
        return 0;
    uint64_t has = held_now(&h, about, usage_of(s, v));
    if (has <= q.bytes && len <= q.bytes - has)
        return 0;
    return err_set(e, ERR_NO_SPACE,
                   "no space: quota. %" PRIu64 " of %" PRIu64 " bytes are used, and it was decided that nothing more is "
                   "taken: \"%s\". What is stored stays, and can be restored; ask who looks after the server",
                   has, q.bytes, q.text);
}

/* ---- alarms ---------------------------------------------------------------------------------- */

static int count_machine(void *arg, const struct catalog_identity *i, struct err *e)
{
    uint64_t *n = arg;
    (void)e;
    *n += i->type == IDENTITY_MACHINE && !i->revoked_ns;
    return 0;
}

static int machines_of(struct server *s, const uint8_t tenant[EVENT_ID_BYTES], uint64_t *out, struct err *e)
{
    uint64_t n = 0;
    if (catalog_list_identity(s->catalog, tenant, count_machine, &n, e))
        return -1;
    *out = n;
    return 0;
}

static void watch(struct server *s, const struct alarm_cause *c, const struct catalog_quota *q, uint64_t bytes,
                  uint64_t count, const char *things)
{
    if (above(bytes, q->bytes))
        alarm_raise(s, c, ALARM_ONCE, "%" PRIu64 " bytes are stored, %" PRIu64 " were agreed on", bytes, q->bytes);
    else if (above(count, q->count))
        alarm_raise(s, c, ALARM_ONCE, "there are %" PRIu64 " %s, %" PRIu64 " were agreed on", count, things, q->count);
    else
        alarm_over(s, c, "no more than was agreed on");
}

/* -1: nothing was agreed on. */
static int compare(struct server *s, const uint8_t *tenant, struct catalog_quota *q, struct catalog_held *h,
                   uint64_t *machines)
{
    *machines = 0;
    return catalog_quota(s->catalog, tenant, q, NULL) || catalog_held(s->catalog, tenant, h, NULL) ||
                   (q->count && machines_of(s, tenant, machines, NULL))
               ? -1
               : 0;
}

void quota_watch_tenant(struct server *s, const uint8_t tenant[EVENT_ID_BYTES])
{
    const struct alarm_cause c = {.name = ALARM_QUOTA, .tenant = tenant};
    struct catalog_quota q;
    struct catalog_held h;
    uint64_t machines;
    if (compare(s, tenant, &q, &h, &machines) == 0)
        watch(s, &c, &q, h.stored, machines, "machines");
}

bool quota_is_exceeded(struct server *s, const uint8_t tenant[EVENT_ID_BYTES])
{
    struct catalog_quota q;
    struct catalog_held h;
    uint64_t machines;
    return compare(s, tenant, &q, &h, &machines) == 0 && (above(h.stored, q.bytes) || above(machines, q.count));
}

void quota_watch_vault(struct server *s, const uint8_t vault[UID_BYTES])
{
    struct catalog_quota q;
    struct catalog_vault v;
    if (catalog_quota(s->catalog, vault, &q, NULL) || catalog_vault(s->catalog, vault, &v, NULL))
        return;
    const struct alarm_cause c = {.name = ALARM_QUOTA, .tenant = v.tenant, .vault = v.vault};
    watch(s, &c, &q, v.stored, v.living, "snapshots");
}
