/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that lie: about lengths, places and each other. Whatever a disk says, parts lie within it,
 * reading ends, and texts can be shown. */
#include "disk.h"

#include "base/utf8.h"

#include <stdio.h>

#define MIB ((uint64_t)1 << 20)

static struct layout l;

static void check_sane(const struct disk *d)
{
    assert_true(l.part_count <= LAYOUT_PARTS_MAX);
    for (size_t i = 0; i < l.part_count; i++) {
        const struct layout_part *p = &l.parts[i];
        assert_true(p->start <= d->size && p->bytes <= d->size - p->start);
        assert_true(utf8_is_clean(p->name, strlen(p->name)) &&
                    utf8_is_clean(p->label, strlen(p->label)));
        assert_true(utf8_is_clean(p->id, strlen(p->id)));
        assert_true(i == 0 || p->number > l.parts[i - 1].number);
    }
}

static void look(struct disk *d)
{
    assert_int_equal(disk_probe(d, &l), 0);
    check_sane(d);
}

/* ---- MBR ------------------------------------------------------------------------ */

static void entry(struct disk *d, uint64_t sector, unsigned i, uint8_t type, uint32_t start,
                  uint32_t count)
{
    uint8_t *p = disk_at(d, sector * 512);
    p[510] = 0x55;
    p[511] = 0xaa;
    p += 446 + 16 * i;
    p[4] = type;
    put_u32(p + 8, start);
    put_u32(p + 12, count);
}

static void parts_are_cut_at_the_end_of_the_disk(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    entry(&d, 0, 0, 0x83, 2048, 0xffffffff);
    entry(&d, 0, 1, 0x83, 0xffffffff, 0xffffffff); /* beyond: not there */
    entry(&d, 0, 2, 0x83, 16 * 2048 - 1, 2);
    look(&d);
    assert_int_equal(l.table, LAYOUT_MBR);
    assert_int_equal(l.part_count, 2);
    assert_int_equal(l.parts[0].bytes, 15 * MIB);
    assert_int_equal(l.parts[1].number, 3);
    assert_int_equal(l.parts[1].bytes, 512);
    free(d.bytes);
}

static void logical_parts_are_counted_as_linux_does(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    entry(&d, 0, 0, 0x83, 2048, 100);
    entry(&d, 0, 1, 0x05, 100, 1500);
    entry(&d, 100, 0, 0x82, 10, 20); /* relative to this table */
    entry(&d, 100, 1, 0x05, 50, 60); /* relative to the extended part */
    entry(&d, 150, 0, 0x83, 3, 4);
    entry(&d, 150, 2, 0x83, 5, 999999); /* the third is believed only within bounds */
    look(&d);
    assert_int_equal(l.part_count, 4);
    assert_int_equal(l.parts[2].number, 5);
    assert_int_equal(l.parts[2].start, 110 * 512);
    assert_string_equal(l.parts[2].type, "0x82");
    assert_int_equal(l.parts[3].number, 6);
    assert_int_equal(l.parts[3].start, 153 * 512);
    free(d.bytes);
}

static void chains_that_bite_their_tail_end(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    entry(&d, 0, 0, 0x0f, 100, 1500);
    entry(&d, 100, 0, 0x83, 1, 1);
    entry(&d, 100, 1, 0x05, 50, 60);
    entry(&d, 150, 0, 0x83, 1, 1);
    entry(&d, 150, 1, 0x05, 20, 60);
    entry(&d, 120, 0, 0x83, 1, 1);
    entry(&d, 120, 1, 0x05, 50, 60);
    look(&d);
    assert_int_equal(l.part_count, 1 + 3);
    entry(&d, 100, 1, 0x05, 0, 60); /* to itself */
    look(&d);
    assert_int_equal(l.part_count, 1 + 1);
    entry(&d, 0, 1, 0x05, 0, 60); /* the table itself as an extended part */
    look(&d);
    free(d.bytes);
}

static void a_chain_has_an_end_even_if_it_says_otherwise(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    entry(&d, 0, 0, 0x05, 10, 30000);
    for (unsigned i = 0; i < 1900; i++) {
        entry(&d, 10 + i, 0, 0x83, 1, 1);
        entry(&d, 10 + i, 1, 0x05, i + 1, 1);
    }
    look(&d);
    assert_int_equal(l.part_count, LAYOUT_PARTS_MAX);
    assert_true(l.more);
    for (unsigned i = 0; i < 1900; i++)
        entry(&d, 10 + i, 0, 0, 0, 0);
    look(&d);
    assert_int_equal(l.part_count, 1);
    assert_false(l.more);
    free(d.bytes);
}

static void a_boot_sector_is_no_table(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    entry(&d, 0, 0, 0x83, 2048, 100);
    disk_at(&d, 446)[0] = 0x41; /* no flag */
    look(&d);
    assert_int_equal(l.table, LAYOUT_NO_TABLE);
    disk_at(&d, 446)[0] = 0x80;
    look(&d);
    assert_int_equal(l.table, LAYOUT_MBR);
    memcpy(disk_at(&d, 3), "NTFS    ", 8);
    put_u16(disk_at(&d, 11), 512);
    disk_at(&d, 13)[0] = 8;
    look(&d);
    assert_int_equal(l.table, LAYOUT_NO_TABLE);
    assert_string_equal(l.parts[0].content, "ntfs");
    free(d.bytes);
}

/* ---- GPT ------------------------------------------------------------------------ */

static uint32_t crc32_of(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static void seal_header(struct disk *d, uint64_t at, uint32_t len)
{
    uint8_t *h = disk_at(d, at);
    put_u32(h + 12, len);
    put_u32(h + 16, 0);
    put_u32(h + 16, crc32_of(h, len));
}

/* A table whose array is at byte 2 × sector, with these numbers. */
static void gpt(struct disk *d, uint32_t sector, uint32_t count, uint32_t bytes)
{
    uint8_t *h = disk_at(d, sector);
    uint64_t array = (uint64_t)count * bytes;
    entry(d, 0, 0, 0xee, 1, 0xffffffff);
    memset(h, 0, 512);
    memcpy(h, "EFI PART", 8);
    put_u32(h + 8, 0x10000);
    put_u64(h + 24, 1);
    memset(h + 56, 0x11, 16);
    put_u64(h + 72, 2);
    put_u32(h + 80, count);
    put_u32(h + 84, bytes);
    if (2 * (uint64_t)sector + array <= DISK_HEAD)
        put_u32(h + 88, crc32_of(disk_at(d, 2 * (uint64_t)sector), (size_t)array));
    seal_header(d, sector, 92);
}

static uint8_t *gpt_entry(struct disk *d, uint32_t sector, unsigned i, uint32_t bytes,
                          uint64_t first, uint64_t last)
{
    uint8_t *p = disk_at(d, 2 * (uint64_t)sector + (uint64_t)i * bytes);
    memset(p, 0x22, 16);
    put_u64(p + 32, first);
    put_u64(p + 40, last);
    return p;
}

static void both_sizes_of_sectors(void **state)
{
    (void)state;
    for (uint32_t sector = 512; sector <= 4096; sector *= 8) {
        struct disk d = disk_new(16 * MIB);
        (void)gpt_entry(&d, sector, 4, 256, 100, 199);
        gpt(&d, sector, 128, 256);
        look(&d);
        assert_int_equal(l.table, LAYOUT_GPT);
        assert_int_equal(l.sector, sector);
        assert_int_equal(l.part_count, 1);
        assert_int_equal(l.parts[0].number, 5);
        assert_int_equal(l.parts[0].start, 100 * sector);
        assert_int_equal(l.parts[0].bytes, 100 * sector);
        free(d.bytes);
    }
}

static void sizes_and_counts_that_cannot_be_are_no_table(void **state)
{
    (void)state;
    static const uint32_t bad[][2] = {{128, 0},          {128, 64},         {128, 129},
                                      {128, 0x80000000}, {0xffffffff, 128}, {0x02000000, 128},
                                      {8193, 128},       {1, 8192}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct disk d = disk_new(16 * MIB);
        gpt(&d, 512, bad[i][0], bad[i][1]);
        look(&d);
        assert_int_not_equal(l.table, LAYOUT_GPT);
        assert_true(d.read < 200000);
        free(d.bytes);
    }
}

static void every_field_of_the_header_counts(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    (void)gpt_entry(&d, 512, 0, 128, 100, 199);
    gpt(&d, 512, 128, 128);
    look(&d);
    assert_int_equal(l.table, LAYOUT_GPT);
    for (uint64_t i = 512; i < 512 + 92; i++) { /* the CRC sees each byte */
        disk_at(&d, i)[0] ^= 0x40;
        look(&d);
        assert_int_not_equal(l.table, LAYOUT_GPT);
        disk_at(&d, i)[0] ^= 0x40;
    }
    disk_at(&d, 1024 + 5000)[0] ^= 1; /* and that of the array, too */
    look(&d);
    assert_int_not_equal(l.table, LAYOUT_GPT);
    disk_at(&d, 1024 + 5000)[0] ^= 1;
    uint8_t *h = disk_at(&d, 512);
    put_u64(h + 24, 2); /* it is not where it says */
    seal_header(&d, 512, 92);
    look(&d);
    assert_int_not_equal(l.table, LAYOUT_GPT);
    put_u64(h + 24, 1);
    static const uint64_t places[] = {0, 16 * MIB / 512, UINT64_MAX, UINT64_MAX / 512,
                                      16 * MIB / 512 - 1};
    for (size_t i = 0; i < 5; i++) {
        put_u64(h + 72, places[i]);
        seal_header(&d, 512, 92);
        look(&d);
        assert_int_not_equal(l.table, LAYOUT_GPT);
    }
    put_u64(h + 72, 2);
    static const uint32_t lens[] = {0, 91, 513, 0xffffffff};
    for (size_t i = 0; i < 4; i++) {
        seal_header(&d, 512, lens[i] <= 512 ? lens[i] : 92);
        put_u32(h + 12, lens[i]);
        look(&d);
        assert_int_not_equal(l.table, LAYOUT_GPT);
    }
    free(d.bytes);
}

static void places_beyond_the_disk_are_cut_or_left_out(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    (void)gpt_entry(&d, 512, 0, 128, 100, UINT64_MAX);
    (void)gpt_entry(&d, 512, 1, 128, UINT64_MAX, UINT64_MAX);
    (void)gpt_entry(&d, 512, 2, 128, 200, 199);
    (void)gpt_entry(&d, 512, 3, 128, 0, 16 * MIB / 512);
    (void)gpt_entry(&d, 512, 4, 128, UINT64_C(1) << 55, UINT64_C(1) << 56);
    gpt(&d, 512, 128, 128);
    look(&d);
    assert_int_equal(l.table, LAYOUT_GPT);
    assert_int_equal(l.part_count, 2);
    assert_int_equal(l.parts[0].bytes, 16 * MIB - 51200);
    assert_int_equal(l.parts[1].bytes, 16 * MIB);
    free(d.bytes);
}

static void more_parts_than_are_kept_are_said(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    for (unsigned i = 0; i < 200; i++)
        (void)gpt_entry(&d, 512, i, 128, 3000 + i, 3000 + i);
    gpt(&d, 512, 200, 128);
    look(&d);
    assert_int_equal(l.part_count, LAYOUT_PARTS_MAX);
    assert_true(l.more);
    free(d.bytes);
}

static void names_are_made_fit_to_be_shown(void **state)
{
    (void)state;
    static const uint16_t name[] = {'a',    0x1b,   0x202e, 0xd800, 'b',   0xd83d,
                                    0xde00, 0xdc00, 0xe4,   0x85,   0xd801};
    struct disk d = disk_new(16 * MIB);
    uint8_t *p = gpt_entry(&d, 512, 0, 128, 100, 199) + 56;
    for (size_t i = 0; i < sizeof name / 2; i++)
        put_u16(p + 2 * i, name[i]);
    gpt(&d, 512, 128, 128);
    memset(disk_at(&d, 51200 + 1024 + 120), 0xff, 16); /* an ext2 with a bad label in it */
    put_u32(disk_at(&d, 51200 + 1024 + 4), 1);
    put_u16(disk_at(&d, 51200 + 1024 + 56), 0xef53);
    memcpy(disk_at(&d, 51200 + 1024 + 121), "\x1b]0;x\x07", 6);
    look(&d);
    assert_string_equal(l.parts[0].name, "a???b\xf0\x9f\x98\x80?\xc3\xa4??");
    assert_string_equal(l.parts[0].label, "??]0;x??????????");
    free(d.bytes);
}

static void an_older_table_at_the_end_is_not_believed_alone(void **state)
{
    (void)state;
    struct disk d = disk_new(16 * MIB);
    (void)gpt_entry(&d, 512, 0, 128, 100, 199);
    gpt(&d, 512, 128, 128);
    uint64_t last = d.size - 512;
    memcpy(disk_at(&d, last), disk_at(&d, 512), 512);
    memcpy(disk_at(&d, last - 16384), disk_at(&d, 1024), 16384);
    put_u64(disk_at(&d, last) + 24, last / 512);
    put_u64(disk_at(&d, last) + 72, last / 512 - 32);
    seal_header(&d, last, 92);
    memset(disk_at(&d, 512), 0, 512);
    look(&d);
    assert_int_equal(l.table, LAYOUT_GPT);
    memset(disk_at(&d, 0), 0, 512);
    look(&d);
    assert_int_equal(l.table, LAYOUT_NO_TABLE);
    free(d.bytes);
}

static void a_read_that_fails_is_the_only_error(void **state)
{
    (void)state;
    static const uint64_t places[] = {1, 600, 2000, 51200, 51200 + 33000, 51200 + 66000};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct disk d = disk_new(16 * MIB);
        (void)gpt_entry(&d, 512, 0, 128, 100, 9999);
        gpt(&d, 512, 128, 128);
        d.fail_at = places[i];
        assert_int_equal(disk_probe(&d, &l), -1);
        free(d.bytes);
    }
}

/* Seeds are fixed: the same disks in every run; the fuzz target goes further. */
static void random_changes_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15;
    for (unsigned round = 0; round < 3000; round++) {
        struct disk d = disk_new(16 * MIB);
        uint32_t sector = round % 2 ? 512 : 4096;
        for (unsigned i = 0; i < 8; i++)
            (void)gpt_entry(&d, sector, i, 128, 10 + i * 20, 29 + i * 20);
        if (round % 3)
            gpt(&d, sector, 8, 128);
        else
            entry(&d, 0, 1, 0x05, 10, 1000);
        for (unsigned k = 0; k < 40; k++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            disk_at(&d, seed % 70000)[0] = (uint8_t)(seed >> 32);
        }
        if (round % 3 && memcmp(disk_at(&d, sector), "EFI PART", 8) == 0)
            seal_header(&d, sector, 92);
        look(&d);
        free(d.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_cut_at_the_end_of_the_disk),
        cmocka_unit_test(logical_parts_are_counted_as_linux_does),
        cmocka_unit_test(chains_that_bite_their_tail_end),
        cmocka_unit_test(a_chain_has_an_end_even_if_it_says_otherwise),
        cmocka_unit_test(a_boot_sector_is_no_table),
        cmocka_unit_test(both_sizes_of_sectors),
        cmocka_unit_test(sizes_and_counts_that_cannot_be_are_no_table),
        cmocka_unit_test(every_field_of_the_header_counts),
        cmocka_unit_test(places_beyond_the_disk_are_cut_or_left_out),
        cmocka_unit_test(more_parts_than_are_kept_are_said),
        cmocka_unit_test(names_are_made_fit_to_be_shown),
        cmocka_unit_test(an_older_table_at_the_end_is_not_believed_alone),
        cmocka_unit_test(a_read_that_fails_is_the_only_error),
        cmocka_unit_test(random_changes_do_no_harm),
    };
    return cmocka_run_group_tests_name("layout/hostile", tests, NULL, NULL);
}
