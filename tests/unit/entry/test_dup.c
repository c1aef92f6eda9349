/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of entries share nothing with the original. */
#include "base/mem.h"
#include "entry/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void copy_outlives_the_original(void **state)
{
    (void)state;
    char path[] = "etc/link", user[] = "root", group[] = "staff", target[] = "over\nthere";
    uint8_t value[] = {1, 0, 2}, note[] = {9, 8};
    char name1[] = "user.a", name2[] = "user.b";
    struct entry_xattr xattrs[] = {{name1, value, 3}, {name2, NULL, 0}};
    struct item items[] = {{.kind = ITEM_HOLE, .len = 7}, {.kind = ITEM_SLICE, .offset = 9}};
    struct entry e = {.path = path,
                      .path_len = 8,
                      .type = ENTRY_SYMLINK,
                      .user = user,
                      .group = group,
                      .target = target,
                      .target_len = 10,
                      .xattrs = xattrs,
                      .xattr_count = 2,
                      .items = items,
                      .item_count = 2,
                      .note = note,
                      .note_len = 2,
                      .mtime_s = -5};
    struct entry *copy = entry_dup(&e);
    assert_non_null(copy);
    memset(path, 'X', sizeof path);
    memset(user, 'X', sizeof user);
    memset(group, 'X', sizeof group);
    memset(target, 'X', sizeof target);
    memset(value, 'X', sizeof value);
    memset(name1, 'X', sizeof name1);
    memset(note, 'X', sizeof note);
    memset(items, 'X', sizeof items);
    memset(xattrs, 0, sizeof xattrs);

    assert_string_equal(copy->path, "etc/link");
    assert_string_equal(copy->user, "root");
    assert_string_equal(copy->group, "staff");
    assert_string_equal(copy->target, "over\nthere");
    assert_string_equal(copy->xattrs[0].name, "user.a");
    assert_memory_equal(copy->xattrs[0].value, ((uint8_t[]){1, 0, 2}), 3);
    assert_string_equal(copy->xattrs[1].name, "user.b");
    assert_int_equal(copy->xattrs[1].value_len, 0);
    assert_int_equal(copy->items[0].len, 7);
    assert_int_equal(copy->items[1].offset, 9);
    assert_int_equal(copy->mtime_s, -5);
    assert_int_equal(copy->note_len, 2);
    assert_memory_equal(copy->note, ((uint8_t[]){9, 8}), 2);
    mem_free(copy);
}

static void empty_entries_are_copied(void **state)
{
    (void)state;
    struct entry e = {.path = "", .user = NULL, .group = ""};
    struct entry *copy = entry_dup(&e);
    assert_non_null(copy);
    assert_string_equal(copy->path, "");
    assert_string_equal(copy->group, "");
    assert_null(copy->user);
    assert_null(copy->target);
    assert_null(copy->xattrs);
    assert_null(copy->items);
    mem_free(copy);
}

static void one_allocation_whose_failure_is_null(void **state)
{
    (void)state;
    struct entry_xattr x = {"user.a", (const uint8_t *)"v", 1};
    struct entry e = {.path = "a", .path_len = 1, .xattrs = &x, .xattr_count = 1};
    mem_fail_nth(1);
    assert_null(entry_dup(&e));
    mem_fail_nth(0);
    mem_free(entry_dup(&e));
    assert_int_equal(mem_count(), 1);
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(entry_type_name(ENTRY_FILE), "file");
    assert_string_equal(entry_type_name(ENTRY_BLOCK), "dev");
    assert_string_equal(entry_type_name(ENTRY_UNSET), "unknown");
    assert_string_equal(entry_type_name((enum entry_type)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_outlives_the_original),
        cmocka_unit_test(empty_entries_are_copied),
        cmocka_unit_test(one_allocation_whose_failure_is_null),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
