/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods: A2, thousands of false snapshots that shall push the true ones out; A3, a false newest one; A8, noise that shall
 * drown a neighbour. What A2 is held against is in truth.c.
 */
#include "attack/families.h"
#include "attack/truth.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/pack_format.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define DAY_S  INT64_C(86400)
#define DAY_NS (DAY_S * NS_PER_S)
/* As world.c's tenants begin (server/retention.h); said again at the beginning of the play, so that both mean the same. */
#define POLICY                                                                                                        \
    "{\"keep\":{\"daily\":30,\"weekly\":12,\"monthly\":12},\"floor\":\"14d\",\"trash\":\"14d\",\"silence\":\"36h\"," \
    "\"snapshots_a_day\":50}"
#define EXPECTED 50u /* snapshots a day */
static const struct policy_rules rules = {.keep = {[POLICY_DAILY] = 30, [POLICY_WEEKLY] = 12, [POLICY_MONTHLY] = 12}};

/* ---- the false ones --------------------------------------------------------------------------------- */

static int64_t false_time(struct play *p, unsigned i)
{
    int64_t now = clock_realtime_ns(), far = (int64_t)play_below(p, 20 * 365) * DAY_NS;
    switch (i % 4) {
    case 0: return now - far;
    case 1: return now + far;
    case 2: return 0;
    default: return now;
    }
}

/* In the victim's own group: he who has its keys knows its name and paths. */
static int take_group(struct victim *v, struct forger *f, struct err *e)
{
    struct snapshot_list all = {0};
    if (!victim_can_be_read(v))
        return 0;
    int rc = victim_list(v, &all, e);
    if (!rc && all.count)
        memcpy(f->group, all.items[all.count - 1].group, UID_BYTES);
    snapshot_list_done(&all);
    return rc;
}

struct flooding {
    unsigned sent, taken, refused;
    struct told last_refusal;
};

static int flood(struct play *p, struct victim *v, unsigned count, struct flooding *out, struct err *e)
{
    struct forger f = {0};
    int rc = forger_begin(&f, v->machine, e) || take_group(v, &f, e) || forger_session(&f, e) ? -1 : 0;
    for (unsigned i = 0; !rc && i < count && !world_cancelled(p->world); i++) {
        struct told told;
        rc = forger_commit(&f, &(struct forged_record){.client_time_ns = false_time(p, i)}, &told, e);
        out->sent++;
        out->taken += told.status == 201;
        if (told.status != 201) {
            out->refused++;
            out->last_refusal = told;
        }
    }
    forger_done(&f);
    return rc;
}

/* ---- A2 -------------------------------------------------------------------------------------------------- */

static int set_policy(struct world *w, struct err *e)
{
    char path[200];
    json_t *in = json_loads(POLICY, 0, NULL);
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/policy", w->tenant);
    int rc = in ? party_ask(&w->owner, "PUT", path, in, NULL, e) : err_no_memory(e, "a policy");
    json_decref(in);
    return rc;
}

/* The day ends in both worlds; what is there in the other must be here. A snapshot of today that is gone already would
 * never be learnt of: it is missing, too. */
static int see(struct truth *t, struct victim *v, size_t *missing, struct err *e)
{
    struct snapshot_list l = {0};
    int rc = victim_list(v, &l, e);
    if (!rc) {
        truth_learn(t, v->points, v->count, &l);
        rc = truth_end_of_day(t, &rules, 14 * DAY_NS, clock_realtime_ns(), e);
        *missing += truth_lost(t, &l) + (t->count < v->count);
    }
    snapshot_list_done(&l);
    return rc;
}

/* One day: the honest machine backs up, the day passes, what is due is forgotten. */
static int one_day(struct world *w, struct victim *v, struct truth *t, size_t *missing, struct err *e)
{
    return victim_backup(v, e) || world_pass(w, DAY_S, e) || world_upkeep(w, e) || see(t, v, missing, e) ? -1 : 0;
}

/* Every true snapshot that is still due comes back. */
static int restore_all(struct play *p, struct victim *v, const struct truth *t, struct err *e)
{
    size_t good = 0, due = 0;
    for (size_t i = 0; i < t->count && !world_cancelled(p->world); i++) {
        struct victim_restored r;
        const struct victim_point *point = NULL;
        for (size_t k = 0; k < v->count; k++)
            if (memcmp(v->points[k].id, t->ids[i], ID_BYTES) == 0)
                point = &v->points[k];
        if (t->all[i].forgotten || !point)
            continue;
        due++;
        if (victim_restore(v, point, &r, e))
            return -1;
        good += r.same;
    }
    (void)play_claim(p, due && good == due, "%zu of %zu true snapshots did not come back as they were", due - good, due);
    play_tell(p, "all %zu that the rules keep were restored whole", due);
    return 0;
}

static int play_flood(struct play *p, struct victim *v, struct truth *t, struct err *e)
{
    struct world *w = p->world;
    struct flooding f = {0};
    size_t missing = 0;
    uint64_t alarms = 0;
    unsigned before = 6;
    if (set_policy(w, e))
        return -1;
    for (unsigned i = 0; i < before; i++)
        if (one_day(w, v, t, &missing, e))
            return -1;
    /* One just before it, on the same day: only the floor keeps that. */
    if (victim_backup(v, e) || flood(p, v, p->o->snapshots, &f, e) || world_upkeep(w, e) || see(t, v, &missing, e) ||
        world_pass(w, 3700, e)) /* beyond the limit one an hour is taken: so the honest machine goes on */
        return -1;
    (void)play_claim(p, f.sent == p->o->snapshots && f.taken + f.refused == f.sent, "the play itself: %u of %u sent", f.sent,
                     p->o->snapshots);
    (void)play_claim(p, missing == 0, "%zu true snapshots were gone right after the flood", missing);
    for (unsigned i = 0; i < p->o->days && !world_cancelled(w); i++)
        if (one_day(w, v, t, &missing, e))
            return -1;
    if (world_entries(w, "alarm", "flood", &alarms, e))
        return -1;
    (void)play_claim(p, p->o->snapshots <= EXPECTED || alarms > 0, "%u snapshots in a day, and no alarm", p->o->snapshots);
    (void)play_claim(p, missing == 0, "%zu times a true snapshot that was due was missing", missing);
    play_tell(p, "%u false snapshots, back-dated, future-dated (%u taken, %u refused), then %u days: 0 true ones lost of %zu", f.sent,
              f.taken, f.refused, p->o->days, t->count);
    return restore_all(p, v, t, e);
}

void attack_flood(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    CLEANUP(truth_done) struct truth t = {0};
    if (victim_begin(&v, &p->world->web, &p->error) || truth_new(&t, &p->error))
        return;
    (void)play_flood(p, &v, &t, &p->error);
    victim_recover(p, &v);
}

/* ---- A3 --------------------------------------------------------------------------------------------------- */

/* By the time that the keeper noted, not by what the writer says. */
static int restore_as_of(struct play *p, struct victim *v, const struct victim_point *clean, int64_t when_ns, struct err *e)
{
    char spec[CLOCK_TEXT_BYTES];
    struct snapshot_list l = {0};
    size_t at = 0;
    int64_t s = when_ns / NS_PER_S * NS_PER_S;
    clock_format_utc(s, spec);
    (void)snprintf(strchr(spec, '.'), 2, "Z");
    int rc = victim_list(v, &l, e);
    if (!rc)
        rc = work_find_snapshot(&l, spec, &at, e);
    if (!rc)
        (void)play_claim(p, memcmp(l.items[at].id, clean->id, ID_BYTES) == 0,
                         "as of before the attack, another snapshot is found than the clean one");
    snapshot_list_done(&l);
    return rc;
}

/* The newest of all: what comes back of it must be nothing, with a message. */
static int restore_newest(struct play *p, struct victim *v, struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    struct snapshot_list l = {0};
    struct root *root = NULL;
    struct err why = ERR_INIT;
    int rc = victim_open(v, &a, e) || vault_snapshots(a.vault, &l, NULL, NULL, e) ? -1 : 0;
    if (!rc && l.count)
        (void)play_claim(p, work_open_root(&a, &l.items[l.count - 1], &root, &why) != 0,
                         "a forged snapshot could be opened as if it were a tree");
    mem_free(root);
    snapshot_list_done(&l);
    return rc;
}

static int play_latest(struct play *p, struct victim *v, struct err *e)
{
    struct flooding f = {0};
    if (victim_backup(v, e) || world_pass(p->world, 3600, e) || victim_backup(v, e))
        return -1;
    const struct victim_point clean = v->points[v->count - 1];
    if (world_pass(p->world, 60, e))
        return -1;
    int64_t before = clock_realtime_ns();
    if (world_pass(p->world, 60, e) || flood(p, v, 20, &f, e) || restore_newest(p, v, e) ||
        restore_as_of(p, v, &clean, before, e))
        return -1;
    play_tell(p, "%u forged newest snapshots: none opens as a tree, and a date before the attack finds the clean one, by the server's time",
              f.taken);
    play_gap(p, "what a stolen key saves whole is `latest` until somebody names a date or an id: no rating of snapshots yet");
    return 0;
}

void attack_latest(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error))
        return;
    (void)play_latest(p, &v, &p->error);
    victim_recover(p, &v);
}

/* ---- A8 ---------------------------------------------------------------------------------------------------- */

#define NOISE_BYTES ((size_t)1 << 20)

struct noise {
    struct play *p;
    struct forger f;
    unsigned packs, refused, snapshots;
    uint64_t seed;
    struct err error;
    atomic_bool enough;
    struct told refusal;
};

static int one_pack(struct noise *n, uint8_t *bytes, struct err *e)
{
    struct forged_frame frame = {.plain = bytes, .len = NOISE_BYTES};
    struct forged_pack k = {0};
    struct told told;
    for (size_t i = 0; i + 8 <= NOISE_BYTES; i += 8)
        put_u64(bytes + i, n->seed += UINT64_C(0x9e3779b97f4a7c15) * (i + 1));
    forger_name(&n->f, bytes, NOISE_BYTES, frame.id);
    if (forger_pack(&n->f, NULL, &frame, 1, &k, e))
        return -1;
    forger_send_pack(&n->f, &k, &told);
    buf_done(&k.bytes);
    n->packs++;
    if (told.status != 201) {
        n->refused++;
        n->refusal = told;
    }
    return 0;
}

/* Until the neighbour has ended, and at least ten times what the neighbour has. */
static void *make_noise(void *arg)
{
    struct noise *n = arg;
    CLEANUP_FREE uint8_t *bytes = mem_alloc(NOISE_BYTES);
    if (!bytes)
        (void)err_no_memory(&n->error, "noise");
    for (unsigned i = 0; n->error.cls == ERR_UNSET && (i < 12 || !atomic_load(&n->enough)) && i < 500; i++) {
        struct told told;
        if (one_pack(n, bytes, &n->error) || forger_commit(&n->f, &(struct forged_record){0}, &told, &n->error))
            break;
        n->snapshots++;
        if (told.status != 201) {
            n->refused++;
            n->refusal = told;
        }
    }
    return NULL;
}

#define LITTLE "{\"floor\":\"14d\",\"keep\":{\"daily\":30,\"monthly\":12,\"weekly\":12},\"silence\":\"36h\",\"snapshots_a_day\":200," \
                 "\"trash\":\"14d\",\"bytes_a_day\":4194304}"

/* What each tenant begins with, and how much of a machine is expected in a day. */
static void expect_little(struct world *w, struct told *told)
{
    char path[120];
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/policy", w->tenant);
    party_try(&w->owner, "PUT", path, WIRE_JSON, LITTLE, strlen(LITTLE), told);
}

/* Whether an alarm of the tenant's names the machine. */
static bool noise_is_told(struct world *w, const struct party *thief)
{
    json_t *answer = NULL, *o;
    size_t i;
    bool told = false;
    if (party_ask(&w->owner, "GET", "/v1/alarms?open=1", NULL, &answer, NULL))
        return false;
    json_array_foreach(json_object_get(answer, "alarms"), i, o) {
        const char *name = json_string_value(json_object_get(o, "name")), *id = json_string_value(json_object_get(o, "id"));
        told = told || (name && id && strcmp(name, "bytes") == 0 && strcmp(id, thief->who.id) == 0);
    }
    json_decref(answer);
    return told;
}

/* On a server of our own: that nothing was refused is wanted (no limit ends protection); that somebody hears of it, too. */
static int look_for_alarm(struct noise *n, const struct party *thief, struct err *e)
{
    if (world_upkeep(n->p->world, e))
        return -1;
    (void)play_claim(n->p, noise_is_told(n->p->world, thief), "no alarm tells of %u MiB where 4 were expected", n->packs);
    return 0;
}

static int play_noise(struct play *p, struct noise *n, struct party *thief, struct victim *v, struct err *e)
{
    pthread_t thread;
    n->p = p;
    n->seed = p->o->seed;
    if (forger_begin(&n->f, thief, e) || forger_session(&n->f, e))
        return -1;
    int error = pthread_create(&thread, NULL, make_noise, n);
    if (error)
        return err_sys(e, error, "start a thread");
    int rc = victim_backup(v, e) || victim_backup(v, e) ? -1 : 0;
    atomic_store(&n->enough, true);
    (void)pthread_join(thread, NULL);
    if (rc || n->error.cls != ERR_UNSET)
        return rc ? rc : err_give(e, &n->error);
    (void)play_claim(p, v->count == 2, "the neighbour's backups did not end");
    (void)play_claim(p, n->packs >= 10, "the play itself: only %u packs of noise", n->packs);
    play_tell(p, "%u MiB and %u snapshots of noise (%u refused) while a neighbour backed up: both its backups were saved%s", n->packs,
              n->snapshots, n->refused, p->world->own ? ", and an alarm told of it" : "");
    if (p->world->own)
        return look_for_alarm(n, thief, e);
    play_gap(p, "whether an alarm told of it is for those to see who look after that server");
    return 0;
}

void attack_noise(struct play *p)
{
    struct world *w = p->world;
    CLEANUP(party_done) struct party thief = {0};
    CLEANUP(victim_done) struct victim v = {0};
    struct noise n = {0};
    struct err *e = &p->error;
    struct told told = {.status = 200};
    if (victim_begin(&v, w->own ? &w->web : &w->other, e) || (w->own && party_machine(&thief, w, "thief", w->tenant, false, e)))
        return;
    if (w->own)
        expect_little(w, &told);
    (void)play_claim(p, told.status == 200, "the play itself: the policy was not taken: %d %.60s", told.status, told.code);
    (void)play_noise(p, &n, w->own ? &thief : &w->web, &v, e);
    forger_done(&n.f);
    victim_recover(p, &v);
}
