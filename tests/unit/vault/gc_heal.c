/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged packs whose chunks were stored again: collections lead old records to the
 * sound copies, and only where the writer may refer to them. */
#include "gc_world.h"

#include "base/mem.h"
#include "vault/pack_format.h"

#include <stdio.h>
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

/* ---- damage ------------------------------------------------------------------------------ */

/* Turns a bit of a chunk, wherever readers look for it; the name of its pack. */
static void spoil(uint64_t number, object_names *name_out)
{
    uint8_t id[ID_BYTES];
    struct frame_loc loc;
    size_t len;
    chunk_id(number, id);
    assert_true(vault_find(w.v, id, &loc));
    pack_name(vault_pack_id(w.v, loc.pack), *name_out);
    uint8_t *p = object_bytes(w.store, *name_out, &len);
    p[loc.offset + FRAME_HEADER_BYTES + 1] ^= 1;
    object_replace(w.store, *name_out, p, len);
    mem_free(p);
}

/* A repair, without any parity that could help: how many packs are set aside. */
static uint64_t set_aside(void)
{
    size_t count;
    struct vault_repair_options o = {0};
    struct vault_repair_result r = {0};
    object_names *names = names_below(w.store, "parity", &count);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_remove(w.store, names[i], e));
    mem_free(names);
    assert_ok(vault_repair(w.v, &o, &r, e));
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    return r.packs_lost;
}

static uint64_t spoil_and_set_aside(uint64_t from, uint64_t to)
{
    object_names name;
    for (uint64_t n = from; n < to; n++)
        spoil(n, &name);
    return set_aside();
}

static int pass_over(void *arg, const struct frame_loc *loc, const struct frame *f,
                     const uint8_t *sealed, bool intact, struct err *e)
{
    (void)loc, (void)f, (void)sealed, (void)e;
    *(unsigned *)arg += !intact;
    return 0;
}

/* Every byte of every pack that somebody needs. */
static void assert_scrubbed(void)
{
    unsigned bad = 0;
    struct reports r = {0};
    struct vault_check_stats stats = {0};
    assert_sound(w.v);
    for (uint32_t i = 0; i < vault_pack_count(w.v); i++)
        assert_ok(vault_scrub_pack(w.v, i, pass_over, &bad, report, &r, &stats, e));
    if (r.count)
        fail_msg("%s: %s", r.object, r.message);
    assert_int_equal(bad, 0);
}

static bool is_there(const char *name)
{
    struct store_reader *r = NULL;
    if (store_open(w.store, name, &r, NULL))
        return false;
    store_reader_close(r);
    return true;
}

/* ---- healing ------------------------------------------------------------------------------- */

static void old_records_are_led_to_sound_copies(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    uint64_t packs = spoil_and_set_aside(10, 20);
    assert_true(packs > 1);
    struct kept b = keep(&w, 0, 0, 60);
    struct gc_result r = collect(&w);
    assert_int_equal(r.frames_healed, 10);
    assert_int_equal(r.frames_lost, 0);
    assert_int_equal(r.packs_removed, packs);
    assert_kept(w.v, &a);
    assert_kept(w.v, &b);
    assert_scrubbed();
    r = collect(&w);
    assert_int_equal(r.frames_healed + r.packs_written + r.packs_removed, 0);
    expire(&w, &b); /* what was copied is needed for its own sake */
    struct kept other = keep(&w, 0, 100, 110);
    (void)collect(&w);
    assert_kept(w.v, &a);
    assert_kept(w.v, &other);
    assert_scrubbed();
    size_t condemned;
    mem_free(names_below(w.store, "condemned", &condemned));
    assert_int_equal(condemned, 0);
}

/* The copy's own snapshot is gone before the first collection; the copy is not. */
static void a_copy_that_nobody_else_needs_is_found(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    spoil_and_set_aside(10, 20);
    struct kept b = keep(&w, 0, 0, 60), c = keep(&w, 0, 200, 204);
    expire(&w, &b);
    struct gc_result r = collect(&w);
    assert_int_equal(r.frames_healed, 10);
    assert_kept(w.v, &a);
    assert_kept(w.v, &c);
    assert_scrubbed();
}

static void what_is_nowhere_stays_with_all_its_bytes(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    object_names lost, healed;
    spoil(10, &healed);
    spoil(50, &lost);
    assert_string_not_equal(lost, healed);
    assert_int_equal(set_aside(), 2);
    size_t len, now;
    uint8_t *was = object_bytes(w.store, lost, &len);
    struct kept b = keep(&w, 0, 0, 40);
    for (int i = 0; i < 2; i++) {
        struct gc_result r = collect(&w);
        assert_int_equal(r.frames_healed, i == 0 ? 1 : 0);
        assert_int_equal(r.frames_lost, 1);
        assert_int_equal(r.packs_removed, i == 0 ? 1 : 0);
    }
    assert_false(is_there(healed));
    uint8_t *p = object_bytes(w.store, lost, &now);
    assert_int_equal(now, len);
    assert_memory_equal(p, was, len);
    mem_free(p);
    mem_free(was);
    assert_kept(w.v, &b);
    struct kept c = keep(&w, 0, 40, 60);
    struct gc_result r = collect(&w);
    assert_int_equal(r.frames_healed, 1);
    assert_int_equal(r.frames_lost, 0);
    assert_false(is_there(lost));
    assert_kept(w.v, &a);
    assert_kept(w.v, &c);
    assert_scrubbed();
}

static void without_a_footer_the_index_knows(void **state)
{
    (void)state;
    struct kept a = keep(&w, 0, 0, 60);
    object_names name, gone;
    size_t len;
    spoil(10, &name);
    mem_free(object_bytes(w.store, name, &len));
    uint8_t *zeros = mem_zalloc(len);
    object_replace(w.store, name, zeros, len);
    mem_free(zeros);
    spoil(50, &gone);
    assert_ok(store_remove(w.store, gone, e));
    assert_int_equal(set_aside(), 1);
    struct kept b = keep(&w, 0, 0, 60);
    struct gc_result r = collect(&w);
    assert_true(r.frames_healed > 2);
    assert_int_equal(r.frames_lost, 0);
    assert_int_equal(r.packs_removed, 1);
    assert_kept(w.v, &a);
    assert_kept(w.v, &b);
    assert_scrubbed();
}

static void without_footer_and_index_nothing_is_guessed(void **state)
{
    (void)state;
    (void)keep(&w, 0, 0, 60);
    object_names name, *index;
    size_t len, count;
    spoil(10, &name);
    uint8_t *p = object_bytes(w.store, name, &len);
    p[len - PACK_TRAILER_BYTES - 1] ^= 1;
    object_replace(w.store, name, p, len);
    mem_free(p);
    assert_int_equal(set_aside(), 1);
    index = names_below(w.store, "index", &count);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_remove(w.store, index[i], e));
    mem_free(index);
    world_reopen(&w);
    (void)keep(&w, 0, 0, 60);
    struct gc_result r = collect(&w);
    assert_int_equal(r.frames_healed, 0);
    assert_true(r.frames_lost > 0);
    assert_true(is_there(name));
}

/* ---- what was moved before -------------------------------------------------------------------- */

/* Half of the first packs is copied, then that copy is damaged: old records name
 * packs that are long gone. */
static void moved_frames_are_healed_under_their_old_names(void **state)
{
    (void)state;
    struct kept all = keep(&w, 0, 0, 60), a = {0};
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 60; n += 2) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        a.has[n] = true;
    }
    commit(&w, s, 0);
    session_end(s);
    kept_newest(w.v, &a);
    expire(&w, &all);
    assert_true(collect(&w).packs_removed > 0);
    assert_true(spoil_and_set_aside(10, 11) == 1);
    for (int i = 0; i < 2; i++) { /* nobody has it yet: nothing goes */
        struct gc_result r = collect(&w);
        assert_int_equal(r.packs_removed, 0);
        assert_int_equal(r.frames_lost, 1);
    }
    struct kept b = keep(&w, 0, 10, 11);
    struct gc_result r = collect(&w);
    assert_int_equal(r.frames_healed, 1);
    assert_int_equal(r.packs_removed, 1);
    assert_kept(w.v, &a);
    assert_kept(w.v, &b);
    assert_scrubbed();
}

/* The footer that would say what was moved into a pack is gone, and so is the pack
 * that records name: it stays. */
static void a_pack_that_may_hold_what_is_missing_stays(void **state)
{
    (void)state;
    struct kept all = keep(&w, 0, 0, 60), a = {0};
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 60; n += 2)
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
    commit(&w, s, 0);
    session_end(s);
    kept_newest(w.v, &a);
    expire(&w, &all);
    (void)collect(&w);
    object_names name;
    size_t len;
    spoil(10, &name);
    uint8_t *p = object_bytes(w.store, name, &len);
    p[len - PACK_TRAILER_BYTES - 1] ^= 1;
    object_replace(w.store, name, p, len);
    mem_free(p);
    assert_int_equal(set_aside(), 1);
    struct gc_result r = collect(&w);
    assert_true(r.frames_lost > 0);
    assert_int_equal(r.packs_removed, 0);
    assert_true(is_there(name));
    expire(&w, &a);
    (void)keep(&w, 0, 100, 104);
    assert_true(collect(&w).packs_removed > 0);
    assert_false(is_there(name));
}

/* ---- whose copies (L2) ------------------------------------------------------------------------- */

static void another_writers_copy_heals_only_in_a_shared_vault(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        world_close(&w);
        world_open(&w, WORLD_MEM, shared);
        struct kept a = keep(&w, 0, 0, 60);
        spoil_and_set_aside(10, 11);
        struct kept b = keep(&w, 1, 0, 60);
        struct gc_result r = collect(&w);
        assert_int_equal(r.frames_healed, shared);
        assert_int_equal(r.frames_lost, !shared);
        assert_kept(w.v, &b);
        if (shared)
            assert_kept(w.v, &a);
    }
}

/* What a thief stored with a key before it was revoked is in no record that counts. */
static void copies_of_a_revoked_writer_count_if_a_record_does(void **state)
{
    (void)state;
    for (int accepted = 0; accepted < 2; accepted++) {
        world_close(&w);
        world_open(&w, WORLD_MEM, false);
        struct kept a = keep(&w, 0, 0, 60);
        spoil_and_set_aside(10, 11);
        struct kept b = keep(&w, 0, 0, 60);
        revoke_writer(&w, 0, accepted ? b.seq : a.seq, &w.owner);
        struct gc_result r = collect(&w);
        assert_int_equal(r.frames_healed, accepted);
        assert_int_equal(r.frames_lost, !accepted);
    }
}

/* ---- beside sessions, and after a crash ------------------------------------------------------------ */

/* Taken back for a session that refers to it, a damaged pack is still damaged. */
static void a_damaged_pack_that_is_taken_back_is_healed_later(void **state)
{
    (void)state;
    struct kept b = {0};
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 30; n++) {
        assert_int_equal(chunk_put(s, n, FRAME_DATA, NULL), 1);
        b.has[n] = true;
    }
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    assert_int_equal(spoil_and_set_aside(1, 2), 1);
    struct world other = w;
    assert_ok(vault_open(w.store, &other.v, e));
    assert_int_equal(collect(&other).packs_waiting, 1);
    commit(&w, s, 0);
    session_end(s);
    kept_newest(w.v, &b);
    struct gc_result r = collect(&other);
    assert_int_equal(r.packs_taken_back, 1);
    assert_int_equal(r.packs_removed, 0);
    assert_int_equal(r.frames_lost, 1);
    vault_close(other.v);
    s = session_start(&w, 0, 4096);
    assert_int_equal(chunk_put(s, 1, FRAME_DATA, NULL), 1); /* sessions still shun it */
    commit(&w, s, 0);
    session_end(s);
    assert_int_equal(collect(&w).frames_healed, 1);
    assert_kept(w.v, &b);
    assert_scrubbed();
}

static void a_healing_that_is_cut_off_loses_nothing(void **state)
{
    (void)state;
    bool crashed = true;
    unsigned at = 1;
    for (; crashed; at++) {
        struct store *layer, *after;
        struct gc_result r = {0};
        world_close(&w);
        world_open(&w, WORLD_MEM, false);
        struct kept a = keep(&w, 0, 0, 60);
        spoil_and_set_aside(10, 14);
        struct kept b = keep(&w, 0, 0, 60);
        assert_ok(store_sync(w.store, "condemned", e));
        assert_ok(store_fault_open(w.store, &layer, e));
        struct store_fault_plan plan = {.crash_at = at};
        store_fault_plan(layer, &plan);
        struct vault *v = NULL;
        if (vault_open(layer, &v, NULL) == 0)
            assert_true(vault_gc(v, &at_once, &r, NULL) == 0 || store_fault_crashed(layer));
        vault_close(v);
        crashed = store_fault_crashed(layer);
        store_close(layer);
        assert_kept(w.v, &a);
        assert_ok(store_mem_power_cut(w.store, at, at % 2 ? STORE_CUT_LOST : STORE_CUT_MIXED, &after,
                                      e));
        world_move(&w, after);
        assert_kept(w.v, &a);
        (void)collect(&w);
        (void)collect(&w);
        assert_kept(w.v, &a);
        assert_kept(w.v, &b);
        assert_scrubbed();
    }
    assert_true(at > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_records_are_led_to_sound_copies),
        TEST(a_copy_that_nobody_else_needs_is_found),
        TEST(what_is_nowhere_stays_with_all_its_bytes),
        TEST(without_a_footer_the_index_knows),
        TEST(without_footer_and_index_nothing_is_guessed),
        TEST(moved_frames_are_healed_under_their_old_names),
        TEST(a_pack_that_may_hold_what_is_missing_stays),
        TEST(another_writers_copy_heals_only_in_a_shared_vault),
        TEST(copies_of_a_revoked_writer_count_if_a_record_does),
        TEST(a_damaged_pack_that_is_taken_back_is_healed_later),
        TEST(a_healing_that_is_cut_off_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
