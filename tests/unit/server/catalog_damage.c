/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A catalogue that cannot be trusted is made anew (C2), one that was cut off in an apply is at
 * a position that its content has (C1). Writes are failed through SQLite's own table of system calls.
 */
#include "catalog_story.h"
#include "base/file.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[SCRATCH_PATH_MAX], path[SCRATCH_PATH_MAX + 16];
static int setup(void **state)
{
    (void)state;
    scratch_make(dir);
    (void)snprintf(path, sizeof path, "%s/catalog", dir);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

/* ---- damage ----------------------------------------------------------------------------------- */

static uint8_t *slurp(size_t *len_out)
{
    struct buf b = {0};
    assert_return_code(file_slurp(AT_FDCWD, path, 1 << 26, &b, NULL), 0);
    *len_out = b.len;
    return b.data;
}

static void spill(const uint8_t *p, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void assert_made_anew(const char *why, size_t where)
{
    struct catalog *c = NULL;
    struct err e = ERR_INIT;
    bool fresh = false;
    if (catalog_open(path, "origin", &c, &fresh, &e))
        fail_msg("%s at %zu: %s", why, where, e.msg);
    if (!fresh)
        fail_msg("%s at %zu was not noticed", why, where);
    story_assert(c, 0);
    for (size_t i = 0; i < STORY_EVENTS; i++)
        assert_return_code(story_apply(c, i, &e), 0);
    story_assert(c, STORY_EVENTS);
    catalog_close(c);
}

static void one_that_is_cut_is_made_anew(void **state)
{
    size_t len;
    (void)state;
    catalog_close(story_catalog(path, STORY_EVENTS));
    uint8_t *p = slurp(&len);
    const size_t cuts[] = {0, 1, 15, 16, 99, 100, 511, 512, 4095, 4096, 4097, len / 2, len - 4096, len - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        spill(p, cuts[i]);
        assert_made_anew("a cut", cuts[i]);
    }
    free(p);
}

static void one_with_a_page_of_zeros_is_made_anew(void **state)
{
    size_t len;
    (void)state;
    catalog_close(story_catalog(path, STORY_EVENTS));
    uint8_t *p = slurp(&len), *kept = malloc(4096);
    assert_non_null(kept);
    for (size_t at = 0; at < len; at += 4096) {
        memcpy(kept, p + at, 4096);
        memset(p + at, 0, 4096);
        spill(p, len);
        assert_made_anew("a page of zeros", at);
        memcpy(p + at, kept, 4096);
    }
    memset(p, 0, len);
    spill(p, len);
    assert_made_anew("zeros", 0);
    memset(p, 'x', len);
    spill(p, len);
    assert_made_anew("letters", 0);
    free(kept);
    free(p);
}

/* A bit anywhere: either nothing that anybody reads, or it is noticed. Rows that SQLite finds well-formed are meant. */
static void one_with_a_bit_that_fell_over_is_made_anew_or_says_the_same(void **state)
{
    unsigned seed = (unsigned)(getenv("SEED") ? strtoul(getenv("SEED"), NULL, 10) : 1795), anew = 0;
    size_t len;
    (void)state;
    print_message("SEED=%u\n", seed);
    srand(seed);
    catalog_close(story_catalog(path, STORY_EVENTS));
    uint8_t *p = slurp(&len);
    for (int i = 0; i < 200; i++) {
        size_t at = (size_t)rand() % len;
        while (p[at] == 0 && rand() % 16) /* mostly where something is */
            at = (size_t)rand() % len;
        uint8_t bit = (uint8_t)(1 << rand() % 8);
        struct catalog *c = NULL;
        struct err e = ERR_INIT;
        bool fresh = false;
        p[at] ^= bit;
        scratch_empty(dir);
        spill(p, len);
        p[at] ^= bit;
        if (catalog_open(path, "origin", &c, &fresh, &e))
            fail_msg("byte %zu: %s", at, e.msg);
        if (!fresh)
            story_assert(c, STORY_EVENTS);
        anew += fresh;
        catalog_close(c);
    }
    print_message("%u of 200 noticed\n", anew);
    assert_in_range(anew, 40, 200);
    free(p);
}

static void sql(const char *text)
{
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), 0);
    if (sqlite3_exec(db, text, NULL, NULL, &why))
        fail_msg("%s: %s", text, why);
    assert_int_equal(sqlite3_close(db), 0);
}

static void one_of_another_version_or_shape_is_made_anew(void **state)
{
    static const char *const changes[] = {
        "PRAGMA user_version = 0", "PRAGMA user_version = 1000", "PRAGMA application_id = 1",
        "DROP TABLE tokens", "ALTER TABLE vaults RENAME COLUMN bytes TO octets", "DELETE FROM position",
        "PRAGMA ignore_check_constraints = ON; DROP TRIGGER sum_roles_update; UPDATE roles SET role = 9",
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'tenants'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        catalog_close(story_catalog(path, 12));
        sql(changes[i]);
        assert_made_anew(changes[i], i);
        scratch_empty(dir);
    }
}

static void one_of_another_log_is_made_anew(void **state)
{
    struct catalog *c;
    bool fresh;
    (void)state;
    catalog_close(story_catalog(path, 12));
    assert_return_code(catalog_open(path, "other", &c, &fresh, NULL), 0);
    assert_true(fresh);
    catalog_close(c);
    assert_return_code(catalog_open(path, "other", &c, &fresh, NULL), 0);
    assert_false(fresh);
    catalog_close(c);
}

/* Nothing that is read from a damaged one may end the program; if it opens, asking is answered. */
static int ignore(void *arg, const struct catalog_vault *v, struct err *e)
{
    (void)arg;
    (void)v;
    (void)e;
    return 0;
}
static void changed_bytes_end_nothing(void **state)
{
    size_t len;
    struct world_random r = {7};
    (void)state;
    catalog_close(story_catalog(path, STORY_EVENTS));
    uint8_t *p = slurp(&len);
    for (int i = 0; i < 60; i++) {
        struct catalog *c = NULL;
        bool fresh;
        size_t at = world_random(&r, i % 3 ? len : 200);
        uint8_t was = p[at];
        p[at] = (uint8_t)world_random(&r, 256);
        spill(p, len);
        p[at] = was;
        assert_return_code(catalog_open(path, "origin", &c, &fresh, NULL), 0);
        (void)!catalog_list_vault(c, NULL, ignore, NULL, NULL);
        catalog_close(c);
    }
    free(p);
}

static void what_is_no_file_of_ours_is_left_alone(void **state)
{
    struct catalog *c = NULL;
    struct err e = ERR_INIT;
    bool fresh;
    char other[SCRATCH_PATH_MAX + 32];
    struct stat st;
    (void)state;
    assert_return_code(mkdir(path, 0700), 0);
    assert_int_equal(catalog_open(path, "origin", &c, &fresh, &e), -1);
    assert_int_not_equal(e.cls, ERR_DAMAGED);
    assert_return_code(rmdir(path), 0);
    (void)snprintf(other, sizeof other, "%s/other", dir);
    assert_return_code(symlink(other, path), 0);
    assert_int_equal(catalog_open(path, "origin", &c, &fresh, &e), -1);
    assert_return_code(lstat(path, &st), 0);
    assert_int_equal(lstat(other, &st), -1);
    (void)snprintf(other, sizeof other, "%s/none/catalog", dir);
    assert_int_equal(catalog_open(other, "origin", &c, &fresh, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
}

/* ---- writes that fail or are the last ------------------------------------------------------------ */

static const char *const calls[] = {"write", "pwrite", "pwrite64", "ftruncate"};
static sqlite3_syscall_ptr real[4];
static long left; /* calls until it happens; negative: never */
static bool dies;

static bool happens(void)
{
    return left >= 0 && left-- <= 0;
}
static ssize_t fail_with_no_space(void)
{
    left = 0; /* and stays full */
    errno = ENOSPC;
    return -1;
}
static ssize_t my_pwrite(int fd, const void *p, size_t len, off_t at)
{
    if (!happens())
        return pwrite(fd, p, len, at);
    if (!dies)
        return fail_with_no_space();
    (void)!pwrite(fd, p, len / 2, at);
    _exit(9);
}
static ssize_t my_write(int fd, const void *p, size_t len)
{
    if (!happens())
        return write(fd, p, len);
    return dies ? _exit(9), -1 : fail_with_no_space();
}
static int my_ftruncate(int fd, off_t len)
{
    if (!happens())
        return ftruncate(fd, len);
    return dies ? _exit(9), -1 : (int)fail_with_no_space();
}

static void hook(bool on)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    const sqlite3_syscall_ptr mine[] = {(sqlite3_syscall_ptr)my_write, (sqlite3_syscall_ptr)my_pwrite,
                                        (sqlite3_syscall_ptr)my_pwrite, (sqlite3_syscall_ptr)my_ftruncate};
    for (size_t i = 0; i < 4; i++) {
        if (on)
            real[i] = vfs->xGetSystemCall(vfs, calls[i]);
        if (real[i])
            assert_int_equal(vfs->xSetSystemCall(vfs, calls[i], on ? mine[i] : real[i]), 0);
    }
}

static void kill_and_look(long n, bool *survived)
{
    volatile size_t *acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct catalog *c = NULL;
    struct err e = ERR_INIT;
    bool fresh;
    uint64_t size;
    uint8_t root[MERKLE_BYTES];
    int status;
    assert_ptr_not_equal((void *)acknowledged, MAP_FAILED);
    pid_t child = fork();
    if (child == 0) {
        left = n;
        dies = true;
        hook(true);
        c = story_catalog(path, 0);
        for (size_t i = 0; i < STORY_EVENTS; i++)
            *acknowledged = story_apply(c, i, NULL) == 0 ? i + 1 : 99;
        catalog_close(c);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
    *survived = WEXITSTATUS(status) == 0;
    if (catalog_open(path, "origin", &c, &fresh, &e))
        fail_msg("write %ld: %s", n, e.msg);
    assert_return_code(catalog_position(c, &size, root, &e), 0);
    if (size < *acknowledged || size > *acknowledged + 1 || (fresh && size))
        fail_msg("write %ld: at %llu, acknowledged %zu", n, (unsigned long long)size, *acknowledged);
    story_assert(c, size); /* C1 */
    for (size_t i = size; i < STORY_EVENTS; i++)
        assert_return_code(story_apply(c, i, &e), 0);
    story_assert(c, STORY_EVENTS);
    catalog_close(c);
    (void)munmap((void *)(uintptr_t)acknowledged, sizeof *acknowledged);
}

static void killed_at_any_write_its_position_is_that_of_its_content(void **state)
{
    bool survived = false;
    long n = 0;
    (void)state;
    /* Every third, another third each time; TEST_ALL=1: every one. */
    long step = getenv("TEST_ALL") ? 1 : 3;
    for (n = getenv("TEST_ALL") ? 0 : getpid() % 3; !survived; n += step) {
        kill_and_look(n, &survived);
        scratch_empty(dir);
    }
    assert_true(n > 50);
    print_message("%ld writes\n", n);
}

static void a_full_disk_is_told_and_changes_nothing(void **state)
{
    struct err e = ERR_INIT;
    long n = 0, failures = 0;
    (void)state;
    hook(true);
    dies = false;
    for (size_t i = 0; i < STORY_EVENTS; i++) {
        left = -1;
        struct catalog *c = story_catalog(path, 0);
        for (n = 0;; n++) {
            left = n;
            int rc = story_apply(c, i, &e);
            bool reached = left == 0;
            left = -1;
            if (!rc)
                break;
            assert_true(reached);
            assert_int_equal(e.cls, ERR_NO_SPACE);
            story_assert(c, i);
            failures++;
        }
        assert_true(n > 0);
        story_assert(c, i + 1);
        catalog_close(c);
    }
    left = -1;
    hook(false);
    assert_true(failures > 2 * STORY_EVENTS);
}

static void a_batch_that_failed_is_forgotten_whole(void **state)
{
    struct event events[STORY_EVENTS];
    uint8_t root[MERKLE_BYTES] = {0};
    struct err e = ERR_INIT;
    struct catalog *c;
    (void)state;
    story(events);
    hook(true);
    dies = false;
    left = -1;
    c = story_catalog(path, 3);
    for (long n = 0;; n++) {
        assert_return_code(catalog_begin(c, &e), 0);
        for (size_t i = 3; i < 9; i++)
            assert_return_code(catalog_apply(c, i, &events[i], NULL, NULL, &e), 0);
        left = n;
        memset(root, 9, sizeof root);
        int rc = catalog_commit(c, root, &e);
        left = -1;
        if (!rc)
            break;
        assert_int_equal(e.cls, ERR_NO_SPACE);
        story_assert(c, 3);
        assert_int_equal(catalog_commit(c, root, &e), -1); /* it is over */
        assert_int_equal(e.cls, ERR_USAGE);
    }
    hook(false);
    story_assert(c, 9);
    catalog_close(c);
}

/* What fails in the middle: a constraint that a damaged file does not keep any more. */
static void after_an_apply_that_failed_nothing_of_the_batch_counts(void **state)
{
    struct event events[STORY_EVENTS];
    uint8_t root[MERKLE_BYTES] = {0};
    struct err e = ERR_INIT;
    (void)state;
    story(events);
    catalog_close(story_catalog(path, 3));
    sql("CREATE TRIGGER no BEFORE INSERT ON tokens BEGIN SELECT raise(ABORT, 'no'); END");
    struct catalog *c = story_catalog(path, 0);
    assert_return_code(catalog_begin(c, &e), 0);
    assert_return_code(catalog_apply(c, 3, &events[3], NULL, NULL, &e), 0);
    assert_int_equal(catalog_apply(c, 4, &events[4], NULL, NULL, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_int_equal(catalog_apply(c, 4, &events[4], NULL, NULL, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(catalog_commit(c, root, &e), -1);
    assert_int_equal(e.cls, ERR_INCOMPLETE);
    story_assert(c, 3);
    assert_int_equal(story_apply(c, 3, &e), 0);
    assert_int_equal(story_apply(c, 4, &e), -1); /* alone, too */
    story_assert(c, 4);
    catalog_close(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_that_is_cut_is_made_anew),
        TEST(one_with_a_bit_that_fell_over_is_made_anew_or_says_the_same),
        TEST(one_with_a_page_of_zeros_is_made_anew),
        TEST(one_of_another_version_or_shape_is_made_anew),
        TEST(one_of_another_log_is_made_anew),
        TEST(changed_bytes_end_nothing),
        TEST(what_is_no_file_of_ours_is_left_alone),
        TEST(killed_at_any_write_its_position_is_that_of_its_content),
        TEST(a_full_disk_is_told_and_changes_nothing),
        TEST(a_batch_that_failed_is_forgotten_whole),
        TEST(after_an_apply_that_failed_nothing_of_the_batch_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
