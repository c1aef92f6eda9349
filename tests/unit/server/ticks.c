/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of the clock comes back as it was; of what is damaged nothing is believed. */
#include "server/clock_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct policy_guard sample(unsigned runs)
{
    struct policy_guard g = {.ticks_ns = INT64_C(5000000) * (runs + 1), .seen_ns = INT64_C(1795000000123456789),
                             .seen_boottime_ns = 77, .reference_ns = -5, .reference_boottime_ns = 6,
                             .moved_ns = 8, .why = POLICY_CLOCK_DRIFTED, .against_ns = 9, .by_ns = 10,
                             .run_count = runs};
    memset(g.boot_id, 0x5a, sizeof g.boot_id);
    for (unsigned i = 0; i < runs; i++)
        g.runs[i] = (struct policy_run){INT64_C(1700000000000000000) + i, INT64_C(5000000) * i};
    return g;
}

static void it_comes_back_as_it_was(void **state)
{
    (void)state;
    for (unsigned runs = 0; runs <= POLICY_RUNS_MAX; runs += 128) {
        struct policy_guard g = sample(runs), again;
        struct buf b = {0};
        ticks_encode(&g, &b);
        memset(&again, 0, sizeof again);
        assert_true(ticks_decode(b.data, b.len, &again));
        assert_int_equal(again.ticks_ns, g.ticks_ns);
        assert_int_equal(again.seen_ns, g.seen_ns);
        assert_int_equal(again.seen_boottime_ns, g.seen_boottime_ns);
        assert_int_equal(again.reference_ns, g.reference_ns);
        assert_int_equal(again.reference_boottime_ns, g.reference_boottime_ns);
        assert_int_equal(again.moved_ns, g.moved_ns);
        assert_int_equal(again.why, g.why);
        assert_int_equal(again.against_ns, g.against_ns);
        assert_int_equal(again.by_ns, g.by_ns);
        assert_memory_equal(again.boot_id, g.boot_id, sizeof g.boot_id);
        assert_int_equal(again.run_count, runs);
        assert_memory_equal(again.runs, g.runs, runs * sizeof *g.runs);
        buf_done(&b);
    }
}

static void nothing_damaged_is_believed(void **state)
{
    struct policy_guard g = sample(3), out;
    struct buf b = {0};
    (void)state;
    ticks_encode(&g, &b);
    for (size_t i = 0; i < b.len; i++) {
        assert_false(ticks_decode(b.data, i, &out));
        b.data[i] ^= 0x10;
        assert_false(ticks_decode(b.data, b.len, &out));
        b.data[i] ^= 0x10;
    }
    assert_true(ticks_decode(b.data, b.len, &out));
    buf_put_u8(&b, 0);
    assert_false(ticks_decode(b.data, b.len, &out));
    buf_done(&b);
}

/* Even with a right hash. */
static void nothing_impossible_is_believed(void **state)
{
    struct policy_guard out;
    (void)state;
    for (int what = 0; what < 5; what++) {
        struct policy_guard g = sample(3);
        struct buf b = {0};
        switch (what) {
        case 0: g.ticks_ns = -1; break;
        case 1: g.why = POLICY_CLOCK_UNSET; break;
        case 2: g.why = (enum policy_clock_why)77; break;
        case 3: g.runs[1].ticks_ns = g.ticks_ns; break; /* not ascending */
        case 4: g.moved_ns = -1; break;
        default: break;
        }
        ticks_encode(&g, &b);
        assert_false(ticks_decode(b.data, b.len, &out));
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_as_it_was),
        cmocka_unit_test(nothing_damaged_is_believed),
        cmocka_unit_test(nothing_impossible_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
