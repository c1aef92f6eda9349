/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power is cut at every system call of a random run over a real directory,
 * under every model of what the disk had done by then. Each time:
 *
 * 1. the directory opens;
 * 2. every object whose name was synced is there, bit for bit, unless its
 *    removal had begun;
 * 3. every object that is there is one that was put, bit for bit: none is torn;
 * 4. no object whose removal was synced is back.
 *
 * ABRI_SEED=n replays a run.
 */
#include "place.h"
#include "store_record.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define STEPS 40
#define NEVER SIZE_MAX

/* When things happened, counted in recorded calls: *_began is the count before
 * the first call that may do it, *_done the count after the last. */
struct fact {
    char name[32];
    size_t len;
    size_t put_began, put_synced;
    size_t removal_began, removal_synced;
};

struct run {
    char path[SCRATCH_PATH_MAX];
    struct store_record *record;
    struct store *s;
    struct fact facts[STEPS];
    size_t count;
    uint64_t seed, random;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

static uint8_t byte_of(const char *name, size_t i)
{
    return (uint8_t)((uint8_t)name[i % strlen(name)] + 1 + i / 7);
}

/* ---- the run ----------------------------------------------------------------------- */

/* In pieces, so that a cut can fall between them. */
static void put_in_pieces(struct run *r, struct fact *f)
{
    struct err e = ERR_INIT;
    struct store_writer *w;
    assert_ok(store_create(r->s, &w, &e), &e);
    uint8_t piece[700];
    for (size_t at = 0; at < f->len; at += sizeof piece) {
        size_t n = f->len - at < sizeof piece ? f->len - at : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_of(f->name, at + i);
        assert_ok(store_write(w, at, piece, n, &e), &e);
    }
    assert_ok(store_writer_commit(w, f->name, &e), &e);
}

static void step_put(struct run *r)
{
    static const char *const dirs[] = {"", "snapshots/", "packs/3f/", "packs/40/", "a/b/c/"};
    struct fact *f = &r->facts[r->count];
    *f = (struct fact){.put_synced = NEVER, .removal_began = NEVER, .removal_synced = NEVER};
    (void)snprintf(f->name, sizeof f->name, "%sn%zu", dirs[next_random(&r->random) % 5], r->count);
    f->len = (size_t)(next_random(&r->random) % 3000);
    f->put_began = store_record_count(r->record);
    put_in_pieces(r, f);
    r->count++;
}

static void step_remove(struct run *r)
{
    struct fact *f = r->count ? &r->facts[next_random(&r->random) % r->count] : NULL;
    if (!f || f->removal_began != NEVER)
        return;
    struct err e = ERR_INIT;
    f->removal_began = store_record_count(r->record);
    assert_ok(store_remove(r->s, f->name, &e), &e);
}

static void step_sync(struct run *r)
{
    if (r->count == 0)
        return;
    char dir[32];
    (void)snprintf(dir, sizeof dir, "%s", r->facts[next_random(&r->random) % r->count].name);
    char *slash = strrchr(dir, '/');
    *(slash ? slash : dir) = '\0';
    sync_dir(r->s, dir);
    size_t now = store_record_count(r->record);
    for (size_t i = 0; i < r->count; i++) {
        struct fact *f = &r->facts[i];
        const char *base = strrchr(f->name, '/');
        size_t len = base ? (size_t)(base - f->name) : 0;
        if (strlen(dir) != len || memcmp(dir, f->name, len) != 0)
            continue;
        if (f->put_synced == NEVER)
            f->put_synced = now;
        if (f->removal_began != NEVER && f->removal_synced == NEVER)
            f->removal_synced = now;
    }
}

static void run_steps(struct run *r)
{
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = next_random(&r->random) % 10;
        if (what < 5)
            step_put(r);
        else if (what < 9)
            step_sync(r);
        else
            step_remove(r);
    }
}

/* ---- the checks ---------------------------------------------------------------------- */

static bool holds_what_was_put(struct store *s, const struct fact *f, struct err *e)
{
    struct store_reader *r;
    if (store_open(s, f->name, &r, e))
        return false;
    bool good = store_reader_len(r) == f->len;
    const uint8_t *map = store_reader_map(r);
    for (size_t i = 0; good && i < f->len; i++)
        good = map[i] == byte_of(f->name, i);
    if (!good)
        (void)err_set(e, ERR_DAMAGED, "torn");
    store_reader_close(r);
    return good;
}

/* What is wrong with `f` after a cut at call `k`, or NULL. */
static const char *wrong(struct store *s, const struct fact *f, size_t k)
{
    struct err e = ERR_INIT;
    bool whole = holds_what_was_put(s, f, &e);
    if (!whole && e.cls != ERR_NOT_FOUND)
        return "torn";
    if (whole && f->put_began >= k)
        return "there before it was put";
    if (whole && f->removal_synced <= k)
        return "back after its removal";
    if (!whole && f->put_synced <= k && f->removal_began >= k)
        return "lost";
    return NULL;
}

static int count_one(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)name;
    (void)len_bytes;
    (void)e;
    (*(size_t *)arg)++;
    return 0;
}

static void check_cut(struct run *r, size_t k, enum record_cut cut, const char *at)
{
    struct err e = ERR_INIT;
    struct store *s;
    size_t listed = 0, there = 0;
    assert_ok(store_record_cut(r->record, k, cut, r->seed + k, at, &e), &e);
    assert_ok(store_dir_open(at, &s, &e), &e);
    for (size_t i = 0; i < r->count; i++) {
        const char *what = wrong(s, &r->facts[i], k);
        if (what) {
            char call[128] = "the start";
            if (k > 0)
                store_record_describe(r->record, k - 1, call, sizeof call);
            print_error("ABRI_SEED=%llu: cut %d after call %zu (%s): '%s' is %s\n",
                        (unsigned long long)r->seed, (int)cut, k, call, r->facts[i].name, what);
        }
        assert_null(what);
        there += holds_what_was_put(s, &r->facts[i], &e);
    }
    assert_ok(store_list(s, "", count_one, &listed, &e), &e);
    assert_int_equal(listed, there);
    store_close(s);
    assert_true(rmdir(below(at, "tmp")) == 0 || errno == ENOENT); /* cleaned */
    scratch_empty(at);
}

static void cut_everywhere(const struct store_dir_ops *extra, uint64_t seed)
{
    struct err e = ERR_INIT;
    struct run r = {.seed = seed, .random = seed | 1};
    char cut_at[SCRATCH_PATH_MAX];
    scratch_make(r.path);
    scratch_make(cut_at);
    struct store_dir_ops ops = store_record_ops;
    if (extra)
        ops.rename_new = extra->rename_new;
    assert_ok(store_record_new(NULL, &r.record, &e), &e);
    assert_ok(store_dir_open_with(below(r.path, "vault"), true, &ops, r.record, &r.s, &e), &e);
    run_steps(&r);
    store_close(r.s);
    for (size_t k = 0; k <= store_record_count(r.record); k++)
        for (enum record_cut cut = RECORD_CUT_LOST; cut <= RECORD_CUT_MIXED; cut++)
            check_cut(&r, k, cut, cut_at);
    store_record_free(r.record);
    scratch_remove(r.path);
    scratch_remove(cut_at);
}

static uint64_t the_seed(void)
{
    const char *given = getenv("ABRI_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_realtime_ns() % 1000000;
    print_message("ABRI_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void a_directory_survives_a_power_cut_at_every_call(void **state)
{
    (void)state;
    cut_everywhere(NULL, the_seed());
}

static void so_it_does_where_names_are_given_by_links(void **state)
{
    (void)state;
    cut_everywhere(&place_old_ops, the_seed());
}

/* ---- the record itself ------------------------------------------------------------------ */

static int lazy_fdatasync(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)fd;
    (void)path;
    return 0; /* as if done, and not recorded */
}

/* The proof that the checks above can fail. */
static void a_sync_that_is_left_out_shows(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    struct store_record *record;
    struct store *s;
    struct store_dir_ops ops = store_record_ops;
    ops.fdatasync = lazy_fdatasync;
    assert_ok(store_record_new(NULL, &record, &e), &e);
    assert_ok(store_dir_open_with(below(p->path, "lazy"), true, &ops, record, &s, &e), &e);
    put(s, "a", "some bytes that should last");
    sync_dir(s, "");
    store_close(s);
    char cut_at[SCRATCH_PATH_MAX + 16];
    (void)snprintf(cut_at, sizeof cut_at, "%s/cut", p->path);
    assert_ok(store_record_cut(record, store_record_count(record), RECORD_CUT_LOST, 1, cut_at, &e),
              &e);
    assert_ok(store_dir_open(cut_at, &s, &e), &e);
    assert_text(s, "a", "");
    store_close(s);
    store_record_free(record);
}

static void what_was_there_before_is_kept(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    struct store_record *record;
    struct store *s;
    put(p->s, "old/a", "from before");
    put(p->s, "old/empty", "");
    assert_ok(store_record_new(below(p->path, "vault"), &record, &e), &e);
    assert_int_equal(store_record_count(record), 0);
    assert_ok(
        store_dir_open_with(below(p->path, "vault"), false, &store_record_ops, record, &s, &e), &e);
    put(s, "old/b", "new");
    assert_ok(store_remove(s, "old/a", &e), &e);
    store_close(s);
    char call[64];
    store_record_describe(record, store_record_count(record) - 1, call, sizeof call);
    assert_string_equal(call, "unlink old/a");
    char cut_at[SCRATCH_PATH_MAX + 16];
    (void)snprintf(cut_at, sizeof cut_at, "%s/cut", p->path);
    assert_ok(store_record_cut(record, store_record_count(record), RECORD_CUT_LOST, 1, cut_at, &e),
              &e);
    assert_ok(store_dir_open(cut_at, &s, &e), &e);
    assert_names(s, "", "old/a old/empty");
    assert_text(s, "old/a", "from before");
    store_close(s);
    store_record_free(record);
}

static struct place directory = {.name = "directory", .kind = PLACE_DIR};

#define IN_DIRECTORY(test)                                                                         \
    {                                                                                              \
#test, test, place_open, place_close, &directory                                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_survives_a_power_cut_at_every_call),
        cmocka_unit_test(so_it_does_where_names_are_given_by_links),
        IN_DIRECTORY(a_sync_that_is_left_out_shows),
        IN_DIRECTORY(what_was_there_before_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
