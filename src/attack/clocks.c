/* SPDX-License-Identifier: Apache-2.0 */
/* A4: a machine's clock is wrong by years. A5: the server's is. */
#include "attack/families.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define HOUR_S INT64_C(3600)
#define DAY_S  INT64_C(86400)
#define YEAR_S (INT64_C(365) * DAY_S)
#define Y2038  INT64_C(2147483648)

/* ---- A4 --------------------------------------------------------------------------------------------- */

static int backup_at(struct victim *v, int64_t off_s, struct err *e)
{
    struct clock_shift s = clock_get_shift(), wrong = s;
    wrong.wall_ns += off_s * NS_PER_S;
    clock_set_shift(&wrong);
    int rc = victim_backup(v, e);
    clock_set_shift(&s);
    return rc;
}

static int judge_order(struct play *p, struct victim *v, int64_t began_ns, struct err *e)
{
    struct snapshot_list l = {0};
    const int64_t slack = 300 * NS_PER_S;
    bool ordered = true, timely = true;
    size_t found = 0;
    if (victim_list(v, &l, e))
        return -1;
    for (size_t i = 0; i < l.count; i++) {
        size_t which = 0;
        while (which < v->count && memcmp(l.items[i].id, v->points[which].id, ID_BYTES) != 0)
            which++;
        if (which == v->count)
            continue; /* of an earlier attack on a given server */
        ordered &= which == found++;
        timely &= l.items[i].received_ns >= began_ns - slack && l.items[i].received_ns <= clock_realtime_ns() + slack;
    }
    (void)play_claim(p, found == v->count, "%zu of %zu snapshots are there", found, v->count);
    (void)play_claim(p, ordered, "a false clock changed the order of snapshots");
    (void)play_claim(p, timely, "a false clock changed when a snapshot counts as received");
    snapshot_list_done(&l);
    return 0;
}

static int play_client(struct play *p, struct victim *v, struct err *e)
{
    int64_t now = clock_realtime_ns() / NS_PER_S;
    const int64_t off[] = {0, YEAR_S, -YEAR_S, 50 * YEAR_S, -50 * YEAR_S, Y2038 - 1 - now, Y2038 - now, 0};
    const size_t count = sizeof off / sizeof *off;
    for (size_t i = 0; i < count; i++)
        if (backup_at(v, off[i], e))
            return -1;
    if (victim_can_be_read(v) && judge_order(p, v, now * NS_PER_S, e))
        return -1;
    if (p->world->own) {
        uint64_t forgotten = 1;
        if (world_upkeep(p->world, e) || world_entries(p->world, "forget", NULL, &forgotten, e))
            return -1;
        (void)play_claim(p, forgotten == 0, "retention went by a machine's clock: %llu snapshots were forgotten",
                         (unsigned long long)forgotten);
    }
    (void)play_claim(p, v->count == count, "%zu of %zu backups were saved", v->count, count);
    play_tell(p, "backups with clocks off by 1 and 50 years, both ways, and around 2038: order, times and retention are the server's");
    return 0;
}

void attack_client_clock(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error))
        return;
    (void)play_client(p, &v, &p->error);
    victim_recover(p, &v);
}

/* ---- A5 ------------------------------------------------------------------------------------------------ */

struct clocks {
    struct play *p;
    struct world *w;
    struct file_prints before;
    uint64_t alarms; /* about the clock, until now */
    struct party officer;
};

/* Whatever the clock says: a round of upkeep, and everything is still there. */
static int nothing_goes(struct clocks *k, const char *what, const char *dir, struct err *e)
{
    CLEANUP(file_prints_done) struct file_prints after = {0};
    struct print_change change;
    if (world_upkeep(k->w, e) || world_upkeep(k->w, e) || world_prints(dir, &after, e))
        return -1;
    judge_files(&k->before, &after, &change);
    (void)play_claim(k->p, !change.missing && !change.changed, "%s: %s", what, change.first);
    return 0;
}

/* Doubt stays until two people say that the clock is right, as it now is. */
static int confirm(struct clocks *k, struct err *e)
{
    json_t *in = json_pack("{s:s, s:s, s:{}}", "role", "owner", "kind", "clock", "parameters"), *out = NULL;
    char id[33], path[80];
    int rc = party_ask(&k->w->owner, "POST", "/v1/requests", in, &out, e) || json_take_text(out, "request", id, sizeof id, e) ? -1 : 0;
    json_decref(in);
    json_decref(out);
    if (rc)
        return -1;
    (void)snprintf(path, sizeof path, "/v1/requests/%s/approve", id);
    in = json_pack("{s:s}", "role", "security-officer");
    rc = party_ask(&k->officer, "POST", path, in, NULL, e);
    json_decref(in);
    return rc ? -1 : world_upkeep(k->w, e); /* which carries it out */
}

/* The clock is right again, and no round has seen that yet: what was said of the false one. Then it is confirmed. */
static int was_told(struct clocks *k, const char *what, struct err *e)
{
    uint64_t told = 0;
    if (world_entries(k->w, "alarm", "clock", &told, e))
        return -1;
    (void)play_claim(k->p, told > k->alarms, "%s: no alarm", what);
    return confirm(k, e) || world_upkeep(k->w, e) || world_entries(k->w, "alarm", "clock", &k->alarms, e) ? -1 : 0;
}

static int move(struct clocks *k, const char *what, int64_t wall_s, const char *dir, struct err *e)
{
    return world_control(k->w, NULL, 0, e, "clock wall %lld", (long long)wall_s) || nothing_goes(k, what, dir, e) ||
                   world_control(k->w, NULL, 0, e, "clock wall %lld", (long long)-wall_s) || was_told(k, what, e)
               ? -1
               : 0;
}

/* Steps that are each too small to be seen, an upkeep after each. */
static int creep(struct clocks *k, const char *dir, struct err *e)
{
    const unsigned steps = 400;
    for (unsigned i = 0; i < steps && !world_cancelled(k->w); i++)
        if (world_control(k->w, NULL, 0, e, "clock wall %lld", (long long)(HOUR_S - 60)) || world_upkeep(k->w, e))
            return -1;
    return nothing_goes(k, "a clock that creeps by an hour each round", dir, e) ||
                   world_control(k->w, NULL, 0, e, "clock wall %lld", -(long long)(HOUR_S - 60) * steps) ||
                   was_told(k, "a clock that creeps by an hour each round", e)
               ? -1
               : 0;
}

/* Off, the clock set, on again: another start of the machine. */
static int boot(struct clocks *k, const char *what, int64_t wall_s, const char *dir, struct err *e)
{
    if (world_control(k->w, NULL, 0, e, "clock wall %lld", (long long)wall_s) ||
        world_control(k->w, NULL, 0, e, "clock boot"))
        return -1;
    world_stop(k->w, false);
    if (world_start(k->w, e) || nothing_goes(k, what, dir, e) ||
        world_control(k->w, NULL, 0, e, "clock wall %lld", (long long)-wall_s))
        return -1;
    world_stop(k->w, false); /* what certifies it was made by the false clock */
    return world_start(k->w, e) || was_told(k, what, e) ? -1 : 0;
}

static int play_server(struct clocks *k, struct victim *v, struct err *e)
{
    char dir[WORLD_PATH];
    uint64_t freed = 1, forgotten = 1;
    /* Some of them go to the trash when the floor is over: if time had passed. */
    for (unsigned i = 0; i < 4; i++)
        if (victim_backup(v, e))
            return -1;
    world_vault_dir(k->w, v->machine, dir);
    if (world_upkeep(k->w, e) || world_prints(dir, &k->before, e) ||
        move(k, "the clock set forward by 10 years", 10 * YEAR_S, dir, e) ||
        move(k, "the clock set forward by 2 hours", 2 * HOUR_S, dir, e) ||
        move(k, "the clock set back by 10 years", -10 * YEAR_S, dir, e) ||
        boot(k, "a start with a clock 10 years ahead", 10 * YEAR_S, dir, e) ||
        boot(k, "a start with a clock 10 years behind", -10 * YEAR_S, dir, e) ||
        creep(k, dir, e)) /* last: the budget for drift is used up then, until a person confirms the clock */
        return -1;
    if (world_entries(k->w, "free", NULL, &freed, e) ||
        world_entries(k->w, "forget", NULL, &forgotten, e))
        return -1;
    (void)play_claim(k->p, freed == 0 && forgotten == 0, "%llu snapshots were forgotten and %llu freed by false clocks",
                     (unsigned long long)forgotten, (unsigned long long)freed);
    play_tell(k->p, "10 years and 2 hours ahead, 10 years back, 400 steps of 59 minutes, starts with a false clock: 0 bytes freed, "
                    "an alarm each (%llu)",
              (unsigned long long)k->alarms);
    return 0;
}

void attack_server_clock(struct play *p)
{
    struct clocks k = {.p = p, .w = p->world};
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0 &&
        party_person(&k.officer, k.w, "officer", "security-officer", NULL, &p->error) == 0)
        (void)play_server(&k, &v, &p->error);
    party_done(&k.officer);
    file_prints_done(&k.before);
    victim_recover(p, &v);
}
