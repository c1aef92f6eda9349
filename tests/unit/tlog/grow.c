/* SPDX-License-Identifier: Apache-2.0 */
/* A log grows, is closed and opened, and is always what was appended. */
#include "log_world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct log_world w;

static void an_empty_log_has_a_checkpoint(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w);
    world_check(&w, t, 0);
    assert_int_equal(world_faults(t, true), 0);
    struct buf out = {0};
    struct err e = ERR_INIT;
    assert_int_equal(tlog_entry(t, 0, &out, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(tlog_cosigned(t, &out, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    tlog_close(t);
    t = world_open(&w);
    world_check(&w, t, 0);
    tlog_close(t);
}

/* After each size: as the writer sees it, as a reader beside it, after closing. */
static void every_size_is_whole(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1,   2,   3,   5,   100, 255,  256, 257,
                                     300, 511, 512, 513, 700, 1024, 1300};
    struct tlog *t = world_create(&w);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world_grow(t, sizes[i]);
        world_check(&w, t, sizes[i]);
        struct tlog *reader = world_reader(&w);
        world_check(&w, reader, sizes[i]);
        assert_int_equal(world_faults(reader, true), 0);
        tlog_close(reader);
        if (i % 3 == 0) {
            assert_int_equal(world_faults(t, true), 0);
            continue;
        }
        tlog_close(t);
        reader = world_reader(&w);
        world_check(&w, reader, sizes[i]);
        tlog_close(reader);
        t = world_open(&w);
        world_check(&w, t, sizes[i]);
        assert_int_equal(world_faults(t, true), 0);
    }
    tlog_close(t);
}

static bool there(const char *name)
{
    char path[SCRATCH_PATH_MAX + 100];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", w.dir, name);
    return stat(path, &st) == 0;
}

static void the_layout_is_that_of_c2sp(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w);
    world_grow(t, 200);
    tlog_close(t);
    assert_true(there("checkpoint") && there("tile/0/000.p/200") &&
                there("tile/entries/000.p/200"));
    assert_false(there("tile/1") || there("tile/0/000"));
    t = world_open(&w);
    world_grow(t, 600);
    tlog_close(t);
    assert_true(there("tile/0/000") && there("tile/0/001") && there("tile/0/002.p/88") &&
                there("tile/1/000.p/2"));
    assert_true(there("tile/entries/000") && there("tile/entries/001") &&
                there("tile/entries/002.p/88"));
    assert_false(there("tile/0/000.p") || there("tile/entries/000.p") || there("tile/2"));
}

static void one_writer_at_a_time(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w), *second = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(tlog_open(w.dir, WORLD_ORIGIN, &w.key, &second, &e), -1);
    assert_int_equal(e.cls, ERR_BUSY);
    assert_null(second);
    tlog_close(t);
    t = world_open(&w);
    tlog_close(t);
}

static void what_is_there_is_not_made_again(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = NULL;
    assert_int_equal(tlog_open(w.dir, WORLD_ORIGIN, &w.key, &t, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(mkdir(w.dir, 0700), 0);
    assert_int_equal(tlog_open(w.dir, WORLD_ORIGIN, &w.key, &t, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    t = world_create(&w); /* into an empty directory */
    world_grow(t, 3);
    assert_int_equal(tlog_create(w.dir, WORLD_ORIGIN, &w.key, &e), -1);
    tlog_close(t);
    assert_int_equal(tlog_create(w.dir, WORLD_ORIGIN, &w.key, &e), -1);
    assert_int_equal(e.cls, ERR_EXISTS);
    assert_int_equal(tlog_create(w.dir, "two words", &w.key, &e), -1);
    /* Nor when the checkpoint was lost. */
    char path[SCRATCH_PATH_MAX + 100];
    (void)snprintf(path, sizeof path, "%s/checkpoint", w.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tlog_open(w.dir, WORLD_ORIGIN, &w.key, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(tlog_create(w.dir, WORLD_ORIGIN, &w.key, &e), -1);
    assert_int_equal(e.cls, ERR_EXISTS);
}

static void an_origin_is_a_name(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(tlog_create(w.dir, "two words", &w.key, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(tlog_create(w.dir, "", &w.key, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
}

static void another_key_or_origin_does_not_open(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    world_grow(t, 3);
    tlog_close(t);
    assert_int_equal(tlog_open(w.dir, WORLD_ORIGIN, &w.witness_secret, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(tlog_open(w.dir, "another", &w.key, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(tlog_open_reader(w.dir, &w.witness, &t, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
}

static void a_newer_log_is_left_alone(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    tlog_close(t);
    char path[SCRATCH_PATH_MAX + 100];
    (void)snprintf(path, sizeof path, "%s/pending", w.dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 8, SEEK_SET), 0);
    assert_int_equal(fputc(2, f), 2);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(tlog_open(w.dir, WORLD_ORIGIN, &w.key, &t, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
}

static void the_largest_entries_fit_and_no_larger(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    CLEANUP_FREE uint8_t *entry = mem_alloc(TLOG_ENTRY_MAX + 1);
    assert_non_null(entry);
    memset(entry, 'x', TLOG_ENTRY_MAX + 1);
    uint64_t index = 7;
    assert_int_equal(tlog_append(t, entry, TLOG_ENTRY_MAX + 1, &index, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    assert_int_equal(index, 7);
    for (unsigned i = 0; i < 300; i++) { /* over several sizes of the journal */
        entry[0] = (uint8_t)i;
        world_ok(tlog_append(t, entry, TLOG_ENTRY_MAX, &index, &e), &e);
        assert_int_equal(index, i);
    }
    world_ok(tlog_append(t, NULL, 0, &index, &e), &e);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 300; i += 37) {
            struct buf out = {0};
            world_ok(tlog_entry(t, i, &out, &e), &e);
            entry[0] = (uint8_t)i;
            assert_int_equal(out.len, TLOG_ENTRY_MAX);
            assert_memory_equal(out.data, entry, out.len);
            buf_done(&out);
        }
        assert_int_equal(world_faults(t, true), 0);
        tlog_close(t);
        t = world_open(&w);
    }
    tlog_close(t);
}

static int stop_at_five(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    (void)entry;
    (void)len;
    (void)e;
    ++*(unsigned *)arg;
    return index == 5 ? 42 : 0;
}

static void a_scan_ends_where_it_is_told(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w);
    unsigned heard = 0;
    world_grow(t, 300);
    assert_int_equal(tlog_scan(t, 2, 300, stop_at_five, &heard, &e), 42);
    assert_int_equal(heard, 4);
    assert_int_equal(tlog_scan(t, 7, 7, stop_at_five, &heard, &e), 0);
    assert_int_equal(tlog_scan(t, 250, 300, stop_at_five, &heard, &e), 0);
    assert_int_equal(heard, 54);
    assert_int_equal(tlog_scan(t, 250, 301, stop_at_five, &heard, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_int_equal(tlog_scan(t, 8, 7, stop_at_five, &heard, &e), -1);
    tlog_close(t);
}

static void a_reader_sees_and_does_not_write(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct tlog *t = world_create(&w), *reader;
    world_grow(t, 40);
    reader = world_reader(&w);
    world_grow(t, 700);
    world_check(&w, reader, 40); /* what was durable then */
    uint64_t index;
    assert_int_equal(tlog_append(reader, "x", 1, &index, &e), -1);
    assert_int_equal(e.cls, ERR_READ_ONLY);
    tlog_close(reader);
    world_check(&w, t, 700);
    tlog_close(t);
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
        T(an_empty_log_has_a_checkpoint),
        T(every_size_is_whole),
        T(the_layout_is_that_of_c2sp),
        T(one_writer_at_a_time),
        T(what_is_there_is_not_made_again),
        T(an_origin_is_a_name),
        T(another_key_or_origin_does_not_open),
        T(a_newer_log_is_left_alone),
        T(the_largest_entries_fit_and_no_larger),
        T(a_scan_ends_where_it_is_told),
        T(a_reader_sees_and_does_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
