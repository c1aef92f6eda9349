/* SPDX-License-Identifier: Apache-2.0 */
/* Content lists give back their items, join holes, and share what did not
 * change; hostile ones are refused and always end. */
#include "entries.h"
#include "shelf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEED 13


/* Holes never follow each other, so that what is added is what comes back. */
static struct item item_number(uint64_t seed, size_t number)
{
    struct item it = {.kind = ITEM_CHUNK};
    uint64_t s = seed ^ number * 31;
    it.len = 1 + random_next(&s) % 100000;
    if (number % 7 == 3) {
        it.kind = ITEM_HOLE;
        return it;
    }
    for (size_t i = 0; i < 4; i++)
        put_u64(it.id + 8 * i, random_next(&s));
    if (random_next(&s) % 4 == 0) {
        it.kind = ITEM_SLICE;
        it.offset = (uint32_t)(random_next(&s) % 1000);
    }
    return it;
}

static void build(struct list_builder *b, uint64_t seed, size_t count, size_t changed,
                  struct entry *en)
{
    struct err e = ERR_INIT;
    for (size_t i = 0; i < count; i++) {
        struct item it = item_number(i == changed ? seed + 1 : seed, i);
        if (list_builder_add(b, &it, &e))
            fail_msg("item %zu: %s", i, e.msg);
    }
    *en = (struct entry){.type = ENTRY_FILE};
    if (list_builder_finish(b, en, &e))
        fail_msg("%s", e.msg);
}
#define NONE SIZE_MAX

static void read_all(struct list_reader *r, const struct entry *en, uint64_t seed, size_t count)
{
    struct err e = ERR_INIT;
    struct item it;
    uint64_t size = 0;
    if (list_reader_begin(r, en, &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < count; i++) {
        struct item expected = item_number(seed, i);
        if (list_reader_next(r, &it, &e) != 1)
            fail_msg("item %zu of %zu: %s", i, count, e.msg);
        assert_int_equal(it.kind, expected.kind);
        assert_int_equal(it.len, expected.len);
        assert_int_equal(it.offset, expected.offset);
        assert_memory_equal(it.id, expected.id, sizeof it.id);
        size += it.len;
    }
    assert_int_equal(list_reader_next(r, &it, &e), 0);
    assert_int_equal(size, en->size);
}

static void lists_of_all_lengths_come_back(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 31, 32, 33, 34, 127, 128, 129, 1000, 4096, 5000, 100000};
    struct shelf shelf;
    struct list_builder *b = NULL;
    struct list_reader *r = NULL;
    shelf_init(&shelf, ids);
    assert_int_equal(list_builder_new(ids, shelf_put, &shelf, &b, NULL), 0);
    assert_int_equal(list_reader_new(shelf_get, &shelf, &r, NULL), 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct entry en;
        build(b, SEED + i, counts[i], NONE, &en);
        assert_int_equal(en.has_list, counts[i] > CONTENT_INLINE_ITEMS);
        assert_int_equal(en.item_count, en.has_list ? 0 : counts[i]);
        read_all(r, &en, SEED + i, counts[i]);
        read_all(r, &en, SEED + i, counts[i]); /* a reader can begin again */
    }
    list_builder_free(b);
    list_reader_free(r);
    shelf_done(&shelf);
}

static void adjacent_holes_are_joined(void **state)
{
    (void)state;
    struct list_builder *b = NULL;
    struct entry en = {0};
    struct item hole = {.kind = ITEM_HOLE, .len = 10}, chunk = {.kind = ITEM_CHUNK, .len = 5};
    assert_int_equal(list_builder_new(ids, shelf_put, NULL, &b, NULL), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(list_builder_add(b, &hole, NULL), 0);
    assert_int_equal(list_builder_add(b, &chunk, NULL), 0);
    assert_int_equal(list_builder_add(b, &hole, NULL), 0);
    assert_int_equal(list_builder_add(b, &hole, NULL), 0);
    assert_int_equal(list_builder_finish(b, &en, NULL), 0);
    assert_int_equal(en.size, 10025);
    assert_int_equal(en.item_count, 3);
    assert_int_equal(en.items[0].len, 10000);
    assert_int_equal(en.items[1].len, 5);
    assert_int_equal(en.items[2].kind, ITEM_HOLE);
    assert_int_equal(en.items[2].len, 20);
    list_builder_free(b);
}

static void one_changed_item_makes_few_new_nodes(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct shelf before;
    struct list_builder *b = NULL;
    struct entry en;
    shelf_init(&before, ids);
    assert_int_equal(list_builder_new(ids, shelf_put, &before, &b, NULL), 0);
    build(b, SEED, COUNT, NONE, &en);
    list_builder_free(b);
    assert_true(before.count > 50);
    static const size_t places[] = {0, 50000, COUNT - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct shelf after;
        struct entry changed;
        shelf_init(&after, ids);
        assert_int_equal(list_builder_new(ids, shelf_put, &after, &b, NULL), 0);
        build(b, SEED, COUNT, places[i], &changed);
        list_builder_free(b);
        assert_memory_not_equal(en.list_id, changed.list_id, sizeof en.list_id);
        size_t missing = shelf_missing(&after, &before);
        if (missing > en.list_level + 4u)
            fail_msg("item %zu changed: %zu of %zu nodes are new", places[i], missing, after.count);
        shelf_done(&after);
    }
    shelf_done(&before);
}

static void runs_of_equal_chunks_do_not_degenerate(void **state)
{
    (void)state;
    struct shelf shelf;
    struct list_builder *b = NULL;
    struct list_reader *r = NULL;
    struct entry en = {0};
    struct item it = {.kind = ITEM_CHUNK, .len = 4096}; /* an id of zeros: cuts where it may */
    shelf_init(&shelf, ids);
    assert_int_equal(list_builder_new(ids, shelf_put, &shelf, &b, NULL), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(list_builder_add(b, &it, NULL), 0);
    assert_int_equal(list_builder_finish(b, &en, NULL), 0);
    assert_true(shelf.puts < 100000 / 64);
    assert_true(shelf.count < 20);
    assert_int_equal(list_reader_new(shelf_get, &shelf, &r, NULL), 0);
    assert_int_equal(list_reader_begin(r, &en, NULL), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(list_reader_next(r, &it, NULL), 1);
    assert_int_equal(list_reader_next(r, &it, NULL), 0);
    list_builder_free(b);
    list_reader_free(r);
    shelf_done(&shelf);
}

/* A node never begins in the middle of a run of slices. */
static void runs_of_slices_may_cross_nodes(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct shelf shelf;
    struct list_builder *b = NULL;
    struct list_reader *r = NULL;
    struct entry en = {0};
    struct item it; /* an id of zeros: cuts where it may */
    shelf_init(&shelf, ids);
    assert_int_equal(list_builder_new(ids, shelf_put, &shelf, &b, NULL), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        it = (struct item){.kind = ITEM_SLICE, .len = 10, .offset = 10 * i};
        assert_int_equal(list_builder_add(b, &it, NULL), 0);
    }
    assert_int_equal(list_builder_finish(b, &en, NULL), 0);
    assert_true(shelf.count > 5);
    assert_int_equal(list_reader_new(shelf_get, &shelf, &r, NULL), 0);
    assert_int_equal(list_reader_begin(r, &en, NULL), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(list_reader_next(r, &it, NULL), 1);
        assert_int_equal(it.offset, 10 * i);
    }
    assert_int_equal(list_reader_next(r, &it, NULL), 0);
    list_builder_free(b);
    list_reader_free(r);
    shelf_done(&shelf);
}

/* Seeks, reads some items behind it, and compares with what reading everything gave. */
static void seek_and_compare(struct list_reader *r, const struct entry *en, uint64_t off,
                             const uint64_t *ends, uint64_t seed, size_t count)
{
    struct err e = ERR_INIT;
    struct item it;
    uint64_t start = UINT64_MAX, end = 0, at;
    size_t i = 0;
    if (list_reader_seek(r, off, &start, &end, &e))
        fail_msg("byte %llu: %s", (unsigned long long)off, e.msg);
    assert_true(start <= off && off < end && end <= en->size);
    while (i < count && (i ? ends[i - 1] : 0) != start)
        i++;
    assert_true(i < count); /* an item begins there */
    for (at = start; i < count && at < end + 300000; i++) {
        struct item expected = item_number(seed, i);
        assert_int_equal(list_reader_next(r, &it, &e), 1);
        assert_int_equal(it.len, expected.len);
        assert_memory_equal(it.id, expected.id, sizeof it.id);
        at += it.len;
        if (at > end)
            assert_true(at - it.len >= end); /* no item lies across */
    }
    if (i == count)
        assert_int_equal(list_reader_next(r, &it, &e), 0);
}

static void any_byte_is_found_without_what_lies_before(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 32, 33, 129, 5000, 100000};
    struct shelf shelf;
    struct list_builder *b = NULL;
    struct list_reader *r = NULL;
    uint64_t random = SEED, start, end;
    shelf_init(&shelf, ids);
    assert_int_equal(list_builder_new(ids, shelf_put, &shelf, &b, NULL), 0);
    assert_int_equal(list_reader_new(shelf_get, &shelf, &r, NULL), 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct entry en;
        struct err e = ERR_INIT;
        size_t count = counts[i];
        uint64_t *ends = mem_array(count, sizeof *ends);
        assert_non_null(ends);
        build(b, SEED + i, count, NONE, &en);
        for (size_t k = 0; k < count; k++)
            ends[k] = (k ? ends[k - 1] : 0) + item_number(SEED + i, k).len;
        assert_int_equal(list_reader_begin(r, &en, NULL), 0);
        seek_and_compare(r, &en, 0, ends, SEED + i, count);
        seek_and_compare(r, &en, en.size - 1, ends, SEED + i, count);
        for (int n = 0; n < 200; n++) {
            size_t fetches = shelf.fetches;
            uint64_t off = random_next(&random) % en.size;
            assert_int_equal(list_reader_seek(r, off, &start, &end, NULL), 0);
            assert_int_equal(shelf.fetches - fetches, en.has_list ? en.list_level + 1u : 0);
            seek_and_compare(r, &en, off, ends, SEED + i, count);
            if (end < en.size)
                seek_and_compare(r, &en, end, ends, SEED + i, count);
            if (start)
                seek_and_compare(r, &en, start - 1, ends, SEED + i, count);
        }
        assert_int_equal(list_reader_seek(r, en.size, &start, &end, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        read_all(r, &en, SEED + i, count); /* and from the beginning again */
        mem_free(ends);
    }
    list_builder_free(b);
    list_reader_free(r);
    shelf_done(&shelf);
}

/* Entries may come from elsewhere than a decoder. */
static void inline_items_add_up_to_the_size(void **state)
{
    (void)state;
    struct list_reader *r = NULL;
    struct item it, items[] = {{.kind = ITEM_HOLE, .len = 10}};
    assert_int_equal(list_reader_new(shelf_get, NULL, &r, NULL), 0);
    for (uint64_t size = 9; size <= 11; size++) {
        struct err e = ERR_INIT;
        struct entry en = {.type = ENTRY_FILE, .size = size, .items = items, .item_count = 1};
        assert_int_equal(list_reader_begin(r, &en, &e), 0);
        assert_int_equal(list_reader_next(r, &it, &e), 1);
        assert_int_equal(list_reader_next(r, &it, &e), size == 10 ? 0 : -1);
        assert_true(size == 10 || e.cls == ERR_DAMAGED);
    }
    list_reader_free(r);
}

/* ---- hostile lists ------------------------------------------------------------ */

/* Puts a node of raw elements under the name `id`. */
static void put_node(struct shelf *s, uint8_t id, unsigned level, uint64_t count,
                     const struct buf *elements)
{
    struct buf b = {0};
    uint8_t name[SEAL_ID_BYTES] = {id};
    buf_put_u8(&b, 1);
    buf_put_u8(&b, (uint8_t)(0x40 + level));
    buf_put_varint(&b, count);
    buf_put(&b, elements->data, elements->len);
    assert_int_equal(shelf_put(s, name, b.data, b.len, NULL), 0);
    buf_done(&b);
}

static void add_child(struct buf *b, uint64_t len, uint8_t id)
{
    uint8_t name[SEAL_ID_BYTES] = {id};
    buf_put_varint(b, len);
    buf_put(b, name, sizeof name);
}

static void add_hole(struct buf *b, uint64_t len)
{
    buf_put_varint(b, 0);
    buf_put_varint(b, len);
}

/* Reads the list `id` to its end. */
static int read_list(struct shelf *s, uint8_t id, unsigned level, uint64_t size, struct err *e)
{
    struct list_reader *r = NULL;
    struct entry en = {.type = ENTRY_FILE,
                       .size = size,
                       .has_list = true,
                       .list_level = (uint8_t)level,
                       .list_id = {id}};
    struct item it;
    assert_int_equal(list_reader_new(shelf_get, s, &r, NULL), 0);
    int rc = list_reader_begin(r, &en, e), items = 0;
    if (rc == 0)
        while ((rc = list_reader_next(r, &it, e)) > 0)
            assert_true(++items < 100000);
    list_reader_free(r);
    return rc;
}

/* Goes to every byte of the list `id`; how often that, or an item behind it, was refused. */
static unsigned seek_everywhere(struct shelf *s, uint8_t id, unsigned level, uint64_t size)
{
    struct list_reader *r = NULL;
    struct entry en = {.type = ENTRY_FILE, .size = size, .has_list = true,
                       .list_level = (uint8_t)level, .list_id = {id}};
    uint64_t start, end;
    unsigned bad = 0;
    assert_int_equal(list_reader_new(shelf_get, s, &r, NULL), 0);
    int begun = list_reader_begin(r, &en, NULL);
    for (uint64_t off = 0; off < size && begun == 0; off++) {
        struct item it;
        struct err e = ERR_INIT;
        int rc = list_reader_seek(r, off, &start, &end, &e);
        if (rc == 0) {
            assert_true(start <= off && off < end && end <= size);
            while ((rc = list_reader_next(r, &it, &e)) > 0)
                ;
        }
        assert_true(rc == 0 || e.cls == ERR_DAMAGED || e.cls == ERR_NOT_FOUND);
        bad += rc != 0;
    }
    list_reader_free(r);
    return begun ? (unsigned)size : bad;
}

static void refused(struct shelf *s, uint8_t id, unsigned level, uint64_t size)
{
    struct err e = ERR_INIT;
    assert_int_equal(read_list(s, id, level, size, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_true(s->fetches < 1000);
    s->fetches = 0;
}

static void hostile_lists_are_refused(void **state)
{
    (void)state;
    struct shelf s;
    struct buf b = {0};
    shelf_init(&s, NULL);
    add_hole(&b, 10);
    put_node(&s, 1, 0, 1, &b); /* the good leaf */
    put_node(&s, 2, 0, 2, &b); /* says two, has one */
    put_node(&s, 3, 0, UINT64_MAX, &b);
    add_hole(&b, 20);
    put_node(&s, 4, 0, 1, &b); /* says one, has two */
    put_node(&s, 5, 0, 2, &b); /* good: 30 bytes */
    buf_reset(&b);
    put_node(&s, 6, 0, 0, &b); /* empty */
    put_node(&s, 7, 1, 0, &b);
    add_child(&b, 10, 1);
    put_node(&s, 10, 1, 1, &b); /* good */
    put_node(&s, 11, 2, 1, &b); /* the child is two levels down */
    put_node(&s, 12, 1, 2, &b);
    add_child(&b, 30, 5);
    put_node(&s, 13, 1, 2, &b); /* good: 40 bytes */
    buf_reset(&b);
    add_child(&b, 11, 1);
    put_node(&s, 14, 1, 1, &b); /* promises more than there is */
    add_child(&b, 29, 5);
    put_node(&s, 15, 1, 2, &b); /* the same in sum, but not each */
    buf_reset(&b);
    add_child(&b, 0, 1);
    put_node(&s, 16, 1, 1, &b);
    buf_reset(&b);
    add_child(&b, 10, 17);
    put_node(&s, 17, 1, 1, &b); /* itself */
    buf_reset(&b);
    add_child(&b, 10, 99);
    put_node(&s, 18, 1, 1, &b); /* not there */

    buf_reset(&b); /* two leaves, the second continues a slice of the first */
    static const uint8_t slice[SEAL_ID_BYTES] = {7};
    buf_put_varint(&b, 2);
    buf_put(&b, slice, sizeof slice);
    buf_put(&b, "\x00\x0a", 2);
    put_node(&s, 20, 0, 1, &b);
    buf_reset(&b);
    buf_put(&b, "\x03\x0a", 2);
    put_node(&s, 21, 0, 1, &b);
    buf_reset(&b);
    add_child(&b, 10, 20);
    put_node(&s, 22, 1, 1, &b); /* good */
    add_child(&b, 10, 21);
    put_node(&s, 23, 1, 2, &b);

    struct err e = ERR_INIT;
    assert_int_equal(read_list(&s, 22, 1, 10, &e), 0);
    refused(&s, 23, 1, 20);
    assert_int_equal(read_list(&s, 1, 0, 10, &e), 0);
    assert_int_equal(read_list(&s, 5, 0, 30, &e), 0);
    assert_int_equal(read_list(&s, 10, 1, 10, &e), 0);
    assert_int_equal(read_list(&s, 13, 1, 40, &e), 0);
    refused(&s, 1, 0, 9);
    refused(&s, 1, 0, 11);
    refused(&s, 1, 0, 0);
    refused(&s, 1, 1, 10);
    refused(&s, 10, 0, 10);
    refused(&s, 2, 0, 10);
    refused(&s, 3, 0, 10);
    refused(&s, 4, 0, 10);
    refused(&s, 4, 0, 30);
    refused(&s, 6, 0, 0);
    refused(&s, 6, 0, 1);
    refused(&s, 7, 1, 10);
    refused(&s, 11, 2, 10);
    refused(&s, 12, 1, 10);
    refused(&s, 14, 1, 11);
    refused(&s, 14, 1, 10);
    refused(&s, 15, 1, 40);
    refused(&s, 16, 1, 10);
    refused(&s, 17, 1, 10);
    assert_int_equal(seek_everywhere(&s, 13, 1, 40), 0);
    assert_int_equal(seek_everywhere(&s, 5, 0, 30), 0);
    assert_int_equal(seek_everywhere(&s, 13, 1, 41), 41);
    assert_int_equal(seek_everywhere(&s, 13, 1, 39), 39);
    assert_int_equal(seek_everywhere(&s, 14, 1, 11), 11);
    assert_int_equal(seek_everywhere(&s, 16, 1, 10), 10);
    assert_int_equal(seek_everywhere(&s, 17, 1, 10), 10);
    assert_int_equal(seek_everywhere(&s, 18, 1, 10), 10);
    assert_int_equal(seek_everywhere(&s, 12, 1, 10), 10);
    assert_true(seek_everywhere(&s, 15, 1, 40) > 0); /* behind the lie all may be well */
    assert_int_equal(read_list(&s, 18, 1, 10, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    buf_done(&b);
    shelf_done(&s);
}

/* Eight levels of 1,000 times the same child would be 10^24 visits. */
static void empty_leaves_below_many_levels_end(void **state)
{
    (void)state;
    struct shelf s;
    struct buf b = {0};
    shelf_init(&s, NULL);
    put_node(&s, 100, 0, 0, &b);
    for (unsigned level = 1; level <= CONTENT_LEVEL_MAX; level++) {
        buf_reset(&b);
        for (int i = 0; i < 1000; i++)
            add_child(&b, 1, (uint8_t)(100 + level - 1));
        put_node(&s, (uint8_t)(100 + level), level, 1000, &b);
    }
    refused(&s, 100 + CONTENT_LEVEL_MAX, CONTENT_LEVEL_MAX, INT64_MAX);
    buf_done(&b);
    shelf_done(&s);
}

static void other_kinds_and_versions_are_refused(void **state)
{
    (void)state;
    static const uint8_t nodes[][8] = {{0, 0x40, 1, 0, 10}, {2, 0x40, 1, 0, 10},
                                       {1, 0x00, 1, 0, 10}, {1, 0x41, 1, 0, 10},
                                       {1, 0x80, 1, 0, 10}, {1}};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct shelf s;
        struct err e = ERR_INIT;
        uint8_t name[SEAL_ID_BYTES] = {1};
        shelf_init(&s, NULL);
        assert_int_equal(shelf_put(&s, name, nodes[i], i == 5 ? 1 : 5, NULL), 0);
        assert_int_equal(read_list(&s, 1, 0, 10, &e), -1);
        assert_int_equal(e.cls, nodes[i][0] == 2 ? ERR_NEWER : ERR_DAMAGED);
        shelf_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_all_lengths_come_back),
        cmocka_unit_test(adjacent_holes_are_joined),
        cmocka_unit_test(one_changed_item_makes_few_new_nodes),
        cmocka_unit_test(runs_of_equal_chunks_do_not_degenerate),
        cmocka_unit_test(runs_of_slices_may_cross_nodes),
        cmocka_unit_test(any_byte_is_found_without_what_lies_before),
        cmocka_unit_test(inline_items_add_up_to_the_size),
        cmocka_unit_test(hostile_lists_are_refused),
        cmocka_unit_test(empty_leaves_below_many_levels_end),
        cmocka_unit_test(other_kinds_and_versions_are_refused),
    };
    return cmocka_run_group_tests_name("content/list", tests, shelf_set_up, shelf_tear_down);
}
