/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk gives, in which order, and what it says when the world changes. */
#include "base/mem.h"
#include "walked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct walked w;

static void directories_stand_before_what_they_hold(void **state)
{
    (void)state;
    make_dir("a");
    make_dir("a/b");
    make_file("a/b/z", "");
    make_file("a/b!", "");
    make_file("a-b", "");
    make_file("a.txt", "");
    make_dir("a b");
    make_file("a\n\xff", "");
    walk_here((struct walk_options){0}, &w);
    assert_string_equal(w.text, "/\na/\na/b/\na/b/z\na/b!\na\n\xff\na b/\na-b\na.txt\n");
    assert_int_equal(w.problems, 0);
}

static void every_type_is_an_item(void **state)
{
    (void)state;
    make_file("file", "12345");
    assert_int_equal(chmod("file", 04751), 0);
    assert_int_equal(link("file", "link"), 0);
    assert_int_equal(symlink("nowhere", "symlink"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    (void)close(fd);
    bool root = geteuid() == 0 && mknod("zero", S_IFCHR | 0600, 0x105) == 0;

    const char *here = ".";
    struct walk_options o = {.paths = &here, .path_count = 1};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it;
    struct stat st;
    size_t seen = 0;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    while (walk_next(walk, &it, &e) == 1) {
        if (it.is_ancestor || it.type == ENTRY_DIR)
            continue;
        assert_int_equal(lstat(it.name, &st), 0);
        assert_int_equal(it.mode, st.st_mode & 07777);
        assert_int_equal(it.uid, st.st_uid);
        assert_int_equal(it.gid, st.st_gid);
        assert_int_equal(it.size, st.st_size);
        assert_int_equal(it.blocks, st.st_blocks);
        assert_int_equal(it.mtime_s, st.st_mtim.tv_sec);
        assert_int_equal(it.mtime_ns, st.st_mtim.tv_nsec);
        assert_int_equal(it.ctime_ns, st.st_ctim.tv_nsec);
        assert_int_equal(it.dev, st.st_dev);
        assert_int_equal(it.ino, st.st_ino);
        assert_int_equal(it.nlink, st.st_nlink);
        enum entry_type want = it.name[0] == 's'
                                   ? (it.name[1] == 'y' ? ENTRY_SYMLINK : ENTRY_SOCKET)
                               : it.name[0] == 'z'            ? ENTRY_CHAR
                               : strcmp(it.name, "fifo") == 0 ? ENTRY_FIFO
                                                              : ENTRY_FILE;
        assert_int_equal(it.type, want);
        if (want == ENTRY_CHAR) {
            assert_int_equal(it.dev_major, 1);
            assert_int_equal(it.dev_minor, 5);
        }
        seen++;
    }
    walk_close(walk);
    assert_int_equal(seen, 5 + root);
}

/* ---- against a plain implementation ------------------------------------------------------ */

struct path_list {
    char *items[1 << 16];
    size_t count;
};

static void list_dir(struct path_list *l, const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    const struct dirent *x;
    while ((x = readdir(d))) {
        char path[4096];
        struct stat st;
        if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, x->d_name);
        assert_true(l->count < sizeof l->items / sizeof *l->items);
        l->items[l->count++] = strdup(path);
        assert_int_equal(lstat(path, &st), 0);
        if (S_ISDIR(st.st_mode))
            list_dir(l, path);
    }
    (void)closedir(d);
}

static int by_path(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    return path_compare(x + 1, strlen(x + 1), y + 1, strlen(y + 1));
}

static void grow_randomly(const char *dir, int depth)
{
    for (long n = random() % 50; n > 0; n--) {
        char path[4096];
        size_t used = (size_t)snprintf(path, sizeof path, "%s/", dir);
        for (long len = random() % 20 + 1; len > 0; len--) {
            char c = (char)(random() % 4 ? "ab.-"[random() % 4] : random() % 255 + 1);
            path[used++] = c == '/' ? '_' : c;
        }
        path[used] = '\0';
        if (depth < 4 && random() % 8 == 0) {
            if (mkdir(path, 0755) == 0)
                grow_randomly(path, depth + 1);
        } else {
            int fd = open(path, O_CREAT | O_WRONLY, 0600);
            if (fd >= 0)
                (void)close(fd);
        }
    }
}

static void a_random_tree_is_walked_whole_and_sorted(void **state)
{
    (void)state;
    seed_random();
    grow_randomly(scratch, 0);
    static struct path_list l;
    list_dir(&l, scratch);
    qsort(l.items, l.count, sizeof *l.items, by_path);

    const char *here = scratch;
    struct walk_options o = {.paths = &here, .path_count = 1};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it;
    size_t at = 0;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    while (walk_next(walk, &it, &e) == 1) {
        if (it.path_len < strlen(scratch)) /* ancestors, and the scratch directory */
            continue;
        assert_true(at < l.count);
        assert_string_equal(it.path, l.items[at] + 1);
        free(l.items[at++]);
    }
    walk_close(walk);
    assert_int_equal(at, l.count);
    print_message("%zu paths\n", at);
}

/* ---- a world that changes ----------------------------------------------------------------- */

static struct walk *open_here(void)
{
    static const char *here = ".";
    struct walk_options o = {.paths = &here, .path_count = 1};
    struct err e = ERR_INIT;
    struct walk *walk;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    return walk;
}

static bool next_is(struct walk *walk, struct source_item *it, const char *name)
{
    struct err e = ERR_INIT;
    while (walk_next(walk, it, &e) == 1)
        if (strcmp(it->name, name) == 0)
            return true;
    return false;
}

static size_t count_problems;
static enum err_class problem_class;

static void count_problem(void *arg, const char *path, const struct err *e)
{
    (void)arg;
    (void)path;
    count_problems++;
    problem_class = e->cls;
}

static void what_vanishes_is_reported_as_not_found(void **state)
{
    (void)state;
    make_dir("a");
    make_file("b", "");
    make_file("c", "");
    const char *here = ".";
    struct walk_options o = {.paths = &here, .path_count = 1, .problem = count_problem};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it;
    count_problems = 0;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    assert_true(next_is(walk, &it, "a"));
    assert_int_equal(rmdir("a"), 0);
    assert_int_equal(unlink("b"), 0);
    assert_int_equal(walk_next(walk, &it, &e), 1);
    assert_string_equal(it.name, "c");
    assert_int_equal(count_problems, 2);
    assert_int_equal(problem_class, ERR_NOT_FOUND);
    walk_close(walk);
}

static void a_directory_swapped_for_a_link_is_not_followed(void **state)
{
    (void)state;
    make_dir("a");
    make_dir("outside");
    make_file("outside/secret", "");
    struct walk *walk = open_here();
    struct source_item it;
    assert_true(next_is(walk, &it, "a"));
    assert_int_equal(rmdir("a"), 0);
    assert_int_equal(symlink("outside", "a"), 0);
    struct err e = ERR_INIT;
    assert_int_equal(walk_next(walk, &it, &e), 1);
    assert_string_equal(it.name, "outside");
    walk_close(walk);
}

static void handles_outlive_the_walk(void **state)
{
    (void)state;
    make_dir("a");
    make_file("a/x", "content");
    struct walk *walk = open_here();
    struct source_item it;
    assert_true(next_is(walk, &it, "x"));
    struct source_dir *dir = source_dir_ref(it.dir);
    walk_close(walk);
    struct err e = ERR_INIT;
    int fd = source_open(dir, "x", &e);
    assert_true(fd >= 0);
    (void)close(fd);
    source_dir_unref(dir);
    source_dir_unref(NULL);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    make_dir("a");
    make_dir("a/b");
    make_file("a/b/c", "");
    const char *here = ".", *tag = "TAG:x", *never = "nowhere";
    struct walk_options o = {.paths = &here,
                             .path_count = 1,
                             .exclude_if_present = &tag,
                             .exclude_if_present_count = 1,
                             .never = &never,
                             .never_count = 1,
                             .exclude_caches = true};
    uint64_t n = 1;
    for (bool done = false; !done; n++) {
        struct err e = ERR_INIT;
        struct walk *walk = NULL;
        struct source_item it;
        mem_fail_nth(n);
        int rc = walk_open(&o, &walk, &e);
        while (rc == 0 && (rc = walk_next(walk, &it, &e)) == 1)
            rc = 0;
        done = mem_count() < n;
        mem_fail_nth(0);
        walk_close(walk);
        assert_int_equal(rc, e.cls == ERR_UNSET ? 0 : -1);
        if (rc)
            assert_int_equal(e.cls, ERR_NO_MEMORY);
    }
    assert_true(n > 8);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(directories_stand_before_what_they_hold),
        SCRATCH_TEST(every_type_is_an_item),
        SCRATCH_TEST(a_random_tree_is_walked_whole_and_sorted),
        SCRATCH_TEST(what_vanishes_is_reported_as_not_found),
        SCRATCH_TEST(a_directory_swapped_for_a_link_is_not_followed),
        SCRATCH_TEST(handles_outlive_the_walk),
        SCRATCH_TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("source/walk", tests, NULL, NULL);
}
