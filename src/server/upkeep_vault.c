/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault's upkeep: its policy becomes rules, what they do not keep goes to the trash, what nobody needs is
 * collected, a share of its packs is read and verified, and mended (upkeep_scrub.c).
 *
 * C1 Floors only rise, by the vault's own rules; count rules never go below them (policy, M1).
 * C2 What goes is in the log before it goes.
 * C3 A clock that is not trusted ends nothing (policy, M3), neither the vault's judgement nor the server's
 *    (clock_guard.c, K1); that is an alarm. What ends must have lasted in ticks, too (K2).
 * C5 Nothing of a tenant that was closed is forgotten before its grace is over, unless its vault is ending (upkeep_end.c).
 */
#include "server/upkeep_internal.h"
#include "server/clock_guard.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server/alarms.h"
#include "server/usage.h"

#include <stdio.h>
#include <string.h>

void tending_done(struct tending *t)
{
    buf_done(&t->damage.packs);
    vault_close(t->v);
    store_close(t->store);
}

int upkeep_policy(struct server *s, const struct catalog_vault *v, struct retention *out,
                  struct err *e)
{
    CLEANUP(buf_done) struct buf text = {.max = EVENT_POLICY_MAX + 1};
    if (catalog_policy(s->catalog, v->vault, &text, NULL)) {
        buf_reset(&text);
        if (catalog_policy(s->catalog, v->tenant, &text, NULL)) {
            buf_reset(&text);
            buf_put(&text, RETENTION_DEFAULT, sizeof RETENTION_DEFAULT - 1);
        }
    }
    buf_put_u8(&text, 0);
    return buf_check(&text, "a policy", e) ? -1 : retention_parse((const char *)text.data, out, e);
}

static int open_vault(struct tending *t, struct err *e)
{
    return vaults_open_apart(t->s, t->about->vault, &t->store, &t->v, e);
}

static struct alarm_cause alarm_of(const struct tending *t, const char *name)
{
    return (struct alarm_cause){.name = name, .tenant = t->about->tenant, .vault = t->about->vault};
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* C1, before anything else: a floor that is not written yet protects nothing. */
static int set_rules(struct tending *t, struct err *e)
{
    struct vault_rules now;
    if (vault_rules(t->v, &now, e))
        return -1;
    int64_t floor = t->policy.floor_ns > now.floor_ns ? t->policy.floor_ns : now.floor_ns;
    if (now.generation && floor == now.floor_ns && t->policy.trash_ns == now.trash_window_ns)
        return 0;
    return vault_set_rules(t->v, floor, t->policy.trash_ns ? t->policy.trash_ns : VAULT_TRASH_WINDOW_NS, e);
}

/* ---- forgetting -------------------------------------------------------------------------------- */

int tending_record(struct tending *t, enum event_kind kind, const struct snapshot *s, const char *text,
                   struct err *e)
{
    struct event ev = {.kind = kind, .sequence = s->seq, .text = text};
    memcpy(ev.vault, t->about->vault, UID_BYTES);
    memcpy(ev.snapshot, s->id, ID_BYTES);
    if (kind == EVENT_FORGET)
        ev.until_ns = t->clock.now_ns + t->policy.trash_ns;
    return server_record(t->s, &ev, NULL, e);
}

void tending_refused(void *arg, const struct snapshot *s, const char *why)
{
    struct tending *t = arg;
    server_tell(t->s, "snapshot %llu was not forgotten after all: %s", (unsigned long long)s->seq, why);
}

bool tending_is_protected(struct tending *t, const struct snapshot *s, int64_t floor_ns)
{
    return !clock_guard_has_lasted(t->s, s->received_ns, floor_ns) ||
           (s->locked_until_ns &&
            !clock_guard_has_lasted(t->s, s->locked_since_ns, s->locked_until_ns - s->locked_since_ns));
}

static int decide(struct tending *t, const struct snapshot_list *l, struct policy_decision *out,
                  int64_t *floor_out, struct err *e)
{
    struct vault_rules rules;
    CLEANUP_FREE struct policy_snapshot *about = mem_array(l->count + 1, sizeof *about);
    if (!about)
        return err_no_memory(e, "deciding what is kept");
    if (vault_rules(t->v, &rules, e))
        return -1;
    for (size_t i = 0; i < l->count; i++)
        snapshot_for_policy(&l->items[i], &about[i]);
    *floor_out = rules.floor_ns;
    const struct policy_question q = {.snapshots = about, .count = l->count,
                                      .rules = &t->policy.rules, .floor_ns = rules.floor_ns,
                                      .clock = &t->clock};
    return policy_decide(&q, out, e);
}

static int forget_some(struct tending *t, const struct snapshot_list *l, struct err *e)
{
    CLEANUP_FREE struct policy_decision *decisions = mem_array(l->count + 1, sizeof *decisions);
    CLEANUP_FREE const struct snapshot **go = mem_array(l->count + 1, sizeof *go);
    struct vault_forgotten done;
    int64_t floor_ns;
    size_t n = 0;
    if (!decisions || !go)
        return err_no_memory(e, "deciding what is kept");
    if (decide(t, l, decisions, &floor_ns, e))
        return -1;
    for (size_t i = 0; i < l->count; i++) {
        if (decisions[i].keep || tending_is_protected(t, &l->items[i], floor_ns))
            continue;
        if (tending_record(t, EVENT_FORGET, &l->items[i], "no rule keeps it", e)) /* C2 */
            return -1;
        go[n++] = &l->items[i];
    }
    return n ? vault_forget(t->v, go, n, tending_refused, t, &done, e) : 0;
}

/* C5 */
static bool in_grace(const struct tending *t)
{
    struct catalog_tenant tenant;
    return catalog_tenant(t->s->catalog, t->about->tenant, &tenant, NULL) == 0 && tenant.closed_ns &&
           t->clock.now_ns - tenant.closed_ns < t->policy.grace_ns;
}

static int forget(struct tending *t, struct err *e)
{
    struct snapshot_list l = {0};
    char text[POLICY_TEXT_BYTES];
    const struct alarm_cause clock = alarm_of(t, ALARM_CLOCK);
    t->frozen = !clock_guard_look(t->s); /* which has told already */
    if (vault_clock_judge(t->v, &t->clock, e))
        return -1;
    if (t->frozen)
        return 0;
    if (!policy_clock_trusted(&t->clock)) { /* C3 */
        policy_clock_text(&t->clock, text);
        alarm_raise(t->s, &clock, ALARM_ONCE, "%s", text);
        return 0;
    }
    alarm_over(t->s, &clock, "it is trusted again");
    if (!t->about->ending_ns && in_grace(t))
        return 0;
    if (vault_snapshots(t->v, &l, NULL, NULL, e))
        return -1;
    int rc = !l.count ? 0 : t->about->ending_ns ? upkeep_end_forget(t, &l, e) : forget_some(t, &l, e);
    snapshot_list_done(&l);
    return rc;
}

/* ---- collecting ----------------------------------------------------------------------------------- */

bool tending_window_is_over(struct tending *t, const struct snapshot *s)
{
    return clock_guard_has_lasted(t->s, s->forgotten_since_ns,
                                  s->forgotten_until_ns - s->forgotten_since_ns + VAULT_FREE_MARGIN_NS);
}

/* K2, C2 */
static int freeing(void *arg, const struct snapshot *s, bool *stays, struct err *e)
{
    struct tending *t = arg;
    *stays = !tending_window_is_over(t, s);
    return *stays ? 0 : tending_record(t, EVENT_FREE, s, NULL, e);
}

static void note_damage(void *arg, const char *object, const char *what)
{
    struct tending *t = arg;
    upkeep_note_damage(&t->damage, object, what);
}

static int collect(struct tending *t, struct err *e)
{
    if (t->frozen || !policy_clock_trusted(&t->clock))
        return 0;
    const struct gc_options o = {.max_unused = 0.05, .max_rewrite = UINT64_MAX, .clock = t->clock,
                                 .damaged = note_damage, .freeing = freeing, .arg = t};
    struct gc_result r;
    struct err why = ERR_INIT;
    if (vault_gc(t->v, &o, &r, &why))
        return why.cls == ERR_BUSY ? 0 : err_give(e, &why);
    return 0;
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

/* Before something goes, and after: a month's peak is not to be missed. */
static int count_usage(struct tending *t, struct err *e)
{
    struct snapshot_list l = {0};
    uint64_t stored;
    if (usage_measure(t->store, &stored, e) || vault_snapshots(t->v, &l, NULL, NULL, e))
        return -1;
    int rc = usage_record(t->s, t->about->vault, stored, l.count, e);
    snapshot_list_done(&l);
    return rc;
}

int upkeep_vault(struct server *s, const struct catalog_vault *v, unsigned share, struct err *e)
{
    CLEANUP(tending_done) struct tending t = {.s = s, .about = v};
    if (upkeep_policy(s, v, &t.policy, e) || open_vault(&t, e))
        return -1;
    snapshots_recall(s, v->vault, t.store, t.v);
    int rc = set_rules(&t, e) || count_usage(&t, e) || forget(&t, e) || collect(&t, e) || count_usage(&t, e) ? -1 : 0;
    /* Whatever is wrong with the rules: damage is looked for. */
    struct err why = ERR_INIT;
    if (upkeep_scrub(s, v, t.v, &t.damage, share, &why) && !rc)
        rc = err_give(e, &why);
    return rc || (v->ending_ns && upkeep_end_close(&t, e)) ? -1 : 0;
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

int tending_begin(struct tending *t, struct server *s, struct catalog_vault *about,
                  const uint8_t vault[UID_BYTES], struct err *e)
{
    *t = (struct tending){.s = s, .about = about};
    return catalog_vault(s->catalog, vault, about, e) || upkeep_policy(s, about, &t->policy, e) ||
                   open_vault(t, e) || set_rules(t, e)
               ? -1
               : 0;
}

int upkeep_rules(struct server *s, const uint8_t vault[UID_BYTES], struct err *e)
{
    CLEANUP(tending_done) struct tending t = {0};
    struct catalog_vault about;
    return tending_begin(&t, s, &about, vault, e);
}

int upkeep_confirm_clock(struct server *s, const uint8_t vault[UID_BYTES], struct err *e)
{
    CLEANUP(tending_done) struct tending t = {0};
    struct catalog_vault about;
    return tending_begin(&t, s, &about, vault, e) || vault_clock_confirm(t.v, e) ? -1 : 0;
}

struct confirming {
    struct server *s;
    unsigned count, failed;
};

static int confirm_one(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct confirming *c = arg;
    struct err why = ERR_INIT;
    char hex[2 * UID_BYTES + 1];
    (void)e;
    if (v->gone_ns)
        return 0;
    c->count++;
    if (upkeep_confirm_clock(c->s, v->vault, &why) == 0)
        return 0;
    c->failed++;
    hex_encode(v->vault, UID_BYTES, hex);
    server_tell(c->s, "the clock could not be confirmed in vault %s: %s", hex, why.msg);
    return 0;
}

/* The server last: until then nothing is freed. */
int upkeep_confirm_clocks(struct server *s, char *what, size_t cap, struct err *e)
{
    struct confirming c = {.s = s};
    if (catalog_list_vault(s->catalog, NULL, confirm_one, &c, e) || clock_guard_confirm(s, e))
        return -1;
    (void)snprintf(what, cap, "confirmed, in %u of %u vaults", c.count - c.failed, c.count);
    return 0;
}

static void count_refused(void *arg, const struct snapshot *s, const char *why)
{
    char *what = arg;
    (void)snprintf(what, 400, "snapshot %llu stays: %.300s", (unsigned long long)s->seq, why);
}

int upkeep_release_named(struct server *s, const uint8_t vault[UID_BYTES],
                         bool (*named)(const json_t *o, uint64_t sequence), const json_t *o, char *what, size_t cap,
                         struct err *e)
{
    CLEANUP(tending_done) struct tending t = {0};
    struct catalog_vault about;
    struct snapshot_list l = {0};
    size_t n = 0;
    if (tending_begin(&t, s, &about, vault, e) || vault_snapshots(t.v, &l, NULL, NULL, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; !rc && i < l.count; i++) {
        struct event ev = {.kind = EVENT_PROTECT, .name = "release", .sequence = l.items[i].seq, .text = "a request"};
        if (!l.items[i].held || !named(o, l.items[i].seq))
            continue;
        memcpy(ev.vault, vault, UID_BYTES);
        memcpy(ev.snapshot, l.items[i].id, ID_BYTES);
        rc = server_record(s, &ev, NULL, e) || vault_release(t.v, &l.items[i], e) ? -1 : 0;
        n += !rc;
    }
    (void)snprintf(what, cap, "%zu snapshots are held no longer", n);
    snapshot_list_done(&l);
    return rc;
}

int upkeep_forget_named(struct server *s, const uint8_t vault[UID_BYTES],
                        bool (*named)(const json_t *o, uint64_t sequence), const json_t *o,
                        char *what, size_t cap, struct err *e)
{
    CLEANUP(tending_done) struct tending t = {0};
    struct catalog_vault about;
    struct snapshot_list l = {0};
    struct vault_forgotten done = {0};
    char refused[400] = "";
    struct vault_rules rules;
    size_t n = 0, asked = 0;
    if (tending_begin(&t, s, &about, vault, e) || vault_clock_judge(t.v, &t.clock, e) || vault_rules(t.v, &rules, e) ||
        vault_snapshots(t.v, &l, NULL, NULL, e))
        return -1;
    CLEANUP_FREE const struct snapshot **go = mem_array(l.count + 1, sizeof *go);
    int rc = go ? 0 : err_no_memory(e, "a list");
    for (size_t i = 0; !rc && i < l.count; i++)
        if (named(o, l.items[i].seq)) {
            if (tending_is_protected(&t, &l.items[i], rules.floor_ns)) {
                count_refused(refused, &l.items[i], "its floor or lock counts time in which the server ran");
                asked++;
                continue;
            }
            rc = tending_record(&t, EVENT_FORGET, &l.items[i], "a request", e);
            go[n++] = &l.items[i];
        }
    if (!rc && n)
        rc = vault_forget(t.v, go, n, count_refused, refused, &done, e);
    (void)snprintf(what, cap, "%zu of %zu snapshots went to the trash. %s", done.count, n + asked, refused);
    snapshot_list_done(&l);
    return rc;
}
