/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of docs/format/tree.md about an entry: what obeys it is read, what
 * breaks it is refused. Entries are built by hand, for the encoder cannot. */
#include "entries.h"

#include "base/mem.h"
#include "content/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct raw { /* one entry before its optional fields, and those as bytes */
    uint64_t shared;
    const char *suffix;
    size_t suffix_len; /* 0: strlen */
    uint8_t type;
    uint64_t flags, mode, owner, nanoseconds, size;
    const struct buf *tail;
};
#define FILE_A                                                                                     \
    {                                                                                              \
        .suffix = "a", .type = ENTRY_FILE                                                          \
    }

enum {
    LINK = 1,
    DEVICE = 2,
    TARGET = 4,
    ATTRS = 8,
    XATTRS = 16,
    CONTENT = 32,
    LIST = 64,
    EXTENSIONS = 128,
    PARTIAL = 256
};

static void put_raw(struct buf *b, const struct raw *r)
{
    size_t len = r->suffix_len ? r->suffix_len : strlen(r->suffix);
    buf_put_varint(b, r->shared);
    buf_put_blob(b, r->suffix, len);
    buf_put_u8(b, r->type);
    buf_put_varint(b, r->flags);
    buf_put_varint(b, r->mode);
    buf_put_varint(b, r->owner);
    buf_put_zigzag(b, -5);
    buf_put_varint(b, r->nanoseconds);
    if (r->type == ENTRY_FILE)
        buf_put_varint(b, r->size);
    if (r->tail)
        buf_put(b, r->tail->data, r->tail->len);
}

static int decode(const struct buf *b, size_t count, struct err *e)
{
    struct entry_decoder *d = NULL;
    struct entry en;
    uint8_t *copy = mem_dup(b->data, b->len);
    struct cursor c = cursor_of(copy, b->len);
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    int rc = entry_decoder_begin(d, &c, e);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = entry_decode(d, &c, &en, e);
    if (rc == 0)
        rc = cursor_check(&c, true, "leaf", e);
    entry_decoder_free(d);
    mem_free(copy);
    return rc;
}

/* A leaf with one owner and these entries (the second may be NULL). */
static int decode_raw(const struct raw *first, const struct raw *second, struct err *e)
{
    struct buf b = {0};
    static const uint8_t owners[] = {1, 0, 0, 0, 0};
    buf_put(&b, owners, sizeof owners);
    put_raw(&b, first);
    if (second)
        put_raw(&b, second);
    int rc = decode(&b, second ? 2 : 1, e);
    buf_done(&b);
    return rc;
}

static void accepts2(const struct raw *first, const struct raw *second)
{
    struct err e = ERR_INIT;
    if (decode_raw(first, second, &e))
        fail_msg("'%s' refused: %s", first->suffix, e.msg);
}

static void refuses2(const struct raw *first, const struct raw *second)
{
    struct err e = ERR_INIT;
    assert_int_equal(decode_raw(first, second, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_true(strlen(e.msg) > 0);
}

static void accepts(struct raw r)
{
    accepts2(&r, NULL);
}

static void refuses(struct raw r)
{
    refuses2(&r, NULL);
}

/* ---- paths -------------------------------------------------------------------- */

static void components_are_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "a/b", "...", ".a", "a\n", "\xff", "a/..b"};
    static const char *const bad[] = {".",   "..",   "/",   "/a",   "a/",     "a//b",
                                      "./a", "../a", "a/.", "a/..", "a/../b", "a/./b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accepts((struct raw){.suffix = good[i], .type = ENTRY_FILE});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses((struct raw){.suffix = bad[i], .type = ENTRY_FILE});
    refuses((struct raw){.suffix = "a\0b", .suffix_len = 3, .type = ENTRY_FILE});
    refuses((struct raw){.suffix = "", .type = ENTRY_FILE});
}

static void components_have_at_most_255_bytes(void **state)
{
    (void)state;
    char name[257];
    memset(name, 'x', 256);
    name[256] = '\0';
    refuses((struct raw){.suffix = name, .type = ENTRY_FILE});
    accepts((struct raw){.suffix = name, .suffix_len = 255, .type = ENTRY_FILE});
}

static void paths_have_at_most_a_mebibyte(void **state)
{
    (void)state;
    char *path = mem_alloc(ENTRY_PATH_MAX + 2);
    memset(path, 'x', ENTRY_PATH_MAX + 1);
    for (size_t i = 1; i < ENTRY_PATH_MAX - 2; i += 2)
        path[i] = '/';
    path[ENTRY_PATH_MAX + 1] = '\0';
    accepts((struct raw){.suffix = path, .suffix_len = ENTRY_PATH_MAX, .type = ENTRY_FILE});
    refuses((struct raw){.suffix = path, .suffix_len = ENTRY_PATH_MAX + 1, .type = ENTRY_FILE});
    struct raw first = {.suffix = path, .suffix_len = ENTRY_PATH_MAX, .type = ENTRY_FILE};
    struct raw second = {.shared = ENTRY_PATH_MAX, .suffix = "y", .type = ENTRY_FILE};
    refuses2(&first, &second);
    second.shared = ENTRY_PATH_MAX - 1;
    accepts2(&first, &second);
    mem_free(path);
}

static void nothing_is_shared_before_the_first_path(void **state)
{
    (void)state;
    refuses((struct raw){.shared = 1, .suffix = "a", .type = ENTRY_FILE});
    struct raw first = FILE_A;
    struct raw second = {.shared = 1, .suffix = "b", .type = ENTRY_FILE};
    accepts2(&first, &second);
    second.shared = 2;
    refuses2(&first, &second);
    second.shared = UINT64_MAX;
    refuses2(&first, &second);
}

static void paths_ascend(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool good;
    } cases[] = {
        {"a", "b", true},      {"a", "a", false},       {"b", "a", false},      {"a", "a/b", true},
        {"a/b", "a", false},   {"a/b", "a-", true},     {"a-", "a/b", false},   {"ab", "a", false},
        {"a/b", "a/b", false}, {"a\x01", "a/b", false}, {"\x7f", "\x80", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw first = {.suffix = cases[i].first, .type = ENTRY_FILE};
        struct raw second = {.suffix = cases[i].second, .type = ENTRY_FILE};
        (cases[i].good ? accepts2 : refuses2)(&first, &second);
    }
    /* The same path again by front coding alone. */
    struct raw first = FILE_A;
    struct raw second = {.shared = 1, .suffix = "", .type = ENTRY_FILE};
    refuses2(&first, &second);
}

/* ---- fixed fields ---------------------------------------------------------------- */

static void types_are_known(void **state)
{
    (void)state;
    accepts((struct raw){.suffix = "a", .type = ENTRY_DIR});
    refuses((struct raw){.suffix = "a", .type = 0});
    refuses((struct raw){.suffix = "a", .type = 8});
    refuses((struct raw){.suffix = "a", .type = 255});
}

static void flags_are_known_or_of_a_newer_abri(void **state)
{
    (void)state;
    for (unsigned bit = 9; bit < 64; bit++) {
        struct raw r = {.suffix = "a", .type = ENTRY_FILE, .flags = UINT64_C(1) << bit};
        struct err e = ERR_INIT;
        assert_int_equal(decode_raw(&r, NULL, &e), -1);
        assert_int_equal(e.cls, ERR_NEWER);
    }
}

static void modes_have_twelve_bits(void **state)
{
    (void)state;
    accepts((struct raw){.suffix = "a", .type = ENTRY_FILE, .mode = 07777});
    refuses((struct raw){.suffix = "a", .type = ENTRY_FILE, .mode = 010000});
}

static void owners_are_in_the_table(void **state)
{
    (void)state;
    refuses((struct raw){.suffix = "a", .type = ENTRY_FILE, .owner = 1});
    refuses((struct raw){.suffix = "a", .type = ENTRY_FILE, .owner = UINT64_MAX});
}

static void nanoseconds_are_less_than_a_second(void **state)
{
    (void)state;
    accepts((struct raw){.suffix = "a", .type = ENTRY_FILE, .nanoseconds = 999999999});
    refuses((struct raw){.suffix = "a", .type = ENTRY_FILE, .nanoseconds = 1000000000});
}

static void numbers_are_in_their_shortest_form(void **state)
{
    (void)state;
    struct buf b = {0};
    static const uint8_t good[] = {1, 0, 0, 0, 0, /* owners */ 0, 1, 'a', 1, 0, 0, 0, 0, 0, 0};
    static const uint8_t longer[] = {1, 0, 0, 0, 0, 0, 1, 'a', 1, 0, 0x80, 0, 0, 0, 0, 0};
    buf_put(&b, good, sizeof good);
    assert_int_equal(decode(&b, 1, NULL), 0);
    buf_reset(&b);
    buf_put(&b, longer, sizeof longer);
    assert_int_equal(decode(&b, 1, NULL), -1);
    buf_done(&b);
}

/* ---- fields that belong to types ---------------------------------------------------- */

static void optional_fields_fit_the_type(void **state)
{
    (void)state;
    for (uint8_t type = ENTRY_FILE; type <= ENTRY_BLOCK; type++)
        for (unsigned flags = 0; flags < 512; flags++) {
            if (flags & (ATTRS | XATTRS | EXTENSIONS))
                continue;
            struct buf tail = {0};
            bool file = type == ENTRY_FILE, device = type >= ENTRY_CHAR;
            bool content = flags & CONTENT, list = flags & LIST;
            if (flags & LINK)
                buf_put_u64(&tail, 1);
            if (flags & DEVICE)
                buf_put(&tail, "\1\2", 2);
            if (flags & TARGET)
                buf_put(&tail, "\1t", 2);
            if (content)
                buf_put(&tail, "\1\0\7", 3); /* a hole of 7 */
            static const uint8_t zeros[33];
            if (list)
                buf_put(&tail, zeros, sizeof zeros);
            bool good = !!(flags & DEVICE) == device &&
                        !!(flags & TARGET) == (type == ENTRY_SYMLINK) &&
                        !(flags & LINK && type == ENTRY_DIR) &&
                        (file ? content != list : !(flags & (CONTENT | LIST | PARTIAL)));
            struct raw r = {.suffix = "a", .type = type, .flags = flags, .size = 7, .tail = &tail};
            (good ? accepts : refuses)(r);
            buf_done(&tail);
        }
}

static void devices_have_32_bits(void **state)
{
    (void)state;
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = ENTRY_CHAR, .flags = DEVICE, .tail = &tail};
    buf_put_varint(&tail, UINT32_MAX);
    buf_put_varint(&tail, UINT32_MAX);
    accepts(r);
    buf_reset(&tail);
    buf_put_varint(&tail, (uint64_t)UINT32_MAX + 1);
    buf_put_varint(&tail, 0);
    refuses(r);
    buf_done(&tail);
}

static void targets_are_bounded_and_without_nul(void **state)
{
    (void)state;
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = ENTRY_SYMLINK, .flags = TARGET, .tail = &tail};
    char *target = mem_alloc(ENTRY_TARGET_MAX + 1);
    memset(target, 't', ENTRY_TARGET_MAX + 1);
    buf_put_blob(&tail, target, ENTRY_TARGET_MAX);
    accepts(r);
    buf_reset(&tail);
    buf_put_blob(&tail, target, ENTRY_TARGET_MAX + 1);
    refuses(r);
    buf_reset(&tail);
    buf_put_blob(&tail, "a\0b", 3);
    refuses(r);
    buf_reset(&tail);
    buf_put_blob(&tail, "", 0);
    refuses(r);
    buf_done(&tail);
    mem_free(target);
}

static void attributes_have_32_bits(void **state)
{
    (void)state;
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = ENTRY_FILE, .flags = ATTRS, .tail = &tail};
    buf_put_varint(&tail, UINT32_MAX);
    accepts(r);
    buf_reset(&tail);
    buf_put_varint(&tail, (uint64_t)UINT32_MAX + 1);
    refuses(r);
    buf_done(&tail);
}

/* ---- xattrs ------------------------------------------------------------------------------ */

static void put_xattr(struct buf *b, const char *name, size_t value_len)
{
    static const uint8_t value[ENTRY_XATTR_VALUE_MAX + 1];
    buf_put_blob(b, name, strlen(name));
    buf_put_blob(b, value, value_len);
}

static void xattrs_ascend_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool good;
    } cases[] = {{"a", "b", true},  {"a", "ab", true}, {"\x7f", "\x80", true}, {"b", "a", false},
                 {"a", "a", false}, {"", "a", false},  {"ab", "a", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf tail = {0};
        struct raw r = {.suffix = "a", .type = ENTRY_DIR, .flags = XATTRS, .tail = &tail};
        buf_put_varint(&tail, 2);
        put_xattr(&tail, cases[i].first, 3);
        put_xattr(&tail, cases[i].second, 0);
        (cases[i].good ? accepts : refuses)(r);
        buf_done(&tail);
    }
}

static void xattrs_are_bounded(void **state)
{
    (void)state;
    struct buf tail = {0};
    struct raw r = {.suffix = "a", .type = ENTRY_DIR, .flags = XATTRS, .tail = &tail};
    buf_put_varint(&tail, 0); /* none is said by the flag */
    refuses(r);
    buf_reset(&tail);
    buf_put_varint(&tail, 1);
    put_xattr(&tail, "user.a", ENTRY_XATTR_VALUE_MAX);
    accepts(r);
    buf_reset(&tail);
    buf_put_varint(&tail, 1);
    put_xattr(&tail, "user.a", ENTRY_XATTR_VALUE_MAX + 1);
    refuses(r);
    buf_reset(&tail);
    buf_put_varint(&tail, 1);
    buf_put_blob(&tail, "a\0b", 3);
    buf_put_blob(&tail, "", 0);
    refuses(r);
    buf_reset(&tail);
    buf_put_varint(&tail, ENTRY_XATTRS_MAX + 1);
    for (unsigned i = 0; i <= ENTRY_XATTRS_MAX; i++) {
        char name[5] = {'a', (char)('a' + i / 256), (char)('a' + i / 16 % 16),
                        (char)('a' + i % 16)};
        put_xattr(&tail, name, 0);
    }
    refuses(r);
    tail.data[0] = 0x80; /* 4096: one is left over, but that is another rule */
    struct err e = ERR_INIT;
    assert_int_equal(decode_raw(&r, NULL, &e), -1);
    assert_non_null(strstr(e.msg, "left over"));
    buf_done(&tail);
}

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
            buf_put(&tail, "\1\0", 2);
        (count == 256 ? accepts : refuses)(r);
    }
    buf_done(&tail);
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
    assert_int_equal(decode(&b, 0, &e), good ? 0 : -1);
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
    assert_int_equal(decode(&b, 0, NULL), -1);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_names),
        cmocka_unit_test(components_have_at_most_255_bytes),
        cmocka_unit_test(paths_have_at_most_a_mebibyte),
        cmocka_unit_test(nothing_is_shared_before_the_first_path),
        cmocka_unit_test(paths_ascend),
        cmocka_unit_test(types_are_known),
        cmocka_unit_test(flags_are_known_or_of_a_newer_abri),
        cmocka_unit_test(modes_have_twelve_bits),
        cmocka_unit_test(owners_are_in_the_table),
        cmocka_unit_test(nanoseconds_are_less_than_a_second),
        cmocka_unit_test(numbers_are_in_their_shortest_form),
        cmocka_unit_test(optional_fields_fit_the_type),
        cmocka_unit_test(devices_have_32_bits),
        cmocka_unit_test(targets_are_bounded_and_without_nul),
        cmocka_unit_test(attributes_have_32_bits),
        cmocka_unit_test(xattrs_ascend_by_name),
        cmocka_unit_test(xattrs_are_bounded),
        cmocka_unit_test(lengths_add_up_to_the_size),
        cmocka_unit_test(items_have_a_length),
        cmocka_unit_test(item_tags_are_known),
        cmocka_unit_test(next_slices_follow_a_slice),
        cmocka_unit_test(nodes_do_not_continue_slices_of_other_nodes),
        cmocka_unit_test(chunks_are_bounded),
        cmocka_unit_test(content_is_there_once),
        cmocka_unit_test(lists_have_at_most_level_8),
        cmocka_unit_test(extensions_are_skipped),
        cmocka_unit_test(owners_are_bounded),
    };
    return cmocka_run_group_tests_name("content/rules", tests, NULL, NULL);
}
