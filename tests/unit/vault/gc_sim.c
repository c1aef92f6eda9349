/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups, collections, expiry, crashes and power cuts in any order, from one
 * seed: several openings of one vault, as processes would have them, each with a
 * session of its own; a collection that dies at any of its operations; packs that
 * rot, are set aside, and whose chunks the next backup stores again. After every
 * step of danger each snapshot must read back, chunk by chunk.
 *
 * ABRI_SEED=n replays a run, ABRI_RUNS=n sets how many seeds are tried.
 */
#include "gc_world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/condemned.h"

#include <stdlib.h>
#include <string.h>

#define PROCESSES 3
#define SNAPSHOTS 64u
#define STEPS     120

struct process {
    struct world w; /* its own vault over the common store */
    struct session *s;
    int writer;
    struct kept holds; /* what its session refers to */
};

struct sim {
    struct world w;
    uint64_t random;
    struct process p[PROCESSES];
    struct kept kept[SNAPSHOTS];
    size_t count;
    uint64_t collected, died, cuts, taken_back, copied, waiting, rotten, healed;
    bool shared;
};

static uint64_t pick(struct sim *x, uint64_t n)
{
    return next_random(&x->random) % n;
}

static void open_process(struct sim *x, struct process *p)
{
    p->w = x->w;
    p->w.v = NULL;
    p->s = NULL;
    assert_ok(vault_open(x->w.store, &p->w.v, e));
}

static void close_process(struct process *p)
{
    session_end(p->s);
    vault_close(p->w.v);
    p->s = NULL;
    p->w.v = NULL;
}

static void verify(struct sim *x)
{
    for (size_t i = 0; i < x->count; i++)
        assert_kept(x->w.v, &x->kept[i]);
}

/* ---- what processes do ---------------------------------------------------------------- */

static void step_session(struct sim *x, struct process *p)
{
    if (!p->s) {
        p->writer = (int)pick(x, WRITERS);
        p->s = session_start(&p->w, p->writer, 1500);
        p->holds = (struct kept){0};
    }
    uint64_t from = pick(x, CHUNKS), n = 1 + pick(x, 24);
    for (uint64_t i = from; i < from + n && i < CHUNKS; i++) {
        struct err e = ERR_INIT;
        if (chunk_put(p->s, i, i % 5 ? FRAME_DATA : FRAME_META, &e) < 0)
            fail_msg("%s", e.msg);
        p->holds.has[i] = true;
    }
}

static void step_commit(struct sim *x, struct process *p)
{
    if (!p->s || x->count == SNAPSHOTS)
        return;
    commit(&p->w, p->s, p->writer);
    session_end(TAKE(p->s));
    kept_newest(p->w.v, &p->holds);
    x->kept[x->count++] = p->holds;
}

static void step_die(struct sim *x, struct process *p)
{
    close_process(p);
    open_process(x, p);
}

/* Never the newest record: docs/format/vault.md. */
static void step_expire(struct sim *x)
{
    if (x->count < 2)
        return;
    size_t at = pick(x, x->count - 1);
    expire(&x->w, &x->kept[at]);
    memmove(&x->kept[at], &x->kept[at + 1], (x->count - at - 1) * sizeof x->kept[0]);
    x->count--;
}

static void step_collect(struct sim *x)
{
    struct store *layer;
    struct world w = x->w;
    struct gc_options o = at_once;
    struct gc_result r = {0};
    o.swept_ns = pick(x, 2) ? 0 : 1; /* sometimes only the next one removes */
    o.clock.now_ns = (int64_t)(1000 + x->collected);
    o.max_rewrite = pick(x, 3) ? UINT64_MAX : 3000;
    assert_ok(store_fault_open(x->w.store, &layer, e));
    struct store_fault_plan plan = {.crash_at = pick(x, 2) ? 0 : 1 + pick(x, 150)};
    store_fault_plan(layer, &plan);
    w.v = NULL;
    w.store = layer;
    if (vault_open(layer, &w.v, NULL) == 0) {
        int rc = vault_gc(w.v, &o, &r, NULL);
        assert_true(rc == 0 || store_fault_crashed(layer));
        vault_close(w.v);
    }
    x->died += store_fault_crashed(layer);
    x->collected++;
    x->taken_back += r.packs_taken_back;
    x->copied += r.packs_copied;
    x->waiting += r.packs_waiting;
    x->healed += r.frames_healed;
    store_close(layer);
    verify(x);
}

/* Everybody dies; what was not synced is lost, or not. */
static void step_power_cut(struct sim *x)
{
    static const enum store_cut cuts[] = {STORE_CUT_LOST, STORE_CUT_MIXED};
    struct store *after;
    for (int i = 0; i < PROCESSES; i++)
        close_process(&x->p[i]);
    assert_ok(store_mem_power_cut(x->w.store, pick(x, UINT32_MAX), cuts[pick(x, 2)], &after, e));
    world_move(&x->w, after);
    for (int i = 0; i < PROCESSES; i++)
        open_process(x, &x->p[i]);
    x->cuts++;
    verify(x);
}

/* ---- rot ---------------------------------------------------------------------------------- */

static void set_aside(struct sim *x, const uint8_t *pack)
{
    struct condemned l = {0};
    struct damage ignored = {0};
    struct condemnation c = {.stage = CONDEMN_DAMAGED, .pack_count = 1, .packs = pack};
    assert_ok(condemned_read(x->w.v, &ignored, &l, e));
    assert_ok(condemned_put(x->w.v, &l, &c, e));
    condemned_done(&l);
}

/* Some frames of a pack; true for each number that the pack had. The writer, or -1 if
 * it had nothing that we know. */
static int rot(struct sim *x, const uint8_t *pack, bool had[CHUNKS])
{
    struct pack_contents c;
    char name[PACK_NAME_BYTES];
    size_t len;
    int writer = -1;
    assert_ok(pack_contents_read(x->w.v, pack, &c, e));
    pack_name(pack, name);
    uint8_t *p = object_bytes(x->w.store, name, &len);
    for (uint32_t i = 0; i < c.footer.count; i++) {
        struct pack_row row;
        pack_row_decode(c.footer.rows + (size_t)i * PACK_ROW_BYTES, &row);
        if (pick(x, 2))
            p[row.offset + FRAME_HEADER_BYTES + 1] ^= 1;
        for (uint64_t n = 0; n < CHUNKS; n++) {
            uint8_t id[ID_BYTES];
            chunk_id(n, id);
            had[n] = had[n] || memcmp(id, row.id, ID_BYTES) == 0;
        }
    }
    for (int i = 0; i < WRITERS; i++)
        if (memcmp(c.header.writer, x->w.writer[i], UID_BYTES) == 0)
            writer = i;
    pack_contents_done(&c);
    object_replace(x->w.store, name, p, len);
    assert_ok(store_sync(x->w.store, "packs", e));
    name[8] = 0;
    assert_ok(store_sync(x->w.store, name, e));
    mem_free(p);
    reader_cache_forget(x->w.v->readers);
    for (int i = 0; i < PROCESSES; i++)
        reader_cache_forget(x->p[i].w.v->readers);
    return writer;
}

/* A session that began before knows nothing of it, and may make a snapshot that is
 * damaged from the start: nothing else needs to hold its chunks by then. */
static void end_sessions(struct sim *x)
{
    for (int i = 0; i < PROCESSES; i++)
        if (x->p[i].s)
            step_die(x, &x->p[i]);
}

/* A pack rots and is set aside, and a backup of its writer stores its chunks again. */
static void step_rot(struct sim *x)
{
    size_t count;
    uint8_t pack[ID_BYTES];
    bool had[CHUNKS] = {false};
    struct kept again = {0};
    object_names *names = names_below(x->w.store, "packs", &count);
    bool found = count && pack_name_decode(names[pick(x, count)], pack);
    mem_free(names);
    if (!found || x->count == SNAPSHOTS)
        return;
    int writer = rot(x, pack, had);
    end_sessions(x);
    set_aside(x, pack);
    struct session *s = session_start(&x->w, writer, 1500);
    for (uint64_t n = 0; n < CHUNKS; n++) {
        if (!had[n])
            continue;
        assert_ok(chunk_put(s, n, n % 5 ? FRAME_DATA : FRAME_META, e) < 0);
        again.has[n] = true;
    }
    commit(&x->w, s, writer);
    session_end(s);
    kept_newest(x->w.v, &again);
    x->kept[x->count++] = again;
    x->rotten++;
    verify(x);
}

static void step(struct sim *x)
{
    struct process *p = &x->p[pick(x, PROCESSES)];
    uint64_t what = pick(x, 100);
    if (what < 45)
        step_session(x, p);
    else if (what < 63)
        step_commit(x, p);
    else if (what < 67)
        step_die(x, p);
    else if (what < 79)
        step_expire(x);
    else if (what < 95)
        step_collect(x);
    else if (what < 97)
        step_rot(x);
    else
        step_power_cut(x);
}

/* Without sessions, two collections leave nothing that nobody needs. */
static void settle(struct sim *x)
{
    for (int i = 0; i < PROCESSES; i++)
        close_process(&x->p[i]);
    for (int i = 0; i < 3; i++) {
        struct gc_options o = at_once;
        struct gc_result r = {0};
        o.clock.now_ns = INT64_MAX / 2;
        o.max_unused = 0;
        assert_ok(vault_gc(x->w.v, &o, &r, e));
    }
    verify(x);
    assert_sound(x->w.v);
    for (uint64_t n = 0; n < CHUNKS; n++) {
        bool needed = false;
        for (size_t i = 0; i < x->count; i++)
            needed = needed || x->kept[i].has[n];
        if (!needed && chunk_is_there(x->w.v, n))
            fail_msg("chunk %llu is still there", (unsigned long long)n);
    }
}

static void run(uint64_t seed, struct sim *total)
{
    struct sim x = {.random = seed, .shared = seed & 1};
    print_message("ABRI_SEED=%llu\n", (unsigned long long)seed);
    world_open(&x.w, WORLD_MEM, x.shared);
    for (int i = 0; i < PROCESSES; i++)
        open_process(&x, &x.p[i]);
    for (int i = 0; i < STEPS; i++)
        step(&x);
    settle(&x);
    world_close(&x.w);
    total->collected += x.collected;
    total->died += x.died;
    total->cuts += x.cuts;
    total->taken_back += x.taken_back;
    total->copied += x.copied;
    total->waiting += x.waiting;
    total->rotten += x.rotten;
    total->healed += x.healed;
}

static void nothing_that_is_needed_is_ever_lost(void **state)
{
    const char *seed = getenv("ABRI_SEED"), *runs = getenv("ABRI_RUNS");
    uint64_t first = seed ? strtoull(seed, NULL, 10)
                          : (uint64_t)clock_realtime_ns() % 1000000000;
    uint64_t count = runs ? strtoull(runs, NULL, 10) : seed ? 1 : 40;
    static struct sim total;
    (void)state;
    for (uint64_t i = 0; i < count; i++)
        run(first + i, &total);
    print_message("%llu collections, %llu of them died, %llu power cuts; packs copied %llu, waiting "
                  "%llu, taken back %llu; %llu packs rotted, %llu frames healed\n",
                  (unsigned long long)total.collected, (unsigned long long)total.died,
                  (unsigned long long)total.cuts, (unsigned long long)total.copied,
                  (unsigned long long)total.waiting, (unsigned long long)total.taken_back,
                  (unsigned long long)total.rotten, (unsigned long long)total.healed);
    if (count >= 20) /* else the simulation does not meet what it is for */
        assert_true(total.died && total.cuts && total.copied && total.waiting && total.taken_back &&
                    total.healed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_that_is_needed_is_ever_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
