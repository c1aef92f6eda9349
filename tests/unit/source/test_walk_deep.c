/* SPDX-License-Identifier: Apache-2.0 */
/* Trees deeper than PATH_MAX and than the descriptors at hand (W3, W4). */
#include "base/mem.h"
#include "walked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH    5000
#define NAME_LEN 200

static void fill_name(char *name, char c)
{
    memset(name, c, NAME_LEN);
    name[NAME_LEN] = '\0';
}

/* A chain of directories; in each a file behind the next. */
static void make_chain(int depth)
{
    char name[NAME_LEN + 1];
    fill_name(name, 'd');
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < depth; i++) {
        (void)close(openat(fd, "z", O_CREAT | O_WRONLY, 0600));
        assert_int_equal(mkdirat(fd, name, 0700), 0);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
}

/* Removes the chain from the top: the rest is moved up, so nothing is deep. */
static void remove_chain(void)
{
    char name[NAME_LEN + 1];
    fill_name(name, 'd');
    for (;;) {
        (void)unlink("z");
        if (rename(name, "rest"))
            break;
        assert_int_equal(chdir("rest"), 0);
        (void)unlink("z");
        (void)rename(name, "../next");
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir("rest"), 0);
        if (rename("next", name))
            break;
    }
    (void)rmdir("rest");
}

static int limit_files(rlim_t n)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l))
        return -1;
    int before = (int)l.rlim_cur;
    l.rlim_cur = n;
    return setrlimit(RLIMIT_NOFILE, &l) ? -1 : before;
}

static size_t count_walk(const char *path, size_t *problems)
{
    static struct walked w;
    const char *const paths[] = {path};
    struct walk_options o = {.paths = paths, .path_count = 1};
    walk_over(&o, &w);
    *problems = w.problems;
    return w.items - w.ancestors;
}

/* 5,000 deep and more, up to where the format has no room for longer paths. */
static void a_chain_of_5000_needs_no_more_descriptors(void **state)
{
    (void)state;
    size_t problems, depth = ENTRY_PATH_MAX / (NAME_LEN + 1) + 2;
    assert_true(depth > 5000);
    make_chain((int)depth);
    int before = limit_files(256);
    assert_true(before > 0);
    size_t count = count_walk(".", &problems);
    assert_true(limit_files((rlim_t)before) > 0);
    assert_in_range(count, 1 + 2 * 5000, 1 + 2 * depth - problems);
    assert_in_range(problems, 1, 2);
    remove_chain();
}

static void few_descriptors_are_shared_out(void **state)
{
    (void)state;
    size_t problems;
    make_chain(100);
    int before = limit_files(24); /* fewer than the walk would like */
    assert_true(before > 0);
    size_t count = count_walk(".", &problems);
    assert_true(limit_files((rlim_t)before) > 0);
    assert_int_equal(count, 1 + 2 * 100);
    assert_int_equal(problems, 0);
    remove_chain();
}

/* ---- a directory that is moved while the walk is far below it ------------------------------ */

static struct walk *go_down(int depth, struct source_item *it, size_t *problems);

static void count_problem(void *arg, const char *path, const struct err *e)
{
    (void)path;
    (void)e;
    ++*(size_t *)arg;
}

static struct walk *go_down(int depth, struct source_item *it, size_t *problems)
{
    static const char *here = ".";
    struct walk_options o = {
        .paths = &here, .path_count = 1, .problem = count_problem, .arg = problems};
    struct err e = ERR_INIT;
    struct walk *walk;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    for (int dirs = 0; dirs < depth + 1;) { /* and the scratch directory itself */
        assert_int_equal(walk_next(walk, it, &e), 1);
        dirs += it->type == ENTRY_DIR && !it->is_ancestor;
    }
    return walk;
}

static size_t rest(struct walk *walk)
{
    struct err e = ERR_INIT;
    struct source_item it;
    size_t n = 0;
    int rc;
    while ((rc = walk_next(walk, &it, &e)) == 1)
        n++;
    assert_int_equal(rc, 0);
    return n;
}

static void a_directory_moved_aside_is_not_followed(void **state)
{
    (void)state;
    char name[NAME_LEN + 1];
    fill_name(name, 'd');
    make_chain(150);
    struct source_item it;
    size_t problems = 0;
    struct walk *walk = go_down(150, &it, &problems);
    /* The third directory goes elsewhere: ".." of its child still finds it, but
     * ".." of itself is another directory than the walk came through. */
    char third[3 * (NAME_LEN + 1)];
    (void)snprintf(third, sizeof third, "%s/%s/%s", name, name, name);
    make_dir("elsewhere");
    assert_int_equal(rename(third, "elsewhere/third"), 0);
    /* 147 files "z" at and below the third directory, and those of the three above. */
    assert_int_equal(rest(walk), 150);
    assert_int_equal(problems, 0);
    walk_close(walk);
    assert_int_equal(rename("elsewhere/third", third), 0);
    assert_int_equal(rmdir("elsewhere"), 0);
    remove_chain();
}

static void a_directory_replaced_meanwhile_ends_there(void **state)
{
    (void)state;
    char name[NAME_LEN + 1], third[3 * (NAME_LEN + 1)];
    fill_name(name, 'd');
    make_chain(150);
    struct source_item it;
    size_t problems = 0;
    struct walk *walk = go_down(150, &it, &problems);
    /* The third leaves the second, which is replaced by another directory. */
    (void)snprintf(third, sizeof third, "%s/%s/%s", name, name, name);
    assert_int_equal(rename(third, "third"), 0);
    third[2 * NAME_LEN + 1] = '\0';
    assert_int_equal(rename(third, "second"), 0);
    make_dir(third);
    /* "z" of the second is not reached: its parent is not what it was. */
    assert_int_equal(rest(walk), 149);
    assert_int_equal(problems, 1);
    walk_close(walk);
    assert_int_equal(rmdir(third), 0);
    assert_int_equal(rename("second", third), 0);
    third[2 * NAME_LEN + 1] = '/';
    assert_int_equal(rename("third", third), 0);
    remove_chain();
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_chain_of_5000_needs_no_more_descriptors),
        SCRATCH_TEST(few_descriptors_are_shared_out),
        SCRATCH_TEST(a_directory_moved_aside_is_not_followed),
        SCRATCH_TEST(a_directory_replaced_meanwhile_ends_there),
    };
    return cmocka_run_group_tests_name("source/walk_deep", tests, NULL, NULL);
}
