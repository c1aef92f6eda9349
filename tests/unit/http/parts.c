/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no server: PROXY headers, addresses and networks, the table of addresses, timers, pace. */
#include "http/address_table.h"
#include "http/pace.h"
#include "http/proxy_v2.h"
#include "http/timers.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A header with `rest` behind the head; returns its length. */
static size_t header(uint8_t *out, uint8_t command, uint8_t family, const void *rest, size_t len)
{
    memcpy(out, proxy_v2_signature, 12);
    out[12] = (uint8_t)(0x20 | command);
    out[13] = family;
    out[14] = (uint8_t)(len >> 8);
    out[15] = (uint8_t)len;
    if (len)
        memcpy(out + 16, rest, len);
    return 16 + len;
}

static const uint8_t v4[12] = {192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb};

static void assert_address(const struct address *a, const char *text)
{
    char out[64];
    address_text(a, out, sizeof out);
    assert_string_equal(out, text);
}

static void test_addresses_are_taken(void **state)
{
    (void)state;
    uint8_t buf[512], v6[36] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct address a;
    size_t n = header(buf, 1, 0x11, v4, sizeof v4);
    assert_int_equal(proxy_v2_decode(buf, n, &a), PROXY_V2_CLIENT);
    assert_address(&a, "192.0.2.7");
    n = header(buf, 1, 0x21, v6, sizeof v6);
    assert_int_equal(proxy_v2_decode(buf, n, &a), PROXY_V2_CLIENT);
    assert_address(&a, "2001:db8::1");
}

static void test_a_local_command_and_unknown_families_say_nothing(void **state)
{
    (void)state;
    uint8_t buf[512], local[216] = "/run/x";
    struct address a = {.b = {1}};
    assert_int_equal(proxy_v2_decode(buf, header(buf, 0, 0x00, NULL, 0), &a), PROXY_V2_LOCAL);
    assert_int_equal(proxy_v2_decode(buf, header(buf, 0, 0x11, v4, sizeof v4), &a), PROXY_V2_LOCAL);
    assert_int_equal(proxy_v2_decode(buf, header(buf, 1, 0x00, "xyz", 3), &a), PROXY_V2_LOCAL);
    assert_int_equal(proxy_v2_decode(buf, header(buf, 1, 0x31, local, sizeof local), &a),
                     PROXY_V2_LOCAL);
    assert_false(a.known);
    assert_int_equal(a.b[0], 1);
}

static void test_tlvs_are_stepped_over(void **state)
{
    (void)state;
    uint8_t buf[4096], rest[2048];
    struct address a;
    memcpy(rest, v4, 12);
    memcpy(rest + 12, "\x01\x00\x02h2\x04\x00\x00", 8);
    assert_int_equal(proxy_v2_decode(buf, header(buf, 1, 0x11, rest, 20), &a), PROXY_V2_CLIENT);
    for (size_t n = 13; n < 20; n++) { /* a TLV that is cut */
        bool whole = n == 17;
        assert_int_equal(proxy_v2_decode(buf, header(buf, 1, 0x11, rest, n), &a),
                         whole ? PROXY_V2_CLIENT : PROXY_V2_BAD);
    }
    rest[13] = 0xff; /* longer than the header */
    assert_int_equal(proxy_v2_decode(buf, header(buf, 1, 0x11, rest, 20), &a), PROXY_V2_BAD);
}

static void test_what_is_no_header_is_refused(void **state)
{
    (void)state;
    uint8_t buf[4096];
    struct address a;
    size_t n = header(buf, 1, 0x11, v4, sizeof v4);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(proxy_v2_decode(buf, i, &a), PROXY_V2_BAD);
    assert_int_equal(proxy_v2_decode(buf, n + 1, &a), PROXY_V2_BAD);
    for (size_t i = 0; i < 12; i++) {
        buf[i] ^= 1;
        assert_int_equal(proxy_v2_rest(buf), -1);
        buf[i] ^= 1;
    }
    assert_int_equal(proxy_v2_rest(buf), 12);
    static const uint8_t bad[][2] = {
        {0x11, 0x11}, {0x31, 0x11}, {0x22, 0x11}, {0x21, 0x41}, {0x21, 0x13}};
    for (size_t i = 0; i < 5; i++) {
        buf[12] = bad[i][0];
        buf[13] = bad[i][1];
        assert_int_equal(proxy_v2_rest(buf), -1);
    }
    n = header(buf, 1, 0x11, v4, 11); /* too short for its family */
    assert_int_equal(proxy_v2_decode(buf, n, &a), PROXY_V2_BAD);
    (void)header(buf, 1, 0x11, v4, 12);
    buf[14] = 0xff;
    assert_int_equal(proxy_v2_rest(buf), -1);
    memcpy(buf, "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n", 36);
    assert_int_equal(proxy_v2_rest(buf), -1);
}

static bool in(const char *network, const char *address)
{
    struct network n;
    uint8_t raw[16];
    assert_true(network_parse(network, &n));
    bool is_v4 = inet_pton(AF_INET, address, raw) == 1;
    assert_true(is_v4 || inet_pton(AF_INET6, address, raw) == 1);
    struct address a = is_v4 ? address_of_v4(raw) : address_of_v6(raw);
    return network_has(&n, &a);
}

static void test_networks(void **state)
{
    (void)state;
    struct network n;
    assert_true(in("192.0.2.0/24", "192.0.2.255"));
    assert_false(in("192.0.2.0/24", "192.0.3.0"));
    assert_true(in("192.0.2.128/25", "192.0.2.129"));
    assert_false(in("192.0.2.128/25", "192.0.2.127"));
    assert_true(in("10.0.0.1", "10.0.0.1"));
    assert_true(in("10.0.0.1", "::ffff:10.0.0.1"));
    assert_false(in("10.0.0.1", "10.0.0.2"));
    assert_true(in("0.0.0.0/0", "1.2.3.4"));
    assert_false(in("0.0.0.0/0", "2001:db8::1"));
    assert_true(in("::/0", "1.2.3.4"));
    assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(in("::1/128", "::1"));
    static const char *const bad[] = {"",
                                      "/8",
                                      "10.0.0.1/33",
                                      "10.0.0.1/",
                                      "10.0.0.1/-1",
                                      "::/129",
                                      "10.0.0.1/8x",
                                      "10.0.0",
                                      "localhost",
                                      "10.0.0.1/0008",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(network_parse(bad[i], &n));
    struct address local = {.known = false};
    assert_true(network_parse("::/0", &n));
    assert_false(network_has(&n, &local));
    assert_address(&local, "local");
}

static void test_addresses_are_counted(void **state)
{
    (void)state;
    struct address_table t;
    struct err e;
    assert_int_equal(address_table_init(&t, 100, &e), 0);
    for (uint32_t i = 0; i < 1000; i++)
        for (unsigned k = 0; k < 2; k++) {
            struct address a = address_of_v4((uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i});
            assert_true(address_table_add(&t, &a, 2));
        }
    struct address one = address_of_v4((uint8_t[]){10, 0, 0, 1});
    assert_false(address_table_add(&t, &one, 2));
    address_table_remove(&t, &one);
    assert_true(address_table_add(&t, &one, 2));
    assert_false(address_table_add(&t, &one, 2));
    /* One /64 is one customer. */
    uint8_t six[16] = {0x20, 0x01, [15] = 1};
    struct address a = address_of_v6(six);
    assert_true(address_table_add(&t, &a, 1));
    six[15] = 2;
    a = address_of_v6(six);
    assert_false(address_table_add(&t, &a, 1));
    six[7] = 9;
    a = address_of_v6(six);
    assert_true(address_table_add(&t, &a, 1));
    address_table_done(&t);
}

static void test_timers_fire_in_order(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static struct timer all[COUNT];
    struct timers t = {0};
    unsigned seed = 20261122;
    print_message("seed %u\n", seed);
    assert_true(timers_reserve(&t, COUNT));
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 2000; i++) {
            struct timer *x = &all[(unsigned)rand_r(&seed) % COUNT];
            if (rand_r(&seed) % 4 == 0)
                timers_remove(&t, x);
            else
                timers_set(&t, x, rand_r(&seed) % 1000);
        }
        size_t in_heap = 0, seen = 0;
        for (unsigned i = 0; i < COUNT; i++)
            in_heap += all[i].place != 0;
        int64_t last = -1;
        for (struct timer *x; (x = timers_first(&t)); seen++) {
            assert_true(x->at_ms >= last);
            last = x->at_ms;
            timers_remove(&t, x);
            assert_int_equal(x->place, 0);
        }
        assert_int_equal(seen, in_heap);
    }
    timers_done(&t);
}

static void test_who_keeps_up_goes_on(void **state)
{
    (void)state;
    struct pace p = {0};
    int64_t since = 0;
    assert_int_equal(pace_judge(&p, 1, 100, 10, &since), PACE_EARLY); /* nobody waits */
    for (int64_t now = 1; now < 5000; now++) { /* 11 bytes in each stretch, one at a time */
        assert_true(pace_await(&p, now, 110) > now);
        p.moved += now % 10 == 0;
        enum pace_verdict v = pace_judge(&p, now + 1, 110, 10, &since);
        assert_true(v == PACE_EARLY || v == PACE_KEPT);
    }
    pace_rest(&p);
    assert_int_equal(pace_await(&p, 5000, 100), 5100);
    p.moved = 9;
    assert_int_equal(pace_judge(&p, 5099, 100, 10, &since), PACE_EARLY);
    assert_int_equal(pace_judge(&p, 5100, 100, 10, &since), PACE_SLOW);
    assert_int_equal(since, 5000);
    p.moved = 10; /* another stretch, which began then */
    assert_int_equal(pace_judge(&p, 5199, 100, 10, &since), PACE_EARLY);
    assert_int_equal(pace_judge(&p, 9000, 100, 10, &since), PACE_KEPT);
    pace_rest(&p); /* and what was not waited for does not count */
    assert_int_equal(pace_judge(&p, 99999, 100, 10, &since), PACE_EARLY);
    assert_int_equal(pace_await(&p, 99999, 100), 100099);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_taken),
        cmocka_unit_test(test_a_local_command_and_unknown_families_say_nothing),
        cmocka_unit_test(test_tlvs_are_stepped_over),
        cmocka_unit_test(test_what_is_no_header_is_refused),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_addresses_are_counted),
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_who_keeps_up_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
