/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole program against a disk that loses power, and a process that is
 * killed, at every system call by which a second backup changes the vault:
 *
 * 1. the vault opens;
 * 2. the first snapshot is there;
 * 3. every visible snapshot restores bit for bit;
 * 4. the next backup works, and its snapshot restores too.
 *
 * ABRI_SEED=n replays a run.
 */
#include "world.h"

#include <stdlib.h>
#include <unistd.h>

struct run {
    struct world world;
    struct store_record *record;
    uint64_t seed;
};

static void record_second_backup(struct run *r)
{
    struct err e = ERR_INIT;
    struct access a;
    world_backup_once(&r->world, true);
    world_change(&r->world);
    world_open_recorded(&r->world, &r->record, &a);
    assert_ok(world_backup(&r->world, &a, true, &e), &e);
    access_close(&a);
}

static int set_up(void **state)
{
    static struct run r;
    r.seed = world_seed();
    world_make(&r.world, false);
    record_second_backup(&r);
    *state = &r;
    return 0;
}

static int tear_down(void **state)
{
    struct run *r = *state;
    store_record_free(r->record);
    world_remove(&r->world);
    return 0;
}

static void cut_everywhere(struct run *r, enum record_cut cut)
{
    struct err e = ERR_INIT;
    char path[700], what[200];
    size_t ops = store_record_count(r->record), seen[3] = {0};
    (void)snprintf(path, sizeof path, "%s/cut", r->world.top);
    for (size_t k = 0; k <= ops; k++) {
        if (k)
            store_record_describe(r->record, k - 1, what, sizeof what);
        assert_ok(store_record_cut(r->record, k, cut, r->seed + k, path, &e), &e);
        size_t snapshots = world_verify(&r->world, path);
        if (snapshots < 1 || snapshots > 2)
            fail_msg("cut %zu, behind %s: %zu snapshots", k, k ? what : "nothing", snapshots);
        seen[snapshots]++;
        struct access a;
        assert_ok(access_open(path, NULL, &a, &e), &e);
        assert_ok(world_backup(&r->world, &a, k % 2, &e), &e);
        access_close(&a);
        assert_int_equal(world_verify(&r->world, path), snapshots + 1);
        scratch_remove(path);
    }
    print_message("%zu cuts: %zu times one snapshot, %zu times two\n", ops + 1, seen[1], seen[2]);
    assert_true(seen[1] > 0 && seen[2] > 0);
}

static void test_a_power_cut_that_loses_all_that_was_not_synced(void **state)
{
    cut_everywhere(*state, RECORD_CUT_LOST);
}

static void test_a_power_cut_that_tears_what_was_not_synced(void **state)
{
    cut_everywhere(*state, RECORD_CUT_MIXED);
}

static void test_a_process_that_is_killed(void **state)
{
    cut_everywhere(*state, RECORD_CUT_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_power_cut_that_loses_all_that_was_not_synced),
        cmocka_unit_test(test_a_power_cut_that_tears_what_was_not_synced),
        cmocka_unit_test(test_a_process_that_is_killed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
