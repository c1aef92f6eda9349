/* SPDX-License-Identifier: Apache-2.0 */
/* Outlines: written, read back; cut and changed at every byte. With a directory as argument writes a seed for the fuzzer. */
#include "base/mem.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    unsigned lists, objects, pasts;
    char text[4096];
};

static int on_list(void *arg, const char *dir, const uint8_t *lines, size_t len, struct err *e)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)e;
    s->lists++;
    (void)snprintf(s->text + n, sizeof s->text - n, "L %s %.*s", dir, (int)len, (const char *)lines);
    return 0;
}

static int on_object(void *arg, const char *name, uint64_t object_len, const uint8_t *p, size_t len, struct err *e)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)e;
    s->objects++;
    (void)snprintf(s->text + n, sizeof s->text - n, "O %s %llu %.*s\n", name, (unsigned long long)object_len,
                   len < 100 ? (int)len : 0, (const char *)p);
    return 0;
}

static int on_past(void *arg, const uint8_t *writer, uint64_t sequence, const uint8_t *snapshot, struct err *e)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)e;
    s->pasts++;
    (void)snprintf(s->text + n, sizeof s->text - n, "P %u %llu %u\n", writer[0], (unsigned long long)sequence, snapshot[31]);
    return 0;
}

static int take(const void *p, size_t len, struct seen *s, struct err *e)
{
    const struct wire_outline_sink sink = {on_list, on_object, on_past, s};
    *s = (struct seen){0};
    *e = ERR_INIT;
    return wire_outline_take(p, len, &sink, e);
}

static void sample(struct buf *out)
{
    static const uint8_t large[WIRE_OUTLINE_PIECE];
    const uint8_t writer[WIRE_ID_BYTES] = {7}, snapshot[WIRE_HASH_BYTES] = {[31] = 9};
    struct buf lines = {0}, none = {0};
    wire_list_put(&lines, "keys/00", 5);
    wire_list_put(&lines, "keys/01", 70000);
    wire_outline_begin(out);
    wire_outline_list(out, "keys", &lines);
    wire_outline_object(out, "keys/00", 5, "abcde", 5);
    wire_outline_object(out, "keys/01", 70000, large, sizeof large);
    wire_outline_list(out, "revoked", &none);
    wire_outline_past(out, writer, 12, snapshot);
    wire_outline_end(out);
    buf_done(&lines);
    assert_false(out->failed);
}

static void reads_what_was_written(void **state)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct seen s;
    struct err e;
    (void)state;
    sample(&b);
    assert_int_equal(take(b.data, b.len, &s, &e), 0);
    assert_string_equal(s.text, "L keys 5 keys/00\n70000 keys/01\nO keys/00 5 abcde\nO keys/01 70000 \nL revoked P 7 12 9\n");
}

static void refuses_what_is_cut(void **state)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct seen s;
    struct err e;
    (void)state;
    sample(&b);
    for (size_t len = 0; len < b.len; len += len < 200 || len > b.len - 200 ? 1 : 997) {
        uint8_t *copy = mem_dup(b.data, len ? len : 1); /* so that reading on is seen */
        assert_int_equal(take(copy, len, &s, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        mem_free(copy);
    }
    buf_put_u8(&b, 0);
    assert_int_equal(take(b.data, b.len, &s, &e), -1);
}

static void refuses_other_versions_and_kinds(void **state)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct seen s;
    struct err e;
    (void)state;
    sample(&b);
    b.data[8] = 2;
    assert_int_equal(take(b.data, b.len, &s, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
    b.data[8] = 1;
    b.data[12] = 4;
    assert_int_equal(take(b.data, b.len, &s, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
}

static void refuses_lengths_that_lie(void **state)
{
    static const struct { uint64_t object; size_t len; } lies[] = {{4, 5}, {6, 5}, {UINT64_MAX, 5}, {0, 5}};
    struct seen s;
    struct err e;
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        CLEANUP(buf_done) struct buf b = {0};
        wire_outline_begin(&b);
        wire_outline_object(&b, "vault", lies[i].object, "abcde", lies[i].len);
        wire_outline_end(&b);
        assert_int_equal(take(b.data, b.len, &s, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        assert_int_equal(s.objects, 0);
    }
}

static void refuses_names_without_end(void **state)
{
    static const struct { const char *bytes; size_t len; } names[] = {{"", 0}, {"\0", 1}, {"ab", 2}, {"a\0b", 4}};
    struct seen s;
    struct err e;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CLEANUP(buf_done) struct buf b = {0};
        wire_outline_begin(&b);
        buf_put_u8(&b, 2);
        buf_put_blob(&b, names[i].bytes, names[i].len);
        buf_put_u64(&b, 1);
        buf_put_blob(&b, "x", 1);
        wire_outline_end(&b);
        assert_int_equal(take(b.data, b.len, &s, &e), -1);
        assert_int_equal(s.objects, 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(refuses_what_is_cut),
        cmocka_unit_test(refuses_other_versions_and_kinds),
        cmocka_unit_test(refuses_lengths_that_lie),
        cmocka_unit_test(refuses_names_without_end),
    };
    if (argc > 1) {
        CLEANUP(buf_done) struct buf b = {0};
        sample(&b);
        FILE *f = fopen(argv[1], "wb");
        return !f || fwrite(b.data, 1, b.len, f) != b.len || fclose(f);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
