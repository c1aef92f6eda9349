/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A18: the server dies, again and again, wherever it happens to be: while backups arrive, while snapshots are forgotten, collected
 * and freed. What was acknowledged must be there. (Each single step of a collection is cut in the vault's own tests.)
 */
#include "attack/families.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S INT64_C(86400)

struct busy {
    struct victim *v;
    unsigned wanted;
    atomic_bool ended;
    struct err error;
};

#define TRIES 40u

/* A backup whose server dies under way waits for it, and goes on; one that meets a dead server ends, as it would for a
 * timer, and is run again. */
static void *back_up(void *arg)
{
    struct busy *b = arg;
    for (unsigned i = 0, tries = 0; i < b->wanted && b->error.cls == ERR_UNSET;) {
        struct err why = ERR_INIT;
        if (victim_backup(b->v, &why) == 0) {
            i++;
            tries = 0;
        } else if (why.cls != ERR_OFFLINE || ++tries == TRIES) {
            b->error = why;
        } else {
            (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        }
    }
    atomic_store(&b->ended, true);
    return NULL;
}

/* So that there is something to forget and to free: a month of days, and then a few at once. */
static int prepare(struct world *w, struct victim *v, struct err *e)
{
    for (unsigned i = 0; i < 6; i++)
        if (victim_backup(v, e) || victim_backup(v, e) || world_pass(w, DAY_S, e))
            return -1;
    for (unsigned i = 0; i < 4; i++)
        if (world_pass(w, 5 * DAY_S, e))
            return -1;
    return 0;
}

static int kill_again_and_again(struct play *p, struct busy *b, unsigned *killed, struct err *e)
{
    struct world *w = p->world;
    while (!atomic_load(&b->ended) && *killed < p->o->kills) {
        (void)!world_control(w, NULL, 0, NULL, "upkeep");
        uint64_t ns = play_below(p, 150) * 1000000;
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
        world_stop(w, true);
        ++*killed;
        if (world_start(w, e))
            return -1;
    }
    return 0;
}

/* What is still due, of all that was acknowledged: the newest of each day by the rules, at least those of the last days. */
static int judge_all(struct play *p, struct victim *v, size_t from, struct err *e)
{
    size_t good = 0;
    for (size_t i = from; i < v->count; i++) {
        struct victim_restored r;
        struct err why = ERR_INIT;
        if (victim_restore(v, &v->points[i], &r, &why) == 0 && r.same)
            good++;
        else if (!play_claim(p, false, "an acknowledged snapshot (%zu of %zu) is lost: %s", i + 1, v->count, why.cls ? why.msg : r.why))
            break;
    }
    (void)e;
    (void)play_claim(p, good == v->count - from, "%zu of %zu acknowledged snapshots came back", good, v->count - from);
    return 0;
}

static int no_damage(struct play *p, struct victim *v, struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    struct check_result r;
    const struct check_options o = {.read_data = true, .subset = 1};
    if (victim_open(v, &a, e) || work_check(&a, &o, &r, e))
        return -1;
    (void)play_claim(p, r.vault.damaged == 0, "%llu things are damaged after that", (unsigned long long)r.vault.damaged);
    return 0;
}

static int play_crash(struct play *p, struct victim *v, struct err *e)
{
    struct busy b = {.v = v, .wanted = p->o->kills * 2 + 4};
    pthread_t thread;
    unsigned killed = 0;
    if (prepare(p->world, v, e))
        return -1;
    size_t from = v->count;
    int error = pthread_create(&thread, NULL, back_up, &b);
    if (error)
        return err_sys(e, error, "start a thread");
    int rc = kill_again_and_again(p, &b, &killed, e);
    (void)pthread_join(thread, NULL);
    if (rc || b.error.cls != ERR_UNSET)
        return rc ? rc : err_give(e, &b.error);
    if (world_upkeep(p->world, e) || world_upkeep(p->world, e) || judge_all(p, v, from, e) || no_damage(p, v, e))
        return -1;
    (void)play_claim(p, killed > 0, "the play itself: the server was never killed");
    play_tell(p, "the server killed %u times while backups arrived and a collection ran: all %zu acknowledged snapshots restored, no damage",
              killed, v->count - from);
    return 0;
}

void attack_crash(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_crash(p, &v, &p->error);
    victim_recover(p, &v);
}
