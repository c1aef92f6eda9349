/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two trees is what two full walks say, and costs only the
 * nodes that are not shared. */
#include "entries.h"
#include "shelf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 11;

static int set_up(void **state)
{
    const char *given = getenv("ABRI_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : seed;
    print_message("seed %llu (ABRI_TEST_SEED)\n", (unsigned long long)seed);
    return shelf_set_up(state);
}

/* One side: which of the entries it has, and in which version. */
struct plan {
    size_t count;
    uint8_t *version; /* ABSENT, or 0, 1 */
};
#define ABSENT 2

static struct plan plan_new(size_t count)
{
    struct plan p = {.count = count, .version = calloc(count + 1, 1)};
    assert_non_null(p.version);
    return p;
}

/* Directories stay: what is in them needs them. */
static void plan_spoil(struct plan *p, uint64_t *random, size_t changes)
{
    for (size_t i = 0; i < changes && p->count; i++) {
        size_t at = random_next(random) % p->count;
        p->version[at] = at % 50 ? (uint8_t)(1 + random_next(random) % 2) : 1;
    }
}

static struct tree_ref build(struct shelf *shelf, const struct plan *p)
{
    struct tree_builder *b = NULL;
    struct tree_ref ref = {0};
    struct random_entry r;
    struct err e = ERR_INIT;
    assert_int_equal(tree_builder_new(ids, shelf_put, shelf, &b, &e), 0);
    for (size_t i = 0; i < p->count; i++) {
        if (p->version[i] == ABSENT)
            continue;
        random_entry_make(&r, seed, i, p->version[i]);
        if (tree_builder_add(b, &r.en, &e))
            fail_msg("entry %zu: %s", i, e.msg);
    }
    if (tree_builder_finish(b, &ref, &e))
        fail_msg("%s", e.msg);
    tree_builder_free(b);
    return ref;
}

/* ---- the naive way ------------------------------------------------------------------ */

struct walked {
    struct entry **items;
    size_t count;
};

static struct walked walk(struct shelf *shelf, const struct tree_ref *ref, const char *path)
{
    struct walked w = {0};
    struct tree_reader *t = NULL;
    struct entry en;
    struct err e = ERR_INIT;
    int rc;
    w.items = calloc(ref->entries + 1, sizeof *w.items);
    assert_non_null(w.items);
    assert_int_equal(tree_reader_new(ref, shelf_get, shelf, &t, &e), 0);
    while ((rc = tree_reader_next(t, &en, &e)) > 0)
        if (path_is_below(en.path, en.path_len, path, strlen(path)))
            w.items[w.count++] = entry_dup(&en);
    if (rc < 0)
        fail_msg("%s", e.msg);
    tree_reader_free(t);
    return w;
}

static void walked_free(struct walked *w)
{
    for (size_t i = 0; i < w->count; i++)
        mem_free(w->items[i]);
    free(w->items);
}

static int relative_order(const struct entry *a, const char *base_a, const struct entry *b,
                          const char *base_b)
{
    size_t skip_a = strlen(base_a), skip_b = strlen(base_b);
    if (!a || !b)
        return a ? -1 : 1;
    skip_a += skip_a && a->path_len > skip_a;
    skip_b += skip_b && b->path_len > skip_b;
    return path_compare(a->path + skip_a, a->path_len - skip_a, b->path + skip_b,
                        b->path_len - skip_b);
}

struct case_ {
    struct shelf *shelf;
    struct tree_ref a, b;
    const char *base_a, *base_b;
};

static struct tree_diff *open_diff(const struct case_ *c)
{
    struct tree_diff *d = NULL;
    struct tree_part a = {.tree = &c->a, .path = c->base_a, .len = strlen(c->base_a)};
    struct tree_part b = {.tree = &c->b, .path = c->base_b, .len = strlen(c->base_b)};
    struct err e = ERR_INIT;
    if (tree_diff_new(&a, &b, shelf_get, c->shelf, &d, &e))
        fail_msg("%s", e.msg);
    return d;
}

static void expect_next(struct tree_diff *d, const struct entry *a, const struct entry *b)
{
    const struct entry *x = NULL, *y = NULL;
    struct err e = ERR_INIT;
    int rc = tree_diff_next(d, &x, &y, &e);
    if (rc != (a || b))
        fail_msg("%d %s", rc, e.msg);
    if (rc == 0)
        return;
    assert_int_equal(!x, !a);
    assert_int_equal(!y, !b);
    if (a)
        assert_entries_equal(x, a);
    if (b)
        assert_entries_equal(y, b);
}

/* Returns the number of differences. */
static size_t judge(const struct case_ *c)
{
    struct walked a = walk(c->shelf, &c->a, c->base_a), b = walk(c->shelf, &c->b, c->base_b);
    struct tree_diff *d = open_diff(c);
    size_t i = 0, j = 0, found = 0;
    while (i < a.count || j < b.count) {
        struct entry *x = i < a.count ? a.items[i] : NULL, *y = j < b.count ? b.items[j] : NULL;
        int order = relative_order(x, c->base_a, y, c->base_b);
        i += order <= 0;
        j += order >= 0;
        if (order == 0 && entry_compare(x, y) == 0)
            continue;
        found++;
        expect_next(d, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
    }
    expect_next(d, NULL, NULL);
    expect_next(d, NULL, NULL);
    tree_diff_free(d);
    walked_free(&a);
    walked_free(&b);
    return found;
}

static void count_node(void *arg, const uint8_t *id)
{
    (void)id;
    ++*(size_t *)arg;
}

static size_t nodes_read(const struct case_ *c)
{
    size_t n = 0;
    const struct entry *a, *b;
    struct tree_diff *d = open_diff(c);
    tree_diff_on_node(d, count_node, &n);
    while (tree_diff_next(d, &a, &b, NULL) > 0)
        ;
    tree_diff_free(d);
    return n;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void random_trees_differ_as_two_walks_say(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 3, 60, 700, 5000, 30000};
    uint64_t random = seed;
    for (size_t round = 0; round < 60; round++) {
        struct shelf shelf;
        shelf_init(&shelf, ids);
        struct plan a = plan_new(counts[random_next(&random) % 7]);
        struct plan b = plan_new(round % 4 ? a.count : counts[random_next(&random) % 7]);
        plan_spoil(&a, &random, random_next(&random) % 20);
        if (a.count == b.count)
            memcpy(b.version, a.version, a.count);
        plan_spoil(&b, &random, random_next(&random) % (round % 3 ? 4 : 2000));
        struct case_ c = {.shelf = &shelf, .a = build(&shelf, &a), .b = build(&shelf, &b),
                          .base_a = "", .base_b = ""};
        (void)judge(&c);
        struct case_ back = {.shelf = &shelf, .a = c.b, .b = c.a, .base_a = "", .base_b = ""};
        (void)judge(&back);
        free(a.version);
        free(b.version);
        shelf_done(&shelf);
    }
}

static void a_part_is_compared_alone(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (size_t round = 0; round < 20; round++) {
        struct shelf shelf;
        struct random_entry one, two;
        shelf_init(&shelf, ids);
        struct plan a = plan_new(6000), b = plan_new(6000);
        plan_spoil(&a, &random, 30);
        plan_spoil(&b, &random, 30);
        struct case_ c = {.shelf = &shelf, .a = build(&shelf, &a), .b = build(&shelf, &b)};
        random_entry_make(&one, seed, 1000 * (1 + random_next(&random) % 5), 0);
        random_entry_make(&two, seed, 1000 * (1 + random_next(&random) % 5), 0);
        c.base_a = c.base_b = one.en.path;
        (void)judge(&c);
        c.base_b = two.en.path; /* the same names below other directories */
        assert_true(judge(&c) > 0 || strcmp(one.path, two.path) == 0);
        /* One tree, two of its directories: its own nodes are no reason to stop. */
        c.b = c.a;
        assert_true(judge(&c) > 0 || strcmp(one.path, two.path) == 0);
        /* A tree and a directory of it: the same nodes come at other places. */
        c.base_a = "";
        assert_true(judge(&c) > 0);
        free(a.version);
        free(b.version);
        shelf_done(&shelf);
    }
}

static void cost_follows_the_difference(void **state)
{
    (void)state;
    const size_t count = 100000;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct plan plan = plan_new(count);
    struct case_ c = {.shelf = &shelf, .base_a = "", .base_b = ""};
    c.a = build(&shelf, &plan);
    size_t all = shelf.count;
    assert_true(all > 50);
    c.b = c.a;
    assert_int_equal(nodes_read(&c), 0); /* the same tree: not even its root */
    uint64_t random = seed;
    for (size_t round = 0; round < 20; round++) {
        size_t at = random_next(&random) % count, before = shelf.count;
        plan.version[at] = at % 50 ? (uint8_t)(1 + random_next(&random) % 2) : 1;
        c.b = build(&shelf, &plan);
        size_t fresh = shelf.count - before, read = nodes_read(&c);
        plan.version[at] = 0;
        /* The nodes that only one tree has, and as many of the other. */
        if (read > 2 * fresh + 2 || read < 2)
            fail_msg("entry %zu: %zu new nodes of %zu, %zu read", at, fresh, all, read);
    }
    free(plan.version);
    shelf_done(&shelf);
}

static void a_type_that_changed_is_one_difference(void **state)
{
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct case_ c = {.shelf = &shelf, .base_a = "", .base_b = ""};
    for (int side = 0; side < 2; side++) {
        struct tree_builder *b = NULL;
        struct entry en = {.path = "x", .path_len = 1, .type = side ? ENTRY_DIR : ENTRY_FILE,
                           .user = "", .group = ""};
        struct entry below = {.path = "x/y", .path_len = 3, .type = ENTRY_FIFO,
                              .user = "", .group = ""};
        assert_int_equal(tree_builder_new(ids, shelf_put, &shelf, &b, NULL), 0);
        assert_int_equal(tree_builder_add(b, &en, NULL), 0);
        if (side)
            assert_int_equal(tree_builder_add(b, &below, NULL), 0);
        assert_int_equal(tree_builder_finish(b, side ? &c.b : &c.a, NULL), 0);
        tree_builder_free(b);
    }
    assert_int_equal(judge(&c), 2);
    shelf_done(&shelf);
}

static void damage_is_an_error(void **state)
{
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct plan plan = plan_new(3000);
    struct case_ c = {.shelf = &shelf, .base_a = "", .base_b = ""};
    c.a = build(&shelf, &plan);
    plan.version[1234] = 1;
    c.b = build(&shelf, &plan);
    struct shelf_chunk *root = shelf_find(&shelf, c.b.id);
    assert_non_null(root);
    root->len /= 2;
    struct tree_diff *d = open_diff(&c);
    const struct entry *a, *b;
    struct err e = ERR_INIT;
    int rc;
    while ((rc = tree_diff_next(d, &a, &b, &e)) > 0)
        ;
    assert_int_equal(rc, -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    tree_diff_free(d);
    free(plan.version);
    shelf_done(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_differ_as_two_walks_say),
        cmocka_unit_test(a_part_is_compared_alone),
        cmocka_unit_test(cost_follows_the_difference),
        cmocka_unit_test(a_type_that_changed_is_one_difference),
        cmocka_unit_test(damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, shelf_tear_down);
}
