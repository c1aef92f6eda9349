/* SPDX-License-Identifier: Apache-2.0 */
/* Roots come back as they were, bounded, and refused when malformed. */
#include "content/content.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const paths[] = {"/home", "/srv/\xff data", ""};
static const char *const tags[] = {"daily", "a b"};
static const char *const problems[] = {"/home/x: Permission denied"};

static struct root example(void)
{
    struct root r = {.tree = {.level = 3, .entries = 123456, .bytes = 99},
                     .host = "web-1",
                     .started_ns = INT64_MIN,
                     .ended_ns = INT64_MAX,
                     .paths = paths,
                     .path_count = 3,
                     .tags = tags,
                     .tag_count = 2,
                     .files = 1,
                     .dirs = UINT64_MAX,
                     .others = 3,
                     .bytes = 99,
                     .problem_total = 1000,
                     .problems = problems,
                     .problem_count = 1};
    memset(r.tree.id, 0xab, sizeof r.tree.id);
    return r;
}

static void assert_strings(const char *const *a, size_t a_count, const char *const *b, size_t count)
{
    assert_int_equal(a_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(a[i], b[i]);
}

static void roots_come_back(void **state)
{
    (void)state;
    struct root r = example(), *back = NULL;
    struct buf b = {0};
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    uint8_t *copy = mem_dup(b.data, b.len);
    mem_fail_nth(0);
    assert_int_equal(root_decode(copy, b.len, &back, NULL), 0);
    assert_int_equal(mem_count(), 1); /* one block */
    mem_free(copy);                   /* and nothing borrowed from the input */
    assert_memory_equal(&back->tree, &r.tree, sizeof r.tree);
    assert_string_equal(back->host, "web-1");
    assert_true(back->started_ns == INT64_MIN && back->ended_ns == INT64_MAX);
    assert_strings(back->paths, back->path_count, paths, 3);
    assert_strings(back->tags, back->tag_count, tags, 2);
    assert_strings(back->problems, back->problem_count, problems, 1);
    assert_int_equal(back->files, 1);
    assert_true(back->dirs == UINT64_MAX);
    assert_int_equal(back->others, 3);
    assert_int_equal(back->bytes, 99);
    assert_int_equal(back->problem_total, 1000);
    mem_free(back);
    buf_done(&b);
}

static int decode(const struct buf *b, size_t len, struct err *e)
{
    struct root *back = NULL;
    uint8_t *copy = mem_alloc(len);
    memcpy(copy, b->data, len < b->len ? len : b->len);
    if (len > b->len)
        memset(copy + b->len, 0, len - b->len);
    int rc = root_decode(copy, len, &back, e);
    assert_true(rc == 0 || !back);
    mem_free(copy);
    mem_free(back);
    return rc;
}

static void cut_or_stretched_roots_are_refused(void **state)
{
    (void)state;
    struct root r = example();
    struct buf b = {0};
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    for (size_t len = 0; len <= b.len + 5; len++) {
        struct err e = ERR_INIT;
        assert_int_equal(decode(&b, len, &e), len == b.len ? 0 : -1);
        assert_true(len == b.len || e.cls == ERR_DAMAGED);
    }
    buf_done(&b);
}

static void levels_and_versions_are_checked(void **state)
{
    (void)state;
    struct root r = example();
    struct buf b = {0};
    struct err e = ERR_INIT;
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    for (unsigned level = 0; level < 256; level++) {
        b.data[1] = (uint8_t)level;
        assert_int_equal(decode(&b, b.len, &e), level <= CONTENT_LEVEL_MAX ? 0 : -1);
    }
    b.data[1] = 0;
    b.data[0] = 0;
    assert_int_equal(decode(&b, b.len, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    b.data[0] = 2;
    assert_int_equal(decode(&b, b.len, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
    buf_done(&b);
}

static void strings_are_bounded_and_without_nul(void **state)
{
    (void)state;
    char *host = mem_alloc(ENTRY_PATH_MAX + 2);
    struct root r = {.host = host};
    struct buf b = {0};
    memset(host, 'h', ENTRY_PATH_MAX + 1);
    host[ENTRY_PATH_MAX + 1] = '\0';
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    assert_int_equal(decode(&b, b.len, NULL), -1);
    host[ENTRY_PATH_MAX] = '\0';
    buf_reset(&b);
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    assert_int_equal(decode(&b, b.len, NULL), 0);
    b.data[100] = '\0';
    assert_int_equal(decode(&b, b.len, NULL), -1);
    buf_done(&b);
    mem_free(host);
}

static void counts_are_bounded(void **state)
{
    (void)state;
    static const char *many[4097];
    struct buf b = {0};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < 4097; i++)
        many[i] = "x";
    struct root r = {.host = "",
                     .paths = many,
                     .tags = many,
                     .problems = many,
                     .path_count = 4096,
                     .tag_count = 64,
                     .problem_count = 64};
    assert_int_equal(root_encode(&r, &b, &e), 0);
    assert_int_equal(decode(&b, b.len, &e), 0);
    size_t *counts[] = {&r.path_count, &r.tag_count, &r.problem_count};
    for (size_t i = 0; i < 3; i++) {
        ++*counts[i];
        buf_reset(&b);
        assert_int_equal(root_encode(&r, &b, &e), -1);
        assert_int_equal(e.cls, ERR_LIMIT);
        --*counts[i];
    }
    /* version, level, id, then 0 entries, no host, two times, 4097 paths … */
    static const uint8_t head[34 + 4] = {1};
    buf_reset(&b);
    buf_put(&b, head, sizeof head);
    buf_put_varint(&b, 4097);
    for (size_t i = 0; i < 4097; i++)
        buf_put_blob(&b, "x", 1);
    buf_put(&b, head + 1, 8); /* tags, counters, problems, extensions */
    assert_int_equal(decode(&b, b.len, &e), -1);
    b.data[sizeof head] = 0x80; /* 4096, then one blob is read as two counters: still whole */
    buf_done(&b);
}

static void extensions_are_skipped(void **state)
{
    (void)state;
    struct root r = example();
    struct buf b = {0};
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    b.len--; /* the number of extensions */
    size_t without = b.len;
    for (unsigned count = 1; count <= 257; count++) {
        b.len = without;
        buf_put_varint(&b, count);
        for (unsigned i = 0; i < count; i++) {
            buf_put_varint(&b, 500 + i);
            buf_put_blob(&b, "later", 5);
        }
        assert_int_equal(decode(&b, b.len, NULL), count <= 256 ? 0 : -1);
    }
    buf_done(&b);
}

static void missing_memory_is_reported(void **state)
{
    (void)state;
    struct root r = example(), *back = NULL;
    struct buf b = {0};
    struct err e = ERR_INIT;
    assert_int_equal(root_encode(&r, &b, NULL), 0);
    mem_fail_nth(1);
    assert_int_equal(root_decode(b.data, b.len, &back, &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    buf_done(&b);
    mem_fail_nth(1);
    assert_int_equal(root_encode(&r, &b, &e), -1);
    mem_fail_nth(0);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_come_back),
        cmocka_unit_test(cut_or_stretched_roots_are_refused),
        cmocka_unit_test(levels_and_versions_are_checked),
        cmocka_unit_test(strings_are_bounded_and_without_nul),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(extensions_are_skipped),
        cmocka_unit_test(missing_memory_is_reported),
    };
    return cmocka_run_group_tests_name("content/root", tests, NULL, NULL);
}
