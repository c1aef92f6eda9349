/* SPDX-License-Identifier: Apache-2.0 */
/* Contents whose makers are not at hand for second_opinion.py: by hand, from their specifications.
 */
#include "disk.h"

static struct layout l;

static void put(struct disk *d, uint64_t off, const char *bytes, size_t len)
{
    memcpy(disk_at(d, off), bytes, len);
}

static void expect(struct disk *d, const char *content, const char *label, const char *id)
{
    assert_int_equal(disk_probe(d, &l), 0);
    assert_int_equal(l.table, LAYOUT_NO_TABLE);
    assert_int_equal(l.part_count, content[0] ? 1 : 0);
    if (content[0]) {
        assert_int_equal(l.parts[0].number, 0);
        assert_int_equal(l.parts[0].bytes, d->size);
        assert_string_equal(l.parts[0].content, content);
        assert_string_equal(l.parts[0].label, label);
        assert_string_equal(l.parts[0].id, id);
    }
    free(d->bytes);
}

static void an_iso9660(void **state)
{
    (void)state;
    struct disk d = disk_new(4 << 20);
    put(&d, 32768, "\1CD001\1", 7);
    put(&d, 32768 + 40, "DEBIAN 12                       ", 32);
    put(&d, 32768 + 813, "2023061012345600\0", 17);
    put(&d, 32768 + 830, "0000000000000000\0", 17);
    expect(&d, "iso9660", "DEBIAN 12", "2023-06-10-12-34-56-00");
}

static void a_reiserfs(void **state)
{
    (void)state;
    struct disk d = disk_new(4 << 20);
    put(&d, 65536 + 52, "ReIsEr2Fs", 10);
    put(&d, 65536 + 84, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 16);
    put(&d, 65536 + 100, "old", 4);
    expect(&d, "reiserfs", "old", "01020304-0506-0708-090a-0b0c0d0e0f10");
}

static void windows_by_their_magic(void **state)
{
    (void)state;
    struct disk d = disk_new(4 << 20);
    put(&d, 0, "\0\0\0ReFS\0\0\0\0\0\0\0\0\0FSRS", 20);
    expect(&d, "refs", "", "");
    d = disk_new(4 << 20);
    put(&d, 0, "\xeb\x58\x90-FVE-FS-", 11);
    put(&d, 510, "\x55\xaa", 2);
    expect(&d, "bitlocker", "", "");
}

static void a_member_of_a_zfs_pool(void **state)
{
    (void)state;
    static const char list[] =
        "\1\1\0\0\0\0\0\0\0\0\0\1"
        "\0\0\0\044\0\0\0\040\0\0\0\7version\0\0\0\0\10\0\0\0\1\0\0\0\0\0\0\x13\x88"
        "\0\0\0\044\0\0\0\040\0\0\0\4name\0\0\0\x09\0\0\0\1\0\0\0\5tank1\0\0\0"
        "\0\0\0\050\0\0\0\050\0\0\0\x09pool_"
        "guid\0\0\0\0\0\0\10\0\0\0\1\x11\x22\x33\x44\x55\x66\x77\x88"
        "\0\0\0\0\0\0\0\0";
    struct disk d = disk_new(4 << 20);
    put(&d, 16384, list, sizeof list - 1);
    expect(&d, "zfs", "tank1", "1234605616436508552");
    d = disk_new(4 << 20); /* cut before the id: nothing sure */
    put(&d, 16384, list, 12 + 36);
    expect(&d, "", "", "");
}

static void a_sleeping_machine(void **state)
{
    (void)state;
    struct disk d = disk_new(4 << 20);
    put(&d, 4086, "S1SUSPEND\0", 10);
    expect(&d, "swsuspend", "", "");
}

static void an_array_before_what_it_carries(void **state)
{
    (void)state;
    struct disk d = disk_new(4 << 20); /* ext4 in an array of metadata 1.0: begins as ext4 does */
    put(&d, 1024 + 4, "\1\0\0\0", 4);
    put(&d, 1024 + 56, "\x53\xef", 2);
    struct disk without = disk_new(4 << 20);
    memcpy(without.bytes, d.bytes, (size_t)DISK_HEAD);
    expect(&without, "ext2", "", "");
    put(&d, (4 << 20) - 8192, "\xfc\x4e\x2b\xa9\1\0\0\0", 8);
    expect(&d, "md", "", "");
}

static void nothing_is_made_of_nothing(void **state)
{
    (void)state;
    struct disk d = disk_new(4 << 20);
    expect(&d, "", "", "");
    for (uint64_t size = 0; size < 2000; size += 111) {
        d = disk_new(size);
        memset(d.bytes, 0xff, (size_t)DISK_HEAD);
        expect(&d, "", "", "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_iso9660),
        cmocka_unit_test(a_reiserfs),
        cmocka_unit_test(windows_by_their_magic),
        cmocka_unit_test(a_member_of_a_zfs_pool),
        cmocka_unit_test(a_sleeping_machine),
        cmocka_unit_test(an_array_before_what_it_carries),
        cmocka_unit_test(nothing_is_made_of_nothing),
    };
    return cmocka_run_group_tests_name("layout/magic", tests, NULL, NULL);
}
