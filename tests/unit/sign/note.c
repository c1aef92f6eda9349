/* SPDX-License-Identifier: Apache-2.0 */
/* Notes that others wrote, and their keys as text. */
#include "sign/note.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The example of c2sp.org/signed-note, and the one of Go's documentation. */
#define C2SP_KEY  "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define C2SP_TEXT "This is an example message.\n"
#define C2SP_LINE                                                                                  \
    "— example.com/foo "                                                                         \
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuw"                 \
    "HjG1Yu72IneyaQM=\n"
#define C2SP_NOTE C2SP_TEXT "\n" C2SP_LINE
#define GO_KEY    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define GO_TEXT                                                                                    \
    "If you think cryptography is the answer to your problem,\nthen you don't know what your "     \
    "problem is.\n"
#define GO_NOTE                                                                                    \
    GO_TEXT                                                                                        \
        "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"  \
        "qdngotpRZb6KE6RyyBwJnAM=\n"

static struct note_key key_of(const char *text)
{
    struct note_key k = {0};
    bool cosigner = true;
    struct err e = ERR_INIT;
    assert_int_equal(note_key_parse(text, &k, &cosigner, &e), 0);
    assert_false(cosigner);
    return k;
}

static bool verifies(const char *note, size_t len, const struct note_key *k)
{
    struct err e = ERR_INIT;
    size_t text_len;
    /* On the heap and of its exact length, so that a sanitizer sees one byte too far. */
    CLEANUP_FREE char *copy = mem_dup(note, len ? len : 1);
    int rc = note_verify(copy, len, k, &text_len, &e);
    if (rc)
        assert_int_equal(e.cls, ERR_DAMAGED);
    return rc == 0;
}

static void notes_of_others_verify(void **state)
{
    (void)state;
    struct note_key c2sp = key_of(C2SP_KEY), go = key_of(GO_KEY);
    assert_true(verifies(C2SP_NOTE, strlen(C2SP_NOTE), &c2sp));
    assert_true(verifies(GO_NOTE, strlen(GO_NOTE), &go));
    assert_false(verifies(GO_NOTE, strlen(GO_NOTE), &c2sp));
    assert_false(verifies(C2SP_NOTE, strlen(C2SP_NOTE), &go));
    size_t text_len = 0;
    struct err e = ERR_INIT;
    assert_int_equal(note_verify(GO_NOTE, strlen(GO_NOTE), &go, &text_len, &e), 0);
    assert_int_equal(text_len, strlen(GO_TEXT));
}

static void every_changed_byte_is_refused(void **state)
{
    (void)state;
    struct note_key k = key_of(C2SP_KEY);
    char note[] = C2SP_NOTE;
    for (size_t i = 0; i < sizeof note - 1; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            note[i] ^= (char)(1u << bit);
            if (verifies(note, sizeof note - 1, &k))
                fail_msg("byte %zu, bit %u may be changed", i, bit);
            note[i] ^= (char)(1u << bit);
        }
    }
    for (size_t len = 0; len < sizeof note - 1; len++)
        assert_false(verifies(note, len, &k));
    assert_true(verifies(note, sizeof note - 1, &k));
}

static void lines_of_others_are_passed_over_if_well_formed(void **state)
{
    (void)state;
    struct note_key k = key_of(C2SP_KEY);
    static const char *const fine[] = {
        C2SP_TEXT "\n— other AAAAAAA=\n" C2SP_LINE, C2SP_NOTE "— other AAAAAAA=\n",
        C2SP_NOTE "— example.com/foo AAAAAAA=\n",     /* same name, other id */
        C2SP_NOTE "— example.com/fop Uw2QOkn8srU=\n", /* same id, other name */
    };
    static const char *const bad[] = {
        C2SP_NOTE C2SP_LINE,                      /* twice */
        C2SP_NOTE "— example.com/foo Uw2QOgA=\n", /* a known key with another signature */
        C2SP_NOTE "— other AAAAAA==\n",           /* an id and nothing else */
        C2SP_NOTE "— other AAAAAAA\n",            /* not base64 */
        C2SP_NOTE "— other AAAAAAB=\n",           /* not canonical */
        C2SP_NOTE "— oth+er AAAAAAA=\n",
        C2SP_NOTE "—  AAAAAAA=\n",
        C2SP_NOTE "—\n",
        C2SP_NOTE "- other AAAAAAA=\n",
        C2SP_NOTE "— oth\xe3\x80\x80"
                  "er AAAAAAA=\n", /* U+3000 is a space */
        C2SP_NOTE "— oth\xc2\xa0"
                  "er AAAAAAA=\n",
        C2SP_NOTE "— other  AAAAAAA=\n",
        C2SP_NOTE "— other AAAAAAA= \n",
        C2SP_NOTE "— other AAAAAAA=",
        C2SP_NOTE "\n",
        C2SP_NOTE "x",
        "\n" C2SP_NOTE,
        C2SP_TEXT C2SP_LINE,
        C2SP_TEXT "\n",
        C2SP_TEXT "\n\n" C2SP_LINE,
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        if (!verifies(fine[i], strlen(fine[i]), &k))
            fail_msg("fine %zu is refused", i);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (verifies(bad[i], strlen(bad[i]), &k))
            fail_msg("bad %zu is taken", i);
}

static void a_hundred_lines_and_no_more(void **state)
{
    (void)state;
    struct note_key k = key_of(C2SP_KEY);
    struct buf note = {0};
    buf_put(&note, C2SP_NOTE, strlen(C2SP_NOTE));
    for (int i = 1; i < NOTE_SIGNATURES_MAX; i++)
        buf_put(&note, "— w AAAAAAA=\n", strlen("— w AAAAAAA=\n"));
    assert_true(verifies((char *)note.data, note.len, &k));
    buf_put(&note, "— w AAAAAAA=\n", strlen("— w AAAAAAA=\n"));
    assert_false(verifies((char *)note.data, note.len, &k));
    buf_done(&note);
}

static void text_must_be_unicode_without_controls(void **state)
{
    (void)state;
    struct sign_key secret;
    sign_key_new(&secret);
    struct note_key k = {.name = "n"};
    memcpy(k.public_key, secret.public_key, SIGN_PUBLIC_BYTES);
    sign_key_done(&secret);
    /* Unsigned, so never valid; the message tells how far it came. */
    static const char *const form[] = {"\xff",
                                       "\xc0\x80",
                                       "\xe0\x80\x80",
                                       "\xed\xa0\x80",
                                       "\xf4\x90\x80\x80",
                                       "\xf0\x80\x80\x80",
                                       "\xc3",
                                       "\x80",
                                       "a\tb",
                                       "a\rb",
                                       "\x01"};
    static const char *const fine[] = {"\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\x7f",
                                       "é",
                                       "x"};
    char note[100];
    struct err e;
    size_t len;
    for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
        (void)snprintf(note, sizeof note, "%s\n\n— n AAAAAAA=\n", form[i]);
        assert_int_equal(note_verify(note, strlen(note), &k, &len, &e), -1);
        assert_non_null(strstr(e.msg, "UTF-8"));
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        (void)snprintf(note, sizeof note, "%s\n\n— n AAAAAAA=\n", fine[i]);
        assert_int_equal(note_verify(note, strlen(note), &k, &len, &e), -1);
        assert_non_null(strstr(e.msg, "not signed by"));
    }
    assert_int_equal(note_verify("a\0b\n\n— n AAAAAAA=\n", 20, &k, &len, &e), -1);
    assert_non_null(strstr(e.msg, "UTF-8"));
}

static void too_long_a_note_is_refused(void **state)
{
    (void)state;
    struct note_key k = key_of(C2SP_KEY);
    CLEANUP_FREE char *note = mem_zalloc(NOTE_MAX + 1);
    assert_non_null(note);
    memset(note, '\n', NOTE_MAX + 1);
    memcpy(note + NOTE_MAX + 1 - strlen(C2SP_NOTE), C2SP_NOTE, strlen(C2SP_NOTE));
    struct err e = ERR_INIT;
    size_t len;
    assert_int_equal(note_verify(note, NOTE_MAX + 1, &k, &len, &e), -1);
    assert_non_null(strstr(e.msg, "longer"));
}

static void keys_come_back_as_they_went(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    for (int cosigner = 0; cosigner < 2; cosigner++) {
        struct note_key k = {.name = "example.com/é/log"}, back = {0};
        struct sign_key secret;
        struct buf text = {0};
        bool is_cosigner = !cosigner;
        sign_key_new(&secret);
        memcpy(k.public_key, secret.public_key, SIGN_PUBLIC_BYTES);
        assert_int_equal(note_key_text(&k, cosigner, &text, &e), 0);
        buf_put_u8(&text, 0);
        assert_int_equal(note_key_parse((char *)text.data, &back, &is_cosigner, &e), 0);
        assert_memory_equal(&k, &back, sizeof k);
        assert_int_equal(is_cosigner, cosigner);
        buf_done(&text);
        sign_key_done(&secret);
    }
    struct note_key k = key_of(C2SP_KEY);
    struct buf text = {0};
    assert_int_equal(note_key_text(&k, false, &text, &e), 0);
    assert_int_equal(text.len, strlen(C2SP_KEY));
    assert_memory_equal(text.data, C2SP_KEY, text.len);
    buf_done(&text);
}

static void a_changed_key_is_refused(void **state)
{
    (void)state;
    char text[] = C2SP_KEY;
    struct note_key k;
    bool cosigner;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text[i] ^= (char)(1u << bit);
            if (note_key_parse(text, &k, &cosigner, &e) == 0)
                fail_msg("byte %zu, bit %u may be changed", i, bit);
            assert_int_equal(e.cls, ERR_USAGE);
            text[i] ^= (char)(1u << bit);
        }
    }
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char kept = text[i];
        text[i] = '\0';
        assert_int_equal(note_key_parse(text, &k, &cosigner, &e), -1);
        text[i] = kept;
    }
    assert_int_equal(note_key_parse(C2SP_KEY " ", &k, &cosigner, &e), -1);
    assert_int_equal(note_key_parse(C2SP_KEY "AAAA", &k, &cosigner, &e), -1);
    char longest[NOTE_NAME_MAX + 60];
    memset(longest, 'n', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(note_key_parse(longest, &k, &cosigner, &e), -1);
}

static void names_that_break_the_form_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "a b",
                                      "a+b",
                                      "a\nb",
                                      "a\tb",
                                      "\xff",
                                      "a\xe2\x80\xa8-b",
                                      "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct note_key k = {0};
        struct buf text = {0};
        struct err e = ERR_INIT;
        (void)snprintf(k.name, sizeof k.name, "%s", bad[i]);
        assert_int_equal(note_key_text(&k, false, &text, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        assert_int_equal(text.len, 0);
    }
}

static int init(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    return sign_init(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_of_others_verify),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(lines_of_others_are_passed_over_if_well_formed),
        cmocka_unit_test(a_hundred_lines_and_no_more),
        cmocka_unit_test(text_must_be_unicode_without_controls),
        cmocka_unit_test(too_long_a_note_is_refused),
        cmocka_unit_test(keys_come_back_as_they_went),
        cmocka_unit_test(a_changed_key_is_refused),
        cmocka_unit_test(names_that_break_the_form_are_refused),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
