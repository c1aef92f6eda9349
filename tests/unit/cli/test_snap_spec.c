/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"

static void a_snapshot_and_a_path_part_at_the_right_colon(void **state)
{
    (void)state;
    static const struct {
        const char *text, *snap, *path;
    } all[] = {
        {"latest", "latest", ""},
        {"latest:", "latest", ""},
        {"latest:/", "latest", ""},
        {"latest:/etc", "latest", "etc"},
        {"latest:etc", "latest", "etc"},
        {"latest:12:30", "latest", "12:30"},
        {"3f2a91c0:/etc/ssh/", "3f2a91c0", "etc/ssh"},
        {"3f2a12:20/foo", "3f2a12", "20/foo"},
        {"latest:/a:b:/c", "latest", "a:b:/c"},
        {"latest://etc/./ssh//", "latest", "etc/ssh"},
        {"latest:/a/..b/...", "latest", "a/..b/..."},
        {"2026-11-21", "2026-11-21", ""},
        {"2026-11-21:/etc", "2026-11-21", "etc"},
        {"2026-11-21:etc", "2026-11-21", "etc"},
        {"2026-11-21 21:26", "2026-11-21 21:26", ""},
        {"2026-11-21 21:26:16", "2026-11-21 21:26:16", ""},
        {"2026-11-21 21:26:/etc", "2026-11-21 21:26", "etc"},
        {"2026-11-21 21:26:etc", "2026-11-21 21:26", "etc"},
        {"2026-11-21 21:26:16:/etc", "2026-11-21 21:26:16", "etc"},
        {"2026-11-21T21:26:16Z:/etc", "2026-11-21T21:26:16Z", "etc"},
        {"2026-11-21 21:26:16:17/x", "2026-11-21 21:26:16", "17/x"},
        {"2026-11-21 21:26:2026", "2026-11-21 21:26", "2026"},
        {"2026-11-21T21:26Z:etc", "2026-11-21T21:26Z", "etc"},
        {"latest:/sp ace\n\xff", "latest", "sp ace\n\xff"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *snap = NULL, *path = NULL;
        struct err e = ERR_INIT;
        print_message("%s\n", all[i].text);
        assert_int_equal(snap_spec_split(all[i].text, &snap, &path, &e), 0);
        assert_string_equal(snap, all[i].snap);
        assert_string_equal(path, all[i].path);
        mem_free(snap);
        mem_free(path);
    }
}

static void dates_that_are_parted_are_dates(void **state)
{
    (void)state;
    static const char *const dates[] = {"2026-11-21", "2026-11-21 21:26", "2026-11-21T21:26:16",
                                        "2026-11-21T21:26:16Z"};
    for (size_t i = 0; i < 4; i++) {
        char text[64], *snap, *path;
        int64_t ns;
        struct err e = ERR_INIT;
        (void)snprintf(text, sizeof text, "%s:/etc", dates[i]);
        assert_int_equal(snap_spec_split(text, &snap, &path, &e), 0);
        assert_true(clock_parse(snap, &ns));
        mem_free(snap);
        mem_free(path);
    }
}

static void what_names_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ":", ":/etc", "latest:..", "latest:/a/../b", "latest:../x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *snap = NULL, *path = NULL;
        struct err e = ERR_INIT;
        print_message("'%s'\n", bad[i]);
        assert_int_equal(snap_spec_split(bad[i], &snap, &path, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        assert_null(snap);
        assert_null(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_and_a_path_part_at_the_right_colon),
        cmocka_unit_test(dates_that_are_parted_are_dates),
        cmocka_unit_test(what_names_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
