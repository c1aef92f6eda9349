/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying snapshots to a replica.
 *
 * P4 What opens a snapshot is brought first, then its frames, and its record last:
 *    a snapshot that is there can be restored from there.
 * P5 A record is written only if every frame of its reference set is in `to`,
 *    looked up there after everything has been brought and made durable.
 * P6 The writer's part and the reference set arrive as they are, so the snapshot has
 *    one id in all vaults; the receiving keeper signs what the sending one said.
 * P7 We hold a session's lease of `to` all the while: a collection that runs there
 *    waits for us, as for a backup.
 */
#include "vault/copy_internal.h"

#include "base/mem.h"
#include "vault/reception.h"
#include "vault/refset_format.h"
#include "vault/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that is to be copied. */
struct wanted {
    const struct snapshot *s;
    bool refused;
};

struct copy {
    struct vault *from, *to;
    const struct vault_copy_options *o;
    struct vault_copy_result r;
    struct damage damage; /* of `from` */
    struct transfer transfer;
    struct reception reception;
    struct buf arrived; /* … that others brought while we copy */
    struct revoked revoked; /* there */
    struct buf present; /* snapshot ids in `to`, ID_BYTES each, ascending */
    struct wanted *wanted;
    size_t count;
};

int vault_check_replicas(const struct vault *a, const struct vault *b, struct err *e)
{
    const char *x = store_location(a->store), *y = store_location(b->store);
    if (memcmp(a->info.id, b->info.id, UID_BYTES) != 0 ||
        memcmp(a->info.owner_pk, b->info.owner_pk, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_USAGE,
                       "'%s' is no replica of '%s': chunks move as they are, sealed, so both must "
                       "have the same keys; `abri init --replica-of` makes a replica", y, x);
    if (memcmp(a->info.keeper_pk, b->info.keeper_pk, SIGN_PUBLIC_BYTES) == 0)
        return err_set(e, ERR_USAGE,
                       "'%s' and '%s' are the same vault, or one is a plain copy of the other's "
                       "files", x, y);
    return 0;
}

/* ---- which ----------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

static int list_present(struct copy *c, struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list l = {0};
    if (vault_snapshots_all(c->to, &l, NULL, NULL, e))
        return -1;
    for (size_t i = 0; i < l.count; i++)
        buf_put(&c->present, l.items[i].id, ID_BYTES);
    if (buf_check(&c->present, "the list of snapshots", e))
        return -1;
    if (l.count)
        qsort(c->present.data, l.count, ID_BYTES, by_id);
    return 0;
}

static bool is_present(const struct copy *c, const uint8_t *id)
{
    size_t count = c->present.len / ID_BYTES;
    return count && bsearch(id, c->present.data, count, ID_BYTES, by_id);
}

static int choose(struct copy *c, const struct snapshot *const *items, size_t count,
                  struct err *e)
{
    c->wanted = mem_array(count + 1, sizeof *c->wanted);
    if (!c->wanted)
        return err_no_memory(e, "the list of snapshots");
    for (size_t i = 0; i < count; i++) {
        if (is_present(c, items[i]->id))
            c->r.present++;
        else
            c->wanted[c->count++] = (struct wanted){.s = items[i]};
    }
    return 0;
}

/* ---- what they need ---------------------------------------------------------------------------- */

static void refuse(struct copy *c, struct wanted *w, const char *why)
{
    w->refused = true;
    c->r.refused++;
    if (c->o->refused)
        c->o->refused(c->o->arg, w->s, why);
}

/* The set as the record has it: nothing followed, for it is looked up elsewhere. */
static int need(struct copy *c, struct wanted *w, struct err *e)
{
    struct refset refs;
    struct err why = ERR_INIT;
    if (revoked_find(&c->revoked, w->s->writer)) { /* nobody would list it */
        refuse(c, w, "its writer was revoked in the replica");
        return 0;
    }
    int rc = record_read_refs(c->from, w->s->seq, w->s->refs_hash, &refs, &why);
    if (rc == 0) {
        rc = transfer_need(&c->transfer, &refs, &why);
        refset_done(&refs);
    }
    if (rc && why.cls == ERR_NO_MEMORY)
        return err_give(e, &why);
    if (rc)
        refuse(c, w, why.msg);
    return 0;
}

static int need_all(struct copy *c, struct err *e)
{
    c->transfer = (struct transfer){.from = c->from, .to = c->to, .no_parity = c->o->no_parity,
                                    .damage = &c->damage, .progress = c->o->progress};
    if (transfer_begin(&c->transfer, e))
        return -1;
    for (size_t i = 0; i < c->count; i++)
        if (need(c, &c->wanted[i], e))
            return -1;
    return 0;
}

/* ---- their records ---------------------------------------------------------------------------------- */

/* Who received it first says when. */
static int origin_of(const struct copy *c, const struct record *r, struct record_origin *out,
                     struct err *e)
{
    struct record_k first;
    if (r->k.copied) {
        *out = r->k.origin;
    } else {
        memcpy(out->keeper_pk, c->from->info.keeper_pk, SIGN_PUBLIC_BYTES);
        memcpy(out->k, r->bytes.data + RECORD_HEAD_BYTES + r->head.w_len, RECORD_KEEPER_BYTES);
    }
    return record_origin_decode(out, r->id, &first, e);
}

/* Another copy may bring the same snapshots: whoever comes second leaves it. */
static bool has_arrived(const struct copy *c, const uint8_t *id)
{
    for (size_t at = 0; at < c->arrived.len; at += ID_BYTES)
        if (memcmp(c->arrived.data + at, id, ID_BYTES) == 0)
            return true;
    return false;
}

/* 1 if it is there already. */
static int put_record(struct copy *c, const struct record *r, const struct buf *refs,
                      struct err *e)
{
    struct record_origin origin;
    uint8_t id[ID_BYTES];
    const struct buf w = {.data = r->bytes.data + RECORD_HEAD_BYTES, .len = r->head.w_len};
    const struct received what = {.w = &w, .refs = refs, .origin = &origin};
    if (origin_of(c, r, &origin, e))
        return -1;
    for (int i = 0; i < RECEPTION_TRIES; i++) {
        if (has_arrived(c, r->id))
            return 1;
        int rc = reception_put(&c->reception, &what, id, e);
        if (rc <= 0)
            return rc;
        if (reception_update(&c->reception, e) ||
            buf_check(&c->arrived, "the list of snapshots", e))
            return -1;
    }
    return reception_gave_up(e);
}

/* P5 */
static int check_there(const struct copy *c, const struct buf *refs, struct err *e)
{
    struct refset set;
    char name[PACK_NAME_BYTES];
    uint8_t pack[ID_BYTES];
    if (refset_decode(refs->data, refs->len, &set, e))
        return -1;
    uint64_t lacking = transfer_lacks(&c->transfer, &set, pack);
    refset_done(&set);
    if (!lacking)
        return 0;
    pack_name(pack, name);
    return err_set(e, ERR_DAMAGED,
                   "needs %" PRIu64 " frames that are missing or damaged here, the first in %s: "
                   "`abri repair` mends what can be mended", lacking, name);
}

static int check_session(const struct copy *c, const struct snapshot *s, struct err *e)
{
    uint8_t writer[UID_BYTES];
    if (vault_session_writer(c->to, s->session, writer, e))
        return err_wrap(e, "its session's key");
    if (memcmp(writer, s->writer, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "its session belongs to another writer");
    return 0;
}

/* 1 if it is there already. */
static int bring_record(struct copy *c, const struct snapshot *s, struct err *e)
{
    CLEANUP(record_done) struct record r = {0};
    CLEANUP(buf_done) struct buf refs = {0};
    if (record_read(c->from, s->seq, &r, e) || record_verify_keeper(c->from, &r, e) ||
        record_verify_writer(c->to, &r, e) ||
        record_read_refs_bytes(c->from, s->seq, s->refs_hash, &refs, e))
        return -1;
    if (memcmp(r.id, s->id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "its record was replaced");
    return check_session(c, s, e) || check_there(c, &refs, e) ? -1 : put_record(c, &r, &refs, e);
}

/* What is wrong with a snapshot is its own matter; a full disk is everybody's. */
static bool is_its_own(const struct err *e)
{
    return e->cls == ERR_DAMAGED || e->cls == ERR_NOT_FOUND || e->cls == ERR_NEWER ||
           e->cls == ERR_LIMIT;
}

static int bring_records(struct copy *c, struct store_lease *lease, struct err *e)
{
    for (size_t i = 0; i < c->count; i++) {
        struct wanted *w = &c->wanted[i];
        struct err why = ERR_INIT;
        if (w->refused)
            continue;
        if (!store_lease_held(lease))
            return err_set(e, ERR_BUSY,
                           "somebody emptied 'tmp' of the vault during this copy, so it is not "
                           "known whether all it needs is still there: run it again");
        int rc = bring_record(c, w->s, &why);
        if (rc > 0) {
            c->r.present++;
            continue;
        }
        if (rc < 0) {
            if (!is_its_own(&why))
                return err_give(e, &why);
            refuse(c, w, why.msg);
            continue;
        }
        c->r.copied++;
        if (c->o->copied)
            c->o->copied(c->o->arg, w->s);
    }
    return 0;
}

/* ---- all --------------------------------------------------------------------------------------------- */

static int foresee(struct copy *c, struct err *e)
{
    if (transfer_estimate(&c->transfer, &c->r.bytes, e))
        return -1;
    for (size_t i = 0; i < c->count; i++) {
        if (c->wanted[i].refused)
            continue;
        c->r.copied++;
        if (c->o->copied)
            c->o->copied(c->o->arg, c->wanted[i].s);
    }
    return 0;
}

static int bring(struct copy *c, struct store_lease *lease, struct err *e)
{
    if (transfer_run(&c->transfer, e))
        return -1;
    c->r.packs_whole = c->transfer.packs;
    c->r.packs_made = c->transfer.frames_packs;
    c->r.bytes = c->transfer.bytes;
    return bring_records(c, lease, e);
}

static int copy_all(struct copy *c, const struct snapshot *const *items, size_t count,
                    struct store_lease *lease, struct err *e)
{
    if (copy_objects(c->from, c->to, c->o->dry_run, &c->damage, &c->r.objects, e) ||
        copy_revoked(c->from, c->to, &c->r.revoked_elsewhere, e) ||
        revoked_load(c->to, NULL, &c->revoked, e) ||
        (!c->o->dry_run && reception_begin(&c->reception, c->to, NULL, e)) ||
        (!c->o->dry_run && reception_update(&c->reception, e)))
        return -1;
    c->reception.arrived = &c->arrived; /* what came before is listed now */
    if (list_present(c, e) || choose(c, items, count, e))
        return -1;
    if (!c->count)
        return 0;
    if (need_all(c, e))
        return -1;
    return c->o->dry_run ? foresee(c, e) : bring(c, lease, e);
}

int vault_copy(struct vault *from, struct vault *to, const struct snapshot *const *items,
               size_t count, const struct vault_copy_options *o, struct vault_copy_result *out,
               struct err *e)
{
    struct copy c = {.from = from, .to = to, .o = o,
                     .damage = {.each = o->damaged, .arg = o->arg}};
    struct store_lease *lease = NULL;
    uint8_t session[UID_BYTES];
    if (vault_check_replicas(from, to, e) || random_bytes(session, sizeof session, e) ||
        (!o->dry_run && session_lease_take(to, session, &lease, e)))
        return -1;
    int rc = copy_all(&c, items, count, lease, e);
    transfer_done(&c.transfer);
    reception_done(&c.reception);
    buf_done(&c.arrived);
    revoked_done(&c.revoked);
    store_lease_drop(lease);
    buf_done(&c.present);
    mem_free(c.wanted);
    *out = c.r;
    return rc;
}
