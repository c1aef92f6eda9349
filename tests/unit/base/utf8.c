/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside: what is a character, and what may be shown. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_character_comes_back(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char text[4];
        uint32_t again = 0xffffffff;
        size_t n = utf8_put(c, text);
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
            assert_int_equal(n, 0);
            continue;
        }
        assert_int_equal(utf8_get(text, n, &again), n);
        assert_int_equal(again, c);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(utf8_get(text, cut, &again), 0);
    }
}

static void other_bytes_are_no_character(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\xaf",
                                      "\xc1\x81",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\xaf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3(",
                                      "\xe2\x82(",
                                      "\xf0\x9f\x92("};
    uint32_t c;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(utf8_get(bad[i], strlen(bad[i]), &c), 0);
}

static void what_is_shown_is_clean_and_ended(void **state)
{
    (void)state;
    char out[16];
    utf8_clean("a\x1b[2Jb\xff\xc3\xa4", 9, out, sizeof out);
    assert_string_equal(out, "a?[2Jb?\xc3\xa4");
    utf8_clean("\xe2\x80\xae"
               "exe\xc2\x85\0x",
               10, out, sizeof out);
    assert_string_equal(out, "?exe??x");
    utf8_clean("abcd\xe2\x82\xac", 7, out, 7); /* no room for all of the last */
    assert_string_equal(out, "abcd");
    utf8_clean("abcd\xe2\x82\xac", 7, out, 8);
    assert_string_equal(out, "abcd\xe2\x82\xac");
    utf8_clean("x", 1, out, 1);
    assert_string_equal(out, "");
    assert_true(utf8_is_clean("M\xc3\xbcller", 7));
    assert_false(utf8_is_clean("M\xfcller", 6));
    assert_false(utf8_is_clean("a\nb", 3));
    assert_true(utf8_is_clean("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_comes_back),
        cmocka_unit_test(other_bytes_are_no_character),
        cmocka_unit_test(what_is_shown_is_clean_and_ended),
    };
    return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
