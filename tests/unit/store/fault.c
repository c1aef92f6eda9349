/* SPDX-License-Identifier: Apache-2.0 */
/* The layer of faults does what its plan says, no more, and counts. */
#include "place.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct place *place(void **state)
{
    return *state;
}

static int nothing(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)arg;
    (void)name;
    (void)len_bytes;
    (void)e;
    return 0;
}

/* create, write, commit, sync, open, read, list, remove: eight operations. */
static int one_of_each(struct store *s, struct err *e)
{
    struct store_reader *r;
    char got[4];
    if (store_put(s, "a/b", "text", 4, e) || store_sync(s, "a", e) || store_open(s, "a/b", &r, e))
        return -1;
    int rc = store_read(r, 0, got, 4, e);
    store_reader_close(r);
    if (rc || store_list(s, "", nothing, NULL, e))
        return -1;
    return store_remove(s, "a/b", e);
}

static void operations_and_bytes_are_counted(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(one_of_each(place(state)->s, &e), &e);
    struct store_counts c = store_fault_counts(place(state)->s);
    assert_int_equal(c.ops[0], 8);
    for (size_t op = 1; op < STORE_OP_COUNT; op++)
        assert_int_equal(c.ops[op], 1);
    assert_int_equal(c.written_bytes, 4);
    assert_int_equal(c.read_bytes, 4);
    store_fault_plan(place(state)->s, NULL);
    assert_int_equal(store_fault_counts(place(state)->s).ops[0], 0);
    assert_string_equal(store_location(place(state)->s), "memory");
}

static void each_operation_can_be_the_one_that_fails(void **state)
{
    struct store *s = place(state)->s;
    for (uint64_t n = 1; n <= 9; n++) {
        struct err e = ERR_INIT;
        store_fault_plan(s, &(struct store_fault_plan){.fail_at = n, .fail_errno = ENOSPC});
        int rc = one_of_each(s, &e);
        if (n <= 8)
            assert_class(rc, &e, ERR_NO_SPACE);
        else
            assert_ok(rc, &e);
        assert_false(store_fault_crashed(s));
        store_fault_plan(s, NULL);
        if (store_remove(s, "a/b", &e))
            assert_int_equal(e.cls, ERR_NOT_FOUND);
    }
}

static void a_plan_can_single_out_operations(void **state)
{
    struct store *s = place(state)->s;
    struct err e = ERR_INIT;
    store_fault_plan(s, &(struct store_fault_plan){
                            .only = 1u << STORE_OP_SYNC, .fail_at = 2, .fail_errno = EIO});
    put(s, "a/b", "x");
    put(s, "a/c", "x");
    sync_dir(s, "a");
    assert_class(store_sync(s, "a", &e), &e, ERR_IO);
    sync_dir(s, "a");
}

static void a_failed_commit_names_nothing_unless_it_fails_late(void **state)
{
    struct store *s = place(state)->s;
    struct err e = ERR_INIT;
    struct store_fault_plan plan = {.only = 1u << STORE_OP_COMMIT, .fail_at = 1};
    store_fault_plan(s, &plan);
    assert_class(store_put(s, "a", "x", 1, &e), &e, ERR_IO);
    assert_names(place(state)->below, "", "");
    plan.fail_late = true;
    store_fault_plan(s, &plan);
    assert_class(store_put(s, "a", "x", 1, &e), &e, ERR_IO);
    assert_names(place(state)->below, "", "a");
}

static void a_read_can_be_cut_short(void **state)
{
    struct store *s = place(state)->s;
    struct err e = ERR_INIT;
    struct store_reader *r;
    char got[1];
    put(s, "a", "xyz");
    store_fault_plan(s, &(struct store_fault_plan){.short_at = 2});
    assert_ok(store_open(s, "a", &r, &e), &e);
    assert_null(store_reader_map(r));
    assert_ok(store_read(r, 0, got, 1, &e), &e);
    assert_class(store_read(r, 1, got, 1, &e), &e, ERR_DAMAGED);
    assert_ok(store_read(r, 2, got, 1, &e), &e);
    assert_int_equal(got[0], 'z');
    store_reader_close(r);
}

static void mappings_can_be_withheld(void **state)
{
    struct store *s = place(state)->s;
    struct err e = ERR_INIT;
    struct store_reader *r;
    put(s, "a", "xyz");
    assert_ok(store_open(s, "a", &r, &e), &e);
    assert_non_null(store_reader_map(r));
    store_fault_plan(s, &(struct store_fault_plan){.no_map = true});
    assert_null(store_reader_map(r));
    store_reader_close(r);
}

/* What tests of the rooms above do: die at every operation, then lose power. */
static void after_a_crash_nothing_works_and_power_can_be_cut(void **state)
{
    struct store *s = place(state)->s;
    for (uint64_t n = 1; n <= 5; n++) {
        struct err e = ERR_INIT;
        struct store *left;
        store_fault_plan(s, &(struct store_fault_plan){.crash_at = n});
        int rc = store_put(s, "a/b", "text", 4, &e);
        rc = rc ? rc : store_sync(s, "a", &e);
        assert_int_equal(rc, n <= 4 ? -1 : 0);
        assert_int_equal(store_fault_crashed(s), n <= 4);
        if (n <= 4) {
            assert_class(store_put(s, "c", "x", 1, &e), &e, ERR_IO);
            assert_class(store_list(s, "", nothing, NULL, &e), &e, ERR_IO);
        }
        assert_ok(store_mem_power_cut(place(state)->below, n, STORE_CUT_LOST, &left, &e), &e);
        assert_names(left, "", n <= 4 ? "" : "a/b");
        store_close(left);
        store_fault_plan(s, NULL);
        if (store_remove(s, "a/b", &e) == 0)
            sync_dir(s, "a");
    }
}

static void a_writer_left_by_a_crash_can_be_aborted(void **state)
{
    struct store *s = place(state)->s;
    struct err e = ERR_INIT;
    struct store_writer *w;
    assert_ok(store_create(s, &w, &e), &e);
    store_fault_plan(s, &(struct store_fault_plan){.crash_at = 1});
    assert_class(store_write(w, 0, "x", 1, &e), &e, ERR_IO);
    store_writer_abort(w);
    store_fault_plan(s, NULL);
    assert_names(s, "", "");
}

static struct place layer = {.name = "faults over memory", .kind = PLACE_FAULT};

#define IN_LAYER(test)                                                                             \
    {                                                                                              \
#test, test, place_open, place_close, &layer                                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_LAYER(operations_and_bytes_are_counted),
        IN_LAYER(each_operation_can_be_the_one_that_fails),
        IN_LAYER(a_plan_can_single_out_operations),
        IN_LAYER(a_failed_commit_names_nothing_unless_it_fails_late),
        IN_LAYER(a_read_can_be_cut_short),
        IN_LAYER(mappings_can_be_withheld),
        IN_LAYER(after_a_crash_nothing_works_and_power_can_be_cut),
        IN_LAYER(a_writer_left_by_a_crash_can_be_aborted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
