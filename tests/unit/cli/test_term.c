/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

#include "base/mem.h"
#include "cli/term.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void expect_escaped(const char *text, size_t len, const char *wanted)
{
    CLEANUP(buf_done) struct buf b = {0};
    term_escape(text, len, &b);
    buf_put_u8(&b, 0);
    assert_int_equal(b.failed, 0);
    assert_string_equal((const char *)b.data, wanted);
}
#define ESCAPED(text, wanted) expect_escaped(text, sizeof(text) - 1, wanted)

static void harmless_text_stays(void **state)
{
    (void)state;
    ESCAPED("", "");
    ESCAPED("plain text.txt \\x41", "plain text.txt \\x41");
    ESCAPED("gr\xc3\xbcn \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80",
            "gr\xc3\xbcn \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80");
}

static void controls_are_shown_not_sent(void **state)
{
    (void)state;
    ESCAPED("\x1b]0;title\x07", "\\x1b]0;title\\x07");
    ESCAPED("a\nb\rc\td\x7f\x00z", "a\\x0ab\\x0dc\\x09d\\x7f\\x00z");
    ESCAPED("\xc2\x9b" "31m", "\\xc2\\x9b31m");                  /* CSI as one character */
    ESCAPED("\xe2\x80\xae" "gpj.exe", "\\xe2\\x80\\xaegpj.exe"); /* right-to-left override */
    ESCAPED("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
    ESCAPED("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* line separator */
    ESCAPED("\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"); /* a tag: invisible */
}

static void broken_utf8_is_shown_byte_by_byte(void **state)
{
    (void)state;
    ESCAPED("\xff", "\\xff");
    ESCAPED("\xc3", "\\xc3");
    ESCAPED("\xc3(", "\\xc3(");
    ESCAPED("\xc0\x9b", "\\xc0\\x9b");                 /* too long a form */
    ESCAPED("\xe0\x80\x9b", "\\xe0\\x80\\x9b");
    ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80");        /* a surrogate */
    ESCAPED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
    ESCAPED("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
    ESCAPED("\x80\xbf", "\\x80\\xbf");
    ESCAPED("\xe6\xbc", "\\xe6\\xbc");
}

/* Whatever goes in, what comes out is text without controls, and escaping it
 * again changes nothing. */
static void nothing_dangerous_ever_comes_out(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t len = (size_t)rand() % sizeof text;
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(rand() % 3 ? rand() : 0x80 | (rand() & 0x3f));
        CLEANUP(buf_done) struct buf once = {0};
        CLEANUP(buf_done) struct buf twice = {0};
        term_escape(text, len, &once);
        term_escape((const char *)once.data, once.len, &twice);
        assert_int_equal(once.len, twice.len);
        for (size_t i = 0; i < once.len;) {
            uint32_t code;
            size_t n = term_utf8((const char *)once.data + i, once.len - i, &code);
            assert_true(n > 0 && code >= 0x20 && !(code >= 0x7f && code < 0xa0));
            assert_int_equal(once.data[i], twice.data[i]);
            i += n;
        }
    }
}

static void width_counts_columns(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    assert_int_equal(term_width("abc", 3), 3);
    assert_int_equal(term_width("gr\xc3\xbcn", 5), 4);
    assert_int_equal(term_width("\xe6\xbc\xa2", 3), 2);
    assert_int_equal(term_width("e\xcc\x81", 3), 1);
    assert_int_equal(term_fit("a\xe6\xbc\xa2" "b", 5, 2), 1);
    assert_int_equal(term_fit("a\xe6\xbc\xa2" "b", 5, 3), 4);
    assert_int_equal(term_fit("abc", 3, 0), 0);
    assert_int_equal(term_fit("abc", 3, 10), 3);
}

static char *print(const struct table *t)
{
    char *text = NULL;
    size_t len;
    struct err e = ERR_INIT;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    assert_int_equal(table_print(t, f, &e), 0);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void tables_align_by_columns(void **state)
{
    (void)state;
    struct table t;
    table_init(&t, 3);
    t.right[1] = true;
    table_row(&t, (const char *[]){"ID", "Size", "Path"}, false);
    table_row(&t, (const char *[]){"\xe6\xbc\xa2", "10 B", "/a"}, true);
    table_row(&t, (const char *[]){"long", "1.5 KiB", ""}, true);
    table_row(&t, (const char *[]){"", "", "/b\n"}, true);
    char *text = print(&t);
    assert_string_equal(text, "ID       Size  Path\n"
                              "---------------------\n"
                              "\xe6\xbc\xa2       10 B  /a\n"
                              "long  1.5 KiB\n"
                              "               /b\\x0a\n"
                              "---------------------\n");
    free(text);
    table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_stays),
        cmocka_unit_test(controls_are_shown_not_sent),
        cmocka_unit_test(broken_utf8_is_shown_byte_by_byte),
        cmocka_unit_test(nothing_dangerous_ever_comes_out),
        cmocka_unit_test(width_counts_columns),
        cmocka_unit_test(tables_align_by_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
