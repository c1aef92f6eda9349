/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* An object whose byte at n is a function of n and of its name. */
static uint8_t byte_at(const char *name, uint64_t n)
{
    return (uint8_t)(n * 7 + n / 251 + (uint8_t)name[0]);
}

static uint64_t asked; /* requests */

/* As a store reads: what is not here is asked for. */
static void read_piece(struct runs *r, const char *name, uint64_t off, size_t len, uint64_t object_len)
{
    static uint8_t out[4 << 20];
    if (!runs_read(r, name, off, out, len)) {
        size_t want = runs_want(r, name, off, len, object_len);
        struct buf bytes = {0};
        assert_true(want >= len && off + want <= object_len);
        for (size_t i = 0; i < want; i++)
            buf_put_u8(&bytes, byte_at(name, off + i));
        memcpy(out, bytes.data, len);
        asked++;
        if (want == len)
            buf_done(&bytes);
        runs_keep(r, name, off, want, &bytes);
        buf_done(&bytes);
    }
    for (size_t i = 0; i < len; i += 97)
        assert_int_equal(out[i], byte_at(name, off + i));
}

static void whoever_reads_forward_asks_seldom(void **state)
{
    struct runs *r = NULL;
    (void)state;
    assert_int_equal(runs_new(&r, NULL), 0);
    asked = 0;
    for (uint64_t off = 0; off + 100 * KIB <= 10 * MIB; off += 110 * KIB) /* and skips a little */
        read_piece(r, "packs/a", off, 100 * KIB, 10 * MIB);
    assert_in_range(asked, 2, 12);
    runs_free(r);
}

static void whoever_jumps_gets_what_he_asks_for(void **state)
{
    struct runs *r = NULL;
    (void)state;
    assert_int_equal(runs_new(&r, NULL), 0);
    assert_int_equal(runs_want(r, "a", 0, 64, MIB), 64);
    read_piece(r, "a", 0, 64, 10 * MIB);
    assert_int_equal(runs_want(r, "a", 5 * MIB, 64, 10 * MIB), 64); /* far ahead */
    assert_int_equal(runs_want(r, "b", 64, 64, 10 * MIB), 64);      /* of another */
    assert_true(runs_want(r, "a", 64, 64, 10 * MIB) > 64);
    assert_int_equal(runs_want(r, "a", 64, 64, 100), 64); /* no further than its end */
    assert_int_equal(runs_want(r, "a", 64, 20, 100), 36);
    runs_stop(r);
    assert_int_equal(runs_want(r, "a", 64, 64, 10 * MIB), 64);
    runs_free(r);
}

/* Parents lie behind their children, and are read before them. */
static void several_readings_beside_each_other(void **state)
{
    struct runs *r = NULL;
    (void)state;
    assert_int_equal(runs_new(&r, NULL), 0);
    asked = 0;
    for (uint64_t i = 0; i < 40; i++) {
        read_piece(r, "a", i * 50 * KIB, 50 * KIB, 20 * MIB);
        read_piece(r, "a", 10 * MIB + i * 50 * KIB, 50 * KIB, 20 * MIB);
        read_piece(r, "b", i * 50 * KIB, 50 * KIB, 20 * MIB);
    }
    assert_in_range(asked, 3, 24);
    runs_free(r);
}

static void what_is_kept_is_bounded(void **state)
{
    struct runs *r = NULL;
    static uint8_t out[64];
    unsigned kept = 0;
    (void)state;
    assert_int_equal(runs_new(&r, NULL), 0);
    for (unsigned i = 0; i < 40; i++) {
        struct buf bytes = {0};
        (void)buf_reserve(&bytes, MIB);
        memset(bytes.data, 'x', MIB);
        buf_added(&bytes, MIB);
        runs_keep(r, "a", (uint64_t)i * 2 * MIB, MIB, &bytes);
        assert_null(bytes.data);
    }
    for (unsigned i = 0; i < 40; i++)
        kept += runs_read(r, "a", (uint64_t)i * 2 * MIB, out, sizeof out);
    assert_int_equal(kept, 16);
    assert_true(runs_read(r, "a", UINT64_C(39) * 2 * MIB + MIB - 64, out, 64));
    assert_false(runs_read(r, "a", UINT64_C(39) * 2 * MIB + MIB - 63, out, 64));
    assert_false(runs_read(r, "b", UINT64_C(39) * 2 * MIB, out, 64));
    assert_false(runs_read(r, "a", UINT64_MAX - 10, out, 64));
    runs_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_reads_forward_asks_seldom),
        cmocka_unit_test(whoever_jumps_gets_what_he_asks_for),
        cmocka_unit_test(several_readings_beside_each_other),
        cmocka_unit_test(what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests_name("remote/runs", tests, NULL, NULL);
}
