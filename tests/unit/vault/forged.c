/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are well made, but by the wrong hands or in the wrong place:
 * nobody lists them, no later record follows them, and check names them.
 */
#include "world.h"

#include "base/mem.h"
#include "vault/record_read.h"
#include "vault/refset_format.h"

#include <string.h>

/* A record about to be stored; begins as the honest successor of `last`. */
struct forgery {
    struct record_w w;
    struct record_k k;
    struct sign_key writer, keeper;
    struct buf refs;
};

static void forgery_begin(struct world *w, uint64_t last, struct forgery *f)
{
    struct record r = {0};
    *f = (struct forgery){.writer = w->key[0]};
    assert_ok(keeper_load(w->v, &f->keeper, e));
    assert_ok(record_read(w->v, last, &r, e));
    f->w = r.w;
    f->w.machine = (const uint8_t *)"forged";
    f->w.machine_len = 6;
    f->w.tags = NULL;
    f->w.tags_len = f->w.tag_count = 0;
    f->w.root = (const uint8_t *)"r";
    f->w.root_len = 1;
    f->w.sequence = r.w.sequence + 1;
    memcpy(f->w.previous, r.id, ID_BYTES);
    f->k = (struct record_k){.sequence = last + 1, .received_ns = r.k.received_ns};
    memcpy(f->k.previous, r.k_hash, HASH_BYTES);
    refset_encode(&f->refs, NULL, 0);
    hash_bytes(f->refs.data, f->refs.len, f->w.refs_hash);
    record_done(&r);
}

/* Stores W of `f` with K of `f`; unless `mismatched`, K is about this W. */
static void forgery_store(struct world *w, struct forgery *f, bool mismatched)
{
    CLEANUP(buf_done) struct buf wb = {0}, kb = {0}, all = {0};
    char name[RECORD_NAME_BYTES];
    record_w_put(&wb, &f->w, &f->writer);
    hash_bytes(wb.data, wb.len, f->k.snapshot);
    if (mismatched)
        f->k.snapshot[0] ^= 1;
    record_k_put(&kb, &f->k, &f->keeper);
    struct record_head h = {(uint32_t)wb.len, (uint32_t)kb.len, (uint32_t)f->refs.len};
    record_head_put(&all, &h);
    buf_put(&all, wb.data, wb.len);
    buf_put(&all, kb.data, kb.len);
    buf_put(&all, f->refs.data, f->refs.len);
    record_name(f->k.sequence, name);
    assert_ok(store_put(w->store, name, all.data, all.len, e));
    buf_done(&f->refs);
}

static size_t listed(struct world *w, struct reports *r)
{
    struct snapshot_list list;
    *r = (struct reports){0};
    assert_ok(vault_snapshots(w->v, &list, report, r, e));
    size_t count = list.count;
    snapshot_list_done(&list);
    return count;
}

static unsigned checked(struct world *w, struct reports *r)
{
    struct vault_check_stats stats;
    *r = (struct reports){0};
    assert_ok(vault_check(w->v, report, r, &stats, e));
    return r->count;
}

static void begin(struct world *w)
{
    world_open(w, WORLD_MEM, false);
    backup(w, 0, 0, 5);
    backup(w, 0, 5, 9);
}

/* The next honest record must continue the second one, whatever came third. */
static void assert_not_followed(struct world *w, uint64_t sequence)
{
    struct record r = {0}, second = {0};
    backup(w, 0, 20, 23);
    assert_ok(record_read(w->v, 2, &second, e));
    assert_ok(record_read(w->v, sequence, &r, e));
    assert_int_equal(r.w.sequence, 3);
    assert_memory_equal(r.w.previous, second.id, ID_BYTES);
    record_done(&r);
    record_done(&second);
}

static void an_honest_forgery_is_none(void **state)
{
    (void)state;
    struct world w;
    struct forgery f;
    struct reports r;
    begin(&w);
    forgery_begin(&w, 2, &f);
    forgery_store(&w, &f, false);
    assert_int_equal(listed(&w, &r), 3);
    assert_int_equal(checked(&w, &r), 0);
    world_close(&w);
}

static void records_of_strangers_are_left_out(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct world w;
        struct forgery f;
        struct reports r;
        begin(&w);
        forgery_begin(&w, 2, &f);
        sign_key_new(&f.writer); /* the keeper colludes */
        f.w.sequence = 50;
        forgery_store(&w, &f, false);
        assert_int_equal(listed(&w, &r), 2);
        assert_string_equal(r.object, "snapshots/0000000000000003");
        assert_true(checked(&w, &r) >= 1);
        if (later) { /* also below a newer trusted record of the same writer */
            assert_not_followed(&w, 4);
            world_reopen(&w);
            assert_int_equal(listed(&w, &r), 3);
            assert_int_equal(r.count, 1);
            assert_string_equal(r.object, "snapshots/0000000000000003");
        }
        world_close(&w);
    }
}

static void records_that_the_keeper_did_not_receive_are_left_out(void **state)
{
    (void)state;
    struct world w;
    struct forgery f;
    struct reports r;
    begin(&w);
    forgery_begin(&w, 2, &f);
    sign_key_new(&f.keeper);
    f.k.received_ns = INT64_MAX; /* would stop the clock for good */
    forgery_store(&w, &f, false);
    assert_int_equal(listed(&w, &r), 2);
    backup(&w, 0, 20, 23);
    struct record newest = {0};
    assert_ok(record_read(w.v, 4, &newest, e));
    assert_true(newest.k.received_ns < INT64_MAX);
    record_done(&newest);
    forgery_begin(&w, 2, &f);
    f.k.sequence = 5;
    forgery_store(&w, &f, true); /* received something else */
    assert_int_equal(listed(&w, &r), 3);
    assert_int_equal(r.count, 2);
    world_close(&w);
}

/* K3 */
static void the_keepers_time_does_not_go_back(void **state)
{
    (void)state;
    struct world w;
    struct forgery f;
    struct reports r;
    struct record third = {0};
    const int64_t future = INT64_C(1) << 62;
    begin(&w);
    forgery_begin(&w, 2, &f);
    f.k.received_ns = future;
    forgery_store(&w, &f, false); /* received while the clock was wrong */
    backup(&w, 0, 20, 23);
    assert_ok(record_read(w.v, 4, &third, e));
    assert_int_equal(third.k.received_ns, future);
    record_done(&third);
    assert_int_equal(listed(&w, &r), 4);
    assert_int_equal(checked(&w, &r), 0);
    forgery_begin(&w, 4, &f);
    f.k.received_ns = 1;
    forgery_store(&w, &f, false);
    assert_int_equal(checked(&w, &r), 1);
    world_close(&w);
}

/* Otherwise one record of a wrong day would date all that follow. */
static void but_it_does_once_somebody_has_said_so(void **state)
{
    (void)state;
    struct world w;
    struct forgery f;
    struct reports r;
    struct record later = {0};
    const int64_t future = INT64_C(1) << 62;
    begin(&w);
    forgery_begin(&w, 2, &f);
    f.k.received_ns = future;
    forgery_store(&w, &f, false);
    assert_ok(vault_clock_confirm(w.v, e));
    backup(&w, 0, 20, 23);
    assert_ok(record_read(w.v, 4, &later, e));
    assert_true(later.k.received_ns < future && later.k.received_ns > 0);
    record_done(&later);
    assert_int_equal(checked(&w, &r), 0);
    world_close(&w);
}

static void check_sees_broken_chains(void **state)
{
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        struct world w;
        struct forgery f;
        struct reports r;
        begin(&w);
        forgery_begin(&w, 2, &f);
        if (kind == 0)
            f.k.previous[7] ^= 1;
        if (kind == 1)
            f.w.previous[7] ^= 1;
        if (kind == 2)
            f.w.sequence = 2; /* an old number again */
        if (kind == 3)
            memset(f.w.writer, 0x22, UID_BYTES), f.writer = w.key[1], f.w.sequence = 1;
        if (kind == 4)
            f.w.sequence = 9; /* a gap: the ones between have expired */
        forgery_store(&w, &f, false);
        assert_int_equal(listed(&w, &r), 3); /* signed by whom it should be */
        /* 3: the session is another writer's, too */
        assert_int_equal(checked(&w, &r), kind == 4 ? 0 : kind == 3 ? 2 : 1);
        if (kind != 4)
            assert_string_equal(r.object, "snapshots/0000000000000003");
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_forgery_is_none),
        cmocka_unit_test(records_of_strangers_are_left_out),
        cmocka_unit_test(records_that_the_keeper_did_not_receive_are_left_out),
        cmocka_unit_test(the_keepers_time_does_not_go_back),
        cmocka_unit_test(but_it_does_once_somebody_has_said_so),
        cmocka_unit_test(check_sees_broken_chains),
    };
    return cmocka_run_group_tests_name("vault/forged", tests, NULL, NULL);
}
