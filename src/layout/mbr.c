/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MBR tables, with the logical partitions of extended ones, counted as Linux counts them
 * (block/partitions/msdos.c): 1 … 4 by their place, logical ones from 5 in the order of the chain.
 * Sectors are of 512 bytes: the table does not say.
 *
 * 1. A chain visits no sector twice and at most LINKS_MAX of them.
 */
#include "layout/layout_look.h"

#include <stdio.h>
#include <string.h>

#define SECTOR    512u
#define LINKS_MAX 256u
#define AT_ENTRY  446u

struct mbr_entry {
    uint8_t flag, type;
    uint32_t start, count; /* sectors */
};

static struct mbr_entry entry_of(const uint8_t *sector, size_t i)
{
    const uint8_t *p = sector + AT_ENTRY + 16 * i;
    return (struct mbr_entry){p[0], p[4], get_u32(p + 8), get_u32(p + 12)};
}

static bool is_extended(const struct mbr_entry *m)
{
    return m->count && (m->type == 0x05 || m->type == 0x0f || m->type == 0x85);
}

bool mbr_is_signed(const uint8_t sector[512])
{
    return sector[510] == 0x55 && sector[511] == 0xaa;
}

bool mbr_is_protective(const uint8_t sector[512])
{
    for (size_t i = 0; i < 4; i++)
        if (entry_of(sector, i).type == 0xee)
            return mbr_is_signed(sector);
    return false;
}

static bool add_part(struct look *l, struct layout *out, uint32_t number, uint64_t start,
                     const struct mbr_entry *m)
{
    struct layout_part p = {
        .number = number, .start = start * SECTOR, .bytes = (uint64_t)m->count * SECTOR};
    (void)snprintf(p.type, sizeof p.type, "0x%02x", m->type);
    return layout_add(l, out, &p);
}

/* Flags as they must be, and at least one part within the disk or none at all. */
static bool is_table(const struct look *l, const uint8_t *sector)
{
    size_t used = 0, within = 0;
    if (!mbr_is_signed(sector))
        return false;
    for (size_t i = 0; i < 4; i++) {
        struct mbr_entry m = entry_of(sector, i);
        if (m.flag & 0x7f)
            return false;
        if (!m.count || !m.type)
            continue;
        used++;
        within += m.start > 0 && (uint64_t)m.start * SECTOR < l->size;
    }
    return used ? within > 0 : get_u32(sector + 440) != 0;
}

struct chain {
    uint64_t first, first_count; /* the extended partition */
    uint32_t seen[LINKS_MAX];    /* sectors of tables, relative to it */
    size_t links;
};

static bool is_seen(const struct chain *c, uint32_t at)
{
    for (size_t i = 0; i < c->links; i++)
        if (c->seen[i] == at)
            return true;
    return false;
}

/* The parts of one table of the chain. The third and fourth entries are believed only within
 * bounds, as in Linux. */
static void add_logical(struct look *l, struct layout *out, const struct chain *c, uint64_t here,
                        uint64_t here_count, const uint8_t *sector, uint32_t *number)
{
    for (size_t i = 0; i < 4; i++) {
        struct mbr_entry m = entry_of(sector, i);
        uint64_t start = here + m.start;
        if (!m.count || is_extended(&m))
            continue;
        if (i >= 2 && ((uint64_t)m.start + m.count > here_count || start < c->first ||
                       start + m.count > c->first + c->first_count))
            continue;
        if (!add_part(l, out, (*number)++, start, &m))
            return;
    }
}

static void follow(struct look *l, struct layout *out, uint32_t first, uint32_t first_count,
                   uint32_t *number)
{
    struct chain c = {.first = first, .first_count = first_count};
    uint32_t at = 0;
    uint64_t count = first_count;
    while (c.links < LINKS_MAX && !is_seen(&c, at) && !out->more) {
        uint8_t sector[SECTOR];
        size_t i = 0;
        if (!look_at(l, (c.first + at) * SECTOR, sector, sizeof sector) || !mbr_is_signed(sector))
            return;
        c.seen[c.links++] = at;
        add_logical(l, out, &c, c.first + at, count, sector, number);
        for (struct mbr_entry m; i < 4; i++) {
            m = entry_of(sector, i);
            if (is_extended(&m)) {
                at = m.start;
                count = m.count;
                break;
            }
        }
        if (i == 4)
            return;
    }
}

bool mbr_find(struct look *l, const uint8_t sector[512], struct layout *out)
{
    uint32_t number = 5;
    if (!is_table(l, sector))
        return false;
    out->table = LAYOUT_MBR;
    (void)snprintf(out->table_id, sizeof out->table_id, "%08x", get_u32(sector + 440));
    for (uint32_t i = 0; i < 4; i++) {
        struct mbr_entry m = entry_of(sector, i);
        if (m.count && m.type && m.start)
            (void)add_part(l, out, i + 1, m.start, &m);
    }
    for (size_t i = 0; i < 4; i++) {
        struct mbr_entry m = entry_of(sector, i);
        if (is_extended(&m) && m.start)
            follow(l, out, m.start, m.count, &number);
    }
    return true;
}
