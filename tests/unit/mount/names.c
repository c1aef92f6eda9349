/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a host or a tag is called, its directory has a name of one component, and its own. */
#include "mount/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_are_components(void **state)
{
    static const char *const texts[] = {"", ".", "..", "/", "//", "a/b", "../../etc", "...", "web", "\xff\xfe", "a b\n", "-x", "./"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char name[HOST_NAME_BYTES];
        host_name_clean(texts[i], name);
        assert_true(path_is_valid(name, strlen(name)));
        assert_null(strchr(name, '/'));
    }
}

static void ordinary_names_stay(void **state)
{
    char name[HOST_NAME_BYTES];
    (void)state;
    host_name_clean("db1.example.com", name);
    assert_string_equal(name, "db1.example.com");
}

static void long_names_are_cut(void **state)
{
    char text[5000], name[HOST_NAME_BYTES];
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    host_name_clean(text, name);
    assert_in_range(strlen(name), 200, 255);
}

static void no_two_share_a_name(void **state)
{
    static const char *const texts[] = {"a/b", "a_b", "a/b", "a_b-2", "a//b", "..", "__", "x"};
    struct name_table t = {0};
    uint32_t at[8];
    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(name_table_add(&t, texts[i], &at[i], NULL), 0);
    assert_int_equal(at[0], at[2]); /* the same host again */
    assert_int_equal(t.count, 7);
    for (uint32_t i = 0; i < t.count; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(t.items[i].name, t.items[j].name);
    assert_string_equal(t.items[at[1]].name, "a_b-2");
    name_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_components),
        cmocka_unit_test(ordinary_names_stay),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(no_two_share_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
