/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of a disk in whole chunks. A source speaks of blocks, a snapshot of
 * chunks: a chunk is empty or kept only if all of it is.
 *
 *  S1 stretches follow each other without gaps, from 0 to the size;
 *  S2 a chunk of which any byte may be other than zero or than before is data.
 */
#include "work/backup_disk.h"

static void last_items_rewind(struct last_items *l)
{
    l->next = 0;
    l->from = l->to = 0;
    l->ended = !l->entry;
    if (l->entry && l->entry->has_list)
        cache_items_begin(l->cache, l->where);
}

static void last_items_step(struct last_items *l)
{
    bool damaged;
    l->from = l->to;
    if (l->entry->has_list)
        l->ended = !cache_items_next(l->cache, &l->item, &damaged);
    else if (l->next < l->entry->item_count)
        l->item = l->entry->items[l->next++];
    else
        l->ended = true;
    if (!l->ended && __builtin_add_overflow(l->from, l->item.len, &l->to))
        l->ended = true;
}

const struct item *last_items_at(struct last_items *l, uint64_t from, uint64_t to)
{
    while (!l->ended && l->to <= from)
        last_items_step(l);
    if (l->ended)
        return NULL;
    bool covers = l->from <= from && l->to >= to;
    bool is = l->item.kind == ITEM_CHUNK ? l->from == from && l->to == to
                                         : l->item.kind == ITEM_HOLE && covers;
    return is ? &l->item : NULL;
}

void disk_plan_rewind(struct disk_plan *p)
{
    p->at = 0;
    p->ahead = (struct stretch){0};
    last_items_rewind(&p->last);
}

static enum stretch_kind kind_of(const struct disk_plan *p, bool empty, bool clean)
{
    if (empty && p->use_empty)
        return STRETCH_EMPTY;
    return clean && p->use_clean ? STRETCH_KEPT : STRETCH_DATA;
}

/* One chunk in which the map changes its mind. */
static int mixed_chunk(struct disk_plan *p, uint64_t to, struct stretch *out, struct err *e)
{
    bool empty = true, clean = true;
    struct disk_extent x;
    *out = (struct stretch){.from = p->at, .to = to};
    for (uint64_t at = p->at; at < to; at = x.end) {
        if (disk_map(p->disk, at, &x, e))
            return -1;
        empty = empty && x.zero;
        clean = clean && x.clean;
    }
    out->kind = kind_of(p, empty, clean);
    return 0;
}

/* The next whole chunks that are of one kind, as far as one answer of the source goes. */
static int take_chunks(struct disk_plan *p, struct stretch *out, struct err *e)
{
    struct disk_extent x;
    uint64_t chunk = (p->at / p->grain + 1) * p->grain;
    chunk = chunk < p->size ? chunk : p->size;
    if (disk_map(p->disk, p->at, &x, e))
        return -1;
    if (x.end < chunk)
        return mixed_chunk(p, chunk, out, e);
    uint64_t to = x.end >= p->size ? p->size : x.end / p->grain * p->grain;
    *out = (struct stretch){.kind = kind_of(p, x.zero, x.clean), .from = p->at, .to = to};
    return 0;
}

int disk_plan_next(struct disk_plan *p, struct stretch *out, struct err *e)
{
    struct stretch now = p->ahead;
    p->ahead = (struct stretch){0};
    while (p->at < p->size) {
        struct stretch s;
        if (take_chunks(p, &s, e))
            return -1;
        p->at = s.to;
        if (now.kind == STRETCH_UNSET) {
            now = s;
        } else if (now.kind == s.kind) {
            now.to = s.to;
        } else {
            p->ahead = s;
            break;
        }
    }
    *out = now;
    return now.kind != STRETCH_UNSET;
}
