/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that dies: at every operation of the store, with the power cut in
 * several ways, and at every allocation. What was committed stays, what is
 * visible is complete, and the next session works.
 */
#include "world.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One backup that may fail anywhere: 0, or -1. */
static int try_backup(struct world *w, uint64_t from, uint64_t to, struct err *e)
{
    struct session *s = NULL;
    int rc = session_try(w, 0, 4096, &s, e);
    for (uint64_t n = from; !rc && n < to; n++)
        rc = chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, e) < 0 ? -1 : 0;
    if (!rc)
        rc = commit_try(w, s, 0, e);
    session_end(s);
    return rc;
}

/* What must hold after any accident that followed `committed` snapshots, one
 * more of which may have come through. */
static void assert_survived(struct world *w, size_t committed, bool one_more)
{
    size_t count = verify_all(w->v);
    if (count != committed && !(one_more && count == committed + 1))
        fail_msg("%zu snapshots where there were %zu", count, committed);
    struct reports r = {0};
    struct vault_check_stats stats;
    assert_ok(vault_check(w->v, report, &r, &stats, e));
    if (r.count)
        fail_msg("%s: %s", r.object, r.message);
    for (uint64_t n = 0; n < 40; n++)
        assert_true(chunk_reads(w->v, n));
}

/* ---- crashes ------------------------------------------------------------------------- */

static const enum store_cut cuts[] = {STORE_CUT_LOST, STORE_CUT_KEPT, STORE_CUT_MIXED};

static void cut_and_look(struct world *w, struct store *below, enum store_cut cut, uint64_t seed,
                         bool finished)
{
    struct store *after;
    struct world survivor = *w;
    assert_ok(store_mem_power_cut(below, seed, cut, &after, e));
    survivor.store = after;
    survivor.v = NULL;
    assert_ok(vault_open(after, &survivor.v, e));
    assert_survived(&survivor, finished ? 3 : 2, !finished);
    assert_ok(try_backup(&survivor, 30, 90, e)); /* and it goes on */
    assert_true(verify_all(survivor.v) >= 3);
    vault_close(survivor.v);
    store_close(after);
}

static void crash_everywhere(bool early_index_loss)
{
    struct world w;
    struct store *layer, *base;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 30);
    backup(&w, 0, 20, 40);
    assert_ok(store_mem_power_cut(w.store, 1, STORE_CUT_KEPT, &base, e));
    world_move(&w, base);
    uint64_t crash_at = 0;
    bool crashed = true;
    while (crashed) {
        struct store *trial;
        struct world dying = w;
        struct err why = ERR_INIT;
        assert_ok(store_mem_power_cut(base, 1, STORE_CUT_KEPT, &trial, e));
        size_t count;
        object_names *names = names_below(trial, "index", &count);
        for (size_t i = 0; early_index_loss && i < count; i++)
            assert_ok(store_remove(trial, names[i], e));
        mem_free(names);
        assert_ok(store_fault_open(trial, &layer, e));
        struct store_fault_plan plan = {.crash_at = ++crash_at};
        store_fault_plan(layer, &plan);
        dying.store = layer;
        dying.v = NULL;
        int rc = vault_open(layer, &dying.v, &why);
        if (!rc)
            rc = try_backup(&dying, 30, 70, &why);
        vault_close(dying.v);
        crashed = store_fault_crashed(layer);
        store_close(layer);
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
            for (uint64_t seed = 0; seed < (cuts[i] == STORE_CUT_MIXED ? 3 : 1); seed++)
                cut_and_look(&w, trial, cuts[i], seed + crash_at * 100, rc == 0);
        store_close(trial);
    }
    print_message("crashed at %lu operations\n", (unsigned long)crash_at - 1);
    assert_true(crash_at > 20);
    world_close(&w);
}

static void crashes_lose_nothing(void **state)
{
    (void)state;
    crash_everywhere(false);
}

static void crashes_while_the_index_is_rebuilt_lose_nothing(void **state)
{
    (void)state;
    crash_everywhere(true);
}

/* I4, K1: a snapshot of one process refers to packs that another has not synced. */
static void packs_of_other_processes_are_made_durable(void **state)
{
    (void)state;
    struct world w, other;
    struct store *after;
    world_open(&w, WORLD_MEM, false);
    struct session *s = session_start(&w, 0, 1000);
    for (uint64_t n = 0; n < 40; n++) /* sealed, named, but nothing synced */
        assert_ok(chunk_put(s, n, FRAME_DATA, e) != 1);
    other = w;
    assert_ok(vault_open(w.store, &other.v, e));
    struct session *t = NULL;
    assert_ok(session_try(&other, 0, 0, &t, e));
    unsigned there = 0;
    for (uint64_t n = 0; n < 40; n++) {
        uint8_t id[ID_BYTES];
        chunk_id(n, id);
        there += session_refer(t, id);
    }
    assert_true(there > 20);
    commit(&other, t, 0);
    session_end(t);
    vault_close(other.v);
    assert_ok(store_mem_power_cut(w.store, 5, STORE_CUT_LOST, &after, e));
    session_end(s);
    world_move(&w, after);
    assert_int_equal(verify_all(w.v), 1);
    world_close(&w);
}

/* A disk that lied: damage may be there, but it must be noticed. */
static void lies_of_the_disk_are_noticed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 40);
    struct session *s = session_start(&w, 0, 1000);
    for (uint64_t n = 40; n < 100; n++)
        assert_ok(chunk_put(s, n, FRAME_DATA, e) != 1);
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct store *after;
        struct world survivor = w;
        assert_ok(store_mem_power_cut(w.store, seed, STORE_CUT_LIED, &after, e));
        survivor.store = after;
        survivor.v = NULL;
        assert_ok(vault_open(after, &survivor.v, e));
        assert_int_equal(verify_all(survivor.v), 1);
        for (uint64_t n = 0; n < 40; n++)
            assert_true(chunk_reads(survivor.v, n));
        /* Those that are found are right, or the reading says so. */
        assert_ok(try_backup(&survivor, 0, 100, e));
        assert_int_equal(verify_all(survivor.v), 2);
        vault_close(survivor.v);
        store_close(after);
    }
    session_end(s);
    world_close(&w);
}

/* ---- single failures -------------------------------------------------------------------- */

/* Each operation fails once, early or late; the process lives on. */
static void single_failures_are_reported_and_harmless(void **state)
{
    (void)state;
    struct world w;
    struct store *base, *layer;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 40);
    assert_ok(store_mem_power_cut(w.store, 1, STORE_CUT_KEPT, &base, e));
    world_move(&w, base);
    for (int late = 0; late < 2; late++) {
        uint64_t fail_at = 0;
        for (;;) {
            struct store *trial;
            struct world t = w;
            struct err why = ERR_INIT;
            assert_ok(store_mem_power_cut(base, 1, STORE_CUT_KEPT, &trial, e));
            assert_ok(store_fault_open(trial, &layer, e));
            struct store_fault_plan plan = {
                .fail_at = ++fail_at, .fail_errno = ENOSPC, .fail_late = late};
            store_fault_plan(layer, &plan);
            t.store = layer;
            t.v = NULL;
            int rc = vault_open(layer, &t.v, &why);
            if (!rc)
                rc = try_backup(&t, 30, 70, &why);
            if (rc && !why.msg[0])
                fail_msg("no message when operation %lu failed", (unsigned long)fail_at);
            bool over = store_fault_counts(layer).ops[0] < fail_at;
            store_fault_plan(layer, NULL);
            if (!t.v)
                assert_ok(vault_open(layer, &t.v, e));
            assert_survived(&t, rc ? 1 : 2, true);
            assert_ok(try_backup(&t, 30, 90, e));
            vault_close(t.v);
            store_close(layer);
            store_close(trial);
            if (over)
                break;
        }
    }
    world_close(&w);
}

/* P3: a caller that ignores a failed add cannot commit. */
static void a_failed_add_cannot_be_committed(void **state)
{
    (void)state;
    struct world w;
    struct store *layer;
    struct err why = ERR_INIT;
    world_open(&w, WORLD_MEM, false);
    struct store *below = w.store;
    assert_ok(store_fault_open(below, &layer, e));
    vault_close(w.v);
    w.store = layer;
    assert_ok(vault_open(layer, &w.v, e));
    for (uint64_t fail_at = 1; fail_at < 20; fail_at++) {
        struct session *s = session_start(&w, 0, 4096);
        struct store_fault_plan plan = {
            .only = 1u << STORE_OP_WRITE, .fail_at = fail_at, .fail_errno = EIO};
        store_fault_plan(layer, &plan);
        unsigned failures = 0;
        for (uint64_t n = 0; n < 60; n++)
            failures += chunk_put(s, n + fail_at * 100, FRAME_DATA, &why) < 0;
        assert_true(failures > 0);
        why = ERR_INIT;
        assert_int_equal(commit_try(&w, s, 0, &why), -1);
        assert_int_equal(why.cls, ERR_IO);
        session_end(s);
        store_fault_plan(layer, NULL);
    }
    assert_int_equal(verify_all(w.v), 0);
    vault_close(w.v);
    store_close(layer);
    w.store = below;
    assert_ok(vault_open(below, &w.v, e));
    world_close(&w);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int whole_life(struct world *w, struct store *s, struct err *e)
{
    struct snapshot_list list = {0};
    struct refset refs = {0};
    struct vault_check_stats stats = {0};
    w->store = s;
    w->v = NULL;
    int rc = vault_open(s, &w->v, e);
    if (!rc)
        rc = try_backup(w, 30, 70, e);
    if (!rc)
        rc = vault_snapshots(w->v, &list, NULL, NULL, e);
    if (!rc)
        rc = vault_snapshot_refs(w->v, &list.items[0], &refs, e);
    if (!rc)
        rc = vault_check(w->v, NULL, NULL, &stats, e);
    for (uint32_t i = 0; !rc && i < vault_pack_count(w->v); i++)
        rc = vault_scrub_pack(w->v, i, NULL, NULL, NULL, NULL, &stats, e);
    refset_done(&refs);
    snapshot_list_done(&list);
    vault_close(w->v);
    w->v = NULL;
    return rc;
}

static void failed_allocations_are_reported_and_harmless(void **state)
{
    (void)state;
    struct world w;
    struct store *base;
    world_open(&w, WORLD_MEM, false);
    for (uint64_t i = 0; i < 9; i++) /* so many that runs get merged */
        backup(&w, 0, i * 4, i * 4 + 8);
    assert_ok(store_mem_power_cut(w.store, 1, STORE_CUT_KEPT, &base, e));
    world_move(&w, base);
    uint64_t nth = 0;
    for (;;) {
        struct store *trial;
        struct world t = w;
        struct err why = ERR_INIT;
        assert_ok(store_mem_power_cut(base, 1, STORE_CUT_KEPT, &trial, e));
        mem_fail_nth(++nth);
        int rc = whole_life(&t, trial, &why);
        bool over = mem_count() < nth;
        mem_fail_nth(0);
        if (rc && why.cls != ERR_NO_MEMORY)
            fail_msg("allocation %lu: %s: %s", (unsigned long)nth, err_class_name(why.cls),
                     why.msg);
        t.store = trial;
        assert_ok(vault_open(trial, &t.v, e));
        assert_survived(&t, rc ? 9 : 10, true);
        vault_close(t.v);
        store_close(trial);
        if (over)
            break;
    }
    print_message("%lu allocations\n", (unsigned long)nth - 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crashes_lose_nothing),
        cmocka_unit_test(crashes_while_the_index_is_rebuilt_lose_nothing),
        cmocka_unit_test(packs_of_other_processes_are_made_durable),
        cmocka_unit_test(lies_of_the_disk_are_noticed),
        cmocka_unit_test(single_failures_are_reported_and_harmless),
        cmocka_unit_test(a_failed_add_cannot_be_committed),
        cmocka_unit_test(failed_allocations_are_reported_and_harmless),
    };
    return cmocka_run_group_tests_name("vault/torture", tests, NULL, NULL);
}
