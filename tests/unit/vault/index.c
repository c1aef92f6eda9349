/* SPDX-License-Identifier: Apache-2.0 */
/* The index is derived: whatever happens to it, answers stay the same. */
#include "world.h"

#include "base/mem.h"
#include "vault/index_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t runs_stored(struct world *w)
{
    size_t count;
    mem_free(names_below(w->store, "index", &count));
    return count;
}

static void assert_all_found(struct world *w, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++)
        if (!chunk_reads(w->v, n))
            fail_msg("chunk %lu is lost", (unsigned long)n);
    for (uint64_t n = count; n < count + 50; n++)
        if (chunk_reads(w->v, n))
            fail_msg("chunk %lu is invented", (unsigned long)n);
}

static void index_may_be_deleted_at_any_time(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_DIR, false);
    backup(&w, 0, 0, 60);
    backup(&w, 0, 60, 120);
    assert_int_equal(runs_stored(&w), 2);
    for (int open = 0; open < 2; open++) {
        size_t count;
        object_names *names = names_below(w.store, "index", &count);
        for (size_t i = 0; i < count; i++)
            assert_ok(store_remove(w.store, names[i], e));
        mem_free(names);
        if (open)
            assert_ok(vault_refresh(w.v, NULL, NULL, e));
        else
            world_reopen(&w);
        assert_all_found(&w, 120);
        assert_true(runs_stored(&w) >= (open ? 0u : 1u));
    }
    world_close(&w);
}

/* R1, R2: whichever bit flips, the answer is the same, and the run is replaced. */
static void flips_in_the_index_change_no_answer(void **state)
{
    (void)state;
    struct world w;
    size_t count, len;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 12);
    object_names *names = names_below(w.store, "index", &count);
    assert_int_equal(count, 1);
    uint8_t *bytes = object_bytes(w.store, names[0], &len);
    for (size_t i = 0; i < len; i++) {
        size_t now_count;
        bytes[i] ^= (uint8_t)(1u << (i % 8));
        /* Whatever the last round left gives way to the damaged run. */
        object_names *now = names_below(w.store, "index", &now_count);
        for (size_t k = 0; k < now_count; k++)
            assert_ok(store_remove(w.store, now[k], e));
        mem_free(now);
        assert_ok(store_put(w.store, names[0], bytes, len, e));
        bytes[i] ^= (uint8_t)(1u << (i % 8));
        world_reopen(&w);
        assert_all_found(&w, 12);
    }
    mem_free(bytes);
    mem_free(names);
    world_close(&w);
}

static void cut_or_strange_index_objects_are_passed_over(void **state)
{
    (void)state;
    struct world w;
    size_t count, len;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 40);
    object_names *names = names_below(w.store, "index", &count);
    uint8_t *bytes = object_bytes(w.store, names[0], &len);
    for (size_t keep = 0; keep < len; keep += 97) {
        if (keep)
            assert_ok(store_put(w.store, names[0], bytes, keep, e));
        else
            object_replace(w.store, names[0], bytes, 0);
        assert_ok(store_put(w.store, "index/other", "abri.IX2\2\0\0\0", 12, e));
        world_reopen(&w);
        assert_all_found(&w, 40);
        assert_ok(store_remove(w.store, "index/other", e));
        size_t now_count;
        object_names *now = names_below(w.store, "index", &now_count);
        for (size_t k = 0; k < now_count; k++)
            assert_ok(store_remove(w.store, now[k], e));
        mem_free(now);
    }
    mem_free(bytes);
    mem_free(names);
    world_close(&w);
}

static void many_runs_become_few(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_MEM, false);
    for (uint64_t i = 0; i < 40; i++) {
        backup(&w, 0, i * 7, i * 7 + 7);
        assert_true(runs_stored(&w) <= INDEX_RUNS_MAX);
        if (i % 9 == 0)
            world_reopen(&w);
    }
    assert_all_found(&w, 280);
    world_reopen(&w);
    assert_all_found(&w, 280);
    assert_int_equal(verify_all(w.v), 40);
    world_close(&w);
}

/* Two programs with the same vault open: each sees what the other does. */
static void processes_share_the_index(void **state)
{
    (void)state;
    struct world w, other;
    world_open(&w, WORLD_DIR, false);
    other = w;
    assert_ok(vault_open(w.store, &other.v, e));
    for (uint64_t i = 0; i < 30; i++) {
        backup(i % 2 ? &w : &other, 0, i * 5, i * 5 + 5);
        assert_ok(vault_refresh(w.v, NULL, NULL, e));
        assert_all_found(&w, i * 5 + 5);
    }
    assert_ok(vault_refresh(other.v, NULL, NULL, e));
    assert_all_found(&other, 150);
    assert_true(runs_stored(&w) <= INDEX_RUNS_MAX + 1);
    vault_close(other.v);
    assert_int_equal(verify_all(w.v), 30);
    world_close(&w);
}

/* I3 */
static void runs_that_say_nothing_new_are_removed(void **state)
{
    (void)state;
    struct world w;
    size_t count, len;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 50);
    object_names *names = names_below(w.store, "index", &count);
    uint8_t *bytes = object_bytes(w.store, names[0], &len);
    assert_ok(store_put(w.store, "index/00000000000000000000000000000000", bytes, len, e));
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    assert_int_equal(runs_stored(&w), 1);
    assert_all_found(&w, 50);
    mem_free(bytes);
    mem_free(names);
    names = names_below(w.store, "packs", &count);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_remove(w.store, names[i], e));
    mem_free(names);
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    assert_int_equal(runs_stored(&w), 0);
    assert_all_found(&w, 0);
    world_close(&w);
}

/* Packs that are gone are not found, and are left behind by a merge. */
static void packs_that_are_gone_are_forgotten(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_MEM, false);
    uint64_t chunks = 0, found = 0;
    for (; chunks < 200; chunks += 50)
        backup(&w, 0, chunks, chunks + 50);
    size_t count;
    object_names *names = names_below(w.store, "packs", &count);
    for (size_t i = 0; i < count; i += 3)
        assert_ok(store_remove(w.store, names[i], e));
    mem_free(names);
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    for (uint64_t n = 0; n < 200; n++)
        found += chunk_reads(w.v, n);
    assert_true(found > 50 && found < 180);
    struct index_run *all = NULL;
    char name[INDEX_NAME_BYTES];
    uint64_t entries = 0;
    assert_ok(index_new_name(name, e));
    assert_ok(index_merge(w.v, w.v->runs, w.v->run_count, name, e));
    assert_ok(index_run_open(w.store, name, w.v->info.id, &all, e));
    for (uint64_t i = 0; i < all->h.entry_count; i++, entries++) {
        struct index_entry n;
        assert_true(index_run_entry(all, i, &n));
        assert_true(n.pack < all->h.pack_count);
    }
    assert_int_equal(entries, found);
    index_run_close(all);
    world_close(&w);
}

static void a_chunk_counts_once_in_a_pack(void **state)
{
    (void)state;
    struct world w;
    uint8_t buf[CHUNK_ROOM], id[ID_BYTES];
    struct frame f = {.kind = FRAME_DATA, .nonce = 2};
    struct frame_loc loc;
    world_open(&w, WORLD_MEM, false);
    struct session *s = session_start(&w, 0, 0);
    chunk_id(1, f.id);
    for (int i = 0; i < 5; i++)
        assert_ok(session_add(s, &f, buf, chunk_make(1, buf), e));
    commit(&w, s, 0);
    session_end(s);
    size_t count;
    object_names *names = names_below(w.store, "index", &count);
    assert_ok(store_remove(w.store, names[0], e));
    mem_free(names);
    world_reopen(&w);
    chunk_id(1, id);
    assert_true(vault_find(w.v, id, &loc));
    assert_int_equal(loc.frame, 0);
    assert_int_equal(w.v->runs[0]->h.entry_count, 1);
    assert_int_equal(verify_all(w.v), 1);
    world_close(&w);
}

static void an_unchanged_vault_is_not_read_again(void **state)
{
    (void)state;
    struct world w;
    struct store *layer;
    world_open(&w, WORLD_MEM, false);
    for (uint64_t i = 0; i < 5; i++)
        backup(&w, 0, i * 50, i * 50 + 50);
    struct store *below = w.store;
    assert_ok(store_fault_open(below, &layer, e));
    vault_close(w.v);
    assert_ok(vault_open(layer, &w.v, e));
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    store_fault_plan(layer, NULL);
    for (int i = 0; i < 3; i++)
        assert_ok(vault_refresh(w.v, NULL, NULL, e));
    struct store_counts counts = store_fault_counts(layer);
    assert_int_equal(counts.ops[0], 9); /* three lists each */
    assert_int_equal(counts.ops[STORE_OP_LIST], 9);
    vault_close(w.v);
    store_close(layer);
    assert_ok(vault_open(below, &w.v, e));
    world_close(&w);
}

static void read_only_stores_are_read(void **state)
{
    (void)state;
    struct world w;
    struct store *layer;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 50);
    size_t count;
    object_names *names = names_below(w.store, "index", &count);
    assert_ok(store_remove(w.store, names[0], e));
    mem_free(names);
    struct store *below = w.store;
    assert_ok(store_fault_open(below, &layer, e));
    vault_close(w.v);
    for (unsigned only = STORE_OP_CREATE; only <= STORE_OP_SYNC; only++) {
        uint64_t fails = 0;
        do {
            struct store_fault_plan plan = {
                .only = 1u << only, .fail_at = ++fails, .fail_errno = EROFS, .no_map = true};
            store_fault_plan(layer, &plan);
            assert_ok(vault_open(layer, &w.v, e));
            assert_all_found(&w, 50);
            vault_close(w.v);
        } while (store_fault_counts(layer).ops[only] >= fails);
        names = names_below(below, "index", &count);
        for (size_t i = 0; i < count; i++)
            assert_ok(store_remove(below, names[i], e));
        mem_free(names);
    }
    store_close(layer);
    assert_ok(vault_open(below, &w.v, e));
    world_close(&w);
}

/* ---- runs by themselves, with many entries ------------------------------------------ */

#define MANY 100000u

/* Half of all numbers, in a run of their own each; a few ids crowd together. */
static void make_entry(uint64_t seed, uint64_t i, struct index_entry *n)
{
    chunk_id(seed + i, n->id);
    if (i % 10 == 0)
        memset(n->id, 0x77, 9); /* the same fence for all of these */
    n->pack = (uint32_t)(i % 100);
    n->frame = (uint32_t)(i / 100);
    n->offset = (uint32_t)i;
    n->len = 100;
}

static void add_run(struct vault *v, uint64_t seed, uint32_t count)
{
    CLEANUP_FREE struct index_entry *entries = mem_array(count, sizeof *entries);
    uint32_t packs[100];
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t id[ID_BYTES];
        const struct index_pack said = {.frame_count = MANY, .kind = FRAME_DATA};
        chunk_id(seed + 1000000 + i, id);
        assert_ok(pack_set_add(&v->packs, id, &packs[i], e));
        struct pack *p = pack_set_at(&v->packs, packs[i]);
        assert_true(pack_describe(p, &said));
        p->unsynced = false; /* there is no such pack */
    }
    for (uint32_t i = 0; i < count; i++)
        make_entry(seed, i, &entries[i]);
    struct index_run *run;
    assert_ok(index_build(v, entries, count, packs, 100, &run, e));
    assert_ok(index_append(v, run, e));
}

static void assert_run_answers(struct vault *v, uint64_t seed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct index_entry n;
        struct frame_loc loc;
        make_entry(seed, i, &n);
        if (index_find(v, n.id, NULL, &loc, NULL) != 1)
            fail_msg("entry %u of seed %lu not found", i, (unsigned long)seed);
        assert_int_equal(loc.offset, i);
        assert_int_equal(loc.frame, n.frame);
        n.id[31] ^= 1;
        assert_int_equal(index_find(v, n.id, NULL, &loc, NULL), 0);
        n.id[0] ^= 0x80;
        assert_int_equal(index_find(v, n.id, NULL, &loc, NULL), 0);
    }
}

static void large_runs_answer_and_merge(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_DIR, false);
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    static const uint32_t sizes[] = {MANY, 84, 85, 86, 1, 170, 5000, 20000, 3, 40000, 0, 999};
    size_t count = sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count; i++)
        add_run(w.v, i * 10000000, sizes[i]);
    for (size_t i = 0; i < count; i++)
        assert_run_answers(w.v, i * 10000000, sizes[i]);
    index_maintain(w.v);
    assert_true(w.v->run_count <= INDEX_RUNS_MAX);
    for (size_t i = 0; i < w.v->run_count; i++)
        assert_true(w.v->runs[i]->name[0]);
    for (size_t i = 0; i < count; i++)
        assert_run_answers(w.v, i * 10000000, sizes[i]);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_may_be_deleted_at_any_time),
        cmocka_unit_test(flips_in_the_index_change_no_answer),
        cmocka_unit_test(cut_or_strange_index_objects_are_passed_over),
        cmocka_unit_test(many_runs_become_few),
        cmocka_unit_test(processes_share_the_index),
        cmocka_unit_test(runs_that_say_nothing_new_are_removed),
        cmocka_unit_test(packs_that_are_gone_are_forgotten),
        cmocka_unit_test(a_chunk_counts_once_in_a_pack),
        cmocka_unit_test(an_unchanged_vault_is_not_read_again),
        cmocka_unit_test(read_only_stores_are_read),
        cmocka_unit_test(large_runs_answer_and_merge),
    };
    return cmocka_run_group_tests_name("vault/index", tests, NULL, NULL);
}
