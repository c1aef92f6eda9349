/* SPDX-License-Identifier: Apache-2.0 */
/*
 * W1 An alarm about a machine is of its tenant and itself: it stays the same alarm whatever vault it adds to.
 * W2 Who is revoked, or whose tenant was closed, is expected nothing of: alarms about him end. That he was revoked stays one until
 *    somebody knows it, or the tenant leaves. Nor are snapshots expected of a machine whose vault is ending, or is gone: an alarm of
 *    its own tells of that.
 */
#include "server/watch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server/alarms.h"
#include "server/floods.h"
#include "server/upkeep.h"
#include "server/usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define DAY_NS    (INT64_C(86400) * NS_PER_S)
#define UNUSED_NS (30 * DAY_NS) /* as long as a certificate lives */
#define TOKENS_NS (90 * DAY_NS) /* tokens that ended longer ago are history */

struct watching {
    struct server *s;
    int64_t now_ns;
};

/* ---- machines and people -------------------------------------------------------------------- */

/* The vault that it adds to; none yet: its tenant's. */
static int policy_of(struct server *s, const struct catalog_identity *i, struct retention *out, struct err *e)
{
    struct catalog_vault v;
    if (catalog_vault_of(s->catalog, i->id, &v, NULL)) {
        v = (struct catalog_vault){0};
        memcpy(v.tenant, i->tenant, EVENT_ID_BYTES);
    }
    return upkeep_policy(s, &v, out, e);
}

static int64_t last_snapshot(const struct catalog_identity *i)
{
    return i->snapshot_ns ? i->snapshot_ns : i->created_ns;
}

static bool is_silent(const struct catalog_identity *i, const struct retention *policy, int64_t now_ns)
{
    return policy->silence_ns && now_ns - last_snapshot(i) > policy->silence_ns;
}

int watch_is_silent(struct server *s, const struct catalog_identity *machine, int64_t now_ns, bool *out,
                    struct err *e)
{
    struct retention policy;
    if (policy_of(s, machine, &policy, e))
        return -1;
    *out = is_silent(machine, &policy, now_ns);
    return 0;
}

/* Until somebody says that he knows. */
static bool is_revoked_unknown(struct server *s, const struct catalog_identity *i)
{
    struct event about = {.name = ALARM_REVOKED};
    CLEANUP_FREE struct catalog_alarm *a = mem_zalloc(sizeof *a);
    memcpy(about.tenant, i->tenant, EVENT_ID_BYTES);
    memcpy(about.id, i->id, EVENT_ID_BYTES);
    return a && catalog_standing_alarm(s->catalog, &about, a, NULL) == 0 && !a->closed_ns;
}

int watch_why_unprotected(struct server *s, const struct catalog_identity *i, int64_t now_ns, const char **out, struct err *e)
{
    bool silent = false;
    *out = NULL;
    if (i->type != IDENTITY_MACHINE)
        return 0;
    if (i->revoked_ns) {
        *out = is_revoked_unknown(s, i) ? "revoked" : NULL;
        return 0;
    }
    if (watch_is_silent(s, i, now_ns, &silent, e))
        return -1;
    *out = !i->snapshot_ns ? "never" : silent ? "silent" : NULL;
    return 0;
}

static bool has_ending_vault(struct server *s, const struct catalog_identity *i)
{
    struct catalog_vault v;
    return catalog_vault_of(s->catalog, i->id, &v, NULL) == 0 && v.ending_ns;
}

static void watch_silence(struct watching *w, const struct catalog_identity *i, const struct retention *policy)
{
    const struct alarm_cause c = {.name = ALARM_SILENCE, .tenant = i->tenant, .id = i->id};
    if (has_ending_vault(w->s, i)) /* W2 */
        alarm_over(w->s, &c, "its vault is ending");
    else if (is_silent(i, policy, w->now_ns))
        alarm_raise(w->s, &c, ALARM_ONCE, "%s: no snapshot for %lld hours", i->name,
                    (long long)((w->now_ns - last_snapshot(i)) / NS_PER_S / 3600));
    else
        alarm_over(w->s, &c, "there are snapshots again");
}

static void watch_use(struct watching *w, const struct catalog_identity *i)
{
    const struct alarm_cause c = {.name = ALARM_UNUSED, .tenant = i->tenant, .id = i->id};
    int64_t last = i->seen_ns > i->created_ns ? i->seen_ns : i->created_ns;
    if (w->now_ns - last > UNUSED_NS)
        alarm_raise(w->s, &c, ALARM_ONCE, "%s %s: not used for %lld days%s. If nobody needs it, revoke it",
                    i->type == IDENTITY_MACHINE ? "machine" : "person", i->name,
                    (long long)((w->now_ns - last) / DAY_NS),
                    i->certificate_until_ns < w->now_ns ? ", its certificate has ended" : "");
    else
        alarm_over(w->s, &c, "it is used again");
}

/* W2 */
static void forget_identity(struct watching *w, const struct catalog_identity *i, bool left)
{
    const struct alarm_cause revoked = {.name = ALARM_REVOKED, .tenant = i->tenant, .id = i->id};
    if (left)
        alarm_over(w->s, &revoked, "its tenant was closed");
    static const char *const names[] = {ALARM_SILENCE, ALARM_FLOOD, ALARM_BYTES, ALARM_UNUSED};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const struct alarm_cause c = {.name = names[n], .tenant = i->tenant, .id = i->id};
        alarm_over(w->s, &c, i->revoked_ns ? "it was revoked" : "its tenant was closed");
    }
}

/* A crash may have come between the log's two entries; whoever knows of it already hears nothing. */
static void recall_revocation(struct watching *w, const struct catalog_identity *i)
{
    const struct alarm_cause c = {.name = ALARM_REVOKED, .tenant = i->tenant, .id = i->id};
    if (w->now_ns - i->revoked_ns < DAY_NS)
        alarm_raise(w->s, &c, ALARM_ONCE, "%s %s was revoked; the log says by whom",
                    i->type == IDENTITY_MACHINE ? "machine" : "person", i->name);
}

static bool tenant_is_open(struct server *s, const uint8_t *tenant)
{
    struct catalog_tenant t;
    return bytes_are_zero(tenant, EVENT_ID_BYTES) ||
           (catalog_tenant(s->catalog, tenant, &t, NULL) == 0 && !t.closed_ns);
}

static int watch_identity(void *arg, const struct catalog_identity *i, struct err *e)
{
    struct watching *w = arg;
    struct retention policy;
    if (w->s->stopping)
        return 1;
    bool left = !tenant_is_open(w->s, i->tenant);
    if (i->revoked_ns || left) {
        forget_identity(w, i, left);
        if (!left)
            recall_revocation(w, i);
        return 0;
    }
    watch_use(w, i);
    if (i->type != IDENTITY_MACHINE)
        return 0;
    if (policy_of(w->s, i, &policy, e))
        return -1;
    watch_silence(w, i, &policy);
    flood_watch(w->s, i, &policy, w->now_ns);
    flood_watch_bytes(w->s, i, &policy, w->now_ns);
    return 0;
}

/* ---- tokens ----------------------------------------------------------------------------------- */

struct token_count {
    struct watching *w;
    uint64_t unused;
    char newest[EVENT_NAME_MAX + 1];
};

static int count_token(void *arg, const struct catalog_token *t, struct err *e)
{
    struct token_count *n = arg;
    (void)e;
    if (t->used_ns || t->cancelled_ns || t->until_ns > n->w->now_ns || n->w->now_ns - t->until_ns > TOKENS_NS)
        return 0;
    n->unused++;
    memcpy(n->newest, t->name, sizeof n->newest);
    return 0;
}

static void watch_tokens(struct watching *w, const uint8_t *tenant)
{
    const struct alarm_cause c = {.name = ALARM_UNUSED, .tenant = tenant};
    struct token_count n = {.w = w};
    if (catalog_list_token(w->s->catalog, tenant, count_token, &n, NULL))
        return;
    if (n.unused)
        alarm_raise(w->s, &c, ALARM_IF_OTHER,
                    "%llu tokens ended in the last 90 days without being used, the newest '%s': what should have "
                    "been enrolled is not protected",
                    (unsigned long long)n.unused, n.newest);
    else
        alarm_over(w->s, &c, "none ended unused in the last 90 days");
}

/* ---- tenants, vaults, requests ------------------------------------------------------------------- */

static int watch_tenant(void *arg, const struct catalog_tenant *t, struct err *e)
{
    struct watching *w = arg;
    (void)e;
    quota_watch_tenant(w->s, t->id);
    if (!t->closed_ns)
        watch_tokens(w, t->id);
    return w->s->stopping ? 1 : 0;
}

static int watch_vault(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct watching *w = arg;
    (void)e;
    quota_watch_vault(w->s, v->vault);
    return w->s->stopping ? 1 : 0;
}

static int watch_request(void *arg, const struct catalog_alarm *a, struct err *e)
{
    struct watching *w = arg;
    (void)e;
    if (a->over_ns || strcmp(a->name, ALARM_REQUEST) != 0 || bytes_are_zero(a->request, EVENT_ID_BYTES))
        return 0;
    CLEANUP_FREE struct catalog_request *r = mem_zalloc(sizeof *r);
    const struct alarm_cause c = {a->name, a->tenant, a->vault, a->id, a->request};
    if (r && catalog_request(w->s->catalog, a->request, r, NULL) == 0 && (r->executed_ns || r->cancelled_ns))
        alarm_over(w->s, &c, r->executed_ns ? "the request was carried out" : "the request was cancelled");
    return 0;
}

/* ---- the disk ------------------------------------------------------------------------------------- */

/* Of the installation, before everybody is told "no space". */
static void watch_space(struct server *s)
{
    const struct alarm_cause c = {.name = ALARM_SPACE};
    unsigned least = s->options.free_percent ? s->options.free_percent : 5;
    struct statvfs f;
    if (statvfs(s->installation.root, &f) || f.f_blocks == 0)
        return;
    unsigned percent = (unsigned)((double)f.f_bavail / (double)f.f_blocks * 100);
    if (percent < least)
        alarm_raise(s, &c, ALARM_ONCE, "%u %% of the disk are free, %llu MiB: make room, or add some", percent,
                    (unsigned long long)((double)f.f_bavail * (double)f.f_frsize / (1 << 20)));
    else
        alarm_over(s, &c, "there is room again");
}

void watch_all(struct server *s)
{
    struct watching w = {s, clock_realtime_ns()};
    struct err why = ERR_INIT;
    watch_space(s);
    if (catalog_list_identity(s->catalog, NULL, watch_identity, &w, &why) < 0 ||
        catalog_list_tenant(s->catalog, NULL, watch_tenant, &w, &why) < 0 ||
        catalog_list_vault(s->catalog, NULL, watch_vault, &w, &why) < 0 ||
        catalog_list_alarm(s->catalog, NULL, watch_request, &w, &why) < 0)
        server_tell(s, "looking after alarms: %s", why.msg);
}
