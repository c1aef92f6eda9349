/* SPDX-License-Identifier: Apache-2.0 */
/* Where content is cut: by the content alone, within the limits, and not where
 * something was inserted far before. */
#include "chunk/chunk.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LEN ((size_t)8 << 20)

struct bench {
    struct chunk_cutter cutter;
    uint8_t *data; /* LEN + 1 random bytes */
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void fill(uint64_t seed, uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(next_random(&seed) >> 24);
}

static void init(struct chunk_cutter *c, uint64_t seed, uint32_t min, uint32_t avg, uint32_t max)
{
    uint8_t gear[CHUNK_GEAR_BYTES];
    fill(seed, gear, sizeof gear);
    chunk_cutter_init(c, gear, min, avg, max);
}

static int set_up(void **state)
{
    struct bench *b = mem_alloc(sizeof *b);
    print_message("seeds: gear 1, data 2\n");
    init(&b->cutter, 1, 2048, 8192, 65536);
    b->data = mem_alloc(LEN + 1);
    fill(2, b->data, LEN + 1);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    mem_free(b->data);
    mem_free(b);
    return 0;
}

/* All cuts of `len` bytes as end offsets; returns how many. */
static size_t cut_all(const struct chunk_cutter *c, const uint8_t *p, size_t len, size_t *ends)
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        size_t cut = chunk_cut(c, p + at, len - at);
        assert_true(cut > 0 && cut <= len - at);
        at += cut;
        ends[n++] = at;
    }
    return n;
}

static size_t *room_for_ends(void)
{
    size_t *ends = mem_array(LEN / 64 + 2, sizeof *ends);
    assert_non_null(ends);
    return ends;
}

static void sizes_stay_within_the_limits(void **state)
{
    struct bench *b = *state;
    size_t *ends = room_for_ends();
    size_t n = cut_all(&b->cutter, b->data, LEN, ends);
    for (size_t i = 0, at = 0; i < n; at = ends[i++]) {
        assert_true(ends[i] - at <= b->cutter.max);
        assert_true(ends[i] - at > b->cutter.min || i == n - 1);
    }
    mem_free(ends);
}

static void the_average_is_near_the_wanted_one(void **state)
{
    struct bench *b = *state;
    size_t *ends = room_for_ends();
    size_t n = cut_all(&b->cutter, b->data, LEN, ends), between = 0, at_max = 0;
    size_t average = LEN / n;
    if (average < 6500 || average > 10500)
        fail_msg("average %zu", average);
    /* Normalised: most chunks lie between half and twice the average. */
    for (size_t i = 0, at = 0; i < n; at = ends[i++]) {
        between += ends[i] - at >= 4096 && ends[i] - at <= 16384;
        at_max += ends[i] - at == b->cutter.max;
    }
    if (between * 10 < n * 8 || at_max)
        fail_msg("%zu of %zu between half and twice the average, %zu at the maximum", between, n,
                 at_max);
    mem_free(ends);
}

static void the_same_bytes_are_cut_alike(void **state)
{
    struct bench *b = *state;
    struct chunk_cutter again;
    uint8_t *copy = mem_alloc(LEN + 3);
    assert_non_null(copy);
    memcpy(copy + 3, b->data, LEN); /* at another alignment */
    init(&again, 1, 2048, 8192, 65536);
    for (size_t at = 0; at < LEN;) {
        size_t cut = chunk_cut(&b->cutter, b->data + at, LEN - at);
        assert_int_equal(chunk_cut(&again, copy + 3 + at, LEN - at), cut);
        /* No more than max bytes are needed. */
        size_t seen = LEN - at < b->cutter.max ? LEN - at : b->cutter.max;
        assert_int_equal(chunk_cut(&again, copy + 3 + at, seen), cut);
        at += cut;
    }
    mem_free(copy);
}

static void other_gears_cut_elsewhere(void **state)
{
    struct bench *b = *state;
    struct chunk_cutter other;
    size_t *mine = room_for_ends(), *theirs = room_for_ends(), same = 0, j = 0;
    init(&other, 3, 2048, 8192, 65536);
    size_t n = cut_all(&b->cutter, b->data, LEN, mine);
    size_t m = cut_all(&other, b->data, LEN, theirs);
    for (size_t i = 0; i < n; i++) {
        while (j < m && theirs[j] < mine[i])
            j++;
        same += j < m && theirs[j] == mine[i];
    }
    assert_true(same < n / 50);
    mem_free(mine);
    mem_free(theirs);
}

/* Only the 64 bytes before a cut decide on it: change all that is before them. */
static void a_cut_depends_on_its_window_alone(void **state)
{
    struct bench *b = *state;
    uint8_t *copy = mem_alloc(b->cutter.max);
    uint64_t seed = 5;
    size_t checked = 0;
    assert_non_null(copy);
    for (size_t at = 0; at + b->cutter.max < LEN; at += 1000003 % b->cutter.max) {
        size_t cut = chunk_cut(&b->cutter, b->data + at, b->cutter.max);
        if (cut < b->cutter.min + 64)
            continue;
        memcpy(copy, b->data + at, b->cutter.max);
        for (size_t i = 0; i + 64 < b->cutter.min; i++)
            copy[i] = (uint8_t)next_random(&seed);
        assert_int_equal(chunk_cut(&b->cutter, copy, b->cutter.max), cut);
        checked++;
        /* And the window counts: another byte in it moves the cut. (Of its
         * oldest bytes only few bits are left.) */
        copy[cut - 1 - checked % 32] ^= 0x55;
        assert_int_not_equal(chunk_cut(&b->cutter, copy, b->cutter.max), cut);
    }
    assert_true(checked > 100);
    mem_free(copy);
}

/* The definition, byte by byte, each with its own full window. */
static size_t slow_cut(const struct chunk_cutter *c, const uint8_t *p, size_t len)
{
    for (size_t end = c->min + 1u; end <= len && end <= c->max; end++) {
        uint64_t h = 0;
        for (size_t i = end - 64; i < end; i++)
            h = (h << 1) + c->gear[p[i]];
        if ((h & (end <= c->avg ? c->mask_before : c->mask_after)) == 0)
            return end;
    }
    return len < c->max ? len : c->max;
}

static void cuts_follow_the_definition(void **state)
{
    struct bench *b = *state;
    static const uint32_t sizes[][3] = {
        {64, 128, 1024}, {64, 65, 66}, {100, 256, 300}, {64, 256, 4096}, {200, 255, 1000}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct chunk_cutter c;
        init(&c, 20 + i, sizes[i][0], sizes[i][1], sizes[i][2]);
        for (size_t at = 0; at < 200000;) {
            size_t left = 200000 - at, cut = chunk_cut(&c, b->data + at, left);
            assert_int_equal(cut, left <= c.min ? left : slow_cut(&c, b->data + at, left));
            at += cut;
        }
    }
}

static bool contains(const size_t *ends, size_t n, size_t end)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ends[middle] < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && ends[low] == end;
}

static void an_inserted_byte_changes_few_chunks(void **state)
{
    struct bench *b = *state;
    uint8_t *copy = mem_alloc(LEN + 1);
    size_t *before = room_for_ends(), *after = room_for_ends();
    assert_non_null(copy);
    size_t n = cut_all(&b->cutter, b->data, LEN, before);
    static const size_t places[] = {0, 1, 2047, 100000, LEN / 2, LEN - 1};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        memcpy(copy, b->data, places[p]);
        copy[places[p]] = 0x42;
        memcpy(copy + places[p] + 1, b->data + places[p], LEN - places[p]);
        size_t m = cut_all(&b->cutter, copy, LEN + 1, after), lost = 0;
        for (size_t i = 0; i < n; i++)
            lost += !contains(after, m, before[i] + (before[i] > places[p]));
        if (lost > 6)
            fail_msg("a byte inserted at %zu moved %zu of %zu cuts", places[p], lost, n);
    }
    mem_free(copy);
    mem_free(before);
    mem_free(after);
}

static void short_contents_are_one_chunk(void **state)
{
    struct bench *b = *state;
    for (size_t len = 0; len <= b->cutter.min; len++)
        assert_int_equal(chunk_cut(&b->cutter, b->data, len), len);
    uint8_t *exact = mem_dup(b->data, 3000); /* nothing behind the end is read */
    size_t cut = chunk_cut(&b->cutter, exact, 3000);
    assert_true(cut <= 3000);
    mem_free(exact);
}

static void contents_without_any_cut_end_at_the_maximum(void **state)
{
    struct bench *b = *state;
    uint8_t *zeros = mem_zalloc(3 * 65536);
    assert_non_null(zeros);
    size_t cut = chunk_cut(&b->cutter, zeros, 3 * 65536);
    /* Equal bytes: cut at the first chance or never. */
    assert_true(cut == b->cutter.max || cut == b->cutter.min + 1);
    assert_int_equal(chunk_cut(&b->cutter, zeros + 1, 2 * 65536), cut);
    mem_free(zeros);
}

static void averages_are_rounded_down(void **state)
{
    (void)state;
    struct chunk_cutter c;
    init(&c, 1, 64, 65, 66);
    assert_int_equal(c.avg, 64);
    init(&c, 1, 64, 127, 200);
    assert_int_equal(c.avg, 64);
    init(&c, 1, 1000, 1025, 4096);
    assert_int_equal(c.avg, 1024);
    init(&c, 1, 1024 * 1024, 4 * 1024 * 1024, 16 * 1024 * 1024);
    assert_int_equal(c.avg, 4 * 1024 * 1024);
    /* An average that ends below the minimum still works. */
    init(&c, 1, 100, 127, 1000);
    uint8_t data[2000];
    fill(9, data, sizeof data);
    for (size_t at = 0; at + 1000 < sizeof data;) {
        size_t cut = chunk_cut(&c, data + at, sizeof data - at);
        assert_true(cut > 100 && cut <= 1000);
        at += cut;
    }
}

/* Cut elsewhere, and a vault stores all of its content a second time. */
static void known_answers(void **state)
{
    struct bench *b = *state;
    static const size_t expected[] = {9529,   16383,  27236,  39088,  53949,  61384,  69925,
                                      78797,  87350,  94682,  104290, 109471, 122740, 131888,
                                      140184, 149690, 160757, 169612, 179109, 189779, 200000};
    size_t *ends = room_for_ends();
    size_t n = cut_all(&b->cutter, b->data, 200000, ends);
    if (n != sizeof expected / sizeof *expected || memcmp(ends, expected, sizeof expected) != 0) {
        for (size_t i = 0; i < n; i++)
            print_message("%zu, ", ends[i]);
        fail_msg("the cuts have moved");
    }
    mem_free(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_stay_within_the_limits),
        cmocka_unit_test(the_average_is_near_the_wanted_one),
        cmocka_unit_test(the_same_bytes_are_cut_alike),
        cmocka_unit_test(other_gears_cut_elsewhere),
        cmocka_unit_test(a_cut_depends_on_its_window_alone),
        cmocka_unit_test(cuts_follow_the_definition),
        cmocka_unit_test(an_inserted_byte_changes_few_chunks),
        cmocka_unit_test(short_contents_are_one_chunk),
        cmocka_unit_test(contents_without_any_cut_end_at_the_maximum),
        cmocka_unit_test(averages_are_rounded_down),
        cmocka_unit_test(known_answers),
    };
    return cmocka_run_group_tests_name("chunk", tests, set_up, tear_down);
}
