/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of the fuzz targets of layout into a corpus directory: `fuzz_seeds_layout
 * DIR`. Small disks by hand; what it writes is kept in git. */
#include "layout/layout.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *top;

static void write_seed(const char *target, const char *name, const void *p, size_t len)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", top, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", top, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, len, f) != len || fclose(f)) {
        perror(path);
        exit(1);
    }
}

#define HEAD ((size_t)70 << 10)
static uint8_t input[1 + HEAD], *const disk = input + 1;

/* Of a disk of 1 MiB; ends where its zeros do. */
static void disk_seed(const char *name)
{
    size_t len = HEAD;
    while (len > 512 && disk[len - 1] == 0)
        len--;
    input[0] = 2;
    write_seed("layout", name, input, 1 + len);
    memset(input, 0, sizeof input);
}

static void mbr_entry(size_t at, unsigned i, uint8_t type, uint32_t start, uint32_t count)
{
    uint8_t *p = disk + at + 446 + 16 * i;
    p[4] = type;
    put_u32(p + 8, start);
    put_u32(p + 12, count);
    put_u16(disk + at + 510, 0xaa55);
}

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

static void gpt_seed(const char *name, uint32_t sector)
{
    uint8_t *h = disk + sector, *a = disk + 2 * (size_t)sector;
    mbr_entry(0, 0, 0xee, 1, 2047);
    for (size_t i = 0; i < 4; i++) {
        memset(a + 128 * i, 0x21, 32);
        put_u64(a + 128 * i + 32, 16 + 2 * i);
        put_u64(a + 128 * i + 40, 17 + 2 * i);
        memcpy(a + 128 * i + 56, "n\0a\0\xe4\0\x3d\xd8\x00\xde", 10);
    }
    memcpy(h, "EFI PART\0\0\1\0\x5c", 13);
    put_u64(h + 24, 1);
    memset(h + 56, 0x11, 16);
    put_u64(h + 72, 2);
    put_u32(h + 80, 4);
    put_u32(h + 84, 128);
    put_u32(h + 88, crc32_of(a, 512));
    put_u32(h + 16, crc32_of(h, 92));
    disk_seed(name);
}

static void table_seeds(void)
{
    mbr_entry(0, 0, 0x83, 16, 32);
    mbr_entry(0, 1, 0x05, 8, 100);
    mbr_entry(8 * 512, 0, 0x82, 1, 2);
    mbr_entry(8 * 512, 1, 0x05, 4, 4);
    mbr_entry(12 * 512, 0, 0x83, 1, 1);
    disk_seed("mbr");
    gpt_seed("gpt-512", 512);
    gpt_seed("gpt-4096", 4096);
}

static void fat_seed(void)
{
    static const uint8_t boot[] = {0xeb, 0x3c, 0x90, 'm', 'k', 'f', 's', ' ', 'f', 'a',  't', 0,
                                   2,    4,    1,    0,   2,   0,   2,   0,   8,   0xf8, 2,   0};
    memcpy(disk, boot, sizeof boot);
    memcpy(disk + 38, "\x29\x78\x56\x34\x12", 5);
    put_u16(disk + 510, 0xaa55);
    memcpy(disk + 5 * 512, "A NAME     \x08", 12);
    disk_seed("fat12");
}

static void ntfs_seed(void)
{
    memcpy(disk + 3, "NTFS    \0\2\1", 11);
    put_u64(disk + 48, 4);
    disk[64] = 0xf6;
    put_u64(disk + 72, 0x1122334455667788);
    uint8_t *rec = disk + 4 * 512 + 3 * 1024;
    memcpy(rec, "FILE", 4);
    put_u16(rec + 20, 56);
    put_u32(rec + 56, 0x60);
    put_u32(rec + 60, 40);
    put_u32(rec + 72, 6);
    put_u16(rec + 76, 24);
    memcpy(rec + 80, "C\0:\0x\0", 6);
    put_u32(rec + 96, 0xffffffff);
    disk_seed("ntfs");
}

static void exfat_seed(void)
{
    memcpy(disk + 3, "EXFAT   ", 8);
    put_u32(disk + 88, 8);
    put_u32(disk + 96, 4);
    disk[108] = 9;
    disk[109] = 1;
    memcpy(disk + 8 * 512 + 2 * 1024, "\x83\3e\0x\0t\0", 8);
    disk_seed("exfat");
}

static void other_seeds(void)
{
    put_u32(disk + 1028, 100);
    put_u16(disk + 1080, 0xef53);
    memset(disk + 1128, 7, 16);
    memcpy(disk + 1144, "root", 4);
    disk_seed("ext2");
    memcpy(disk + 512,
           "LABELONE\1\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001abcdefghijklmnopqrstuvwxyz012345",
           64);
    disk_seed("lvm2");
    memcpy(disk, "LUKS\xba\xbe\0\2", 8);
    memcpy(disk + 24, "locked", 6);
    memcpy(disk + 168, "01020304-0506-0708-090a-0b0c0d0e0f10", 36);
    disk_seed("luks2");
    memcpy(disk + 4086, "SWAPSPACE2", 10);
    disk[1024] = 1;
    disk_seed("swap");
    memcpy(disk + 4096, "\xfc\x4e\x2b\xa9\1\0\0\0", 8);
    memset(disk + 4112, 5, 16);
    memcpy(disk + 4128, "host:0", 6);
    disk_seed("md");
    memcpy(disk + 16384,
           "\1\1\0\0\0\0\0\0\0\0\0\1\0\0\0\050\0\0\0\050\0\0\0\x09pool_"
           "guid\0\0\0\0\0\0\10\0\0\0\1\1\2\3\4\5\6\7\10",
           52);
    disk_seed("zfs");
    memcpy(disk + 32768, "\1CD001\1", 7);
    memcpy(disk + 32768 + 40, "CD", 2);
    memcpy(disk + 32768 + 813, "2023061012345600", 16);
    disk_seed("iso9660");
    memcpy(disk + 65536 + 64, "_BHRfS_M", 8);
    memset(disk + 65536 + 32, 9, 16);
    disk_seed("btrfs");
}

static void note_seeds(void)
{
    static struct layout_note n = {
        .format = "raw", .source = "/dev/vda", .mark = "m", .layout = {.sector = 512}};
    struct buf b = {0};
    struct err e = ERR_INIT;
    for (int i = 0; i < 2; i++) {
        buf_reset(&b);
        if (layout_note_encode(&n, &b, &e))
            exit(1);
        write_seed("disk_note", i ? "parts" : "empty", b.data, b.len);
        n.layout.table = LAYOUT_MBR;
        n.layout.part_count = 2;
        n.layout.parts[0] = (struct layout_part){1, 512, 1024, "0x83", "", "ext4", "root", "0102"};
        n.layout.parts[1] = (struct layout_part){5, 4096, 1024, "0x07", "", "", "", ""};
    }
    b.data[b.len - 1] = 1;
    buf_put(&b, "\5\3abc", 5);
    write_seed("disk_note", "extension", b.data, b.len);
    buf_done(&b);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    top = argv[1];
    (void)mkdir(top, 0777);
    table_seeds();
    fat_seed();
    ntfs_seed();
    exfat_seed();
    other_seeds();
    note_seeds();
    return 0;
}
