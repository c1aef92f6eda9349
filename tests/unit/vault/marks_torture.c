/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's verbs that die or fail anywhere, and that cross each other: what
 * was done stays done, nothing else is lost, and a protected snapshot lives.
 */
#include "life.h"

#include "vault/marks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 6

/* What `done` steps of the scene have come to, each visible by itself. */
static const char *const tag[] = {"new"}, *const old[] = {"x"};

static int step(struct vault *v, const struct snapshot_list *l, int64_t now, unsigned n,
                struct err *e)
{
    struct vault_forgotten out;
    const struct snapshot *two[] = {&l->items[0], &l->items[1]};
    switch (n) {
    case 0: return vault_lock(v, &l->items[2], now + DAY, e);
    case 1: return vault_hold(v, &l->items[3], "why", e);
    case 2: return vault_forget(v, two, 2, NULL, NULL, &out, e) || out.count != 2 ? -1 : 0;
    case 3: return vault_tag(v, &l->items[4], tag, 1, old, 1, e);
    case 4: return vault_undelete(v, &l->items[1], e);
    case 5: return vault_set_rules(v, DAY, 3 * DAY, e);
    case 6: return vault_release(v, &l->items[3], e);
    case 7: return vault_clock_confirm(v, e);
    default: return 1;
    }
}
#define STEPS 8

static unsigned run_steps(struct store *s, int64_t now, struct err *e)
{
    struct vault *v = NULL;
    struct snapshot_list all = {0};
    unsigned done = 0;
    int rc = vault_open(s, &v, e);
    if (!rc)
        rc = vault_snapshots_all(v, &all, NULL, NULL, e);
    if (!rc && all.count != COUNT) /* a record could not be read: told as damage, elsewhere */
        rc = err_set(e, ERR_NO_MEMORY, "not all were listed");
    while (!rc && done < STEPS && (rc = step(v, &all, now, done, e)) == 0)
        done++;
    snapshot_list_done(&all);
    vault_close(v);
    return done;
}

static bool has_tag(const struct snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (strcmp(s->tags[i], name) == 0)
            return true;
    return false;
}

/* After an accident behind `done` steps: they are done, and the one under way is done,
 * not done, or for forgetting and tags partly so. */
static void assert_done(struct vault *v, unsigned done)
{
    struct snapshot_list all;
    struct vault_rules rules;
    struct reports r = {0};
    struct vault_check_stats stats;
    assert_ok(vault_snapshots_all(v, &all, report, &r, e));
    assert_ok(vault_check(v, report, &r, &stats, e));
    if (r.count)
        fail_msg("after %u: %s: %s", done, r.object, r.message);
    assert_int_equal(all.count, COUNT);
    const struct snapshot *s = all.items;
    assert_ok(vault_rules(v, &rules, e));
    assert_true(done < 1 || s[2].locked_until_ns);
    assert_true(done < 2 || done >= 6 || s[3].held);
    assert_true(done < 7 || !s[3].held);
    assert_true(done < 3 || s[0].forgotten_until_ns);
    assert_true(done < 3 || done >= 4 || s[1].forgotten_until_ns);
    assert_true(done < 5 || !s[1].forgotten_until_ns);
    assert_true(done < 4 || (has_tag(&s[4], "new") && !has_tag(&s[4], "x")));
    assert_true(done < 6 || (rules.floor_ns == DAY && rules.trash_window_ns == 3 * DAY));
    assert_true(done >= 2 || (!s[0].forgotten_until_ns && !s[1].forgotten_until_ns));
    assert_false(s[2].forgotten_until_ns || s[3].forgotten_until_ns || s[5].forgotten_until_ns);
    assert_true(has_tag(&s[4], "daily") && has_tag(&s[5], "x"));
    snapshot_list_done(&all);
}

static const enum store_cut cuts[] = {STORE_CUT_LOST, STORE_CUT_KEPT, STORE_CUT_MIXED};

static void cut_and_look(struct store *below, enum store_cut cut, uint64_t seed, unsigned done)
{
    struct store *after;
    struct vault *v = NULL;
    assert_ok(store_mem_power_cut(below, seed, cut, &after, e));
    assert_ok(vault_open(after, &v, e));
    assert_done(v, done);
    vault_close(v);
    store_close(after);
}

static void power_cuts_lose_nothing_that_was_done(void **state)
{
    (void)state;
    struct life l;
    struct store *trial, *layer;
    life_open(&l, COUNT);
    uint64_t crash_at = 0;
    bool crashed = true;
    while (crashed) {
        struct err why = ERR_INIT;
        assert_ok(store_mem_power_cut(l.w.store, 1, STORE_CUT_KEPT, &trial, e));
        assert_ok(store_fault_open(trial, &layer, e));
        struct store_fault_plan plan = {.crash_at = ++crash_at};
        store_fault_plan(layer, &plan);
        unsigned done = run_steps(layer, l.now.realtime_ns, &why);
        crashed = store_fault_crashed(layer);
        store_close(layer);
        for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++)
            for (uint64_t seed = 0; seed < (cuts[c] == STORE_CUT_MIXED ? 3 : 1); seed++)
                cut_and_look(trial, cuts[c], seed + crash_at * 10, done);
        store_close(trial);
        assert_true(crashed || done == STEPS);
    }
    print_message("%lu operations\n", (unsigned long)crash_at - 1);
    assert_true(crash_at > 100);
    life_close(&l);
}

/* E2, E3: a power cut in a collection brings the snapshot back into the trash, or frees it. */
static void a_freeing_that_is_cut_off_makes_nothing_living(void **state)
{
    (void)state;
    struct life l;
    bool crashed = true;
    life_open(&l, 4);
    assert_int_equal(forget_one(&l, 2), 1);
    assert_int_equal(forget_one(&l, 0), 1);
    pass(&l, 8 * DAY);
    for (uint64_t crash_at = 1; crashed; crash_at++) {
        struct store *trial, *layer, *after;
        struct vault *v = NULL;
        struct gc_options o = {.max_unused = 0.05, .max_rewrite = UINT64_MAX};
        struct gc_result out = {0};
        struct err why = ERR_INIT;
        assert_ok(store_mem_power_cut(l.w.store, 1, STORE_CUT_KEPT, &trial, e));
        assert_ok(store_fault_open(trial, &layer, e));
        struct store_fault_plan plan = {.crash_at = crash_at};
        store_fault_plan(layer, &plan);
        int rc = vault_open(layer, &v, &why) || vault_clock_look(v, &o.clock, &why) ||
                 vault_gc(v, &o, &out, &why);
        crashed = store_fault_crashed(layer);
        assert_true(crashed || (!rc && out.expired == 2));
        vault_close(v);
        store_close(layer);
        for (uint64_t seed = 0; seed < 8; seed++) {
            enum store_cut cut = seed < 2 ? cuts[seed] : STORE_CUT_MIXED;
            struct snapshot_list all;
            assert_ok(store_mem_power_cut(trial, seed + crash_at * 10, cut, &after, e));
            v = NULL;
            assert_ok(vault_open(after, &v, e));
            assert_ok(vault_snapshots(v, &all, NULL, NULL, e));
            assert_int_equal(all.count, 2);
            assert_int_equal(all.items[0].seq, 2);
            assert_int_equal(all.items[1].seq, 4);
            snapshot_list_done(&all);
            assert_ok(vault_snapshots_trash(v, &all, NULL, NULL, e));
            assert_true(all.count <= 2 && (rc || out.expired < 2 || all.count == 0));
            snapshot_list_done(&all);
            vault_close(v);
            store_close(after);
        }
        store_close(trial);
    }
    life_close(&l);
}

/* Each operation fails once, early or late: reported, and nothing is half said. */
static void single_failures_are_reported(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, COUNT);
    for (int late = 0; late < 2; late++) {
        bool over = false;
        for (uint64_t fail_at = 1; !over; fail_at++) {
            struct store *trial, *layer;
            struct vault *v = NULL;
            struct err why = ERR_INIT;
            assert_ok(store_mem_power_cut(l.w.store, 1, STORE_CUT_KEPT, &trial, e));
            assert_ok(store_fault_open(trial, &layer, e));
            struct store_fault_plan plan = {
                .fail_at = fail_at, .fail_errno = EIO, .fail_late = late};
            store_fault_plan(layer, &plan);
            unsigned done = run_steps(layer, l.now.realtime_ns, &why);
            over = store_fault_counts(layer).ops[0] < fail_at;
            if (done < STEPS && !why.msg[0])
                fail_msg("no message when operation %lu failed", (unsigned long)fail_at);
            store_fault_plan(layer, NULL);
            assert_ok(vault_open(layer, &v, e));
            assert_done(v, done);
            vault_close(v);
            store_close(layer);
            store_close(trial);
        }
    }
    life_close(&l);
}

static void failed_allocations_are_reported(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, COUNT);
    bool over = false;
    for (uint64_t nth = 1; !over; nth++) {
        struct store *trial;
        struct vault *v = NULL;
        struct err why = ERR_INIT;
        assert_ok(store_mem_power_cut(l.w.store, 1, STORE_CUT_KEPT, &trial, e));
        mem_fail_nth(nth);
        unsigned done = run_steps(trial, l.now.realtime_ns, &why);
        over = mem_count() < nth;
        mem_fail_nth(0);
        if (done < STEPS && why.cls != ERR_NO_MEMORY)
            fail_msg("allocation %lu: step %u: %s: %s", (unsigned long)nth, done,
                     err_class_name(why.cls), why.msg);
        assert_ok(vault_open(trial, &v, e));
        assert_done(v, done);
        vault_close(v);
        store_close(trial);
    }
    life_close(&l);
}

/* ---- races --------------------------------------------------------------------------------- */

#define RACES 60

struct shared {
    pthread_barrier_t start;
    struct {
        bool forgotten, protected;
    } result[RACES];
};

/* One process forgets, the other locks or holds; both begin at once, for each
 * snapshot. The clock is the pretended one of the parent. */
static int race(struct world *w, struct shared *sh, bool forgets, int64_t now)
{
    struct vault *v = NULL;
    struct snapshot_list list = {0};
    struct err e = ERR_INIT;
    int rc = vault_open(w->store, &v, &e);
    if (!rc)
        rc = vault_snapshots(v, &list, NULL, NULL, &e);
    for (size_t i = 0; i < RACES; i++) {
        struct vault_forgotten out = {0};
        const struct snapshot *s = rc ? NULL : &list.items[i];
        (void)pthread_barrier_wait(&sh->start);
        if (rc)
            continue;
        struct policy_clock c;
        for (size_t n = 0; !forgets && !rc && n < i % 5; n++) /* so that either is first at times */
            rc = vault_clock_look(v, &c, &e);
        if (forgets && vault_forget(v, &s, 1, NULL, NULL, &out, &e))
            rc = -1;
        else if (forgets)
            sh->result[i].forgotten = out.count == 1;
        else if ((i % 2 ? vault_hold(v, s, "race", &e) : vault_lock(v, s, now + DAY, &e)) == 0)
            sh->result[i].protected = true;
        else if (e.cls != ERR_USAGE)
            rc = -1;
    }
    if (rc)
        print_message("%s\n", e.msg);
    snapshot_list_done(&list);
    vault_close(v);
    return rc;
}

static struct shared *share(void)
{
    struct shared *sh =
        mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t attr;
    assert_true(sh != MAP_FAILED);
    assert_int_equal(pthread_barrierattr_init(&attr), 0);
    assert_int_equal(pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
    assert_int_equal(pthread_barrier_init(&sh->start, &attr, 2), 0);
    return sh;
}

/* Y1, Z1, F3: what was protected lives, whatever the other process was told. */
static void a_forgetting_and_a_protection_of_two_processes_cross(void **state)
{
    (void)state;
    struct world w;
    struct clock_reading now;
    struct shared *sh = share();
    pid_t children[2];
    world_open(&w, WORLD_DIR, false);
    for (uint64_t i = 0; i < RACES; i++)
        backup(&w, 0, 0, 2);
    clock_read(&now);
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (!children[i])
            _exit(race(&w, sh, i == 0, now.realtime_ns) ? 1 : 0);
    }
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct snapshot_list all;
    CLEANUP(mark_list_done) struct mark_list marks = {0};
    struct damage d = {0};
    unsigned crossed = 0;
    assert_ok(vault_snapshots_all(w.v, &all, NULL, NULL, e));
    assert_ok(marks_read(w.v, 0, &marks, &d, e));
    for (size_t i = 0; i < RACES; i++) {
        const struct snapshot *s = &all.items[i];
        if (!sh->result[i].protected) { /* refused: it was in the trash before */
            assert_true(sh->result[i].forgotten && s->forgotten_until_ns);
            continue;
        }
        size_t count;
        const struct mark *m = marks_of(&marks, s->seq, &count);
        assert_false(s->forgotten_until_ns);
        assert_true(s->held || s->locked_until_ns);
        for (size_t n = 0; n < count; n++)
            assert_true(m[n].kind != MARK_FORGOTTEN);
        crossed++;
    }
    print_message("%u of %u lived\n", crossed, RACES);
    snapshot_list_done(&all);
    (void)munmap(sh, sizeof *sh);
    world_close(&w);
}

/* The same crossing, step by step: the hold comes between any two operations of the
 * forgetting. */

static void a_hold_at_any_moment_of_a_forgetting_wins(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 2);
    for (uint64_t at = 1;; at++) {
        struct store *trial, *layer;
        struct vault *v = NULL, *other = NULL;
        struct snapshot_list list;
        struct vault_forgotten out;
        struct err why = ERR_INIT;
        assert_ok(store_mem_power_cut(l.w.store, 1, STORE_CUT_KEPT, &trial, e));
        assert_ok(store_fault_open(trial, &layer, e));
        assert_ok(vault_open(layer, &v, e));
        assert_ok(vault_open(trial, &other, e));
        assert_ok(vault_snapshots(v, &list, NULL, NULL, e));
        const struct snapshot *one[] = {&list.items[0]};
        /* The forgetter dies at operation `at`; the holder comes; and the forgetter's
         * mark, if it was written, must not count. */
        struct store_fault_plan plan = {.crash_at = at};
        store_fault_plan(layer, &plan);
        int rc = vault_forget(v, one, 1, NULL, NULL, &out, &why);
        bool crashed = store_fault_crashed(layer);
        int held = vault_hold(other, one[0], "now", &why);
        struct snapshot_list after;
        assert_ok(vault_snapshots(other, &after, NULL, NULL, e));
        if (held == 0)
            assert_int_equal(after.count, 2);
        else
            assert_true(why.cls == ERR_USAGE && after.count == 1);
        assert_true(rc == 0 || crashed);
        snapshot_list_done(&after);
        snapshot_list_done(&list);
        vault_close(v);
        vault_close(other);
        store_close(layer);
        store_close(trial);
        if (!crashed)
            break;
    }
    life_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cuts_lose_nothing_that_was_done),
        cmocka_unit_test(a_freeing_that_is_cut_off_makes_nothing_living),
        cmocka_unit_test(single_failures_are_reported),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(a_forgetting_and_a_protection_of_two_processes_cross),
        cmocka_unit_test(a_hold_at_any_moment_of_a_forgetting_wins),
    };
    return cmocka_run_group_tests_name("vault/marks_torture", tests, NULL, NULL);
}
