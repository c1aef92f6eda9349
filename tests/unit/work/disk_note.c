/* SPDX-License-Identifier: Apache-2.0 */
/* The note of a disk's restore: comes back as it was, the newest whole slot counts, and nothing
 * else is a note. Ranges that the vault could not give are told as few. */
#include "work/restore_disk.h"

#include "base/file.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

static char place[SCRATCH_PATH_MAX];

static struct disk_note example(void)
{
    struct disk_note n = {.sequence = 7,
                          .target = {DISK_PLACE_FILE, 0x803, 4711, INT64_C(1700000000123456789)},
                          .size = UINT64_C(1) << 40,
                          .offset = UINT64_C(3) << 30,
                          .damaged = 4096,
                          .fresh = true};
    memset(n.snapshot, 0x5a, sizeof n.snapshot);
    return n;
}

static void assert_same(const struct disk_note *a, const struct disk_note *b)
{
    assert_int_equal(a->sequence, b->sequence);
    assert_memory_equal(a->snapshot, b->snapshot, ID_BYTES);
    assert_int_equal(a->target.place, b->target.place);
    assert_int_equal(a->target.device, b->target.device);
    assert_int_equal(a->target.ino, b->target.ino);
    assert_int_equal(a->target.born_ns, b->target.born_ns);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->damaged, b->damaged);
    assert_int_equal(a->fresh, b->fresh);
}

static void comes_back(void **unused)
{
    (void)unused;
    uint8_t slot[DISK_NOTE_BYTES];
    struct disk_note a = example(), b;
    disk_note_encode(&a, slot);
    assert_true(disk_note_decode(slot, sizeof slot, &b));
    assert_same(&a, &b);
}

static void no_flipped_bit_passes(void **unused)
{
    (void)unused;
    uint8_t slot[DISK_NOTE_BYTES];
    struct disk_note a = example(), b;
    disk_note_encode(&a, slot);
    for (size_t i = 0; i < sizeof slot * 8; i++) {
        slot[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(disk_note_decode(slot, sizeof slot, &b));
        slot[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < sizeof slot; len++)
        assert_false(disk_note_decode(slot, len, &b));
    a.offset = a.size + 1; /* well signed, and impossible */
    disk_note_encode(&a, slot);
    assert_false(disk_note_decode(slot, sizeof slot, &b));
}

static void the_newest_whole_slot_counts(void **unused)
{
    (void)unused;
    char path[SCRATCH_PATH_MAX + 8];
    struct err e = ERR_INIT;
    struct disk_note a = example(), b;
    (void)snprintf(path, sizeof path, "%s/note", place);
    struct restore_note n = {.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    assert_true(n.fd >= 0);
    assert_false(disk_note_load(&n, &b));
    for (uint64_t i = 1; i <= 5; i++) {
        a.offset = i << 20;
        assert_int_equal(disk_note_save(&n, &a, &e), 0);
        assert_true(disk_note_load(&n, &b));
        assert_same(&a, &b);
    }
    /* The last one was torn: the one before it is there. */
    assert_int_equal(file_pwrite(n.fd, "torn", 4, (off_t)(a.sequence & 1) * 512 + 40), 0);
    assert_true(disk_note_load(&n, &b));
    assert_int_equal(b.offset, UINT64_C(4) << 20);
    assert_int_equal(ftruncate(n.fd, 100), 0);
    assert_false(disk_note_load(&n, &b));
    (void)close(n.fd);
    n.fd = -1; /* without a cache */
    assert_false(disk_note_load(&n, &b));
    assert_int_equal(disk_note_save(&n, &a, &e), 0);
}

/* ---- ranges ------------------------------------------------------------------------------ */

static char told[4096];

static void tell(void *arg, const char *item, const struct err *e)
{
    size_t used = strlen(told);
    (void)arg;
    (void)snprintf(told + used, sizeof told - used, "%s: %s\n", item, e->msg);
}

static void ranges_are_joined(void **unused)
{
    (void)unused;
    struct disk_damage m = {0};
    struct err first = ERR_INIT, other = ERR_INIT;
    (void)err_set(&first, ERR_DAMAGED, "first");
    (void)err_set(&other, ERR_DAMAGED, "other");
    disk_damage_add(&m, 300, 400, &first);
    disk_damage_add(&m, 100, 200, &other);
    disk_damage_add(&m, 200, 300, &other);
    disk_damage_add(&m, 700, 800, &other);
    disk_damage_tell(&m, tell, NULL);
    assert_string_equal(told, "bytes 100 to 400: first\nbytes 700 to 800: first\n");
    told[0] = '\0';
    disk_damage_tell(&m, tell, NULL);
    assert_string_equal(told, "");
    disk_damage_add(&m, 900, 901, &other);
    disk_damage_tell(&m, tell, NULL);
    assert_string_equal(told, "bytes 900 to 901: other\n");
    assert_int_equal(m.bytes, 401);
    assert_true(disk_damage_covers(&m, 100) && disk_damage_covers(&m, 399) &&
                disk_damage_covers(&m, 900));
    assert_false(disk_damage_covers(&m, 99) || disk_damage_covers(&m, 400) ||
                 disk_damage_covers(&m, 901));
    for (uint64_t i = 0; i < 2 * DAMAGE_RANGES; i++) /* bounded, and all counted */
        disk_damage_add(&m, 1000 + 2 * i, 1001 + 2 * i, &other);
    assert_int_equal(m.bytes, 401 + 2 * DAMAGE_RANGES);
    assert_true(m.count <= DAMAGE_RANGES);
    disk_damage_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(the_newest_whole_slot_counts),
        cmocka_unit_test(ranges_are_joined),
    };
    scratch_make(place);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(place);
    return rc;
}
