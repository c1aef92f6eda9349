/* SPDX-License-Identifier: Apache-2.0 */
/* Collections, one behaviour at a time. gc_sim.c lets everything happen at once. */
#include "gc_world.h"

#include "base/mem.h"
#include "vault/condemned.h"
#include "vault/pack_format.h"

#include <string.h>

static struct world w;

static int set_up(void **state)
{
    (void)state;
    world_open(&w, WORLD_MEM, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void what_is_needed_stays_as_it_is(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60), b = keep(&w, 0, 30, 90);
    uint64_t packs = pack_count(&w);
    struct gc_options o = at_once;
    struct gc_result r = {0};
    o.max_unused = 1;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(r.snapshots, 2);
    assert_int_equal(r.packs, packs);
    assert_kept(w.v, &a);
    assert_kept(w.v, &b);
    assert_sound(w.v);
}

static void what_nobody_needs_goes(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60), b = keep(&w, 0, 100, 160);
    expire(&w, &a);
    struct gc_result r = collect(&w);
    assert_true(r.packs_removed > 0);
    assert_true(r.bytes_removed > 0);
    for (uint64_t n = 0; n < 60; n++)
        assert_false(chunk_is_there(w.v, n));
    assert_kept(w.v, &b);
    assert_sound(w.v);
    r = collect(&w);
    assert_int_equal(r.packs_condemned, 0);
    assert_int_equal(r.packs_removed, 0);
}

/* Half of each pack is needed; again and again, so that frames move twice. */
static void the_needed_part_of_a_pack_is_copied(void **state)
{
    (void)state;
    struct kept all = keep(&w, 0, 0, 200), last = all;
    uint64_t copied = 0;
    for (unsigned round = 1; round <= 4; round++) {
        struct session *s = session_start(&w, 0, 4096);
        struct kept next = {0};
        for (uint64_t n = 0; n < 200; n += 1u << round) {
            assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
            next.has[n] = true;
        }
        commit(&w, s, 0);
        session_end(s);
        kept_newest(w.v, &next);
        expire(&w, &last);
        struct gc_result r = collect(&w);
        copied += r.packs_copied;
        assert_true(r.packs_removed > 0);
        assert_kept(w.v, &next);
        assert_sound(w.v);
        last = next;
    }
    assert_true(copied > 10);
    assert_false(chunk_is_there(w.v, 1));
    assert_false(chunk_is_there(w.v, 8));
}

/* The older snapshot still names packs that are gone twice over. */
static void moved_frames_are_found_through_all_their_moves(void **state)
{
    (void)state;
    struct kept old = keep(&w, 0, 0, 100), more = keep(&w, 0, 100, 200);
    struct kept third = keep(&w, 0, 50, 150);
    expire(&w, &more);
    (void)collect(&w);
    assert_kept(w.v, &old);
    assert_kept(w.v, &third);
    struct kept fourth = keep(&w, 0, 90, 110);
    expire(&w, &third);
    (void)collect(&w);
    assert_kept(w.v, &old);
    assert_kept(w.v, &fourth);
    assert_sound(w.v);
    assert_false(chunk_is_there(w.v, 140));
}

static void small_packs_are_joined(void **state)
{
    (void)state;
    struct kept k[20];
    for (uint64_t i = 0; i < 20; i++)
        k[i] = keep(&w, 0, i * 4, i * 4 + 4);
    uint64_t before = pack_count(&w);
    (void)collect(&w);
    assert_true(pack_count(&w) < before / 4);
    for (size_t i = 0; i < 20; i++)
        assert_kept(w.v, &k[i]);
    assert_sound(w.v);
}

static void writers_are_not_mixed(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 40), b = keep(&w, 1, 0, 40);
    struct kept a2 = keep(&w, 0, 0, 20), b2 = keep(&w, 1, 0, 20);
    expire(&w, &a);
    expire(&w, &b);
    struct gc_result r = collect(&w);
    assert_true(r.packs_written >= 4); /* two kinds, two writers */
    assert_kept(w.v, &a2);
    assert_kept(w.v, &b2);
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 20; n++) /* still its own */
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
    session_end(s);
}

/* ---- beside sessions ----------------------------------------------------------------- */

static void a_session_under_way_keeps_what_it_refers_to(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60), b = {0};
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 60; n++) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        b.has[n] = true;
    }
    expire(&w, &a);
    struct world other = w;
    other.v = NULL;
    assert_ok(vault_open(w.store, &other.v, e));
    struct gc_result r = collect(&other);
    assert_true(r.packs_condemned > 0);
    assert_int_equal(r.packs_removed, 0);
    assert_int_equal(r.packs_waiting, r.packs_condemned);
    assert_int_equal(r.sessions_waited_for, 1);
    commit(&w, s, 0);
    session_end(s);
    kept_newest(other.v, &b);
    r = collect(&other);
    assert_true(r.packs_taken_back > 0);
    assert_int_equal(r.packs_removed, 0);
    assert_kept(other.v, &b);
    vault_close(other.v);
    assert_sound(w.v);
}

static void a_session_that_dies_keeps_nothing(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    struct session *s = session_start(&w, 0, 4096);
    assert_int_equal(chunk_put(s, 1, FRAME_DATA, NULL), 0);
    expire(&w, &a);
    struct world other = w;
    assert_ok(vault_open(w.store, &other.v, e));
    assert_true(collect(&other).packs_waiting > 0);
    session_end(s);
    assert_true(collect(&other).packs_removed > 0);
    assert_int_equal(pack_count(&w), 0);
    vault_close(other.v);
}

static void a_session_that_begins_later_does_not_use_condemned_packs(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60), b = {0};
    struct session *old = session_start(&w, 0, 4096);
    expire(&w, &a);
    struct world other = w;
    assert_ok(vault_open(w.store, &other.v, e));
    assert_true(collect(&other).packs_waiting > 0);
    struct world late = w;
    assert_ok(vault_open(w.store, &late.v, e));
    struct session *s = session_start(&late, 0, 4096);
    for (uint64_t n = 0; n < 60; n++) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 1);
        b.has[n] = true;
    }
    session_end(old);
    assert_true(collect(&other).packs_removed > 0); /* does not wait for the later one */
    commit(&late, s, 0);
    session_end(s);
    kept_newest(late.v, &b);
    assert_kept(other.v, &b);
    vault_close(late.v);
    vault_close(other.v);
    assert_sound(w.v);
}

/* An index that was read before knows packs that are gone, and no condemnation. */
static void a_session_does_not_trust_an_index_of_before(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60), b = {0};
    struct world late = w;
    assert_ok(vault_open(w.store, &late.v, e));
    assert_true(chunk_is_there(late.v, 1));
    expire(&w, &a);
    assert_true(collect(&w).packs_removed > 0);
    struct session *s = session_start(&late, 0, 4096);
    for (uint64_t n = 0; n < 60; n++) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 1);
        b.has[n] = true;
    }
    commit(&late, s, 0);
    session_end(s);
    kept_newest(late.v, &b);
    assert_kept(w.v, &b);
    vault_close(late.v);
}

static void packs_of_a_session_under_way_are_not_condemned(void **state)
{
    (void)state;
    struct kept b = {0};
    struct session *s = session_start(&w, 0, 1024);
    for (uint64_t n = 0; n < 60; n++) {
        assert_int_equal(chunk_put(s, n, FRAME_DATA, NULL), 1);
        b.has[n] = true;
    }
    struct world other = w;
    assert_ok(vault_open(w.store, &other.v, e));
    assert_true(pack_count(&w) > 0);
    assert_int_equal(collect(&other).packs_condemned, 0);
    commit(&w, s, 0);
    session_end(s);
    kept_newest(w.v, &b);
    assert_kept(other.v, &b);
    vault_close(other.v);
}

/* ---- time ------------------------------------------------------------------------------ */

static void swept_packs_wait_for_their_time(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    uint64_t packs = pack_count(&w);
    struct gc_options o = at_once;
    struct gc_result r = {0};
    expire(&w, &a);
    o.clock.now_ns = 1000;
    o.swept_ns = 500;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(r.packs_swept, packs);
    assert_int_equal(r.packs_removed, 0);
    o.clock.now_ns = 1499;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(pack_count(&w), packs);
    o.clock.now_ns = 1500;
    o.clock.why = POLICY_CLOCK_JUMPED;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(pack_count(&w), packs);
    o.clock.why = POLICY_CLOCK_TRUSTED;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(r.packs_removed, packs);
    assert_int_equal(pack_count(&w), 0);
}

static void a_clock_that_is_not_trusted_sweeps_nothing(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    struct gc_options o = at_once;
    struct gc_result r = {0};
    uint64_t packs = pack_count(&w);
    expire(&w, &a);
    o.clock.why = POLICY_CLOCK_JUMPED;
    for (int i = 0; i < 3; i++)
        assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(pack_count(&w), packs);
}

static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    struct gc_options o = at_once;
    struct gc_result r = {0};
    size_t before, after;
    expire(&w, &a);
    mem_free(names_below(w.store, "", &before));
    o.dry_run = true;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_true(r.packs_condemned > 0);
    mem_free(names_below(w.store, "", &after));
    assert_int_equal(before, after);
}

static void a_limit_on_copying_is_kept(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 200), b = {0};
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 200; n += 2) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        b.has[n] = true;
    }
    commit(&w, s, 0);
    session_end(s);
    kept_newest(w.v, &b);
    expire(&w, &a);
    struct gc_options o = at_once;
    struct gc_result r = {0};
    o.max_rewrite = 5000;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_true(r.packs_copied > 0);
    assert_true(r.bytes_copied < 8000); /* planned by an estimate */
    for (int i = 0; i < 40 && r.packs_copied; i++)
        assert_ok(vault_gc(w.v, &o, &r, e));
    assert_false(chunk_is_there(w.v, 1));
    assert_kept(w.v, &b);
}

/* ---- when something is wrong --------------------------------------------------------------- */

static void flip(const char *name, size_t at)
{
    size_t len;
    uint8_t *p = object_bytes(w.store, name, &len);
    p[at < len ? at : len - 1] ^= 1;
    object_replace(w.store, name, p, len);
    mem_free(p);
}

static void a_record_that_cannot_be_trusted_stops_all(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    struct kept b = keep(&w, 0, 60, 90);
    struct gc_result r = {0};
    size_t count;
    expire(&w, &a);
    object_names *names = names_below(w.store, "snapshots", &count);
    assert_int_equal(count, 1);
    size_t len;
    mem_free(object_bytes(w.store, names[0], &len));
    uint64_t packs = pack_count(&w);
    for (size_t at = 12; at < len; at += 7) {
        flip(names[0], at);
        assert_int_not_equal(vault_gc(w.v, &at_once, &r, NULL), 0);
        flip(names[0], at);
    }
    mem_free(names);
    assert_int_equal(pack_count(&w), packs);
    assert_kept(w.v, &b);
}

static void a_pack_with_a_damaged_frame_is_left_alone(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 8), b = keep(&w, 0, 4, 8);
    size_t count;
    expire(&w, &a);
    object_names *names = names_below(w.store, "packs", &count);
    for (size_t i = 0; i < count; i++) {
        size_t len; /* the last frame: it is needed */
        mem_free(object_bytes(w.store, names[i], &len));
        uint8_t *p = object_bytes(w.store, names[i], &len);
        uint32_t footer = get_u32(p + len - PACK_TRAILER_BYTES);
        mem_free(p);
        flip(names[i], len - PACK_TRAILER_BYTES - footer - 1);
    }
    struct gc_options o = at_once;
    struct gc_result r = {0};
    struct reports told = {0};
    o.damaged = report;
    o.arg = &told;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(told.count, count);
    assert_int_equal(r.packs_removed, 0);
    for (size_t i = 0; i < count; i++) {
        struct store_reader *there;
        assert_ok(store_open(w.store, names[i], &there, e));
        store_reader_close(there);
    }
    mem_free(names);
    (void)b;
}

static void a_damaged_condemnation_is_begun_anew(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    struct gc_options o = at_once;
    struct gc_result r = {0};
    size_t count;
    expire(&w, &a);
    o.swept_ns = 1;
    assert_ok(vault_gc(w.v, &o, &r, e));
    object_names *names = names_below(w.store, "condemned", &count);
    assert_int_equal(count, 1);
    flip(names[0], 40);
    struct reports told = {0};
    o.damaged = report;
    o.arg = &told;
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_true(told.count >= 1);
    assert_string_equal(told.object, names[0]);
    assert_true(r.packs_condemned > 0);
    mem_free(names);
}

static void two_collections_do_not_meet(void **state)
{
    (void)state;
    struct store_lease *l;
    struct gc_result r = {0};
    assert_ok(store_lease_take(w.store, "gc", &l, e));
    assert_err(vault_gc(w.v, &at_once, &r, e), ERR_BUSY);
    store_lease_drop(l);
    (void)collect(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_needed_stays_as_it_is),
        TEST(what_nobody_needs_goes),
        TEST(the_needed_part_of_a_pack_is_copied),
        TEST(moved_frames_are_found_through_all_their_moves),
        TEST(small_packs_are_joined),
        TEST(writers_are_not_mixed),
        TEST(a_session_under_way_keeps_what_it_refers_to),
        TEST(a_session_that_dies_keeps_nothing),
        TEST(a_session_that_begins_later_does_not_use_condemned_packs),
        TEST(a_session_does_not_trust_an_index_of_before),
        TEST(packs_of_a_session_under_way_are_not_condemned),
        TEST(swept_packs_wait_for_their_time),
        TEST(a_clock_that_is_not_trusted_sweeps_nothing),
        TEST(a_dry_run_changes_nothing),
        TEST(a_limit_on_copying_is_kept),
        TEST(a_record_that_cannot_be_trusted_stops_all),
        TEST(a_pack_with_a_damaged_frame_is_left_alone),
        TEST(a_damaged_condemnation_is_begun_anew),
        TEST(two_collections_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
