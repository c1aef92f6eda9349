/* SPDX-License-Identifier: Apache-2.0 */
/* What a repair takes from a replica, and what it does not. Parity is removed first, or
 * never was: else it would mend everything by itself. */
#include "gc_world.h"

#include "base/mem.h"
#include "vault/pack_format.h"
#include "vault/record_read.h"

#include <stdio.h>
#include <string.h>

static struct world a, b;
static struct kept one, two;

static int set_up(void **state)
{
    (void)state;
    world_open(&a, WORLD_MEM, false);
    replica(&a, &b);
    one = keep(&a, 0, 0, 60);
    two = keep(&a, 1, 40, 120);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&a);
    world_close(&b);
    return 0;
}

static void copy_all(struct world *from, struct world *to)
{
    struct snapshot_list l = {0};
    const struct snapshot *items[8];
    struct vault_copy_options o = {0};
    struct vault_copy_result r;
    assert_ok(vault_snapshots(from->v, &l, NULL, NULL, e));
    for (size_t i = 0; i < l.count; i++)
        items[i] = &l.items[i];
    assert_ok(vault_copy(from->v, to->v, items, l.count, &o, &r, e));
    assert_int_equal(r.refused, 0);
    snapshot_list_done(&l);
}

static void drop_parity(struct world *w)
{
    size_t count;
    object_names *names = names_below(w->store, "parity", &count);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_remove(w->store, names[i], e));
    mem_free(names);
}

/* ---- damage ---------------------------------------------------------------------------- */

enum damage_kind { BIT, CUT, ZEROS, GONE, DAMAGES };

static void damage_it(struct world *w, const char *name, enum damage_kind how)
{
    size_t len;
    uint8_t *p = object_bytes(w->store, name, &len);
    switch (how) {
    case BIT: p[len / 2] ^= 4; break;
    case CUT: len = len / 3; break;
    case ZEROS: memset(p, 0, len); break;
    default: break;
    }
    assert_ok(store_remove(w->store, name, e));
    if (how != GONE)
        assert_ok(store_put(w->store, name, p, len, e));
    mem_free(p);
}

static void damage_one_in(struct world *w, const char *dir, unsigned nth, enum damage_kind how)
{
    size_t count;
    object_names *names = names_below(w->store, dir, &count);
    assert_true(nth < count);
    damage_it(w, names[nth], how);
    mem_free(names);
}

struct said {
    unsigned mended, damaged, there;
    char what[ERR_MESSAGE_BYTES];
};

static void on_mended(void *arg, const char *object, const char *message)
{
    (void)object;
    (void)message;
    ((struct said *)arg)->mended++;
}

static void on_damaged(void *arg, const char *object, const char *message)
{
    struct said *s = arg;
    s->damaged++;
    (void)snprintf(s->what, sizeof s->what, "%.100s: %.500s", object, message);
}

static void on_there(void *arg, const char *object, const char *message)
{
    (void)object;
    (void)message;
    ((struct said *)arg)->there++;
}

static struct vault_repair_result repair(struct world *w, struct world *from, struct said *said)
{
    struct vault_repair_result r;
    struct vault_repair_options o = {.mended = on_mended, .damaged = on_damaged,
                                     .damaged_there = on_there, .arg = said};
    *said = (struct said){0};
    world_reopen(w);
    world_reopen(from);
    o.replica = from->v;
    assert_ok(vault_repair(w->v, &o, &r, e));
    return r;
}

/* ---- packs --------------------------------------------------------------------------------- */

static void any_damage_to_any_pack_is_mended(void **state)
{
    (void)state;
    size_t count;
    copy_all(&a, &b);
    object_names *packs = names_below(a.store, "packs", &count);
    assert_true(count >= 4);
    for (size_t i = 0; i < count; i++)
        for (enum damage_kind how = BIT; how < DAMAGES; how++) {
            struct said said;
            size_t had, has;
            uint8_t *before = object_bytes(a.store, packs[i], &had);
            drop_parity(&a);
            damage_it(&a, packs[i], how);
            struct vault_repair_result r = repair(&a, &b, &said);
            assert_int_equal(r.packs_taken, 1);
            assert_int_equal(r.packs_lost, 0);
            assert_int_equal(said.damaged, 0);
            uint8_t *after = object_bytes(a.store, packs[i], &has);
            assert_int_equal(had, has);
            assert_memory_equal(before, after, had);
            mem_free(before);
            mem_free(after);
            assert_sound(a.v);
        }
    mem_free(packs);
    assert_kept(a.v, &one);
    assert_kept(a.v, &two);
}

/* The replica has the frames elsewhere, by a collection of its own. */
static void frames_that_moved_there_come_too(void **state)
{
    (void)state;
    copy_all(&a, &b);
    struct kept there = one;
    struct snapshot_list l = {0};
    assert_ok(vault_snapshots(b.v, &l, NULL, NULL, e));
    for (size_t i = 0; i < l.count; i++)
        if (memcmp(l.items[i].id, one.id, ID_BYTES) == 0)
            there.seq = l.items[i].seq;
    snapshot_list_done(&l);
    struct kept few = {0};
    struct session *s = session_start(&a, 0, 4096);
    for (uint64_t n = 1; n < 60; n += 3) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        few.has[n] = true;
    }
    commit(&a, s, 0);
    session_end(s);
    kept_newest(a.v, &few);
    copy_all(&a, &b);
    expire(&b, &there);
    assert_true(collect(&b).packs_removed > 0);
    expire(&a, &one); /* what the replica has not is not missed */
    drop_parity(&a);
    size_t count;
    object_names *packs = names_below(a.store, "packs", &count);
    for (size_t i = 0; i < count; i++)
        damage_it(&a, packs[i], GONE);
    mem_free(packs);
    struct said said;
    struct vault_repair_result r = repair(&a, &b, &said);
    assert_true(r.packs_taken + r.packs_made > 0);
    assert_sound(a.v);
    assert_kept(a.v, &few);
    assert_kept(a.v, &two);
}

static void what_both_have_lost_is_named(void **state)
{
    (void)state;
    copy_all(&a, &b);
    drop_parity(&a);
    size_t count;
    object_names *packs = names_below(a.store, "packs", &count);
    damage_it(&a, packs[0], BIT);
    damage_it(&b, packs[0], ZEROS);
    damage_it(&a, packs[1], BIT);
    struct said said;
    struct vault_repair_result r = repair(&a, &b, &said);
    assert_int_equal(r.packs_taken, 1);
    assert_int_equal(r.packs_lost, 1);
    assert_int_equal(said.damaged, 1);
    assert_non_null(strstr(said.what, packs[0]));
    mem_free(packs);
}

/* ---- other objects --------------------------------------------------------------------------- */

static void sessions_and_certificates_come_back(void **state)
{
    (void)state;
    static const char *const dirs[] = {"sessions", "writers"};
    copy_all(&a, &b);
    for (size_t d = 0; d < 2; d++)
        for (enum damage_kind how = BIT; how < DAMAGES; how++) {
            struct said said;
            drop_parity(&a);
            damage_one_in(&a, dirs[d], 1, how);
            (void)repair(&a, &b, &said);
            assert_int_equal(said.damaged, 0);
            assert_true(said.mended >= 1);
            assert_sound(a.v);
        }
    assert_kept(a.v, &one);
    assert_kept(a.v, &two);
}

static void nothing_is_taken_that_does_not_verify(void **state)
{
    (void)state;
    struct said said;
    size_t len, again;
    copy_all(&a, &b);
    drop_parity(&a);
    damage_one_in(&a, "sessions", 0, ZEROS);
    damage_one_in(&b, "sessions", 0, BIT);
    damage_it(&a, "snapshots/0000000000000001", CUT);
    size_t count;
    object_names *names = names_below(b.store, "snapshots", &count);
    damage_it(&b, names[0], BIT); /* its reference set, that only its hash protects */
    uint8_t *p = object_bytes(b.store, names[0], &len);
    p[len / 2] ^= 4;
    p[len - 1] ^= 1;
    object_replace(b.store, names[0], p, len);
    mem_free(p);
    mem_free(names);
    p = object_bytes(a.store, "snapshots/0000000000000001", &len);
    struct vault_repair_result r = repair(&a, &b, &said);
    assert_int_equal(r.objects_lost, 2);
    uint8_t *q = object_bytes(a.store, "snapshots/0000000000000001", &again);
    assert_int_equal(len, again);
    assert_memory_equal(p, q, len); /* what is left of it is still there */
    mem_free(p);
    mem_free(q);
}

static void records_are_made_of_their_copies(void **state)
{
    (void)state;
    copy_all(&a, &b);
    for (enum damage_kind how = BIT; how < GONE; how++) {
        struct said said;
        size_t had, has;
        uint8_t *before = object_bytes(a.store, "snapshots/0000000000000001", &had);
        drop_parity(&a);
        damage_it(&a, "snapshots/0000000000000001", how);
        struct vault_repair_result r = repair(&a, &b, &said);
        assert_int_equal(r.objects_mended, 1);
        assert_int_equal(said.damaged, 0);
        uint8_t *after = object_bytes(a.store, "snapshots/0000000000000001", &has);
        assert_int_equal(had, has);
        assert_memory_equal(before, after, had);
        mem_free(before);
        mem_free(after);
        assert_sound(a.v);
        assert_kept(a.v, &one);
    }
}

/* It may have expired; whoever wants it copies it. */
static void a_record_that_is_gone_stays_away(void **state)
{
    (void)state;
    struct said said;
    copy_all(&a, &b);
    drop_parity(&a);
    damage_it(&a, "snapshots/0000000000000001", GONE);
    (void)repair(&a, &b, &said);
    struct snapshot_list l = {0};
    assert_ok(vault_snapshots(a.v, &l, NULL, NULL, e));
    assert_int_equal(l.count, 1);
    snapshot_list_done(&l);
    copy_all(&b, &a);
    assert_sound(a.v);
    assert_kept(a.v, &one);
}

/* A copy's own record is its keeper's word; nobody else has it. */
static void a_damaged_record_of_a_copy_is_named(void **state)
{
    (void)state;
    struct said said;
    copy_all(&a, &b);
    drop_parity(&b);
    damage_it(&b, "snapshots/0000000000000001", BIT);
    struct vault_repair_result r = repair(&b, &a, &said);
    assert_int_equal(r.objects_lost, 1);
    assert_int_equal(said.damaged, 1);
}

static void rules_are_a_keepers_own(void **state)
{
    (void)state;
    struct said said;
    struct vault_rules rules;
    const int64_t hour = INT64_C(3600) * 1000000000;
    assert_ok(vault_set_rules(a.v, 5 * hour, 5 * hour, e));
    assert_ok(vault_set_rules(b.v, 1 * hour, 1 * hour, e));
    drop_parity(&a);
    damage_one_in(&a, "rules", 0, BIT);
    struct vault_repair_result r = repair(&a, &b, &said);
    assert_int_equal(r.objects_lost, 1);
    assert_err(vault_rules(a.v, &rules, e), ERR_DAMAGED);
}

static void a_stranger_is_refused(void **state)
{
    (void)state;
    struct world stranger;
    struct vault_repair_result r;
    struct vault_repair_options o = {0};
    world_open(&stranger, WORLD_MEM, false);
    o.replica = stranger.v;
    assert_err(vault_repair(a.v, &o, &r, e), ERR_USAGE);
    o.replica = a.v;
    assert_err(vault_repair(a.v, &o, &r, e), ERR_USAGE);
    world_close(&stranger);
}

/* ---- cut off ------------------------------------------------------------------------------------ */

static bool cut_at(uint64_t at, uint64_t seed)
{
    struct store *below, *layer, *after;
    struct world w = a;
    struct vault_repair_result r;
    struct said said;
    struct store_fault_plan plan = {.crash_at = at, .no_map = true};
    assert_ok(store_mem_power_cut(a.store, 0, STORE_CUT_KEPT, &below, e)); /* a copy */
    assert_ok(store_fault_open(below, &layer, e));
    w.store = layer;
    w.v = NULL;
    assert_ok(vault_open(layer, &w.v, e));
    store_fault_plan(layer, &plan);
    const struct vault_repair_options o = {.replica = b.v};
    (void)!vault_repair(w.v, &o, &r, NULL);
    bool reached = store_fault_crashed(layer);
    store_fault_plan(layer, NULL);
    assert_ok(store_mem_power_cut(below, seed, STORE_CUT_MIXED, &after, e));
    vault_close(w.v);
    w.v = NULL;
    store_close(layer);
    store_close(below);
    w.store = after;
    assert_ok(vault_open(after, &w.v, e));
    (void)repair(&w, &b, &said);
    assert_int_equal(said.damaged, 0);
    assert_sound(w.v);
    assert_kept(w.v, &one);
    assert_kept(w.v, &two);
    vault_close(w.v);
    store_close(after);
    return reached;
}

static void the_power_may_go_at_any_step(void **state)
{
    (void)state;
    const uint64_t seed = 20261122;
    uint64_t at = 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    copy_all(&a, &b);
    drop_parity(&a);
    damage_one_in(&a, "packs", 0, BIT);
    damage_one_in(&a, "packs", 2, GONE);
    damage_one_in(&a, "sessions", 0, ZEROS);
    damage_it(&a, "snapshots/0000000000000001", CUT);
    while (cut_at(at, seed + at))
        at++;
    assert_true(at > 60);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(any_damage_to_any_pack_is_mended), T(frames_that_moved_there_come_too),
        T(what_both_have_lost_is_named), T(sessions_and_certificates_come_back),
        T(nothing_is_taken_that_does_not_verify), T(records_are_made_of_their_copies), T(a_record_that_is_gone_stays_away),
        T(a_damaged_record_of_a_copy_is_named), T(rules_are_a_keepers_own),
        T(a_stranger_is_refused), T(the_power_may_go_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
