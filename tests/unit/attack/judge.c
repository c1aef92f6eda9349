/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever judges is lied to: an attack has held only if all claims were looked at and none was false. */
#include "attack/play.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- verdicts ------------------------------------------------------------------------------- */

static void nothing_claimed_is_not_held(void **state)
{
    struct play p = {0};
    (void)state;
    play_tell(&p, "all is well");
    play_finish(&p, 0);
    assert_int_equal(p.result.verdict, ATTACK_NOT_KNOWN);
}

static void one_that_ended_early_is_not_held(void **state)
{
    struct play p = {0};
    (void)state;
    assert_true(play_claim(&p, true, "a"));
    assert_true(play_claim(&p, true, "b"));
    play_finish(&p, 3);
    assert_int_equal(p.result.verdict, ATTACK_NOT_KNOWN);
    assert_non_null(strstr(p.result.text, "2 of 3"));
}

static void an_error_is_not_held(void **state)
{
    struct play p = {0};
    (void)state;
    assert_true(play_claim(&p, true, "a"));
    (void)err_set(&p.error, ERR_OFFLINE, "the server is gone");
    play_finish(&p, 1);
    assert_int_equal(p.result.verdict, ATTACK_NOT_KNOWN);
    assert_string_equal(p.result.text, "the server is gone");
}

static void one_false_claim_among_many_breaks_it(void **state)
{
    struct play p = {0};
    (void)state;
    play_tell(&p, "so far so good");
    for (int i = 0; i < 100; i++)
        (void)play_claim(&p, i != 57, "number %d", i);
    play_tell(&p, "and all the rest was fine");
    (void)play_claim(&p, false, "another");
    (void)err_set(&p.error, ERR_IO, "then it ended");
    play_gap(&p, "this is not promised");
    play_finish(&p, 1);
    assert_int_equal(p.result.verdict, ATTACK_BROKE);
    assert_int_equal(p.result.failed, 2);
    assert_string_equal(p.result.text, "number 57");
}

static void what_is_not_promised_is_said(void **state)
{
    struct play p = {0};
    (void)state;
    (void)play_claim(&p, true, "a");
    play_gap(&p, "b is not there");
    play_finish(&p, 1);
    assert_int_equal(p.result.verdict, ATTACK_PARTLY);
    assert_string_equal(p.result.gap, "b is not there");
}

static void all_looked_at_and_true_is_held(void **state)
{
    struct play p = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        (void)play_claim(&p, true, "a");
    play_tell(&p, "first");
    play_tell(&p, "second");
    play_finish(&p, 3);
    assert_int_equal(p.result.verdict, ATTACK_HELD);
    assert_string_equal(p.result.text, "first; second");
}

static void texts_have_an_end(void **state)
{
    struct play p = {0};
    (void)state;
    for (int i = 0; i < 1000; i++)
        play_tell(&p, "%d words that go on and on", i);
    assert_true(strlen(p.result.text) < ATTACK_TEXT);
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void what_was_let_through_is_no_refusal(void **state)
{
    struct refusal_tally t = {0};
    (void)state;
    assert_true(judge_refused(&t, "a", 403));
    assert_true(judge_refused(&t, "b", 0));
    assert_true(judge_refused(&t, "c", 500));
    assert_false(judge_refused(&t, "DELETE x", 200));
    assert_false(judge_refused(&t, "DELETE y", 204));
    assert_false(judge_refused(&t, "DELETE z", 302));
    assert_int_equal(t.asked, 6);
    assert_int_equal(t.refused, 3);
    assert_string_equal(t.first, "DELETE x was answered with 200");
}

static void answers_that_differ_are_told_apart(void **state)
{
    const struct told none = {404, "not_found", "there is no such vault"};
    struct told other = none;
    (void)state;
    assert_true(judge_same(&none, &other));
    other.status = 403;
    assert_false(judge_same(&none, &other));
    other = none;
    other.code[0] = 'N';
    assert_false(judge_same(&none, &other));
    other = none;
    (void)snprintf(other.text, sizeof other.text, "there is no such vault ");
    assert_false(judge_same(&none, &other));
    const struct told silent = {0};
    assert_false(judge_same(&silent, &silent)); /* two lost answers say nothing */
}

/* ---- files ------------------------------------------------------------------------------------- */

static void put(struct file_prints *l, const char *name, uint8_t hash)
{
    l->items = mem_realloc(l->items, l->count + 1, sizeof *l->items);
    assert_non_null(l->items);
    l->items[l->count] = (struct file_print){.hash = {hash}};
    (void)snprintf(l->items[l->count++].name, sizeof l->items->name, "%s", name);
}

static void a_file_that_went_or_changed_is_seen(void **state)
{
    struct file_prints before = {0}, after = {0};
    struct print_change c;
    (void)state;
    put(&before, "packs/a", 1);
    put(&before, "packs/b", 2);
    put(&before, "packs/c", 3);
    put(&before, "vault", 4);
    judge_files(&before, &before, &c);
    assert_int_equal(c.missing + c.changed + c.added, 0);
    put(&after, "packs/a", 1);
    put(&after, "packs/aa", 9);
    put(&after, "packs/c", 33);
    judge_files(&before, &after, &c);
    assert_int_equal(c.missing, 2);
    assert_int_equal(c.changed, 1);
    assert_int_equal(c.added, 1);
    assert_string_equal(c.first, "packs/b is gone");
    struct file_prints none = {0};
    judge_files(&before, &none, &c);
    assert_int_equal(c.missing, 4);
    file_prints_done(&before);
    file_prints_done(&after);
}

/* ---- the table ------------------------------------------------------------------------------------ */

static void every_attack_claims_something(void **state)
{
    (void)state;
    assert_int_equal(attack_count, 24);
    for (size_t i = 0; i < attack_count; i++) {
        const struct attack *a = &attacks[i];
        char id[32];
        (void)snprintf(id, sizeof id, "A%zu", i + 1);
        assert_string_equal(a->id, id);
        assert_ptr_equal(attack_find(id), a);
        assert_int_equal(a->needs == ATTACK_NEEDS_MORE, a->run == NULL);
        assert_int_equal(a->needs == ATTACK_NEEDS_MORE, a->missing != NULL);
        if (a->run)
            assert_true(a->claims > 0);
    }
    assert_null(attack_find("A25"));
    assert_null(attack_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_claimed_is_not_held),
        cmocka_unit_test(one_that_ended_early_is_not_held),
        cmocka_unit_test(an_error_is_not_held),
        cmocka_unit_test(one_false_claim_among_many_breaks_it),
        cmocka_unit_test(what_is_not_promised_is_said),
        cmocka_unit_test(all_looked_at_and_true_is_held),
        cmocka_unit_test(texts_have_an_end),
        cmocka_unit_test(what_was_let_through_is_no_refusal),
        cmocka_unit_test(answers_that_differ_are_told_apart),
        cmocka_unit_test(a_file_that_went_or_changed_is_seen),
        cmocka_unit_test(every_attack_claims_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
