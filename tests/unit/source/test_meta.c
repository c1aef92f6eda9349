/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata of what a walk found. */
#include "base/mem.h"
#include "walked.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct source_meta *meta;

static int setup(void **state)
{
    struct err e = ERR_INIT;
    return scratch_enter(state) || source_meta_new(&meta, &e);
}

static int teardown(void **state)
{
    source_meta_free(meta);
    return scratch_leave(state);
}

/* The entry of `name`; borrowed from `meta`, except the path. */
static struct entry read_meta(const char *name, bool with_fd)
{
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it = first_item(name, &walk);
    struct entry out = {0};
    int fd = with_fd ? source_open(it.dir, it.name, &e) : -1;
    assert_true(!with_fd || fd >= 0);
    if (source_meta_read(meta, &it, fd, &out, &e))
        fail_msg("%s", e.msg);
    if (fd >= 0)
        (void)close(fd);
    walk_close(walk);
    return out;
}

static void plain_fields_come_from_the_item(void **state)
{
    (void)state;
    make_file("f", "12345");
    assert_int_equal(chmod("f", 02640), 0);
    struct timespec times[2] = {{0, 0}, {-123456789, 987654321}};
    assert_int_equal(utimensat(AT_FDCWD, "f", times, 0), 0);
    struct entry x = read_meta("f", true);
    assert_int_equal(x.type, ENTRY_FILE);
    assert_int_equal(x.mode, 02640);
    assert_int_equal(x.size, 5);
    assert_int_equal(x.mtime_s, -123456789);
    assert_int_equal(x.mtime_ns, 987654321);
    assert_false(x.has_link);
    struct passwd *pw = getpwuid(geteuid());
    assert_string_equal(x.user, pw ? pw->pw_name : "");
    struct group *gr = getgrgid(getegid());
    assert_string_equal(x.group, gr ? gr->gr_name : "");
}

static void unknown_owners_have_no_name(void **state)
{
    (void)state;
    make_file("f", "");
    if (chown("f", 3999999990u, 3999999991u))
        skip();
    for (int i = 0; i < 2; i++) { /* the second answer comes from memory */
        struct entry x = read_meta("f", false);
        assert_string_equal(x.user, "");
        assert_string_equal(x.group, "");
        assert_int_equal(x.uid, 3999999990u);
    }
}

static void hard_links_share_a_number(void **state)
{
    (void)state;
    make_file("a", "");
    assert_int_equal(link("a", "b"), 0);
    make_file("c", "");
    assert_int_equal(link("c", "d"), 0);
    struct entry a = read_meta("a", false), b = read_meta("b", true), c = read_meta("c", false);
    assert_true(a.has_link && b.has_link && c.has_link);
    assert_int_equal(a.link, b.link);
    assert_int_not_equal(a.link, c.link);
    make_dir("dir"); /* nlink 2, and no hard link */
    assert_false(read_meta("dir", false).has_link);
}

static void targets_of_links_are_kept_to_the_byte(void **state)
{
    (void)state;
    assert_int_equal(symlink("some\nwhere/\xff", "l"), 0);
    struct entry x = read_meta("l", false);
    assert_int_equal(x.target_len, 12);
    assert_string_equal(x.target, "some\nwhere/\xff");
    char longest[4096];
    memset(longest, 't', sizeof longest);
    longest[4095] = '\0';
    if (symlink(longest, "long")) /* some file systems take less */
        return;
    x = read_meta("long", false);
    assert_int_equal(x.target_len, 4095);
}

static void xattrs_come_sorted_with_any_value(void **state)
{
    (void)state;
    make_file("f", "");
    char big[3000];
    memset(big, 'b', sizeof big);
    if (setxattr("f", "user.b", "\0x", 2, 0)) {
        assert_int_equal(errno, ENOTSUP);
        skip();
    }
    assert_int_equal(setxattr("f", "user.a", big, sizeof big, 0), 0);
    assert_int_equal(setxattr("f", "user.c", "", 0, 0), 0);
    for (int with_fd = 0; with_fd < 2; with_fd++) {
        struct entry x = read_meta("f", with_fd);
        size_t first = 0; /* a security module may have put its own before */
        while (first < x.xattr_count && strncmp(x.xattrs[first].name, "user.", 5) != 0)
            first++;
        assert_int_equal(x.xattr_count - first, 3);
        assert_string_equal(x.xattrs[first].name, "user.a");
        assert_int_equal(x.xattrs[first].value_len, sizeof big);
        assert_memory_equal(x.xattrs[first].value, big, sizeof big);
        assert_string_equal(x.xattrs[first + 1].name, "user.b");
        assert_memory_equal(x.xattrs[first + 1].value, "\0x", 2);
        assert_int_equal(x.xattrs[first + 2].value_len, 0);
    }
    make_dir("d");
    assert_int_equal(setxattr("d", "user.d", "v", 1, 0), 0);
    assert_true(read_meta("d", false).xattr_count >= 1);
    make_file("none", "");
    assert_int_equal(read_meta("none", true).xattr_count, 0);
}

static void xattrs_of_links_and_fifos_are_their_own(void **state)
{
    (void)state;
    make_file("f", "");
    assert_int_equal(symlink("f", "l"), 0);
    assert_int_equal(mkfifo("p", 0600), 0);
    if (setxattr("f", "trusted.t", "file", 4, 0) || lsetxattr("l", "trusted.t", "link", 4, 0) ||
        lsetxattr("p", "trusted.t", "fifo", 4, 0))
        skip();
    struct entry x = read_meta("l", false);
    assert_int_equal(x.xattr_count, 1);
    assert_memory_equal(x.xattrs[0].value, "link", 4);
    x = read_meta("p", false);
    assert_int_equal(x.xattr_count, 1);
    assert_memory_equal(x.xattrs[0].value, "fifo", 4);
}

static void failing_memory_is_said(void **state)
{
    (void)state;
    make_file("f", "");
    (void)setxattr("f", "user.a", "x", 1, 0);
    struct walk *walk;
    struct source_item it = first_item("f", &walk);
    for (uint64_t n = 1;; n++) {
        struct err e = ERR_INIT;
        struct entry out;
        struct source_meta *m = NULL;
        mem_fail_nth(n);
        int rc = source_meta_new(&m, &e);
        if (rc == 0)
            rc = source_meta_read(m, &it, -1, &out, &e);
        bool failed = mem_count() >= n;
        mem_fail_nth(0);
        source_meta_free(m);
        if (rc)
            assert_int_equal(e.cls, ERR_NO_MEMORY);
        if (!failed)
            break;
    }
    walk_close(walk);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(plain_fields_come_from_the_item),
        SCRATCH_TEST(unknown_owners_have_no_name),
        SCRATCH_TEST(hard_links_share_a_number),
        SCRATCH_TEST(targets_of_links_are_kept_to_the_byte),
        SCRATCH_TEST(xattrs_come_sorted_with_any_value),
        SCRATCH_TEST(xattrs_of_links_and_fifos_are_their_own),
        SCRATCH_TEST(failing_memory_is_said),
    };
    return cmocka_run_group_tests_name("source/meta", tests, NULL, NULL);
}
