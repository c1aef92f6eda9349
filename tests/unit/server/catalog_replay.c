/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue against the model: whatever the log says, both answer alike; deleted and read again it
 * answers as before. TEST_SEED=n repeats a run, TEST_ROUNDS=n makes more of them.
 */
#include "catalog_world.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void assert_same_text(const struct buf *a, const struct buf *b, uint64_t seed, size_t index)
{
    size_t i = 0;
    while (i < a->len && i < b->len && a->data[i] == b->data[i])
        i++;
    if (i == a->len && i == b->len)
        return;
    size_t from = i < 200 ? 0 : i - 200;
    fail_msg("seed %llu, after entry %zu: ...%.300s\n--- but expected ---\n...%.300s", (unsigned long long)seed,
             index, (char *)a->data + from, (char *)b->data + from);
}

static void compare(struct catalog *c, const struct model *m, int64_t now, uint64_t seed, size_t index)
{
    CLEANUP(buf_done) struct buf a = {0}, b = {0};
    catalog_answers(c, now, &a);
    model_answers(m, now, &b);
    buf_put_u8(&a, 0);
    buf_put_u8(&b, 0);
    assert_same_text(&a, &b, seed, index);
}

#define EVENTS 500
static void root_of(uint64_t seed, size_t size, uint8_t out[MERKLE_BYTES])
{
    memset(out, (int)(seed & 0xff), MERKLE_BYTES);
    put_u64(out, size);
}

static void replay(struct catalog *c, const struct event *events, uint64_t seed)
{
    uint8_t root[MERKLE_BYTES];
    assert_return_code(catalog_begin(c, NULL), 0);
    for (size_t i = 0; i < EVENTS; i++) {
        if (i % 97 == 96) {
            root_of(seed, i, root);
            assert_return_code(catalog_commit(c, root, NULL), 0);
            assert_return_code(catalog_begin(c, NULL), 0);
        }
        assert_return_code(catalog_apply(c, i, &events[i], NULL, NULL, NULL), 0);
    }
    root_of(seed, EVENTS, root);
    assert_return_code(catalog_commit(c, root, NULL), 0);
}

static void assert_position(struct catalog *c, uint64_t size, const uint8_t *root)
{
    uint8_t got[MERKLE_BYTES];
    uint64_t at = 77;
    assert_return_code(catalog_position(c, &at, got, NULL), 0);
    assert_int_equal(at, size);
    assert_memory_equal(got, root, MERKLE_BYTES);
}

static unsigned long taken_of[EVENT_KIND_COUNT], passed_of[EVENT_KIND_COUNT];

static void one_world(uint64_t seed)
{
    struct world_random r = {seed};
    struct event *events = calloc(EVENTS, sizeof *events);
    struct model *m = model_new();
    struct catalog *c, *again;
    char dir[SCRATCH_PATH_MAX], path[SCRATCH_PATH_MAX + 16];
    uint8_t root[MERKLE_BYTES];
    int64_t now = 1000;
    bool fresh, took;
    struct err e = ERR_INIT;
    assert_non_null(events);
    scratch_make(dir);
    (void)snprintf(path, sizeof path, "%s/catalog", dir);
    assert_return_code(catalog_open(path, "origin", &c, &fresh, &e), 0);
    assert_true(fresh);
    for (size_t i = 0; i < EVENTS; i++) {
        events[i] = world_event(&r, &now);
        bool expected = model_apply(m, &events[i]);
        root_of(seed, i + 1, root);
        if (catalog_apply(c, i, &events[i], root, &took, &e))
            fail_msg("seed %llu, entry %zu: %s", (unsigned long long)seed, i, e.msg);
        if (took != expected)
            fail_msg("seed %llu, entry %zu, %s: taken %d", (unsigned long long)seed, i,
                     event_kind_name(events[i].kind), took);
        (took ? taken_of : passed_of)[events[i].kind]++;
        if (i % 50 == 49)
            compare(c, m, now, seed, i);
    }
    catalog_close(c);
    assert_return_code(catalog_open(path, "origin", &c, &fresh, &e), 0);
    assert_false(fresh);
    assert_position(c, EVENTS, root);
    compare(c, m, now, seed, EVENTS);
    assert_return_code(catalog_open(":memory:", "origin", &again, &fresh, &e), 0);
    assert_true(fresh);
    replay(again, events, seed);
    assert_position(again, EVENTS, root);
    compare(again, m, now, seed, EVENTS);
    catalog_close(again);
    catalog_close(c);
    model_free(m);
    free(events);
    scratch_remove(dir);
}

static void whatever_the_log_says_the_catalogue_follows(void **state)
{
    uint64_t seed = number("TEST_SEED", 1), rounds = number("TEST_ROUNDS", 40);
    (void)state;
    for (uint64_t i = 0; i < rounds; i++) {
        print_message("TEST_SEED=%llu\n", (unsigned long long)(seed + i));
        one_world(seed + i);
    }
}

/* Or the test above would show little. */
static void of_each_kind_some_are_taken_and_some_are_not(void **state)
{
    static const enum event_kind never[] = {EVENT_SERVER_INIT, EVENT_REFUSAL, EVENT_FORGET, EVENT_UNDELETE, EVENT_FREE,
                                            EVENT_PROTECT, EVENT_CLOCK, EVENT_SCRUB, EVENT_ALARM, EVENT_KEY_ADD};
    (void)state;
    if (getenv("TEST_SEED"))
        return;
    for (unsigned k = 1; k < EVENT_KIND_COUNT; k++) {
        bool always = false;
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
            always |= never[i] == k;
        if (!taken_of[k] || always != !passed_of[k])
            fail_msg("%s: %lu taken, %lu not", event_kind_name((enum event_kind)k), taken_of[k], passed_of[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_log_says_the_catalogue_follows),
        cmocka_unit_test(of_each_kind_some_are_taken_and_some_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
