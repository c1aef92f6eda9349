/* SPDX-License-Identifier: Apache-2.0 */
/* Many directories, deep ones, many threads: descriptors stay bounded, and a
 * directory is always the one it was. */
#include "restored.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static rlim_t limit_files(rlim_t n)
{
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    rlim_t before = l.rlim_cur;
    l.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
    return before;
}

static size_t count_open(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

/* Removes a chain of equal names from the top, so that nothing is deep. */
static void remove_chain(const char *name)
{
    for (;;) {
        (void)unlink("beside");
        if (rename(name, "rest"))
            break;
        assert_int_equal(chdir("rest"), 0);
        (void)unlink("beside");
        (void)rename(name, "../next");
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir("rest"), 0);
        if (rename("next", name))
            break;
    }
}

static void a_chain_of_5000_needs_few_descriptors(void **state)
{
    (void)state;
    enum { DEPTH = 5000 };
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct target_dir *d = target_dir_ref(target_root(t));
    rlim_t before = limit_files(280);
    for (int i = 0; i < DEPTH; i++) {
        struct target_dir *below = make_dir_in(d, name);
        target_dir_unref(d);
        d = below;
        if (i % 100 == 0)
            assert_int_equal(put(d, "beside", "x"), TARGET_WRITE);
    }
    target_dir_unref(d); /* finishes them all, from below */
    (void)limit_files(before);
    close_target(t);
    assert_int_equal(said.count, 0);
    assert_int_equal(chdir("t"), 0);
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    remove_chain(name);
    assert_int_equal(chdir(scratch), 0);
}

static void many_directories_need_few_descriptors(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct target_dir *dirs[COUNT];
    struct target *t = open_target(TARGET_ALWAYS, false);
    size_t before = count_open();
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        dirs[i] = make_dir_in(i % 3 ? dirs[i - 1] : target_root(t), name);
    }
    assert_true(count_open() - before <= 257);
    for (int i = 0; i < COUNT; i += 7) /* most are closed by now */
        (void)put(dirs[i], "file", "x");
    assert_true(count_open() - before <= 257);
    for (int i = 0; i < COUNT; i++)
        target_dir_unref(dirs[i]);
    assert_int_equal(count_open(), before);
    close_target(t);
    assert_content("t/6/7/file", "x");
    assert_int_equal(said.count, 0);
}

static void a_directory_replaced_while_closed_is_refused(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct target_dir *a = make_dir_in(target_root(t), "a");
    rlim_t before = limit_files((rlim_t)count_open());
    struct target_dir *others[8];
    for (int i = 0; i < 8; i++) { /* these push it out */
        char name[2] = {(char)('0' + i), '\0'};
        others[i] = make_dir_in(target_root(t), name);
    }
    assert_int_equal(rename("t/a", "t/gone"), 0);
    assert_int_equal(mkdir("t/a", 0777), 0);
    struct err e = ERR_INIT;
    struct entry meta = file_entry(1);
    enum target_decision decision;
    assert_int_equal(target_file_put(a, "x", &meta, "x", 1, &decision, &e), -1);
    assert_non_null(strstr(e.msg, "replaced"));
    assert_false(exists("t/a/x"));
    target_dir_unref(a);
    assert_int_equal(said.count, 1); /* its metadata could not be set */
    for (int i = 0; i < 8; i++)
        target_dir_unref(others[i]);
    (void)limit_files(before);
    close_target(t);
}

/* ---- threads --------------------------------------------------------------------------- */

enum { THREADS = 8, FILES = 400, DIRS = 300 };

struct worker {
    struct target *t;
    struct target_dir **dirs;
    struct target_file *shared;
    unsigned number;
    size_t failed;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    unsigned random = w->number + 1;
    for (unsigned i = 0; i < FILES; i++) {
        char name[32];
        struct entry meta = file_entry(4);
        struct err e = ERR_INIT;
        enum target_decision decision;
        struct target_dir *d = w->dirs[rand_r(&random) % DIRS];
        (void)snprintf(name, sizeof name, "%u-%u", w->number, i);
        w->failed += target_file_put(d, name, &meta, "text", 4, &decision, &e) != 0;
        w->failed +=
            target_file_write(w->shared, (uint64_t)i * THREADS + w->number, "x", 1, &e) != 0;
    }
    target_file_unref(w->shared);
    return NULL;
}

static void threads_share_a_target(void **state)
{
    (void)state;
    static struct target_dir *dirs[DIRS];
    struct target *t = open_target(TARGET_ALWAYS, false);
    for (int i = 0; i < DIRS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        dirs[i] = make_dir_in(i % 10 ? dirs[i - 1] : target_root(t), name);
    }
    struct entry meta = file_entry(FILES * THREADS);
    struct err e = ERR_INIT;
    struct target_file *shared;
    assert_int_equal(target_file_make(dirs[0], "shared", &meta, &shared, &e), 0);
    rlim_t before = limit_files(40); /* so that directories are opened all the time */
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){t, dirs, target_file_ref(shared), i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    target_file_unref(shared);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failed, 0);
    }
    for (int i = 0; i < DIRS; i++)
        target_dir_unref(dirs[i]);
    (void)limit_files(before);
    close_target(t);
    assert_int_equal(said.count, 0);
    struct stat st;
    assert_int_equal(stat("t/0/shared", &st), 0);
    assert_int_equal(st.st_size, FILES * THREADS);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_chain_of_5000_needs_few_descriptors),
        SCRATCH_TEST(many_directories_need_few_descriptors),
        SCRATCH_TEST(a_directory_replaced_while_closed_is_refused),
        SCRATCH_TEST(threads_share_a_target),
    };
    return cmocka_run_group_tests_name("target/many", tests, NULL, NULL);
}
