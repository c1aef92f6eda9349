/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upkeep of a vault that is ending: everything goes the way of all that is forgotten, and the vault after it.
 *
 * V4 What floor, locks, holds, doubt and ticks protect stays, whoever asked: only what rules would keep, and the grace
 *    of a tenant who left, end with the request.
 * V5 The log says that the vault is gone only when each snapshot in it could be freed by the judgement of a collection (its window and
 *    the margin are over, by the clock and in ticks; nothing protects it), when the window has passed since the vault began to end, and when no
 *    session is left that began before. What cannot be read cannot be judged, and keeps it.
 * V6 Nothing of it is removed before that entry is durable, and everything after it, however often a crash
 *    comes between (ending_removal.c).
 */
#include "server/upkeep_internal.h"

#include "base/mem.h"
#include "server/clock_guard.h"
#include "server/ending.h"
#include "server/usage.h"

#include <string.h>

/* Still, by what the log says now: somebody may have kept it since the round began. */
static int look_again(struct tending *t, struct catalog_vault *now, bool *ending, struct err *e)
{
    if (catalog_vault(t->s->catalog, t->about->vault, now, e))
        return -1;
    *ending = now->ending_ns && !now->gone_ns;
    return 0;
}

/* ---- forgetting ------------------------------------------------------------------------------ */

/* V4 */
static bool may_go(struct tending *t, const struct snapshot *s, const struct vault_rules *rules)
{
    struct policy_snapshot p;
    struct policy_decision d = {0};
    snapshot_for_policy(s, &p);
    return !policy_protects(&p, rules->floor_ns, &t->clock, &d) && !tending_is_protected(t, s, rules->floor_ns);
}

static int forget(struct tending *t, const struct snapshot_list *l, const struct snapshot **go, struct err *e)
{
    struct vault_rules rules;
    struct vault_forgotten done;
    size_t n = 0;
    if (vault_rules(t->v, &rules, e))
        return -1;
    for (size_t i = 0; i < l->count; i++) {
        if (!may_go(t, &l->items[i], &rules))
            continue;
        if (tending_record(t, EVENT_FORGET, &l->items[i], "the vault is ending", e)) /* C2 */
            return -1;
        go[n++] = &l->items[i];
    }
    return n ? vault_forget(t->v, go, n, tending_refused, t, &done, e) : 0;
}

int upkeep_end_forget(struct tending *t, const struct snapshot_list *living, struct err *e)
{
    CLEANUP_FREE const struct snapshot **go = mem_array(living->count + 1, sizeof *go);
    struct catalog_vault now;
    bool ending;
    if (!go)
        return err_no_memory(e, "what is forgotten");
    (void)pthread_mutex_lock(&t->s->end_lock);
    int rc = look_again(t, &now, &ending, e);
    if (!rc && ending)
        rc = forget(t, living, go, e);
    (void)pthread_mutex_unlock(&t->s->end_lock);
    return rc;
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void count_damage(void *arg, const char *object, const char *message)
{
    uint64_t *n = arg;
    (void)object, (void)message;
    ++*n;
}

static int count_lease(void *arg, const char *name, struct err *e)
{
    uint64_t *n = arg;
    (void)name, (void)e;
    ++*n;
    return 0;
}

/* By the clock, and in ticks. */
static bool window_is_over(struct tending *t, const struct catalog_vault *v, const struct vault_rules *rules)
{
    int64_t wait = rules->trash_window_ns + VAULT_FREE_MARGIN_NS;
    return t->clock.now_ns - v->ending_ns >= wait && clock_guard_has_lasted(t->s, v->ending_ns, wait);
}

/* V5 */
static int judge(struct tending *t, const struct catalog_vault *v, bool *over, struct err *e)
{
    struct snapshot_list l = {0};
    struct vault_rules rules;
    uint64_t damaged = 0, leases = 0;
    if (vault_rules(t->v, &rules, e) || store_lease_list(t->store, count_lease, &leases, e) ||
        vault_snapshots_all(t->v, &l, count_damage, &damaged, e))
        return -1;
    bool done = !damaged && !leases && window_is_over(t, v, &rules);
    for (size_t i = 0; done && i < l.count; i++)
        done = vault_may_free(&l.items[i], &rules, &t->clock) && tending_window_is_over(t, &l.items[i]) &&
               !tending_is_protected(t, &l.items[i], rules.floor_ns);
    snapshot_list_done(&l);
    *over = done;
    return 0;
}

/* V6 */
static int record_gone(struct tending *t, const struct catalog_vault *v, struct err *e)
{
    struct event ev = {.kind = EVENT_VAULT_GONE, .count = v->snapshots, .bytes = v->bytes};
    memcpy(ev.vault, v->vault, UID_BYTES);
    memcpy(ev.request, v->request, EVENT_ID_BYTES);
    return usage_measure(t->store, &ev.stored, e) || server_decide(t->s, &ev, e) ? -1 : 0;
}

static int close_if_over(struct tending *t, struct err *e)
{
    struct catalog_vault now;
    bool ending, over = false;
    if (look_again(t, &now, &ending, e))
        return -1;
    if (!ending)
        return 0;
    ending_tell(t->s, &now);
    return judge(t, &now, &over, e) || (over && record_gone(t, &now, e)) ? -1 : 0;
}

int upkeep_end_close(struct tending *t, struct err *e)
{
    if (t->frozen || !policy_clock_trusted(&t->clock)) /* C3 */
        return 0;
    sessions_end_all(t->s, t->about->vault);
    (void)pthread_mutex_lock(&t->s->end_lock);
    int rc = close_if_over(t, e);
    (void)pthread_mutex_unlock(&t->s->end_lock);
    return rc;
}
