/* SPDX-License-Identifier: Apache-2.0 */
/* Copying between replicas while others are at work there, and cut off anywhere. */
#include "copy_world.h"

#include <errno.h>
#include <string.h>

static struct world a, b;

static int set_up(void **state)
{
    (void)state;
    world_open(&a, WORLD_MEM, false);
    replica(&a, &b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&a);
    world_close(&b);
    return 0;
}

/* ---- while others are at work ----------------------------------------------------------------- */

static void collect_there(void)
{
    struct world other = b;
    other.v = NULL;
    assert_ok(vault_open(b.store, &other.v, e));
    (void)collect(&other);
    vault_close(other.v);
}

/* The packs of the second are there and belong to nobody yet. */
static void a_collection_there_waits_for_a_copy(void **state)
{
    (void)state;
    struct kept one = keep(&a, 0, 0, 60), two = keep(&a, 0, 100, 160);
    struct events ev = {.on_copied = collect_there};
    struct vault_copy_result r;
    assert_ok(copy_try(&a, &b, SIZE_MAX, false, &ev, &r, e));
    assert_int_equal(r.copied, 2);
    assert_kept(b.v, &one);
    assert_kept(b.v, &two);
    struct gc_result g = collect(&b);
    assert_true(g.packs_taken_back > 0 || g.packs_condemned == 0);
    assert_kept(b.v, &one);
    assert_kept(b.v, &two);
    assert_sound(b.v);
}

static void condemned_packs_are_not_built_upon(void **state)
{
    (void)state;
    struct kept one = keep(&a, 0, 0, 60);
    (void)copy(&a, &b);
    struct kept there = {0};
    kept_newest(b.v, &there);
    expire(&b, &there);
    struct gc_options o = at_once;
    struct gc_result g = {0};
    o.swept_ns = 1000000; /* swept, not yet removed */
    assert_ok(vault_gc(b.v, &o, &g, e));
    assert_true(g.packs_swept > 0);
    struct vault_copy_result r = copy(&a, &b);
    assert_int_equal(r.packs_whole, 0); /* their names are taken */
    assert_true(r.packs_made > 0);
    o.clock.now_ns += 2000000;
    assert_ok(vault_gc(b.v, &o, &g, e));
    assert_true(g.packs_removed > 0);
    assert_kept(b.v, &one);
    assert_sound(b.v);
}

static void copy_as_well(void)
{
    struct world from = a, to = b;
    assert_ok(vault_open(a.store, &from.v, e));
    assert_ok(vault_open(b.store, &to.v, e));
    (void)copy(&from, &to);
    vault_close(from.v);
    vault_close(to.v);
}

static void two_copies_at_once_bring_each_once(void **state)
{
    (void)state;
    struct kept k[4];
    for (uint64_t i = 0; i < 4; i++)
        k[i] = keep(&a, 0, i * 10, i * 10 + 20);
    struct events ev = {.on_copied = copy_as_well};
    struct vault_copy_result r;
    assert_ok(copy_try(&a, &b, SIZE_MAX, false, &ev, &r, e));
    assert_int_equal(r.copied, 1);
    assert_int_equal(r.present, 3);
    struct snapshot_list l = list_of(&b);
    assert_int_equal(l.count, 4);
    snapshot_list_done(&l);
    for (size_t i = 0; i < 4; i++)
        assert_kept(b.v, &k[i]);
    assert_sound(b.v);
}

/* ---- cut off --------------------------------------------------------------------------------------- */

static struct kept cut_kept[3];

static void prepare_cuts(void)
{
    cut_kept[0] = keep(&a, 0, 0, 40);
    cut_kept[1] = keep(&a, 1, 20, 60);
    struct session *s = session_start(&a, 0, 4096);
    cut_kept[2] = (struct kept){0};
    for (uint64_t n = 0; n < 40; n += 7) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        cut_kept[2].has[n] = true;
    }
    commit(&a, s, 0);
    session_end(s);
    kept_newest(a.v, &cut_kept[2]);
}

/* What is listed is whole; then the copy goes on and completes. */
static void assert_goes_on(struct store *s)
{
    struct world again = b;
    again.store = s;
    again.v = NULL;
    assert_ok(vault_open(s, &again.v, e));
    assert_sound(again.v);
    struct snapshot_list l = list_of(&again);
    for (size_t i = 0; i < l.count; i++)
        for (size_t k = 0; k < 3; k++)
            if (memcmp(l.items[i].id, cut_kept[k].id, ID_BYTES) == 0)
                assert_kept(again.v, &cut_kept[k]);
    snapshot_list_done(&l);
    (void)copy(&a, &again);
    for (size_t i = 0; i < 3; i++)
        assert_kept(again.v, &cut_kept[i]);
    assert_sound(again.v);
    vault_close(again.v);
}

/* One step of the copy fails, or is the last; `at` from 1. False: there is no such step. */
static bool cut_at(uint64_t at, bool crash, enum store_cut how, uint64_t seed)
{
    struct store *below, *layer, *after;
    struct events ev = {0};
    struct vault_copy_result r;
    struct world to;
    struct store_fault_plan plan = {.crash_at = crash ? at : 0, .fail_at = crash ? 0 : at,
                                    .fail_errno = at % 2 ? ENOSPC : EIO, .no_map = true};
    assert_ok(store_mem_open(&below, e));
    replica_in(&a, below, &to);
    vault_close(to.v);
    assert_ok(store_fault_open(below, &layer, e));
    to.store = layer;
    assert_ok(vault_open(layer, &to.v, e));
    store_fault_plan(layer, &plan);
    (void)!copy_try(&a, &to, at % 3 == 2 ? 2 : SIZE_MAX, false, &ev, &r, NULL);
    bool reached = store_fault_counts(layer).ops[0] >= at;
    store_fault_plan(layer, NULL);
    if (crash) {
        assert_ok(store_mem_power_cut(below, seed, how, &after, e));
        assert_goes_on(after);
        store_close(after);
    } else {
        assert_goes_on(layer);
    }
    vault_close(to.v);
    store_close(layer);
    store_close(below);
    return reached;
}

/* The power goes when everything has been said to be done. */
static void what_was_copied_is_durable(void **state)
{
    (void)state;
    struct store *after;
    prepare_cuts();
    (void)copy(&a, &b);
    assert_ok(store_mem_power_cut(b.store, 0, STORE_CUT_LOST, &after, e));
    assert_goes_on(after);
    store_close(after);
}

static void any_step_may_fail(void **state)
{
    (void)state;
    uint64_t at = 1;
    prepare_cuts();
    while (cut_at(at, false, STORE_CUT_KEPT, 0))
        at++;
    assert_true(at > 60);
}

static void the_power_may_go_at_any_step(void **state)
{
    (void)state;
    const uint64_t seed = 20261122;
    uint64_t at = 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    prepare_cuts();
    while (cut_at(at, true, STORE_CUT_MIXED, seed + at) && cut_at(at, true, STORE_CUT_LOST, 0))
        at++;
    assert_true(at > 60);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(a_collection_there_waits_for_a_copy),
        T(condemned_packs_are_not_built_upon),
        T(two_copies_at_once_bring_each_once),
        T(what_was_copied_is_durable),
        T(any_step_may_fail),
        T(the_power_may_go_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
