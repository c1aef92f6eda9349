/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking snapshot records, each by its own signatures, and the two chains
 * through them, and that what they refer to is there. Gaps in the sequences
 * are no damage: snapshots expire. A neighbour that is damaged breaks no chain;
 * it is reported itself.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/check_internal.h"
#include "vault/marks.h"
#include "vault/record_read.h"
#include "vault/refset_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct last_of_writer {
    uint8_t writer[UID_BYTES];
    uint64_t sequence;
    uint8_t id[ID_BYTES];
};

struct records {
    struct check *check;
    struct record record;
    char name[RECORD_NAME_BYTES];
    /* the last good record */
    uint64_t k_sequence;
    uint8_t k_hash[HASH_BYTES];
    int64_t received_ns;
    struct last_of_writer *last;
    size_t last_count;
    struct buf copies; /* snapshot ids, ID_BYTES each */
    struct revoked revoked;
};

static void say(struct records *r, const char *message)
{
    damage_report(&r->check->damage, r->name, message);
}

/* The keeper's time may go back only where a person said that it had been wrong. */
static int check_time(struct records *r, struct err *e)
{
    const struct record_k *k = &r->record.k;
    bool settled;
    if (!r->k_sequence || k->received_ns >= r->received_ns)
        return 0;
    if (witness_settles(r->check->vault, r->received_ns, k->received_ns, &settled, e))
        return -1;
    if (!settled)
        say(r, "received before the record before it");
    return 0;
}

static int check_keeper_chain(struct records *r, struct err *e)
{
    const struct record_k *k = &r->record.k;
    if (k->sequence == 1 && !bytes_are_zero(k->previous, HASH_BYTES))
        say(r, "the first record names one before it");
    if (r->k_sequence && r->k_sequence + 1 == k->sequence &&
        memcmp(k->previous, r->k_hash, HASH_BYTES) != 0)
        say(r, "the keeper's chain is broken: the record before it is not the one it names");
    if (check_time(r, e))
        return -1;
    r->k_sequence = k->sequence;
    r->received_ns = k->received_ns;
    memcpy(r->k_hash, r->record.k_hash, HASH_BYTES);
    return 0;
}

static struct last_of_writer *last_of(struct records *r, struct err *e)
{
    const uint8_t *writer = r->record.w.writer;
    for (size_t i = 0; i < r->last_count; i++)
        if (memcmp(r->last[i].writer, writer, UID_BYTES) == 0)
            return &r->last[i];
    struct last_of_writer *last = mem_realloc(r->last, r->last_count + 1, sizeof *last);
    if (!last) {
        err_no_memory(e, "checking records");
        return NULL;
    }
    r->last = last;
    last += r->last_count++;
    *last = (struct last_of_writer){0};
    memcpy(last->writer, writer, UID_BYTES);
    return last;
}

/* A copy arrives in whatever order, so what it must be is: vouched for by the keeper
 * that it names, and here once. */
static int check_copy(struct records *r, struct err *e)
{
    struct err why = ERR_INIT;
    struct record_k origin;
    const uint8_t *id = r->record.id;
    if (record_origin_decode(&r->record.k.origin, id, &origin, &why))
        say(r, why.msg);
    for (size_t at = 0; at < r->copies.len; at += ID_BYTES)
        if (memcmp(r->copies.data + at, id, ID_BYTES) == 0) {
            say(r, "the same snapshot was copied before");
            return 0;
        }
    buf_put(&r->copies, id, ID_BYTES);
    return buf_check(&r->copies, "checking copies", e);
}

static int check_writer_chain(struct records *r, struct err *e)
{
    const struct record_w *w = &r->record.w;
    struct last_of_writer *last = last_of(r, e);
    if (!last)
        return -1;
    if (w->sequence <= last->sequence)
        say(r, "the writer's sequence does not ascend: an old record again, or two writers with "
               "one key");
    else if (w->sequence == 1 && !bytes_are_zero(w->previous, ID_BYTES))
        say(r, "the writer's first record names one before it");
    else if (last->sequence && w->sequence == last->sequence + 1 &&
             memcmp(w->previous, last->id, ID_BYTES) != 0)
        say(r, "the writer's chain is broken: the record before it is not the one it names");
    last->sequence = w->sequence;
    memcpy(last->id, r->record.id, ID_BYTES);
    return 0;
}

/* ---- references ----------------------------------------------------------------------- */

/* Of a pack that is not there: how many of its referenced frames are not
 * found in other packs, either. */
static uint32_t count_lost(const struct check *c, const struct refset_pack *p)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < p->frame_count; i++) {
        if (!refset_bit(p->bits, i))
            continue;
        const struct origin *o = origins_find(&c->origins, p->pack, i);
        lost += !o || c->frames_of[o->now_pack] == CHECK_NO_FOOTER;
    }
    return lost;
}

static void check_ref(struct records *r, const struct refset_pack *p)
{
    struct check *c = r->check;
    char name[PACK_NAME_BYTES], text[PACK_NAME_BYTES + 64];
    uint32_t number = pack_set_find(&c->vault->packs, p->pack);
    uint32_t frames = number < c->pack_count ? c->frames_of[number] : CHECK_NO_FOOTER;
    uint32_t lost = frames == CHECK_NO_FOOTER ? count_lost(c, p) : 0;
    pack_name(p->pack, name);
    if (lost)
        (void)snprintf(text, sizeof text,
                       "needs %" PRIu32 " frames of %s, which is missing or damaged", lost, name);
    else if (frames != CHECK_NO_FOOTER && frames != p->frame_count)
        (void)snprintf(text, sizeof text, "counts %" PRIu32 " frames in %s, which has %" PRIu32,
                       p->frame_count, name, frames);
    else
        return;
    say(r, text);
}

static int check_refs(struct records *r, struct err *e)
{
    struct refset refs;
    struct err why = ERR_INIT;
    struct check *c = r->check;
    if (record_read_refs(c->vault, r->record.sequence, r->record.w.refs_hash, &refs, &why))
        return why.cls == ERR_NOT_FOUND ? 0 /* a collection removed it since */
                                        : damage_note(&c->damage, r->name, &why, e);
    c->stats.bytes_read += r->record.head.r_len;
    for (size_t i = 0; i < refs.count; i++)
        check_ref(r, &refs.packs[i]);
    refset_done(&refs);
    return 0;
}

/* The session whose key sealed the root must be there, and the same writer's. */
static int check_session(struct records *r, struct err *e)
{
    uint8_t writer[UID_BYTES];
    struct err why = ERR_INIT;
    int rc = vault_session_writer(r->check->vault, r->record.w.session, writer, &why);
    if (!rc && memcmp(writer, r->record.w.writer, UID_BYTES) != 0)
        rc = err_set(&why, ERR_DAMAGED, "it belongs to another writer");
    if (!rc)
        return 0;
    err_wrap(&why, "its session's key");
    return damage_note(&r->check->damage, r->name, &why, e);
}

/* -1 only if the check cannot go on. */
static int check_record(struct records *r, uint64_t sequence, struct err *e)
{
    struct check *c = r->check;
    struct err why = ERR_INIT;
    record_name(sequence, r->name);
    c->stats.snapshots++;
    if (record_read(c->vault, sequence, &r->record, &why) ||
        record_verify_keeper(c->vault, &r->record, &why) ||
        record_verify_writer(c->vault, &r->record, &why)) {
        if (why.cls == ERR_NOT_FOUND) {
            c->stats.snapshots--; /* it was removed since it was listed */
            return 0;
        }
        return damage_note(&c->damage, r->name, &why, e);
    }
    c->stats.bytes_read += r->record.bytes.len;
    if (check_keeper_chain(r, e))
        return -1;
    if (revoked_refuses(&r->revoked, r->record.w.writer, sequence)) {
        c->stats.refused++;
        return 0;
    }
    int rc = r->record.k.copied ? check_copy(r, e) : check_writer_chain(r, e);
    return rc || check_session(r, e) || check_refs(r, e) ? -1 : 0;
}

int check_records(struct check *c, struct err *e)
{
    struct records r = {.check = c};
    struct damage reported = {0}; /* with the small objects, by check.c */
    int rc = revoked_load(c->vault, &reported, &r.revoked, e);
    for (size_t i = 0; !rc && i < c->records.count; i++)
        rc = check_record(&r, c->records.items[i], e);
    record_done(&r.record);
    revoked_done(&r.revoked);
    mem_free(r.last);
    buf_done(&r.copies);
    return rc;
}
