/* SPDX-License-Identifier: Apache-2.0 */
/* Whether somebody who looks from outside finds out that threads hang; and limits that change under way. */
#include "client.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct site site;

static int stop(void **state)
{
    (void)state;
    site_open_gate(&site);
    if (site.http)
        site_stop(&site, 0);
    return 0;
}

static void test_idle_loops_turn_when_they_are_asked(void **state)
{
    (void)state;
    site_start(&site, &(struct http_limits){0}, 3, 2, NULL, 0, 0);
    struct http_pulse p = http_server_pulse(site.http);
    assert_int_equal(p.loops, 3);
    assert_int_equal(p.workers, 2);
    for (int i = 0; i < 5; i++) {
        /* Each gets its turn, if not between two calls at once then soon. */
        do {
            p = http_server_pulse(site.http);
            assert_false(p.workers_stuck);
        } while (p.loops_silent);
    }
}

static void test_a_loop_that_hangs_is_silent(void **state)
{
    static struct client c;
    (void)state;
    site_start(&site, &(struct http_limits){0}, 1, 2, NULL, 0, 0);
    assert_true(client_open(&c, &site, NULL));
    (void)client_request(&c, "GET", "/hang", -1);
    client_step(&c, 0);
    until_count(&site.blocked, 1);
    (void)http_server_pulse(site.http);
    (void)http_server_pulse(site.http); /* what it did before it hung was seen with the first */
    assert_int_equal(http_server_pulse(site.http).loops_silent, 1);
    assert_int_equal(http_server_pulse(site.http).loops_silent, 1);
    site_open_gate(&site);
    while (http_server_pulse(site.http).loops_silent)
        (void)poll(NULL, 0, 1);
    client_close(&c);
}

static void test_workers_that_all_hang_are_stuck(void **state)
{
    static struct client c;
    (void)state;
    site_start(&site, &(struct http_limits){0}, 1, 1, NULL, 0, 0);
    assert_true(client_open(&c, &site, NULL));
    (void)client_request(&c, "POST", "/block", 10);
    client_step(&c, 0);
    client_until_count(&c, &site.blocked, 1);
    (void)http_server_pulse(site.http);
    assert_false(http_server_pulse(site.http).workers_stuck); /* busy, but nobody waits */
    (void)client_request(&c, "POST", "/block", 10);
    while (http_server_stats(site.http).queued_now == 0)
        client_step(&c, 1);
    (void)http_server_pulse(site.http);
    assert_true(http_server_pulse(site.http).workers_stuck);
    site_open_gate(&site);
    client_until_all_closed(&c);
    assert_false(http_server_pulse(site.http).workers_stuck);
    client_close(&c);
}

static void test_limits_change_while_it_serves(void **state)
{
    static struct client c[3];
    (void)state;
    site_start(&site, &(struct http_limits){.connections = 1}, 1, 2, NULL, 0, 0);
    assert_true(client_open(&c[0], &site, NULL));
    assert_false(client_open(&c[1], &site, NULL));
    http_server_set_limits(site.http, &(struct http_limits){.connections = 2});
    assert_true(client_open(&c[1], &site, NULL));
    assert_string_equal(client_get(&c[0], "/hello", NULL), "hello\n");
    assert_false(client_open(&c[2], &site, NULL));
    client_close(&c[0]);
    client_close(&c[1]);
}

static int setup(void **state)
{
    (void)state;
    site_make(&site);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    site_done(&site);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_idle_loops_turn_when_they_are_asked, stop),
        cmocka_unit_test_teardown(test_a_loop_that_hangs_is_silent, stop),
        cmocka_unit_test_teardown(test_workers_that_all_hang_are_stuck, stop),
        cmocka_unit_test_teardown(test_limits_change_while_it_serves, stop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
