/* SPDX-License-Identifier: Apache-2.0 */
/* What witnesses signed is kept, and holds the log to it. */
#include "log_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct log_world w;

/* The line of a witness over the checkpoint that the log has now; what it is about. */
static struct checkpoint line_of(struct tlog *t, const char *name, const struct sign_key *key,
                                 struct buf *line)
{
    struct buf note = {0};
    struct err e = ERR_INIT;
    struct checkpoint c;
    world_ok(tlog_checkpoint(t, &note, &e), &e);
    world_ok(checkpoint_verify(note.data, note.len, &w.log, &c, &e), &e);
    world_ok(checkpoint_cosign(note.data, note.len, name, key, 1700000000, line, &e), &e);
    buf_done(&note);
    return c;
}

static void add(struct tlog *t, const struct checkpoint *c, const struct note_key *who,
                const struct buf *line)
{
    struct err e = ERR_INIT;
    world_ok(tlog_add_cosignature(t, c, who, line->data, line->len, &e), &e);
}

/* Size of the kept one, and whether `who` signed it. */
static uint64_t kept(struct tlog *t, const struct note_key *who, bool *signed_out)
{
    struct buf note = {0};
    struct err e = ERR_INIT;
    struct checkpoint c;
    uint64_t time_s;
    world_ok(tlog_cosigned(t, &note, &e), &e);
    world_ok(checkpoint_verify(note.data, note.len, &w.log, &c, &e), &e);
    *signed_out = checkpoint_cosigned(note.data, note.len, who, &time_s);
    buf_done(&note);
    return c.size;
}

static void a_cosignature_is_kept(void **state)
{
    (void)state;
    bool is_signed;
    struct buf line = {0};
    struct tlog *t = world_create(&w);
    world_grow(t, 20);
    struct checkpoint at20 = line_of(t, w.witness.name, &w.witness_secret, &line);
    world_grow(t, 30); /* the log went on before the witness answered */
    add(t, &at20, &w.witness, &line);
    add(t, &at20, &w.witness, &line); /* twice is once */
    assert_int_equal(kept(t, &w.witness, &is_signed), 20);
    assert_true(is_signed);
    tlog_close(t);
    t = world_open(&w);
    assert_int_equal(kept(t, &w.witness, &is_signed), 20);
    /* The newest checkpoint carries what was added to exactly it. */
    buf_reset(&line);
    struct checkpoint at30 = line_of(t, w.witness.name, &w.witness_secret, &line);
    add(t, &at30, &w.witness, &line);
    struct buf note = {0};
    struct err e = ERR_INIT;
    uint64_t time_s = 0;
    world_ok(tlog_checkpoint(t, &note, &e), &e);
    assert_true(checkpoint_cosigned(note.data, note.len, &w.witness, &time_s));
    assert_int_equal(time_s, 1700000000);
    buf_reset(&note);
    world_grow(t, 31);
    world_ok(tlog_checkpoint(t, &note, &e), &e);
    assert_false(checkpoint_cosigned(note.data, note.len, &w.witness, &time_s));
    /* An older one changes nothing. */
    buf_reset(&line);
    assert_int_equal(kept(t, &w.witness, &is_signed), 30);
    buf_done(&note);
    buf_done(&line);
    assert_int_equal(world_faults(t, true), 0);
    tlog_close(t);
}

static void several_witnesses_sign_one_size(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w);
    struct err e = ERR_INIT;
    unsigned added = 0;
    world_grow(t, 5);
    for (unsigned i = 0; i < NOTE_SIGNATURES_MAX; i++) {
        struct sign_key key;
        struct note_key who = {0};
        struct buf line = {0};
        (void)snprintf(who.name, sizeof who.name, "witness-%u", i);
        sign_key_new(&key);
        memcpy(who.public_key, key.public_key, SIGN_PUBLIC_BYTES);
        struct checkpoint c = line_of(t, who.name, &key, &line);
        if (tlog_add_cosignature(t, &c, &who, line.data, line.len, &e) == 0)
            added++;
        else
            assert_int_equal(e.cls, ERR_LIMIT);
        buf_done(&line);
    }
    assert_int_equal(added, NOTE_SIGNATURES_MAX - 1); /* one is the log's own */
    tlog_close(t);
    t = world_open(&w);
    tlog_close(t);
}

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct buf line = {0}, two = {0};
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    world_grow(t, 20);
    struct checkpoint c = line_of(t, w.witness.name, &w.witness_secret, &line), other = c;
    other.root[0] ^= 1;
    assert_int_equal(tlog_add_cosignature(t, &other, &w.witness, line.data, line.len, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    other = c;
    other.size = 21;
    assert_int_equal(tlog_add_cosignature(t, &other, &w.witness, line.data, line.len, &e), -1);
    other = c;
    other.origin[0] = 'b';
    assert_int_equal(tlog_add_cosignature(t, &other, &w.witness, line.data, line.len, &e), -1);
    /* One of ours, signed by another, for another, cut, doubled. */
    assert_int_equal(tlog_add_cosignature(t, &c, &w.log, line.data, line.len, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    world_ok(tlog_root(t, 19, other.root, &e), &e);
    memcpy(other.origin, c.origin, sizeof other.origin);
    other.size = 19;
    assert_int_equal(tlog_add_cosignature(t, &other, &w.witness, line.data, line.len, &e), -1);
    assert_int_equal(tlog_add_cosignature(t, &c, &w.witness, line.data, line.len - 1, &e), -1);
    assert_int_equal(tlog_add_cosignature(t, &c, &w.witness, line.data, 0, &e), -1);
    buf_put(&two, line.data, line.len);
    buf_put(&two, "— other AAAAAAA=\n", strlen("— other AAAAAAA=\n"));
    assert_int_equal(tlog_add_cosignature(t, &c, &w.witness, two.data, two.len, &e), -1);
    for (size_t i = 0; i < line.len; i++) {
        line.data[i] ^= 1;
        assert_int_equal(tlog_add_cosignature(t, &c, &w.witness, line.data, line.len, &e), -1);
        line.data[i] ^= 1;
    }
    assert_int_equal(tlog_cosigned(t, &two, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    add(t, &c, &w.witness, &line);
    tlog_close(t);
    buf_done(&line);
    buf_done(&two);
}

/* The whole log is put back from an older copy, but for what the witness signed. */
static void a_log_that_was_rolled_back_is_not_opened(void **state)
{
    (void)state;
    char copy[2 * SCRATCH_PATH_MAX + 100];
    struct buf line = {0};
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    world_grow(t, 270);
    tlog_close(t);
    (void)snprintf(copy, sizeof copy, "%s/copy", w.top);
    struct log_world old = w;
    (void)snprintf(old.dir, sizeof old.dir, "%s/copy", w.top);
    world_ok(tlog_create(old.dir, WORLD_ORIGIN, &w.key, &e), &e);
    struct tlog *shorter = world_open(&old);
    world_grow(shorter, 269);
    tlog_close(shorter);
    t = world_open(&w);
    struct checkpoint c = line_of(t, w.witness.name, &w.witness_secret, &line);
    add(t, &c, &w.witness, &line);
    tlog_close(t);
    char from[SCRATCH_PATH_MAX + 40], to[SCRATCH_PATH_MAX + 40];
    (void)snprintf(from, sizeof from, "%s/cosigned", w.dir);
    (void)snprintf(to, sizeof to, "%s/cosigned", old.dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(tlog_open(old.dir, WORLD_ORIGIN, &w.key, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_non_null(strstr(e.msg, "put back"));
    buf_done(&line);
}

static int setup(void **state)
{
    (void)state;
    world_make(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_done(&w);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_cosignature_is_kept), T(several_witnesses_sign_one_size),
                                       T(what_is_not_ours_is_refused),
                                       T(a_log_that_was_rolled_back_is_not_opened)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
