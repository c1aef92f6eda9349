/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that parity still tells of. Whoever makes the next record needs them: a
 * repair brings them back, and then both chains must hold.
 */
#include "vault/record_lost.h"

#include "base/mem.h"
#include "vault/object_parity.h"
#include "vault/parity.h"

#include <string.h>

struct listing {
    struct vault *v;
    const struct sequences *there;
    struct sequences *list;
};

static bool is_in(const struct sequences *s, uint64_t sequence)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->items[middle] == sequence)
            return true;
        if (s->items[middle] < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int take_lost(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    const struct listing *l = arg;
    const char *object = name + strlen("parity/");
    uint64_t sequence;
    (void)len_bytes;
    if (!record_name_decode(object, &sequence) || sequence <= l->list->above ||
        is_in(l->there, sequence) || !object_was_lost(l->v, object))
        return 0;
    return sequences_add(l->list, sequence, e);
}

int records_lost(struct vault *v, const struct sequences *there, struct sequences *l,
                 struct err *e)
{
    struct sequences s = {.above = l->above};
    struct listing listing = {v, there, &s};
    if (store_list(v->store, "parity/snapshots", take_lost, &listing, e)) {
        sequences_done(&s);
        return -1;
    }
    sequences_sort(&s);
    *l = s;
    return 0;
}

static int by_parity(struct vault *v, uint64_t sequence, struct record *r)
{
    CLEANUP(buf_done) struct buf damaged = {.max = (size_t)PARITY_PACK_MAX + 1};
    CLEANUP(buf_done) struct buf whole = {.max = (size_t)PARITY_PACK_MAX};
    struct parity_head h;
    struct err why = ERR_INIT;
    char name[RECORD_NAME_BYTES];
    record_name(sequence, name);
    if (object_salvage(v->store, name, (size_t)PARITY_PACK_MAX, &damaged, &why))
        buf_reset(&damaged);
    if (object_mend(v->store, name, &damaged, &whole, &h, &why) <= 0 ||
        !object_may_be_replaced(&damaged, &whole))
        return -1;
    record_done(r);
    return record_of_bytes(v, sequence, whole.data, whole.len, r, NULL);
}

int record_read_mended(struct vault *v, uint64_t sequence, struct record *r, struct err *e)
{
    struct err why = ERR_INIT;
    if (record_read(v, sequence, r, &why) == 0)
        return 0;
    bool damage = why.cls == ERR_DAMAGED || why.cls == ERR_NOT_FOUND || why.cls == ERR_NEWER;
    return damage && by_parity(v, sequence, r) == 0 ? 0 : err_give(e, &why);
}
