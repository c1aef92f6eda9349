/* SPDX-License-Identifier: Apache-2.0 */
/* Every call fails once, every allocation, and the disk is full for a while: what returned stays,
 * and it goes on. */
#include "log_world.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct log_world w;

/* Fails call number `fail_at` (1: the next), or all from then on while `full`. */
struct plan {
    unsigned calls, fail_at;
    bool full, only_writes, half;
};

static bool fails(struct plan *p, bool write)
{
    if (p->only_writes && !write)
        return false;
    p->calls++;
    return p->fail_at && (p->calls == p->fail_at || (p->full && p->calls > p->fail_at));
}

#define FAIL(p, write)                                                                             \
    if (fails(p, write)) {                                                                         \
        errno = ENOSPC;                                                                            \
        return -1;                                                                                 \
    }

static int f_create(void *arg, int dirfd, const char *path)
{
    FAIL(arg, true)
    return tlog_system.create(NULL, dirfd, path);
}

static ssize_t f_pwrite(void *arg, int fd, const char *path, const void *p, size_t len, off_t off)
{
    struct plan *plan = arg;
    if (fails(plan, true)) {
        if (plan->half && len > 1)
            (void)tlog_system.pwrite(NULL, fd, path, p, len / 2, off);
        errno = ENOSPC;
        return -1;
    }
    return tlog_system.pwrite(NULL, fd, path, p, len, off);
}

static int f_fdatasync(void *arg, int fd, const char *path)
{
    (void)fd;
    (void)path;
    FAIL(arg, false)
    return 0;
}

static int f_sync_dir(void *arg, int fd, const char *path)
{
    return f_fdatasync(arg, fd, path);
}

static int f_rename(void *arg, int dirfd, const char *from, const char *to)
{
    FAIL(arg, true)
    return tlog_system.rename(NULL, dirfd, from, to);
}

static int f_unlink(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return tlog_system.unlink(NULL, dirfd, path);
}

static int f_mkdir(void *arg, int dirfd, const char *path)
{
    FAIL(arg, true)
    return tlog_system.mkdir(NULL, dirfd, path);
}

static int f_rmdir(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return tlog_system.rmdir(NULL, dirfd, path);
}

static const struct tlog_ops failing = {f_create, f_pwrite, f_fdatasync, f_sync_dir,
                                        f_rename, f_unlink, f_mkdir,     f_rmdir};

static struct tlog *open_failing(struct plan *p)
{
    struct tlog *t = NULL;
    struct err e = ERR_INIT;
    world_ok(tlog_open_with(w.dir, WORLD_ORIGIN, &w.key, &failing, p, &t, &e), &e);
    return t;
}

/* Appends to `size`; a refused entry is tried again, after opening again where that is asked for.
 * The appends that returned are `*sure`. */
static struct tlog *insist(struct tlog *t, struct plan *p, uint64_t size, unsigned *refused)
{
    while (tlog_size(t) < size) {
        uint8_t entry[WORLD_ENTRY_MAX];
        uint64_t i = tlog_size(t), index = 0;
        struct err e = ERR_INIT;
        if (tlog_append(t, entry, world_entry(i, entry), &index, &e) == 0) {
            assert_int_equal(index, i);
            continue;
        }
        ++*refused;
        assert_int_equal(tlog_size(t), i);
        world_check(&w, t, i);
        if (*refused % 2 == 0) {
            tlog_close(t);
            t = open_failing(p);
            /* The entry may have come through all the same. */
            assert_in_range(tlog_size(t), i, i + 1);
        }
    }
    return t;
}

static void each_call_fails_once(void **state)
{
    (void)state;
    unsigned at = 1, refused = 0;
    for (unsigned style = 0; style < 2; style++) {
        for (at = 1;; at++) {
            struct plan p = {.half = style == 1};
            struct tlog *t = world_create(&w);
            world_grow(t, 253);
            tlog_close(t);
            t = open_failing(&p);
            p.calls = 0;
            p.fail_at = at;
            t = insist(t, &p, 259, &refused);
            bool reached = p.calls >= at;
            p.fail_at = 0;
            world_check(&w, t, 259);
            tlog_close(t);
            t = world_open(&w);
            world_check(&w, t, 259);
            assert_int_equal(world_faults(t, true), 0);
            tlog_close(t);
            scratch_remove(w.dir);
            if (!reached)
                break;
        }
        assert_true(at > 30);
    }
    printf("%u calls, %u appends refused\n", at - 1, refused);
}

/* A record whose sync failed may be on disk: nothing else takes its place. */
static void after_a_failed_sync_it_must_be_opened_again(void **state)
{
    (void)state;
    struct plan p = {0};
    struct err e = ERR_INIT;
    uint64_t index;
    tlog_close(world_create(&w));
    struct tlog *t = open_failing(&p);
    p.calls = 0;
    p.fail_at = 2; /* the write, the sync */
    assert_int_equal(tlog_append(t, "a", 1, &index, &e), -1);
    assert_int_equal(tlog_append(t, "b", 1, &index, &e), -1);
    assert_non_null(strstr(e.msg, "opened again"));
    tlog_close(t);
    t = world_open(&w);
    struct buf entry = {0};
    world_ok(tlog_entry(t, 0, &entry, &e), &e);
    assert_int_equal(entry.len, 1);
    assert_int_equal(entry.data[0], 'a');
    buf_done(&entry);
    tlog_close(t);
}

static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 40; at += 3) {
        struct plan p = {.full = true, .only_writes = true, .half = true};
        struct tlog *t = world_create(&w);
        world_grow(t, 254);
        tlog_close(t);
        t = open_failing(&p);
        p.calls = 0;
        p.fail_at = at;
        uint64_t sure = tlog_size(t);
        for (unsigned i = 0; i < 40; i++) {
            uint8_t entry[WORLD_ENTRY_MAX];
            uint64_t index;
            struct err e = ERR_INIT;
            if (tlog_append(t, entry, world_entry(sure, entry), &index, &e) == 0)
                assert_int_equal(index, sure++);
            else
                assert_int_equal(e.cls, ERR_NO_SPACE);
            assert_int_equal(tlog_size(t), sure);
        }
        world_check(&w, t, sure); /* it still reads */
        p.fail_at = 0;            /* somebody made room: nothing is opened again */
        world_grow(t, sure + 5);
        tlog_close(t);
        t = world_open(&w);
        world_check(&w, t, sure + 5);
        assert_int_equal(world_faults(t, true), 0);
        tlog_close(t);
        scratch_remove(w.dir);
    }
}

static void no_memory_refuses_and_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        struct tlog *t = world_create(&w);
        world_grow(t, 255);
        uint8_t entry[WORLD_ENTRY_MAX];
        uint64_t index;
        struct err e = ERR_INIT;
        size_t len = world_entry(255, entry);
        mem_fail_nth(n);
        int rc = tlog_append(t, entry, len, &index, &e);
        mem_fail_nth(0);
        if (rc)
            assert_int_equal(e.cls, ERR_NO_MEMORY);
        assert_int_equal(tlog_size(t), rc ? 255 : 256);
        world_grow(t, 258);
        tlog_close(t);
        struct tlog *again = NULL;
        mem_fail_nth(n);
        rc = tlog_open_with(w.dir, WORLD_ORIGIN, &w.key, &world_ops, NULL, &again, &e);
        mem_fail_nth(0);
        if (rc) {
            assert_int_equal(e.cls, ERR_NO_MEMORY);
            again = world_open(&w);
        }
        world_check(&w, again, 258);
        assert_int_equal(world_faults(again, true), 0);
        tlog_close(again);
        scratch_remove(w.dir);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_failed_sync_it_must_be_opened_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory_refuses_and_loses_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
