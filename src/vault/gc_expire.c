/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots whose time in the trash is over: their records go, and with the next
 * marking their packs are nobody's.
 *
 * E1 The marks of a snapshot are read again just before its record goes.
 * E2 The records' removal is durable before anything else, also that by a collection
 *    which was cut off: a record that came back after a power cut would find its
 *    packs gone.
 * E3 Marks go after their record, so that no list ever takes it for a living one;
 *    those that a collection left behind go with the next.
 * E4 The record of the highest sequence stays: sequences are never given twice.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/mark_set.h"
#include "vault/record_read.h"

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
    struct buf *gone; /* sequences, u64 each */
};

static bool may_go(const struct expiry *x, const struct snapshot *s)
{
    return s->seq != x->highest && vault_may_free(s, &x->rules, &x->o->clock);
}

static int remove_record(struct expiry *x, struct snapshot *s, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    if (!may_go(x, s))
        return 0;
    if (!x->o->dry_run) {
        if (vault_snapshot_refresh(x->v, s, e)) /* E1 */
            return -1;
        if (!may_go(x, s))
            return 0;
        record_name(s->seq, name);
        if (store_remove(x->v->store, name, e))
            return -1;
    }
    buf_put_u64(x->gone, s->seq);
    return buf_check(x->gone, "expired snapshots", e);
}

static int expire_all(struct expiry *x, struct snapshot_list *l, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->count; i++)
        rc = remove_record(x, &l->items[i], e);
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
