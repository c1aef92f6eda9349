/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving snapshots.
 *
 * K2 The record takes the next free sequence by exclusive creation. Whoever
 *    loses reads what came in between and tries again, so sequences have no
 *    gaps and the keeper's chain holds.
 * K3 The keeper's time never goes back from one record to the next, unless a
 *    person confirmed a clock that was before the last record's time, knowing it.
 */
#include "vault/reception.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/marks.h"
#include "vault/object_parity.h"
#include "vault/record_lost.h"

#include <string.h>

int reception_begin(struct reception *r, struct vault *v, const uint8_t *writer, struct err *e)
{
    *r = (struct reception){.vault = v, .writer = writer};
    return keeper_load(v, &r->keeper, e);
}

void reception_done(struct reception *r)
{
    sign_key_done(&r->keeper);
}

int reception_gave_up(struct err *e)
{
    return err_set(e, ERR_BUSY, "too many snapshots are being committed at once: try again");
}

/* ---- what came before ------------------------------------------------------------------ */

struct looking {
    bool keeper, writer; /* found */
};

/* Takes what a trusted record adds; a record that is not, adds nothing. -1 if
 * the reading itself failed. */
static int look_back(struct reception *p, struct record *r, struct looking *l, struct err *e)
{
    struct vault *v = p->vault;
    struct err inner = ERR_INIT;
    if (!l->keeper && record_verify_keeper(v, r, NULL) == 0) {
        l->keeper = p->has_keeper = true;
        memcpy(p->k_hash, r->k_hash, HASH_BYTES);
        p->received_ns = r->k.received_ns;
    }
    /* A copy belongs to the chain that the writer has at another keeper. */
    if (l->writer || r->k.copied || memcmp(r->w.writer, p->writer, UID_BYTES) != 0)
        return 0;
    if (record_verify_writer(v, r, &inner) == 0) {
        l->writer = true;
        memcpy(p->past.id, r->id, ID_BYTES);
        p->past.sequence = r->w.sequence;
        return 0;
    }
    return inner.cls == ERR_DAMAGED ? 0 : err_give(e, &inner);
}

static bool is_passed_over(const struct err *e)
{
    return e->cls == ERR_DAMAGED || e->cls == ERR_NOT_FOUND || e->cls == ERR_NEWER;
}

static int look_at(struct reception *p, uint64_t sequence, struct record *r, struct looking *l,
                   struct err *e)
{
    struct err inner = ERR_INIT;
    if (record_read_mended(p->vault, sequence, r, &inner))
        return is_passed_over(&inner) ? 0 : err_give(e, &inner);
    if (p->arrived)
        buf_put(p->arrived, r->id, ID_BYTES);
    return look_back(p, r, l, e);
}

/* With those that are lost: a repair brings them back, and then the chains must hold
 * through them. */
static int list_past(struct reception *p, struct sequences *all, struct err *e)
{
    CLEANUP(sequences_done) struct sequences lost = {.above = all->above};
    int rc = record_list(p->vault, all, e) || records_lost(p->vault, all, &lost, e) ? -1 : 0;
    for (size_t i = 0; !rc && i < lost.count; i++)
        rc = sequences_add(all, lost.items[i], e);
    sequences_sort(all);
    return rc;
}

/* From the newest record back, as far as needed, but not behind what was seen. */
int reception_update(struct reception *p, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {.above = p->newest};
    struct record r = {0};
    struct looking l = {.writer = p->writer == NULL};
    if (list_past(p, &all, e))
        return -1;
    int rc = 0;
    for (size_t i = all.count; !rc && (p->arrived || !(l.keeper && l.writer)) && i-- > 0;)
        rc = look_at(p, all.items[i], &r, &l, e);
    if (!rc && all.count)
        p->newest = all.items[all.count - 1];
    record_done(&r);
    return rc;
}

/* ---- the record ---------------------------------------------------------------------------- */

/* K3 */
static int time_of_receipt(struct reception *r, int64_t *out, struct err *e)
{
    bool settled = false;
    int64_t now = clock_realtime_ns();
    if (r->has_keeper && now < r->received_ns) {
        if (witness_settles(r->vault, r->received_ns, now, &settled, e))
            return -1;
        now = settled ? now : r->received_ns;
    }
    *out = now;
    return 0;
}

static int put_k(struct reception *r, const struct received *what, const uint8_t *id,
                 struct record_k *k, struct buf *out, struct err *e)
{
    *k = (struct record_k){.sequence = r->newest + 1, .copied = what->origin != NULL};
    if (time_of_receipt(r, &k->received_ns, e))
        return -1;
    if (r->has_keeper)
        memcpy(k->previous, r->k_hash, HASH_BYTES);
    if (what->origin)
        k->origin = *what->origin;
    memcpy(k->snapshot, id, ID_BYTES);
    record_k_put(out, k, &r->keeper);
    return buf_check(out, "a snapshot record", e);
}

static int encode(const struct received *what, const struct buf *k, struct buf *out,
                  struct err *e)
{
    struct record_head h = {(uint32_t)what->w->len, (uint32_t)k->len, (uint32_t)what->refs->len};
    out->max = (size_t)RECORD_REFS_MAX + RECORD_WRITER_MAX + 4096;
    record_head_put(out, &h);
    buf_put(out, what->w->data, what->w->len);
    buf_put(out, k->data, k->len);
    buf_put(out, what->refs->data, what->refs->len);
    return buf_check(out, "a snapshot record", e);
}

/* The record is there, so the next one needs no look back. */
static void advance(struct reception *r, const struct record_k *k, const struct buf *bytes)
{
    r->newest = k->sequence;
    r->has_keeper = true;
    r->received_ns = k->received_ns;
    hash_bytes(bytes->data, bytes->len, r->k_hash);
}

int reception_put(struct reception *r, const struct received *what, uint8_t id_out[ID_BYTES],
                  struct err *e)
{
    CLEANUP(buf_done) struct buf record = {0};
    CLEANUP(buf_done) struct buf bytes = {0};
    char name[RECORD_NAME_BYTES];
    uint8_t id[ID_BYTES];
    struct record_k k;
    struct err why = ERR_INIT;
    if (r->newest == UINT64_MAX)
        return err_set(e, ERR_LIMIT, "the vault has no sequence numbers left");
    hash_bytes(what->w->data, what->w->len, id);
    if (put_k(r, what, id, &k, &bytes, e) || encode(what, &bytes, &record, e))
        return -1;
    record_name(k.sequence, name);
    if (store_put(r->vault->store, name, record.data, record.len, &why))
        return why.cls == ERR_EXISTS ? 1 : err_give(e, &why);
    memcpy(id_out, id, ID_BYTES);
    if (store_sync(r->vault->store, "snapshots", e))
        return -1;
    advance(r, &k, &bytes);
    (void)object_parity_put(r->vault, name, record.data, record.len, NULL);
    return 0;
}
