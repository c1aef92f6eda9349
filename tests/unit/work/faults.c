/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the store fails once, and every allocation: a backup ends
 * with an error or a whole snapshot, never with a crash or a snapshot that does
 * not restore; a restore ends with an error, a problem, or the exact tree.
 */
#include "world.h"

#include "base/mem.h"
#include "store/store_test.h"

#include <errno.h>

struct place {
    struct store *dir, *fault;
};

static void place_open(struct world *w, struct place *p, struct access *a)
{
    struct err e = ERR_INIT;
    assert_ok(store_dir_open(w->vault, &p->dir, &e), &e);
    assert_ok(store_fault_open(p->dir, &p->fault, &e), &e);
    assert_ok(world_open(p->fault, a, &e), &e);
}

static void place_close(struct place *p, struct access *a)
{
    store_fault_plan(p->fault, NULL);
    access_close(a);
    store_close(p->dir);
}

/* Backs up with operation n failing: false when n is behind the last. */
static bool backup_with_fault(struct world *w, uint64_t n, int os_errno)
{
    struct place p;
    struct access a;
    struct err e = ERR_INIT;
    place_open(w, &p, &a);
    store_fault_plan(p.fault, &(struct store_fault_plan){.fail_at = n, .fail_errno = os_errno});
    int rc = world_backup(w, &a, false, &e);
    bool reached = store_fault_counts(p.fault).ops[0] >= n;
    if (rc && os_errno == ENOSPC && e.cls != ERR_NO_SPACE && e.cls != ERR_DAMAGED &&
        e.cls != ERR_IO)
        fail_msg("operation %llu: %s", (unsigned long long)n, e.msg);
    assert_true(rc == 0 || e.msg[0]);
    place_close(&p, &a);
    return reached;
}

static void every_operation_fails(int os_errno)
{
    struct world w;
    world_make(&w, true);
    uint64_t n = 1;
    for (; backup_with_fault(&w, n, os_errno); n++)
        if (n % 8 == 0)
            (void)world_verify(&w, w.vault);
    print_message("%llu operations\n", (unsigned long long)n - 1);
    assert_true(n > 10);
    assert_true(world_verify(&w, w.vault) > 0);
    world_remove(&w);
}

static void test_a_full_disk_at_every_operation(void **state)
{
    (void)state;
    every_operation_fails(ENOSPC);
}

static void test_an_io_error_at_every_operation(void **state)
{
    (void)state;
    every_operation_fails(EIO);
}

static void test_every_allocation_of_a_backup_fails(void **state)
{
    (void)state;
    struct world w;
    world_make(&w, true);
    uint64_t n = 1;
    for (;; n++) {
        struct access a;
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = access_open(w.vault, NULL, &a, &e);
        if (rc == 0) {
            rc = world_backup(&w, &a, false, &e);
            access_close(&a);
        }
        bool reached = mem_count() >= n;
        mem_fail_nth(0);
        if (rc)
            assert_true(e.msg[0]);
        if (!reached)
            break;
    }
    print_message("%llu allocations\n", (unsigned long long)n - 1);
    assert_true(n > 100);
    assert_true(world_verify(&w, w.vault) > 0);
    world_remove(&w);
}

static void restore_with_failing_allocation(struct world *w, uint64_t n, bool *reached_out)
{
    struct access a;
    struct err e = ERR_INIT;
    uint64_t problems = 0;
    mem_fail_nth(n);
    int rc = access_open(w->vault, NULL, &a, &e);
    if (rc == 0) {
        rc = access_as_reader(&a, world_ask, NULL, &e);
        if (rc == 0)
            rc = world_restore(w, &a, 0, &problems, &e);
        access_close(&a);
    }
    *reached_out = mem_count() >= n;
    mem_fail_nth(0);
    if (rc == 0 && problems == 0 && !world_tree_is(w, w->out, 1))
        fail_msg("allocation %llu: a wrong restore without a word", (unsigned long long)n);
}

static void test_every_allocation_of_a_restore_fails(void **state)
{
    (void)state;
    struct world w;
    struct access a;
    struct err e = ERR_INIT;
    world_make(&w, true);
    assert_ok(access_open(w.vault, NULL, &a, &e), &e);
    assert_ok(world_backup(&w, &a, false, &e), &e);
    access_close(&a);
    uint64_t n = 1;
    for (bool reached = true; reached; n++)
        restore_with_failing_allocation(&w, n, &reached);
    print_message("%llu allocations\n", (unsigned long long)n - 2);
    assert_true(n > 50);
    world_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_disk_at_every_operation),
        cmocka_unit_test(test_an_io_error_at_every_operation),
        cmocka_unit_test(test_every_allocation_of_a_backup_fails),
        cmocka_unit_test(test_every_allocation_of_a_restore_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
