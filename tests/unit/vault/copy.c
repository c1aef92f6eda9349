/* SPDX-License-Identifier: Apache-2.0 */
/* Copying between replicas: what arrives, and what does not. */
#include "copy_world.h"

#include "base/mem.h"
#include "vault/pack_format.h"
#include "vault/record_read.h"

#include <errno.h>
#include <stdio.h>
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

/* ---- what arrives ------------------------------------------------------------------------- */

static void snapshots_arrive_with_ids_and_dates(void **state)
{
    (void)state;
    struct kept one = keep(&a, 0, 0, 60), two = keep(&a, 1, 30, 90);
    struct vault_copy_result r = copy(&a, &b);
    assert_int_equal(r.copied, 2);
    assert_true(r.packs_whole > 0);
    assert_int_equal(r.packs_made, 0);
    assert_kept(b.v, &one);
    assert_kept(b.v, &two);
    assert_sound(b.v);
    struct snapshot_list x = list_of(&a), y = list_of(&b);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(x.items[i].id, y.items[i].id, ID_BYTES);
        assert_int_equal(x.items[i].dated_ns, y.items[i].dated_ns);
        assert_true(y.items[i].copied && !x.items[i].copied);
        assert_int_equal(y.items[i].origin_seq, x.items[i].seq);
        assert_memory_equal(y.items[i].origin_keeper, a.v->info.keeper_pk, SIGN_PUBLIC_BYTES);
        assert_true(y.items[i].received_ns >= x.items[i].received_ns);
    }
    snapshot_list_done(&x);
    snapshot_list_done(&y);
}

static void what_is_there_is_not_copied_again(void **state)
{
    (void)state;
    (void)keep(&a, 0, 0, 100);
    (void)copy(&a, &b);
    struct kept more = keep(&a, 0, 50, 110);
    struct vault_copy_result r = copy(&a, &b);
    assert_int_equal(r.copied, 1);
    assert_int_equal(r.present, 1);
    assert_int_equal(r.objects, 1); /* its session */
    assert_true(r.packs_whole <= 4); /* ten chunks */
    assert_kept(b.v, &more);
    r = copy(&a, &b);
    assert_int_equal(r.copied, 0);
    assert_int_equal(r.bytes, 0);
    assert_int_equal(r.objects, 0);
    assert_sound(b.v);
}

static void a_dry_run_writes_nothing(void **state)
{
    (void)state;
    (void)keep(&a, 0, 0, 60);
    size_t before, after;
    struct events ev = {0};
    struct vault_copy_result r;
    mem_free(names_below(b.store, "", &before));
    assert_ok(copy_try(&a, &b, SIZE_MAX, true, &ev, &r, e));
    mem_free(names_below(b.store, "", &after));
    assert_int_equal(r.copied, 1);
    assert_true(r.bytes > 1000);
    assert_int_equal(before, after);
}

/* Few frames of a pack come in a new pack, and the rest when it is asked for. */
static void a_part_of_a_pack_comes_alone(void **state)
{
    (void)state;
    struct kept all = keep(&a, 0, 0, 200), few = {0};
    struct session *s = session_start(&a, 0, 4096);
    for (uint64_t n = 0; n < 200; n += 5) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        few.has[n] = true;
    }
    commit(&a, s, 0);
    session_end(s);
    kept_newest(a.v, &few);
    struct events ev = {0};
    struct vault_copy_result r;
    assert_ok(copy_try(&a, &b, 1, false, &ev, &r, e));
    assert_int_equal(r.copied, 1);
    assert_int_equal(r.packs_whole, 0);
    assert_true(r.packs_made > 0);
    assert_kept(b.v, &few);
    assert_sound(b.v);
    assert_false(chunk_is_there(b.v, 1));
    r = copy(&a, &b);
    assert_int_equal(r.copied, 1);
    assert_kept(b.v, &all);
    assert_kept(b.v, &few);
    assert_sound(b.v);
}

/* Records name packs that neither has any more. */
static void moved_frames_arrive(void **state)
{
    (void)state;
    struct kept old = keep(&a, 0, 0, 100), more = keep(&a, 0, 100, 200);
    struct kept third = keep(&a, 0, 50, 150);
    struct world early;
    replica(&a, &early);
    (void)copy(&a, &early);
    expire(&a, &more);
    (void)collect(&a);
    (void)copy(&a, &b);
    assert_kept(b.v, &old);
    assert_kept(b.v, &third);
    assert_sound(b.v);
    struct vault_copy_result r = copy(&a, &early); /* it has them where they were */
    assert_int_equal(r.bytes, 0);
    struct kept fourth = keep(&a, 0, 90, 110);
    expire(&a, &third);
    (void)collect(&a);
    r = copy(&a, &early);
    assert_int_equal(r.copied, 1);
    assert_kept(early.v, &fourth);
    assert_sound(early.v);
    (void)copy(&a, &b);
    assert_kept(b.v, &fourth);
    assert_sound(b.v);
    world_close(&early);
}

/* The few frames are in a pack that their record does not know, among many others. */
static void a_part_of_a_pack_of_moved_frames_comes_alone(void **state)
{
    (void)state;
    struct kept few = {0};
    struct kept all = keep(&a, 0, 0, 200);
    struct session *s = session_start(&a, 0, 4096);
    for (uint64_t n = 2; n < 200; n += 40) { /* of the even ones, that are moved */
        assert_int_equal(chunk_put(s, n, FRAME_DATA, NULL), 0);
        few.has[n] = true;
    }
    commit(&a, s, 0);
    session_end(s);
    kept_newest(a.v, &few);
    struct kept half = {0};
    s = session_start(&a, 0, 4096);
    for (uint64_t n = 0; n < 200; n += 2) {
        assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 0);
        half.has[n] = true;
    }
    commit(&a, s, 0);
    session_end(s);
    kept_newest(a.v, &half);
    expire(&a, &all);
    assert_true(collect(&a).packs_removed > 0);
    struct events ev = {0};
    struct vault_copy_result r;
    assert_ok(copy_try(&a, &b, 0, false, &ev, &r, e));
    assert_int_equal(r.copied, 1);
    assert_true(r.packs_made > 0);
    assert_kept(b.v, &few);
    assert_sound(b.v);
    (void)copy(&a, &b);
    assert_kept(b.v, &half);
    assert_sound(b.v);
}

static void a_copy_of_a_copy_says_who_had_it_first(void **state)
{
    (void)state;
    struct world c;
    struct kept one = keep(&a, 0, 0, 60);
    (void)copy(&a, &b);
    replica(&b, &c);
    (void)copy(&b, &c);
    assert_kept(c.v, &one);
    assert_sound(c.v);
    struct snapshot_list x = list_of(&a), z = list_of(&c);
    assert_memory_equal(z.items[0].origin_keeper, a.v->info.keeper_pk, SIGN_PUBLIC_BYTES);
    assert_int_equal(z.items[0].dated_ns, x.items[0].dated_ns);
    assert_int_equal(copy(&c, &a).copied, 0); /* nothing comes back twice */
    snapshot_list_done(&x);
    snapshot_list_done(&z);
    world_close(&c);
}

/* One machine backs up to both. */
static void each_keeper_has_its_own_chain_of_a_writer(void **state)
{
    (void)state;
    struct kept k[6];
    k[0] = keep(&a, 0, 0, 20);
    k[1] = keep(&b, 0, 20, 40);
    (void)copy(&a, &b);
    k[2] = keep(&b, 0, 40, 60);
    k[3] = keep(&a, 0, 60, 80);
    (void)copy(&b, &a);
    k[4] = keep(&a, 0, 80, 100);
    (void)copy(&a, &b);
    k[5] = keep(&b, 0, 100, 120);
    (void)copy(&b, &a);
    for (size_t i = 0; i < 6; i++) {
        assert_kept(a.v, &k[i]);
        assert_kept(b.v, &k[i]);
    }
    assert_sound(a.v);
    assert_sound(b.v);
}

/* ---- what does not -------------------------------------------------------------------------- */

static void strangers_are_refused(void **state)
{
    (void)state;
    struct world stranger;
    struct events ev = {0};
    struct vault_copy_result r;
    world_open(&stranger, WORLD_MEM, false);
    (void)keep(&a, 0, 0, 20);
    assert_err(copy_try(&a, &stranger, SIZE_MAX, false, &ev, &r, e), ERR_USAGE);
    assert_err(copy_try(&a, &a, SIZE_MAX, false, &ev, &r, e), ERR_USAGE);
    world_close(&stranger);
}

static void flip(struct world *w, const char *name, size_t at)
{
    size_t len;
    uint8_t *p = object_bytes(w->store, name, &len);
    p[at < len ? at : len / 2] ^= 1;
    object_replace(w->store, name, p, len);
    mem_free(p);
    world_reopen(w);
}

static void damage_costs_only_those_that_need_it(void **state)
{
    (void)state;
    struct kept bad = keep(&a, 0, 0, 10);
    size_t count;
    object_names *packs = names_below(a.store, "packs", &count);
    flip(&a, packs[0], 200);
    mem_free(packs);
    struct kept good = keep(&a, 1, 50, 90);
    struct events ev = {0};
    struct vault_copy_result r;
    assert_ok(copy_try(&a, &b, SIZE_MAX, false, &ev, &r, e));
    assert_int_equal(r.copied, 1);
    assert_int_equal(r.refused, 1);
    assert_int_equal(ev.refused, 1);
    assert_true(ev.damaged >= 1);
    assert_non_null(strstr(ev.why, "packs/"));
    assert_kept(b.v, &good);
    assert_sound(b.v);
    (void)bad;
}

static void records_that_are_not_signed_do_not_arrive(void **state)
{
    (void)state;
    (void)keep(&a, 0, 0, 10);
    struct snapshot_list l = list_of(&a);
    const struct snapshot *one = &l.items[0];
    struct events ev = {0};
    struct vault_copy_result r;
    struct vault_copy_options o = {.refused = note_refused, .arg = &ev};
    flip(&a, "snapshots/0000000000000001", 30); /* after it was listed */
    assert_ok(vault_copy(a.v, b.v, &one, 1, &o, &r, e));
    assert_int_equal(r.refused, 1);
    struct snapshot_list there = list_of(&b);
    assert_int_equal(there.count, 0);
    snapshot_list_done(&l);
    snapshot_list_done(&there);
}

/* What another keeper is said to have said is verified, and stays verifiable. */
static void a_false_origin_is_noticed(void **state)
{
    (void)state;
    struct sign_key keeper;
    struct record r = {0};
    struct reports found = {0};
    struct vault_check_stats stats;
    CLEANUP(buf_done) struct buf k = {0};
    (void)keep(&a, 0, 0, 10);
    (void)copy(&a, &b);
    assert_ok(record_read(b.v, 1, &r, e));
    assert_ok(keeper_load(b.v, &keeper, e));
    r.k.origin.k[8] ^= 1; /* when it was received */
    record_k_put(&k, &r.k, &keeper);
    sign_key_done(&keeper);
    size_t len;
    uint8_t *p = object_bytes(b.store, "snapshots/0000000000000001", &len);
    memcpy(p + RECORD_HEAD_BYTES + r.head.w_len, k.data, k.len);
    object_replace(b.store, "snapshots/0000000000000001", p, len);
    mem_free(p);
    record_done(&r);
    world_reopen(&b);
    assert_ok(vault_check(b.v, report, &found, &stats, e));
    assert_int_equal(found.count, 1);
    assert_non_null(strstr(found.message, "origin"));
    struct world c;
    struct events ev = {0};
    struct vault_copy_result result;
    replica(&b, &c);
    assert_ok(copy_try(&b, &c, SIZE_MAX, false, &ev, &result, e));
    assert_int_equal(result.refused, 1);
    world_close(&c);
}

static void records_of_another_keeper_do_not_arrive(void **state)
{
    (void)state;
    struct record r = {0};
    struct events ev = {0};
    struct vault_copy_result result;
    struct vault_copy_options o = {.refused = note_refused, .arg = &ev};
    struct world c;
    (void)keep(&a, 0, 0, 10);
    (void)copy(&a, &b);
    struct snapshot_list l = list_of(&b);
    const struct snapshot *one = &l.items[0];
    assert_ok(record_read(b.v, 1, &r, e));
    replica(&b, &c);
    flip(&b, "snapshots/0000000000000001", RECORD_HEAD_BYTES + r.head.w_len + 8);
    assert_ok(vault_copy(b.v, c.v, &one, 1, &o, &result, e));
    assert_int_equal(result.refused, 1);
    assert_non_null(strstr(ev.why, "keeper"));
    record_done(&r);
    snapshot_list_done(&l);
    world_close(&c);
}

static void a_session_without_its_key_does_not_arrive(void **state)
{
    (void)state;
    (void)keep(&a, 0, 0, 10);
    struct events ev = {0};
    struct vault_copy_result r;
    size_t count;
    object_names *sessions = names_below(a.store, "sessions", &count);
    flip(&a, sessions[0], 100);
    mem_free(sessions);
    assert_ok(copy_try(&a, &b, SIZE_MAX, false, &ev, &r, e));
    assert_int_equal(r.refused, 1);
    assert_true(ev.damaged > 0);
    assert_non_null(strstr(ev.why, "session"));
}

/* Refused there, so it would be copied again and again. */
static void what_a_revoked_writer_made_does_not_arrive(void **state)
{
    (void)state;
    struct kept good = keep(&a, 1, 0, 20);
    (void)keep(&a, 0, 0, 20);
    revoke_writer(&b, 0, 0, &b.owner);
    struct events ev = {0};
    struct vault_copy_result r;
    assert_ok(copy_try(&a, &b, SIZE_MAX, false, &ev, &r, e));
    assert_int_equal(r.copied, 1);
    assert_int_equal(r.refused, 1);
    assert_non_null(strstr(ev.why, "revoked"));
    assert_kept(b.v, &good);
    revoke_writer(&a, 1, 99, &a.owner);
    assert_ok(copy_try(&a, &b, SIZE_MAX, false, &ev, &r, e));
    assert_int_equal(r.revoked_elsewhere, 1);
}

/* A pack's header is nobody's signature: writer 1 must not be given writer 0's chunks
 * to build upon. */
static void packs_under_a_false_flag_do_not_arrive(void **state)
{
    (void)state;
    (void)keep(&a, 0, 0, 8);
    size_t count, len;
    object_names *packs = names_below(a.store, "packs", &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t *p = object_bytes(a.store, packs[i], &len);
        struct pack_header h;
        uint32_t footer_len;
        uint8_t id[ID_BYTES];
        char name[PACK_NAME_BYTES];
        assert_ok(pack_header_decode(p, PACK_HEADER_BYTES, &h, e));
        memcpy(h.writer, a.writer[1], UID_BYTES);
        pack_header_encode(&h, p);
        assert_ok(pack_trailer_decode(p + len - PACK_TRAILER_BYTES, len, &footer_len, e));
        pack_id(p, p + len - PACK_TRAILER_BYTES - footer_len, footer_len, id);
        pack_name(id, name);
        assert_ok(store_put(a.store, name, p, len, e));
        mem_free(p);
    }
    mem_free(packs);
    world_reopen(&a);
    (void)keep(&a, 1, 0, 8); /* builds upon them: here, the keeper was bribed */
    for (int part = 0; part < 2; part++) {
        struct events ev = {0};
        struct vault_copy_result r;
        assert_ok(copy_try(&a, &b, 1, false, &ev, &r, e));
        assert_int_equal(r.refused, 1);
        assert_true(ev.damaged > 0);
        assert_int_equal(pack_count(&b), 0);
        struct session *s = session_start(&a, 1, 4096); /* one of many frames */
        assert_int_equal(chunk_put(s, 1, FRAME_DATA, NULL), 0);
        commit(&a, s, 1);
        session_end(s);
        expire(&a, &(struct kept){.seq = 2 + (uint64_t)part});
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(snapshots_arrive_with_ids_and_dates), T(what_is_there_is_not_copied_again),
        T(a_dry_run_writes_nothing), T(a_part_of_a_pack_comes_alone), T(moved_frames_arrive),
        T(a_copy_of_a_copy_says_who_had_it_first), T(each_keeper_has_its_own_chain_of_a_writer),
        T(strangers_are_refused), T(damage_costs_only_those_that_need_it),
        T(records_that_are_not_signed_do_not_arrive), T(a_false_origin_is_noticed),
        T(records_of_another_keeper_do_not_arrive), T(a_part_of_a_pack_of_moved_frames_comes_alone),
        T(a_session_without_its_key_does_not_arrive),
        T(what_a_revoked_writer_made_does_not_arrive), T(packs_under_a_false_flag_do_not_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
