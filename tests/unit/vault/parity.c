/* SPDX-License-Identifier: Apache-2.0 */
/* Parity mends what it promises, refuses what is beyond it, and is never wrong (H1-H7). */
#include "world.h"

#include "base/mem.h"
#include "vault/condemned.h"
#include "vault/parity.h"
#include "vault/parity_code.h"

#include <stdio.h>
#include <string.h>

static uint64_t seed = 20261122;

static uint64_t below(uint64_t n)
{
    return next_random(&seed) % n;
}

/* ---- the code ------------------------------------------------------------------------------ */

static int from_memory(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    (void)e;
    memcpy(p, (const uint8_t *)arg + off, len);
    return 0;
}

struct sample {
    struct parity_head h;
    uint8_t *pack, *work;
    struct buf object;
    uint32_t blocks;
};

static void sample_make(struct sample *s, size_t len)
{
    *s = (struct sample){.object = {.max = PARITY_OBJECT_MAX}};
    s->pack = mem_alloc(len);
    s->work = mem_alloc(len);
    assert_true(s->pack && s->work);
    for (size_t i = 0; i < len; i++)
        s->pack[i] = (uint8_t)next_random(&seed);
    memcpy(s->work, s->pack, len);
    parity_shape(len, &s->h);
    s->blocks = parity_blocks(&s->h);
    assert_ok(parity_encode(&s->h, from_memory, s->pack, &s->object, e));
    struct parity_head h;
    assert_int_equal(s->object.len, parity_object_len(&s->h));
    assert_ok(parity_verify(s->object.data, s->object.len, &h, e));
}

static void sample_done(struct sample *s)
{
    mem_free(s->pack);
    mem_free(s->work);
    buf_done(&s->object);
}

static size_t end_of(const struct sample *s, uint32_t block)
{
    size_t end = (size_t)(block + 1) * s->h.block;
    return end < s->h.pack_len ? end : (size_t)s->h.pack_len;
}

/* Flips a bit, or zeroes it all. True if that changed it. */
static bool spoil(struct sample *s, uint32_t block)
{
    size_t from = (size_t)block * s->h.block, n = end_of(s, block) - from;
    if (below(2)) {
        s->work[from + below(n)] ^= (uint8_t)(1u << below(8));
        return true;
    }
    bool was_zero = bytes_are_zero(s->work + from, n);
    memset(s->work + from, 0, n);
    return !was_zero;
}

static const size_t lengths[] = {1, 100, 4095, 4096, 4097, 20000, 131072, 131073, 524288, 524289,
                                 1500000, 2999999};

/* Spoils `count` blocks of one stripe: chosen anywhere in it, one after the other. */
static uint32_t spoil_stripe(struct sample *s, uint32_t stripe, uint32_t count)
{
    uint32_t spoilt = 0, members = 0;
    bool done[PARITY_DATA_MAX] = {false};
    for (uint32_t b = stripe; b < s->blocks; b += s->h.stripes)
        members++;
    while (spoilt < count && spoilt < members) {
        uint32_t j = (uint32_t)below(members);
        if (!done[j] && spoil(s, stripe + j * s->h.stripes))
            spoilt++;
        done[j] = true;
    }
    return spoilt;
}

static void any_blocks_up_to_the_strength_are_mended(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (int round = 0; round < 10; round++) {
            struct sample s;
            uint32_t spoilt = 0, mended = 0;
            sample_make(&s, lengths[l]);
            for (uint32_t stripe = 0; stripe < s.h.stripes; stripe++)
                spoilt += spoil_stripe(&s, stripe, (uint32_t)below(s.h.parity + 1));
            assert_ok(parity_mend(s.object.data, s.object.len, s.work, &mended, e));
            assert_int_equal(mended, spoilt);
            assert_memory_equal(s.work, s.pack, lengths[l]);
            sample_done(&s);
        }
}

static void a_burst_up_to_the_strength_is_mended(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        struct sample s;
        uint32_t mended;
        sample_make(&s, lengths[l]);
        uint32_t burst = s.h.parity * s.h.stripes;
        burst = burst < s.blocks ? burst : s.blocks;
        uint32_t from = (uint32_t)below(s.blocks - burst + 1);
        size_t at = (size_t)from * s.h.block;
        memset(s.work + at, 0xa5, end_of(&s, from + burst - 1) - at);
        assert_ok(parity_mend(s.object.data, s.object.len, s.work, &mended, e));
        assert_memory_equal(s.work, s.pack, lengths[l]);
        sample_done(&s);
    }
}

static void what_is_beyond_the_strength_is_refused(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        struct sample s;
        uint32_t mended;
        sample_make(&s, lengths[l]);
        uint32_t stripe = (uint32_t)below(s.h.stripes);
        uint32_t spoilt = spoil_stripe(&s, stripe, s.h.parity + 1);
        if (spoilt > s.h.parity)
            assert_err(parity_mend(s.object.data, s.object.len, s.work, &mended, e), ERR_DAMAGED);
        sample_done(&s);
    }
}

/* Damaged parity blocks count against the strength; nothing that was good changes. */
static void damaged_parity_mends_less_and_never_wrongly(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct sample s;
        uint32_t mended;
        size_t len = lengths[below(sizeof lengths / sizeof *lengths)];
        sample_make(&s, len);
        for (uint64_t n = below(6); n; n--)
            (void)spoil(&s, (uint32_t)below(s.blocks));
        for (uint64_t n = below(4); n; n--)
            s.object.data[below(s.object.len)] ^= (uint8_t)(1u << below(8));
        size_t have = below(4) ? s.object.len : below(s.object.len + 1);
        uint8_t *copy = mem_dup(s.object.data, have); /* so that reading behind its end shows */
        struct err e = ERR_INIT;
        if (parity_mend(copy, have, s.work, &mended, &e) == 0 && memcmp(s.work, s.pack, len) != 0) {
            /* Only where a word was hit: then the pack's name tells. */
            struct parity_head h;
            assert_int_not_equal(parity_verify(copy, have, &h, &e), 0);
        }
        mem_free(copy);
        sample_done(&s);
    }
}

/* The coefficients as docs/format/vault.md gives them, computed bit by bit. */
static uint8_t times(uint8_t a, uint8_t b)
{
    unsigned x = a, r = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        if (b >> bit & 1)
            r ^= x;
        x <<= 1;
        if (x & 0x100)
            x ^= 0x11d;
    }
    return (uint8_t)r;
}

static void the_object_is_as_the_format_says(void **state)
{
    (void)state;
    struct sample s;
    sample_make(&s, 150000);
    assert_int_equal(s.h.data, 37);
    assert_int_equal(s.h.parity, 2);
    assert_int_equal(s.h.stripes, 1);
    const uint8_t *parity = s.object.data + s.object.len - HASH_BYTES - 2 * 4096;
    for (unsigned r = 0; r < 2; r++)
        for (size_t at = 0; at < 4096; at++) {
            uint8_t sum = 0;
            for (unsigned j = 0; j < 37; j++) {
                size_t off = j * (size_t)4096 + at;
                uint8_t inverse = 1, want = (uint8_t)((37 + r) ^ j);
                while (times(inverse, want) != 1)
                    inverse++;
                sum ^= times(inverse, off < 150000 ? s.pack[off] : 0);
            }
            assert_int_equal(sum, parity[r * 4096 + at]);
            if (at == 64)
                at = 4000; /* enough of it */
        }
    assert_int_equal(parity_word((const uint8_t *)"123456789", 9), 0xe3069283);
    sample_done(&s);
}

/* ---- in a vault --------------------------------------------------------------------------------- */

struct tale {
    unsigned mended, damaged;
};
static void on_mended(void *arg, const char *object, const char *message)
{
    (void)object;
    (void)message;
    ((struct tale *)arg)->mended++;
}
static void on_damaged(void *arg, const char *object, const char *message)
{
    (void)object;
    (void)message;
    ((struct tale *)arg)->damaged++;
}

static struct vault_repair_result mend_all(struct world *w, struct tale *t)
{
    struct vault_repair_result r;
    *t = (struct tale){0};
    struct vault_repair_options o = {.mended = on_mended, .damaged = on_damaged, .arg = t};
    assert_ok(vault_repair(w->v, &o, &r, e));
    assert_int_equal(t->damaged, r.packs_lost);
    return r;
}

#define OBJECTS 6 /* vault, keeper, two writers, a session, a record */

static void every_pack_has_parity_and_a_repair_makes_what_is_missing(void **state)
{
    (void)state;
    struct world w;
    size_t packs, parity;
    struct tale t;
    world_open(&w, WORLD_DIR, false);
    backup(&w, 0, 0, 60);
    mem_free(names_below(w.store, "packs", &packs));
    object_names *names = names_below(w.store, "parity", &parity);
    assert_true(packs > 2);
    assert_int_equal(parity, packs + OBJECTS);
    assert_ok(store_remove(w.store, names[0], e)); /* digits come first: a pack's */
    mem_free(names);
    struct vault_repair_result r = mend_all(&w, &t);
    assert_int_equal(r.parity_made, 1);
    assert_int_equal(r.packs_mended + r.packs_lost + r.parity_mended, 0);
    mem_free(names_below(w.store, "parity", &parity));
    assert_int_equal(parity, packs + OBJECTS);
    world_close(&w);
}

/* Every kind of damage to one pack that stays within one block of each stripe. */
static void a_damaged_pack_is_mended_in_place(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 5; kind++) {
        struct world w;
        struct tale t;
        size_t count, len, now;
        world_open(&w, WORLD_MEM, false);
        backup(&w, 0, 0, 60);
        object_names *names = names_below(w.store, "packs", &count);
        for (size_t i = 0; i < count; i++) {
            uint8_t *whole = object_bytes(w.store, names[i], &len);
            uint8_t *p = mem_dup(whole, len);
            size_t cut = len;
            switch (kind) {
            case 0: p[below(len)] ^= 1; break;
            case 1: cut = len - 1 - below(len < 900 ? len - 1 : 900); break; /* of the last block */
            case 2: cut = 0; break;                      /* one block or two, of which one is lost */
            case 3: memset(p, 0, len < 4096 ? len : 4096); break;
            default: p[len - 1] ^= 0x80; break;
            }
            struct parity_head h;
            parity_shape(len, &h);
            if (kind != 2 || parity_blocks(&h) <= h.parity) {
                object_replace(w.store, names[i], p, cut);
                struct vault_repair_result r = mend_all(&w, &t);
                if (kind == 1 && parity_blocks(&h) > 1 && len % 4096 && len - cut > len % 4096) {
                    mem_free(p);
                    object_replace(w.store, names[i], whole, len);
                    mem_free(whole);
                    continue;
                }
                if (r.packs_mended != 1 || r.packs_lost)
                    fail_msg("kind %u, %zu bytes cut to %zu: %lu mended, %lu lost", kind, len, cut,
                             (unsigned long)r.packs_mended, (unsigned long)r.packs_lost);
                uint8_t *again = object_bytes(w.store, names[i], &now);
                assert_int_equal(now, len);
                assert_memory_equal(again, whole, len);
                mem_free(again);
            }
            mem_free(p);
            mem_free(whole);
        }
        mem_free(names);
        world_reopen(&w);
        assert_int_equal(verify_all(w.v), 1);
        world_close(&w);
    }
}

static void exchanged_packs_are_given_back_their_names(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    size_t count, len[2];
    world_open(&w, WORLD_DIR, false);
    backup(&w, 0, 0, 120);
    object_names *names = names_below(w.store, "packs", &count);
    assert_true(count > 3);
    uint8_t *a = object_bytes(w.store, names[0], &len[0]), *b = object_bytes(w.store, names[1], &len[1]);
    object_replace(w.store, names[0], b, len[1]);
    object_replace(w.store, names[1], a, len[0]);
    struct vault_repair_result r = mend_all(&w, &t);
    assert_int_equal(r.packs_mended, 2);
    assert_int_equal(r.packs_lost, 0);
    world_reopen(&w);
    assert_int_equal(verify_all(w.v), 1);
    mem_free(a);
    mem_free(b);
    mem_free(names);
    world_close(&w);
}

/* Damaged beyond mending: kept, passed over by later sessions, until it is whole. */
static void what_is_lost_is_set_aside_and_stored_again(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    size_t count, len;
    world_open(&w, WORLD_DIR, false);
    backup(&w, 0, 0, 60);
    object_names *names = names_below(w.store, "packs", &count);
    CLEANUP_FREE uint8_t *whole = object_bytes(w.store, names[0], &len);
    CLEANUP_FREE uint8_t *p = mem_dup(whole, len);
    size_t at = len - 200;
    memset(p + PACK_HEADER_BYTES, 0, at - PACK_HEADER_BYTES);
    object_replace(w.store, names[0], p, len);
    char parity[80];
    (void)snprintf(parity, sizeof parity, "parity/%s", names[0] + 6);
    assert_ok(store_remove(w.store, parity, e));
    for (int round = 0; round < 2; round++) { /* saying it twice changes nothing */
        struct vault_repair_result r = mend_all(&w, &t);
        assert_int_equal(r.packs_lost, 1);
        size_t n;
        mem_free(names_below(w.store, "condemned", &n));
        assert_int_equal(n, 1);
    }
    size_t now;
    uint8_t *kept = object_bytes(w.store, names[0], &now);
    assert_int_equal(now, len);
    assert_memory_equal(kept, p, len); /* H6 */
    mem_free(kept);
    world_reopen(&w);
    unsigned again = 0;
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 60; n++) {
        struct err e = ERR_INIT;
        int rc = chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, &e);
        assert_true(rc >= 0);
        again += rc == 1;
    }
    commit(&w, s, 0);
    session_end(s);
    assert_true(again > 0 && again < 60);
    world_reopen(&w);
    for (uint64_t n = 0; n < 60; n++)
        assert_true(chunk_reads(w.v, n));
    object_replace(w.store, names[0], whole, len);
    struct vault_repair_result r = mend_all(&w, &t);
    assert_int_equal(r.packs_lost, 0);
    mem_free(names_below(w.store, "condemned", &count));
    assert_int_equal(count, 0);
    mem_free(names);
    world_close(&w);
}

/* The power is cut, or the store fails, at every operation: each pack is as it was, or
 * whole, and another repair ends the work. */
static void a_repair_that_is_cut_off_leaves_old_or_new(void **state)
{
    (void)state;
    for (uint64_t at = 1;; at++) {
        struct world w;
        struct tale t;
        size_t count, len, now;
        struct store *layer, *left;
        struct vault *v;
        struct vault_repair_result r;
        world_open(&w, WORLD_MEM, false);
        backup(&w, 0, 0, 12);
        object_names *names = names_below(w.store, "packs", &count);
        for (size_t i = 0; i < count; i++) { /* the whole world is durable */
            char dir[9];
            (void)snprintf(dir, sizeof dir, "%.8s", names[i]);
            uint8_t *p = object_bytes(w.store, names[i], &len);
            p[len / 2] ^= 1;
            object_replace(w.store, names[i], p, len);
            assert_ok(store_sync(w.store, dir, e));
            (void)snprintf(dir, sizeof dir, "%.8s", names[i]);
            char parity[10];
            (void)snprintf(parity, sizeof parity, "parity/%.2s", names[i] + 6);
            assert_ok(store_sync(w.store, parity, e));
            mem_free(p);
        }
        assert_ok(store_fault_open(w.store, &layer, e));
        assert_ok(vault_open(layer, &v, e));
        struct store_fault_plan plan = {.crash_at = at, .no_map = true};
        store_fault_plan(layer, &plan);
        struct vault_repair_options o = {0};
        bool done = vault_repair(v, &o, &r, NULL) == 0 && !store_fault_crashed(layer);
        vault_close(v);
        store_close(layer);
        assert_ok(store_mem_power_cut(w.store, at, STORE_CUT_MIXED, &left, e));
        world_move(&w, left);
        (void)mend_all(&w, &t);
        for (size_t i = 0; i < count; i++) {
            uint8_t *p = object_bytes(w.store, names[i], &now);
            uint8_t id[ID_BYTES];
            assert_ok(pack_verify(w.v, p, now, id, e));
            mem_free(p);
        }
        assert_int_equal(verify_all(w.v), 1);
        mem_free(names);
        world_close(&w);
        if (done)
            break;
    }
}


int main(void)
{
    print_message("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_is_as_the_format_says),
        cmocka_unit_test(any_blocks_up_to_the_strength_are_mended),
        cmocka_unit_test(a_burst_up_to_the_strength_is_mended),
        cmocka_unit_test(what_is_beyond_the_strength_is_refused),
        cmocka_unit_test(damaged_parity_mends_less_and_never_wrongly),
        cmocka_unit_test(every_pack_has_parity_and_a_repair_makes_what_is_missing),
        cmocka_unit_test(a_damaged_pack_is_mended_in_place),
        cmocka_unit_test(exchanged_packs_are_given_back_their_names),
        cmocka_unit_test(what_is_lost_is_set_aside_and_stored_again),
        cmocka_unit_test(a_repair_that_is_cut_off_leaves_old_or_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
