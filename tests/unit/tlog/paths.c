/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the C2SP layout, as auditors ask for them. */
#include "log_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct log_world w;

static enum err_class ask(struct tlog *t, const char *path, size_t *len)
{
    struct buf out = {0};
    struct err e = ERR_INIT;
    int rc = tlog_file(t, path, &out, &e);
    *len = out.len;
    buf_done(&out);
    return rc ? e.cls : ERR_UNSET;
}

static void only_paths_in_their_one_form_are_answered(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/001/000",
        "tile/0/x01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1x",
        "tile/0/000/",
        "tile/entries/0",
        "tile/entries",
        "tile/entry/000",
        "tile//000",
        "/checkpoint",
        "checkpoint/",
        "pending",
        "cosigned",
        "lock",
        "../log/checkpoint",
        "tile/0/../0/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "Tile/0/000",
        "tile/0/\xd9\xa0\xd9\xa0\xd9\xa0",
        "tile/0/000.p/1/2",
        "tile/1/x1000/000",
    };
    struct tlog *t = world_create(&w);
    world_grow(t, 300);
    size_t len;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum err_class cls = ask(t, bad[i], &len);
        if (cls != ERR_USAGE)
            fail_msg("'%s' is answered with %s", bad[i], err_class_name(cls));
        assert_int_equal(len, 0);
    }
    static const char *const absent[] = {"tile/0/001",
                                         "tile/0/001.p/45",
                                         "tile/0/002.p/1",
                                         "tile/1/000",
                                         "tile/1/000.p/2",
                                         "tile/2/000.p/1",
                                         "tile/7/000.p/1",
                                         "tile/8/000.p/1",
                                         "tile/63/000",
                                         "tile/entries/001",
                                         "tile/entries/x001/000",
                                         "tile/0/x018/x446/x744/x073/x709/x551/615.p/255"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        enum err_class cls = ask(t, absent[i], &len);
        if (cls != ERR_NOT_FOUND)
            fail_msg("'%s' is answered with %s", absent[i], err_class_name(cls));
    }
    tlog_close(t);
}

/* Tiles and bundles of all widths, before and after they are files. */
static void tiles_hold_the_leaves(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    for (unsigned round = 0; round < 3; round++) {
        world_grow(t, 300 + round * 400);
        if (round == 1) {
            tlog_close(t);
            t = world_open(&w);
        }
        uint64_t size = tlog_size(t);
        for (uint64_t n = 0; n * 256 < size; n++) {
            unsigned most = size - n * 256 < 256 ? (unsigned)(size - n * 256) : 256;
            for (unsigned width = 1; width <= most; width += width < most - 1 ? 13 : 1) {
                char path[64];
                struct buf tile = {0}, bundle = {0};
                (void)snprintf(path, sizeof path, width < 256 ? "tile/0/%03u.p/%u" : "tile/0/%03u",
                               (unsigned)n, width);
                world_ok(tlog_file(t, path, &tile, &e), &e);
                (void)snprintf(path, sizeof path,
                               width < 256 ? "tile/entries/%03u.p/%u" : "tile/entries/%03u",
                               (unsigned)n, width);
                world_ok(tlog_file(t, path, &bundle, &e), &e);
                assert_int_equal(tile.len, width * MERKLE_BYTES);
                size_t at = 0;
                for (unsigned i = 0; i < width; i++) {
                    uint8_t entry[WORLD_ENTRY_MAX], leaf[MERKLE_BYTES];
                    size_t len = world_entry(n * 256 + i, entry);
                    assert_true(at + 2 + len <= bundle.len);
                    assert_int_equal(bundle.data[at] * 256 + bundle.data[at + 1], len);
                    if (len)
                        assert_memory_equal(bundle.data + at + 2, entry, len);
                    at += 2 + len;
                    world_leaf(n * 256 + i, leaf);
                    assert_memory_equal(tile.data + i * MERKLE_BYTES, leaf, MERKLE_BYTES);
                }
                assert_int_equal(at, bundle.len);
                buf_done(&tile);
                buf_done(&bundle);
            }
        }
        struct buf upper = {0};
        naive_hash leaves[256], root;
        for (uint64_t i = 0; i < 256; i++)
            world_leaf(i, leaves[i]);
        naive_root(leaves, 256, root);
        world_ok(tlog_file(t, "tile/1/000.p/1", &upper, &e), &e);
        assert_memory_equal(upper.data, root, MERKLE_BYTES);
        buf_done(&upper);
    }
    tlog_close(t);
}

static void the_checkpoint_is_the_newest(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    world_grow(t, 10);
    struct buf a = {0}, b = {0};
    world_ok(tlog_file(t, "checkpoint", &a, &e), &e);
    world_ok(tlog_checkpoint(t, &b, &e), &e);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    buf_done(&a);
    buf_done(&b);
    tlog_close(t);
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
        cmocka_unit_test_setup_teardown(only_paths_in_their_one_form_are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(tiles_hold_the_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(the_checkpoint_is_the_newest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
