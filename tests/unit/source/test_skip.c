/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk leaves out. */
#include "walked.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_SIGNATURE "Signature: 8a477f597d28d172789f06886806bc55"

static struct walked w;

static void patterns_leave_out_files_and_trees(void **state)
{
    (void)state;
    make_dir("src");
    make_file("src/a.c", "");
    make_file("src/a.o", "");
    make_dir("tmp");
    make_file("tmp/x", "");
    struct err e = ERR_INIT;
    struct select *s;
    char anchored[SCRATCH_PATH_MAX + 8];
    (void)snprintf(anchored, sizeof anchored, "%s/tmp", scratch);
    assert_int_equal(select_new(&s, &e), 0);
    walk_here((struct walk_options){.exclude = s}, &w);
    assert_int_equal(w.items - w.ancestors, 6);
    assert_int_equal(select_add(s, "*.o", false, &e), 0);
    assert_int_equal(select_add(s, anchored, false, &e), 0);
    walk_here((struct walk_options){.exclude = s}, &w);
    assert_string_equal(w.text, "/\nsrc/\nsrc/a.c\n");
    /* A pattern that matches a requested path leaves it out, its parents stay. */
    assert_int_equal(select_add(s, scratch, false, &e), 0);
    walk_here((struct walk_options){.exclude = s}, &w);
    assert_string_equal(w.text, "");
    assert_true(w.ancestors > 0);
    select_free(s);
}

static void tagged_caches_keep_the_tag_alone(void **state)
{
    (void)state;
    make_dir("real");
    make_file("real/CACHEDIR.TAG", CACHE_SIGNATURE "\n# more");
    make_file("real/AAA", "");
    make_file("real/data", "");
    make_dir("real/sub");
    make_dir("false");
    make_file("false/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc56");
    make_file("false/data", "");
    make_dir("short");
    make_file("short/CACHEDIR.TAG", "Signature: 8a");
    walk_here((struct walk_options){.exclude_caches = true}, &w);
    assert_string_equal(w.text, "/\nfalse/\nfalse/CACHEDIR.TAG\nfalse/data\nreal/\n"
                                "real/CACHEDIR.TAG\nshort/\nshort/CACHEDIR.TAG\n");
    walk_here((struct walk_options){0}, &w);
    assert_non_null(strstr(w.text, "real/data"));
}

static void tags_of_the_user_work_alike(void **state)
{
    (void)state;
    make_dir("a");
    make_file("a/.nobackup", "");
    make_file("a/x", "");
    make_dir("b");
    make_file("b/TAG", "magic:1");
    make_file("b/x", "");
    make_dir("c");
    make_file("c/TAG", "other content");
    make_file("c/x", "");
    const char *tags[] = {".nobackup", "TAG:magic:"};
    walk_here((struct walk_options){.exclude_if_present = tags, .exclude_if_present_count = 2}, &w);
    assert_string_equal(w.text, "/\na/\na/.nobackup\nb/\nb/TAG\nc/\nc/TAG\nc/x\n");
}

static void tags_must_be_names(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", ":x", "a/b", "/"};
    for (size_t i = 0; i < 4; i++) {
        const char *here = ".";
        struct err e = ERR_INIT;
        struct walk *walk;
        struct walk_options o = {.paths = &here,
                                 .path_count = 1,
                                 .exclude_if_present = &wrong[i],
                                 .exclude_if_present_count = 1};
        assert_int_equal(walk_open(&o, &walk, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
}

static void a_tag_that_is_a_fifo_does_not_block(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("CACHEDIR.TAG", 0600), 0);
    make_file("x", "");
    walk_here((struct walk_options){.exclude_caches = true}, &w);
    assert_string_equal(w.text, "/\nCACHEDIR.TAG\nx\n");
}

static void large_files_are_left_out(void **state)
{
    (void)state;
    make_file("a", "12345");
    make_file("b", "123456");
    make_dir("d"); /* directories have sizes too, which mean nothing */
    walk_here((struct walk_options){.exclude_larger_than = 5}, &w);
    assert_string_equal(w.text, "/\na\nd/\n");
}

static void places_never_to_enter_are_not(void **state)
{
    (void)state;
    make_dir("vault");
    make_file("vault/pack", "");
    make_dir("later");
    make_file("later/x", "");
    assert_int_equal(symlink("vault", "way"), 0);
    const char *never[] = {"way/", "later"};
    walk_here((struct walk_options){.never = never, .never_count = 2}, &w);
    assert_string_equal(w.text, "/\nlater/\nvault/\nway\n");
    never[0] = "not-there-yet";
    const char *here = ".";
    struct walk_options o = {.paths = &here, .path_count = 1, .never = never, .never_count = 2};
    struct err e = ERR_INIT;
    struct walk *walk;
    struct source_item it;
    assert_int_equal(walk_open(&o, &walk, &e), 0);
    make_dir("not-there-yet");
    make_file("not-there-yet/x", "");
    bool seen = false;
    while (walk_next(walk, &it, &e) == 1) {
        assert_null(strstr(it.path, "not-there-yet/x"));
        seen |= strcmp(it.name, "not-there-yet") == 0;
    }
    assert_true(seen);
    walk_close(walk);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(patterns_leave_out_files_and_trees),
        SCRATCH_TEST(tagged_caches_keep_the_tag_alone),
        SCRATCH_TEST(tags_of_the_user_work_alike),
        SCRATCH_TEST(tags_must_be_names),
        SCRATCH_TEST(a_tag_that_is_a_fifo_does_not_block),
        SCRATCH_TEST(large_files_are_left_out),
        SCRATCH_TEST(places_never_to_enter_are_not),
    };
    return cmocka_run_group_tests_name("source/skip", tests, NULL, NULL);
}
