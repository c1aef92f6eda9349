/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of several processes at once; their order, chains and clock. */
#include "world.h"

#include "base/mem.h"
#include "vault/record_read.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sequences 1 … count without a gap, and both chains closed (K2, K3). */
static void assert_chained(struct world *w, uint64_t count)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    struct record r = {0};
    uint8_t k_hash[HASH_BYTES] = {0}, w_id[WRITERS][ID_BYTES] = {{0}};
    uint64_t w_sequence[WRITERS] = {0};
    int64_t received = 0;
    assert_ok(record_list(w->v, &all, e));
    assert_int_equal(all.count, count);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(all.items[i], i + 1);
        assert_ok(record_read(w->v, i + 1, &r, e));
        assert_memory_equal(r.k.previous, k_hash, HASH_BYTES);
        assert_true(r.k.received_ns >= received);
        int writer = memcmp(r.w.writer, w->writer[0], UID_BYTES) != 0;
        assert_int_equal(r.w.sequence, ++w_sequence[writer]);
        assert_memory_equal(r.w.previous, w_id[writer], ID_BYTES);
        memcpy(k_hash, r.k_hash, HASH_BYTES);
        memcpy(w_id[writer], r.id, ID_BYTES);
        received = r.k.received_ns;
    }
    record_done(&r);
    assert_int_equal(verify_all(w->v), count);
    struct reports reports = {0};
    struct vault_check_stats stats;
    assert_ok(vault_check(w->v, report, &reports, &stats, e));
    if (reports.count)
        fail_msg("%s: %s", reports.object, reports.message);
    assert_int_equal(stats.snapshots, count);
}

#define CROWD  6
#define ROUNDS 15

/* Each has its own vault over the common store, as a process would. */
static int commit_often(struct world w, int number)
{
    w.v = NULL;
    struct err e = ERR_INIT;
    int rc = vault_open(w.store, &w.v, &e);
    for (uint64_t i = 0; !rc && i < ROUNDS; i++) {
        struct session *s = NULL;
        rc = session_try(&w, number % WRITERS, 4096, &s, &e);
        for (uint64_t n = 0; !rc && n < 5; n++)
            rc = chunk_put(s, i * 5 + n, FRAME_DATA, &e) < 0 ? -1 : 0;
        if (!rc)
            rc = commit_try(&w, s, number % WRITERS, &e);
        session_end(s);
    }
    if (rc)
        print_message("%s\n", e.msg);
    vault_close(w.v);
    return rc;
}

struct committer {
    struct world w;
    int number, rc;
};

static void *committer_run(void *arg)
{
    struct committer *c = arg;
    c->rc = commit_often(c->w, c->number);
    return NULL;
}

static void threads_commit_at_once(void **state)
{
    (void)state;
    struct world w;
    struct committer all[CROWD];
    pthread_t threads[CROWD];
    world_open(&w, WORLD_MEM, false);
    for (int i = 0; i < CROWD; i++) {
        all[i] = (struct committer){.w = w, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, committer_run, &all[i]), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(all[i].rc, 0);
    }
    assert_chained(&w, CROWD * ROUNDS);
    world_close(&w);
}

static void processes_commit_at_once(void **state)
{
    (void)state;
    struct world w;
    pid_t children[CROWD];
    world_open(&w, WORLD_DIR, false);
    for (int i = 0; i < CROWD; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (!children[i]) {
            session_numbers_from((uint64_t)(i + 1) << 32);
            _exit(commit_often(w, i) ? 1 : 0);
        }
    }
    for (int i = 0; i < CROWD; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_ok(vault_refresh(w.v, NULL, NULL, e));
    assert_chained(&w, CROWD * ROUNDS);
    world_close(&w);
}

/* A long list costs few signatures, and none is skipped that would not hold. */
static void long_lists_are_chained_and_broken_chains_are_not_followed(void **state)
{
    (void)state;
    struct world w;
    struct snapshot_list list;
    struct reports r = {0};
    world_open(&w, WORLD_MEM, false);
    for (uint64_t i = 0; i < 60; i++) {
        struct session *s = session_start(&w, (int)(i % 3 == 0), 0);
        commit(&w, s, (int)(i % 3 == 0));
        session_end(s);
    }
    assert_chained(&w, 60);
    for (uint64_t gone = 5; gone < 60; gone += 11) { /* as after expiry */
        char name[RECORD_NAME_BYTES];
        record_name(gone, name);
        object_free(w.store, name);
    }
    assert_ok(vault_snapshots(w.v, &list, report, &r, e));
    assert_int_equal(list.count, 55);
    assert_int_equal(r.count, 0);
    for (size_t i = 1; i < list.count; i++)
        assert_true(list.items[i].seq > list.items[i - 1].seq);
    snapshot_list_done(&list);
    struct vault_check_stats stats;
    assert_ok(vault_check(w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 0);
    world_close(&w);
}

static void drafts_outside_the_limits_are_refused(void **state)
{
    (void)state;
    struct world w;
    uint8_t id[ID_BYTES];
    char text[300];
    const char *tags[65];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < 65; i++)
        tags[i] = "t";
    world_open(&w, WORLD_MEM, false);
    struct session *s = session_start(&w, 0, 0);
    struct snapshot_draft d = {.machine = text, .root = (const uint8_t *)"", .tags = tags};
    assert_err(session_commit(s, &d, &w.key[0], id, e), ERR_LIMIT);
    d.machine = "m";
    d.tag_count = 65;
    assert_err(session_commit(s, &d, &w.key[0], id, e), ERR_LIMIT);
    d.tag_count = 1;
    tags[0] = "";
    assert_err(session_commit(s, &d, &w.key[0], id, e), ERR_LIMIT);
    tags[0] = text;
    assert_err(session_commit(s, &d, &w.key[0], id, e), ERR_LIMIT);
    tags[0] = "t";
    d.root_len = RECORD_ROOT_MAX + 1;
    assert_err(session_commit(s, &d, &w.key[0], id, e), ERR_LIMIT);
    uint8_t *root = mem_zalloc(RECORD_ROOT_MAX); /* the largest, and all the tags */
    text[255] = '\0';
    d = (struct snapshot_draft){
        .machine = text, .root = root, .root_len = RECORD_ROOT_MAX, .tags = tags, .tag_count = 64};
    for (size_t i = 0; i < 64; i++)
        tags[i] = text;
    assert_ok(session_commit(s, &d, &w.key[0], id, e));
    session_end(s);
    mem_free(root);
    struct snapshot_list list;
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    assert_int_equal(list.count, 1);
    assert_memory_equal(list.items[0].id, id, ID_BYTES);
    assert_int_equal(list.items[0].root_len, RECORD_ROOT_MAX);
    assert_string_equal(list.items[0].tags[63], text);
    assert_string_equal(list.items[0].machine, text);
    snapshot_list_done(&list);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_commit_at_once),
        cmocka_unit_test(processes_commit_at_once),
        cmocka_unit_test(long_lists_are_chained_and_broken_chains_are_not_followed),
        cmocka_unit_test(drafts_outside_the_limits_are_refused),
    };
    return cmocka_run_group_tests_name("vault/commit", tests, NULL, NULL);
}
