/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a vault while the power fails, or the process is killed, at every
 * system call by which the vault is changed: what is left is a vault that
 * works whole, or a place in which one can be made.
 *
 * ABRI_SEED=n replays a run.
 */
#include "world.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

static const struct init_options cheap = {.machine = "test",
                                          .cost = {.passes = 1, .memory_kib = 8}};

struct run {
    struct world world;
    struct store_record *record;
    uint64_t seed;
};

static int set_up(void **state)
{
    static struct run r;
    struct err e = ERR_INIT;
    uint8_t id[UID_BYTES];
    struct store *s;
    char path[700];
    r.seed = world_seed();
    world_make(&r.world, true);
    (void)snprintf(path, sizeof path, "%s/new", r.world.top);
    assert_ok(store_record_new(NULL, &r.record, &e), &e);
    assert_ok(store_dir_open_with(path, true, &store_record_ops, r.record, &s, &e), &e);
    assert_ok(work_init_in(s, &cheap, &r.world.dirs, world_ask, NULL, id, &e), &e);
    store_close(s);
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

/* A backup by this machine's key, and a restore by the passphrase. */
static void use(struct run *r, const char *path)
{
    struct err e = ERR_INIT;
    struct access a;
    assert_ok(access_open(path, NULL, &a, &e), &e);
    assert_ok(world_backup(&r->world, &a, false, &e), &e);
    access_close(&a);
    assert_int_equal(world_verify(&r->world, path), 1);
}

static void cut_everywhere(struct run *r, enum record_cut cut)
{
    struct err e = ERR_INIT;
    char path[700];
    uint8_t id[UID_BYTES];
    size_t ops = store_record_count(r->record), whole = 0, anew = 0;
    (void)snprintf(path, sizeof path, "%s/cut", r->world.top);
    for (size_t k = 0; k <= ops; k++) {
        struct access a;
        assert_ok(store_record_cut(r->record, k, cut, r->seed + k, path, &e), &e);
        if (access_open(path, NULL, &a, &e)) {
            assert_int_equal(e.cls, ERR_NO_VAULT);
            e = ERR_INIT;
            struct init_options o = cheap;
            o.location = path;
            assert_ok(work_init(&o, &r->world.dirs, world_ask, NULL, id, &e), &e);
            anew++;
        } else {
            access_close(&a);
            whole++;
        }
        use(r, path);
        scratch_remove(path);
    }
    print_message("%zu cuts: %zu times a vault, %zu times made anew\n", ops + 1, whole, anew);
    assert_true(whole > 0 && anew > 0);
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

static void test_what_is_somebody_elses_is_not_touched(void **state)
{
    struct run *r = *state;
    struct err e = ERR_INIT;
    char dir[700], path[800];
    uint8_t id[UID_BYTES];
    (void)snprintf(dir, sizeof dir, "%s/theirs", r->world.top);
    (void)snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(file_make_dirs(path, 0700, &e), 0);
    (void)snprintf(path, sizeof path, "%s/keys/server.key", dir);
    assert_ok(file_replace(path, "secret", 6, 0600, &e), &e);
    struct init_options o = cheap;
    o.location = dir;
    assert_int_not_equal(work_init(&o, &r->world.dirs, world_ask, NULL, id, &e), 0);
    assert_int_equal(e.cls, ERR_EXISTS);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_power_cut_that_loses_all_that_was_not_synced),
        cmocka_unit_test(test_a_power_cut_that_tears_what_was_not_synced),
        cmocka_unit_test(test_a_process_that_is_killed),
        cmocka_unit_test(test_what_is_somebody_elses_is_not_touched),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
