/* SPDX-License-Identifier: Apache-2.0 */
/* Trees give back their entries in order, are found by path, and share what
 * did not change. */
#include "entries.h"
#include "shelf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEED 7


/* Entries 0 … count − 1, without number `left_out`, `changed` in version 1. */
static struct tree_ref build(struct shelf *shelf, size_t count, size_t changed, size_t left_out)
{
    struct tree_builder *b = NULL;
    struct tree_ref ref = {0};
    struct random_entry r;
    struct err e = ERR_INIT;
    assert_int_equal(tree_builder_new(ids, shelf_put, shelf, &b, &e), 0);
    for (size_t i = 0; i < count; i++) {
        if (i == left_out)
            continue;
        random_entry_make(&r, SEED, i, i == changed);
        if (tree_builder_add(b, &r.en, &e))
            fail_msg("entry %zu: %s", i, e.msg);
    }
    if (tree_builder_finish(b, &ref, &e))
        fail_msg("%s", e.msg);
    tree_builder_free(b);
    return ref;
}
#define NONE SIZE_MAX

/* Reads from entry `first` to the end, which is before `count`. */
static void read_from(struct tree_reader *t, size_t first, size_t count)
{
    struct random_entry r;
    struct entry en;
    struct err e = ERR_INIT;
    for (size_t i = first; i < count; i++) {
        if (tree_reader_next(t, &en, &e) != 1)
            fail_msg("entry %zu: %s", i, e.msg);
        random_entry_make(&r, SEED, i, 0);
        assert_entries_equal(&en, &r.en);
    }
    assert_int_equal(tree_reader_next(t, &en, &e), 0);
    assert_int_equal(tree_reader_next(t, &en, &e), 0);
}

static void round_trip(size_t count)
{
    struct shelf shelf;
    struct tree_reader *t = NULL;
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, count, NONE, NONE);
    assert_int_equal(ref.entries, count);
    assert_int_equal(tree_reader_new(&ref, shelf_get, &shelf, &t, NULL), 0);
    read_from(t, 0, count);
    assert_int_equal(shelf.fetches, shelf.count); /* each node once */
    /* From the beginning again. */
    assert_int_equal(tree_reader_seek(t, "", 0, NULL), 0);
    read_from(t, 0, count);
    tree_reader_free(t);
    shelf_done(&shelf);
}

static void trees_of_all_sizes_come_back(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 50, 100, 1000, 20000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        round_trip(counts[i]);
}

static void a_large_tree_comes_back(void **state)
{
    (void)state;
    round_trip(200000);
}

static void an_empty_tree_is_no_node(void **state)
{
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, 0, NONE, NONE);
    assert_true(bytes_are_zero(ref.id, sizeof ref.id));
    assert_int_equal(ref.level, 0);
    assert_int_equal(shelf.count, 0);
    shelf_done(&shelf);
}

/* The bytes of a small tree, as the format and these keys make it. */
static void known_answer(void **state)
{
    (void)state;
    struct shelf shelf;
    char hex[65];
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, 3000, NONE, NONE);
    hex_encode(ref.id, sizeof ref.id, hex);
    assert_int_equal(ref.level, 1);
    assert_string_equal(hex, "4203b414a63a3f4b9de6a5bd4bc96eef2eafe7df031205789e99c42dbffdefbd");
    shelf_done(&shelf);
}

static void the_same_entries_make_the_same_tree(void **state)
{
    (void)state;
    struct shelf a, b;
    shelf_init(&a, ids);
    shelf_init(&b, ids);
    struct tree_ref x = build(&a, 5000, NONE, NONE), y = build(&b, 5000, NONE, NONE);
    assert_memory_equal(&x, &y, sizeof x);
    assert_int_equal(shelf_missing(&a, &b), 0);
    shelf_done(&a);
    shelf_done(&b);
}

static void seeking_finds_every_path(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct shelf shelf;
    struct tree_reader *t = NULL;
    struct random_entry r;
    struct entry en;
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, COUNT, NONE, NONE);
    assert_true(ref.level >= 1);
    assert_int_equal(tree_reader_new(&ref, shelf_get, &shelf, &t, NULL), 0);
    for (size_t i = 0; i < COUNT; i += 1000) {
        random_entry_make(&r, SEED, i, 0);
        shelf.fetches = 0;
        assert_int_equal(tree_reader_seek(t, r.path, r.en.path_len, NULL), 0);
        assert_int_equal(tree_reader_next(t, &en, NULL), 1);
        assert_entries_equal(&en, &r.en);
        assert_true(shelf.fetches <= ref.level + 1u);
        for (size_t j = i + 1; j < i + 300 && j < COUNT; j++) {
            random_entry_make(&r, SEED, j, 0);
            assert_int_equal(tree_reader_next(t, &en, NULL), 1);
            assert_string_equal(en.path, r.path);
        }
    }
    tree_reader_free(t);
    shelf_done(&shelf);
}

static void seeking_a_path_that_is_not_there_finds_the_next(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct shelf shelf;
    struct tree_reader *t = NULL;
    struct random_entry r;
    struct entry en;
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, COUNT, NONE, NONE);
    assert_int_equal(tree_reader_new(&ref, shelf_get, &shelf, &t, NULL), 0);
    for (size_t i = 0; i + 1 < COUNT; i += 97) {
        char path[140];
        random_entry_make(&r, SEED, i, 0);
        memcpy(path, r.path, r.en.path_len);
        memcpy(path + r.en.path_len, "/", 2); /* directly behind it */
        assert_int_equal(tree_reader_seek(t, path, r.en.path_len + 1, NULL), 0);
        random_entry_make(&r, SEED, i + 1, 0);
        assert_int_equal(tree_reader_next(t, &en, NULL), 1);
        assert_string_equal(en.path, r.path);
    }
    assert_int_equal(tree_reader_seek(t, "\xff\xff", 2, NULL), 0);
    assert_int_equal(tree_reader_next(t, &en, NULL), 0);
    assert_int_equal(tree_reader_seek(t, "!", 1, NULL), 0);
    read_from(t, 0, COUNT);
    tree_reader_free(t);
    shelf_done(&shelf);
}

static void one_changed_entry_makes_few_new_nodes(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct shelf before;
    shelf_init(&before, ids);
    struct tree_ref ref = build(&before, COUNT, NONE, NONE);
    static const size_t places[] = {0, 49999, COUNT - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct shelf after;
        shelf_init(&after, ids);
        struct tree_ref changed = build(&after, COUNT, places[i], NONE);
        assert_memory_not_equal(changed.id, ref.id, sizeof ref.id);
        size_t missing = shelf_missing(&after, &before);
        /* The leaf, maybe the next one if it is cut elsewhere, and the way up. */
        if (missing < ref.level + 1u || missing > ref.level + 4u)
            fail_msg("entry %zu changed: %zu of %zu nodes are new", places[i], missing,
                     after.count);
        shelf_done(&after);
    }
    shelf_done(&before);
}

static void one_entry_less_makes_few_new_nodes(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct shelf before;
    shelf_init(&before, ids);
    struct tree_ref ref = build(&before, COUNT, NONE, NONE);
    static const size_t places[] = {1, 33333};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct shelf after;
        shelf_init(&after, ids);
        struct tree_ref changed = build(&after, COUNT, NONE, places[i]);
        assert_int_equal(changed.entries, COUNT - 1);
        size_t missing = shelf_missing(&after, &before);
        if (missing > ref.level + 6u)
            fail_msg("entry %zu left out: %zu of %zu nodes are new", places[i], missing,
                     after.count);
        shelf_done(&after);
    }
    shelf_done(&before);
}

static void remember(void *arg, const uint8_t *id)
{
    struct shelf *seen = arg;
    assert_int_equal(shelf_put(seen, id, "x", 1, NULL), 0);
}

static void every_node_is_announced(void **state)
{
    (void)state;
    struct shelf shelf, seen;
    struct tree_reader *t = NULL;
    shelf_init(&shelf, ids);
    shelf_init(&seen, NULL);
    struct tree_ref ref = build(&shelf, 10000, NONE, NONE);
    assert_int_equal(tree_reader_new(&ref, shelf_get, &shelf, &t, NULL), 0);
    tree_reader_on_node(t, remember, &seen);
    read_from(t, 0, 10000);
    assert_int_equal(seen.count, shelf.count);
    assert_int_equal(shelf_missing(&shelf, &seen), 0);
    tree_reader_free(t);
    shelf_done(&shelf);
    shelf_done(&seen);
}

/* Long paths and large xattrs: a node never grows beyond its limit. */
static void fat_entries_stay_below_the_limit_of_a_node(void **state)
{
    (void)state;
    struct shelf shelf;
    struct tree_builder *b = NULL;
    struct tree_reader *t = NULL;
    struct tree_ref ref;
    struct err e = ERR_INIT;
    uint8_t *value = mem_zalloc(ENTRY_XATTR_VALUE_MAX);
    struct entry_xattr xattrs[3] = {{"user.a", value, ENTRY_XATTR_VALUE_MAX},
                                    {"user.b", value, ENTRY_XATTR_VALUE_MAX},
                                    {"user.c", value, ENTRY_XATTR_VALUE_MAX}};
    shelf_init(&shelf, ids); /* its sink refuses larger nodes */
    assert_int_equal(tree_builder_new(ids, shelf_put, &shelf, &b, &e), 0);
    for (int i = 0; i < 26; i++) {
        char path[2] = {(char)('a' + i), '\0'};
        struct entry en = {.path = path,
                           .path_len = 1,
                           .type = ENTRY_DIR,
                           .user = "",
                           .group = "",
                           .xattrs = xattrs,
                           .xattr_count = 1 + (size_t)i % 3};
        if (tree_builder_add(b, &en, &e))
            fail_msg("%s", e.msg);
    }
    assert_int_equal(tree_builder_finish(b, &ref, &e), 0);
    assert_int_equal(tree_reader_new(&ref, shelf_get, &shelf, &t, &e), 0);
    for (int i = 0; i < 26; i++) {
        struct entry en;
        assert_int_equal(tree_reader_next(t, &en, &e), 1);
        assert_int_equal(en.xattr_count, 1 + i % 3);
    }
    tree_reader_free(t);
    tree_builder_free(b);
    shelf_done(&shelf);
    mem_free(value);
}

static int refuse(void *arg, const uint8_t id[SEAL_ID_BYTES], const void *p, size_t len,
                  struct err *e)
{
    (void)arg, (void)id, (void)p, (void)len;
    return err_set(e, ERR_NO_SPACE, "the sink is full");
}

static void failures_of_the_sink_come_through(void **state)
{
    (void)state;
    struct tree_builder *b = NULL;
    struct tree_ref ref = {0};
    struct random_entry r;
    struct err e = ERR_INIT;
    assert_int_equal(tree_builder_new(ids, refuse, NULL, &b, &e), 0);
    random_entry_make(&r, SEED, 0, 0);
    assert_int_equal(tree_builder_add(b, &r.en, &e), 0);
    assert_int_equal(tree_builder_finish(b, &ref, &e), -1);
    assert_int_equal(e.cls, ERR_NO_SPACE);
    assert_int_equal(ref.entries, 0);
    tree_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_of_all_sizes_come_back),
        cmocka_unit_test(a_large_tree_comes_back),
        cmocka_unit_test(an_empty_tree_is_no_node),
        cmocka_unit_test(known_answer),
        cmocka_unit_test(the_same_entries_make_the_same_tree),
        cmocka_unit_test(seeking_finds_every_path),
        cmocka_unit_test(seeking_a_path_that_is_not_there_finds_the_next),
        cmocka_unit_test(one_changed_entry_makes_few_new_nodes),
        cmocka_unit_test(one_entry_less_makes_few_new_nodes),
        cmocka_unit_test(every_node_is_announced),
        cmocka_unit_test(fat_entries_stay_below_the_limit_of_a_node),
        cmocka_unit_test(failures_of_the_sink_come_through),
    };
    return cmocka_run_group_tests_name("content/tree", tests, shelf_set_up, shelf_tear_down);
}
