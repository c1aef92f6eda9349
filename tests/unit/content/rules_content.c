/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of docs/format/tree.md about content, extensions and owners. */
#include "entries.h"
#include "raw.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- content ----------------------------------------------------------------------------- */

static void put_item(struct buf *b, unsigned tag, uint64_t offset, uint64_t len)
{
    static const uint8_t id[SEAL_ID_BYTES] = {7};
    buf_put_varint(b, tag);
    if (tag == 1)
        buf_put_varint(b, len);
    if (tag == 1 || tag == 2)
        buf_put(b, id, sizeof id);
    if (tag == 2)
        buf_put_varint(b, offset);
    if (tag != 1)
        buf_put_varint(b, len);
}

struct raw_item {
    unsigned tag;
    uint64_t offset, len;
};

static void check_items(bool good, uint64_t size, size_t count, const struct raw_item *items)
{
    struct buf tail = {0};
    struct raw r = {
        .suffix = "a", .type = ENTRY_FILE, .flags = CONTENT, .size = size, .tail = &tail};
    buf_put_varint(&tail, count);
    for (size_t i = 0; i < count; i++)
        put_item(&tail, items[i].tag, items[i].offset, items[i].len);
    (good ? accepts : refuses)(r);
    buf_done(&tail);
}
#define ITEMS(good, size, ...)                                                                     \
    check_items(good, size, sizeof((struct raw_item[]){__VA_ARGS__}) / sizeof(struct raw_item),    \
                (struct raw_item[]){__VA_ARGS__})

static void lengths_add_up_to_the_size(void **state)
{
    (void)state;
    ITEMS(true, 30, {0, 0, 10}, {1, 0, 20});
    ITEMS(false, 29, {0, 0, 10}, {1, 0, 20});
    ITEMS(false, 31, {0, 0, 10}, {1, 0, 20});
    ITEMS(true, INT64_MAX, {0, 0, INT64_MAX});
    ITEMS(false, 4, {0, 0, INT64_MAX}, {0, 0, INT64_MAX}, {0, 0, 6}); /* overflows to 4 */
    ITEMS(false, (uint64_t)INT64_MAX + 1, {0, 0, (uint64_t)INT64_MAX + 1});
}

static void items_have_a_length(void **state)
{
    (void)state;
    ITEMS(false, 10, {0, 0, 0}, {0, 0, 10});
    ITEMS(false, 10, {1, 0, 0}, {0, 0, 10});
    ITEMS(false, 10, {2, 0, 0}, {0, 0, 10});
    ITEMS(false, 10, {2, 0, 10}, {3, 0, 0});
    check_items(false, 0, 0, NULL);
}

static void item_tags_are_known(void **state)
{
    (void)state;
    ITEMS(false, 10, {4, 0, 10});
    ITEMS(false, 10, {200, 0, 10});
}

static void next_slices_follow_a_slice(void **state)
{
    (void)state;
    ITEMS(true, 20, {2, 5, 10}, {3, 0, 10});
    ITEMS(true, 31, {2, 5, 10}, {0, 0, 1}, {1, 0, 10}, {3, 0, 10});
    ITEMS(false, 10, {3, 0, 10});
    ITEMS(false, 20, {1, 0, 10}, {3, 0, 10});
}

static void nodes_do_not_continue_slices_of_other_nodes(void **state)
{
    (void)state;
    static const uint8_t owners[] = {1, 0, 0, 0, 0};
    struct entry_decoder *d = NULL;
    struct entry en;
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    for (unsigned tag = 2; tag <= 3; tag++) {
        struct buf b = {0}, tail = {0};
        struct raw r = {
            .suffix = "a", .type = ENTRY_FILE, .flags = CONTENT, .size = 10, .tail = &tail};
        buf_put_varint(&tail, 1);
        put_item(&tail, tag, 0, 10);
        buf_put(&b, owners, sizeof owners);
        put_raw(&b, &r);
        struct cursor c = cursor_of(b.data, b.len);
        assert_int_equal(entry_decoder_begin(d, &c, NULL), 0);
        assert_int_equal(entry_decode(d, &c, &en, NULL), tag == 2 ? 0 : -1);
        buf_done(&b);
        buf_done(&tail);
    }
    entry_decoder_free(d);
}

static void chunks_are_bounded(void **state)
{
    (void)state;
    uint64_t max = SEAL_PLAIN_MAX;
    ITEMS(true, max, {1, 0, max});
    ITEMS(false, max + 1, {1, 0, max + 1});
    ITEMS(true, 1, {2, max - 1, 1});
    ITEMS(false, 1, {2, max, 1});
    ITEMS(false, 2, {2, max - 1, 2});
    ITEMS(false, 2, {2, max - 1, 1}, {3, 0, 1});
    ITEMS(false, 1, {2, UINT64_MAX, 1});
}

static void content_is_there_once(void **state)
{
    (void)state;
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = ENTRY_FILE, .size = 7, .tail = &tail};
    refuses(r); /* neither */
    r.size = 0;
    accepts(r);
    r.size = 7;
    r.flags = CONTENT | LIST; /* both */
    static const uint8_t list[33];
    buf_put(&tail, "\1\0\7", 3);
    buf_put(&tail, list, sizeof list);
    refuses(r);
    buf_done(&tail);
}

static void lists_have_at_most_level_8(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 256; level++) {
        struct buf tail = {0};
        struct raw r = {.suffix = "a", .type = ENTRY_FILE, .flags = LIST, .size = 7, .tail = &tail};
        static const uint8_t id[32] = {1};
        buf_put_u8(&tail, (uint8_t)level);
        buf_put(&tail, id, sizeof id);
        (level <= CONTENT_LEVEL_MAX ? accepts : refuses)(r);
        buf_done(&tail);
    }
}

/* ---- extensions, owners ------------------------------------------------------------------ */

static void extensions_are_skipped(void **state)
{
    (void)state;
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = ENTRY_DIR, .flags = EXTENSIONS, .tail = &tail};
    struct raw second = {.suffix = "b", .type = ENTRY_DIR};
    buf_put_varint(&tail, 2);
    buf_put_varint(&tail, 1000);
    buf_put_blob(&tail, "of a later version", 18);
    buf_put_varint(&tail, 1001);
    buf_put_blob(&tail, "", 0);
    accepts2(&r, &second);
    for (unsigned count = 256; count <= 257; count++) {
        buf_reset(&tail);
        buf_put_varint(&tail, count);
        for (unsigned i = 0; i < count; i++)
            buf_put(&tail, "\2\0", 2);
        (count == 256 ? accepts : refuses)(r);
    }
    buf_done(&tail);
}

/* `count` notes of `len` bytes each, of an entry of that type. */
static void check_note(bool good, uint8_t type, unsigned count, size_t len)
{
    static const uint8_t bytes[ENTRY_NOTE_MAX + 1];
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = type, .flags = EXTENSIONS, .tail = &tail};
    buf_put_varint(&tail, count);
    for (unsigned i = 0; i < count; i++) {
        buf_put_varint(&tail, 1);
        buf_put_blob(&tail, bytes, len);
    }
    (good ? accepts : refuses)(r);
    buf_done(&tail);
}

static void files_have_one_note_of_a_bounded_length(void **state)
{
    (void)state;
    check_note(true, ENTRY_FILE, 1, 1);
    check_note(true, ENTRY_FILE, 1, ENTRY_NOTE_MAX);
    check_note(false, ENTRY_FILE, 1, ENTRY_NOTE_MAX + 1);
    check_note(false, ENTRY_FILE, 1, 0);
    check_note(false, ENTRY_FILE, 2, 1);
    check_note(false, ENTRY_DIR, 1, 1);
}

static void check_owner(bool good, uint64_t uid, uint64_t gid, const char *user, size_t user_len)
{
    struct buf b = {0};
    struct err e = ERR_INIT;
    buf_put_varint(&b, 1);
    buf_put_varint(&b, uid);
    buf_put_varint(&b, gid);
    buf_put_blob(&b, user, user_len);
    buf_put_blob(&b, "", 0);
    assert_int_equal(decode_leaf(&b, 0, &e), good ? 0 : -1);
    assert_true(good || e.cls == ERR_DAMAGED);
    buf_done(&b);
}

static void owners_are_bounded(void **state)
{
    (void)state;
    char name[4097];
    memset(name, 'n', sizeof name);
    check_owner(true, UINT32_MAX, UINT32_MAX, name, 4096);
    check_owner(false, UINT32_MAX, UINT32_MAX, name, 4097);
    check_owner(false, (uint64_t)UINT32_MAX + 1, 0, "", 0);
    check_owner(false, 0, (uint64_t)UINT32_MAX + 1, "", 0);
    check_owner(false, 0, 0, "a\0b", 3);
    struct buf b = {0};
    buf_put_varint(&b, 65537);
    for (unsigned i = 0; i < 65537; i++)
        buf_put_u32(&b, 0); /* uid, gid, two empty names */
    assert_int_equal(decode_leaf(&b, 0, NULL), -1);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_add_up_to_the_size),
        cmocka_unit_test(items_have_a_length),
        cmocka_unit_test(item_tags_are_known),
        cmocka_unit_test(next_slices_follow_a_slice),
        cmocka_unit_test(nodes_do_not_continue_slices_of_other_nodes),
        cmocka_unit_test(chunks_are_bounded),
        cmocka_unit_test(content_is_there_once),
        cmocka_unit_test(lists_have_at_most_level_8),
        cmocka_unit_test(extensions_are_skipped),
        cmocka_unit_test(files_have_one_note_of_a_bounded_length),
        cmocka_unit_test(owners_are_bounded),
    };
    return cmocka_run_group_tests_name("content/rules_content", tests, NULL, NULL);
}
