/* SPDX-License-Identifier: Apache-2.0 */
/* A file's number says all there is to know of it, and links share what programs compare. */
#include "mount/mount_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

static const struct mount_options all_of_them = {.dir = "/"};

static void numbers_come_back(void **state)
{
    static const uint64_t numbers[] = {0, 1, 77, UINT64_C(1) << 35, (UINT64_C(1) << NODE_NUMBER_BITS) - 1};
    static const uint32_t slots[] = {0, 1, (1u << NODE_SLOT_BITS) - 1};
    const struct mounted m = {.o = &all_of_them};
    (void)state;
    for (unsigned kind = NODE_HOST; kind < NODE_KINDS; kind++)
        for (size_t s = 0; s < sizeof slots / sizeof *slots; s++)
            for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
                struct node node = {.kind = (enum node_kind)kind, .slot = slots[s], .number = numbers[n]}, again;
                assert_true(node_of(&m, node_ino(&node), &again));
                assert_int_equal(again.kind, node.kind);
                assert_int_equal(again.slot, node.slot);
                assert_int_equal(again.number, node.number);
            }
}

static void strange_numbers_are_nothing(void **state)
{
    const struct mounted m = {.o = &all_of_them};
    struct node n;
    (void)state;
    assert_false(node_of(&m, UINT64_MAX, &n));
    assert_false(node_of(&m, (uint64_t)NODE_KINDS << (NODE_SLOT_BITS + NODE_NUMBER_BITS), &n));
}

static void number_one_is_the_root(void **state)
{
    static const uint8_t id[ID_BYTES] = {1};
    const struct mount_options one = {.dir = "/", .snapshot = id};
    const struct mounted of_one = {.o = &one}, of_all = {.o = &all_of_them};
    struct node n;
    (void)state;
    assert_true(node_of(&of_one, FUSE_ROOT_ID, &n));
    assert_true(node_is_tree(&n) && n.number == 0 && n.slot == 0);
    assert_true(node_of(&of_all, FUSE_ROOT_ID, &n));
    assert_true(n.kind == NODE_FIXED && n.number == FIXED_ROOT);
}

static void links_share_a_number_of_their_own(void **state)
{
    const struct mounted m = {.o = &all_of_them};
    const struct node a = {.kind = NODE_TREE, .slot = 3, .number = 7}, b = {.kind = NODE_TREE, .slot = 3, .number = 9},
                      other = {.kind = NODE_TREE, .slot = 4, .number = 7};
    struct entry en = {.type = ENTRY_FILE, .has_link = true, .link = 7, .size = 5, .mode = 0640};
    struct stat x, y, z;
    (void)state;
    node_stat_entry(&m, &a, &en, &x);
    node_stat_entry(&m, &b, &en, &y);
    node_stat_entry(&m, &other, &en, &z);
    assert_int_equal(x.st_ino, y.st_ino);
    assert_int_not_equal(x.st_ino, z.st_ino);
    assert_true(x.st_ino >> 63);
    assert_int_equal(x.st_nlink, 2);
    en.has_link = false;
    node_stat_entry(&m, &a, &en, &x);
    node_stat_entry(&m, &b, &en, &y);
    assert_int_not_equal(x.st_ino, y.st_ino);
    assert_int_equal(x.st_nlink, 1);
    assert_int_equal(x.st_mode, S_IFREG | 0640);
}

static void owners_can_be_root(void **state)
{
    const struct mount_options o = {.dir = "/", .owner_root = true};
    const struct mounted as_is = {.o = &all_of_them}, as_root = {.o = &o};
    const struct node n = {.kind = NODE_TREE, .number = 1};
    const struct entry en = {.type = ENTRY_BLOCK, .uid = 7, .gid = 8, .dev_major = 8, .dev_minor = 17, .mode = 06660};
    struct stat st;
    (void)state;
    node_stat_entry(&as_is, &n, &en, &st);
    assert_int_equal(st.st_uid, 7);
    assert_int_equal(st.st_gid, 8);
    assert_int_equal(st.st_rdev, makedev(8, 17));
    assert_int_equal(st.st_mode, S_IFBLK | 06660);
    node_stat_entry(&as_root, &n, &en, &st);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_gid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(strange_numbers_are_nothing),
        cmocka_unit_test(number_one_is_the_root),
        cmocka_unit_test(links_share_a_number_of_their_own),
        cmocka_unit_test(owners_can_be_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
