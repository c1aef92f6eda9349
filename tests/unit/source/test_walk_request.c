/* SPDX-License-Identifier: Apache-2.0 */
/* The paths that are asked for. */
#include "walked.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct walked w;

static const char *at(const char *name)
{
    static char room[4][SCRATCH_PATH_MAX + 64];
    static unsigned turn;
    char *path = room[turn++ % 4];
    (void)snprintf(path, SCRATCH_PATH_MAX + 64, "%s/%s", scratch, name);
    return path;
}

static void walk_paths_of(const char *const *paths, size_t count)
{
    walk_over(&(struct walk_options){.paths = paths, .path_count = count}, &w);
}

static size_t depth_of(const char *path)
{
    size_t n = 0;
    for (; *path; path++)
        n += *path == '/';
    return n;
}

static void ancestors_come_once_each(void **state)
{
    (void)state;
    make_dir("a");
    make_dir("a/b");
    make_dir("a/b/c");
    make_file("a/b/c/x", "");
    make_file("a/b/d", "");
    make_file("a/other", "");
    make_file("e", "");
    const char *paths[] = {"e", "a/b/d", "a/b/c"};
    walk_paths_of(paths, 3);
    assert_string_equal(w.text, "a/b/c/\na/b/c/x\na/b/d\ne\n");
    /* The scratch directory with its parents, a, a/b. */
    assert_int_equal(w.ancestors, depth_of(scratch) + 2);
    assert_int_equal(w.problems, 0);
}

static void repeated_and_inner_paths_are_dropped(void **state)
{
    (void)state;
    make_dir("a");
    make_dir("a/b");
    make_file("a/b/x", "");
    make_file("a-b", "");
    const char *paths[] = {"a/b/x", "./a", "a/", "a/b", "a-b", at("a")};
    struct walk_options o = {.paths = paths, .path_count = 6};
    struct err e = ERR_INIT;
    struct walk *walk;
    size_t count;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    const char *const *kept = walk_paths(walk, &count);
    assert_int_equal(count, 2);
    assert_string_equal(kept[0], at("a"));
    assert_string_equal(kept[1], at("a-b"));
    walk_close(walk);
    walk_over(&o, &w);
    assert_string_equal(w.text, "a/\na/b/\na/b/x\na-b\n");
}

static void a_link_is_itself_unless_a_slash_follows(void **state)
{
    (void)state;
    make_dir("dir");
    make_file("dir/x", "");
    assert_int_equal(symlink("dir", "link"), 0);
    const char *paths[] = {"link"};
    walk_paths_of(paths, 1);
    assert_string_equal(w.text, "link\n");
    paths[0] = "link/";
    walk_paths_of(paths, 1);
    assert_string_equal(w.text, "dir/\ndir/x\n");
    paths[0] = "link/x"; /* links in parents are resolved */
    walk_paths_of(paths, 1);
    assert_string_equal(w.text, "dir/x\n");
    paths[0] = "link/..";
    walk_paths_of(paths, 1);
    assert_string_equal(w.text, "/\ndir/\ndir/x\nlink\n");
}

static void missing_paths_are_named(void **state)
{
    (void)state;
    static const char *const missing[] = {"nowhere", "nowhere/x", "nowhere/"};
    for (size_t i = 0; i < 3; i++) {
        const char *paths[] = {".", missing[i]};
        struct err e = ERR_INIT;
        struct walk *walk = NULL;
        struct walk_options o = {.paths = paths, .path_count = 2};
        assert_int_equal(walk_open(&o, &walk, &e), -1);
        assert_int_equal(e.cls, ERR_NOT_FOUND);
        assert_non_null(strstr(e.msg, missing[i]));
        assert_null(walk);
    }
    struct err e = ERR_INIT;
    struct walk *walk;
    const char *empty = "";
    assert_int_equal(walk_open(&(struct walk_options){.paths = &empty, .path_count = 1}, &walk, &e),
                     -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(walk_open(&(struct walk_options){0}, &walk, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
}

static void the_root_is_no_item(void **state)
{
    (void)state;
    const char *root = "/";
    struct walk_options o = {.paths = &root, .path_count = 1, .one_file_system = true};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it;
    size_t count;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    assert_string_equal(walk_paths(walk, &count)[0], "/");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(walk_next(walk, &it, &e), 1);
        assert_true(it.path_len > 0);
        assert_false(it.is_ancestor);
        if (i == 0)
            assert_null(strchr(it.path, '/'));
    }
    walk_close(walk);
}

static void a_request_that_vanishes_is_a_problem(void **state)
{
    (void)state;
    make_dir("a");
    make_file("a/x", "");
    make_file("b", "");
    const char *paths[] = {"a/x", "b"};
    struct walk_options o = {.paths = paths, .path_count = 2};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it = {0};
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    assert_int_equal(unlink("a/x"), 0);
    assert_int_equal(rmdir("a"), 0);
    do
        assert_int_equal(walk_next(walk, &it, &e), 1);
    while (it.is_ancestor);
    assert_string_equal(it.name, "b");
    walk_close(walk);
}

static void an_ancestor_swapped_for_a_link_is_not_followed(void **state)
{
    (void)state;
    make_dir("a");
    make_file("a/x", "");
    const char *paths[] = {"a/x"};
    struct walk_options o = {.paths = paths, .path_count = 1};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    do
        assert_int_equal(walk_next(walk, &it, &e), 1);
    while (strcmp(it.name, "a") != 0);
    assert_int_equal(rename("a", "b"), 0);
    assert_int_equal(symlink("b", "a"), 0);
    assert_int_equal(walk_next(walk, &it, &e), 0);
    walk_close(walk);
}

/* ---- file systems ------------------------------------------------------------------------ */

/* Two file systems, one in the other, in a mount name space of our own. */
static bool mount_two(void)
{
    make_dir("m");
    make_file("m/hidden", "");
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", "m", "tmpfs", 0, NULL))
        return false;
    make_dir("m/d");
    make_file("m/d/x", "");
    make_dir("m/n");
    assert_int_equal(mount("tmpfs", "m/n", "tmpfs", 0, NULL), 0);
    make_file("m/n/y", "");
    return true;
}

static void unmount_two(void)
{
    assert_int_equal(umount2("m/n", MNT_DETACH), 0);
    assert_int_equal(umount2("m", MNT_DETACH), 0);
}

static void other_file_systems_are_not_entered(void **state)
{
    (void)state;
    if (!mount_two())
        skip();
    make_file("z", "");
    const char *here[] = {".", "m/n"};
    struct walk_options o = {.paths = here, .path_count = 1, .one_file_system = true};
    walk_over(&o, &w);
    assert_string_equal(w.text, "/\nm/\nz\n");
    o.one_file_system = false;
    walk_over(&o, &w);
    assert_string_equal(w.text, "/\nm/\nm/d/\nm/d/x\nm/n/\nm/n/y\nz\n");
    unmount_two();
}

static void asking_for_an_inner_file_system_reaches_it(void **state)
{
    (void)state;
    if (!mount_two())
        skip();
    make_file("z", "");
    const char *paths[] = {".", "m/n"};
    struct walk_options o = {.paths = paths, .path_count = 2, .one_file_system = true};
    walk_over(&o, &w);
    assert_string_equal(w.text, "/\nm/\nm/n/\nm/n/y\nz\n");
    assert_int_equal(w.problems, 0);
    paths[1] = "m";
    walk_over(&o, &w);
    assert_string_equal(w.text, "/\nm/\nm/d/\nm/d/x\nm/n/\nz\n");
    unmount_two();
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(ancestors_come_once_each),
        SCRATCH_TEST(repeated_and_inner_paths_are_dropped),
        SCRATCH_TEST(a_link_is_itself_unless_a_slash_follows),
        SCRATCH_TEST(missing_paths_are_named),
        SCRATCH_TEST(the_root_is_no_item),
        SCRATCH_TEST(a_request_that_vanishes_is_a_problem),
        SCRATCH_TEST(an_ancestor_swapped_for_a_link_is_not_followed),
        SCRATCH_TEST(other_file_systems_are_not_entered),
        SCRATCH_TEST(asking_for_an_inner_file_system_reaches_it),
    };
    return cmocka_run_group_tests_name("source/walk_request", tests, NULL, NULL);
}
