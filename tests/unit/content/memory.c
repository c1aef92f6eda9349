/* SPDX-License-Identifier: Apache-2.0 */
/* Whichever allocation fails while a tree and its lists are written and read:
 * an error, nothing lost, and the next attempt succeeds. */
#include "entries.h"
#include "shelf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED    5
#define ENTRIES 1500


/* Lists of one leaf, of two, and of many. */
static int add_items(struct list_builder *b, struct entry *en, size_t number, struct err *e)
{
    static const uint32_t counts[] = {100, 300, 1200};
    for (uint32_t i = 0; i < counts[number % 3]; i++) {
        struct item it = {.kind = i % 5 ? ITEM_CHUNK : ITEM_HOLE, .len = 100};
        put_u32(it.id, i * 2654435761u);
        if (list_builder_add(b, &it, e))
            return -1;
    }
    return list_builder_finish(b, en, e);
}

static int add_entries(struct tree_builder *t, struct list_builder *l, struct err *e)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        struct random_entry r;
        random_entry_make(&r, SEED, i, 0);
        if (r.en.has_list) {
            r.en.has_list = false;
            if (add_items(l, &r.en, i, e))
                return -1;
        }
        if (tree_builder_add(t, &r.en, e))
            return -1;
    }
    return 0;
}

static int write_tree(struct shelf *s, struct tree_ref *out, struct err *e)
{
    struct tree_builder *t = NULL;
    struct list_builder *l = NULL;
    int rc = tree_builder_new(ids, shelf_put, s, &t, e);
    if (rc == 0)
        rc = list_builder_new(ids, shelf_put, s, &l, e);
    if (rc == 0)
        rc = add_entries(t, l, e);
    if (rc == 0)
        rc = tree_builder_finish(t, out, e);
    tree_builder_free(t);
    list_builder_free(l);
    return rc;
}

static int read_items(struct list_reader *l, const struct entry *en, struct err *e)
{
    struct item it;
    int rc = list_reader_begin(l, en, e);
    while (rc == 0 && (rc = list_reader_next(l, &it, e)) > 0)
        rc = 0;
    return rc;
}

static int read_entries(struct tree_reader *t, struct list_reader *l, size_t *count, struct err *e)
{
    struct entry en;
    int rc;
    *count = 0;
    while ((rc = tree_reader_next(t, &en, e)) > 0) {
        ++*count;
        if (read_items(l, &en, e))
            return -1;
    }
    return rc;
}

static int read_tree(struct shelf *s, const struct tree_ref *ref, size_t *count, struct err *e)
{
    struct tree_reader *t = NULL;
    struct list_reader *l = NULL;
    int rc = tree_reader_new(ref, shelf_get, s, &t, e);
    if (rc == 0)
        rc = list_reader_new(shelf_get, s, &l, e);
    if (rc == 0)
        rc = read_entries(t, l, count, e);
    if (rc == 0)
        rc = tree_reader_seek(t, "d000001", 7, e);
    if (rc == 0)
        rc = read_entries(t, l, count, e);
    tree_reader_free(t);
    list_reader_free(l);
    return rc;
}

static void any_allocation_may_fail_while_writing(void **state)
{
    (void)state;
    struct shelf whole, s;
    struct tree_ref ref = {0}, again;
    shelf_init(&whole, ids);
    mem_fail_nth(0);
    assert_int_equal(write_tree(&whole, &ref, NULL), 0);
    uint64_t allocations = mem_count();
    print_message("%llu allocations\n", (unsigned long long)allocations);
    assert_true(allocations > 20);
    for (uint64_t n = 1; n <= allocations; n++) {
        struct err e = ERR_INIT;
        again = (struct tree_ref){0};
        shelf_init(&s, ids);
        mem_fail_nth(n);
        int rc = write_tree(&s, &again, &e);
        mem_fail_nth(0);
        if (rc == 0)
            fail_msg("allocation %llu failed unnoticed", (unsigned long long)n);
        assert_int_equal(e.cls, ERR_NO_MEMORY);
        assert_int_equal(again.entries, 0);
        shelf_done(&s);
    }
    shelf_init(&s, ids);
    assert_int_equal(write_tree(&s, &again, NULL), 0);
    assert_memory_equal(&again, &ref, sizeof ref);
    shelf_done(&s);
    shelf_done(&whole);
}

static void any_allocation_may_fail_while_reading(void **state)
{
    (void)state;
    struct shelf s;
    struct tree_ref ref;
    size_t count;
    shelf_init(&s, ids);
    assert_int_equal(write_tree(&s, &ref, NULL), 0);
    mem_fail_nth(0);
    assert_int_equal(read_tree(&s, &ref, &count, NULL), 0);
    assert_int_equal(count, ENTRIES - 1000);
    uint64_t allocations = mem_count();
    print_message("%llu allocations\n", (unsigned long long)allocations);
    for (uint64_t n = 1; n <= allocations; n++) {
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = read_tree(&s, &ref, &count, &e);
        mem_fail_nth(0);
        if (rc == 0)
            fail_msg("allocation %llu failed unnoticed", (unsigned long long)n);
        if (e.cls != ERR_NO_MEMORY)
            fail_msg("allocation %llu: %s: %s", (unsigned long long)n, err_class_name(e.cls),
                     e.msg);
    }
    shelf_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail_while_writing),
        cmocka_unit_test(any_allocation_may_fail_while_reading),
    };
    return cmocka_run_group_tests_name("content/memory", tests, shelf_set_up, shelf_tear_down);
}
