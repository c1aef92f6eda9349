/* SPDX-License-Identifier: Apache-2.0 */
/* Any stretch of a disk reads as it was backed up, within its bounds, whoever else reads; damage costs the
 * bytes that it hit and no others. */
#include "ground.h"

#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_COUNT ((DISK_BYTES - (HOLE_TO - HOLE_FROM)) / GRAIN)

static struct ground g;
static uint64_t seed;

static struct view_cache *cache_of(size_t bytes_max, unsigned threads)
{
    struct err e = ERR_INIT;
    struct view_cache *c = NULL;
    const struct view_options o = {.bytes_max = bytes_max, .threads = threads};
    assert_ok(view_cache_new(&g.access, &o, &c, &e), &e);
    return c;
}

static struct view *open_in(struct view_cache *c)
{
    struct err e = ERR_INIT;
    struct view *v = NULL;
    assert_ok(view_open(c, g.file, &v, &e), &e);
    return v;
}

/* cmocka's assertions belong to the main thread. */
static bool reads_right(struct view *v, uint64_t off, size_t len)
{
    struct err e = ERR_INIT;
    uint8_t *p = mem_alloc(len ? len : 1);
    bool ok = p && view_read(v, off, p, len, &e) == 0 && memcmp(p, g.bytes + off, len) == 0;
    if (!ok)
        (void)fprintf(stderr, "%zu bytes at %llu: %s\n", len, (unsigned long long)off, e.msg);
    mem_free(p);
    return ok;
}

static void random_stretch(uint64_t *random, uint64_t *off, size_t *len)
{
    static const size_t sizes[] = {1, 512, 4096, 5000, 65536, 700000};
    *off = ground_random(random) % DISK_BYTES;
    *len = ground_random(random) % sizes[ground_random(random) % 6] + 1;
    if (*len > DISK_BYTES - *off)
        *len = DISK_BYTES - *off;
}

static void any_stretch_reads_as_it_was(void **state)
{
    (void)state;
    static const unsigned threads[] = {VIEW_NO_READ_AHEAD, 2};
    for (size_t t = 0; t < 2; t++) {
        struct view_cache *c = cache_of(VIEW_CACHE_MIN, threads[t]);
        struct view *v = open_in(c);
        uint64_t random = seed, off;
        size_t len;
        struct view_counts n;
        assert_int_equal(view_size(v), DISK_BYTES);
        for (int i = 0; i < 600; i++) {
            random_stretch(&random, &off, &len);
            assert_true(reads_right(v, off, len));
            view_cache_counts(c, &n);
            assert_true(n.bytes <= VIEW_CACHE_MIN + 3 * GRAIN);
            assert_true(n.table_bytes <= VIEW_TABLE_BYTES);
        }
        assert_true(reads_right(v, 0, DISK_BYTES));
        assert_true(reads_right(v, DISK_BYTES, 0));
        view_close(v);
        view_cache_free(c);
    }
}

static void nothing_is_read_beyond_the_end(void **state)
{
    (void)state;
    static const struct {
        uint64_t off;
        size_t len;
    } bad[] = {{DISK_BYTES, 1}, {DISK_BYTES - 1, 2}, {UINT64_MAX, 1}, {1, SIZE_MAX}, {DISK_BYTES + 1, 0}};
    struct view_cache *c = cache_of(0, VIEW_NO_READ_AHEAD);
    struct view *v = open_in(c);
    uint8_t byte[2];
    bool hole;
    uint64_t len;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        assert_int_equal(view_read(v, bad[i].off, byte, bad[i].len, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
    }
    assert_int_equal(view_extent(v, DISK_BYTES, 1, &hole, &len, NULL), -1);
    assert_int_equal(view_extent(v, 0, 0, &hole, &len, NULL), -1);
    view_expect(v, UINT64_MAX, UINT64_MAX);
    view_expect(v, DISK_BYTES - 1, UINT64_MAX);
    view_close(v);
    view_cache_free(c);
}

static void extents_say_where_the_hole_is(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(0, VIEW_NO_READ_AHEAD);
    struct view *v = open_in(c);
    struct err e = ERR_INIT;
    uint64_t len, random = seed;
    bool hole;
    for (uint64_t off = 0; off < DISK_BYTES; off += len) {
        assert_ok(view_extent(v, off, UINT64_MAX, &hole, &len, &e), &e);
        assert_true(len > 0 && len <= DISK_BYTES - off);
        assert_int_equal(hole, off >= HOLE_FROM && off < HOLE_TO);
        assert_true(!hole || off + len <= HOLE_TO);
        assert_true(hole || off >= HOLE_TO || off + len <= HOLE_FROM);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t off = ground_random(&random) % DISK_BYTES, most = 1 + ground_random(&random) % 9999;
        assert_ok(view_extent(v, off, most, &hole, &len, &e), &e);
        assert_int_equal(hole, off >= HOLE_FROM && off < HOLE_TO);
        assert_true(len > 0 && len <= most);
    }
    struct view_counts n;
    view_cache_counts(c, &n);
    assert_true(n.opened < 50); /* list nodes, no data */
    view_close(v);
    view_cache_free(c);
}

/* ---- many at once --------------------------------------------------------------------------- */

#define CLIENTS 6

struct client {
    struct view *v;
    uint64_t random;
    bool forward;
    atomic_bool *wrong;
    pthread_t thread;
};

static void *read_a_lot(void *arg)
{
    struct client *k = arg;
    uint64_t off;
    size_t len;
    if (k->forward)
        for (off = 0; off < DISK_BYTES; off += 10000) {
            len = DISK_BYTES - off < 10000 ? DISK_BYTES - off : 10000;
            if (!reads_right(k->v, off, len))
                atomic_store(k->wrong, true);
        }
    for (int i = 0; i < 120; i++) {
        random_stretch(&k->random, &off, &len);
        if (!reads_right(k->v, off, len))
            atomic_store(k->wrong, true);
    }
    return NULL;
}

/* Half of them have a file of their own. */
static void run_clients(struct view_cache *c, struct view *shared)
{
    struct client k[CLIENTS];
    atomic_bool wrong = false;
    for (unsigned i = 0; i < CLIENTS; i++) {
        k[i] = (struct client){.v = i % 2 ? open_in(c) : shared, .random = seed + i,
                               .forward = i % 3 == 0, .wrong = &wrong};
        assert_int_equal(pthread_create(&k[i].thread, NULL, read_a_lot, &k[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        (void)pthread_join(k[i].thread, NULL);
        if (i % 2)
            view_close(k[i].v);
    }
    assert_false(atomic_load(&wrong));
}

static void many_may_read_at_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {VIEW_CACHE_MIN, 2 * DISK_BYTES};
    for (size_t s = 0; s < 2; s++) {
        struct view_cache *c = cache_of(sizes[s], 3);
        struct view *v = open_in(c);
        struct view_counts n;
        run_clients(c, v);
        view_cache_counts(c, &n);
        assert_true(n.bytes <= sizes[s] + 10 * GRAIN);
        if (s == 1) /* with room for all, each was opened once */
            assert_true(n.opened <= CHUNK_COUNT + 60);
        view_close(v);
        view_cache_free(c);
    }
}

/* ---- who stays ------------------------------------------------------------------------------- */

static void read_at(struct view *v, uint64_t off, size_t len)
{
    assert_true(reads_right(v, off, len));
}

#define HOT 40u /* chunks that are read again and again: 160 KiB of 1 MiB */

static uint64_t opened(struct view_cache *c)
{
    struct view_counts n;
    view_cache_counts(c, &n);
    return n.opened;
}

static void read_hot(struct view *v)
{
    for (unsigned i = 0; i < HOT; i++)
        read_at(v, (uint64_t)i * 10 * GRAIN, 512);
}

static void a_pass_over_the_disk_takes_nothing_from_who_jumps_about(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(VIEW_CACHE_MIN, VIEW_NO_READ_AHEAD);
    struct view *v = open_in(c);
    read_hot(v);
    for (uint64_t off = HOLE_TO; off < HOLE_TO + (5 << 18); off += 1024)
        read_at(v, off, 1024); /* pushes them out, once */
    read_hot(v); /* now they are known to be wanted again */
    uint64_t before = opened(c);
    read_hot(v);
    assert_int_equal(opened(c), before);
    for (uint64_t off = HOLE_TO + (5 << 18); off < DISK_BYTES; off += 1024)
        read_at(v, off, 1024);
    before = opened(c);
    read_hot(v);
    assert_true(opened(c) - before <= 2);
    view_close(v);
    view_cache_free(c);
}

static void a_chunk_that_is_there_is_not_opened_again(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(2 * DISK_BYTES, VIEW_NO_READ_AHEAD);
    struct view *v = open_in(c);
    read_at(v, 0, DISK_BYTES);
    uint64_t before = opened(c);
    for (uint64_t off = 0; off < DISK_BYTES; off += 100000)
        read_at(v, off, 4096 < DISK_BYTES - off ? 4096 : DISK_BYTES - off);
    assert_int_equal(opened(c), before);
    view_close(v);
    view_cache_free(c);
}

/* ---- ahead -------------------------------------------------------------------------------------- */

static uint64_t opened_ahead(struct view_cache *c)
{
    struct view_counts n;
    view_cache_counts(c, &n);
    return n.ahead;
}

/* Waits for threads, not for time. */
static bool comes_true(struct view_cache *c, uint64_t ahead)
{
    for (long i = 0; i < 400000000L; i++) {
        if (opened_ahead(c) >= ahead)
            return true;
        (void)sched_yield();
    }
    return false;
}

static void who_reads_forward_finds_it_open(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(2 * DISK_BYTES, 2);
    struct view *v = open_in(c);
    read_at(v, HOLE_TO, 1000);
    assert_int_equal(opened_ahead(c), 0); /* one read is no row */
    read_at(v, HOLE_TO + 1000, 1000);
    assert_true(comes_true(c, 10));
    view_close(v);
    view_cache_free(c);
}

static void who_jumps_about_costs_what_he_reads(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(2 * DISK_BYTES, 2);
    struct view *v = open_in(c);
    for (uint64_t off = DISK_BYTES - GRAIN; off > (2u << 20); off -= (1u << 20) + 3 * GRAIN)
        read_at(v, off, 512);
    assert_int_equal(opened_ahead(c), 0);
    view_close(v);
    view_cache_free(c);
}

static void what_is_expected_is_opened(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(2 * DISK_BYTES, 2);
    struct view *v = open_in(c);
    view_expect(v, HOLE_FROM - 5 * GRAIN, HOLE_TO - HOLE_FROM + 10 * GRAIN);
    assert_true(comes_true(c, 9)); /* some are alike */
    uint64_t before = opened(c);
    read_at(v, HOLE_TO, 5 * GRAIN);
    assert_true(opened(c) - before <= 1);
    view_close(v);
    view_cache_free(c);
}

/* ---- damage ---------------------------------------------------------------------------------------- */

/* Spoils `count` bytes in the middle of the largest pack. */
static void spoil(size_t count)
{
    char path[900], largest[900] = "";
    off_t size = 0;
    (void)snprintf(path, sizeof path, "%s/packs", g.vault);
    DIR *packs = opendir(path);
    assert_non_null(packs);
    for (struct dirent *d; (d = readdir(packs));) {
        char below[1200];
        (void)snprintf(below, sizeof below, "%s/packs/%s", g.vault, d->d_name);
        DIR *dir = d->d_name[0] == '.' ? NULL : opendir(below);
        for (struct dirent *f; dir && (f = readdir(dir));) {
            struct stat st;
            (void)snprintf(path, sizeof path, "%s/packs/%.2s/%.100s", g.vault, d->d_name, f->d_name);
            if (f->d_name[0] != '.' && stat(path, &st) == 0 && st.st_size > size) {
                size = st.st_size;
                (void)snprintf(largest, sizeof largest, "%s", path);
            }
        }
        if (dir)
            (void)closedir(dir);
    }
    (void)closedir(packs);
    uint8_t bytes[64];
    assert_int_equal(chmod(largest, 0600), 0);
    int fd = open(largest, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, count, size / 2), count);
    for (size_t i = 0; i < count; i++)
        bytes[i] ^= 0x55;
    assert_int_equal(pwrite(fd, bytes, count, size / 2), count);
    (void)close(fd);
}

static void damage_costs_what_it_hit(void **state)
{
    (void)state;
    spoil(1);
    ground_reopen(&g);
    for (unsigned threads = 0; threads < 2; threads++) {
        struct view_cache *c = cache_of(VIEW_CACHE_MIN, threads ? 2 : VIEW_NO_READ_AHEAD);
        struct view *v = open_in(c);
        uint8_t p[GRAIN];
        size_t bad = 0;
        for (uint64_t off = 0; off < DISK_BYTES; off += GRAIN) {
            struct err e = ERR_INIT;
            if (view_read(v, off, p, GRAIN, &e) == 0) {
                assert_memory_equal(p, g.bytes + off, GRAIN);
                continue;
            }
            assert_int_equal(e.cls, ERR_DAMAGED);
            assert_non_null(strstr(e.msg, "disk.img"));
            assert_non_null(strstr(e.msg, "pack "));
            assert_int_equal(view_read(v, off, p, GRAIN, &e), -1); /* and again */
            bad++;
        }
        assert_true(bad >= 1 && bad < 40); /* one chunk, that several places may share */
        view_close(v);
        view_cache_free(c);
    }
    spoil(1); /* as it was */
    ground_reopen(&g);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static void no_memory_is_an_error_and_nothing_else(void **state)
{
    (void)state;
    uint8_t *p = mem_alloc(DISK_BYTES);
    const struct view_options o = {.bytes_max = VIEW_CACHE_MIN, .threads = VIEW_NO_READ_AHEAD};
    bool ended = false;
    assert_non_null(p);
    for (uint64_t n = 1; !ended; n++) {
        struct err e = ERR_INIT;
        struct view_cache *c = NULL;
        struct view *v = NULL;
        mem_fail_nth(n);
        int rc = view_cache_new(&g.access, &o, &c, &e) || view_open(c, g.file, &v, &e) ||
                 view_read(v, HOLE_TO - 3 * GRAIN, p, 6 * GRAIN, &e);
        ended = mem_count() < n;
        mem_fail_nth(0);
        if (rc) {
            assert_int_equal(e.cls, ERR_NO_MEMORY);
            if (v)
                assert_true(reads_right(v, HOLE_TO - 3 * GRAIN, 6 * GRAIN)); /* what failed is forgotten */
        } else {
            assert_memory_equal(p, g.bytes + HOLE_TO - 3 * GRAIN, 6 * GRAIN);
        }
        assert_true(!ended || !rc);
        view_close(v);
        view_cache_free(c);
    }
    mem_free(p);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct view_cache *c = cache_of(0, VIEW_NO_READ_AHEAD);
    struct view *v = NULL;
    struct err e = ERR_INIT;
    struct entry dir = *g.file;
    const struct view_options small = {.bytes_max = 1};
    struct view_cache *none = NULL;
    dir.type = ENTRY_DIR;
    assert_int_equal(view_open(c, &dir, &v, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_int_equal(view_cache_new(&g.access, &small, &none, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    view_cache_free(c);
}

static int set_up(void **state)
{
    (void)state;
    seed = ground_seed();
    ground_make(&g, seed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ground_remove(&g);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_stretch_reads_as_it_was),
        cmocka_unit_test(nothing_is_read_beyond_the_end),
        cmocka_unit_test(extents_say_where_the_hole_is),
        cmocka_unit_test(many_may_read_at_once),
        cmocka_unit_test(a_pass_over_the_disk_takes_nothing_from_who_jumps_about),
        cmocka_unit_test(a_chunk_that_is_there_is_not_opened_again),
        cmocka_unit_test(who_reads_forward_finds_it_open),
        cmocka_unit_test(who_jumps_about_costs_what_he_reads),
        cmocka_unit_test(what_is_expected_is_opened),
        cmocka_unit_test(damage_costs_what_it_hit),
        cmocka_unit_test(no_memory_is_an_error_and_nothing_else),
        cmocka_unit_test(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests_name("view/read", tests, set_up, tear_down);
}
