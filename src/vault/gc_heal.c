/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Healing: records name frames of packs that a repair could not mend, or that are
 * gone. Later backups stored the same chunks again; here sound copies get rows that
 * name the old places, so old records' references lead there, and the damaged
 * pack is not needed any more. Does not touch damaged packs, and condemns nothing.
 *
 * L1 Which chunk a frame was comes from the pack's own footer, which its name
 *    authenticates, or from the index, which read that footer when it was whole.
 *    Never from what is left of the frame itself.
 * L2 A copy is taken only from where a session of the damaged pack's writer could
 *    refer to it (scope.c), of the same kind, and hashed against its footer.
 *    Whoever may refer to the damaged pack may then refer to the copy.
 * L3 Sound frames of a damaged pack move only if then nothing is needed of it any
 *    more: what must stay is not stored twice.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/parity.h"
#include "vault/refset_format.h"

#include <stdlib.h>
#include <string.h>

struct patient {
    struct gc_source source; /* without a footer, if that cannot be read */
    bool has_footer;
    /* without a footer, what the index knows: */
    bool described;
    uint8_t *ids, *has_id; /* ID_BYTES a frame; a bit a frame */
    enum frame_kind kind;
    uint8_t writer[UID_BYTES];
};

struct healing {
    struct vault *v;
    const struct gc_marks *m;
    struct progress *progress;
    struct gc_result *result;
    struct patient *patients; /* ascending by id */
    size_t count;
    struct gc_output out;
    uint8_t *room; /* GC_READ_BYTES: a frame */
    uint8_t *verdicts; /* of one patient: a byte a frame */
    struct scope *scope;
    uint8_t scope_of[UID_BYTES];
    struct pack_contents donor;
    uint32_t donor_pack; /* PACK_NONE: none is open */
    bool donor_parity;
};

static bool is_sought(const struct gc_pack *p, uint32_t i)
{
    return refset_bit(p->used, i) && !(p->moved && refset_bit(p->moved, i));
}

/* ---- who needs it ------------------------------------------------------------------------ */

/* Of a pack that is not in the list of packs: whether it is gone indeed. Else it is
 * of a session that ended since the list was made, and none of ours. */
static int examine(struct healing *h, const struct gc_pack *p, struct err *e)
{
    struct patient *n = &h->patients[h->count];
    struct err why = ERR_INIT;
    *n = (struct patient){0};
    n->has_footer = gc_source_open(h->v, p, &n->source, &why) == 0;
    if (!n->has_footer && why.cls == ERR_NO_MEMORY) {
        pack_contents_done(&n->source.contents);
        return err_give(e, &why);
    }
    if (p->number == PACK_NONE && (n->has_footer || why.cls != ERR_NOT_FOUND)) {
        pack_contents_done(&n->source.contents);
        return 0;
    }
    if (n->has_footer) {
        n->kind = n->source.contents.header.kind;
        memcpy(n->writer, n->source.contents.header.writer, UID_BYTES);
    }
    pack_contents_done(&n->source.contents); /* opened again when it is its turn */
    h->count++;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct patient *x = a, *y = b;
    return memcmp(x->source.pack->id, y->source.pack->id, ID_BYTES);
}

static int find_patients(struct healing *h, struct err *e)
{
    size_t count = 0;
    for (uint32_t i = 0; i < h->m->count; i++) {
        const struct gc_pack *p = &h->m->packs[i];
        count += (p->damaged || p->number == PACK_NONE) && gc_pack_is_needed(p);
    }
    h->patients = mem_array(count + 1, sizeof *h->patients);
    if (!h->patients)
        return err_no_memory(e, "damaged packs");
    for (uint32_t i = 0; i < h->m->count; i++) {
        const struct gc_pack *p = &h->m->packs[i];
        if ((p->damaged || p->number == PACK_NONE) && gc_pack_is_needed(p) && examine(h, p, e))
            return -1;
    }
    if (h->count)
        qsort(h->patients, h->count, sizeof *h->patients, by_id);
    return 0;
}

/* ---- what the index remembers (L1) ---------------------------------------------------------- */

static struct patient *patient_of(struct healing *h, const uint8_t *id)
{
    struct gc_pack pack = {0};
    struct patient key = {.source.pack = &pack};
    memcpy(pack.id, id, ID_BYTES);
    return bsearch(&key, h->patients, h->count, sizeof key, by_id);
}

static int describe(struct patient *n, const struct index_pack *said, struct err *e)
{
    uint32_t frames = n->source.pack->frames;
    n->ids = mem_array(frames, ID_BYTES);
    n->has_id = mem_zalloc((size_t)frames / 8 + 1);
    if (!n->ids || !n->has_id)
        return err_no_memory(e, "damaged packs");
    n->described = true;
    n->kind = said->kind;
    memcpy(n->writer, said->writer, UID_BYTES);
    return 0;
}

static void note_ids(const struct index_run *r, struct patient *const *of)
{
    struct index_entry n;
    for (uint64_t i = 0; i < r->h.entry_count; i++) {
        struct patient *p;
        if (!index_run_entry(r, i, &n) || n.pack >= r->h.pack_count || !(p = of[n.pack]) ||
            n.frame >= p->source.pack->frames)
            continue;
        memcpy(p->ids + (size_t)n.frame * ID_BYTES, n.id, ID_BYTES);
        refset_bit_set(p->has_id, n.frame);
    }
}

static int ask_run(struct healing *h, const struct index_run *r, struct err *e)
{
    CLEANUP_FREE struct patient **of = mem_array((size_t)r->h.pack_count + 1, sizeof *of);
    bool any = false;
    if (!of)
        return err_no_memory(e, "damaged packs");
    for (uint32_t i = 0; i < r->h.pack_count; i++) {
        struct index_pack said;
        index_run_pack(r, i, &said);
        struct patient *n = patient_of(h, said.id);
        of[i] = NULL;
        if (!n || n->has_footer || n->described ||
            said.frame_count != n->source.pack->frames)
            continue;
        if (describe(n, &said, e))
            return -1;
        of[i] = n;
        any = true;
    }
    if (any)
        note_ids(r, of);
    return 0;
}

static int ask_index(struct healing *h, struct err *e)
{
    int rc = 0;
    bool needed = false;
    for (size_t i = 0; i < h->count; i++)
        needed = needed || !h->patients[i].has_footer;
    if (!needed)
        return 0;
    (void)pthread_rwlock_rdlock(&h->v->lock);
    for (size_t i = 0; i < h->v->run_count && rc == 0; i++)
        rc = ask_run(h, h->v->runs[i], e);
    (void)pthread_rwlock_unlock(&h->v->lock);
    return rc;
}

/* ---- where a sound copy is (L2) -------------------------------------------------------------- */

struct search {
    const struct gc_marks *marks;
    const struct scope *scope;
    enum frame_kind kind;
};

static bool is_donor(const void *arg, const struct pack *p, const struct frame_loc *loc)
{
    const struct search *s = arg;
    const struct gc_pack *g = gc_marks_find(s->marks, p->id);
    return !(g && g->damaged) && p->kind == s->kind && scope_allows(s->scope, p, loc);
}

static int see_to_scope(struct healing *h, const struct patient *n, struct err *e)
{
    struct scope *s;
    if (h->scope && memcmp(h->scope_of, n->writer, UID_BYTES) == 0)
        return 0;
    if (scope_new(h->v, n->writer, &s, e))
        return -1;
    scope_free(h->scope);
    h->scope = s;
    memcpy(h->scope_of, n->writer, UID_BYTES);
    return 0;
}

/* False if nobody knows which chunk it was. */
static bool id_of_frame(const struct patient *n, uint32_t frame, uint8_t id[ID_BYTES])
{
    struct pack_row row;
    if (n->has_footer) {
        gc_source_row(&n->source, frame, &row);
        memcpy(id, row.id, ID_BYTES);
        return true;
    }
    if (!n->described || !refset_bit(n->has_id, frame))
        return false;
    memcpy(id, n->ids + (size_t)frame * ID_BYTES, ID_BYTES);
    return true;
}

/* 1 and *out, 0, or -1. */
static int find_copy(struct healing *h, const struct patient *n, uint32_t frame,
                     uint8_t id[ID_BYTES], struct frame_loc *out, struct err *e)
{
    const struct search s = {.marks = h->m, .scope = h->scope, .kind = n->kind};
    return id_of_frame(n, frame, id) ? index_find_any(h->v, id, is_donor, &s, out, e) : 0;
}

static int open_donor(struct healing *h, uint32_t pack, struct err *e)
{
    const uint8_t *id = pack_set_at(&h->v->packs, pack)->id;
    if (h->donor_pack == pack)
        return 0;
    pack_contents_done(&h->donor);
    h->donor_pack = PACK_NONE;
    if (pack_contents_read(h->v, id, &h->donor, e))
        return -1;
    h->donor_pack = pack;
    h->donor_parity = parity_exists(h->v, id);
    return 0;
}

/* Reads the copy into the room, verified. */
static int fetch(struct healing *h, const struct frame_loc *loc, const uint8_t *id,
                 struct pack_row *row, struct err *e)
{
    if (open_donor(h, loc->pack, e))
        return -1;
    if (loc->frame >= h->donor.footer.count)
        return err_set(e, ERR_DAMAGED, "the index names a frame that is not there");
    pack_row_decode(h->donor.footer.rows + (size_t)loc->frame * PACK_ROW_BYTES, row);
    if (memcmp(row->id, id, ID_BYTES) != 0 || row->len > FRAME_SEALED_MAX)
        return err_set(e, ERR_DAMAGED, "the index and the footer disagree");
    if (store_read(h->donor.reader, row->offset, h->room, FRAME_HEADER_BYTES + (size_t)row->len, e))
        return -1;
    return gc_source_check(row, h->room, e);
}

/* ---- one patient ------------------------------------------------------------------------------ */

enum verdict { NOT_SOUGHT, SOUND, ELSEWHERE, NOWHERE };

/* The frame itself, into the room. */
static int read_own(struct healing *h, const struct patient *n, uint32_t frame,
                    struct pack_row *row, struct err *e)
{
    if (!n->has_footer)
        return err_set(e, ERR_DAMAGED, "no footer says what it was");
    gc_source_row(&n->source, frame, row);
    if (row->len > FRAME_SEALED_MAX)
        return err_set(e, ERR_DAMAGED, "longer than a frame can be");
    if (store_read(n->source.contents.reader, row->offset, h->room,
                   FRAME_HEADER_BYTES + (size_t)row->len, e))
        return -1;
    return gc_source_check(row, h->room, e);
}

static int judge_frame(struct healing *h, const struct patient *n, uint32_t i, struct err *e)
{
    uint8_t id[ID_BYTES];
    struct frame_loc loc;
    struct pack_row row;
    h->verdicts[i] = NOT_SOUGHT;
    if (!is_sought(n->source.pack, i))
        return 0;
    if (h->progress && progress_cancelled(h->progress))
        return err_set(e, ERR_CANCELLED, "interrupted; nothing is lost");
    if (read_own(h, n, i, &row, NULL) == 0) {
        h->verdicts[i] = SOUND;
        return 0;
    }
    int found = find_copy(h, n, i, id, &loc, e);
    h->verdicts[i] = found > 0 ? ELSEWHERE : NOWHERE;
    return found < 0 ? -1 : 0;
}

/* A copy that turns out damaged, too, is as good as none. */
static int take_copy(struct healing *h, struct patient *n, uint32_t i, struct err *e)
{
    uint8_t id[ID_BYTES];
    struct frame_loc loc;
    struct pack_row row;
    struct err why = ERR_INIT;
    uint32_t now;
    int found = find_copy(h, n, i, id, &loc, e);
    if (found < 0)
        return -1;
    if (!found || fetch(h, &loc, id, &row, &why)) {
        if (why.cls == ERR_NO_MEMORY)
            return err_give(e, &why);
        h->result->frames_lost++;
        return 0;
    }
    if (gc_output_put(&h->out, &h->donor.header, h->donor_parity, h->room, &row, &now, e))
        return -1;
    gc_output_origins(&h->out, now, h->m, &n->source, i);
    h->result->frames_healed++;
    return 0;
}

static int take_own(struct healing *h, struct patient *n, uint32_t i, struct err *e)
{
    struct pack_row row;
    uint32_t now;
    if (read_own(h, n, i, &row, NULL))
        return 0; /* it has gone bad since: the pack stays */
    if (gc_output_put(&h->out, &n->source.contents.header, n->source.parity, h->room, &row, &now, e))
        return -1;
    gc_output_origins(&h->out, now, h->m, &n->source, i);
    return 0;
}

static int take_all(struct healing *h, struct patient *n, bool whole, struct err *e)
{
    for (uint32_t i = 0; i < n->source.pack->frames; i++) {
        int rc = 0;
        if (h->verdicts[i] == NOWHERE)
            h->result->frames_lost++;
        else if (h->verdicts[i] == ELSEWHERE)
            rc = take_copy(h, n, i, e);
        else if (h->verdicts[i] == SOUND && whole) /* L3 */
            rc = take_own(h, n, i, e);
        if (rc)
            return -1;
    }
    return 0;
}

static int heal_open(struct healing *h, struct patient *n, struct err *e)
{
    uint32_t frames = n->source.pack->frames, nowhere = 0;
    uint8_t *verdicts = mem_realloc(h->verdicts, (size_t)frames + 1, 1);
    if (!verdicts)
        return err_no_memory(e, "damaged packs");
    h->verdicts = verdicts;
    for (uint32_t i = 0; i < frames; i++) {
        if (judge_frame(h, n, i, e))
            return -1;
        nowhere += verdicts[i] == NOWHERE;
    }
    return take_all(h, n, nowhere == 0, e);
}

static int heal(struct healing *h, struct patient *n, struct err *e)
{
    const struct gc_pack *p = n->source.pack;
    struct err why = ERR_INIT;
    if ((n->has_footer || n->described) && see_to_scope(h, n, e))
        return -1;
    n->has_footer = n->has_footer && gc_source_open(h->v, p, &n->source, &why) == 0;
    n->source.pack = p;
    int rc = why.cls == ERR_NO_MEMORY ? err_give(e, &why) : heal_open(h, n, e);
    pack_contents_done(&n->source.contents);
    return rc;
}

/* ---- all ------------------------------------------------------------------------------------------ */

static int heal_all(struct healing *h, struct err *e)
{
    if (find_patients(h, e) || ask_index(h, e))
        return -1;
    if (!h->count)
        return 0;
    h->room = mem_alloc(GC_READ_BYTES);
    if (!h->room)
        return err_no_memory(e, "a frame");
    for (size_t i = 0; i < h->count; i++)
        if (heal(h, &h->patients[i], e))
            return -1;
    return gc_output_end(&h->out, e);
}

int gc_heal(struct vault *v, const struct gc_marks *m, struct progress *progress,
            struct gc_result *result, struct err *e)
{
    struct healing h = {.v = v, .m = m, .progress = progress, .result = result,
                        .donor_pack = PACK_NONE};
    gc_output_init(&h.out, v, progress, result);
    int rc = heal_all(&h, e);
    gc_output_done(&h.out);
    pack_contents_done(&h.donor);
    scope_free(h.scope);
    for (size_t i = 0; i < h.count; i++) {
        mem_free(h.patients[i].ids);
        mem_free(h.patients[i].has_id);
    }
    mem_free(h.patients);
    mem_free(h.verdicts);
    mem_free(h.room);
    return rc;
}
