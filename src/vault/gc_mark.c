/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marking: which frames of which packs the records need. A bit a frame and a
 * few words a pack; each reference set is read once and ORed in.
 *
 * M1 A record that does not verify stops the marking (G1), except one that went
 *    away while we read: only an expired one does.
 * M2 A reference to a frame of a pack that is gone, or condemned, also means the
 *    frames that name it as their origin, in packs that are neither. Rows name
 *    every pack that a frame was ever in, so one look at each is enough.
 *    Rows of a damaged pack (stage 4) count only for frames of packs that are gone,
 *    and that no sound pack names: a copy that is still there is better.
 * M3 What a writer sent after it was revoked is no record: it keeps nothing.
 * M4 A record that is missing although nobody removed it (its parity is there) stops it, too.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/record_lost.h"
#include "vault/refset_format.h"

#include <string.h>

void gc_marks_done(struct gc_marks *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        mem_free(m->packs[i].used);
        mem_free(m->packs[i].moved);
    }
    mem_free(m->packs);
    id_map_done(&m->map);
    *m = (struct gc_marks){0};
}

static const uint8_t *id_of(const void *owner, uint32_t number)
{
    return ((const struct gc_marks *)owner)->packs[number].id;
}

struct gc_pack *gc_marks_find(const struct gc_marks *m, const uint8_t id[ID_BYTES])
{
    uint32_t at = id_map_find(&m->map, m, id);
    return at == ID_MAP_NONE ? NULL : &m->packs[at];
}

static int add_pack(struct gc_marks *m, const uint8_t *id, struct gc_pack **out, struct err *e)
{
    if (m->count == m->cap) {
        uint32_t cap = m->cap ? 2 * m->cap : 256;
        struct gc_pack *packs = mem_realloc(m->packs, cap, sizeof *packs);
        if (!packs)
            return err_no_memory(e, "marking");
        m->packs = packs;
        m->cap = cap;
    }
    if (!id_map_grow(&m->map))
        return err_no_memory(e, "marking");
    struct gc_pack *p = &m->packs[m->count];
    *p = (struct gc_pack){.number = PACK_NONE};
    memcpy(p->id, id, ID_BYTES);
    id_map_put(&m->map, id, m->count++);
    *out = p;
    return 0;
}

static int bits_room(uint8_t **bits, uint32_t frames, struct err *e)
{
    if (*bits)
        return 0;
    *bits = mem_zalloc((size_t)frames / 8 + 1);
    return *bits ? 0 : err_no_memory(e, "marking");
}

/* ---- packs ------------------------------------------------------------------------- */

struct listing {
    struct vault *v;
    struct gc_marks *m;
};

static int list_pack(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    const struct listing *l = arg;
    uint8_t id[ID_BYTES];
    struct gc_pack *p;
    if (!pack_name_decode(name, id))
        return 0;
    uint32_t number = pack_set_find(&l->v->packs, id);
    if (number == PACK_NONE)
        return 0; /* made since the refresh: a session's, and none of ours */
    if (add_pack(l->m, id, &p, e))
        return -1;
    const struct pack *known = pack_set_at(&l->v->packs, number);
    p->number = number;
    p->bytes = len_bytes;
    p->readable = known->known;
    p->frames = known->known ? known->frame_count : 0;
    return 0;
}

static void mark_condemned(struct gc_marks *m, const struct condemned *condemned)
{
    for (size_t i = 0; i < condemned->count; i++) {
        const struct condemnation *c = &condemned->items[i].c;
        for (uint32_t k = 0; k < c->pack_count; k++) {
            struct gc_pack *p = gc_marks_find(m, c->packs + (size_t)k * ID_BYTES);
            if (p) {
                p->condemned = true;
                p->damaged = p->damaged || c->stage == CONDEMN_DAMAGED;
            }
        }
    }
}

/* ---- records ------------------------------------------------------------------------ */

int gc_marks_add(struct gc_marks *m, const struct refset_pack *r, struct err *e)
{
    struct gc_pack *p = gc_marks_find(m, r->pack);
    if (!p && add_pack(m, r->pack, &p, e))
        return -1;
    if (p->number == PACK_NONE || !p->readable)
        p->frames = p->frames > r->frame_count ? p->frames : r->frame_count;
    if (p->frames != r->frame_count)
        return err_set(e, ERR_DAMAGED, "counts %u frames where another record or the pack has %u",
                       r->frame_count, p->frames);
    if (bits_room(&p->used, p->frames, e))
        return -1;
    size_t bytes = (size_t)p->frames / 8 + 1, words = bytes / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t a, b;
        memcpy(&a, p->used + 8 * i, 8);
        memcpy(&b, r->bits + 8 * i, 8);
        m->references += (unsigned)__builtin_popcountll(b);
        a |= b;
        memcpy(p->used + 8 * i, &a, 8);
    }
    for (size_t i = words * 8; i < bytes; i++) {
        p->used[i] |= r->bits[i];
        m->references += (unsigned)__builtin_popcount(r->bits[i]);
    }
    return 0;
}

static int mark_refs(struct vault *v, struct gc_marks *m, const struct record *r, struct err *e)
{
    struct refset refs;
    int rc = 0;
    if (record_read_refs(v, r->sequence, r->w.refs_hash, &refs, e))
        return -1;
    for (size_t i = 0; i < refs.count && rc == 0; i++)
        rc = gc_marks_add(m, &refs.packs[i], e);
    refset_done(&refs);
    return rc;
}

struct marking {
    struct vault *v;
    struct gc_marks *m;
    struct damage *damage;
    struct revoked revoked;
    struct record record;
};

/* M1 */
static int mark_record(struct marking *g, uint64_t sequence, struct err *e)
{
    struct vault *v = g->v;
    struct record *r = &g->record;
    char name[RECORD_NAME_BYTES];
    struct err why = ERR_INIT;
    record_name(sequence, name);
    if (record_read(v, sequence, r, &why) == 0 && record_verify_keeper(v, r, &why) == 0 &&
        record_verify_writer(v, r, &why) == 0) {
        if (revoked_refuses(&g->revoked, r->w.writer, sequence))
            return 0; /* M3 */
        if (mark_refs(v, g->m, r, &why) == 0) {
            g->m->snapshots++;
            return 0;
        }
    }
    if (why.cls == ERR_NOT_FOUND)
        return 0;
    if (why.cls == ERR_DAMAGED)
        damage_report(g->damage, name, why.msg);
    (void)err_give(e, &why);
    return err_wrap(e, "nothing can be collected while a record cannot be trusted: %s", name);
}

static bool is_in(const struct buf *sequences, uint64_t sequence)
{
    for (size_t at = 0; at < sequences->len; at += 8)
        if (get_u64(sequences->data + at) == sequence)
            return true;
    return false;
}

/* M4 */
static int check_lost(struct marking *g, struct err *e)
{
    CLEANUP(sequences_done) struct sequences there = {0};
    CLEANUP(sequences_done) struct sequences lost = {0};
    char name[RECORD_NAME_BYTES];
    if (record_list(g->v, &there, e) || records_lost(g->v, &there, &lost, e))
        return -1;
    if (!lost.count)
        return 0;
    record_name(lost.items[0], name);
    damage_report(g->damage, name, "is missing");
    return err_set(e, ERR_DAMAGED,
                   "nothing can be collected while a record is missing: %s: `abri check --repair` "
                   "brings it back by its parity",
                   name);
}

static int mark_records(struct marking *g, const struct buf *gone, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    if (record_list(g->v, &all, e) || check_lost(g, e) ||
        revoked_load(g->v, NULL, &g->revoked, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; i < all.count && rc == 0; i++)
        if (!is_in(gone, all.items[i]))
            rc = mark_record(g, all.items[i], e);
    record_done(&g->record);
    revoked_done(&g->revoked);
    return rc;
}

/* ---- moved frames --------------------------------------------------------------------- */

/* M2: a row says that frame `now` of `n` was frame `frame` of pack `from`. */
static int follow(struct gc_pack *n, uint32_t now, struct gc_pack *from, uint32_t frame,
                  struct err *e)
{
    bool stays = from->number != PACK_NONE && !from->condemned;
    if (stays || !from->used || frame >= from->frames || !refset_bit(from->used, frame))
        return 0;
    if (bits_room(&n->used, n->frames, e) || bits_room(&from->moved, from->frames, e))
        return -1;
    refset_bit_set(n->used, now);
    refset_bit_set(from->moved, frame);
    return 0;
}

typedef int follow_row(struct gc_pack *n, uint32_t now, struct gc_pack *from, uint32_t frame,
                       struct err *e);

static int follow_footer(struct gc_marks *m, struct gc_pack *n, const struct pack_footer *f,
                         follow_row *each, struct err *e)
{
    for (uint32_t i = 0; i < f->origin_count; i++) {
        const uint8_t *row = f->origins + (size_t)i * PACK_ORIGIN_BYTES;
        struct gc_pack *from = gc_marks_find(m, row + 4);
        if (from && each(n, get_u32(row), from, get_u32(row + 36), e))
            return -1;
    }
    return 0;
}

static int follow_moved(struct vault *v, struct gc_marks *m, struct err *e)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct gc_pack *n = &m->packs[i];
        struct pack_contents c;
        if (n->number == PACK_NONE || n->condemned || !n->readable ||
            !pack_set_at(&v->packs, n->number)->moved_in)
            continue;
        int rc = pack_contents_read(v, n->id, &c, e);
        if (rc == 0)
            rc = follow_footer(m, n, &c.footer, follow, e);
        pack_contents_done(&c);
        if (rc)
            return -1;
    }
    return 0;
}

static int follow_into_damaged(struct gc_pack *n, uint32_t now, struct gc_pack *from,
                               uint32_t frame, struct err *e)
{
    if (from->number != PACK_NONE ||
        (from->moved && frame < from->frames && refset_bit(from->moved, frame)))
        return 0;
    return follow(n, now, from, frame, e);
}

/* After the sound ones. */
static int follow_damaged(struct vault *v, struct gc_marks *m, struct err *e)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct gc_pack *n = &m->packs[i];
        struct gc_source s;
        struct err why = ERR_INIT;
        if (n->number == PACK_NONE || !n->damaged)
            continue;
        int rc = gc_source_open(v, n, &s, &why);
        n->footerless = rc != 0;
        if (rc == 0)
            rc = follow_footer(m, n, &s.contents.footer, follow_into_damaged, &why);
        pack_contents_done(&s.contents);
        if (rc == 0 || why.cls != ERR_NO_MEMORY)
            continue;
        return err_give(e, &why);
    }
    return 0;
}

static void look_for_unplaced(struct gc_marks *m)
{
    for (uint32_t i = 0; i < m->count && !m->unplaced; i++)
        m->unplaced = m->packs[i].number == PACK_NONE && gc_pack_is_needed(&m->packs[i]);
}

static void count_used(struct gc_marks *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct gc_pack *p = &m->packs[i];
        p->used_count = 0;
        for (uint32_t k = 0; p->used && k <= p->frames / 8; k++)
            p->used_count += (uint32_t)__builtin_popcount(p->used[k]);
    }
}

int gc_marks_begin(struct vault *v, const struct condemned *condemned, struct gc_marks *out,
                   struct err *e)
{
    struct gc_marks m = {.map = {.key = id_of}};
    struct listing l = {v, &m};
    if (store_list(v->store, "packs", list_pack, &l, e)) {
        gc_marks_done(&m);
        return -1;
    }
    mark_condemned(&m, condemned);
    *out = m;
    return 0;
}

int gc_marks_follow(struct vault *v, struct gc_marks *m, struct err *e)
{
    if (follow_moved(v, m, e) || follow_damaged(v, m, e))
        return -1;
    count_used(m);
    look_for_unplaced(m);
    return 0;
}

int gc_mark(struct vault *v, const struct condemned *condemned, const struct buf *gone,
            struct damage *d, struct gc_marks *out, struct err *e)
{
    struct gc_marks m;
    if (gc_marks_begin(v, condemned, &m, e))
        return -1;
    struct marking g = {.v = v, .m = &m, .damage = d};
    if (mark_records(&g, gone, e) || gc_marks_follow(v, &m, e)) {
        gc_marks_done(&m);
        return -1;
    }
    *out = m;
    return 0;
}

bool gc_pack_is_needed(const struct gc_pack *p)
{
    for (uint32_t i = 0; p->used && i <= p->frames / 8; i++)
        if (p->used[i] & ~(p->moved ? p->moved[i] : 0))
            return true;
    return false;
}
