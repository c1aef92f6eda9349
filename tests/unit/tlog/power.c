/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power is cut after every system call. What comes up again opens, holds every entry whose
 * append had returned, and goes on; so no checkpoint that was handed out is ever contradicted,
 * because the entries of each number are fixed (log_world.h).
 */
#include "log_world.h"
#include "store_record.h"
#include "tlog/tlog_test.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the log's calls, recorded as a store's ------------------------------------------------ */

static struct store_dir_at at(int dirfd, const char *path)
{
    return (struct store_dir_at){.dirfd = dirfd, .name = path, .path = path};
}

static int rec_create(void *arg, int dirfd, const char *path)
{
    struct store_dir_at a = at(dirfd, path);
    return store_record_ops.create(arg, &a);
}

static ssize_t rec_pwrite(void *arg, int fd, const char *path, const void *p, size_t len, off_t off)
{
    return store_record_ops.pwrite(arg, fd, path, p, len, off);
}

static int rec_fdatasync(void *arg, int fd, const char *path)
{
    return store_record_ops.fdatasync(arg, fd, path);
}

static int rec_sync_dir(void *arg, int fd, const char *path)
{
    return store_record_ops.sync_dir(arg, fd, path);
}

static int rec_rename(void *arg, int dirfd, const char *from, const char *to)
{
    struct store_dir_at a = at(dirfd, from), b = at(dirfd, to);
    return store_record_ops.rename(arg, &a, &b);
}

static int rec_unlink(void *arg, int dirfd, const char *path)
{
    struct store_dir_at a = at(dirfd, path);
    return store_record_ops.unlink(arg, &a);
}

static int rec_mkdir(void *arg, int dirfd, const char *path)
{
    struct store_dir_at a = at(dirfd, path);
    return store_record_ops.mkdir(arg, &a);
}

/* Not recorded: whether an empty directory is there means nothing. */
static int rec_rmdir(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return tlog_system.rmdir(NULL, dirfd, path);
}

static const struct tlog_ops recorded = {rec_create, rec_pwrite, rec_fdatasync, rec_sync_dir,
                                         rec_rename, rec_unlink, rec_mkdir,     rec_rmdir};

/* ---- a run: what had returned after how many calls ---------------------------------------------
 */

#define ACKS_MAX 600

static struct log_world w;
static struct store_record *rec;
static struct {
    size_t ops;
    uint64_t size;
} acks[ACKS_MAX];
static size_t ack_count;
static uint64_t tried; /* entries that were begun to be appended */

static void ack(uint64_t size)
{
    assert_true(ack_count < ACKS_MAX);
    acks[ack_count].ops = store_record_count(rec);
    acks[ack_count++].size = size;
}

static uint64_t acked_after(size_t ops)
{
    uint64_t size = 0;
    for (size_t i = 0; i < ack_count && acks[i].ops <= ops; i++)
        size = acks[i].size;
    return size;
}

static struct tlog *open_recorded(void)
{
    struct tlog *t = NULL;
    struct err e = ERR_INIT;
    world_ok(tlog_open_with(w.dir, WORLD_ORIGIN, &w.key, &recorded, rec, &t, &e), &e);
    ack(tlog_size(t));
    return t;
}

static void grow_recorded(struct tlog *t, uint64_t size)
{
    while (tlog_size(t) < size) {
        tried = tlog_size(t) + 1;
        world_grow(t, tried);
        ack(tried);
    }
}

static void cosign(struct tlog *t)
{
    struct buf note = {0}, line = {0};
    struct err e = ERR_INIT;
    struct checkpoint c = world_checkpoint(&w, t);
    world_ok(tlog_checkpoint(t, &note, &e), &e);
    world_ok(
        checkpoint_cosign(note.data, note.len, w.witness.name, &w.witness_secret, 1, &line, &e),
        &e);
    world_ok(tlog_add_cosignature(t, &c, &w.witness, line.data, line.len, &e), &e);
    buf_done(&note);
    buf_done(&line);
}

/* ---- after the cut
 * --------------------------------------------------------------------------------- */

static void check_after(struct log_world *after, uint64_t least, uint64_t most)
{
    struct tlog *t = world_reader(after);
    uint64_t seen = tlog_size(t);
    assert_in_range(seen, least, most);
    world_check(after, t, seen);
    assert_int_equal(world_faults(t, true), 0);
    tlog_close(t);
    t = world_open(after);
    assert_int_equal(tlog_size(t), seen);
    world_check(after, t, seen);
    world_grow(t, seen + 3);
    tlog_close(t);
    t = world_open(after);
    world_check(after, t, seen + 3);
    assert_int_equal(world_faults(t, true), 0);
    tlog_close(t);
}

static void cut_once(size_t ops, enum record_cut cut, uint64_t seed)
{
    struct log_world after = w;
    struct err e = ERR_INIT;
    uint64_t least = acked_after(ops);
    (void)snprintf(after.dir, sizeof after.dir, "%s/cut", w.top);
    world_ok(store_record_cut(rec, ops, cut, seed, after.dir, &e), &e);
    char op[200] = "nothing";
    if (ops)
        store_record_describe(rec, ops - 1, op, sizeof op);
    struct tlog *t = NULL;
    if (tlog_open_reader_with(after.dir, &w.log, &world_ops, NULL, &t, &e)) {
        /* Only a log whose making was cut may be missing, and then it can be made. */
        if (e.cls != ERR_NOT_FOUND || least > 0 || acks[0].ops <= ops)
            fail_msg("cut %d, seed %llu, after call %zu (%s): %s", (int)cut,
                     (unsigned long long)seed, ops, op, e.msg);
        world_ok(tlog_create_with(after.dir, WORLD_ORIGIN, &w.key, &world_ops, NULL, &e), &e);
    }
    tlog_close(t);
    check_after(&after, least, tried);
    scratch_remove(after.dir);
}

static void cut_everywhere(void)
{
    size_t count = store_record_count(rec);
    printf("%zu calls\n", count);
    for (size_t ops = 0; ops <= count; ops++) {
        cut_once(ops, RECORD_CUT_LOST, 1);
        cut_once(ops, RECORD_CUT_KEPT, 1);
        for (uint64_t seed = 1; seed <= 3; seed++)
            cut_once(ops, RECORD_CUT_MIXED, ops * 31 + seed);
    }
}

static void start(const char *from)
{
    struct err e = ERR_INIT;
    ack_count = 0;
    world_ok(store_record_new(from, &rec, &e), &e);
}

static void while_a_log_is_made(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    start(NULL);
    world_ok(tlog_create_with(w.dir, WORLD_ORIGIN, &w.key, &recorded, rec, &e), &e);
    ack(0);
    struct tlog *t = open_recorded();
    grow_recorded(t, 3);
    tlog_close(t);
    cut_everywhere();
}

/* From 250 entries over a full tile, with a witness, closed and opened again. */
static void while_a_log_grows_and_settles(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w);
    world_grow(t, 250);
    tlog_close(t);
    start(w.dir);
    t = open_recorded();
    grow_recorded(t, 254);
    cosign(t);
    grow_recorded(t, 258);
    tlog_close(t);
    t = open_recorded();
    grow_recorded(t, 260);
    cosign(t);
    tlog_close(t);
    cut_everywhere();
}

/* Opening settles what a crash left: it may be cut, too. */
static void while_a_log_is_recovered(void **state)
{
    (void)state;
    struct tlog *t = world_create(&w);
    struct err e = ERR_INIT;
    world_grow(t, 250);
    tlog_close(t);
    start(w.dir);
    t = open_recorded();
    grow_recorded(t, 255);
    struct store_record *first = rec;
    size_t ops = store_record_count(rec);
    uint64_t size = acked_after(ops);
    tlog_close(t);
    char kept[sizeof w.dir];
    memcpy(kept, w.dir, sizeof kept);
    (void)snprintf(w.dir, sizeof w.dir, "%s/left", w.top);
    world_ok(store_record_cut(first, ops, RECORD_CUT_LOST, 1, w.dir, &e), &e);
    start(w.dir);
    t = open_recorded();
    assert_int_equal(tlog_size(t), size);
    acks[0].ops = 0; /* they were durable before */
    grow_recorded(t, 257);
    tlog_close(t);
    cut_everywhere();
    memcpy(w.dir, kept, sizeof kept);
    store_record_free(first);
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
    store_record_free(rec);
    rec = NULL;
    world_done(&w);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(while_a_log_is_made), T(while_a_log_grows_and_settles),
                                       T(while_a_log_is_recovered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
