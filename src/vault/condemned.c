/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condemnations: reading, writing, and marking their packs.
 *
 * A session refreshes after it has taken its lease, a collection lists leases
 * after it has written a condemnation: so for each pair of them the session knows,
 * or the collection waits (docs/decisions/0011).
 */
#include "vault/condemned.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define OBJECT_MAX ((size_t)4 << 20)

void condemned_done(struct condemned *l)
{
    for (size_t i = 0; i < l->count; i++)
        buf_done(&l->items[i].bytes);
    mem_free(l->items);
    *l = (struct condemned){0};
}

static int make_room(struct condemned *l, struct err *e)
{
    if (l->count < l->cap)
        return 0;
    size_t cap = l->cap ? 2 * l->cap : 8;
    struct condemned_one *items = mem_realloc(l->items, cap, sizeof *items);
    if (!items)
        return err_no_memory(e, "condemned packs");
    l->items = items;
    l->cap = cap;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------- */

static bool name_is_ours(const char *name)
{
    static const char dir[] = "condemned/";
    return strncmp(name, dir, sizeof dir - 1) == 0 && strlen(name) == sizeof dir - 1 + 32 &&
           strspn(name + sizeof dir - 1, "0123456789abcdef") == 32;
}

struct reading {
    struct vault *v;
    struct damage *damage;
    struct condemned *list;
};

static int read_one(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    struct reading *r = arg;
    struct err why = ERR_INIT;
    (void)len_bytes;
    if (!name_is_ours(name))
        return 0;
    if (make_room(r->list, e))
        return -1;
    struct condemned_one *n = &r->list->items[r->list->count];
    *n = (struct condemned_one){0};
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    if (object_read(r->v->store, name, OBJECT_MAX, &n->bytes, &why) == 0 &&
        condemn_decode(n->bytes.data, n->bytes.len, r->v->info.id, r->v->info.keeper_pk, &n->c,
                       &why) == 0) {
        r->list->count++;
        return 0;
    }
    buf_done(&n->bytes);
    if (why.cls == ERR_NOT_FOUND)
        return 0; /* it went while we looked */
    if (why.cls != ERR_DAMAGED && why.cls != ERR_LIMIT)
        return err_give(e, &why);
    damage_report(r->damage, name, why.msg);
    return 0;
}

int condemned_read(struct vault *v, struct damage *d, struct condemned *out, struct err *e)
{
    struct condemned l = {0};
    struct reading r = {v, d, &l};
    if (store_list(v->store, "condemned", read_one, &r, e)) {
        condemned_done(&l);
        return -1;
    }
    *out = l;
    return 0;
}

/* ---- writing ------------------------------------------------------------------------- */

static int new_name(char out[CONDEMNED_NAME_BYTES], struct err *e)
{
    uint8_t id[UID_BYTES];
    if (random_bytes(id, sizeof id, e))
        return -1;
    memcpy(out, "condemned/", 10);
    hex_encode(id, sizeof id, out + 10);
    return 0;
}

int condemned_put(struct vault *v, struct condemned *l, const struct condemnation *c,
                  struct err *e)
{
    struct sign_key keeper = {0};
    struct condemned_one n = {.bytes = {.max = OBJECT_MAX}};
    if (make_room(l, e) || new_name(n.name, e) || keeper_load(v, &keeper, e))
        return -1;
    condemn_encode(&n.bytes, c, v->info.id, &keeper);
    sign_key_done(&keeper);
    if (buf_check(&n.bytes, "a condemnation", e) ||
        store_put(v->store, n.name, n.bytes.data, n.bytes.len, e) ||
        store_sync(v->store, "condemned", e) ||
        condemn_decode(n.bytes.data, n.bytes.len, v->info.id, v->info.keeper_pk, &n.c, e)) {
        buf_done(&n.bytes);
        return -1;
    }
    l->items[l->count++] = n;
    return 0;
}

int condemned_drop(struct vault *v, struct condemned *l, size_t at, struct err *e)
{
    struct err why = ERR_INIT;
    struct condemned_one *n = &l->items[at];
    if ((store_remove(v->store, n->name, &why) && why.cls != ERR_NOT_FOUND) ||
        store_sync(v->store, "condemned", &why))
        return err_give(e, &why);
    buf_done(&n->bytes);
    memmove(n, n + 1, (l->count - at - 1) * sizeof *n);
    l->count--;
    return 0;
}

/* ---- marking ------------------------------------------------------------------------- */

void condemned_mark(struct vault *v, const struct condemned *l)
{
    uint32_t count = atomic_load(&v->packs.count);
    v->condemnings++;
    for (size_t i = 0; i < l->count; i++) {
        const struct condemnation *c = &l->items[i].c;
        for (uint32_t k = 0; k < c->pack_count; k++) {
            uint32_t number = pack_set_find(&v->packs, c->packs + (size_t)k * ID_BYTES);
            if (number == PACK_NONE)
                continue;
            struct pack *p = pack_set_at(&v->packs, number);
            atomic_store(&p->condemned, v->condemnings);
            if (c->stage == CONDEMN_SWEPT)
                atomic_store(&p->swept, v->condemnings);
            if (c->stage == CONDEMN_DAMAGED)
                atomic_store(&p->damaged, v->condemnings);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct pack *p = pack_set_at(&v->packs, i);
        if (atomic_load(&p->condemned) != v->condemnings)
            atomic_store(&p->condemned, 0);
        if (atomic_load(&p->swept) != v->condemnings)
            atomic_store(&p->swept, 0);
        if (atomic_load(&p->damaged) != v->condemnings)
            atomic_store(&p->damaged, 0);
    }
}
