/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems of Windows: their first sector says where things are, and names stand elsewhere: in
 * the root directory (FAT, exFAT), in a record of the master file table (NTFS). Chains of clusters
 * are not followed: formatting puts the name first.
 */
#include "layout/layout_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_power(uint32_t n, uint32_t least, uint32_t most)
{
    return n >= least && n <= most && (n & (n - 1)) == 0;
}

static void take_serial(const uint8_t *p, char out[LAYOUT_TEXT])
{
    (void)snprintf(out, LAYOUT_TEXT, "%02X%02X-%02X%02X", p[3], p[2], p[1], p[0]);
}

/* ---- NTFS ------------------------------------------------------------------- */

#define NTFS_VOLUME_RECORD 3u
#define NTFS_VOLUME_NAME   0x60u

/* The name among the attributes of a record. Lengths are the disk's: each step stays within. */
static void take_ntfs_name(const uint8_t *rec, size_t len, struct layout_part *out)
{
    size_t at = get_u16(rec + 20);
    while (at + 24 <= len) {
        const uint8_t *a = rec + at;
        uint32_t type = get_u32(a), step = get_u32(a + 4);
        if (type == 0xffffffffu || step < 24 || step > len - at)
            return;
        size_t value = get_u16(a + 20), value_len = get_u32(a + 16);
        if (type == NTFS_VOLUME_NAME && a[8] == 0 && value <= step && value_len <= step - value) {
            text_utf16(a + value, value_len / 2, out->label, sizeof out->label);
            return;
        }
        at += step;
    }
}

static void find_ntfs_name(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    uint8_t rec[4096];
    uint64_t sector = get_u16(head + 11), per_cluster = head[13];
    if (per_cluster > 128)
        per_cluster = UINT64_C(1) << ((256 - per_cluster) & 31);
    uint64_t cluster = sector * per_cluster, lcn = get_u64(head + 48);
    unsigned records = head[64];
    uint64_t bytes = records < 128 ? records * cluster : UINT64_C(1) << ((256 - records) & 31);
    if (!is_power((uint32_t)(bytes <= sizeof rec ? bytes : 0), 512, sizeof rec) || cluster == 0 ||
        lcn > r->bytes / cluster)
        return;
    if (region_at(r, lcn * cluster + NTFS_VOLUME_RECORD * bytes, rec, (size_t)bytes) &&
        memcmp(rec, "FILE", 4) == 0)
        take_ntfs_name(rec, (size_t)bytes, out);
}

bool find_ntfs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    if (memcmp(head + 3, "NTFS    ", 8) != 0 || !is_power(get_u16(head + 11), 256, 4096) ||
        head[13] == 0)
        return false;
    content_name(out, "ntfs");
    (void)snprintf(out->id, sizeof out->id, "%016" PRIX64, get_u64(head + 72));
    find_ntfs_name(r, head, out);
    return true;
}

/* ---- exFAT ------------------------------------------------------------------- */

#define EXFAT_ENTRY_LABEL 0x83
#define EXFAT_LABEL_UNITS 11u

static void find_exfat_name(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    uint8_t dir[4096];
    unsigned sector_bits = head[108], cluster_bits = sector_bits + head[109];
    uint64_t heap = (uint64_t)get_u32(head + 88) << sector_bits, cluster = get_u32(head + 96);
    size_t len = cluster_bits < 12 ? (size_t)1 << cluster_bits : sizeof dir;
    if (cluster < 2 || !region_at(r, heap + ((cluster - 2) << cluster_bits), dir, len))
        return;
    for (size_t i = 0; i < len && dir[i]; i += 32)
        if (dir[i] == EXFAT_ENTRY_LABEL && dir[i + 1] <= EXFAT_LABEL_UNITS) {
            text_utf16(dir + i + 2, dir[i + 1], out->label, sizeof out->label);
            return;
        }
}

bool find_exfat(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    if (memcmp(head + 3, "EXFAT   ", 8) != 0 || !bytes_are_zero(head + 11, 53))
        return false;
    if (head[108] < 9 || head[108] > 12 || head[109] > 25 - head[108])
        return false;
    content_name(out, "exfat");
    take_serial(head + 100, out->id);
    find_exfat_name(r, head, out);
    return true;
}

/* ---- FAT --------------------------------------------------------------------- */

struct fat {
    uint32_t sector, cluster;  /* bytes */
    uint64_t fats, root, data; /* bytes into the volume */
    uint32_t root_bytes;
    uint64_t clusters;
    bool is32;
};

/* The sums of the specification (fatgen103). False unless all agrees. */
static bool read_fat(const uint8_t *p, uint64_t bytes, struct fat *out)
{
    uint32_t sector = get_u16(p + 11), per_cluster = p[13], reserved = get_u16(p + 14),
             fats = p[16];
    uint32_t entries = get_u16(p + 17), total = get_u16(p + 19), fat_len = get_u16(p + 22);
    if (!is_power(sector, 512, 4096) || !is_power(per_cluster, 1, 128) || reserved == 0 ||
        fats == 0 || fats > 4)
        return false;
    if ((p[21] != 0xf0 && p[21] < 0xf8) || p[510] != 0x55 || p[511] != 0xaa)
        return false;
    out->is32 = fat_len == 0 && entries == 0;
    if (total == 0)
        total = get_u32(p + 32);
    if (out->is32)
        fat_len = get_u32(p + 36);
    uint64_t root = reserved + (uint64_t)fats * fat_len;
    uint64_t data = root + ((uint64_t)entries * 32 + sector - 1) / sector;
    if (fat_len == 0 || data >= total || (uint64_t)total * sector > bytes + sector)
        return false;
    out->sector = sector;
    out->cluster = sector * per_cluster;
    out->clusters = (total - data) / per_cluster;
    out->data = data * sector;
    out->root = root * sector;
    out->root_bytes = entries * 32;
    if (out->is32) {
        uint32_t first = get_u32(p + 44);
        out->root = out->data + (first < 2 ? 0 : (uint64_t)(first - 2) * out->cluster);
        out->root_bytes = out->cluster;
    }
    return true;
}

#define FAT_ATTR_MASK  0x3f
#define FAT_ATTR_LABEL 0x08
#define FAT_DIR_MAX    32768u

/* The name of the volume is an entry of the root directory. False at its end. */
static bool take_fat_entry(const uint8_t *p, struct layout_part *out)
{
    uint8_t name[11];
    if (p[0] == 0)
        return false;
    if (p[0] == 0xe5 || (p[11] & FAT_ATTR_MASK) != FAT_ATTR_LABEL || get_u16(p + 20) ||
        get_u16(p + 26))
        return true;
    memcpy(name, p, sizeof name);
    if (name[0] == 0x05)
        name[0] = 0xe5;
    text_label(name, sizeof name, out->label, sizeof out->label);
    return false;
}

static void find_fat_name(const struct region *r, const struct fat *f, struct layout_part *out)
{
    uint8_t dir[512];
    uint32_t len = f->root_bytes < FAT_DIR_MAX ? f->root_bytes : FAT_DIR_MAX;
    for (uint32_t at = 0; at + sizeof dir <= len; at += (uint32_t)sizeof dir) {
        if (!region_at(r, f->root + at, dir, sizeof dir))
            return;
        for (size_t i = 0; i < sizeof dir; i += 32)
            if (!take_fat_entry(dir + i, out))
                return;
    }
}

bool find_fat(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    struct fat f = {0};
    if ((head[0] != 0xeb && head[0] != 0xe9) || !read_fat(head, r->bytes, &f))
        return false;
    content_name(out, f.is32 ? "fat32" : f.clusters < 4085 ? "fat12" : "fat16");
    size_t extended = f.is32 ? 66 : 38; /* where its signature says that a serial follows */
    if (head[extended] == 0x28 || head[extended] == 0x29)
        take_serial(head + extended + 1, out->id);
    find_fat_name(r, &f, out);
    return true;
}

/* ---- only their magic --------------------------------------------------------- */

bool find_refs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    (void)r;
    if (memcmp(head + 3, "ReFS\0\0\0\0", 8) != 0 || memcmp(head + 16, "FSRS", 4) != 0)
        return false;
    content_name(out, "refs");
    return true;
}

bool find_bitlocker(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    (void)r;
    if (memcmp(head + 3, "-FVE-FS-", 8) != 0)
        return false;
    content_name(out, "bitlocker");
    return true;
}
