/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that seal packs (L1, L2): the vault is as without them, and a failure ends the session, and nobody waits. Meant for the thread
 * sanitizer, too. */
#include "world.h"

#include "base/mem.h"
#include "vault/session_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define CHUNKS 300u

/* A session with so many sealers; its key is put as for any. */
static struct session *start(struct world *w, unsigned sealers)
{
    struct session *plain = session_start(w, 0, 2048), *s = NULL;
    struct session_params p = {.pack_bytes = 2048, .sealers = sealers};
    memcpy(p.writer, plain->writer, UID_BYTES);
    memcpy(p.session, plain->id, UID_BYTES);
    session_end(plain);
    assert_ok(session_begin(w->v, &p, &s, e));
    return s;
}

struct shape {
    size_t packs;
    uint64_t frames;
};

static struct shape shape_of(struct world *w)
{
    struct shape h = {0};
    struct snapshot_list l = {0};
    struct err why = ERR_INIT;
    mem_free(names_below(w->store, "packs", &h.packs));
    assert_ok(vault_snapshots(w->v, &l, NULL, NULL, e));
    assert_int_equal(l.count, 1);
    int64_t frames = snapshot_verify(w->v, &l.items[0], &why);
    if (frames < 0)
        fail_msg("%s", why.msg);
    h.frames = (uint64_t)frames;
    snapshot_list_done(&l);
    return h;
}

static void the_vault_is_as_without_them(void **state)
{
    struct shape plain = {0};
    enum world_kind kind = *(enum world_kind *)*state;
    for (unsigned sealers = 0; sealers <= SESSION_SEALERS_MAX; sealers += kind == WORLD_DIR ? 4 : 1) {
        struct world w;
        world_open(&w, kind, false);
        struct session *s = start(&w, sealers);
        assert_int_equal(s->sealers.count, sealers);
        for (uint64_t n = 0; n < CHUNKS; n++)
            assert_int_equal(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, NULL), 1);
        commit(&w, s, 0);
        session_end(s);
        struct shape h = shape_of(&w);
        if (!sealers)
            plain = h;
        assert_int_equal(h.packs, plain.packs);
        assert_int_equal(h.frames, CHUNKS);
        world_reopen(&w);
        for (uint64_t n = 0; n < CHUNKS; n++)
            assert_true(chunk_reads(w.v, n));
        assert_int_equal(verify_all(w.v), 1);
        world_close(&w);
    }
}

struct adder {
    struct session *s;
    uint64_t from;
    atomic_uint *added;
};
static void *add(void *arg)
{
    struct adder *a = arg;
    for (uint64_t n = 0; n < CHUNKS; n++) {
        int rc = chunk_put(a->s, (a->from + n) % CHUNKS, FRAME_DATA, NULL);
        if (rc < 0)
            return NULL;
        atomic_fetch_add(a->added, (unsigned)rc);
    }
    return NULL;
}

static unsigned add_from_all_sides(struct session *s)
{
    pthread_t threads[4];
    struct adder adders[4];
    atomic_uint added = 0;
    for (unsigned i = 0; i < 4; i++) {
        adders[i] = (struct adder){s, i * CHUNKS / 8, &added};
        assert_int_equal(pthread_create(&threads[i], NULL, add, &adders[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    return added;
}

static void many_who_add_and_many_who_seal_go_together(void **state)
{
    enum world_kind kind = *(enum world_kind *)*state;
    for (unsigned sealers = 1; sealers <= 4; sealers += kind == WORLD_DIR ? 3 : 1) {
        struct world w;
        world_open(&w, kind, false);
        struct session *s = start(&w, sealers);
        s->table_max = 50;
        assert_int_equal(add_from_all_sides(s), CHUNKS);
        commit(&w, s, 0);
        session_end(s);
        assert_int_equal(shape_of(&w).frames, CHUNKS);
        world_close(&w);
    }
}

static void a_session_may_end_while_packs_wait(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    for (uint64_t n = 1; n < 60; n += 7) {
        struct session *s = start(&w, 1 + (unsigned)n % 3);
        for (uint64_t i = 0; i < n; i++)
            assert_int_equal(chunk_put(s, i, FRAME_DATA, NULL) < 0, 0);
        session_end(s);
    }
    assert_int_equal(verify_all(w.v), 0);
    world_close(&w);
}

/* One operation of the store fails, whoever does it: then all that is done afterwards fails with that error. */
static bool fail_at(uint64_t n, bool late, bool from_all_sides, unsigned sealers)
{
    struct world w;
    struct store *below, *faulty;
    struct err why = ERR_INIT;
    world_open(&w, WORLD_MEM, false);
    below = w.store;
    vault_close(w.v);
    assert_ok(store_fault_open(below, &faulty, e));
    w.store = faulty;
    assert_ok(vault_open(faulty, &w.v, e));
    struct session *s = start(&w, sealers);
    store_fault_plan(faulty, &(struct store_fault_plan){
                                 .only = 1U << STORE_OP_CREATE | 1U << STORE_OP_WRITE | 1U << STORE_OP_COMMIT,
                                 .fail_at = n, .fail_errno = ENOSPC, .fail_late = late});
    int rc = 0;
    if (from_all_sides)
        (void)add_from_all_sides(s);
    else
        for (uint64_t i = 0; !rc && i < CHUNKS; i++)
            rc = chunk_put(s, i, FRAME_DATA, &why) < 0;
    if (!rc)
        rc = commit_try(&w, s, 0, &why);
    struct store_counts c = store_fault_counts(faulty);
    bool done = c.ops[STORE_OP_CREATE] + c.ops[STORE_OP_WRITE] + c.ops[STORE_OP_COMMIT] < n;
    assert_true(!done || rc == 0);
    if (rc) { /* and again, and at the end */
        assert_true(why.cls == ERR_NO_SPACE || (late && why.cls == ERR_EXISTS));
        if (s->failed) /* or it was the record that could not be stored: that may be tried again */
            assert_int_not_equal(commit_try(&w, s, 0, &why), 0);
    }
    session_end(s);
    store_fault_plan(faulty, NULL);
    vault_close(w.v);
    store_close(faulty);
    w.store = below;
    assert_ok(vault_open(below, &w.v, e));
    (void)verify_all(w.v); /* whatever has a record is whole */
    world_close(&w);
    return done;
}

static void a_pack_that_cannot_be_sealed_ends_the_session(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++)
        for (uint64_t n = 1; !fail_at(n, late, false, 1 + (unsigned)n % 3); n += n < 60 ? 1 : 13)
            ;
}

static void and_nobody_waits_for_it(void **state)
{
    (void)state;
    for (uint64_t n = 1; !fail_at(n, n % 2, true, 1 + (unsigned)n % 4); n += n < 30 ? 1 : 17)
        ;
}

struct waiter {
    struct session *s;
    struct session_pack pack;
    atomic_bool begins;
    int rc;
};
static void *give(void *arg)
{
    struct waiter *a = arg;
    atomic_store(&a->begins, true);
    a->rc = session_sealers_give(a->s, &a->pack, NULL);
    return NULL;
}

/* L2: somebody else fails while no sealer is at work, but as many packs as may be are waiting. */
static void who_waits_for_a_sealer_hears_of_a_failure(void **state)
{
    struct world w;
    struct err why = {.cls = ERR_NO_SPACE, .msg = "full"};
    pthread_t thread;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct session *s = start(&w, 1);
    struct waiter a = {.s = s};
    (void)pthread_mutex_lock(&s->lock);
    s->sealers.waiting = 1; /* one that no sealer has taken yet */
    (void)pthread_mutex_unlock(&s->lock);
    assert_int_equal(pthread_create(&thread, NULL, give, &a), 0);
    while (!atomic_load(&a.begins))
        (void)sched_yield();
    for (int i = 0; i < 1000; i++) /* most likely he waits now; if not, the test is easier */
        (void)sched_yield();
    (void)pthread_mutex_lock(&s->lock);
    (void)session_fail(s, &why, NULL);
    (void)pthread_mutex_unlock(&s->lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a.rc, -1);
    s->sealers.waiting = 0;
    session_end(s);
    world_close(&w);
}

int main(void)
{
    static enum world_kind mem = WORLD_MEM, dir = WORLD_DIR;
#define BOTH(name)                                                                                 \
    {#name " (memory)", name, NULL, NULL, &mem}, {#name " (directory)", name, NULL, NULL, &dir}
    const struct CMUnitTest tests[] = {
        BOTH(the_vault_is_as_without_them),
        BOTH(many_who_add_and_many_who_seal_go_together),
        cmocka_unit_test(a_session_may_end_while_packs_wait),
        cmocka_unit_test(a_pack_that_cannot_be_sealed_ends_the_session),
        cmocka_unit_test(who_waits_for_a_sealer_hears_of_a_failure),
        cmocka_unit_test(and_nobody_waits_for_it),
    };
    return cmocka_run_group_tests_name("vault/sealers", tests, NULL, NULL);
}
