/* SPDX-License-Identifier: Apache-2.0 */
/* How often: by an injected clock; nothing waits. */
#include "server/rates.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOUR (INT64_C(3600) * NS_PER_S)

static struct rates *table(void)
{
    struct rates *r = NULL;
    struct err e = ERR_INIT;
    assert_return_code(rates_new(&r, &e), 0);
    return r;
}

static void key_of(unsigned n, uint8_t key[RATE_KEY_BYTES])
{
    memset(key, 0, RATE_KEY_BYTES);
    memcpy(key, &n, sizeof n);
}

static unsigned take_all(struct rates *r, enum rate what, unsigned n, int64_t now)
{
    uint8_t key[RATE_KEY_BYTES];
    unsigned taken = 0;
    key_of(n, key);
    while (rates_take(r, what, key, now))
        assert_true(++taken < 100000);
    return taken;
}

static void so_many_at_once_and_no_more(void **state)
{
    struct rates *r = table();
    uint8_t key[RATE_KEY_BYTES];
    (void)state;
    key_of(1, key);
    for (unsigned what = RATE_UNSET + 1; what < RATE_COUNT; what++) {
        assert_false(rates_are_full(r, (enum rate)what, key, 5));
        assert_int_equal(take_all(r, (enum rate)what, 1, 5), rates_burst((enum rate)what));
        assert_true(rates_are_full(r, (enum rate)what, key, 5));
        assert_int_equal(take_all(r, (enum rate)what, 2, 5), rates_burst((enum rate)what)); /* others are others */
    }
    rates_free(r);
}

static void an_hour_later_all_is_forgotten_and_before_its_share(void **state)
{
    struct rates *r = table();
    unsigned burst = rates_burst(RATE_SESSION);
    int64_t now = 7 * HOUR;
    (void)state;
    assert_int_equal(take_all(r, RATE_SESSION, 1, now), burst);
    assert_int_equal(take_all(r, RATE_SESSION, 1, now + HOUR / 4), burst / 4);
    assert_int_equal(take_all(r, RATE_SESSION, 1, now + HOUR / 4), 0);
    assert_int_equal(take_all(r, RATE_SESSION, 1, now + 3 * HOUR), burst);
    /* who is refused does not make it longer */
    for (int i = 0; i < 1000; i++)
        assert_int_equal(take_all(r, RATE_SESSION, 1, now + 3 * HOUR), 0);
    assert_int_equal(take_all(r, RATE_SESSION, 1, now + 4 * HOUR), burst);
    rates_free(r);
}

/* K1: whoever comes with many names is not stored for ever, and pushes out those who did little. */
static void many_names_take_no_more_room(void **state)
{
    struct rates *r = table();
    uint8_t key[RATE_KEY_BYTES];
    unsigned full = 0;
    (void)state;
    for (unsigned n = 0; n < 16; n++)
        assert_int_equal(take_all(r, RATE_ENROL, n, HOUR), rates_burst(RATE_ENROL));
    for (unsigned n = 1000; n < 200000; n++) {
        key_of(n, key);
        assert_true(rates_take(r, RATE_ENROL, key, HOUR));
    }
    for (unsigned n = 0; n < 16; n++) {
        key_of(n, key);
        full += rates_are_full(r, RATE_ENROL, key, HOUR);
    }
    assert_int_equal(full, 16);
    rates_free(r);
}

static void addresses_are_keys(void **state)
{
    uint8_t a[RATE_KEY_BYTES], b[RATE_KEY_BYTES];
    (void)state;
    rates_address("2001:db8:1:2::7", a);
    rates_address("2001:db8:1:2:ffff:1:2:3", b);
    assert_memory_equal(a, b, sizeof a);
    rates_address("2001:db8:1:3::7", b);
    assert_memory_not_equal(a, b, sizeof a);
    rates_address("192.0.2.7", a);
    rates_address("192.0.2.8", b);
    assert_memory_not_equal(a, b, sizeof a);
    rates_address("no address", a);
    rates_address("", b);
    assert_memory_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_at_once_and_no_more),
        cmocka_unit_test(an_hour_later_all_is_forgotten_and_before_its_share),
        cmocka_unit_test(many_names_take_no_more_room),
        cmocka_unit_test(addresses_are_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
