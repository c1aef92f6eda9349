/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes opened as a whole: by number and by path they give what a reader gives, and what disagrees with its parent is
 * refused. */
#include "entries.h"
#include "raw.h"
#include "shelf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEED 11
#define COUNT 30000u

static struct tree_ref build(struct shelf *shelf, size_t count)
{
    struct tree_builder *b = NULL;
    struct tree_ref ref = {0};
    struct random_entry r;
    assert_int_equal(tree_builder_new(ids, shelf_put, shelf, &b, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        random_entry_make(&r, SEED, i, 0);
        assert_int_equal(tree_builder_add(b, &r.en, NULL), 0);
    }
    assert_int_equal(tree_builder_finish(b, &ref, NULL), 0);
    tree_builder_free(b);
    return ref;
}

/* How many entries are below; each is compared, and has the number that its ancestors say. */
static uint64_t walk(struct shelf *shelf, const uint8_t *id, uint8_t level, uint64_t entries, uint64_t before)
{
    const struct shelf_chunk *chunk = shelf_find(shelf, id);
    struct tree_page *p = NULL;
    struct random_entry r;
    struct err e = ERR_INIT;
    if (tree_page_open(chunk->p, chunk->len, level, entries, &p, &e))
        fail_msg("level %u: %s", level, e.msg);
    uint64_t seen = 0;
    for (size_t i = 0; i < p->count; i++) {
        random_entry_make(&r, SEED, (size_t)(before + seen), 0);
        if (level == 0) {
            assert_entries_equal(p->entries[i], &r.en);
            seen++;
            continue;
        }
        const struct tree_page_child *c = &p->children[i];
        assert_int_equal(c->first, seen);
        assert_int_equal(c->len, r.en.path_len);
        assert_memory_equal(c->path, r.path, c->len);
        seen += walk(shelf, c->id, (uint8_t)(level - 1), c->entries, before + seen);
    }
    tree_page_free(p);
    return seen;
}

static void pages_hold_what_the_tree_holds(void **state)
{
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, COUNT);
    assert_true(ref.level >= 1);
    assert_int_equal(walk(&shelf, ref.id, ref.level, ref.entries, 0), COUNT);
    shelf_done(&shelf);
}

static void refused(const struct shelf_chunk *chunk, size_t len, uint8_t level, uint64_t entries)
{
    struct tree_page *p = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(tree_page_open(chunk->p, len, level, entries, &p, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_null(p);
}

static void what_the_parent_did_not_promise_is_refused(void **state)
{
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct tree_ref small = build(&shelf, 20), large = build(&shelf, COUNT);
    const struct shelf_chunk *leaf = shelf_find(&shelf, small.id), *top = shelf_find(&shelf, large.id);
    refused(leaf, leaf->len, 0, 19);
    refused(leaf, leaf->len, 0, 21);
    refused(leaf, leaf->len, 0, 0);
    refused(leaf, leaf->len, 1, 20);
    refused(top, top->len, large.level, large.entries - 1);
    refused(top, top->len, large.level, large.entries + 1);
    refused(top, top->len, (uint8_t)(large.level + 1), large.entries);
    for (size_t len = 0; len < leaf->len; len++)
        refused(leaf, len, 0, 20);
    for (size_t len = 0; len < top->len; len += 7)
        refused(top, len, large.level, large.entries);
    shelf_done(&shelf);
}

/* Paths are front-coded: a hundred kilobytes name gigabytes. */
static void a_small_node_cannot_take_all_memory(void **state)
{
    (void)state;
    enum { LONG = 900000, MANY = 2000 };
    CLEANUP(buf_done) struct buf b = {0};
    struct tree_page *p = NULL;
    struct err e = ERR_INIT;
    static char path[LONG];
    for (size_t i = 0; i < LONG; i++)
        path[i] = i % 200 == 199 ? '/' : 'a';
    buf_put_u8(&b, 1);
    buf_put_u8(&b, 1); /* an inner node */
    buf_put_varint(&b, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t id[SEAL_ID_BYTES] = {0};
        char end[8];
        (void)snprintf(end, sizeof end, "b%05u", i);
        buf_put_varint(&b, i ? LONG - 1 : 0);
        if (i == 0)
            buf_put_varint(&b, LONG - 1 + strlen(end)), buf_put(&b, path, LONG - 1), buf_put(&b, end, strlen(end));
        else
            buf_put_blob(&b, end, strlen(end));
        buf_put(&b, id, sizeof id);
        buf_put_varint(&b, 1);
        buf_put_varint(&b, 0);
    }
    assert_false(b.failed);
    assert_int_equal(tree_page_open(b.data, b.len, 1, MANY, &p, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
}

static void memory_that_fails_is_told(void **state)
{
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, ids);
    struct tree_ref ref = build(&shelf, 100);
    const struct shelf_chunk *leaf = shelf_find(&shelf, ref.id);
    for (uint64_t n = 1;; n++) {
        struct tree_page *p = NULL;
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = tree_page_open(leaf->p, leaf->len, 0, 100, &p, &e);
        bool reached = mem_count() >= n;
        mem_fail_nth(0);
        tree_page_free(p);
        if (!reached)
            break;
        assert_int_equal(rc, -1);
        assert_int_equal(e.cls, ERR_NO_MEMORY);
    }
    shelf_done(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_hold_what_the_tree_holds),
        cmocka_unit_test(what_the_parent_did_not_promise_is_refused),
        cmocka_unit_test(a_small_node_cannot_take_all_memory),
        cmocka_unit_test(memory_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, shelf_set_up, shelf_tear_down);
}
