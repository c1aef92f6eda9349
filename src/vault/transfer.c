/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packs come whole and which frames alone, and moving the latter; packs that
 * come whole are transfer_packs.c's.
 */
#include "vault/transfer_internal.h"

#include "base/mem.h"
#include "vault/parity_format.h"
#include "vault/refset_format.h"

#include <string.h>

/* A pack comes whole, under its name, from this share of needed frames on: what is
 * too much is less than what a second place of all the others would cost later. */
#define WHOLE_SHARE(used, frames) ((uint64_t)(used) * 4 >= (uint64_t)(frames) * 3)

/* ---- what is there ----------------------------------------------------------------------- */

static bool is_in(const struct buf *ids, const uint8_t *id)
{
    for (size_t at = 0; at < ids->len; at += ID_BYTES)
        if (memcmp(ids->data + at, id, ID_BYTES) == 0)
            return true;
    return false;
}

static bool is_there(const struct transfer *t, const uint8_t *id)
{
    uint32_t number = pack_set_find(&t->to->packs, id);
    return number != PACK_NONE && pack_set_at(&t->to->packs, number)->seen == t->to->refresh;
}

static bool counts(const struct transfer *t, const uint8_t *id)
{
    if (!is_there(t, id))
        return false;
    const struct pack *p = pack_set_at(&t->to->packs, pack_set_find(&t->to->packs, id));
    if (!p->known)
        return false;
    return t->lost ? !is_in(t->lost, id) : !atomic_load(&p->condemned);
}

static bool has_frame(const struct transfer *t, const uint8_t *id, uint32_t frame)
{
    const struct origins *o = &t->to->origins;
    for (size_t i = origins_first(o, id);
         i < o->count && memcmp(o->items[i].pack, id, ID_BYTES) == 0 && o->items[i].frame <= frame;
         i++)
        if (o->items[i].frame == frame &&
            counts(t, pack_set_at(&t->to->packs, o->items[i].now_pack)->id))
            return true;
    return false;
}

uint64_t transfer_lacks(const struct transfer *t, const struct refset *refs,
                        uint8_t pack_out[ID_BYTES])
{
    uint64_t lacking = 0;
    for (size_t i = 0; i < refs->count; i++) {
        const struct refset_pack *p = &refs->packs[i];
        if (counts(t, p->pack))
            continue;
        for (uint32_t k = 0; k < p->frame_count; k++) {
            if (!refset_bit(p->bits, k) || has_frame(t, p->pack, k))
                continue;
            if (!lacking++ && pack_out)
                memcpy(pack_out, p->pack, ID_BYTES);
        }
    }
    return lacking;
}

/* ---- what is needed ------------------------------------------------------------------------ */

int transfer_begin(struct transfer *t, struct err *e)
{
    struct damage ignored = {0};
    CLEANUP(condemned_done) struct condemned condemned = {0};
    if (session_owners_load(t->to, &t->owners, e) || vault_refresh(t->from, NULL, NULL, e) || vault_refresh(t->to, NULL, NULL, e) ||
        origins_ensure(t->to, e) || condemned_read(t->from, &ignored, &condemned, e) ||
        gc_marks_begin(t->from, &condemned, &t->needs, e)) {
        session_owners_done(&t->owners);
        return -1;
    }
    return 0;
}

void transfer_done(struct transfer *t)
{
    gc_marks_done(&t->needs);
    session_owners_done(&t->owners);
}

static int need_pack(struct transfer *t, const struct refset_pack *p, struct err *e)
{
    size_t bytes = (size_t)p->frame_count / 8 + 1;
    struct refset_pack left = *p;
    bool any = false;
    if (counts(t, p->pack))
        return 0;
    CLEANUP_FREE uint8_t *bits = mem_dup(p->bits, bytes);
    if (!bits)
        return err_no_memory(e, "a reference set");
    for (uint32_t k = 0; k < p->frame_count; k++) {
        if (!refset_bit(bits, k))
            continue;
        if (has_frame(t, p->pack, k))
            bits[k / 8] &= (uint8_t)~(1u << (k % 8));
        else
            any = true;
    }
    left.bits = bits;
    return any ? gc_marks_add(&t->needs, &left, e) : 0;
}

int transfer_need(struct transfer *t, const struct refset *refs, struct err *e)
{
    for (size_t i = 0; i < refs->count; i++)
        if (need_pack(t, &refs->packs[i], e))
            return -1;
    return 0;
}

/* ---- whole, or in part ----------------------------------------------------------------------- */

static bool comes_whole(const struct transfer *t, const struct gc_pack *p)
{
    if (!p->readable || p->bytes > PARITY_PACK_MAX)
        return false;
    if (t->lost) /* it becomes what it was, if it is not a sound one that frames moved to there */
        return is_in(t->lost, p->id) || !is_there(t, p->id);
    return WHOLE_SHARE(p->used_count, p->frames) && !is_there(t, p->id);
}

static int plan(struct transfer *t, struct transfer_plan *p, struct err *e)
{
    struct gc_marks *m = &t->needs;
    if (gc_marks_follow(t->from, m, e))
        return -1;
    p->whole = mem_array(m->count + 1, sizeof *p->whole);
    p->parts = mem_array(m->count + 1, sizeof *p->parts);
    if (!p->whole || !p->parts)
        return err_no_memory(e, "planning what is copied");
    for (uint32_t i = 0; i < m->count; i++) {
        const struct gc_pack *g = &m->packs[i];
        if (g->number == PACK_NONE || !gc_pack_is_needed(g))
            continue;
        if (comes_whole(t, g)) {
            p->whole[p->whole_count++] = i;
            p->bytes += g->bytes;
        } else {
            p->parts[p->parts_count++] = i;
            p->bytes += g->frames ? g->bytes / g->frames * g->used_count : 0;
        }
    }
    return 0;
}

void transfer_plan_done(struct transfer_plan *p)
{
    mem_free(p->whole);
    mem_free(p->parts);
}

int transfer_estimate(struct transfer *t, uint64_t *bytes_out, struct err *e)
{
    CLEANUP(transfer_plan_done) struct transfer_plan p = {0};
    if (plan(t, &p, e))
        return -1;
    *bytes_out = p.bytes;
    return 0;
}

/* ---- moving ------------------------------------------------------------------------------------ */

static int move_parts(struct transfer *t, const struct transfer_plan *p, struct err *e)
{
    struct gc_result r = {0};
    struct gc_plan copy = {.copy = p->parts, .copy_count = p->parts_count};
    const struct gc_copying how = {.from = t->from, .to = t->to, .marks = &t->needs,
                                   .damage = t->damage, .progress = t->progress, .result = &r,
                                   .salvage = true, .owners = &t->owners};
    if (gc_order(t->from, &t->needs, p->parts, p->parts_count, e) || gc_compact(&how, &copy, e))
        return -1;
    t->frames_packs += r.packs_written;
    t->bytes += r.bytes_copied;
    return 0;
}

/* T2. Names of packs that others made may not be durable yet either. */
static int sync_all(struct vault *v, struct err *e)
{
    bool dirs[256] = {false};
    uint32_t count = vault_pack_count(v);
    for (uint32_t i = 0; i < count; i++) {
        const struct pack *p = pack_set_at(&v->packs, i);
        if (p->seen == v->refresh && atomic_load(&p->unsynced))
            dirs[p->id[0]] = true;
    }
    if (packs_sync(v, dirs, e))
        return -1;
    for (uint32_t i = 0; i < count; i++)
        atomic_store(&pack_set_at(&v->packs, i)->unsynced, false);
    return 0;
}

int transfer_run(struct transfer *t, struct err *e)
{
    CLEANUP(transfer_plan_done) struct transfer_plan p = {0};
    if (plan(t, &p, e))
        return -1;
    if (t->progress)
        atomic_store(&t->progress->bytes_total, p.bytes);
    if (transfer_packs(t, &p, e) || move_parts(t, &p, e))
        return -1;
    reader_cache_forget(t->to->readers); /* packs may have been replaced */
    return vault_refresh(t->to, NULL, NULL, e) || sync_all(t->to, e) || origins_ensure(t->to, e)
               ? -1
               : 0;
}
