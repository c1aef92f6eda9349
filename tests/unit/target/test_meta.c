/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata: when it is applied, what is said if it cannot be, and that a file
 * gets its time only when it is complete (T4). */
#include "base/mem.h"
#include "restored.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct stat stat_of(const char *path)
{
    struct stat st;
    if (lstat(path, &st))
        fail_msg("'%s' is missing", path);
    return st;
}

static void files_get_mode_and_time(void **state)
{
    (void)state;
    static const uint32_t modes[] = {0,    0400,  0444,  0600,  0644, 0666,
                                     0777, 04755, 02711, 01777, 07777};
    struct target *t = open_target(TARGET_ALWAYS, false);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct entry meta = file_entry(1);
        struct err e = ERR_INIT;
        enum target_decision decision;
        meta.mode = modes[i];
        meta.mtime_s = -7;
        meta.mtime_ns = 999999999;
        assert_int_equal(target_file_put(target_root(t), "x", &meta, "x", 1, &decision, &e), 0);
        struct stat st = stat_of("t/x");
        assert_int_equal(st.st_mode & 07777, modes[i]);
        assert_int_equal(st.st_mtim.tv_sec, -7);
        assert_int_equal(st.st_mtim.tv_nsec, 999999999);
        assert_true(st.st_atim.tv_sec > 1000000000); /* it is not stored, so it is now */
    }
    close_target(t);
    assert_int_equal(said.count, 0);
}

static void the_umask_does_not_matter(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < 4; i++) {
        mode_t before = umask(masks[i]);
        struct target *t = open_target(TARGET_ALWAYS, false);
        struct entry meta = file_entry(1);
        struct err e = ERR_INIT;
        enum target_decision decision;
        meta.mode = 0666;
        for (int k = 0; k < 3; k++) { /* the first file of a directory takes another way */
            char name[2] = {(char)('a' + k), '\0'};
            assert_int_equal(target_file_put(target_root(t), name, &meta, "x", 1, &decision, &e),
                             0);
        }
        close_target(t);
        (void)umask(before);
        assert_int_equal(stat_of("t/a").st_mode & 07777, 0666);
        assert_int_equal(stat_of("t/c").st_mode & 07777, 0666);
        (void)chmod("t", 0755);
        scratch_empty(scratch);
    }
}

static void directories_are_finished_last(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry meta = dir_entry();
    struct err e = ERR_INIT;
    struct target_dir *a, *b;
    meta.mode = 0555;
    assert_int_equal(target_dir_make(target_root(t), "a", &meta, &a, &e), 0);
    assert_int_equal(target_dir_make(a, "b", &meta, &b, &e), 0);
    target_dir_unref(a); /* b holds it */
    assert_int_equal(stat_of("t/a").st_mode & 07777, 0700);
    (void)put(b, "x", "x");
    target_dir_unref(b);
    static const char *const paths[] = {"t/a", "t/a/b"};
    for (size_t i = 0; i < 2; i++) {
        struct stat st = stat_of(paths[i]);
        assert_int_equal(st.st_mode & 07777, 0555);
        assert_int_equal(st.st_mtim.tv_sec, 1000000000);
        assert_int_equal(st.st_mtim.tv_nsec, 500000000);
    }
    close_target(t);
}

static void the_root_gets_metadata_only_if_asked(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    (void)put(target_root(t), "x", "x");
    close_target(t);
    assert_int_equal(stat_of("t").st_mode & 07777, 0700);
    assert_true(stat_of("t").st_mtim.tv_sec > 1000000000);
    t = open_target(TARGET_ALWAYS, false);
    struct entry meta = dir_entry();
    struct err e = ERR_INIT;
    assert_int_equal(target_root_meta(t, &meta, &e), 0);
    (void)put(target_root(t), "y", "y");
    close_target(t);
    assert_int_equal(stat_of("t").st_mode & 07777, 0750);
    assert_int_equal(stat_of("t").st_mtim.tv_sec, 1000000000);
}

static void existing_directories_get_the_metadata_too(void **state)
{
    (void)state;
    assert_int_equal(mkdir("t", 0755), 0);
    assert_int_equal(mkdir("t/a", 0500), 0);
    (void)setxattr("t/a", "user.old", "x", 1, 0);
    struct target *t = open_target(TARGET_NEVER, false);
    struct target_dir *a = make_dir_in(target_root(t), "a");
    (void)put(a, "x", "x"); /* also where 0500 would not let us */
    target_dir_unref(a);
    struct target_dir *bare;
    struct err e = ERR_INIT;
    assert_int_equal(mkdir("t/bare", 0500), 0);
    assert_int_equal(target_dir_make(target_root(t), "bare", NULL, &bare, &e), 0);
    (void)put(bare, "x", "x");
    target_dir_unref(bare);
    close_target(t);
    assert_int_equal(stat_of("t/a").st_mode & 07777, 0750);
    assert_int_equal(stat_of("t/a").st_mtim.tv_sec, 1000000000);
    assert_true(getxattr("t/a", "user.old", NULL, 0) < 0);
    assert_int_equal(stat_of("t/bare").st_mode & 07777, 0500); /* left as it was */
}

static void incomplete_files_do_not_get_their_time(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry meta = file_entry(8);
    struct err e = ERR_INIT;
    struct target_file *f;
    assert_int_equal(target_file_make(target_root(t), "x", &meta, &f, &e), 0);
    assert_int_equal(stat_of("t/x").st_size, 8);
    assert_int_equal(target_file_write(f, 4, "half", 4, &e), 0);
    struct target_file *also = target_file_ref(f);
    target_file_unref(f);
    assert_int_not_equal(stat_of("t/x").st_mtim.tv_sec, 1000000000);
    target_file_fail(also);
    target_file_unref(also);
    struct stat st = stat_of("t/x");
    assert_int_not_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(st.st_mode & 07777, 0640);
    /* A write beyond what files can hold fails the file as well. */
    assert_int_equal(target_file_make(target_root(t), "y", &meta, &f, &e), 0);
    assert_int_equal(target_file_write(f, INT64_MAX, "x", 1, &e), -1);
    target_file_unref(f);
    assert_int_not_equal(stat_of("t/y").st_mtim.tv_sec, 1000000000);
    close_target(t);
}

static void sparse_files_stay_sparse(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry meta = file_entry(UINT64_C(1) << 30);
    struct err e = ERR_INIT;
    struct target_file *f;
    assert_int_equal(target_file_make(target_root(t), "x", &meta, &f, &e), 0);
    assert_int_equal(target_file_write(f, 1 << 29, "data", 4, &e), 0);
    target_file_unref(f);
    assert_int_equal(stat_of("t/x").st_size, 1 << 30);
    assert_true(stat_of("t/x").st_blocks < 1024);
    meta.size = UINT64_MAX;
    assert_int_equal(target_file_make(target_root(t), "y", &meta, &f, &e), -1);
    assert_false(exists("t/y"));
    close_target(t);
}

/* ---- owners ------------------------------------------------------------------------------ */

static void root_restores_owners(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry meta = file_entry(1), symbolic = link_entry("x");
    struct err e = ERR_INIT;
    enum target_decision decision;
    meta.mode = 06755;
    meta.uid = symbolic.uid = 1234;
    meta.gid = symbolic.gid = 3999999990u;
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "second" : "first";
        assert_int_equal(target_file_put(target_root(t), name, &meta, "x", 1, &decision, &e), 0);
    }
    assert_int_equal(target_special_make(target_root(t), "l", &symbolic, &decision, &e), 0);
    close_target(t);
    static const char *const paths[] = {"t/first", "t/second", "t/l"};
    for (size_t i = 0; i < 3; i++) {
        struct stat st = stat_of(paths[i]);
        assert_int_equal(st.st_uid, 1234);
        assert_int_equal(st.st_gid, 3999999990u);
        assert_int_equal(st.st_mode & 07777, i < 2 ? 06755 : 0777);
        assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    }
    assert_int_equal(said.count, 0);
}

/* In a process of its own, which gives up being root. */
static void without_root_owners_are_said_once(void **state)
{
    (void)state;
    assert_int_equal(mkdir("t", 0777), 0);
    assert_int_equal(chmod("t", 0777), 0);
    assert_int_equal(chmod(".", 0755), 0);
    if (geteuid() == 0 && (setegid(65534) || seteuid(65534)))
        skip();
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry meta = file_entry(1);
    struct err e = ERR_INIT;
    enum target_decision decision;
    meta.uid = 1;
    meta.gid = 1;
    meta.mode = 04755;
    static const struct entry_xattr xattrs[] = {{"trusted.x", (const uint8_t *)"x", 1},
                                                {"user.x", (const uint8_t *)"x", 1}};
    meta.xattrs = xattrs;
    meta.xattr_count = 2;
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        assert_int_equal(target_file_put(target_root(t), name, &meta, "x", 1, &decision, &e), 0);
    }
    meta.mode = 0400; /* user xattrs all the same */
    meta.xattrs++;
    meta.xattr_count--;
    assert_int_equal(target_file_put(target_root(t), "r", &meta, "x", 1, &decision, &e), 0);
    struct target_dir *d = make_dir_in(target_root(t), "dir");
    target_dir_unref(d);
    close_target(t);
    bool has_xattrs = getxattr("t/r", "user.x", NULL, 0) == 1;
    bool could_have = has_xattrs || setxattr("t/a", "user.probe", "x", 1, 0) == 0;
    size_t said_count = said.count;
    (void)!seteuid(0);
    (void)!setegid(0);
    struct stat st = stat_of("t/a");
    assert_int_equal(st.st_mode & 07777, 0755); /* not set-user-id of another */
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(stat_of("t/r").st_mode & 07777, 0400);
    assert_int_equal(has_xattrs, could_have);
    if (has_xattrs)
        assert_int_equal(said_count, 2); /* owners, trusted xattrs */
}

static void closed_directories_of_ours_are_entered(void **state)
{
    (void)state;
    assert_int_equal(mkdir("t", 0777), 0);
    assert_int_equal(chmod("t", 0777), 0);
    assert_int_equal(chmod(".", 0755), 0);
    if (geteuid() == 0 && (setegid(65534) || seteuid(65534)))
        skip();
    assert_int_equal(mkdir("t/closed", 0), 0);
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct target_dir *d;
    struct err e = ERR_INIT;
    assert_int_equal(target_dir_make(target_root(t), "closed", NULL, &d, &e), 0);
    (void)put(d, "x", "x");
    target_dir_unref(d);
    close_target(t);
    struct stat st = stat_of("t/closed");
    assert_int_equal(st.st_mode & 07777, 0);
    assert_int_equal(chmod("t/closed", 0700), 0);
    assert_content("t/closed/x", "x");
    (void)!seteuid(0);
    (void)!setegid(0);
}

static void problems_name_the_path_on_disk(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct target_dir *a = make_dir_in(target_root(t), "a"), *b = make_dir_in(a, "b");
    struct entry meta = file_entry(1);
    struct err e = ERR_INIT;
    enum target_decision decision;
    static const struct entry_xattr xattr = {"nonsense", (const uint8_t *)"x", 1};
    meta.xattrs = &xattr;
    meta.xattr_count = 1;
    assert_int_equal(target_file_put(b, "file", &meta, "x", 1, &decision, &e), 0);
    assert_int_equal(said.count, 1);
    assert_string_equal(said.path, "t/a/b/file");
    assert_non_null(strstr(said.e.msg, "nonsense"));
    target_dir_unref(b);
    target_dir_unref(a);
    close_target(t);
}

static void damaged_entries_are_refused(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, false);
    struct entry meta = link_entry("a");
    struct err e = ERR_INIT;
    enum target_decision decision;
    meta.target = NULL;
    assert_int_equal(target_special_make(target_root(t), "l", &meta, &decision, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    meta = link_entry("a\0b");
    meta.target_len = 3;
    assert_int_equal(target_special_make(target_root(t), "l", &meta, &decision, &e), -1);
    meta.target_len = 0;
    assert_int_equal(target_special_make(target_root(t), "l", &meta, &decision, &e), -1);
    meta = file_entry(0);
    assert_int_equal(target_special_make(target_root(t), "l", &meta, &decision, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_false(exists("t/l"));
    close_target(t);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    uint64_t n = 1;
    for (bool failed = true; failed; n++) {
        struct err e = ERR_INIT;
        struct target_options o = {.overwrite = TARGET_ALWAYS};
        struct entry dir = dir_entry(), file = file_entry(1);
        struct target *t = NULL;
        struct target_dir *d = NULL;
        struct target_file *f = NULL;
        mem_fail_nth(n);
        int rc = target_open("t", &o, &t, &e);
        if (rc == 0)
            rc = target_root_meta(t, &dir, &e);
        if (rc == 0)
            rc = target_dir_make(target_root(t), "d", &dir, &d, &e);
        if (rc == 0)
            rc = target_file_make(d, "f", &file, &f, &e);
        failed = mem_count() >= n;
        mem_fail_nth(0);
        target_file_unref(f);
        target_dir_unref(d);
        if (t)
            close_target(t);
        if (rc)
            assert_int_equal(e.cls, ERR_NO_MEMORY);
        assert_int_equal(rc, failed ? -1 : 0);
    }
    assert_true(n > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(files_get_mode_and_time),
        SCRATCH_TEST(the_umask_does_not_matter),
        SCRATCH_TEST(directories_are_finished_last),
        SCRATCH_TEST(the_root_gets_metadata_only_if_asked),
        SCRATCH_TEST(existing_directories_get_the_metadata_too),
        SCRATCH_TEST(incomplete_files_do_not_get_their_time),
        SCRATCH_TEST(sparse_files_stay_sparse),
        SCRATCH_TEST(root_restores_owners),
        SCRATCH_TEST(without_root_owners_are_said_once),
        SCRATCH_TEST(closed_directories_of_ours_are_entered),
        SCRATCH_TEST(problems_name_the_path_on_disk),
        SCRATCH_TEST(damaged_entries_are_refused),
        SCRATCH_TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("target/meta", tests, NULL, NULL);
}
