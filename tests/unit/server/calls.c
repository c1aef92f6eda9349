/* SPDX-License-Identifier: Apache-2.0 */
/* docs/api/openapi.yaml describes the calls that there are, all of them, and who may make them. */
#include "server/server_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *page(void)
{
    struct buf text = {0};
    struct err e = ERR_INIT;
    assert_int_equal(file_slurp(AT_FDCWD, SOURCE_ROOT "/docs/api/openapi.yaml", 1 << 20, &text, &e), 0);
    buf_put_u8(&text, 0);
    return (char *)text.data;
}

/* As the page says it: in the order of roles. */
static bool may(const char *line, const char *who)
{
    const char *p = strchr(line, '[');
    size_t n = strlen(who);
    for (; p && (p = strstr(p, who)) != NULL && p < strchr(line, '\n'); p += n)
        if ((p[-1] == '[' || p[-1] == ' ') && (p[n] == ',' || p[n] == ']'))
            return true;
    return false;
}

static void check_who(const struct call *c, const char *line)
{
    assert_int_equal(may(line, "anyone"), (c->who & CALL_ANYONE) != 0);
    assert_int_equal(may(line, "any identity"), (c->who & CALL_KNOWN) != 0);
    assert_int_equal(may(line, "machines"), (c->who & CALL_MACHINE) != 0);
    for (int r = ROLE_OWNER; r < ROLE_COUNT; r++)
        assert_int_equal(may(line, role_name((enum role)r)), (c->who & R(r)) != 0);
}

static void check_call(const char *text, const struct call *c)
{
    char path[256], method[32];
    (void)snprintf(path, sizeof path, "\n  %s:\n", c->path);
    (void)snprintf(method, sizeof method, "\n    %s:\n", c->method);
    for (char *p = method; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    print_message("%s %s\n", c->method, c->path);
    const char *block = strstr(text, path);
    assert_non_null(block);
    const char *end = strstr(block + strlen(path) - 1, "\n  /");
    const char *here = strstr(block, method);
    assert_non_null(here);
    assert_true(!end || here < end);
    const char *who = strstr(here, "x-abri-who: ");
    assert_non_null(who);
    check_who(c, who);
}

static void the_description_has_every_call_and_no_other(void **state)
{
    (void)state;
    char *text = page();
    size_t described = 0;
    for (const char *p = text; (p = strstr(p, "x-abri-who: ")) != NULL; p++)
        described++;
    for (size_t i = 0; i < call_count; i++)
        check_call(text, &calls[i]);
    assert_int_equal(described, call_count);
    mem_free(text);
}

/* Nothing that a writer may call takes anything away: that is what the names promise, and e2e shows. */
static void no_call_deletes(void **state)
{
    (void)state;
    for (size_t i = 0; i < call_count; i++) {
        assert_true(strcmp(calls[i].method, "GET") == 0 || strcmp(calls[i].method, "POST") == 0 ||
                    strcmp(calls[i].method, "PUT") == 0);
        assert_true(calls[i].body == BODY_STREAM ? calls[i].sink != NULL : calls[i].run != NULL);
        assert_true(calls[i].who != 0);
    }
}

/* `abri selftest` plays all calls by that list. */
static void everybody_knows_all_calls(void **state)
{
    (void)state;
    assert_int_equal(wire_call_count, call_count);
    for (size_t i = 0; i < call_count; i++) {
        size_t found = 0;
        for (size_t k = 0; k < wire_call_count; k++)
            found += strcmp(wire_calls[k].method, calls[i].method) == 0 && strcmp(wire_calls[k].path, calls[i].path) == 0 &&
                     wire_calls[k].json == (calls[i].body == BODY_JSON);
        print_message("%s %s\n", calls[i].method, calls[i].path);
        assert_int_equal(found, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_knows_all_calls),
        cmocka_unit_test(the_description_has_every_call_and_no_other),
        cmocka_unit_test(no_call_deletes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
