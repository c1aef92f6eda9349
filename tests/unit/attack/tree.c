/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that differ in one thing are not the same; versions are made again as they were. */
#include "attack/world.h"

#include "base/mem.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char a[600], b[600], why[256];

static void make(unsigned x, unsigned y)
{
    struct err e = ERR_INIT;
    assert_int_equal(tree_remove(a, &e), 0);
    assert_int_equal(tree_remove(b, &e), 0);
    assert_int_equal(tree_make(a, 7, x, &e), 0);
    assert_int_equal(tree_make(b, 7, y, &e), 0);
}

static void path(char out[800], const char *dir, const char *name)
{
    (void)snprintf(out, 800, "%s/%s", dir, name);
}

static void a_version_is_made_again(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    make(5, 1);
    for (unsigned v = 2; v <= 5; v++)
        assert_int_equal(tree_make(b, 7, v, &e), 0); /* changed step by step */
    assert_true(tree_same(a, b, why));
    make(5, 6);
    assert_false(tree_same(a, b, why));
    make(5, 5);
    assert_int_equal(tree_remove(b, &e), 0);
    assert_int_equal(tree_make(b, 8, 5, &e), 0);
    assert_false(tree_same(a, b, why));
}

static void one_byte_is_seen(void **state)
{
    char file[800];
    (void)state;
    make(3, 3);
    path(file, b, "database");
    FILE *f = fopen(file, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 777777, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, 777777, SEEK_SET), 0);
    assert_int_not_equal(fputc(c ^ 1, f), EOF);
    assert_int_equal(fclose(f), 0);
    assert_false(tree_same(a, b, why));
    assert_non_null(strstr(why, "content"));
}

static void names_modes_and_links_are_seen(void **state)
{
    char file[800], other[800];
    (void)state;
    make(3, 3);
    assert_true(tree_same(a, b, why));
    path(file, b, "mail/07");
    assert_int_equal(unlink(file), 0);
    assert_false(tree_same(a, b, why));
    assert_false(tree_same(b, a, why)); /* one too many there */
    make(3, 3);
    path(file, b, "mail/07");
    assert_int_equal(chmod(file, 0600), 0);
    assert_false(tree_same(a, b, why));
    make(3, 3);
    path(file, b, "current");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("elsewhere", file), 0);
    assert_false(tree_same(a, b, why));
    make(3, 3);
    path(file, b, "mail");
    path(other, b, "letters");
    assert_int_equal(rename(file, other), 0);
    assert_false(tree_same(a, b, why));
}

static void nothing_there_is_not_the_same(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    make(1, 1);
    assert_int_equal(tree_remove(b, &e), 0);
    assert_false(tree_same(a, b, why));
    assert_int_equal(tree_remove(a, &e), 0);
    assert_false(tree_same(a, b, why)); /* neither is there */
}

static void a_copy_is_the_same(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    make(9, 1);
    assert_int_equal(tree_remove(b, &e), 0);
    assert_int_equal(tree_copy(a, b, &e), 0);
    assert_true(tree_same(a, b, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_made_again),    cmocka_unit_test(one_byte_is_seen),
        cmocka_unit_test(names_modes_and_links_are_seen), cmocka_unit_test(nothing_there_is_not_the_same),
        cmocka_unit_test(a_copy_is_the_same),
    };
    char dir[SCRATCH_PATH_MAX];
    scratch_make(dir);
    (void)snprintf(a, sizeof a, "%s/a", dir);
    (void)snprintf(b, sizeof b, "%s/b", dir);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(dir);
    return rc;
}
