/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a repair takes from a replica: objects that are the same there, records that
 * were copied from here, and packs, whole or frame by frame. The caller verifies
 * objects as what they are in this vault; transfer.c verifies packs.
 *
 * R1 What a keeper said is taken from nobody else: rules, marks, revocations, and the
 *    keeper's own part of a record, but for what this keeper said and a copy kept.
 * R2 A record that is missing stays missing: it may have expired. `copy` brings a
 *    snapshot back.
 */
#include "vault/repair_internal.h"

#include "base/mem.h"
#include "vault/copy_internal.h"
#include "vault/record_read.h"
#include "vault/refset_format.h"
#include "vault/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- records ------------------------------------------------------------------------------ */

/* Whether a copy is of our record `sequence`. */
static bool is_ours(struct vault *v, const struct record *r, uint64_t sequence)
{
    struct record_k first;
    return r->k.copied &&
           memcmp(r->k.origin.keeper_pk, v->info.keeper_pk, SIGN_PUBLIC_BYTES) == 0 &&
           record_origin_decode(&r->k.origin, r->id, &first, NULL) == 0 &&
           first.sequence == sequence;
}

/* Our record as it was: the same W and R, and the K that we signed. */
static int rebuild(struct vault *replica, const struct record *r, struct buf *out, struct err *e)
{
    CLEANUP(buf_done) struct buf refs = {0};
    if (record_read_refs_bytes(replica, r->sequence, r->w.refs_hash, &refs, e))
        return -1;
    const struct record_head h = {r->head.w_len, RECORD_KEEPER_BYTES, (uint32_t)refs.len};
    record_head_put(out, &h);
    buf_put(out, r->bytes.data + RECORD_HEAD_BYTES, r->head.w_len);
    buf_put(out, r->k.origin.k, RECORD_KEEPER_BYTES);
    buf_put(out, refs.data, refs.len);
    return buf_check(out, "a snapshot record", e);
}

static int record_there(struct vault *v, struct vault *replica, uint64_t sequence, struct buf *out,
                        struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    CLEANUP(record_done) struct record r = {0};
    if (record_list(replica, &all, e))
        return -1;
    for (size_t i = all.count; i-- > 0;)
        if (record_read(replica, all.items[i], &r, NULL) == 0 && is_ours(v, &r, sequence))
            return rebuild(replica, &r, out, e);
    return err_set(e, ERR_NOT_FOUND, "the replica has no copy of it");
}

int replica_object(struct vault *v, struct vault *replica, const struct object_kind *k,
                   const char *leaf, struct buf *out, struct err *e)
{
    char name[OBJECT_NAME_BYTES];
    uint8_t raw[8] = {0};
    switch (k->in_replica) {
    case REPLICA_RECORD:
        (void)hex_decode(leaf, 16, raw, 8);
        return record_there(v, replica, __builtin_bswap64(get_u64(raw)), out, e);
    case REPLICA_SAME:
        object_kind_name(k, leaf, name);
        return object_read(replica->store, name, k->max, out, e);
    case REPLICA_NEVER: break;
    }
    return err_set(e, ERR_NOT_FOUND, "no replica can have it");
}

int replica_missing(struct vault *v, struct vault *replica, const struct vault_repair_options *o,
                    struct vault_repair_result *r, struct err *e)
{
    struct damage theirs = {.each = o->damaged_there, .arg = o->arg};
    char text[96];
    uint64_t brought = 0;
    if (copy_missing(replica, v, &theirs, &brought, e))
        return -1;
    r->objects_mended += brought;
    if (!brought)
        return 0;
    (void)snprintf(text, sizeof text, "%" PRIu64 " that %s missing taken from the replica", brought,
                   brought == 1 ? "was" : "were");
    repair_tell(o->mended, o->arg, "writers and sessions", text);
    return 0;
}

/* ---- packs ---------------------------------------------------------------------------------- */

/* Everything that our records need, as far as they can be read. */
static int need_all(struct vault *v, struct transfer *t, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    CLEANUP(revoked_done) struct revoked revoked = {0};
    CLEANUP(record_done) struct record r = {0};
    struct damage ignored = {0};
    if (record_list(v, &all, e) || revoked_load(v, &ignored, &revoked, e))
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        struct refset refs;
        struct err why = ERR_INIT;
        if (record_read(v, all.items[i], &r, &why) || record_verify_keeper(v, &r, &why) ||
            record_verify_writer(v, &r, &why) ||
            revoked_refuses(&revoked, r.w.writer, all.items[i]))
            continue; /* reported, or refused */
        int rc = record_read_refs(v, all.items[i], r.w.refs_hash, &refs, &why);
        if (rc == 0) {
            rc = transfer_need(t, &refs, &why);
            refset_done(&refs);
        }
        if (rc && why.cls == ERR_NO_MEMORY)
            return err_give(e, &why);
    }
    return 0;
}

int replica_packs(struct vault *v, struct vault *replica, const struct buf *lost,
                  const struct vault_repair_options *o, struct vault_repair_result *r,
                  struct buf *came, struct err *e)
{
    struct damage theirs = {.each = o->damaged_there, .arg = o->arg};
    struct transfer t = {.from = replica, .to = v, .lost = lost, .came = came, .damage = &theirs};
    char text[96];
    if (transfer_begin(&t, e))
        return -1;
    int rc = need_all(v, &t, e) || transfer_run(&t, e) ? -1 : 0;
    r->packs_taken += t.packs;
    r->packs_made += t.frames_packs;
    if (t.frames_packs) {
        (void)snprintf(text, sizeof text,
                       "%" PRIu64 " new pack%s hold%s frames taken from the replica", t.frames_packs,
                       t.frames_packs == 1 ? "" : "s", t.frames_packs == 1 ? "s" : "");
        repair_tell(o->mended, o->arg, "packs", text);
    }
    transfer_done(&t);
    return rc;
}
