/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moved frames. A pack that compaction wrote says of each frame where it came
 * from; records are never rewritten, so a reference to a pack that is gone
 * means the frame that names it as its origin.
 */
#include "base/mem.h"
#include "vault/check_internal.h"

#include <stdlib.h>
#include <string.h>

void origins_done(struct origins *o)
{
    mem_free(o->items);
    *o = (struct origins){0};
}

int origins_add(struct origins *o, uint32_t number, const struct pack_footer *f, struct err *e)
{
    size_t need = o->count + f->origin_count;
    if (need > o->cap) {
        size_t cap = o->cap ? o->cap : 256;
        while (cap < need)
            cap *= 2;
        struct origin *items = mem_realloc(o->items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "checking moved frames");
        o->items = items;
        o->cap = cap;
    }
    for (uint32_t i = 0; i < f->origin_count; i++) {
        const uint8_t *row = f->origins + (size_t)i * PACK_ORIGIN_BYTES;
        struct origin *n = &o->items[o->count++];
        n->now_pack = number;
        n->now_frame = get_u32(row);
        memcpy(n->pack, row + 4, ID_BYTES);
        n->frame = get_u32(row + 36);
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct origin *x = a, *y = b;
    int order = memcmp(x->pack, y->pack, ID_BYTES);
    if (order)
        return order;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

void origins_sort(struct origins *o)
{
    if (o->count)
        qsort(o->items, o->count, sizeof *o->items, compare);
}

const struct origin *origins_find(const struct origins *o, const uint8_t id[ID_BYTES],
                                  uint32_t frame)
{
    struct origin key = {.frame = frame};
    memcpy(key.pack, id, ID_BYTES);
    return o->count ? bsearch(&key, o->items, o->count, sizeof key, compare) : NULL;
}
