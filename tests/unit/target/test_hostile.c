/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody else changes the target between any two steps of a restore: puts
 * symbolic links, hard links and other directories in the place of each name.
 * Nothing outside may change (T1, T2), whatever becomes of the restore.
 */
#include "restored.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- what must not change ------------------------------------------------------------- */

static struct stat victim_before, outside_before;

static void build_outside(void)
{
    assert_int_equal(mkdir("outside", 0711), 0);
    assert_int_equal(mkdir("outside/b", 0711), 0);
    assert_int_equal(mkdir("outside/b/c", 0711), 0);
    plant_file("outside/b/c/file", "precious");
    assert_int_equal(link("outside/b/c/file", "outside/victim"), 0);
    assert_int_equal(chmod("outside/victim", 0604), 0);
    struct timespec times[2] = {{77, 7}, {77, 7}};
    assert_int_equal(utimensat(AT_FDCWD, "outside/victim", times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, "outside/b/c", times, 0), 0);
    assert_int_equal(stat("outside/victim", &victim_before), 0);
    assert_int_equal(stat("outside/b/c", &outside_before), 0);
}

static size_t count_names(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n - 2;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_size == b->st_size;
}

static void check_outside(const char *situation)
{
    struct stat st;
    char names[64];
    bool intact = stat("outside/victim", &st) == 0 && same(&st, &victim_before) &&
                  listxattr("outside/victim", names, sizeof names) <= 0 &&
                  stat("outside/b/c", &st) == 0 && same(&st, &outside_before) &&
                  count_names("outside") == 2 && count_names("outside/b") == 1 &&
                  count_names("outside/b/c") == 1;
    if (!intact)
        fail_msg("outside has changed: %s", situation);
    assert_content("outside/victim", "precious");
}

/* ---- the restore, in steps -------------------------------------------------------------- */

struct restore {
    struct target *t;
    struct target_dir *a, *b, *c;
    struct target_file *f;
    struct entry meta;
};

static const struct entry_xattr xattr = {"user.restored", (const uint8_t *)"x", 1};

static struct entry rich_file(void)
{
    struct entry e = file_entry(8);
    e.mode = 04777;
    e.xattrs = &xattr;
    e.xattr_count = 1;
    return e;
}

/* Failing is fine here; each step goes on if the one before gave it something. */
static void step(struct restore *r, int i)
{
    struct err e = ERR_INIT;
    enum target_decision decision;
    struct entry dir = dir_entry(), file = rich_file(), symbolic = link_entry("restored");
    struct target_dir *root = target_root(r->t);
    int rc = 0;
    switch (i) {
    case 0: rc = target_dir_make(root, "a", &dir, &r->a, &e); break;
    case 1: rc = r->a ? target_dir_make(r->a, "b", &dir, &r->b, &e) : 0; break;
    case 2: rc = r->b ? target_dir_make(r->b, "c", &dir, &r->c, &e) : 0; break;
    case 3:
        r->meta = file;
        rc = r->c ? target_file_make(r->c, "file", &r->meta, &r->f, &e) : 0;
        break;
    case 4: rc = r->f ? target_file_write(r->f, 0, "restored", 8, &e) : 0; break;
    case 5: target_file_unref(r->f); break;
    case 6:
        rc = r->c ? target_file_put(r->c, "other", &file, "restored", 8, &decision, &e) : 0;
        break;
    case 7: rc = r->c ? target_special_make(r->c, "symlink", &symbolic, &decision, &e) : 0; break;
    case 8: rc = r->c ? target_link_make(r->c, "hard", "a/b/c/file", &decision, &e) : 0; break;
    case 9: target_dir_unref(r->c); break;
    case 10: target_dir_unref(r->b); break;
    case 11: target_dir_unref(r->a); break;
    default: break;
    }
    (void)rc;
}
#define STEPS 12

/* ---- the attacks --------------------------------------------------------------------------- */

static const char *const places[] = {
    "t/a", "t/a/b", "t/a/b/c", "t/a/b/c/file", "t/a/b/c/other", "t/a/b/c/symlink", "t/a/b/c/hard"};
static const char *const outside_dirs[] = {"outside", "outside/b", "outside/b/c"};
#define PLACES (int)(sizeof places / sizeof *places)

enum attack { SYMLINK, HARDLINK, COPY, ATTACKS };

/* Moves away what is there and puts something else in its place. */
static void attack(int place, enum attack how)
{
    char target[SCRATCH_PATH_MAX + 32];
    const char *at = places[place];
    (void)rename(at, "moved-away");
    (void)snprintf(target, sizeof target, "%s/%s", scratch,
                   place < 3 ? outside_dirs[place] : "outside/victim");
    if (how == SYMLINK)
        (void)!symlink(target, at);
    else if (how == HARDLINK)
        (void)!link("outside/victim", at);
    else
        (void)mkdir(at, 0777);
}

static void clean_up(void)
{
    scratch_empty(scratch);
}

/* So few descriptors that directories are closed and opened again and again. */
static void limit_files(rlim_t n)
{
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
}

static int next_free_fd(void)
{
    int fd = dup(0);
    (void)close(fd);
    return fd;
}

static void run(int when, int place, enum attack how, bool few_files)
{
    char situation[128];
    struct restore r = {0};
    (void)snprintf(situation, sizeof situation, "attack %d on %s before step %d%s", (int)how,
                   places[place], when, few_files ? ", few descriptors" : "");
    build_outside();
    r.t = open_target(TARGET_ALWAYS, false);
    if (few_files)
        limit_files((rlim_t)next_free_fd() + 3);
    for (int i = 0; i < STEPS; i++) {
        if (i == when)
            attack(place, how);
        step(&r, i);
    }
    limit_files(1024);
    close_target(r.t);
    check_outside(situation);
    clean_up();
}

static void run_all(bool few_files)
{
    for (int when = 0; when < STEPS; when++)
        for (int place = 0; place < PLACES; place++)
            for (int how = 0; how < ATTACKS; how++)
                run(when, place, (enum attack)how, few_files);
}

static void nothing_outside_changes(void **state)
{
    (void)state;
    run_all(false);
}

static void nothing_outside_changes_with_few_descriptors(void **state)
{
    (void)state;
    run_all(true);
}

/* Everything is planted before the restore begins; it must succeed as well. */
static void what_is_planted_before_is_replaced(void **state)
{
    (void)state;
    build_outside();
    assert_int_equal(mkdir("t", 0755), 0);
    assert_int_equal(symlink("../outside", "t/a"), 0);
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct target_dir *a = make_dir_in(target_root(t), "a");
    assert_int_equal(symlink("../../outside/victim", "t/a/file"), 0);
    assert_int_equal(link("outside/victim", "t/a/hard"), 0);
    assert_int_equal(put(a, "file", "new"), TARGET_WRITE);
    assert_int_equal(put(a, "hard", "new"), TARGET_WRITE);
    target_dir_unref(a);
    close_target(t);
    assert_content("t/a/file", "new");
    assert_content("t/a/hard", "new");
    check_outside("planted before");
}

/* ---- within a step ----------------------------------------------------------------------------
 */

static _Atomic bool swapping;

/* Puts another name of a victim, or of a fifo, in the place of "t/x", all the time. */
static void *swap_names(void *arg)
{
    (void)arg;
    unsigned turn = 0;
    while (atomic_load(&swapping)) {
        (void)!link(turn++ % 2 ? "outside/victim" : "pipe", "spare");
        (void)rename("spare", "t/x");
        (void)unlink("t/x");
        (void)unlink("spare"); /* left if both were names of the victim */
    }
    return NULL;
}

static void what_is_swapped_while_it_is_made_is_left_alone(void **state)
{
    (void)state;
    build_outside();
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry symbolic = link_entry("restored"), fifo = link_entry("");
    fifo.type = ENTRY_FIFO;
    fifo.mode = 0777;
    pthread_t thread;
    struct stat before, after;
    assert_int_equal(chmod("t", 0777), 0);
    close_target(t);
    t = open_target(TARGET_ALWAYS, false); /* now it knows that others may write there */
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(stat("pipe", &before), 0);
    atomic_store(&swapping, true);
    assert_int_equal(pthread_create(&thread, NULL, swap_names, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        struct err e = ERR_INIT;
        enum target_decision decision;
        const struct entry *meta = i % 2 ? &symbolic : &fifo;
        (void)!target_special_make(target_root(t), "x", meta, &decision, &e);
    }
    atomic_store(&swapping, false);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close_target(t);
    (void)unlink("spare");
    (void)unlink("t/x");
    assert_int_equal(rmdir("t"), 0); /* nothing was left in it */
    assert_int_equal(stat("pipe", &after), 0);
    assert_true(same(&before, &after));
    check_outside("swapped while it was made");
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc", "../x", "a/", "/"};
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct target_dir *root = target_root(t), *d;
    struct entry dir = dir_entry(), file = file_entry(1), symbolic = link_entry("x");
    struct target_file *f;
    enum target_decision decision;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        assert_int_equal(target_dir_make(root, bad[i], &dir, &d, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        assert_int_equal(target_file_make(root, bad[i], &file, &f, &e), -1);
        assert_int_equal(target_file_put(root, bad[i], &file, "x", 1, &decision, &e), -1);
        assert_int_equal(target_special_make(root, bad[i], &symbolic, &decision, &e), -1);
        assert_int_equal(target_link_make(root, bad[i], "x", &decision, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
    }
    static const char *const bad_paths[] = {"", "..", "../x", "a/../b", "/etc/passwd", "a//b"};
    for (size_t i = 0; i < sizeof bad_paths / sizeof *bad_paths; i++) {
        struct err e = ERR_INIT;
        int fd;
        assert_int_equal(target_link_make(root, "l", bad_paths[i], &decision, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        assert_int_equal(target_open_file(t, bad_paths[i], &fd, &e), -1);
    }
    close_target(t);
}

static void links_are_not_made_or_opened_through_links(void **state)
{
    (void)state;
    build_outside();
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct err e = ERR_INIT;
    enum target_decision decision;
    int fd;
    assert_int_equal(symlink("../outside", "t/way"), 0);
    assert_int_equal(symlink("../outside/victim", "t/direct"), 0);
    assert_int_equal(target_link_make(target_root(t), "l", "way/victim", &decision, &e), -1);
    assert_int_equal(target_open_file(t, "way/victim", &fd, &e), -1);
    assert_int_equal(target_open_file(t, "direct", &fd, &e), -1);
    /* A link to a symbolic link is a link to it, not to what it names. */
    assert_int_equal(target_link_make(target_root(t), "l", "direct", &decision, &e), 0);
    struct stat st;
    assert_int_equal(lstat("t/l", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    close_target(t);
    check_outside("links");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(nothing_outside_changes),
        SCRATCH_TEST(nothing_outside_changes_with_few_descriptors),
        SCRATCH_TEST(what_is_planted_before_is_replaced),
        SCRATCH_TEST(what_is_swapped_while_it_is_made_is_left_alone),
        SCRATCH_TEST(names_that_lead_elsewhere_are_refused),
        SCRATCH_TEST(links_are_not_made_or_opened_through_links),
    };
    return cmocka_run_group_tests_name("target/hostile", tests, NULL, NULL);
}
