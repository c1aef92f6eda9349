/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that no builder makes: they are refused, they end, and what lies behind
 * damage can still be read. */
#include "shelf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    (void)state;
    return sign_init(NULL);
}

static void put_node(struct shelf *s, uint8_t id, const struct buf *b)
{
    uint8_t name[SEAL_ID_BYTES] = {id};
    assert_int_equal(shelf_put(s, name, b->data, b->len, NULL), 0);
}

/* A leaf of empty files and, where a name ends in '/', directories. */
static void put_leaf(struct shelf *s, uint8_t id, size_t count, const char *const *paths)
{
    struct buf b = {0};
    static const uint8_t head[] = {1, 0, 1, 0, 0, 0, 0}; /* version, level, one owner */
    buf_put(&b, head, sizeof head);
    buf_put_varint(&b, count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(paths[i]);
        bool dir = len && paths[i][len - 1] == '/';
        buf_put_varint(&b, 0);
        buf_put_blob(&b, paths[i], len - dir);
        buf_put_u8(&b, dir ? ENTRY_DIR : ENTRY_FILE);
        for (int field = dir ? 5 : 6; field > 0; field--)
            buf_put_varint(&b, 0);
    }
    put_node(s, id, &b);
    buf_done(&b);
}
#define LEAF(s, id, ...)                                                                           \
    put_leaf(s, id, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                   \
             (const char *const[]){__VA_ARGS__})

struct child {
    const char *path;
    uint8_t id;
    uint64_t entries, bytes;
};

static void put_inner(struct shelf *s, uint8_t id, unsigned level, size_t count,
                      const struct child *children)
{
    struct buf b = {0};
    buf_put_u8(&b, 1);
    buf_put_u8(&b, (uint8_t)level);
    buf_put_varint(&b, count);
    for (size_t i = 0; i < count; i++) {
        uint8_t name[SEAL_ID_BYTES] = {children[i].id};
        buf_put_varint(&b, 0);
        buf_put_blob(&b, children[i].path, strlen(children[i].path));
        buf_put(&b, name, sizeof name);
        buf_put_varint(&b, children[i].entries);
        buf_put_varint(&b, children[i].bytes);
    }
    put_node(s, id, &b);
    buf_done(&b);
}
#define INNER(s, id, level, ...)                                                                   \
    put_inner(s, id, level, sizeof((struct child[]){__VA_ARGS__}) / sizeof(struct child),          \
              (struct child[]){__VA_ARGS__})

static struct tree_reader *open_tree(struct shelf *s, uint8_t id, unsigned level, uint64_t entries)
{
    struct tree_ref ref = {.level = (uint8_t)level, .id = {id}, .entries = entries};
    struct tree_reader *t = NULL;
    s->fetches = 0;
    assert_int_equal(tree_reader_new(&ref, shelf_get, s, &t, NULL), 0);
    return t;
}

/* Reads to the end or the first error; gives the number of entries. */
static int read_tree(struct shelf *s, uint8_t id, unsigned level, uint64_t entries, int *rc_out,
                     struct err *e)
{
    struct tree_reader *t = open_tree(s, id, level, entries);
    struct entry en;
    int n = 0;
    while ((*rc_out = tree_reader_next(t, &en, e)) > 0)
        assert_true(++n < 100000);
    tree_reader_free(t);
    return n;
}

static void accepted(struct shelf *s, uint8_t id, unsigned level, uint64_t entries)
{
    struct err e = ERR_INIT;
    int rc;
    int n = read_tree(s, id, level, entries, &rc, &e);
    if (rc)
        fail_msg("tree %u: %s", id, e.msg);
    assert_int_equal(n, entries);
}

static void refused(struct shelf *s, uint8_t id, unsigned level, uint64_t entries)
{
    struct err e = ERR_INIT;
    int rc;
    (void)read_tree(s, id, level, entries, &rc, &e);
    if (rc != -1)
        fail_msg("tree %u accepted", id);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_true(s->fetches < 1000);
}

static void entries_ascend_across_nodes(void **state)
{
    (void)state;
    struct shelf s;
    shelf_init(&s, NULL);
    LEAF(&s, 1, "a", "b");
    LEAF(&s, 2, "c", "d");
    LEAF(&s, 3, "b", "e");
    LEAF(&s, 4, "a0", "c");
    INNER(&s, 10, 1, {"a", 1, 2, 0}, {"c", 2, 2, 0});
    INNER(&s, 11, 1, {"c", 2, 2, 0}, {"a", 1, 2, 0});
    INNER(&s, 12, 1, {"a", 1, 2, 0}, {"b", 3, 2, 0});
    INNER(&s, 13, 1, {"a", 1, 2, 0}, {"a", 1, 2, 0});
    INNER(&s, 14, 1, {"a", 1, 2, 0}, {"a0", 4, 2, 0});
    accepted(&s, 10, 1, 4);
    refused(&s, 11, 1, 4);
    refused(&s, 12, 1, 4);
    refused(&s, 13, 1, 4);
    refused(&s, 14, 1, 4);
    shelf_done(&s);
}

static void levels_go_down_by_one(void **state)
{
    (void)state;
    struct shelf s;
    shelf_init(&s, NULL);
    LEAF(&s, 1, "a");
    INNER(&s, 10, 1, {"a", 1, 1, 0});
    INNER(&s, 11, 2, {"a", 10, 1, 0});
    INNER(&s, 12, 2, {"a", 1, 1, 0});
    INNER(&s, 13, 1, {"a", 13, 1, 0}); /* itself */
    INNER(&s, 14, 2, {"a", 15, 1, 0});
    INNER(&s, 15, 1, {"a", 14, 1, 0}); /* each other */
    INNER(&s, 16, 1, {"a", 10, 1, 0});
    accepted(&s, 1, 0, 1);
    accepted(&s, 10, 1, 1);
    accepted(&s, 11, 2, 1);
    refused(&s, 1, 1, 1);
    refused(&s, 10, 0, 1);
    refused(&s, 12, 2, 1);
    refused(&s, 13, 1, 1);
    refused(&s, 14, 2, 1);
    refused(&s, 16, 1, 1);
    shelf_done(&s);
}

static void trees_have_at_most_level_8(void **state)
{
    (void)state;
    struct tree_ref ref = {.level = CONTENT_LEVEL_MAX + 1, .entries = 1};
    struct tree_reader *t = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(tree_reader_new(&ref, shelf_get, NULL, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_null(t);
}

static void no_node_is_empty(void **state)
{
    (void)state;
    struct shelf s;
    shelf_init(&s, NULL);
    put_leaf(&s, 1, 0, NULL);
    put_inner(&s, 10, 1, 0, NULL);
    LEAF(&s, 2, "a");
    INNER(&s, 11, 1, {"a", 2, 1, 0}, {"b", 1, 0, 0});
    refused(&s, 1, 0, 1);
    refused(&s, 10, 1, 1);
    refused(&s, 11, 1, 1);
    shelf_done(&s);
}

/* Eight levels of 1,000 times the same child would be 10^24 visits. */
static void empty_leaves_below_many_levels_end(void **state)
{
    (void)state;
    struct shelf s;
    static struct child children[1000];
    shelf_init(&s, NULL);
    put_leaf(&s, 100, 0, NULL);
    for (unsigned level = 1; level <= CONTENT_LEVEL_MAX; level++) {
        for (size_t i = 0; i < 1000; i++)
            children[i] = (struct child){"a", (uint8_t)(100 + level - 1), 1, 0};
        put_inner(&s, (uint8_t)(100 + level), level, 1000, children);
    }
    refused(&s, 100 + CONTENT_LEVEL_MAX, CONTENT_LEVEL_MAX, 1);
    shelf_done(&s);
}

static void nodes_hold_what_was_promised(void **state)
{
    (void)state;
    struct shelf s;
    shelf_init(&s, NULL);
    LEAF(&s, 1, "a", "b");
    LEAF(&s, 2, "c");
    INNER(&s, 10, 1, {"a", 1, 2, 0}, {"c", 2, 1, 0});
    INNER(&s, 11, 1, {"a", 1, 1, 0}, {"c", 2, 2, 0});
    INNER(&s, 12, 1, {"a", 1, 2, 1}, {"c", 2, 1, 0});
    INNER(&s, 13, 1, {"a", 1, 2, 0}, {"c", 2, 1, UINT64_MAX});
    INNER(&s, 14, 1, {"A", 1, 2, 0}, {"c", 2, 1, 0});
    INNER(&s, 15, 1, {"a", 1, 2, 0}, {"bb", 2, 1, 0});
    INNER(&s, 20, 2, {"a", 10, 3, 0});
    INNER(&s, 21, 2, {"A", 10, 3, 0});
    INNER(&s, 22, 2, {"a", 10, 4, 0});
    accepted(&s, 10, 1, 3);
    accepted(&s, 20, 2, 3);
    for (uint8_t id = 11; id <= 15; id++)
        refused(&s, id, 1, 3);
    refused(&s, 21, 2, 3);
    refused(&s, 22, 2, 3);
    refused(&s, 10, 1, 2);
    refused(&s, 10, 1, 4);
    refused(&s, 1, 0, 3);
    shelf_done(&s);
}

static void parents_come_before(void **state)
{
    (void)state;
    struct shelf s;
    shelf_init(&s, NULL);
    LEAF(&s, 1, "a/", "a/b/", "a/b/c", "a/d", "e/", "e/f");
    LEAF(&s, 2, "a/b");
    LEAF(&s, 3, "a", "a/b");          /* below a file */
    LEAF(&s, 4, "a/", "a/b/c");       /* a level left out */
    LEAF(&s, 5, "a/", "a/b/", "c/d"); /* another one's directory */
    LEAF(&s, 6, "a/", "a/b/", "a/b/c", "ab/c");
    LEAF(&s, 7, "a/", "a/b", "a/b/c");
    LEAF(&s, 8, "a/");
    LEAF(&s, 9, "a/b", "a/c");
    INNER(&s, 10, 1, {"a", 8, 1, 0}, {"a/b", 9, 2, 0});
    accepted(&s, 1, 0, 6);
    accepted(&s, 10, 1, 3);
    refused(&s, 2, 0, 1);
    refused(&s, 3, 0, 2);
    refused(&s, 4, 0, 2);
    refused(&s, 5, 0, 3);
    refused(&s, 6, 0, 4);
    refused(&s, 7, 0, 3);
    shelf_done(&s);
}

static void heads_and_lengths_are_checked(void **state)
{
    (void)state;
    struct shelf s;
    static const struct {
        uint8_t bytes[20];
        size_t len;
        enum err_class cls;
    } nodes[] = {
        {{0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 17, ERR_DAMAGED}, /* version 0 */
        {{1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 17, ERR_DAMAGED}, /* level 1 */
        {{1, 9, 1, 0, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 17, ERR_DAMAGED},
        {{1, 255, 1, 0, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 17, ERR_DAMAGED},
        {{2, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 13, ERR_NEWER},
        {{1, 0x40, 1, 0, 10}, 5, ERR_DAMAGED}, /* a content list */
        {{1}, 1, ERR_DAMAGED},
        {{0}, 0, ERR_DAMAGED},
        {{1, 0, 0, 1}, 4, ERR_DAMAGED},
        {{1, 0, 1, 0, 0, 0, 0, 2, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 17, ERR_DAMAGED}, /* one of two */
        {{1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0, 9}, 18, ERR_DAMAGED}, /* behind it */
        {{1, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
         17,
         ERR_DAMAGED},
        {{1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 'a', 2, 0, 0, 0, 0, 0}, 17, ERR_UNSET}, /* good */
    };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct err e = ERR_INIT;
        uint8_t name[SEAL_ID_BYTES] = {1};
        int rc;
        shelf_init(&s, NULL);
        assert_int_equal(shelf_put(&s, name, nodes[i].bytes, nodes[i].len, NULL), 0);
        (void)read_tree(&s, 1, 0, 1, &rc, &e);
        if ((rc ? e.cls : ERR_UNSET) != nodes[i].cls)
            fail_msg("node %zu: %d %s", i, rc, e.msg);
        shelf_done(&s);
    }
}

static int endless(void *arg, const uint8_t id[SEAL_ID_BYTES], struct buf *out, struct err *e)
{
    static const uint8_t bytes[1 << 16];
    (void)id, (void)e;
    for (size_t *n = arg; *n > 0; --*n)
        buf_put(out, bytes, sizeof bytes);
    return 0; /* buf_check is forgotten */
}

static void nodes_are_bounded(void **state)
{
    (void)state;
    struct tree_ref ref = {.entries = 1};
    struct tree_reader *t = NULL;
    struct list_reader *l = NULL;
    struct entry en, list = {.type = ENTRY_FILE, .size = 1, .has_list = true};
    size_t blocks = 2 * CONTENT_NODE_MAX >> 16;
    assert_int_equal(tree_reader_new(&ref, endless, &blocks, &t, NULL), 0);
    assert_int_equal(tree_reader_next(t, &en, NULL), -1);
    tree_reader_free(t);
    blocks = 2 * CONTENT_NODE_MAX >> 16;
    assert_int_equal(list_reader_new(endless, &blocks, &l, NULL), 0);
    assert_int_equal(list_reader_begin(l, &list, NULL), -1);
    list_reader_free(l);
}

static void what_is_behind_damage_can_be_read(void **state)
{
    (void)state;
    struct shelf s;
    struct entry en;
    struct err e = ERR_INIT;
    shelf_init(&s, NULL);
    LEAF(&s, 1, "a/", "a/b");
    LEAF(&s, 2, "c/", "c/d", "c/a"); /* the third is out of order */
    LEAF(&s, 3, "c/e", "f");
    INNER(&s, 10, 1, {"a", 1, 2, 0}, {"b", 99, 2, 0}, {"c", 2, 3, 0}, {"c/e", 3, 2, 0});
    struct tree_reader *t = open_tree(&s, 10, 1, 9);
    static const char *const expected[] = {"a", "a/b", NULL, "c", "c/d", NULL, "c/e", "f"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        int rc = tree_reader_next(t, &en, &e);
        if (expected[i]) {
            assert_int_equal(rc, 1);
            assert_string_equal(en.path, expected[i]);
        } else {
            assert_int_equal(rc, -1);
            assert_true(tree_reader_skip_damage(t));
        }
    }
    assert_int_equal(tree_reader_next(t, &en, &e), 0);
    tree_reader_free(t);
    shelf_done(&s);
}

/* Nodes that share their later children: without T1 there would be C(n + 7, 8)
 * ways down, and each of them ends in damage that is skipped. */
static void skipping_damage_ends(void **state)
{
    (void)state;
    enum { WIDTH = 30 };
    struct shelf s;
    static struct child children[WIDTH];
    static char paths[WIDTH][2];
    struct entry en;
    shelf_init(&s, NULL);
    for (unsigned level = 1; level <= CONTENT_LEVEL_MAX; level++)
        for (unsigned i = 0; i < WIDTH; i++) {
            for (unsigned j = i; j < WIDTH; j++) {
                paths[j][0] = (char)('a' + j);
                /* Level 1 leads nowhere. */
                uint8_t id = level == 1 ? 255 : (uint8_t)((level - 2) * WIDTH + j);
                children[j] = (struct child){paths[j], id, 1, 0};
            }
            put_inner(&s, (uint8_t)((level - 1) * WIDTH + i), level, WIDTH - i, children + i);
        }
    struct tree_reader *t = open_tree(&s, (CONTENT_LEVEL_MAX - 1) * WIDTH, CONTENT_LEVEL_MAX, 1);
    int errors = 0, rc;
    while ((rc = tree_reader_next(t, &en, NULL)) != 0) {
        assert_int_equal(rc, -1);
        if (!tree_reader_skip_damage(t))
            break;
        assert_true(++errors < 10000);
    }
    tree_reader_free(t);
    shelf_done(&s);
}

static void nothing_is_left_behind_a_damaged_top(void **state)
{
    (void)state;
    struct shelf s;
    struct entry en;
    shelf_init(&s, NULL);
    struct tree_reader *t = open_tree(&s, 99, 2, 9);
    assert_int_equal(tree_reader_next(t, &en, NULL), -1);
    assert_false(tree_reader_skip_damage(t));
    assert_int_equal(tree_reader_next(t, &en, NULL), 0);
    tree_reader_free(t);
    shelf_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_ascend_across_nodes),
        cmocka_unit_test(levels_go_down_by_one),
        cmocka_unit_test(trees_have_at_most_level_8),
        cmocka_unit_test(no_node_is_empty),
        cmocka_unit_test(empty_leaves_below_many_levels_end),
        cmocka_unit_test(nodes_hold_what_was_promised),
        cmocka_unit_test(parents_come_before),
        cmocka_unit_test(heads_and_lengths_are_checked),
        cmocka_unit_test(nodes_are_bounded),
        cmocka_unit_test(what_is_behind_damage_can_be_read),
        cmocka_unit_test(skipping_damage_ends),
        cmocka_unit_test(nothing_is_left_behind_a_damaged_top),
    };
    return cmocka_run_group_tests_name("content/hostile", tests, set_up, NULL);
}
