/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of docs/format/tree.md about the fields of an entry: what obeys it is
 * read, what breaks it is refused. rules_content.c has what follows the fields. */
#include "entries.h"
#include "raw.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
    assert_int_equal(decode_leaf(&b, 1, NULL), 0);
    buf_reset(&b);
    buf_put(&b, longer, sizeof longer);
    assert_int_equal(decode_leaf(&b, 1, NULL), -1);
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
    };
    return cmocka_run_group_tests_name("content/rules", tests, NULL, NULL);
}
