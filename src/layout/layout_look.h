/* SPDX-License-Identifier: Apache-2.0 */
/* How the finders look at a disk: within bounds and within what may be read in all. Of the room
 * alone. */
#ifndef ABRI_LAYOUT_LAYOUT_LOOK_H
#define ABRI_LAYOUT_LAYOUT_LOOK_H

#include "layout/layout.h"

struct look {
    uint64_t size, left; /* of the disk; of what may still be read */
    layout_read *read;
    void *arg;
    struct err *e;
    bool failed; /* the callback failed: nothing more is read */
};

/* A stretch of the disk: a partition, or all of it. */
struct region {
    struct look *look;
    uint64_t start, bytes;
};

#define LOOK_PIECE ((size_t)8192)

/* All of the bytes, or false: they are outside, or too many, or cannot be read. */
bool look_at(struct look *l, uint64_t off, void *p, size_t len);
bool region_at(const struct region *r, uint64_t off, void *p, size_t len);

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

/* ---- layout_text.c: what the disk says, as text that can be shown ---------- */

void text_uuid(const uint8_t p[16], char out[LAYOUT_TEXT]); /* "" for zeros */
void text_guid(const uint8_t p[16], char out[LAYOUT_TEXT]); /* mixed-endian, as GPT has it */
/* At most `len` bytes up to a NUL, spaces at the end away. */
void text_label(const void *p, size_t len, char *out, size_t cap);
/* At most `units` of UTF-16, little-endian, up to a zero. */
void text_utf16(const uint8_t *p, size_t units, char *out, size_t cap);

/* ---- tables: true if there is one ------------------------------------------ */

bool gpt_find(struct look *l, uint32_t sector, bool backup, struct layout *out);
/* The first sector of the disk says 0x55aa. */
bool mbr_is_signed(const uint8_t sector[512]);
bool mbr_is_protective(const uint8_t sector[512]);
bool mbr_find(struct look *l, const uint8_t sector[512], struct layout *out);
/* Adds a part, cut at the end of the disk; false if there is no room for more. */
bool layout_add(struct look *l, struct layout *out, const struct layout_part *p);

/* ---- contents: true if it is that; `head` is the first LOOK_PIECE bytes,
 * zeros where the region is shorter. They fill content, label and id. --------- */

typedef bool content_find(const struct region *r, const uint8_t *head, struct layout_part *out);
content_find find_md, find_lvm2, find_luks, find_zfs; /* content_volume.c */
content_find find_ext, find_xfs, find_btrfs, find_f2fs, find_reiserfs, find_squashfs, find_iso9660,
    find_swap;                                                           /* content_linux.c */
content_find find_ntfs, find_exfat, find_fat, find_refs, find_bitlocker; /* content_windows.c */

/* A sector that Windows could start from, which ends as an MBR does and is none. */
bool content_is_boot_sector(const struct layout_part *p);
void content_name(struct layout_part *p, const char *name);

#endif
