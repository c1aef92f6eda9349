/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GUID partition tables (UEFI 2.10, chapter 5): a header and an array of entries, each with a CRC.
 * A table is believed only if both are right and it says of itself that it is where it was found.
 * Does not repair, does not compare the copies.
 */
#include "layout/layout_look.h"

#include <string.h>

#define HEADER_MIN 92u
#define ENTRY_MIN  128u
#define ENTRY_MAX  4096u
#define ARRAY_MAX  ((uint64_t)1 << 20) /* usual: 128 × 128 bytes */
#define NAME_UNITS 36u

/* CRC-32 of IEEE 802.3, by bits: some ten thousand bytes a disk. */
static uint32_t crc_more(uint32_t crc, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return crc;
}

struct array {
    uint64_t off; /* bytes */
    uint32_t count, entry_bytes, crc;
};

/* The header in `h`, found at LBA `at`. */
static bool check_header(uint8_t *h, uint32_t sector, uint64_t at, uint64_t sectors,
                         struct array *out)
{
    uint32_t len = get_u32(h + 12), crc = get_u32(h + 16);
    if (memcmp(h, "EFI PART", 8) != 0 || len < HEADER_MIN || len > 512)
        return false;
    put_u32(h + 16, 0);
    if ((crc_more(0xffffffffu, h, len) ^ 0xffffffffu) != crc || get_u64(h + 24) != at)
        return false;
    uint64_t lba = get_u64(h + 72);
    *out = (struct array){0, get_u32(h + 80), get_u32(h + 84), get_u32(h + 88)};
    if (lba == 0 || lba >= sectors)
        return false;
    out->off = lba * sector;
    if (out->entry_bytes < ENTRY_MIN || out->entry_bytes > ENTRY_MAX ||
        (out->entry_bytes & (out->entry_bytes - 1)))
        return false;
    return (uint64_t)out->count * out->entry_bytes <= ARRAY_MAX;
}

static bool check_array(struct look *l, const struct array *a)
{
    uint8_t piece[LOOK_PIECE];
    uint32_t crc = 0xffffffffu;
    uint64_t len = (uint64_t)a->count * a->entry_bytes;
    for (uint64_t done = 0; done < len;) {
        size_t n = len - done < sizeof piece ? (size_t)(len - done) : sizeof piece;
        if (!look_at(l, a->off + done, piece, n))
            return false;
        crc = crc_more(crc, piece, n);
        done += n;
    }
    return (crc ^ 0xffffffffu) == a->crc;
}

static bool take_entry(struct look *l, const uint8_t *p, uint32_t number, uint32_t sector,
                       struct layout *out)
{
    uint64_t first = get_u64(p + 32), last = get_u64(p + 40), sectors = l->size / sector;
    struct layout_part part = {.number = number};
    if (bytes_are_zero(p, 16) || last < first || first >= sectors)
        return true;
    if (last >= sectors)
        last = sectors - 1;
    part.start = first * sector;
    part.bytes = (last - first + 1) * sector;
    text_guid(p, part.type);
    text_utf16(p + 56, NAME_UNITS, part.name, sizeof part.name);
    return layout_add(l, out, &part);
}

static bool take_entries(struct look *l, const struct array *a, uint32_t sector, struct layout *out)
{
    uint8_t piece[LOOK_PIECE];
    uint32_t at_once = (uint32_t)(sizeof piece / a->entry_bytes);
    for (uint32_t i = 0; i < a->count; i += at_once) {
        uint32_t n = a->count - i < at_once ? a->count - i : at_once;
        if (!look_at(l, a->off + (uint64_t)i * a->entry_bytes, piece, (size_t)n * a->entry_bytes))
            return false;
        for (uint32_t k = 0; k < n; k++)
            if (!take_entry(l, piece + (size_t)k * a->entry_bytes, i + k + 1, sector, out))
                return true;
    }
    return true;
}

bool gpt_find(struct look *l, uint32_t sector, bool backup, struct layout *out)
{
    uint8_t h[512];
    struct array a;
    uint64_t sectors = l->size / sector, at = backup ? sectors - 1 : 1;
    if (sectors < 3 || !look_at(l, at * sector, h, sizeof h))
        return false;
    if (!check_header(h, sector, at, sectors, &a) || !check_array(l, &a))
        return false;
    if (!take_entries(l, &a, sector, out)) {
        out->part_count = 0;
        return false;
    }
    out->table = LAYOUT_GPT;
    out->sector = sector;
    text_guid(h + 56, out->table_id);
    return true;
}
