/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moved frames. A pack that compaction wrote says of each frame where it came
 * from; records are never rewritten, so a reference to a pack that is gone
 * means the frame that names it as its origin.
 */
#include "vault/origins.h"

#include "base/mem.h"
#include "vault/refset_format.h"
#include "vault/vault_internal.h"

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

size_t origins_first(const struct origins *o, const uint8_t id[ID_BYTES])
{
    size_t low = 0, high = o->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(o->items[middle].pack, id, ID_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- of a vault -------------------------------------------------------------------- */

static int load_pack(struct vault *v, uint32_t number, struct origins *o, struct err *e)
{
    struct pack_contents c;
    struct err why = ERR_INIT;
    int rc = pack_contents_read(v, pack_set_at(&v->packs, number)->id, &c, &why);
    if (rc == 0)
        rc = origins_add(o, number, &c.footer, &why);
    pack_contents_done(&c);
    if (rc == 0 || why.cls != ERR_NO_MEMORY)
        return 0;
    return err_give(e, &why);
}

int origins_load(struct vault *v, struct origins *out, struct err *e)
{
    struct origins o = {0};
    uint32_t count = vault_pack_count(v);
    for (uint32_t i = 0; i < count; i++) {
        const struct pack *p = pack_set_at(&v->packs, i);
        if (p->seen != v->refresh || !p->known || !p->moved_in)
            continue;
        if (load_pack(v, i, &o, e)) {
            origins_done(&o);
            return -1;
        }
    }
    origins_sort(&o);
    *out = o;
    return 0;
}

/* The bitmap of a pack in what is being added; made if it is not there. */
static uint8_t *bits_of(struct vault *v, uint32_t number, struct refset *more)
{
    const struct pack *p = pack_set_at(&v->packs, number);
    for (size_t i = more->count; i-- > 0;) /* runs of rows name the same pack */
        if (memcmp(more->packs[i].pack, p->id, ID_BYTES) == 0)
            return more->packs[i].bits;
    struct refset_pack *packs = mem_realloc(more->packs, more->count + 1, sizeof *packs);
    if (!packs)
        return NULL;
    more->packs = packs;
    struct refset_pack *n = &packs[more->count];
    *n = (struct refset_pack){.frame_count = p->frame_count,
                              .bits = mem_zalloc((size_t)p->frame_count / 8 + 1)};
    memcpy(n->pack, p->id, ID_BYTES);
    more->count += n->bits != NULL;
    return n->bits;
}

static int compare_packs(const void *a, const void *b)
{
    return memcmp(((const struct refset_pack *)a)->pack, ((const struct refset_pack *)b)->pack,
                  ID_BYTES);
}

/* Both are sorted; a pack that is in both ends up once. */
static int join(struct refset *r, struct refset *more, struct err *e)
{
    struct refset_pack *packs = mem_realloc(r->packs, r->count + more->count + 1, sizeof *packs);
    if (!packs)
        return err_no_memory(e, "a reference set");
    r->packs = packs;
    size_t had = r->count;
    for (size_t i = 0; i < more->count; i++) {
        struct refset_pack *n = &more->packs[i];
        struct refset_pack *same =
            had ? bsearch(n, packs, had, sizeof *packs, compare_packs) : NULL;
        if (!same) {
            packs[r->count++] = *n;
            n->bits = NULL;
            continue;
        }
        for (uint32_t k = 0; same->frame_count == n->frame_count && k <= n->frame_count / 8; k++)
            same->bits[k] |= n->bits[k];
    }
    if (r->count)
        qsort(packs, r->count, sizeof *packs, compare_packs);
    return 0;
}

int origins_resolve(struct vault *v, const struct origins *o, struct refset *r, struct err *e)
{
    struct refset more = {0};
    int rc = 0;
    for (size_t i = 0; i < r->count && rc == 0; i++) {
        const struct refset_pack *p = &r->packs[i];
        for (size_t k = origins_first(o, p->pack);
             rc == 0 && k < o->count && memcmp(o->items[k].pack, p->pack, ID_BYTES) == 0; k++) {
            const struct origin *n = &o->items[k];
            if (n->frame >= p->frame_count || !refset_bit(p->bits, n->frame))
                continue;
            uint8_t *bits = bits_of(v, n->now_pack, &more);
            if (bits)
                refset_bit_set(bits, n->now_frame);
            else
                rc = err_no_memory(e, "a reference set");
        }
    }
    if (rc == 0 && more.count)
        rc = join(r, &more, e);
    refset_done(&more);
    return rc;
}
