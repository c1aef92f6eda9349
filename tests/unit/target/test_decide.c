/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to names that are taken, and what a dry run says about it. */
#include "restored.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum there { NOTHING, SAME, OLDER, NEWER, LONGER, LINK, EMPTY_DIR, FULL_DIR };

static void set_time(const char *path, time_t s)
{
    struct timespec times[2] = {{0, 0}, {s, 500000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* Puts it at "t/x"; the entry to restore has 3 bytes and mtime 1000000000.5. */
static void plant(enum there what)
{
    switch (what) {
    case NOTHING: return;
    case SAME:
    case OLDER:
    case NEWER: plant_file("t/x", "old"); break;
    case LONGER: plant_file("t/x", "old and long"); break;
    case LINK: assert_int_equal(symlink("nowhere", "t/x"), 0); break;
    case EMPTY_DIR: assert_int_equal(mkdir("t/x", 0755), 0); break;
    case FULL_DIR: assert_int_equal(mkdir("t/x", 0755), 0); plant_file("t/x/inside", "");
    }
    set_time("t/x", what == OLDER ? 999999999 : what == NEWER ? 1000000001 : 1000000000);
}

static const struct {
    enum target_overwrite overwrite;
    enum there there;
    int result; /* a decision, or 0: an error */
} table[] = {
    {TARGET_ALWAYS, NOTHING, TARGET_WRITE},     {TARGET_ALWAYS, SAME, TARGET_WRITE},
    {TARGET_ALWAYS, NEWER, TARGET_WRITE},       {TARGET_ALWAYS, LINK, TARGET_WRITE},
    {TARGET_ALWAYS, EMPTY_DIR, TARGET_WRITE},   {TARGET_ALWAYS, FULL_DIR, 0},
    {TARGET_IF_CHANGED, NOTHING, TARGET_WRITE}, {TARGET_IF_CHANGED, SAME, TARGET_SKIP},
    {TARGET_IF_CHANGED, OLDER, TARGET_WRITE},   {TARGET_IF_CHANGED, NEWER, TARGET_WRITE},
    {TARGET_IF_CHANGED, LONGER, TARGET_WRITE},  {TARGET_IF_CHANGED, LINK, TARGET_WRITE},
    {TARGET_IF_CHANGED, FULL_DIR, 0},           {TARGET_IF_NEWER, NOTHING, TARGET_WRITE},
    {TARGET_IF_NEWER, SAME, TARGET_SKIP},       {TARGET_IF_NEWER, OLDER, TARGET_WRITE},
    {TARGET_IF_NEWER, NEWER, TARGET_SKIP},      {TARGET_IF_NEWER, LONGER, TARGET_SKIP},
    {TARGET_NEVER, NOTHING, TARGET_WRITE},      {TARGET_NEVER, SAME, TARGET_SKIP},
    {TARGET_NEVER, OLDER, TARGET_SKIP},         {TARGET_NEVER, LINK, TARGET_SKIP},
    {TARGET_NEVER, FULL_DIR, TARGET_SKIP},
};

/* As target_file_put, or in pieces. */
static int restore_x(struct target *t, bool in_pieces, enum target_decision *out, struct err *e)
{
    struct entry meta = file_entry(3);
    if (!in_pieces)
        return target_file_put(target_root(t), "x", &meta, "new", 3, out, e);
    struct target_file *f;
    int rc = target_file_make(target_root(t), "x", &meta, &f, e);
    if (rc)
        return rc;
    *out = f ? TARGET_WRITE : TARGET_SKIP;
    rc = f ? target_file_write(f, 0, "new", 3, e) : 0;
    target_file_unref(f);
    return rc;
}

static void run_table(bool in_pieces)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(mkdir("t", 0755), 0);
        plant(table[i].there);
        enum target_decision decision = 0;
        struct err e = ERR_INIT;
        struct target *t = open_target(table[i].overwrite, false);
        int rc = restore_x(t, in_pieces, &decision, &e);
        close_target(t);
        if ((rc ? 0 : (int)decision) != table[i].result)
            fail_msg("case %zu: %d, not %d: %s", i, rc ? 0 : (int)decision, table[i].result, e.msg);
        if (rc)
            assert_int_equal(e.cls, ERR_EXISTS);
        if (table[i].result == TARGET_WRITE)
            assert_content("t/x", "new");
        if (table[i].there == FULL_DIR)
            assert_true(exists("t/x/inside")); /* T3 */
        scratch_empty(scratch);
    }
}

static void the_operator_decides_about_files(void **state)
{
    (void)state;
    run_table(false);
    run_table(true);
}

static void dry_runs_decide_alike_and_touch_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].result == 0)
            continue;
        assert_int_equal(mkdir("t", 0755), 0);
        plant(table[i].there);
        struct stat before = {0}, after = {0}, dir_before, dir_after;
        (void)lstat("t/x", &before);
        assert_int_equal(stat("t", &dir_before), 0);
        for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
            enum target_decision decision = 0;
            struct err e = ERR_INIT;
            struct target *t = open_target(table[i].overwrite, true);
            assert_int_equal(restore_x(t, in_pieces, &decision, &e), 0);
            close_target(t);
            assert_int_equal(decision, table[i].result);
        }
        (void)lstat("t/x", &after);
        assert_int_equal(stat("t", &dir_after), 0);
        assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
        assert_memory_equal(&dir_before.st_ctim, &dir_after.st_ctim, sizeof dir_before.st_ctim);
        scratch_empty(scratch);
    }
}

static void a_dry_run_needs_no_target(void **state)
{
    (void)state;
    struct target *t = open_target(TARGET_ALWAYS, true);
    struct target_dir *a = make_dir_in(target_root(t), "a"), *b = make_dir_in(a, "b");
    enum target_decision decision;
    struct err e = ERR_INIT;
    struct entry meta = link_entry("x");
    assert_int_equal(put(b, "file", "x"), TARGET_WRITE);
    assert_int_equal(target_special_make(b, "l", &meta, &decision, &e), 0);
    assert_int_equal(decision, TARGET_WRITE);
    assert_int_equal(target_link_make(b, "h", "a/b/file", &decision, &e), 0);
    assert_int_equal(decision, TARGET_WRITE);
    target_dir_unref(b);
    target_dir_unref(a);
    close_target(t);
    assert_false(exists("t"));
}

static void directories_replace_other_things(void **state)
{
    (void)state;
    static const struct {
        enum target_overwrite overwrite;
        enum there there;
        bool made;
    } cases[] = {{TARGET_ALWAYS, SAME, true},     {TARGET_ALWAYS, LINK, true},
                 {TARGET_IF_CHANGED, SAME, true}, {TARGET_IF_NEWER, NEWER, false},
                 {TARGET_IF_NEWER, OLDER, true},  {TARGET_NEVER, SAME, false},
                 {TARGET_NEVER, LINK, false},     {TARGET_NEVER, FULL_DIR, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mkdir("t", 0755), 0);
        plant(cases[i].there);
        for (int dry = 1; dry >= 0; dry--) {
            struct target *t = open_target(cases[i].overwrite, dry);
            struct target_dir *d = make_dir_in(target_root(t), "x");
            assert_int_equal(d != NULL, cases[i].made);
            target_dir_unref(d);
            close_target(t);
        }
        struct stat st;
        assert_int_equal(lstat("t/x", &st), 0);
        assert_int_equal(S_ISDIR(st.st_mode), cases[i].made);
        scratch_empty(scratch);
    }
}

static void hard_links_follow_the_same_choice(void **state)
{
    (void)state;
    static const struct {
        enum target_overwrite overwrite;
        enum there there;
        enum target_decision decision;
    } cases[] = {{TARGET_ALWAYS, NOTHING, TARGET_WRITE},  {TARGET_ALWAYS, SAME, TARGET_WRITE},
                 {TARGET_IF_CHANGED, SAME, TARGET_WRITE}, /* the same, but no link yet */
                 {TARGET_IF_NEWER, NEWER, TARGET_SKIP},   {TARGET_IF_NEWER, OLDER, TARGET_WRITE},
                 {TARGET_NEVER, OLDER, TARGET_SKIP},      {TARGET_NEVER, NOTHING, TARGET_WRITE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mkdir("t", 0755), 0);
        plant(cases[i].there);
        struct target *t = open_target(cases[i].overwrite, false);
        struct err e = ERR_INIT;
        enum target_decision decision;
        (void)put(target_root(t), "first", "new");
        assert_int_equal(target_link_make(target_root(t), "x", "first", &decision, &e), 0);
        assert_int_equal(decision, cases[i].decision);
        if (decision == TARGET_WRITE) {
            assert_content("t/x", "new");
            assert_int_equal(target_link_make(target_root(t), "x", "first", &decision, &e), 0);
            assert_int_equal(decision, TARGET_SKIP); /* it is a link already */
        }
        close_target(t);
        scratch_empty(scratch);
    }
}

static void targets_must_be_directories(void **state)
{
    (void)state;
    struct target_options o = {.overwrite = TARGET_ALWAYS};
    struct target *t;
    plant_file("file", "");
    static const char *const bad[] = {"file", "file/below", ""};
    for (size_t i = 0; i < 3; i++) {
        struct err e = ERR_INIT;
        assert_int_equal(target_open(bad[i], &o, &t, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    struct err e = ERR_INIT;
    assert_int_equal(target_open("new/and/deep", &o, &t, &e), 0);
    close_target(t);
    assert_true(exists("new/and/deep"));
    assert_int_equal(symlink("new", "way"), 0); /* the operator's own links are followed */
    assert_int_equal(target_open("way/and", &o, &t, &e), 0);
    close_target(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_operator_decides_about_files),
        SCRATCH_TEST(dry_runs_decide_alike_and_touch_nothing),
        SCRATCH_TEST(a_dry_run_needs_no_target),
        SCRATCH_TEST(directories_replace_other_things),
        SCRATCH_TEST(hard_links_follow_the_same_choice),
        SCRATCH_TEST(targets_must_be_directories),
    };
    return cmocka_run_group_tests_name("target/decide", tests, NULL, NULL);
}
