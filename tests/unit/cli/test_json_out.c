/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

#include "base/mem.h"
#include "cli/json_out.h"

#include <stdlib.h>
#include <string.h>

/* The line that an object prints; freed by the caller. */
static char *line_of(json_t *o)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    json_emit_locked(f, o);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void expect_line(json_t *o, const char *wanted)
{
    char *line = line_of(o);
    assert_string_equal(line, wanted);
    free(line);
}

static void an_object_is_one_line(void **state)
{
    (void)state;
    json_t *o = json_object_of("kind");
    json_put_string(o, "text", "a \"b\"\n\x01");
    json_put_number(o, "n", UINT64_MAX);
    json_put_seconds(o, "s", 1500000000);
    json_put_bool(o, "yes", true);
    json_put_hex(o, "id", (const uint8_t[]){0xab, 0x01}, 2);
    json_put_time(o, "t", INT64_C(1795296376123456789));
    expect_line(o, "{\"message_type\":\"kind\",\"text\":\"a \\\"b\\\"\\n\\u0001\","
                   "\"n\":9223372036854775807,\"s\":1.5,\"yes\":true,\"id\":\"ab01\","
                   "\"t\":\"2026-11-21T21:26:16.123456789Z\"}\n");
}

static void text_that_is_not_unicode_comes_twice(void **state)
{
    (void)state;
    json_t *o = json_object_of("k");
    json_put_string(o, "good", "gr\xc3\xbcn");
    json_put_string(o, "bad", "a\xff\xc3z");
    json_put_text(o, "nul", "a\0b", 3);
    expect_line(o, "{\"message_type\":\"k\",\"good\":\"gr\xc3\xbcn\","
                   "\"bad\":\"a\xef\xbf\xbd\xef\xbf\xbdz\",\"bad_b64\":\"Yf/Deg==\","
                   "\"nul\":\"a\\u0000b\"}\n");
}

static void lists_are_exact_as_a_whole(void **state)
{
    (void)state;
    const char *const good[] = {"a", "b"}, *const mixed[] = {"a", "\xff"};
    json_t *o = json_object_of("k");
    json_put_texts(o, "good", good, 2);
    json_put_texts(o, "mixed", mixed, 2);
    json_put_texts(o, "none", NULL, 0);
    expect_line(o, "{\"message_type\":\"k\",\"good\":[\"a\",\"b\"],"
                   "\"mixed\":[\"a\",\"\xef\xbf\xbd\"],\"mixed_b64\":[\"YQ==\",\"/w==\"],\"none\":[]}\n");
}

static void base64_pads(void **state)
{
    (void)state;
    static const char *const all[] = {"\xff", "/w==", "\xff\xfe", "//4=", "\xff\xfe\xfd", "//79",
                                      "\xffzbc", "/3piYw=="};
    for (size_t i = 0; i < sizeof all / sizeof *all; i += 2) {
        json_t *o = json_object();
        json_put_string(o, "x", all[i]);
        assert_string_equal(json_string_value(json_object_get(o, "x_b64")), all[i + 1]);
        json_decref(o);
    }
}

/* With every allocation failing in turn there is still one line of JSON. */
static void without_memory_there_is_still_a_line(void **state)
{
    (void)state;
    json_set_alloc_funcs(mem_alloc, mem_free);
    for (uint64_t n = 1;; n++) {
        const char *const texts[] = {"\xff", "b"};
        mem_fail_nth(n);
        json_t *o = json_object_of("k");
        json_put_texts(o, "list", texts, 2);
        json_put_string(o, "bad", "\xff");
        json_put_real(o, "r", 0.5);
        char *text = NULL;
        size_t len;
        FILE *f = open_memstream(&text, &len);
        json_emit_locked(f, o);
        bool reached = mem_count() >= n;
        mem_fail_nth(0);
        assert_int_equal(fclose(f), 0);
        json_error_t why;
        json_t *back = json_loads(text, 0, &why);
        assert_non_null(back);
        assert_non_null(json_object_get(back, "message_type"));
        json_decref(back);
        free(text);
        if (!reached)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_one_line),
        cmocka_unit_test(text_that_is_not_unicode_comes_twice),
        cmocka_unit_test(lists_are_exact_as_a_whole),
        cmocka_unit_test(base64_pads),
        cmocka_unit_test(without_memory_there_is_still_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
