/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is changed on disk is found: by opening, or by verifying. */
#include "log_world.h"

#include "base/file.h"
#include "base/mem.h"
#include "tlog/tlog_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct log_world w;

static void path_of(const char *name, char out[SCRATCH_PATH_MAX + 100])
{
    (void)snprintf(out, SCRATCH_PATH_MAX + 100, "%s/%s", w.dir, name);
}

static struct buf slurp(const char *name)
{
    char path[SCRATCH_PATH_MAX + 100];
    struct buf b = {0};
    struct err e = ERR_INIT;
    path_of(name, path);
    world_ok(file_slurp(AT_FDCWD, path, (size_t)1 << 26, &b, &e), &e);
    return b;
}

static void spill(const char *name, const void *p, size_t len)
{
    char path[SCRATCH_PATH_MAX + 100];
    path_of(name, path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* How many faults an auditor finds; one if the log does not open for what is wrong with it. */
static uint64_t found(void)
{
    struct tlog *t = NULL;
    struct err e = ERR_INIT;
    if (tlog_open_reader_with(w.dir, &w.log, &world_ops, NULL, &t, &e)) {
        if (e.cls != ERR_DAMAGED && e.cls != ERR_NEWER)
            fail_msg("%s: %s", err_class_name(e.cls), e.msg);
        return 1;
    }
    uint64_t faults = world_faults(t, false);
    tlog_close(t);
    return faults;
}

/* 600 entries in tiles, `behind` in the journal as a crash leaves it, and a witness. */
static void make_log(uint64_t behind)
{
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    world_grow(t, 600);
    struct buf note = {0}, line = {0};
    struct checkpoint c = world_checkpoint(&w, t);
    world_ok(tlog_checkpoint(t, &note, &e), &e);
    world_ok(
        checkpoint_cosign(note.data, note.len, w.witness.name, &w.witness_secret, 1, &line, &e),
        &e);
    world_ok(tlog_add_cosignature(t, &c, &w.witness, line.data, line.len, &e), &e);
    buf_done(&note);
    buf_done(&line);
    tlog_close(t);
    if (behind == 0)
        return;
    struct buf checkpoint = slurp("checkpoint");
    t = world_open(&w);
    world_grow(t, 600 + behind);
    struct buf pending = slurp("pending");
    tlog_close(t);
    spill("pending", pending.data, pending.len);
    spill("checkpoint", checkpoint.data, checkpoint.len);
    buf_done(&pending);
    buf_done(&checkpoint);
    assert_int_equal(found(), 0);
}

static void every_changed_byte(const char *name, size_t step)
{
    struct buf b = slurp(name);
    for (size_t i = 0; i < b.len; i += step) {
        uint8_t bit = (uint8_t)(1u << i % 8);
        b.data[i] ^= bit;
        spill(name, b.data, b.len);
        if (found() == 0)
            fail_msg("%s: byte %zu of %zu may be changed", name, i, b.len);
        b.data[i] ^= bit;
    }
    spill(name, b.data, b.len);
    buf_done(&b);
}

static void a_changed_byte_is_found_in_every_file(void **state)
{
    (void)state;
    make_log(0);
    assert_int_equal(found(), 0);
    every_changed_byte("checkpoint", 3);
    every_changed_byte("tile/0/000", 97);
    every_changed_byte("tile/0/001", 89);
    every_changed_byte("tile/0/002.p/88", 31);
    every_changed_byte("tile/1/000.p/2", 1);
    every_changed_byte("tile/entries/000", 101);
    every_changed_byte("tile/entries/002.p/88", 53);
    every_changed_byte("pending", 3);
    assert_int_equal(found(), 0);
}

/* The witness's own line is the witness's business; the rest is ours. */
static void a_changed_cosigned_checkpoint_is_found(void **state)
{
    (void)state;
    make_log(0);
    struct buf b = slurp("cosigned");
    size_t lines = 0, own = 0;
    for (; own < b.len && lines < 5; own++)
        lines += b.data[own] == '\n';
    for (size_t i = 0; i < own; i++) {
        b.data[i] ^= 1;
        spill("cosigned", b.data, b.len);
        if (found() == 0)
            fail_msg("byte %zu of cosigned may be changed", i);
        b.data[i] ^= 1;
    }
    buf_done(&b);
}

static void a_changed_byte_is_found_in_the_journal(void **state)
{
    (void)state;
    make_log(5);
    every_changed_byte("pending", 3);
    assert_int_equal(found(), 0);
}

/* Cutting the journal is what a crash may do: entries are lost, and only a checkpoint that somebody
 * kept tells. It must never be read as anything else. */
static void a_cut_journal_is_a_shorter_log(void **state)
{
    (void)state;
    make_log(5);
    struct buf b = slurp("pending");
    for (size_t len = 0; len < b.len; len += 61) {
        spill("pending", b.data, len);
        struct tlog *t = NULL;
        struct err e = ERR_INIT;
        if (tlog_open_reader_with(w.dir, &w.log, &world_ops, NULL, &t, &e)) {
            assert_true(len < 512);
            assert_int_equal(e.cls, ERR_DAMAGED);
            continue;
        }
        assert_in_range(tlog_size(t), 600, 605);
        world_check(&w, t, tlog_size(t));
        tlog_close(t);
    }
    /* Zeros instead of a record in the middle are no torn write. */
    size_t second = 0;
    for (size_t i = 1024; i < b.len && !second; i += 512)
        if (memcmp(b.data + i, "abri.LPR", 8) == 0)
            second = i;
    assert_true(second > 0);
    memset(b.data + 512, 0, second - 512);
    spill("pending", b.data, b.len);
    assert_int_equal(found(), 1);
    buf_done(&b);
}

/* A block of zeros in the last record is a torn write; the same in an older one is damage. */
static void only_the_last_record_may_be_torn(void **state)
{
    (void)state;
    uint8_t large[2000];
    struct err e = ERR_INIT;
    uint64_t index;
    memset(large, 'x', sizeof large);
    struct tlog *t = world_create(&w);
    struct buf checkpoint = slurp("checkpoint");
    world_grow(t, 3);
    world_ok(tlog_append(t, large, sizeof large, &index, &e), &e);
    struct buf torn = slurp("pending");
    world_ok(tlog_append(t, large, sizeof large, &index, &e), &e);
    struct buf older = slurp("pending");
    tlog_close(t);
    spill("checkpoint", checkpoint.data, checkpoint.len);
    memset(torn.data + torn.len - 1024, 0, 512);
    memset(older.data + torn.len - 1024, 0, 512);
    spill("pending", torn.data, torn.len);
    t = world_open(&w);
    world_check(&w, t, 3);
    tlog_close(t);
    spill("checkpoint", checkpoint.data, checkpoint.len);
    spill("pending", older.data, older.len);
    assert_int_equal(found(), 1);
    buf_done(&torn);
    buf_done(&older);
    buf_done(&checkpoint);
}

/* Somebody without the key changes an entry and makes all hashes agree. */
static void a_record_that_hashes_and_is_not_signed_is_found(void **state)
{
    (void)state;
    struct journal_record r;
    enum journal_state end;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    uint64_t index, base;
    struct buf checkpoint = slurp("checkpoint"), forged = {0};
    world_ok(tlog_append(t, "pay 100", 7, &index, &e), &e);
    struct buf pending = slurp("pending");
    tlog_close(t);
    size_t at = JOURNAL_BLOCK;
    world_ok(journal_head(&pending, &base, &e), &e);
    world_ok(journal_next(&pending, &at, &r, &end, &e), &e);
    assert_int_equal(end, JOURNAL_RECORD);
    pending.data[(size_t)(r.entries - pending.data) + 2 + 4] = '9';
    journal_put_head(&forged, base);
    journal_put(&forged, &r);
    spill("checkpoint", checkpoint.data, checkpoint.len);
    spill("pending", forged.data, forged.len);
    t = NULL; /* it is not even opened, let alone signed over */
    assert_int_equal(tlog_open_with(w.dir, WORLD_ORIGIN, &w.key, &world_ops, NULL, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&pending);
    buf_done(&forged);
    buf_done(&checkpoint);
}

static void a_checkpoint_that_was_put_back_is_found(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w);
    world_grow(t, 60);
    tlog_close(t);
    struct buf old = slurp("checkpoint");
    t = world_open(&w);
    world_grow(t, 70);
    tlog_close(t);
    assert_int_equal(found(), 0);
    spill("checkpoint", old.data, old.len);
    assert_int_equal(found(), 1);
    buf_done(&old);
}

static void a_missing_file_is_found(void **state)
{
    (void)state;
    static const char *const names[] = {
        "checkpoint",       "pending",          "tile/0/000",
        "tile/0/001",       "tile/0/002.p/88",  "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"};
    make_log(0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[SCRATCH_PATH_MAX + 100];
        struct buf b = slurp(names[i]);
        path_of(names[i], path);
        assert_int_equal(unlink(path), 0);
        if (found() == 0)
            fail_msg("%s may be missing", names[i]);
        for (size_t cut = 0; cut < b.len; cut += b.len / 5 + 1) {
            spill(names[i], b.data, cut);
            if (found() == 0)
                fail_msg("%s may be cut to %zu", names[i], cut);
        }
        buf_put_u8(&b, 0);
        spill(names[i], b.data, b.len);
        if (found() == 0 && strcmp(names[i], "pending") != 0) /* a byte there is a torn write */
            fail_msg("%s may be longer", names[i]);
        spill(names[i], b.data, b.len - 1);
        buf_done(&b);
    }
    assert_int_equal(found(), 0);
}

static void exchanged_bundles_are_found(void **state)
{
    (void)state;
    make_log(0);
    struct buf a = slurp("tile/entries/000"), b = slurp("tile/entries/001");
    spill("tile/entries/000", b.data, b.len);
    spill("tile/entries/001", a.data, a.len);
    assert_true(found() > 0);
    /* With their tiles, too: no leaf is wrong, only the root. */
    struct buf c = slurp("tile/0/000"), d = slurp("tile/0/001");
    spill("tile/0/000", d.data, d.len);
    spill("tile/0/001", c.data, c.len);
    assert_true(found() > 0);
    struct buf up = slurp("tile/1/000.p/2");
    uint8_t swapped[64];
    memcpy(swapped, up.data + 32, 32);
    memcpy(swapped + 32, up.data, 32);
    spill("tile/1/000.p/2", swapped, 64);
    assert_true(found() > 0);
    buf_done(&a);
    buf_done(&b);
    buf_done(&c);
    buf_done(&d);
    buf_done(&up);
}

/* Another log of the same name and length, signed by another key, in place of ours. */
static void a_log_of_another_key_is_found(void **state)
{
    (void)state;
    make_log(0);
    scratch_remove(w.dir);
    struct err e = ERR_INIT;
    struct tlog *t = NULL;
    world_ok(tlog_create(w.dir, WORLD_ORIGIN, &w.witness_secret, &e), &e);
    world_ok(tlog_open(w.dir, WORLD_ORIGIN, &w.witness_secret, &t, &e), &e);
    world_grow(t, 600);
    tlog_close(t);
    assert_true(found() > 0);
}

/* A shorter log of the same key beneath a writer that still runs. */
static void a_tail_that_is_dropped_under_a_writer_is_found(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct log_world other = w;
    (void)snprintf(other.dir, sizeof other.dir, "%s/short", w.top);
    world_ok(tlog_create(other.dir, WORLD_ORIGIN, &w.key, &e), &e);
    struct tlog *t = world_open(&other);
    world_grow(t, 100);
    tlog_close(t);
    t = world_create(&w);
    world_grow(t, 101);
    assert_int_equal(world_faults(t, true), 0);
    static const char *const names[] = {"checkpoint", "pending"};
    for (size_t i = 0; i < 2; i++) {
        char from[SCRATCH_PATH_MAX + 100], to[SCRATCH_PATH_MAX + 100];
        (void)snprintf(from, sizeof from, "%s/%s", other.dir, names[i]);
        path_of(names[i], to);
        assert_int_equal(rename(from, to), 0);
    }
    char from[SCRATCH_PATH_MAX + 100], to[SCRATCH_PATH_MAX + 100];
    (void)snprintf(from, sizeof from, "%s/tile", other.dir);
    path_of("tile", to);
    assert_int_equal(rename(from, to), 0);
    assert_true(world_faults(t, false) > 0);
    tlog_close(t);
}

static void a_damaged_entry_is_not_read(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    make_log(0);
    struct buf b = slurp("tile/entries/000"), out = {0};
    b.data[b.len - 1] ^= 1;
    spill("tile/entries/000", b.data, b.len);
    struct tlog *t = world_open(&w); /* opening looks at the right edge only */
    assert_int_equal(tlog_entry(t, 255, &out, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(out.len, 0);
    world_ok(tlog_entry(t, 254, &out, &e), &e);
    uint64_t index;
    world_ok(tlog_append(t, "x", 1, &index, &e), &e);
    assert_true(world_faults(t, false) > 0);
    tlog_close(t);
    buf_done(&b);
    buf_done(&out);
}

static void damaged_tiles_prove_nothing(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES];
    size_t count;
    make_log(0);
    struct buf b = slurp("tile/0/000");
    b.data[17 * 32] ^= 1;
    spill("tile/0/000", b.data, b.len);
    struct tlog *t = world_open(&w);
    assert_int_equal(tlog_prove_inclusion(t, 16, 600, proof, &count, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    world_ok(tlog_prove_inclusion(t, 300, 600, proof, &count, &e), &e);
    tlog_close(t);
    buf_done(&b);
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
    const struct CMUnitTest tests[] = {
        T(a_changed_byte_is_found_in_every_file),
        T(a_changed_cosigned_checkpoint_is_found),
        T(a_changed_byte_is_found_in_the_journal),
        T(a_cut_journal_is_a_shorter_log),
        T(only_the_last_record_may_be_torn),
        T(a_record_that_hashes_and_is_not_signed_is_found),
        T(a_checkpoint_that_was_put_back_is_found),
        T(a_missing_file_is_found),
        T(exchanged_bundles_are_found),
        T(a_log_of_another_key_is_found),
        T(a_tail_that_is_dropped_under_a_writer_is_found),
        T(a_damaged_entry_is_not_read),
        T(damaged_tiles_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
