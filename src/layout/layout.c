/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a disk: a table first, then what is in each part; without a table, what is on the whole
 * of it. Does not know any format (gpt.c, mbr.c, content_*.c).
 *
 * 1. Nothing is read outside the disk, and never more than LAYOUT_READ_MAX in all: look_at is the
 * only door.
 * 2. What is found says where it is within the disk, whatever the table said: layout_add is the
 * only way in.
 * 3. A GPT is believed where Linux believes it: with a protective MBR, its copy at the end too.
 * Without one the copy may be of an older life of the disk; the first alone is then believed, and
 * only if there is no other table.
 */
#include "layout/layout_look.h"

#include <stdio.h>
#include <string.h>

bool look_at(struct look *l, uint64_t off, void *p, size_t len)
{
    if (l->failed || off > l->size || len > l->size - off || len > l->left)
        return false;
    l->left -= len;
    if (l->read(l->arg, off, p, len, l->e)) {
        l->failed = true;
        return false;
    }
    return true;
}

bool region_at(const struct region *r, uint64_t off, void *p, size_t len)
{
    if (off > r->bytes || len > r->bytes - off)
        return false;
    return look_at(r->look, r->start + off, p, len);
}

bool layout_add(struct look *l, struct layout *out, const struct layout_part *p)
{
    if (p->start >= l->size)
        return true;
    if (out->part_count == LAYOUT_PARTS_MAX) {
        out->more = true;
        return false;
    }
    struct layout_part *q = &out->parts[out->part_count++];
    *q = *p;
    if (q->bytes > l->size - q->start)
        q->bytes = l->size - q->start;
    return true;
}

void content_name(struct layout_part *p, const char *name)
{
    (void)snprintf(p->content, sizeof p->content, "%s", name);
}

bool content_is_boot_sector(const struct layout_part *p)
{
    static const char *const names[] = {"fat12", "fat16", "fat32",    "exfat",
                                        "ntfs",  "refs",  "bitlocker"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(p->content, names[i]) == 0)
            return true;
    return false;
}

/* Members of arrays and pools before file systems: one may begin like what it carries. */
static void find_content(struct look *l, struct layout_part *p)
{
    static content_find *const finders[] = {
        find_md,   find_lvm2,     find_luks, find_bitlocker, find_swap,   find_ext,
        find_xfs,  find_btrfs,    find_ntfs, find_exfat,     find_refs,   find_fat,
        find_f2fs, find_reiserfs, find_zfs,  find_squashfs,  find_iso9660};
    uint8_t head[LOOK_PIECE] = {0};
    struct region r = {l, p->start, p->bytes};
    size_t len = r.bytes < sizeof head ? (size_t)r.bytes : sizeof head;
    if (!region_at(&r, 0, head, len))
        return;
    for (size_t i = 0; i < sizeof finders / sizeof finders[0] && !l->failed; i++)
        if (finders[i](&r, head, p))
            return;
}

/* Invariant 3. */
static bool find_gpt(struct look *l, const uint8_t *sector, struct layout *out)
{
    if (!mbr_is_signed(sector))
        return gpt_find(l, 512, false, out) || gpt_find(l, 4096, false, out);
    if (!mbr_is_protective(sector))
        return false;
    return gpt_find(l, 512, false, out) || gpt_find(l, 4096, false, out) ||
           gpt_find(l, 512, true, out) || gpt_find(l, 4096, true, out);
}

static bool is_extended(const struct layout_part *p)
{
    return strcmp(p->type, "0x05") == 0 || strcmp(p->type, "0x0f") == 0 ||
           strcmp(p->type, "0x85") == 0;
}

static void probe(struct look *l, struct layout *out)
{
    struct layout_part whole = {.bytes = l->size};
    uint8_t sector[512] = {0};
    size_t len = l->size < sizeof sector ? (size_t)l->size : sizeof sector;
    if (!look_at(l, 0, sector, len))
        return;
    if (!find_gpt(l, sector, out)) {
        find_content(l, &whole);
        if (content_is_boot_sector(&whole) || l->failed || !mbr_find(l, sector, out)) {
            if (whole.content[0])
                (void)layout_add(l, out, &whole);
            return;
        }
    }
    for (size_t i = 0; i < out->part_count && !l->failed; i++)
        if (out->table == LAYOUT_GPT || !is_extended(&out->parts[i]))
            find_content(l, &out->parts[i]);
}

int layout_probe(uint64_t size, layout_read *read, void *arg, struct layout *out, struct err *e)
{
    struct look l = {.size = size, .left = LAYOUT_READ_MAX, .read = read, .arg = arg, .e = e};
    memset(out, 0, sizeof *out);
    out->sector = 512;
    probe(&l, out);
    return l.failed ? -1 : 0;
}
