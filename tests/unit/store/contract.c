/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What store.h promises, for every implementation alike. A new implementation
 * adds itself to `places`; nothing else here may know which one it tests.
 */
#include "place.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct store *here(void **state)
{
    return ((struct place *)*state)->s;
}

static struct store_writer *writer(struct store *s)
{
    struct err e = ERR_INIT;
    struct store_writer *w;
    assert_ok(store_create(s, &w, &e), &e);
    return w;
}

static uint8_t *pattern(size_t len, unsigned seed)
{
    uint8_t *p = mem_alloc(len);
    assert_non_null(p);
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(i * 31 + i / 251 + seed);
    return p;
}

/* ---- writing and reading ------------------------------------------------------- */

static void what_was_put_is_read(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 1000003};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "objects/n%zu", sizes[i]);
        CLEANUP_FREE uint8_t *p = pattern(sizes[i], 5);
        assert_ok(store_put(here(state), name, p, sizes[i], &e), &e);
        assert_holds(here(state), name, p, sizes[i]);
    }
}

static void ranges_may_come_in_any_order_and_gaps_are_zero(void **state)
{
    struct err e = ERR_INIT;
    struct store_writer *w = writer(here(state));
    assert_ok(store_write(w, 10000, "tail", 4, &e), &e);
    assert_ok(store_write(w, 0, "head", 4, &e), &e);
    assert_ok(store_write(w, 2, "AD", 2, &e), &e);
    assert_ok(store_write(w, 77777, NULL, 0, &e), &e);
    store_write_hint(w, 0, 5000);
    store_write_hint(w, UINT64_MAX, UINT64_MAX);
    assert_ok(store_writer_commit(w, "a", &e), &e);
    uint8_t expected[10004] = "heAD";
    memcpy(expected + 10000, "tail", 4);
    assert_holds(here(state), "a", expected, sizeof expected);
}

static void reads_stay_within_the_object(void **state)
{
    struct err e = ERR_INIT;
    put(here(state), "a", "0123456789");
    struct store_reader *r;
    assert_ok(store_open(here(state), "a", &r, &e), &e);
    char got[16] = "................";
    assert_ok(store_read(r, 3, got, 4, &e), &e);
    assert_memory_equal(got, "3456............", 16);
    assert_ok(store_read(r, 10, got, 0, &e), &e);
    assert_class(store_read(r, 7, got, 4, &e), &e, ERR_DAMAGED);
    assert_class(store_read(r, 11, got, 0, &e), &e, ERR_DAMAGED);
    assert_class(store_read(r, UINT64_MAX, got, 2, &e), &e, ERR_DAMAGED);
    store_reader_close(r);
}

static void too_long_an_object_is_refused(void **state)
{
    struct err e = ERR_INIT;
    struct store_writer *w = writer(here(state));
    assert_class(store_write(w, UINT64_MAX, "x", 1, &e), &e, ERR_LIMIT);
    assert_class(store_write(w, INT64_MAX, "x", 1, &e), &e, ERR_LIMIT);
    store_writer_abort(w);
}

static void an_aborted_object_never_was(void **state)
{
    struct err e = ERR_INIT;
    struct store_writer *w = writer(here(state));
    assert_ok(store_write(w, 0, "x", 1, &e), &e);
    assert_names(here(state), "", "");
    store_writer_abort(w);
    store_writer_abort(NULL);
    store_reader_close(NULL);
    assert_names(here(state), "", "");
}

static void a_reader_outlives_the_name(void **state)
{
    struct err e = ERR_INIT;
    struct store_reader *r;
    put(here(state), "a", "old");
    assert_ok(store_open(here(state), "a", &r, &e), &e);
    assert_ok(store_remove(here(state), "a", &e), &e);
    assert_missing(here(state), "a");
    put(here(state), "a", "new!");
    char got[3];
    assert_ok(store_read(r, 0, got, 3, &e), &e);
    assert_memory_equal(got, "old", 3);
    assert_memory_equal(store_reader_map(r), "old", 3);
    store_reader_close(r);
    assert_text(here(state), "a", "new!");
}

/* ---- names ------------------------------------------------------------------------ */

static void a_name_is_given_once(void **state)
{
    struct err e = ERR_INIT;
    put(here(state), "snapshots/1", "first");
    assert_class(store_put(here(state), "snapshots/1", "second", 6, &e), &e, ERR_EXISTS);
    assert_text(here(state), "snapshots/1", "first");
    assert_names(here(state), "", "snapshots/1");
}

static void an_object_is_no_directory(void **state)
{
    struct err e = ERR_INIT;
    put(here(state), "a/b", "x");
    assert_missing(here(state), "a");
    assert_class(store_remove(here(state), "a", &e), &e, ERR_NOT_FOUND);
    assert_class(store_put(here(state), "a", "y", 1, &e), &e, ERR_EXISTS);
    assert_class(store_put(here(state), "a/b/c", "y", 1, &e), &e, ERR_DAMAGED);
    assert_missing(here(state), "a/b/c");
    assert_class(store_remove(here(state), "a/b/c", &e), &e, ERR_NOT_FOUND);
    assert_names(here(state), "a/b", "");
    assert_text(here(state), "a/b", "x");
}

static void hostile_names_are_refused_everywhere(void **state)
{
    char long_name[STORE_NAME_MAX + 2];
    memset(long_name, 'a', sizeof long_name);
    long_name[STORE_NAME_MAX + 1] = '\0';
    const char *const bad[] = {
        "../x", "a/../b", "..",   "a/..",   ".",         "./a",     "a/.",
        "/a",   "/",      "a/",   "a//b",   "a/b/c/d/e", "A",       "a/B",
        "a b",  "a\\b",   "a\nb", "a\x1b[", "\xc3\xa4",  ".hidden", "a/.hidden",
        "a:b",  "a*",     "tmp",  "tmp/x",  "a\x7f",     "a%2fb",   long_name,
    };
    struct store *s = here(state);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        struct store_reader *r = NULL;
        assert_class(store_put(s, bad[i], "x", 1, &e), &e, ERR_USAGE);
        for (const char *c = e.msg; *c; c++)
            assert_true(*c >= ' ' && *c < 0x7f);
        assert_class(store_writer_commit(writer(s), bad[i], &e), &e, ERR_USAGE);
        assert_class(store_open(s, bad[i], &r, &e), &e, ERR_USAGE);
        assert_class(store_remove(s, bad[i], &e), &e, ERR_USAGE);
        assert_class(store_sync(s, bad[i], &e), &e, ERR_USAGE);
        assert_class(store_list(s, bad[i], NULL, NULL, &e), &e, ERR_USAGE);
    }
    struct err e = ERR_INIT;
    assert_class(store_put(s, "", "x", 1, &e), &e, ERR_USAGE);
    assert_class(store_remove(s, "", &e), &e, ERR_USAGE);
    assert_names(s, "", "");
}

static void odd_but_valid_names_are_taken(void **state)
{
    char longest[STORE_NAME_MAX + 1];
    memset(longest, 'a', sizeof longest);
    longest[STORE_NAME_MAX] = '\0';
    const char *const good[] = {
        "a", "-", "_", "0", "a..b", "a.", "-rf", "tmp2", "a2/tmp", "b/c/d/e.f-g_h", longest};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        put(here(state), good[i], good[i]);
        assert_text(here(state), good[i], good[i]);
    }
}

static void what_is_missing_is_not_found(void **state)
{
    struct err e = ERR_INIT;
    assert_missing(here(state), "a");
    assert_missing(here(state), "a/b/c");
    assert_class(store_remove(here(state), "a", &e), &e, ERR_NOT_FOUND);
    assert_class(store_remove(here(state), "a/b", &e), &e, ERR_NOT_FOUND);
    assert_class(store_sync(here(state), "a/b", &e), &e, ERR_NOT_FOUND);
    assert_names(here(state), "a", "");
    sync_dir(here(state), "");
}

static void a_removed_name_is_free_again(void **state)
{
    struct err e = ERR_INIT;
    put(here(state), "a/b", "1");
    sync_dir(here(state), "a");
    assert_ok(store_remove(here(state), "a/b", &e), &e);
    assert_class(store_remove(here(state), "a/b", &e), &e, ERR_NOT_FOUND);
    assert_names(here(state), "", "");
    sync_dir(here(state), "a");
    put(here(state), "a/b", "2");
    assert_text(here(state), "a/b", "2");
}

/* ---- listing ------------------------------------------------------------------------- */

static void lists_are_whole_and_keep_to_their_directory(void **state)
{
    struct store *s = here(state);
    put(s, "packs/3f/3f1", "1");
    put(s, "packs/3f/3f2", "2");
    put(s, "packs/40/401", "3");
    put(s, "packs2/x", "4");
    put(s, "packs.x", "5");
    put(s, "top", "6");
    assert_names(s, "packs", "packs/3f/3f1 packs/3f/3f2 packs/40/401");
    assert_names(s, "packs/3f", "packs/3f/3f1 packs/3f/3f2");
    assert_names(s, "packs/3", "");
    assert_names(s, "top", "");
    assert_names(s, "", "packs.x packs/3f/3f1 packs/3f/3f2 packs/40/401 packs2/x top");
}

static int sum_lengths(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)name;
    (void)e;
    *(uint64_t *)arg += len_bytes;
    return 0;
}

static int stop_at_once(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)name;
    (void)len_bytes;
    (*(int *)arg)++;
    (void)err_set(e, ERR_CANCELLED, "enough");
    return 7;
}

static void lists_tell_lengths_and_stop_when_told(void **state)
{
    struct err e = ERR_INIT;
    put(here(state), "a/1", "");
    put(here(state), "a/2", "12345");
    put(here(state), "b", "123");
    uint64_t sum = 0;
    assert_ok(store_list(here(state), "", sum_lengths, &sum, &e), &e);
    assert_int_equal(sum, 8);
    int calls = 0;
    assert_int_equal(store_list(here(state), "", stop_at_once, &calls, &e), 7);
    assert_int_equal(e.cls, ERR_CANCELLED);
    assert_int_equal(calls, 1);
}

static int remove_it(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)len_bytes;
    return store_remove(arg, name, e);
}

static void objects_may_be_removed_while_they_are_listed(void **state)
{
    struct err e = ERR_INIT;
    for (int i = 0; i < 300; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d%d/n%d", i % 3, i);
        put(here(state), name, "x");
    }
    assert_ok(store_list(here(state), "", remove_it, here(state), &e), &e);
    assert_names(here(state), "", "");
}

/* ---- threads --------------------------------------------------------------------------- */

#define RACERS 4
#define ROUNDS 40

struct racer {
    pthread_t thread;
    struct store *s;
    pthread_barrier_t *start;
    char mark;
    unsigned wins;
    unsigned other_errors;
};

static void *race_for_names(void *arg)
{
    struct racer *r = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct err e = ERR_INIT;
        char name[32];
        (void)snprintf(name, sizeof name, "snapshots/%d", round);
        (void)pthread_barrier_wait(r->start);
        if (store_put(r->s, name, &r->mark, 1, &e) == 0)
            r->wins++;
        else if (e.cls != ERR_EXISTS)
            r->other_errors++;
    }
    return NULL;
}

static void one_of_several_gets_the_name(void **state)
{
    struct racer racers[RACERS];
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.s = here(state), .start = &start, .mark = (char)('a' + i)};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race_for_names, &racers[i]), 0);
    }
    unsigned wins = 0;
    for (int i = 0; i < RACERS; i++) {
        (void)pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].other_errors, 0);
        wins += racers[i].wins;
    }
    (void)pthread_barrier_destroy(&start);
    assert_int_equal(wins, ROUNDS);
    struct err e = ERR_INIT;
    uint64_t objects = 0;
    assert_ok(store_list(here(state), "snapshots", sum_lengths, &objects, &e), &e);
    assert_int_equal(objects, ROUNDS);
}

struct part {
    pthread_t thread;
    struct store_writer *w;
    const uint8_t *p;
    size_t from, to;
    int rc;
};

static void *write_part(void *arg)
{
    struct part *part = arg;
    struct err e = ERR_INIT;
    for (size_t at = part->from; at < part->to && part->rc == 0; at += 1000)
        part->rc =
            store_write(part->w, at, part->p + at, part->to - at < 1000 ? part->to - at : 1000, &e);
    return NULL;
}

static void several_threads_fill_one_object(void **state)
{
    enum { PARTS = 4, LEN = 200000 };
    struct err e = ERR_INIT;
    CLEANUP_FREE uint8_t *p = pattern(LEN, 9);
    struct store_writer *w = writer(here(state));
    struct part parts[PARTS];
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] =
            (struct part){.w = w, .p = p, .from = LEN / PARTS * i, .to = LEN / PARTS * (i + 1)};
        assert_int_equal(pthread_create(&parts[i].thread, NULL, write_part, &parts[i]), 0);
    }
    for (size_t i = 0; i < PARTS; i++) {
        (void)pthread_join(parts[i].thread, NULL);
        assert_int_equal(parts[i].rc, 0);
    }
    assert_ok(store_writer_commit(w, "a", &e), &e);
    assert_holds(here(state), "a", p, LEN);
}

struct mapper {
    pthread_t thread;
    struct store_reader *r;
    const uint8_t *map;
};

static void *map_it(void *arg)
{
    struct mapper *m = arg;
    m->map = store_reader_map(m->r);
    return NULL;
}

static void several_threads_get_one_mapping(void **state)
{
    struct err e = ERR_INIT;
    put(here(state), "a", "mapped");
    for (int round = 0; round < 20; round++) {
        struct mapper m[RACERS];
        struct store_reader *r;
        assert_ok(store_open(here(state), "a", &r, &e), &e);
        for (size_t i = 0; i < RACERS; i++) {
            m[i].r = r;
            assert_int_equal(pthread_create(&m[i].thread, NULL, map_it, &m[i]), 0);
        }
        for (size_t i = 0; i < RACERS; i++)
            (void)pthread_join(m[i].thread, NULL);
        for (size_t i = 1; i < RACERS; i++)
            assert_ptr_equal(m[i].map, m[0].map);
        assert_memory_equal(m[0].map, "mapped", 6);
        store_reader_close(r);
    }
}

/* ---- lack of memory -------------------------------------------------------------------- */

static int a_bit_of_everything(struct store *s, struct err *e)
{
    struct store_reader *r;
    uint64_t sum = 0;
    char got[3];
    if (store_put(s, "m/a/x", "abc", 3, e) || store_sync(s, "m/a", e) ||
        store_list(s, "", sum_lengths, &sum, e) || store_open(s, "m/a/x", &r, e))
        return -1;
    int rc = store_read(r, 0, got, 3, e);
    (void)store_reader_map(r);
    store_reader_close(r);
    return rc ? rc : store_remove(s, "m/a/x", e);
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        int rc = a_bit_of_everything(here(state), &e);
        done = mem_count() < n;
        mem_fail_nth(0);
        if (rc)
            assert_class(rc, &e, ERR_NO_MEMORY);
        assert_true(rc || done);
        if (store_remove(here(state), "m/a/x", &e)) /* may have got that far, or not */
            assert_int_equal(e.cls, ERR_NOT_FOUND);
        assert_names(here(state), "", "");
    }
}

/* ---- replacing ---------------------------------------------------------------------------- */

static void replace(struct store *s, const char *name, const char *text)
{
    struct err e = ERR_INIT;
    struct store_writer *w = writer(s);
    assert_ok(store_write(w, 0, text, strlen(text), &e), &e);
    assert_ok(store_writer_replace(w, name, &e), &e);
}

static void a_replaced_object_is_the_new_one_and_its_readers_keep_the_old(void **state)
{
    struct store *s = here(state);
    struct err e = ERR_INIT;
    struct store_reader *r;
    char old[5];
    put(s, "packs/3f/x", "first");
    assert_ok(store_open(s, "packs/3f/x", &r, &e), &e);
    replace(s, "packs/3f/x", "the second");
    assert_holds(s, "packs/3f/x", "the second", 10);
    assert_ok(store_read(r, 0, old, 5, &e), &e);
    assert_memory_equal(old, "first", 5);
    store_reader_close(r);
    replace(s, "packs/40/y", "new"); /* nothing was there */
    assert_names(s, "", "packs/3f/x packs/40/y");
    assert_class(store_writer_replace(writer(s), "packs/3f", &e), &e, ERR_DAMAGED);
    assert_class(store_writer_replace(writer(s), "../x", &e), &e, ERR_USAGE);
    assert_names(s, "", "packs/3f/x packs/40/y");
}

/* ---- every test in every place ----------------------------------------------------------- */

#define EVERY_TEST(run)                                                                            \
    run(what_was_put_is_read), run(ranges_may_come_in_any_order_and_gaps_are_zero),                \
        run(reads_stay_within_the_object), run(too_long_an_object_is_refused),                     \
        run(an_aborted_object_never_was), run(a_reader_outlives_the_name),                         \
        run(a_name_is_given_once), run(an_object_is_no_directory),                                 \
        run(hostile_names_are_refused_everywhere), run(odd_but_valid_names_are_taken),             \
        run(what_is_missing_is_not_found), run(a_removed_name_is_free_again),                      \
        run(lists_are_whole_and_keep_to_their_directory),                                          \
        run(lists_tell_lengths_and_stop_when_told),                                                \
        run(objects_may_be_removed_while_they_are_listed), run(one_of_several_gets_the_name),      \
        run(a_replaced_object_is_the_new_one_and_its_readers_keep_the_old),                        \
        run(several_threads_fill_one_object), run(several_threads_get_one_mapping),                \
        run(a_failed_allocation_is_reported_and_leaves_nothing)

static struct place places[] = {
    {.name = "directory", .kind = PLACE_DIR},
    {.name = "directory on an old kernel", .kind = PLACE_DIR_OLD},
    {.name = "memory", .kind = PLACE_MEM},
    {.name = "faults over memory", .kind = PLACE_FAULT},
};

#define AS_TEST(test)                                                                              \
    {                                                                                              \
#test, test, place_open, place_close, NULL                                                 \
    }

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct CMUnitTest tests[] = {EVERY_TEST(AS_TEST)};
        for (size_t t = 0; t < sizeof tests / sizeof *tests; t++)
            tests[t].initial_state = &places[i];
        failed += _cmocka_run_group_tests(places[i].name, tests, sizeof tests / sizeof *tests, NULL,
                                          NULL);
    }
    return failed;
}
