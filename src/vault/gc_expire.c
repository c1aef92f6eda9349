/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots whose time in the trash is over: their records go, and with the next
 * marking their packs are nobody's.
 *
 * E1 The marks of a snapshot are read again just before its record goes, with those
 *    of the next few.
 * E2 The records' removal is durable before anything else, also that by a collection
 *    which was cut off: a record that came back after a power cut would find its
 *    packs gone.
 * E3 Marks go after their record, so that no list ever takes it for a living one;
 *    those that a collection left behind go with the next.
 *    Before any of it, durably, goes the records' parity (Q2): a repair brings back
 *    what is missing and has parity.
 * E4 The record of the highest sequence stays: sequences are never given twice.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/mark_set.h"
#include "vault/object_parity.h"
#include "vault/record_read.h"

#define BATCH 64u

static int highest(struct vault *v, uint64_t *out, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    if (record_list(v, &all, e))
        return -1;
    *out = all.count ? all.items[all.count - 1] : 0;
    return 0;
}

struct expiry {
    struct vault *v;
    const struct gc_options *o;
    struct vault_rules rules;
    uint64_t highest;
    bool goes[BATCH]; /* of the batch in hand */
    struct buf *gone; /* sequences, u64 each */
};

static bool may_go(const struct expiry *x, const struct snapshot *s)
{
    return s->seq != x->highest && vault_may_free(s, &x->rules, &x->o->clock);
}

/* E1, for a batch: to list all marks for each snapshot would cost the square. */
static int look_again(struct expiry *x, struct snapshot *items, size_t count, struct err *e)
{
    struct damage ignored = {0};
    CLEANUP(mark_list_done) struct mark_list marks = {0};
    if (marks_read_strictly(x->v, 0, &marks, e))
        return -1;
    for (size_t i = 0; i < count; i++) {
        mem_free(TAKE(items[i].hold_reason));
        if (marks_apply(&marks, &items[i], &ignored, e))
            return -1;
    }
    return 0;
}

/* By what was read last. */
static int choose(struct expiry *x, const struct snapshot *items, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        bool stays = !may_go(x, &items[i]);
        if (!stays && !x->o->dry_run && x->o->freeing && x->o->freeing(x->o->arg, &items[i], &stays, e))
            return -1;
        x->goes[i] = !stays;
    }
    return 0;
}

static int remove_parity(struct expiry *x, const struct snapshot *items, size_t count,
                         struct err *e)
{
    char name[RECORD_NAME_BYTES];
    for (size_t i = 0; i < count; i++) {
        if (!x->goes[i])
            continue;
        record_name(items[i].seq, name);
        object_parity_remove_again(x->v, name);
    }
    return object_parity_sync(x->v, "snapshots", e);
}

static int remove_records(struct expiry *x, struct snapshot *items, size_t count, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || may_go(x, &items[i]);
    if (!any)
        return 0;
    if ((!x->o->dry_run && look_again(x, items, count, e)) || choose(x, items, count, e) ||
        (!x->o->dry_run && remove_parity(x, items, count, e)))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!x->goes[i])
            continue;
        record_name(items[i].seq, name);
        if (!x->o->dry_run && store_remove(x->v->store, name, e))
            return -1;
        buf_put_u64(x->gone, items[i].seq);
    }
    return buf_check(x->gone, "expired snapshots", e);
}

static int expire_all(struct expiry *x, struct snapshot_list *l, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->count; i += BATCH) {
        size_t n = l->count - i < BATCH ? l->count - i : BATCH;
        rc = remove_records(x, l->items + i, n, e);
    }
    if (x->o->dry_run || !x->highest)
        return rc;
    /* E2, even if one record could not be removed */
    return store_sync(x->v->store, "snapshots", rc ? NULL : e) || rc ||
                   marks_remove_orphans(x->v, e)
               ? -1
               : 0;
}

int gc_expire(struct vault *v, const struct gc_options *o, struct damage *d, struct buf *gone,
              struct err *e)
{
    struct expiry x = {.v = v, .o = o, .gone = gone};
    struct snapshot_list l = {0};
    if (vault_rules(v, &x.rules, e) || highest(v, &x.highest, e) ||
        vault_snapshots_all(v, &l, d->each, d->arg, e))
        return -1;
    int rc = expire_all(&x, &l, e);
    snapshot_list_done(&l);
    return rc;
}
