/* SPDX-License-Identifier: Apache-2.0 */
/* File systems of Unix, swap, and images of CDs: their magics and where they keep name and id. A
 * magic of two bytes is believed only with fields beside it that must agree. */
#include "layout/layout_look.h"

#include <stdio.h>
#include <string.h>

/* ext2, 3 and 4 differ in what a kernel must know to use them. */
#define EXT_HAS_JOURNAL 0x4u
#define EXT_JOURNAL_DEV 0x8u
#define EXT_RECOVER     0x4u
#define EXT2_RO_COMPAT  0x7u  /* sparse super-blocks, large files, trees of directories */
#define EXT2_INCOMPAT   0x12u /* types in directories, meta block groups */

static const char *ext_name(uint32_t compat, uint32_t incompat, uint32_t ro_compat)
{
    if (incompat & EXT_JOURNAL_DEV)
        return "jbd";
    if ((ro_compat & ~EXT2_RO_COMPAT) || (incompat & ~(EXT2_INCOMPAT | EXT_RECOVER)))
        return "ext4";
    return compat & EXT_HAS_JOURNAL ? "ext3" : "ext2";
}

bool find_ext(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    const uint8_t *p = head + 1024;
    (void)r;
    if (get_u16(p + 56) != 0xef53 || get_u32(p + 24) > 6 || get_u32(p + 76) > 1 ||
        get_u32(p + 4) == 0)
        return false;
    content_name(out, ext_name(get_u32(p + 92), get_u32(p + 96), get_u32(p + 100)));
    text_uuid(p + 104, out->id);
    text_label(p + 120, 16, out->label, sizeof out->label);
    return true;
}

static bool is_power(uint32_t n, uint32_t least, uint32_t most)
{
    return n >= least && n <= most && (n & (n - 1)) == 0;
}

bool find_xfs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    (void)r;
    if (memcmp(head, "XFSB", 4) != 0 || !is_power(get_be32(head + 4), 512, 65536) ||
        !is_power(get_be16(head + 102), 512, 32768))
        return false;
    content_name(out, "xfs");
    text_uuid(head + 32, out->id);
    text_label(head + 108, 12, out->label, sizeof out->label);
    return true;
}

bool find_btrfs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    uint8_t p[1024];
    (void)head;
    if (!region_at(r, 65536, p, sizeof p) || memcmp(p + 64, "_BHRfS_M", 8) != 0)
        return false;
    content_name(out, "btrfs");
    text_uuid(p + 32, out->id);
    text_label(p + 299, 256, out->label, sizeof out->label);
    return true;
}

bool find_f2fs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    const uint8_t *p = head + 1024;
    (void)r;
    if (get_u32(p) != 0xf2f52010u || get_u16(p + 4) == 0)
        return false;
    content_name(out, "f2fs");
    text_uuid(p + 108, out->id);
    text_utf16(p + 124, 512, out->label, sizeof out->label);
    return true;
}

bool find_reiserfs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    uint8_t p[512];
    (void)head;
    if (!region_at(r, 65536, p, sizeof p))
        return false;
    if (memcmp(p + 52, "ReIsErFs", 9) != 0 && memcmp(p + 52, "ReIsEr2Fs", 9) != 0 &&
        memcmp(p + 52, "ReIsEr3Fs", 9) != 0)
        return false;
    content_name(out, "reiserfs");
    text_uuid(p + 84, out->id);
    text_label(p + 100, 16, out->label, sizeof out->label);
    return true;
}

bool find_squashfs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    (void)r;
    if (memcmp(head, "hsqs", 4) != 0 || get_u16(head + 28) < 3 || get_u16(head + 28) > 4)
        return false;
    content_name(out, "squashfs");
    return true;
}

/* The time of the last change is its id: "2026112216554900" becomes 2026-11-22-16-55-49-00. */
static void take_iso_id(const uint8_t *p, char out[LAYOUT_TEXT])
{
    char d[17];
    for (size_t i = 0; i < 16; i++)
        if (p[i] < '0' || p[i] > '9')
            return;
    text_label(p, 16, d, sizeof d);
    if (strspn(d, "0") == 16)
        return;
    (void)snprintf(out, LAYOUT_TEXT, "%.4s-%.2s-%.2s-%.2s-%.2s-%.2s-%.2s", d, d + 4, d + 6, d + 8,
                   d + 10, d + 12, d + 14);
}

bool find_iso9660(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    uint8_t p[2048];
    (void)head;
    if (!region_at(r, 32768, p, sizeof p) || memcmp(p, "\1CD001\1", 7) != 0)
        return false;
    content_name(out, "iso9660");
    take_iso_id(p + 830, out->id);
    if (!out->id[0])
        take_iso_id(p + 813, out->id);
    text_label(p + 40, 32, out->label, sizeof out->label);
    return true;
}

static const char *swap_name(const uint8_t end[10])
{
    if (memcmp(end, "SWAPSPACE2", 10) == 0 || memcmp(end, "SWAP-SPACE", 10) == 0)
        return "swap";
    if (memcmp(end, "S1SUSPEND", 9) == 0 || memcmp(end, "S2SUSPEND", 9) == 0 ||
        memcmp(end, "ULSUSPEND", 9) == 0 || memcmp(end, "LINHIB0001", 10) == 0)
        return "swsuspend";
    return NULL;
}

/* The magic ends the first page, whatever a page is on that machine. */
bool find_swap(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    const char *name = NULL;
    for (uint64_t page = 4096; page <= 65536 && !name; page *= 2) {
        uint8_t p[512];
        if (page <= LOOK_PIECE)
            name = swap_name(head + page - 10);
        else if (region_at(r, page - sizeof p, p, sizeof p))
            name = swap_name(p + sizeof p - 10);
    }
    if (!name)
        return false;
    content_name(out, name);
    if (get_u32(head + 1024) == 1 ||
        get_be32(head + 1024) == 1) { /* version 1: it has an id and a name */
        text_uuid(head + 1036, out->id);
        text_label(head + 1052, 16, out->label, sizeof out->label);
    }
    return true;
}
