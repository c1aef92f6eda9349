/* SPDX-License-Identifier: Apache-2.0 */
/* Which version is spoken: what callers say and what paths say, and who is told to upgrade. */
#include "base/mem.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char path[] = "/v1/self";

/* The code ("" for none), and that the error goes with it. */
static const char *ask(const char *said, const char *at, char message[256])
{
    struct err e = ERR_INIT;
    const char *code = wire_protocol_problem(said, at, &e);
    (void)snprintf(message, 256, "%.255s", e.msg);
    if (!code) {
        assert_int_equal(e.cls, ERR_UNSET);
        return "";
    }
    assert_int_equal(e.cls, strcmp(code, "usage") == 0 ? ERR_USAGE : ERR_NEWER);
    assert_int_equal(wire_status(e.cls), e.cls == ERR_USAGE ? 400 : 505);
    assert_true(strlen(e.msg) > 0);
    return code;
}

static void expect(const char *said, const char *at, const char *code)
{
    char message[256];
    print_message("'%s' at %s\n", said ? said : "(nothing)", at);
    assert_string_equal(ask(said, at, message), code);
}

static void who_says_nothing_speaks_what_the_path_says(void **state)
{
    (void)state;
    expect(NULL, path, "");
    expect(NULL, "/v2/self", "protocol_newer");
    expect(NULL, "/v999999/self", "protocol_newer");
    expect(NULL, "/v0/self", "protocol_older");
    expect(NULL, "/v01/self", "");
}

/* They are no calls, and answered so: nothing is known of who asks. */
static void other_paths_say_nothing(void **state)
{
    static const char *const others[] = {"", "/", "/v", "/v/", "/v1", "/v2", "/v2x/self", "/vx/self", "/v-1/self", "/v+2/self", "/v 2/self",
                                         "/v1000000/self", "/V2/self", "v2/self", "/w2/self", "//v2/self", "/v2.0/self", "/v18446744073709551617/self"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect(NULL, others[i], "");
}

static void the_version_of_this_server_is_spoken(void **state)
{
    char said[16];
    (void)state;
    (void)snprintf(said, sizeof said, "%d", WIRE_API);
    expect(said, path, "");
    (void)snprintf(said, sizeof said, "%06d", WIRE_API);
    expect(said, path, "");
}

/* What is said counts, whatever the path is: an agent of another version may have other paths. */
static void what_is_said_comes_before_the_path(void **state)
{
    (void)state;
    expect("1", "/v2/self", "");
    expect("1", "/nothing", "");
    expect("2", path, "protocol_newer");
    expect("0", path, "protocol_older");
    expect("2", "", "protocol_newer");
    expect("2", "/v2/self", "protocol_newer");
}

static void both_sides_hear_who_is_older(void **state)
{
    char message[256];
    (void)state;
    assert_string_equal(ask("2", path, message), "protocol_newer");
    assert_non_null(strstr(message, "version 1"));
    assert_non_null(strstr(message, "version 2"));
    assert_non_null(strstr(message, "the server is older"));
    assert_string_equal(ask("0", path, message), "protocol_older");
    assert_non_null(strstr(message, "version 0"));
    assert_non_null(strstr(message, "the caller is older"));
    assert_string_equal(ask("999999", path, message), "protocol_newer");
    assert_non_null(strstr(message, "999999"));
}

/* A field that is there twice comes as its first value or, through a proxy, joined by commas: both are taken for what they are. */
static void what_is_no_number_is_refused(void **state)
{
    static const char *const others[] = {"", " ", "x", "1x", "x1", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1,1", "1, 1", "1, 2", "1\t", "1\n", "v1", "one",
                                         "1000000", "0000001", "4294967297", "18446744073709551617", "99999999999999999999999999999999", "\xff", "\xd9\xa1"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect(others[i], path, "usage");
}

/* Neither length nor bytes of what was said come back in the answer. */
static void long_values_are_refused_and_not_repeated(void **state)
{
    enum { LONG = 1 << 20 };
    char message[256];
    char *said = mem_alloc(LONG + 1);
    (void)state;
    assert_non_null(said);
    memset(said, '1', LONG);
    said[LONG] = '\0';
    assert_string_equal(ask(said, path, message), "usage");
    assert_null(strstr(message, "111"));
    memset(said, '0', LONG - 1);
    assert_string_equal(ask(said, path, message), "usage");
    mem_free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_nothing_speaks_what_the_path_says), cmocka_unit_test(other_paths_say_nothing),
        cmocka_unit_test(the_version_of_this_server_is_spoken),       cmocka_unit_test(what_is_said_comes_before_the_path),
        cmocka_unit_test(both_sides_hear_who_is_older),               cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(long_values_are_refused_and_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
