/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers with a maximum, the bounded cursor, varints, hexadecimal. */
#include "base/bytes.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t values[] = {0,          1,          127,        128,        16383,
                                  16384,      UINT32_MAX, INT64_MAX,  UINT64_MAX, UINT64_MAX - 1};
#define VALUES (sizeof values / sizeof *values)

static void test_varints_come_back(void **state)
{
    (void)state;
    struct buf b = {0};
    for (size_t i = 0; i < VALUES; i++) {
        buf_put_varint(&b, values[i]);
        buf_put_zigzag(&b, (int64_t)values[i]);
    }
    struct cursor c = cursor_of(b.data, b.len);
    for (size_t i = 0; i < VALUES; i++) {
        assert_true(cursor_varint(&c) == values[i]);
        assert_true(cursor_zigzag(&c) == (int64_t)values[i]);
    }
    struct err e = ERR_INIT;
    assert_int_equal(cursor_check(&c, true, "test", &e), 0);
    buf_done(&b);
}

static bool is_varint(const char *bytes, size_t len)
{
    struct cursor c = cursor_of(bytes, len);
    (void)cursor_varint(&c);
    return !c.bad && c.p == c.end;
}

static void test_only_the_shortest_varint_is_one(void **state)
{
    (void)state;
    assert_true(is_varint("\x7f", 1));
    assert_true(is_varint("\x80\x01", 2));
    assert_false(is_varint("\x80\x00", 2));
    assert_false(is_varint("\xff", 1));
    assert_true(is_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    assert_false(is_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    assert_false(is_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11));
}

static void test_a_cursor_stays_bad_and_gives_zeros(void **state)
{
    (void)state;
    uint8_t copy[4] = {9, 9, 9, 9};
    size_t len = 7;
    struct cursor c = cursor_of("abc", 3);
    assert_false(cursor_copy(&c, copy, 4));
    assert_int_equal(copy[0] | copy[3], 0);
    assert_int_equal(cursor_u8(&c), 0);
    assert_int_equal(cursor_u32(&c), 0);
    assert_null(cursor_blob(&c, 10, &len));
    assert_int_equal(len, 0);
    assert_int_equal(cursor_left(&c), 0);
    struct err e = ERR_INIT;
    assert_int_equal(cursor_check(&c, false, "thing", &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_non_null(strstr(e.msg, "thing"));
}

static void test_what_is_left_over_is_damage_at_the_end(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct cursor c = cursor_of("ab", 2);
    (void)cursor_u8(&c);
    assert_int_equal(cursor_check(&c, false, "thing", &e), 0);
    assert_int_equal(cursor_check(&c, true, "thing", &e), -1);
}

static void test_a_buffer_fails_once_and_quietly_at_its_maximum(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf b = {.max = 1000};
    for (int i = 0; i < 300; i++)
        buf_put_u32(&b, 7);
    assert_true(b.failed);
    assert_int_equal(b.len, 1000);
    assert_null(buf_reserve(&b, 1));
    assert_int_equal(buf_check(&b, "list", &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    buf_done(&b);
}

static void test_a_buffer_survives_a_failed_allocation(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf b = {0};
    buf_put(&b, "kept", 4);
    mem_fail_nth(1);
    for (int i = 0; i < 100; i++)
        buf_put_u64(&b, 1);
    mem_fail_nth(0);
    assert_int_equal(buf_check(&b, "list", &e), -1);
    assert_memory_equal(b.data, "kept", 4);
    buf_done(&b);
}

static void test_hexadecimal_comes_back_and_nothing_else_is_taken(void **state)
{
    (void)state;
    const uint8_t bytes[3] = {0x00, 0xaf, 0xff};
    uint8_t back[3];
    char hex[7];
    hex_encode(bytes, 3, hex);
    assert_string_equal(hex, "00afff");
    assert_true(hex_decode(hex, 6, back, 3));
    assert_memory_equal(back, bytes, 3);
    assert_false(hex_decode("00afffaa", 8, back, 3));
    assert_false(hex_decode("00AFFF", 6, back, 3));
    assert_false(hex_decode("00affg", 6, back, 3));
}

static void test_zeros_are_recognised_at_every_length(void **state)
{
    (void)state;
    uint8_t p[200] = {0};
    for (size_t len = 0; len <= sizeof p; len++) {
        assert_true(bytes_are_zero(p, len));
        for (size_t i = 0; i < len; i++) {
            p[i] = 1;
            assert_false(bytes_are_zero(p, len));
            p[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varints_come_back),
        cmocka_unit_test(test_only_the_shortest_varint_is_one),
        cmocka_unit_test(test_a_cursor_stays_bad_and_gives_zeros),
        cmocka_unit_test(test_what_is_left_over_is_damage_at_the_end),
        cmocka_unit_test(test_a_buffer_fails_once_and_quietly_at_its_maximum),
        cmocka_unit_test(test_a_buffer_survives_a_failed_allocation),
        cmocka_unit_test(test_hexadecimal_comes_back_and_nothing_else_is_taken),
        cmocka_unit_test(test_zeros_are_recognised_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
