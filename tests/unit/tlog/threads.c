/* SPDX-License-Identifier: Apache-2.0 */
/* Many append, read and prove at once; each entry is there once, at the number that was told. */
#include "log_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WRITERS 16
#define EACH    60

static struct log_world w;
static struct tlog *the_log;
static atomic_uint syncs;
static atomic_bool done;
static uint64_t index_of[WRITERS][EACH];

static int count_sync(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)fd;
    (void)path;
    atomic_fetch_add(&syncs, 1);
    return 0;
}

static void *append_some(void *arg)
{
    unsigned writer = (unsigned)(uintptr_t)arg;
    for (unsigned i = 0; i < EACH; i++) {
        char entry[40];
        struct err e = ERR_INIT;
        int len = snprintf(entry, sizeof entry, "writer %u entry %u", writer, i);
        world_ok(tlog_append(the_log, entry, (size_t)len, &index_of[writer][i], &e), &e);
        /* What returned is in the newest checkpoint. */
        struct checkpoint c = world_checkpoint(&w, the_log);
        if (c.size <= index_of[writer][i])
            world_ok(-1, &(struct err){.msg = "an entry that returned is not in the checkpoint"});
    }
    return NULL;
}

static void *look_on(void *arg)
{
    struct checkpoint before = world_checkpoint(&w, the_log);
    (void)arg;
    while (!atomic_load(&done)) {
        uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES];
        size_t count;
        struct err e = ERR_INIT;
        struct checkpoint now = world_checkpoint(&w, the_log);
        world_ok(tlog_prove_consistency(the_log, before.size, now.size, proof, &count, &e), &e);
        if (!merkle_verify_consistency(before.size, before.root, now.size, now.root, proof[0],
                                       count))
            world_ok(-1, &(struct err){.msg = "a checkpoint contradicts an older one"});
        struct tlog *reader = world_reader(&w);
        struct checkpoint seen = world_checkpoint(&w, reader);
        if (seen.size < now.size)
            world_ok(-1, &(struct err){.msg = "a reader sees less than was handed out"});
        world_ok(tlog_prove_consistency(reader, now.size, seen.size, proof, &count, &e), &e);
        if (!merkle_verify_consistency(now.size, now.root, seen.size, seen.root, proof[0], count))
            world_ok(-1, &(struct err){.msg = "a reader sees another log"});
        tlog_close(reader);
        if (now.size) {
            struct buf entry = {0};
            world_ok(tlog_entry(the_log, now.size / 2, &entry, &e), &e);
            world_ok(tlog_prove_inclusion(the_log, now.size / 2, now.size, proof, &count, &e), &e);
            buf_done(&entry);
        }
        before = now;
    }
    return NULL;
}

static void sixteen_writers_and_two_who_look_on(void **state)
{
    (void)state;
    pthread_t writers[WRITERS], lookers[2];
    struct tlog_ops ops = world_ops;
    struct err e = ERR_INIT;
    ops.fdatasync = count_sync;
    tlog_close(world_create(&w));
    world_ok(tlog_open_with(w.dir, WORLD_ORIGIN, &w.key, &ops, NULL, &the_log, &e), &e);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&lookers[i], NULL, look_on, NULL), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, append_some, (void *)(uintptr_t)i), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        (void)pthread_join(writers[i], NULL);
    atomic_store(&done, true);
    for (unsigned i = 0; i < 2; i++)
        (void)pthread_join(lookers[i], NULL);
    printf("%u syncs for %u entries\n", atomic_load(&syncs), WRITERS * EACH);
    assert_int_equal(tlog_size(the_log), WRITERS * EACH);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned writer = 0; writer < WRITERS; writer++) {
            for (unsigned i = 0; i < EACH; i++) {
                char expected[40];
                struct buf entry = {0};
                int len = snprintf(expected, sizeof expected, "writer %u entry %u", writer, i);
                world_ok(tlog_entry(the_log, index_of[writer][i], &entry, &e), &e);
                assert_int_equal(entry.len, len);
                assert_memory_equal(entry.data, expected, entry.len);
                buf_done(&entry);
                assert_true(i == 0 || index_of[writer][i] > index_of[writer][i - 1]);
            }
        }
        assert_int_equal(world_faults(the_log, true), 0);
        tlog_close(the_log);
        the_log = world_open(&w);
    }
    tlog_close(the_log);
}

/* While one waits for the disk, the others gather: they share the next sync. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int sync_at_the_gate(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)fd;
    (void)path;
    atomic_fetch_add(&syncs, 1);
    (void)pthread_mutex_lock(&gate);
    (void)pthread_mutex_unlock(&gate);
    return 0;
}

static atomic_uint begun;

static void *append_one(void *arg)
{
    uint64_t *index = arg;
    struct err e = ERR_INIT;
    atomic_fetch_add(&begun, 1);
    world_ok(tlog_append(the_log, "x", 1, index, &e), &e);
    return NULL;
}

static void those_who_wait_share_a_sync(void **state)
{
    (void)state;
    pthread_t t[WRITERS];
    uint64_t index[WRITERS];
    struct tlog_ops ops = world_ops;
    struct err e = ERR_INIT;
    ops.fdatasync = sync_at_the_gate;
    tlog_close(world_create(&w));
    world_ok(tlog_open_with(w.dir, WORLD_ORIGIN, &w.key, &ops, NULL, &the_log, &e), &e);
    (void)pthread_mutex_lock(&gate);
    atomic_store(&syncs, 0);
    assert_int_equal(pthread_create(&t[0], NULL, append_one, &index[0]), 0);
    while (atomic_load(&syncs) == 0)
        (void)sched_yield();
    for (unsigned i = 1; i < WRITERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, append_one, &index[i]), 0);
    while (atomic_load(&begun) < WRITERS)
        (void)sched_yield();
    assert_int_equal(tlog_size(the_log), 0); /* nothing is there that is not durable */
    (void)pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < WRITERS; i++)
        (void)pthread_join(t[i], NULL);
    assert_int_equal(tlog_size(the_log), WRITERS);
    assert_true(atomic_load(&syncs) <= WRITERS);
    printf("%u syncs for %u entries\n", atomic_load(&syncs), WRITERS);
    tlog_close(the_log);
}

static int setup(void **state)
{
    (void)state;
    world_make(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_done(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sixteen_writers_and_two_who_look_on, setup, teardown),
        cmocka_unit_test_setup_teardown(those_who_wait_share_a_sync, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
