/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what is added is found, referred to, and shared as the rules say. */
#include "world.h"

#include "base/mem.h"
#include "vault/session_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static enum world_kind kind_of(void **state)
{
    return *(enum world_kind *)*state;
}

static void sessions_round_trip(void **state)
{
    struct world w;
    world_open(&w, kind_of(state), false);
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 300; n++)
        assert_ok(chunk_put(s, n, n % 3 ? FRAME_DATA : FRAME_META, e) != 1);
    for (uint64_t n = 0; n < 300; n++)
        assert_ok(chunk_put(s, n, FRAME_DATA, e) != 0);
    struct session_stats stats = session_get_stats(s);
    assert_int_equal(stats.frames, 300);
    assert_int_equal(stats.bytes, stats.data_bytes + stats.meta_bytes);
    commit(&w, s, 0);
    session_end(s);
    for (int again = 0; again < 2; again++) {
        for (uint64_t n = 0; n < 300; n++)
            assert_true(chunk_reads(w.v, n));
        assert_false(chunk_reads(w.v, 300));
        assert_int_equal(verify_all(w.v), 1);
        world_reopen(&w);
    }
    struct snapshot_list list;
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    const struct snapshot *p = &list.items[0];
    assert_int_equal(p->seq, 1);
    assert_int_equal(p->writer_seq, 1);
    assert_int_equal(p->client_time_ns, 42);
    assert_int_equal(p->suspicion, 5);
    assert_int_equal(p->added_bytes, stats.bytes);
    assert_string_equal(p->machine, "web-1");
    assert_int_equal(p->tag_count, 2);
    assert_string_equal(p->tags[0], "daily");
    assert_memory_equal(p->root, "sealed root", 11);
    struct err why = ERR_INIT;
    assert_int_equal(snapshot_verify(w.v, p, &why), 300);
    snapshot_list_done(&list);
    world_close(&w);
}

/* A later session refers to what an earlier one stored, and adds the rest. */
static void second_sessions_add_only_what_is_new(void **state)
{
    struct world w;
    world_open(&w, kind_of(state), false);
    backup(&w, 0, 0, 100);
    world_reopen(&w);
    struct session *s = session_start(&w, 0, 0);
    uint8_t id[ID_BYTES];
    for (uint64_t n = 0; n < 50; n++) {
        chunk_id(n, id);
        assert_true(session_refer(s, id));
    }
    chunk_id(1000, id);
    assert_false(session_refer(s, id));
    for (uint64_t n = 60; n < 130; n++)
        assert_ok(chunk_put(s, n, FRAME_DATA, e) != (n >= 100));
    commit(&w, s, 0);
    session_end(s);
    struct snapshot_list list;
    struct err why = ERR_INIT;
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    assert_int_equal(list.count, 2);
    assert_int_equal(snapshot_verify(w.v, &list.items[1], &why), 50 + 40 + 30);
    snapshot_list_done(&list);
    world_close(&w);
}

/* C3 */
static void writers_refer_only_to_their_own_chunks(void **state)
{
    for (int shared = 0; shared < 2; shared++) {
        struct world w;
        world_open(&w, kind_of(state), shared);
        backup(&w, 0, 0, 20);
        for (int again = 0; again < 2; again++) {
            struct session *s = session_start(&w, 1, 0);
            uint8_t id[ID_BYTES];
            chunk_id(3, id);
            assert_int_equal(session_refer(s, id), shared);
            assert_ok(chunk_put(s, 3, FRAME_DATA, e) != !shared);
            session_end(s); /* nothing sealed: forgotten */
            world_reopen(&w);
        }
        backup(&w, 1, 0, 20); /* now both have them */
        world_reopen(&w);
        for (int writer = 0; writer < 2; writer++) {
            struct session *s = session_start(&w, writer, 0);
            for (uint64_t n = 0; n < 20; n++)
                assert_ok(chunk_put(s, n, FRAME_DATA, e) != 0);
            session_end(s);
        }
        assert_int_equal(verify_all(w.v), 2);
        world_close(&w);
    }
}

static void promises_must_be_kept(void **state)
{
    struct world w;
    struct err why = ERR_INIT;
    world_open(&w, kind_of(state), false);
    struct session *s = session_start(&w, 0, 0);
    enum session_have have;
    uint8_t id[ID_BYTES];
    chunk_id(1, id);
    assert_ok(session_offer(s, id, &have, e));
    assert_int_equal(have, SESSION_WANTS);
    assert_ok(session_offer(s, id, &have, e));
    assert_int_equal(have, SESSION_HAS);
    assert_true(session_refer(s, id));
    assert_int_equal(commit_try(&w, s, 0, &why), -1);
    assert_int_equal(why.cls, ERR_INCOMPLETE);
    session_end(s);
    assert_int_equal(verify_all(w.v), 0);
    world_close(&w);
}

static void nothing_is_added_after_a_flush(void **state)
{
    struct world w;
    struct err why = ERR_INIT;
    world_open(&w, kind_of(state), false);
    struct session *s = session_start(&w, 0, 0);
    assert_ok(chunk_put(s, 1, FRAME_DATA, e) != 1);
    assert_ok(session_flush(s, e));
    assert_int_equal(chunk_put(s, 2, FRAME_DATA, &why), -1);
    assert_int_equal(why.cls, ERR_USAGE);
    commit(&w, s, 0);
    assert_int_equal(commit_try(&w, s, 0, &why), -1);
    session_end(s);
    assert_int_equal(verify_all(w.v), 1);
    world_close(&w);
}

static void sessions_need_their_envelope_and_writers_their_key(void **state)
{
    struct world w;
    struct session *s = NULL;
    world_open(&w, kind_of(state), false);
    struct session_params p = {.session = {9}};
    memcpy(p.writer, w.writer[0], UID_BYTES);
    assert_err(session_begin(w.v, &p, &s, e), ERR_NOT_FOUND);
    s = session_start(&w, 0, 0);
    assert_err(commit_try(&w, s, 1, e), ERR_NO_KEY);
    commit(&w, s, 0); /* an empty snapshot is one, too */
    session_end(s);
    assert_int_equal(verify_all(w.v), 1);
    world_close(&w);
}

static void frames_outside_the_limits_are_refused(void **state)
{
    struct world w;
    world_open(&w, kind_of(state), false);
    struct session *s = session_start(&w, 0, 0);
    uint8_t buf[CHUNK_ROOM] = {0};
    struct frame f = {.kind = FRAME_DATA, .nonce = 1};
    assert_err(session_add(s, &f, buf, 20, e), ERR_LIMIT);
    assert_err(session_add(s, &f, buf, FRAME_SEALED_MAX + 1, e), ERR_LIMIT);
    f.nonce = 0;
    assert_err(session_add(s, &f, buf, 21, e), ERR_USAGE);
    f = (struct frame){.kind = 3, .nonce = 1};
    assert_err(session_add(s, &f, buf, 21, e), ERR_USAGE);
    session_end(s);
    world_close(&w);
}

/* ---- threads ------------------------------------------------------------------------- */

#define THREADS       4
#define SHARED_CHUNKS 3000u

struct crowd {
    struct session *s;
    atomic_uint added, failed;
};

static void *add_all(void *arg)
{
    struct crowd *c = arg;
    struct err e = ERR_INIT;
    for (uint64_t n = 0; n < SHARED_CHUNKS; n++) {
        int rc = chunk_put(c->s, n, n % 5 ? FRAME_DATA : FRAME_META, &e);
        atomic_fetch_add(&c->added, rc == 1);
        atomic_fetch_add(&c->failed, rc < 0);
    }
    return NULL;
}

/* C1 */
static void of_many_threads_one_adds(void **state)
{
    struct world w;
    world_open(&w, kind_of(state), false);
    struct crowd c = {.s = session_start(&w, 0, 16384)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_all, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(c.failed, 0);
    assert_int_equal(c.added, SHARED_CHUNKS);
    commit(&w, c.s, 0);
    session_end(c.s);
    struct snapshot_list list;
    struct err why = ERR_INIT;
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    assert_int_equal(snapshot_verify(w.v, &list.items[0], &why), SHARED_CHUNKS);
    snapshot_list_done(&list);
    for (uint64_t n = 0; n < SHARED_CHUNKS; n++)
        assert_true(chunk_reads(w.v, n));
    world_close(&w);
}

/* Entries that move to a run in the middle of a session stay known. */
static void sessions_remember_beyond_their_table(void **state)
{
    struct world w;
    world_open(&w, kind_of(state), false);
    struct session *s = session_start(&w, 0, 8192);
    for (uint64_t n = 0; n < 500; n++) {
        assert_ok(chunk_put(s, n, FRAME_DATA, e) != 1);
        if (n % 100 != 99)
            continue;
        (void)pthread_mutex_lock(&s->lock);
        assert_ok(session_spill(s, e));
        (void)pthread_mutex_unlock(&s->lock);
        assert_true(s->table.count < 50);
        for (uint64_t m = 0; m <= n; m++)
            assert_ok(chunk_put(s, m, FRAME_DATA, e) != 0);
    }
    commit(&w, s, 0);
    session_end(s);
    struct snapshot_list list;
    struct err why = ERR_INIT;
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    assert_int_equal(snapshot_verify(w.v, &list.items[0], &why), 500);
    snapshot_list_done(&list);
    world_close(&w);
}

#define BOTH(test)                                                                                 \
    {#test " (memory)", test, NULL, NULL, &mem},                                                   \
    {                                                                                              \
#test " (directory)", test, NULL, NULL, &dir                                               \
    }

int main(void)
{
    static enum world_kind mem = WORLD_MEM, dir = WORLD_DIR;
    const struct CMUnitTest tests[] = {
        BOTH(sessions_round_trip),
        BOTH(second_sessions_add_only_what_is_new),
        BOTH(writers_refer_only_to_their_own_chunks),
        BOTH(promises_must_be_kept),
        BOTH(nothing_is_added_after_a_flush),
        BOTH(sessions_need_their_envelope_and_writers_their_key),
        BOTH(frames_outside_the_limits_are_refused),
        BOTH(of_many_threads_one_adds),
        BOTH(sessions_remember_beyond_their_table),
    };
    return cmocka_run_group_tests_name("vault/session", tests, NULL, NULL);
}
