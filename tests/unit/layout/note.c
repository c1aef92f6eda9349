/* SPDX-License-Identifier: Apache-2.0 */
/* The note of a disk: comes back as it was, is read for ever (golden), and refuses what it is not.
 */
#include "layout/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct layout_note a, b;

static void fill(struct layout_note *n)
{
    memset(n, 0, sizeof *n);
    (void)snprintf(n->format, sizeof n->format, "qcow2");
    (void)snprintf(n->source, sizeof n->source, "/var/lib/images/web 1.qcow2");
    (void)snprintf(n->mark, sizeof n->mark, "abri-4711");
    n->layout.table = LAYOUT_GPT;
    n->layout.sector = 512;
    (void)snprintf(n->layout.table_id, LAYOUT_TEXT, "01234567-89ab-cdef-0123-456789abcdef");
    n->layout.part_count = 2;
    n->layout.parts[0] =
        (struct layout_part){1,     1 << 20, 511 << 20, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
                             "EFI", "fat32", "BOOT",    "1234-ABCD"};
    n->layout.parts[1] = (struct layout_part){
        2,  512 << 20, UINT64_C(1) << 40, "0fc63daf-8483-4772-8e79-3d69d8477de4",
        "", "ext4",    "W\xc3\xbcrzel",   "f3a1c0de-0000-4000-8000-000000000001"};
}

/* Version 1, as docs/format/tree.md has it. Never changed: notes in vaults look like this. */
static const char golden[] =
    "01"
    "0571636f7732"
    "1b2f7661722f6c69622f696d616765732f77656220312e71636f7732"
    "09616272692d34373131"
    "02"
    "2430313233343536372d383961622d636465662d303132332d343536373839616263646566"
    "8004"
    "00"
    "02"
    "01"
    "808040"
    "8080c0ff01"
    "2463313261373332382d663831662d313164322d626134622d303061306339336563393362"
    "03454649"
    "056661743332"
    "04424f4f54"
    "09313233342d41424344"
    "02"
    "8080808002"
    "808080808020"
    "2430666336336461662d383438332d343737322d386537392d336436396438343737646534"
    "00"
    "0465787434"
    "0757c3bc727a656c"
    "2466336131633064652d303030302d343030302d383030302d303030303030303030303031"
    "00";

static size_t golden_bytes(uint8_t *out, size_t cap)
{
    size_t len = (sizeof golden - 1) / 2;
    assert_true(len <= cap);
    assert_true(hex_decode(golden, sizeof golden - 1, out, len));
    return len;
}

static void encode(const struct layout_note *n, struct buf *out)
{
    struct err e = ERR_INIT;
    buf_reset(out);
    if (layout_note_encode(n, out, &e))
        fail_msg("%s", e.msg);
}

static void the_golden_note_is_read_and_written(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t len = golden_bytes(bytes, sizeof bytes);
    struct err e = ERR_INIT;
    struct buf out = {0};
    fill(&a);
    encode(&a, &out);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes, len);
    assert_int_equal(layout_note_decode(bytes, len, &b, &e), 0);
    assert_memory_equal(&a, &b, sizeof a);
    buf_done(&out);
}

static void extensions_of_tomorrow_are_skipped(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t len = golden_bytes(bytes, sizeof bytes);
    struct err e = ERR_INIT;
    fill(&a);
    memcpy(bytes + len - 1, "\2\1\3abc\x90\1\0", 9);
    assert_int_equal(layout_note_decode(bytes, len + 8, &b, &e), 0);
    assert_memory_equal(&a, &b, sizeof a);
}

static void newer_and_damaged_notes_are_told_apart(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t len = golden_bytes(bytes, sizeof bytes);
    struct err e = ERR_INIT;
    memset(&b, 0x5a, sizeof b);
    a = b;
    bytes[0] = 2;
    assert_int_equal(layout_note_decode(bytes, len, &b, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
    bytes[0] = 0;
    assert_int_equal(layout_note_decode(bytes, len, &b, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    bytes[0] = 1;
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(layout_note_decode(bytes, cut, &b, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
    }
    assert_int_equal(layout_note_decode(bytes, len + 1, &b, &e), -1); /* something follows */
    bytes[3] = 0x1b; /* a control character in the format */
    assert_int_equal(layout_note_decode(bytes, len, &b, &e), -1);
    bytes[3] = 0xff; /* no UTF-8 */
    assert_int_equal(layout_note_decode(bytes, len, &b, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_memory_equal(&a, &b, sizeof a); /* untouched */
}

static void too_many_parts_are_left_out_and_said(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf out = {0};
    memset(&a, 0, sizeof a);
    a.layout.sector = 512;
    a.layout.part_count = LAYOUT_PARTS_MAX;
    memset(a.source, 'x', sizeof a.source); /* and none of them ends */
    for (size_t i = 0; i < LAYOUT_PARTS_MAX; i++) {
        struct layout_part *p = &a.layout.parts[i];
        p->number = (uint32_t)i + 1;
        p->start = p->bytes = INT64_MAX / 2;
        memset(p->type, 't', sizeof p->type);
        memset(p->name, 'n', sizeof p->name);
        memset(p->content, 'c', sizeof p->content);
        memset(p->label, 'l', sizeof p->label);
        memset(p->id, 'i', sizeof p->id);
    }
    encode(&a, &out);
    assert_true(out.len <= LAYOUT_NOTE_MAX);
    assert_int_equal(layout_note_decode(out.data, out.len, &b, &e), 0);
    assert_true(b.layout.more && b.layout.part_count > 100 &&
                b.layout.part_count < LAYOUT_PARTS_MAX);
    assert_int_equal(strlen(b.source), LAYOUT_SOURCE - 1);
    assert_int_equal(strlen(b.layout.parts[0].name), LAYOUT_LABEL - 1);
    buf_done(&out);
}

static void texts_are_cleaned_on_the_way_out(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf out = {0};
    fill(&a);
    (void)snprintf(a.source, sizeof a.source, "/a\nb\xff/\x1b[2J");
    encode(&a, &out);
    assert_int_equal(layout_note_decode(out.data, out.len, &b, &e), 0);
    assert_string_equal(b.source, "/a?b?/?[2J");
    buf_done(&out);
}

/* A disk that could not be looked at has a note, too. */
static void nothing_known_is_a_note(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf out = {0};
    memset(&a, 0, sizeof a);
    encode(&a, &out);
    assert_int_equal(layout_note_decode(out.data, out.len, &b, &e), 0);
    assert_memory_equal(&a, &b, sizeof a);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_note_is_read_and_written),
        cmocka_unit_test(extensions_of_tomorrow_are_skipped),
        cmocka_unit_test(newer_and_damaged_notes_are_told_apart),
        cmocka_unit_test(too_many_parts_are_left_out_and_said),
        cmocka_unit_test(nothing_known_is_a_note),
        cmocka_unit_test(texts_are_cleaned_on_the_way_out),
    };
    return cmocka_run_group_tests_name("layout/note", tests, NULL, NULL);
}
