/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power is cut at every system call of a repair of a directory: each pack is as
 * damaged as it was, or whole, never anything else, and another repair ends the work.
 *
 * ABRI_SEED=n replays a run.
 */
#include "world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store_record.h"
#include "vault/parity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object {
    size_t sound_len, damaged_len;
    uint8_t *sound, *damaged;
};

struct run {
    struct world w;
    struct store_record *record;
    object_names *names; /* of packs */
    size_t count;
    struct object *packs;
    uint64_t seed;
};

/* Two packs cut short, two exchanged, one bit turned in each of the others. */
static void spoil(struct run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct object *o = &r->packs[i];
        const struct object *holds = i == 2 || i == 3 ? &r->packs[5 - i] : o;
        o->damaged_len = i < 2 ? o->sound_len - 30 : holds->sound_len;
        o->damaged = mem_dup(holds->sound, o->damaged_len);
        assert_non_null(o->damaged);
        if (i > 3)
            o->damaged[o->damaged_len / 2] ^= 1;
    }
    for (size_t i = 0; i < r->count; i++)
        object_replace(r->w.store, r->names[i], r->packs[i].damaged, r->packs[i].damaged_len);
}

static void set_up(struct run *r)
{
    const char *seed = getenv("ABRI_SEED");
    char path[SCRATCH_PATH_MAX + 8];
    struct store *s;
    struct vault *v;
    struct vault_repair_options o = {0};
    struct vault_repair_result said = {0};
    r->seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)clock_realtime_ns() % 1000000;
    print_message("ABRI_SEED=%llu\n", (unsigned long long)r->seed);
    world_open(&r->w, WORLD_DIR, false);
    backup(&r->w, 0, 0, 60);
    r->names = names_below(r->w.store, "packs", &r->count);
    assert_true(r->count > 4);
    r->packs = mem_array(r->count, sizeof *r->packs);
    assert_non_null(r->packs);
    for (size_t i = 0; i < r->count; i++)
        r->packs[i].sound = object_bytes(r->w.store, r->names[i], &r->packs[i].sound_len);
    spoil(r);
    (void)snprintf(path, sizeof path, "%s/vault", r->w.path);
    assert_ok(store_record_new(path, &r->record, e));
    assert_ok(store_dir_open_with(path, false, &store_record_ops, r->record, &s, e));
    assert_ok(vault_open(s, &v, e));
    assert_ok(vault_repair(v, &o, &said, e));
    assert_int_equal(said.packs_lost, 0);
    assert_int_equal(said.packs_mended, r->count);
    vault_close(v);
    store_close(s);
}

static void tear_down(struct run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        mem_free(r->packs[i].sound);
        mem_free(r->packs[i].damaged);
    }
    mem_free(r->packs);
    mem_free(r->names);
    store_record_free(r->record);
    world_close(&r->w);
}

static bool is_whole(struct store *s, const char *name, const struct object *o)
{
    size_t len;
    uint8_t *p = object_bytes(s, name, &len);
    bool whole = len == o->sound_len && memcmp(p, o->sound, len) == 0;
    bool damaged = len == o->damaged_len && memcmp(p, o->damaged, len) == 0;
    mem_free(p);
    if (!whole && !damaged)
        fail_msg("%s: neither what it was nor whole", name);
    return whole;
}

static size_t look_and_repair(struct run *r, const char *path)
{
    struct store *s;
    struct vault *v;
    struct vault_repair_options o = {0};
    struct vault_repair_result said = {0};
    size_t whole = 0;
    assert_ok(store_dir_open(path, &s, e));
    for (size_t i = 0; i < r->count; i++)
        whole += is_whole(s, r->names[i], &r->packs[i]);
    assert_ok(vault_open(s, &v, e));
    assert_ok(vault_repair(v, &o, &said, e));
    assert_int_equal(said.packs_lost, 0);
    for (size_t i = 0; i < r->count; i++)
        assert_true(is_whole(s, r->names[i], &r->packs[i]));
    vault_close(v);
    store_close(s);
    return whole;
}

static void every_pack_is_old_or_whole(void **state)
{
    static struct run r;
    char path[SCRATCH_PATH_MAX + 8];
    (void)state;
    set_up(&r);
    (void)snprintf(path, sizeof path, "%s/cut", r.w.path);
    size_t ops = store_record_count(r.record), between = 0;
    for (int cut = RECORD_CUT_LOST; cut <= RECORD_CUT_MIXED; cut++)
        for (size_t k = 0; k <= ops; k++) {
            assert_ok(store_record_cut(r.record, k, (enum record_cut)cut, r.seed + k, path, e));
            size_t whole = look_and_repair(&r, path);
            between += whole && whole < r.count;
            scratch_remove(path);
        }
    print_message("%zu calls, %zu times something in between\n", ops, between);
    assert_true(between > 0);
    tear_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_pack_is_old_or_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
