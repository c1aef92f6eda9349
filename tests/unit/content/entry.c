/* SPDX-License-Identifier: Apache-2.0 */
/* Entries come back as they were, and their bytes do not drift. */
#include "entries.h"

#include "base/mem.h"
#include "content/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A node of entries begin … end − 1, with its owners in front. */
static void encode_node(struct entry_encoder *c, uint64_t seed, size_t begin, size_t end,
                        struct buf *out)
{
    struct buf body = {0};
    struct random_entry r;
    entry_encoder_reset(c);
    for (size_t i = begin; i < end; i++) {
        random_entry_make(&r, seed, i, ENTRIES_NOTED);
        assert_int_equal(entry_encode(c, &r.en, &body, NULL), 0);
    }
    owner_table_encode(c->owners, out);
    buf_put(out, body.data, body.len);
    buf_done(&body);
}

static void decode_node(struct entry_decoder *d, uint64_t seed, size_t begin, size_t end,
                        const struct buf *in)
{
    /* Exactly as long as it is, so that reading behind the end is seen. */
    uint8_t *copy = mem_dup(in->data, in->len);
    struct cursor c = cursor_of(copy, in->len);
    struct err e = ERR_INIT;
    assert_int_equal(entry_decoder_begin(d, &c, &e), 0);
    for (size_t i = begin; i < end; i++) {
        struct random_entry r;
        struct entry en;
        random_entry_make(&r, seed, i, ENTRIES_NOTED);
        if (entry_decode(d, &c, &en, &e))
            fail_msg("seed %llu, entry %zu: %s", (unsigned long long)seed, i, e.msg);
        assert_entries_equal(&en, &r.en);
    }
    assert_int_equal(cursor_check(&c, true, "node", &e), 0);
    mem_free(copy);
}

static void random_entries_come_back(void **state)
{
    (void)state;
    struct entry_encoder c;
    struct entry_decoder *d = NULL;
    uint64_t seed = 11, s = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_int_equal(entry_encoder_init(&c, NULL), 0);
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    for (int round = 0; round < 300; round++) {
        struct buf b = {0};
        size_t begin = random_next(&s) % 5000, end = begin + random_next(&s) % 200;
        uint64_t node_seed = random_next(&s);
        encode_node(&c, node_seed, begin, end, &b);
        decode_node(d, node_seed, begin, end, &b);
        buf_done(&b);
    }
    entry_encoder_done(&c);
    entry_decoder_free(d);
}

/* Every beginning of a node ends in an error, never in a crash. */
static void cut_nodes_are_refused(void **state)
{
    (void)state;
    struct entry_encoder c;
    struct entry_decoder *d = NULL;
    struct buf b = {0};
    assert_int_equal(entry_encoder_init(&c, NULL), 0);
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    encode_node(&c, 3, 40, 60, &b);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *copy = mem_dup(b.data, len);
        struct cursor at = cursor_of(copy, len);
        struct entry en;
        struct err e = ERR_INIT;
        int rc = entry_decoder_begin(d, &at, &e);
        for (size_t i = 0; i < 20 && rc == 0; i++)
            rc = entry_decode(d, &at, &en, &e);
        assert_int_equal(rc, -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        mem_free(copy);
    }
    buf_done(&b);
    entry_encoder_done(&c);
    entry_decoder_free(d);
}

static void owners_differ_by_each_of_their_fields(void **state)
{
    (void)state;
    static const struct entry owners[] = {{.uid = 1, .gid = 1, .user = "u", .group = "g"},
                                          {.uid = 2, .gid = 1, .user = "u", .group = "g"},
                                          {.uid = 1, .gid = 2, .user = "u", .group = "g"},
                                          {.uid = 1, .gid = 1, .user = "v", .group = "g"},
                                          {.uid = 1, .gid = 1, .user = "u", .group = "h"},
                                          {.uid = 1, .gid = 1, .user = "", .group = ""}};
    enum { COUNT = sizeof owners / sizeof *owners };
    struct entry_encoder c;
    struct entry_decoder *d = NULL;
    struct buf body = {0}, b = {0};
    assert_int_equal(entry_encoder_init(&c, NULL), 0);
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    for (int i = 0; i < 3 * COUNT; i++) {
        struct entry en = owners[i % COUNT];
        char path[] = {(char)('a' + i), '\0'};
        en.path = path;
        en.path_len = 1;
        en.type = ENTRY_DIR;
        assert_int_equal(entry_encode(&c, &en, &body, NULL), 0);
    }
    owner_table_encode(c.owners, &b);
    assert_int_equal(b.data[0], COUNT); /* each once */
    buf_put(&b, body.data, body.len);
    struct cursor at = cursor_of(b.data, b.len);
    assert_int_equal(entry_decoder_begin(d, &at, NULL), 0);
    for (int i = 0; i < 3 * COUNT; i++) {
        struct entry en;
        assert_int_equal(entry_decode(d, &at, &en, NULL), 0);
        assert_int_equal(en.uid, owners[i % COUNT].uid);
        assert_int_equal(en.gid, owners[i % COUNT].gid);
        assert_string_equal(en.user, owners[i % COUNT].user);
        assert_string_equal(en.group, owners[i % COUNT].group);
    }
    entry_decoder_free(d);
    entry_encoder_done(&c);
    buf_done(&body);
    buf_done(&b);
}

/* A whole leaf by hand, from docs/format/tree.md: a directory, a file in it
 * with a hole and two slices, and a symbolic link. */
static void known_answer(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        2, 0, 0, 4, 'r', 'o', 'o', 't', 4, 'r', 'o', 'o', 't', /* owners */
        0xe8, 7, 100, 0, 0,
        /* "etc" */
        0, 3, 'e', 't', 'c', 2, 0, 0xed, 3, 0, 0x02, 0,
        /* "etc/ab" */
        3, 3, '/', 'a', 'b', 1, 0x21, 0xa4, 3, 1, 0x01, 0xff, 0x93, 0xeb, 0xdc, 3, 0x90, 0x4e, 8, 7,
        6, 5, 4, 3, 2, 1, /* link */
        3, 0, 0x88, 0x27, /* hole of 5000 */
        2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 100, 0xb8, 0x17, /* slice from 100, 3000 */
        3, 0xd0, 0x0f,         /* the next 2000 */
        /* "etc/b" */
        4, 1, 'b', 3, 4, 0xff, 3, 0, 0, 0, 2, '.', '.'};
    struct item items[3] = {{.kind = ITEM_HOLE, .len = 5000},
                            {.kind = ITEM_SLICE, .offset = 100, .len = 3000, .id = {9}},
                            {.kind = ITEM_SLICE, .offset = 3100, .len = 2000, .id = {9}}};
    const struct entry entries[] = {
        {.path = "etc",
         .path_len = 3,
         .type = ENTRY_DIR,
         .mode = 0755,
         .user = "root",
         .group = "root",
         .mtime_s = 1},
        {.path = "etc/ab",
         .path_len = 6,
         .type = ENTRY_FILE,
         .mode = 0644,
         .uid = 1000,
         .gid = 100,
         .user = "",
         .group = "",
         .mtime_s = -1,
         .mtime_ns = 999999999,
         .size = 10000,
         .has_link = true,
         .link = UINT64_C(0x0102030405060708),
         .items = items,
         .item_count = 3},
        {.path = "etc/b",
         .path_len = 5,
         .type = ENTRY_SYMLINK,
         .mode = 0777,
         .user = "root",
         .group = "root",
         .target = "..",
         .target_len = 2},
    };
    struct entry_encoder c;
    struct buf body = {0}, b = {0};
    assert_int_equal(entry_encoder_init(&c, NULL), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(entry_encode(&c, &entries[i], &body, NULL), 0);
    owner_table_encode(c.owners, &b);
    buf_put(&b, body.data, body.len);
    assert_int_equal(b.len, sizeof expected);
    assert_memory_equal(b.data, expected, sizeof expected);

    struct entry_decoder *d = NULL;
    struct cursor at = cursor_of(expected, sizeof expected);
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    assert_int_equal(entry_decoder_begin(d, &at, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        struct entry en;
        assert_int_equal(entry_decode(d, &at, &en, NULL), 0);
        assert_entries_equal(&en, &entries[i]);
    }
    entry_decoder_free(d);
    entry_encoder_done(&c);
    buf_done(&body);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_entries_come_back),
        cmocka_unit_test(cut_nodes_are_refused),
        cmocka_unit_test(owners_differ_by_each_of_their_fields),
        cmocka_unit_test(known_answer),
    };
    return cmocka_run_group_tests_name("content/entry", tests, NULL, NULL);
}
