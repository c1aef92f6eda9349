/* SPDX-License-Identifier: Apache-2.0 */
/* What a witness believes of hostile answers: one that goes on from what was seen, and no other. */
#include "base/mem.h"
#include "remote/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ORIGIN "abri.0123456789abcdef"
#define LEAVES 40

/* A log of LEAVES entries, and one that differs from `split` on. */
struct tree {
    uint8_t leaves[LEAVES][MERKLE_BYTES];
};
static struct tree honest, other;
static struct sign_key key, stranger;
static struct note_key log_key;

static void fill(struct tree *t, size_t split)
{
    for (size_t i = 0; i < LEAVES; i++) {
        char entry[32];
        int n = snprintf(entry, sizeof entry, "%s %zu", i < split ? "entry" : "other", i);
        merkle_leaf(entry, (size_t)n, t->leaves[i]);
    }
}

/* RFC 9162, 2.1.1, as it is written there. */
static void root(const struct tree *t, size_t at, size_t n, uint8_t out[MERKLE_BYTES])
{
    uint8_t left[MERKLE_BYTES], right[MERKLE_BYTES];
    size_t k = 1;
    if (n == 0) {
        merkle_empty(out);
        return;
    }
    if (n == 1) {
        memcpy(out, t->leaves[at], MERKLE_BYTES);
        return;
    }
    while (2 * k < n)
        k *= 2;
    root(t, at, k, left);
    root(t, at + k, n - k, right);
    merkle_node(left, right, out);
}

/* 2.1.4.1 */
static void subproof(const struct tree *t, size_t m, size_t at, size_t n, bool known, struct testimony *out)
{
    size_t k = 1;
    if (m == n) {
        if (!known)
            root(t, at, n, out->proof[out->count++]);
        return;
    }
    while (2 * k < n)
        k *= 2;
    if (m <= k) {
        subproof(t, m, at, k, known, out);
        root(t, at + k, n - k, out->proof[out->count++]);
    } else {
        subproof(t, m - k, at + k, n - k, false, out);
        root(t, at, k, out->proof[out->count++]);
    }
}

static struct checkpoint point(const struct tree *t, size_t size)
{
    struct checkpoint c = {.origin = ORIGIN, .size = size};
    root(t, 0, size, c.root);
    return c;
}

static struct testimony say(const struct tree *t, size_t from, size_t to, const struct sign_key *by)
{
    struct testimony out = {0};
    struct checkpoint c = point(t, to);
    assert_return_code(checkpoint_sign(&c, by, &out.note, NULL), 0);
    if (from && from < to)
        subproof(t, from, 0, to, true, &out);
    return out;
}

static int judge(const struct sighting *kept, const struct testimony *t, struct err *e)
{
    struct checkpoint now = {.size = 77777};
    *e = ERR_INIT;
    int rc = witness_judge(kept, &log_key, t, &now, e);
    if (rc) {
        assert_int_equal(e->cls, ERR_DAMAGED);
        assert_int_equal(now.size, 77777);
    }
    return rc;
}

static void a_log_that_grew_is_believed(void **state)
{
    struct err e;
    (void)state;
    for (size_t from = 0; from <= LEAVES; from++) {
        struct sighting kept = {.c = point(&honest, from)};
        for (size_t to = from; to <= LEAVES; to++) {
            struct testimony t = say(&honest, from, to, &key);
            assert_return_code(judge(&kept, &t, &e), 0);
            assert_return_code(judge(NULL, &t, &e), 0);
            testimony_done(&t);
        }
    }
}

static void what_was_seen_may_not_change(void **state)
{
    struct sighting kept = {.c = point(&honest, 20), .time_s = 1700000000};
    struct err e;
    (void)state;
    for (size_t size = 0; size < LEAVES; size++) {
        struct testimony less = say(&honest, 20, size, &key);
        if (size < 20) {
            assert_int_equal(judge(&kept, &less, &e), -1);
            assert_non_null(strstr(e.msg, "rolled back: it had 20 entries with root"));
            assert_non_null(strstr(e.msg, "on 2023-11-14"));
        } else {
            assert_return_code(judge(&kept, &less, &e), 0);
        }
        testimony_done(&less);
        struct testimony fork = say(&other, 20, size, &key);
        assert_int_equal(judge(&kept, &fork, &e), -1);
        assert_non_null(strstr(e.msg, size < 20 ? "rolled back" : "forked"));
        testimony_done(&fork);
    }
}

static void a_proof_that_is_not_one_is_refused(void **state)
{
    struct sighting kept = {.c = point(&honest, 13)};
    struct err e;
    (void)state;
    struct testimony t = say(&honest, 13, 37, &key);
    assert_true(t.count > 3);
    for (size_t i = 0; i < t.count; i++) {
        t.proof[i][i] ^= 1;
        assert_int_equal(judge(&kept, &t, &e), -1);
        assert_non_null(strstr(e.msg, "forked"));
        t.proof[i][i] ^= 1;
    }
    t.count--;
    assert_int_equal(judge(&kept, &t, &e), -1);
    t.count = 0;
    assert_int_equal(judge(&kept, &t, &e), -1);
    testimony_done(&t);
    /* the proof of the forked log between its own states */
    t = say(&other, 13, 37, &key);
    assert_int_equal(judge(&kept, &t, &e), -1);
    testimony_done(&t);
}

static void only_the_pinned_key_speaks_for_the_log(void **state)
{
    struct sighting kept = {.c = point(&honest, 13)};
    struct err e;
    (void)state;
    struct testimony t = say(&honest, 13, 14, &stranger);
    assert_int_equal(judge(&kept, &t, &e), -1);
    assert_non_null(strstr(e.msg, "not the one of its enrolment"));
    assert_int_equal(judge(NULL, &t, &e), -1);
    testimony_done(&t);
    t = say(&honest, 13, 14, &key); /* every byte counts */
    for (size_t i = 0; i < t.note.len; i++) {
        t.note.data[i] ^= 4;
        assert_int_equal(judge(&kept, &t, &e), -1);
        t.note.data[i] ^= 4;
    }
    assert_return_code(judge(&kept, &t, &e), 0);
    testimony_done(&t);
}

/* ---- answers as they come ------------------------------------------------------------------ */

static void answers_that_make_no_sense_are_refused(void **state)
{
    static const char *const bad[] = {
        "", "garbage", "{}", "[]", "null", "{\"checkpoint\":1,\"proof\":[]}", "{\"checkpoint\":\"x\"}",
        "{\"checkpoint\":\"x\",\"proof\":{}}", "{\"checkpoint\":\"x\",\"proof\":[1]}",
        "{\"checkpoint\":\"x\",\"proof\":[\"AAAA\"]}", "{\"checkpoint\":\"x\",\"proof\":[\"\"]}",
        "{\"checkpoint\":\"x\",\"checkpoint\":\"y\",\"proof\":[]}", "{\"checkpoint\":\"x\",\"proof\":[]} x",
        "{\"checkpoint\":\"x\",\"proof\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\"]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct testimony t = {.count = 99};
        struct err e = ERR_INIT;
        if (testimony_take(bad[i], strlen(bad[i]), &t, &e) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(e.cls, ERR_DAMAGED);
        assert_int_equal(t.count, 99);
    }
    struct testimony t;
    static const char good[] = "{\"checkpoint\":\"x\",\"proof\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]}";
    assert_return_code(testimony_take(good, sizeof good - 1, &t, NULL), 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.note.len, 1);
    testimony_done(&t);
}

static void answers_that_are_too_long_are_refused(void **state)
{
    struct testimony t;
    struct err e = ERR_INIT;
    (void)state;
    for (int proof = 0; proof < 2; proof++) {
        json_t *o = json_object(), *array = json_array();
        char *text = test_malloc(NOTE_MAX + 2);
        memset(text, 'x', NOTE_MAX + 1);
        text[proof ? 1 : NOTE_MAX + 1] = '\0';
        for (int i = 0; proof && i < MERKLE_PROOF_MAX + 1; i++)
            (void)json_array_append_new(array, json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        (void)json_object_set_new(o, "checkpoint", json_string(text));
        (void)json_object_set_new(o, "proof", array);
        char *json = json_dumps(o, 0);
        e = ERR_INIT;
        assert_int_equal(testimony_take(json, strlen(json), &t, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        free(json);
        test_free(text);
        json_decref(o);
    }
}

static int begin(void **state)
{
    static const uint8_t a[SIGN_SEED_BYTES] = {1}, b[SIGN_SEED_BYTES] = {2};
    (void)state;
    if (sign_init(NULL))
        return -1;
    sign_key_from_seed(a, &key);
    sign_key_from_seed(b, &stranger);
    memcpy(log_key.name, ORIGIN, sizeof ORIGIN);
    memcpy(log_key.public_key, key.public_key, SIGN_PUBLIC_BYTES);
    fill(&honest, LEAVES);
    fill(&other, 12);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_grew_is_believed),
        cmocka_unit_test(what_was_seen_may_not_change),
        cmocka_unit_test(a_proof_that_is_not_one_is_refused),
        cmocka_unit_test(only_the_pinned_key_speaks_for_the_log),
        cmocka_unit_test(answers_that_make_no_sense_are_refused),
        cmocka_unit_test(answers_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
