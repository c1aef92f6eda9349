/* SPDX-License-Identifier: Apache-2.0 */
/* The names of directories: sorted whatever they are, a stack over levels. */
#include "source/names.h"

#include "base/mem.h"
#include "walked.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int open_here(void)
{
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    return fd;
}

static void push_here(struct names *n)
{
    struct err e = ERR_INIT;
    int read_errno, fd = open_here();
    assert_int_equal(names_push(n, fd, &read_errno, &e), 0);
    assert_int_equal(read_errno, 0);
    (void)close(fd);
}

static void assert_ascending(const struct names *n, size_t first)
{
    for (size_t i = first + 1; i < n->count; i++)
        if (strcmp(names_at(n, i - 1), names_at(n, i)) >= 0)
            fail_msg("'%s' came before '%s'", names_at(n, i - 1), names_at(n, i));
}

static void touch(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    if (fd < 0)
        fail_msg("make '%s'", name);
    (void)close(fd);
}

/* Shapes that trip sorting: long common prefixes, prefixes of each other,
 * bytes above 127, lengths around words of eight. */
static void make_shape(int shape, unsigned i)
{
    char name[256] = {0};
    switch (shape) {
    case 0: (void)snprintf(name, sizeof name, "a-very-long-common-prefix-%06u", i); break;
    case 1: memset(name, 'x', 1 + i % 255); break;
    case 2:
        for (unsigned k = 0; k < 1 + i % 24; k++)
            name[k] = (char)(random() % 2 ? 'a' : random() % 2 ? 'b' : 0xff);
        break;
    case 3: (void)snprintf(name, sizeof name, "%u", i * 2654435761u); break;
    default:
        for (unsigned k = 0; k < 7 + i % 4; k++)
            name[k] = (char)(1 + random() % 255);
        for (unsigned k = 0; k < 11; k++)
            if (name[k] == '/' || name[k] == '.')
                name[k] = '_';
    }
    touch(name);
}

static void all_shapes_are_sorted(void **state)
{
    (void)state;
    seed_random();
    struct err e = ERR_INIT;
    struct names n;
    assert_int_equal(names_init(&n, &e), 0);
    for (int shape = 0; shape < 5; shape++) {
        for (unsigned i = 0; i < 1000; i++)
            make_shape(shape, i);
        push_here(&n);
        assert_ascending(&n, 0);
        assert_true(n.count >= 255);
        print_message("%zu names\n", n.count);
        for (size_t i = 0; i < n.count; i++)
            assert_int_equal(unlink(names_at(&n, i)), 0);
        names_pop(&n, (struct names_mark){0, 0});
    }
    push_here(&n);
    assert_int_equal(n.count, 0); /* each name was there exactly once */
    names_done(&n);
}

static void levels_are_a_stack(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct names n;
    touch("b");
    touch("a");
    assert_int_equal(names_init(&n, &e), 0);
    push_here(&n);
    struct names_mark mark = names_mark(&n);
    touch("A");
    push_here(&n);
    assert_int_equal(n.count, 5);
    assert_string_equal(names_at(&n, 2), "A");
    assert_int_equal(names_find(&n, 2, "b"), 4);
    assert_int_equal(names_find(&n, 2, "c"), SIZE_MAX);
    names_pop(&n, mark);
    assert_int_equal(n.count, 2);
    assert_int_equal(names_find(&n, 0, "b"), 1);
    names_done(&n);
}

static void memory_of_a_huge_directory_is_given_back(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct names n;
    assert_int_equal(names_init(&n, &e), 0);
    touch("one");
    push_here(&n);
    struct names_mark mark = names_mark(&n);
    assert_int_equal(unlink("one"), 0);
    char name[64];
    const unsigned many = 20000;
    for (unsigned i = 0; i < many; i++) {
        (void)snprintf(name, sizeof name, "some-name-%08u", i * 2654435761u);
        touch(name);
    }
    push_here(&n);
    assert_int_equal(n.count, many + 1);
    assert_ascending(&n, 1);
    assert_true(n.cap < 4 * many);
    names_pop(&n, mark);
    assert_true(n.cap * sizeof *n.refs <= 256 << 10);
    assert_true(n.text_cap <= 256 << 10);
    assert_string_equal(names_at(&n, 0), "one");
    names_done(&n);
}

static void a_failed_push_leaves_the_stack(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct names n;
    int read_errno;
    touch("a");
    assert_int_equal(names_init(&n, &e), 0);
    int fd = open_here();
    mem_fail_nth(2);
    assert_int_equal(names_push(&n, fd, &read_errno, &e), -1);
    mem_fail_nth(0);
    (void)close(fd);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    assert_int_equal(n.count, 0);
    assert_int_equal(n.text_len, 0);
    assert_int_equal(names_push(&n, -1, &read_errno, &e), 0);
    assert_int_not_equal(read_errno, 0);
    names_done(&n);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(all_shapes_are_sorted),
        SCRATCH_TEST(levels_are_a_stack),
        SCRATCH_TEST(memory_of_a_huge_directory_is_given_back),
        SCRATCH_TEST(a_failed_push_leaves_the_stack),
    };
    return cmocka_run_group_tests_name("source/names", tests, NULL, NULL);
}
