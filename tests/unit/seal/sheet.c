/* SPDX-License-Identifier: Apache-2.0 */
/* Sheets: what is printed comes back however it is typed, and every slip is
 * noticed, in its line. */
#include "fixture.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
#define KEY_CODE                                                                                   \
    "ABRI1:048124GK2GAHC5RR34D1P70X3RFW1GE2RF2CBHP7S34WNJYCSQ7CZM6HTB9X9NEPTZCDKPPVVKEXXQSCQ4K48"
#define KEY_LINE_1 "1: 0481 24GK 2GAH C5RR 34D1  ZC"
#define KEY_LINE_5 "5: Q4K4 8  5P"
#define SHARE_CODE                                                                                 \
    "ABRI1:088124GK2GAHC5RR34D1P70X3RFQ0WBJEC1ZNG61RB1W9HE6RZ4CKJPBSK6WXKYGT79D7N6NTVBXHPETVFEDVQPZZ327C28"

static struct sheet *key_sheet(void)
{
    struct sheet *s = sheet_new();
    assert_non_null(s);
    s->kind = SHEET_KEY;
    memcpy(s->share.vault_id, fixture_vault, sizeof s->share.vault_id);
    fixture_run(0xc0, s->share.y, sizeof s->share.y);
    return s;
}

static struct sheet *share_sheet(void)
{
    struct sheet *s = key_sheet();
    s->kind = SHEET_SHARE;
    fixture_run(0x70, s->share.set, sizeof s->share.set);
    s->share.k = 3;
    s->share.x = 250;
    return s;
}

static void join(const struct sheet *s, char out[512])
{
    char lines[SHEET_LINES][SHEET_LINE_BYTES];
    sheet_format(s, lines);
    out[0] = '\0';
    for (size_t i = 0; i < SHEET_LINES; i++) {
        strncat(out, lines[i], 100);
        strncat(out, "\n", 2);
    }
}

/* 1, 0 or -1 as sheet_find; 1 only if it is `want`. */
static int find(const char *text, const struct sheet *want, struct err *e)
{
    struct sheet *s = sheet_new();
    size_t at = 0;
    int rc = sheet_find(text, strlen(text), &at, s, e);
    if (rc > 0)
        assert_memory_equal(s, want, sizeof *s);
    sheet_free(s);
    return rc;
}

static void must_find(const char *text, const struct sheet *want)
{
    struct err e = ERR_INIT;
    if (find(text, want, &e) != 1)
        fail_msg("%s: %s", e.msg, text);
}

static void comes_back_as_it_is_typed(void **state)
{
    (void)state;
    struct sheet *both[] = {key_sheet(), share_sheet()};
    for (size_t i = 0; i < 2; i++) {
        char text[512], typed[1024] = "a page\n1999 2: nothing\n\n";
        join(both[i], text);
        must_find(text, both[i]);
        for (char *p = text; *p; p++) { /* small, without blanks, dashes, like digits */
            size_t n = strlen(typed);
            char c = *p == '0' ? 'o' : *p == '1' && p != text && p[1] != ':' ? 'l' : *p;
            if (c == ' ')
                continue;
            typed[n++] = (char)tolower((unsigned char)c);
            typed[n++] = c == ':' || isalnum((unsigned char)c) ? (p[1] == ':' ? '\0' : ' ') : '\0';
            typed[n] = '\0';
        }
        must_find(typed, both[i]);
        char code[SHEET_CODE_BYTES], around[300];
        sheet_code(both[i], code);
        must_find(code, both[i]);
        (void)snprintf(around, sizeof around, "QR-Code:%s\r\nmore\n", code);
        must_find(around, both[i]);
        sheet_free(both[i]);
    }
}

static void several_in_one_text(void **state)
{
    (void)state;
    struct sheet *a = key_sheet(), *b = share_sheet(), *s = sheet_new();
    char text[1100], second[512];
    struct err e = ERR_INIT;
    size_t at = 0;
    join(a, text);
    join(b, second);
    strncat(text, "\f\nthe next page\n", 20);
    strncat(text, second, 512);
    assert_int_equal(sheet_find(text, strlen(text), &at, s, &e), 1);
    assert_memory_equal(s, a, sizeof *s);
    assert_int_equal(sheet_find(text, strlen(text), &at, s, &e), 1);
    assert_memory_equal(s, b, sizeof *s);
    assert_int_equal(sheet_find(text, strlen(text), &at, s, &e), 0);
    sheet_free(a);
    sheet_free(b);
    sheet_free(s);
}

/* Known by their bytes: docs/format/sheet.md, computed by another program. */
static void is_as_the_page_says(void **state)
{
    (void)state;
    struct sheet *a = key_sheet(), *b = share_sheet();
    char code[SHEET_CODE_BYTES], lines[SHEET_LINES][SHEET_LINE_BYTES];
    sheet_code(a, code);
    assert_string_equal(code, KEY_CODE);
    sheet_format(a, lines);
    assert_string_equal(lines[0], KEY_LINE_1);
    assert_string_equal(lines[4], KEY_LINE_5);
    sheet_code(b, code);
    assert_string_equal(code, SHARE_CODE);
    sheet_free(a);
    sheet_free(b);
}

static void must_be_noticed(const char *text, const struct sheet *want, unsigned line,
                            const char *what, size_t at)
{
    struct err e = ERR_INIT;
    char named[16];
    int rc = find(text, want, &e);
    if (rc == 1)
        fail_msg("%s at %zu was not noticed", what, at);
    (void)snprintf(named, sizeof named, "line %u ", line);
    if (rc < 0 && !strstr(e.msg, named))
        fail_msg("%s at %zu in line %u: %s", what, at, line, e.msg);
}

static void every_wrong_symbol_is_noticed_in_its_line(void **state)
{
    (void)state;
    struct sheet *s = share_sheet();
    char text[512];
    join(s, text);
    unsigned line = 1;
    for (size_t i = 0; text[i]; i++) {
        line += text[i] == '\n';
        if (!strchr(alphabet, text[i]) || text[i + 1] == ':')
            continue;
        char good = text[i];
        for (const char *other = alphabet; *other; other++) {
            if (*other == good)
                continue;
            text[i] = *other;
            must_be_noticed(text, s, line, "a wrong symbol", i);
        }
        text[i] = '$';
        must_be_noticed(text, s, line, "no symbol", i);
        text[i] = ' ';
        must_be_noticed(text, s, line, "a missing symbol", i);
        text[i] = good;
    }
    sheet_free(s);
}

static void swapped_neighbours_are_noticed(void **state)
{
    (void)state;
    struct sheet *s = share_sheet();
    char text[512];
    join(s, text);
    unsigned line = 1;
    for (size_t i = 0; text[i + 1]; i++) {
        line += text[i] == '\n';
        size_t j = i + 1;
        while (text[j] == ' ')
            j++;
        if (!strchr(alphabet, text[i]) || text[i + 1] == ':' || !text[j] ||
            !strchr(alphabet, text[j]) || text[i] == text[j])
            continue;
        char t = text[i];
        text[i] = text[j];
        text[j] = t;
        must_be_noticed(text, s, line, "a swap", i);
        text[j] = text[i];
        text[i] = t;
    }
    sheet_free(s);
}

static void lines_of_two_sheets_are_noticed(void **state)
{
    (void)state;
    struct sheet *a = share_sheet(), *b = share_sheet();
    char one[SHEET_LINES][SHEET_LINE_BYTES], two[SHEET_LINES][SHEET_LINE_BYTES], text[512];
    b->share.x = 251;
    fixture_run(0x11, b->share.y, sizeof b->share.y);
    sheet_format(a, one);
    sheet_format(b, two);
    for (unsigned mix = 1; mix + 1 < 1u << SHEET_LINES; mix++) {
        struct err e = ERR_INIT;
        text[0] = '\0';
        for (unsigned i = 0; i < SHEET_LINES; i++) {
            strncat(text, mix >> i & 1 ? one[i] : two[i], 100);
            strncat(text, "\n", 2);
        }
        bool same = true; /* line 1 holds only what both have */
        for (unsigned i = 0; i < SHEET_LINES; i++)
            same = same && strcmp(mix >> i & 1 ? one[i] : two[i], one[i]) == 0;
        bool same2 = true;
        for (unsigned i = 0; i < SHEET_LINES; i++)
            same2 = same2 && strcmp(mix >> i & 1 ? one[i] : two[i], two[i]) == 0;
        if (same || same2)
            continue;
        assert_int_equal(find(text, a, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
    }
    sheet_free(a);
    sheet_free(b);
}

static void missing_lines_are_noticed(void **state)
{
    (void)state;
    struct sheet *s = key_sheet();
    char lines[SHEET_LINES][SHEET_LINE_BYTES], text[512];
    sheet_format(s, lines);
    for (unsigned left_out = 0; left_out < SHEET_LINES; left_out++) {
        struct err e = ERR_INIT;
        text[0] = '\0';
        for (unsigned i = 0; i < SHEET_LINES; i++) {
            strncat(text, i == left_out ? "" : lines[i], 100);
            strncat(text, "\n", 2);
        }
        assert_int_equal(find(text, s, &e), left_out ? -1 : 0);
    }
    for (unsigned i = 0; i < SHEET_LINES; i++) {
        assert_true(sheet_line_is_good(lines[i], i + 1));
        assert_true(sheet_line_is_good(lines[i] + 2, i + 1));
        assert_false(sheet_line_is_good(lines[i] + 2, (i + 1) % SHEET_LINES + 1));
    }
    assert_false(sheet_line_is_good("", 1));
    sheet_free(s);
}

/* A sheet of a kind to come is told apart from a damaged one. */
static void a_newer_sheet_is_called_newer(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct sheet *s = key_sheet();
    char code[SHEET_CODE_BYTES];
    sheet_code(s, code);
    code[7] = code[7] == '7' ? 'Z' : '7'; /* the first five bits are 0, then kind 1 is 001 */
    code[6] = '0';
    code[7] = 'W'; /* 11100: kind 7 */
    assert_int_equal(find(code, s, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
    sheet_free(s);
}

static void public_keys_as_text(void **state)
{
    (void)state;
    uint8_t key[32], back[32];
    char text[PUBLIC_KEY_TEXT_BYTES], spaced[128];
    struct err e = ERR_INIT;
    fixture_run(5, key, sizeof key);
    public_key_format(key, text);
    assert_int_equal(strlen(text), PUBLIC_KEY_TEXT_BYTES - 1);
    (void)snprintf(spaced, sizeof spaced, " %s\n", text);
    assert_int_equal(public_key_parse(spaced, back, &e), 0);
    assert_memory_equal(key, back, sizeof key);
    for (size_t i = 0; text[i]; i++) {
        char good = text[i];
        text[i] = good == 'a' ? 'b' : 'a';
        assert_int_equal(public_key_parse(text, back, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        text[i] = good;
    }
    text[PUBLIC_KEY_TEXT_BYTES - 2] = '\0';
    assert_int_equal(public_key_parse(text, back, &e), -1);
    assert_int_equal(public_key_parse("", back, &e), -1);
    assert_int_equal(public_key_parse("abri-pk-", back, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_is_typed),
        cmocka_unit_test(several_in_one_text),
        cmocka_unit_test(is_as_the_page_says),
        cmocka_unit_test(every_wrong_symbol_is_noticed_in_its_line),
        cmocka_unit_test(swapped_neighbours_are_noticed),
        cmocka_unit_test(lines_of_two_sheets_are_noticed),
        cmocka_unit_test(missing_lines_are_noticed),
        cmocka_unit_test(a_newer_sheet_is_called_newer),
        cmocka_unit_test(public_keys_as_text),
    };
    return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
