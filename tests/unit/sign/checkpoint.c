/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints and cosignatures of our own making. */
#include "sign/note.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct sign_key log_secret, witness_secret;
static struct note_key log_key = {.name = "abri.example/log"},
                       witness = {.name = "witness.example/w1"};
static const struct checkpoint some = {
    .origin = "abri.example/log", .size = 20852163, .root = {7, 8, 9}};

static struct buf signed_note(const struct checkpoint *c)
{
    struct buf note = {0};
    struct err e = ERR_INIT;
    assert_int_equal(checkpoint_sign(c, &log_secret, &note, &e), 0);
    return note;
}

static void what_is_signed_is_read(void **state)
{
    (void)state;
    struct buf note = signed_note(&some);
    struct checkpoint back = {0};
    struct err e = ERR_INIT;
    const char *head =
        "abri.example/log\n20852163\nBwgJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— "
        "abri.example/log ";
    assert_true(note.len > strlen(head));
    assert_memory_equal(note.data, head, strlen(head));
    assert_int_equal(checkpoint_verify(note.data, note.len, &log_key, &back, &e), 0);
    assert_memory_equal(&back, &some, sizeof back);
    struct buf again = signed_note(&some);
    assert_int_equal(again.len, note.len);
    assert_memory_equal(again.data, note.data, note.len);
    buf_done(&again);
    buf_done(&note);
}

static void every_changed_byte_is_refused(void **state)
{
    (void)state;
    struct buf note = signed_note(&some);
    struct checkpoint back = {.size = 1};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < note.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            note.data[i] ^= (uint8_t)(1u << bit);
            if (checkpoint_verify(note.data, note.len, &log_key, &back, &e) == 0)
                fail_msg("byte %zu, bit %u may be changed", i, bit);
            assert_int_equal(e.cls, ERR_DAMAGED);
            note.data[i] ^= (uint8_t)(1u << bit);
        }
        assert_int_equal(checkpoint_verify(note.data, i, &log_key, &back, &e), -1);
    }
    assert_int_equal(back.size, 1);
    buf_done(&note);
}

/* Signs any text as the log would. */
static struct buf sign_text(const char *text)
{
    uint8_t id[4 + SIGN_BYTES];
    struct buf note = {0}, key = {0};
    struct err e = ERR_INIT;
    assert_int_equal(note_key_text(&log_key, false, &key, &e), 0);
    assert_true(hex_decode((char *)key.data + strlen(log_key.name) + 1, 8, id, 4));
    buf_done(&key);
    (void)crypto_sign_detached(id + 4, NULL, (const uint8_t *)text, strlen(text),
                               log_secret.secret);
    buf_put(&note, text, strlen(text));
    buf_put(&note, "\n— abri.example/log ", strlen("\n— abri.example/log "));
    base64_put(&note, id, sizeof id);
    buf_put_u8(&note, '\n');
    return note;
}

#define ROOT "BwgJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

static void signed_nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "abri.example/log\n",
        "abri.example/log\n5\n",
        "other.example\n5\n" ROOT,
        "abri.example/log\n05\n" ROOT,
        "abri.example/log\n\n" ROOT,
        "abri.example/log\n-5\n" ROOT,
        "abri.example/log\n+5\n" ROOT,
        "abri.example/log\n5 \n" ROOT,
        "abri.example/log\n0x5\n" ROOT,
        "abri.example/log\n9223372036854775808\n" ROOT,
        "abri.example/log\n99999999999999999999\n" ROOT,
        "abri.example/log\n5\nAAAA\n",
        "abri.example/log\n5\nBwgJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
        "abri.example/log\n5\n" ROOT "\nextension\n",
        "\n5\n" ROOT,
        "abri.example/log\n0\n" ROOT, /* the empty tree has one root */
    };
    static const char *const good[] = {
        "abri.example/log\n5\n" ROOT, "abri.example/log\n9223372036854775807\n" ROOT,
        "abri.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "abri.example/log\n5\n" ROOT "an extension\nand another\n"};
    struct checkpoint c;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf note = sign_text(bad[i]);
        if (checkpoint_verify(note.data, note.len, &log_key, &c, &e) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(e.cls, ERR_DAMAGED);
        buf_done(&note);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct buf note = sign_text(good[i]);
        if (checkpoint_verify(note.data, note.len, &log_key, &c, &e))
            fail_msg("refused (%s): %s", e.msg, good[i]);
        buf_done(&note);
    }
}

static void another_key_or_name_is_refused(void **state)
{
    (void)state;
    struct buf note = signed_note(&some);
    struct checkpoint c;
    struct err e = ERR_INIT;
    struct note_key other = log_key;
    memcpy(other.public_key, witness_secret.public_key, SIGN_PUBLIC_BYTES);
    assert_int_equal(checkpoint_verify(note.data, note.len, &other, &c, &e), -1);
    other = log_key;
    other.name[0] = 'A';
    assert_int_equal(checkpoint_verify(note.data, note.len, &other, &c, &e), -1);
    buf_done(&note);
    struct checkpoint unnamed = some;
    unnamed.origin[0] = ' ';
    assert_int_equal(checkpoint_sign(&unnamed, &log_secret, &note, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(note.len, 0);
}

static void a_witness_is_heard(void **state)
{
    (void)state;
    struct buf note = signed_note(&some);
    struct err e = ERR_INIT;
    uint64_t time_s = 7;
    assert_false(checkpoint_cosigned(note.data, note.len, &witness, &time_s));
    struct buf line = {0};
    assert_int_equal(checkpoint_cosign(note.data, note.len, witness.name, &witness_secret,
                                       1679315147, &line, &e),
                     0);
    size_t own = note.len;
    buf_put(&note, line.data, line.len);
    assert_true(checkpoint_cosigned(note.data, note.len, &witness, &time_s));
    assert_int_equal(time_s, 1679315147);
    struct checkpoint c;
    assert_int_equal(checkpoint_verify(note.data, note.len, &log_key, &c, &e), 0);
    /* The log's own key is no witness, and the witness's is no log. */
    assert_false(checkpoint_cosigned(note.data, note.len, &log_key, &time_s));
    assert_int_equal(checkpoint_verify(note.data, note.len, &witness, &c, &e), -1);
    for (size_t i = 0; i < note.len; i++) {
        if (i > strlen("abri.example/log\n20852163\n") + 45 && i < own)
            continue; /* the log's line is not the witness's business */
        for (unsigned bit = 0; bit < 8; bit++) {
            note.data[i] ^= (uint8_t)(1u << bit);
            if (checkpoint_cosigned(note.data, note.len, &witness, &time_s))
                fail_msg("byte %zu, bit %u may be changed", i, bit);
            note.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    buf_done(&line);
    buf_done(&note);
}

static void a_cosignature_is_for_one_checkpoint(void **state)
{
    (void)state;
    struct checkpoint next = some;
    next.size++;
    struct buf note = signed_note(&some), later = signed_note(&next), line = {0};
    struct err e = ERR_INIT;
    uint64_t time_s;
    assert_int_equal(
        checkpoint_cosign(note.data, note.len, witness.name, &witness_secret, 0, &line, &e), 0);
    buf_put(&later, line.data, line.len);
    assert_false(checkpoint_cosigned(later.data, later.len, &witness, &time_s));
    buf_reset(&line);
    assert_int_equal(
        checkpoint_cosign(note.data, note.len, "two words", &witness_secret, 0, &line, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(
        checkpoint_cosign(note.data, note.len, "w", &witness_secret, UINT64_MAX, &line, &e), -1);
    assert_int_equal(checkpoint_cosign(note.data, note.len - 1, "w", &witness_secret, 1, &line, &e),
                     -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(line.len, 0);
    buf_done(&line);
    buf_done(&later);
    buf_done(&note);
}

static int init(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    if (sign_init(&e))
        return -1;
    sign_key_new(&log_secret);
    sign_key_new(&witness_secret);
    memcpy(log_key.public_key, log_secret.public_key, SIGN_PUBLIC_BYTES);
    memcpy(witness.public_key, witness_secret.public_key, SIGN_PUBLIC_BYTES);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_read),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(signed_nonsense_is_refused),
        cmocka_unit_test(another_key_or_name_is_refused),
        cmocka_unit_test(a_witness_is_heard),
        cmocka_unit_test(a_cosignature_is_for_one_checkpoint),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
