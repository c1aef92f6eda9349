/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding which packs go. Pure but for one look at the beginning of each
 * candidate: packs of sessions that are under way are left alone (they would
 * only be taken back), and the order of copying comes from there.
 *
 * Bytes of a part are estimated by its share of frames: reading every footer
 * would cost more than the estimate is wrong.
 */
#include "vault/gc.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Packs smaller than this are worth joining, if there are some of a kind. */
#define SMALL_BYTES(kind) ((kind) == FRAME_DATA ? (uint64_t)8 << 20 : (uint64_t)2 << 20)
#define SMALL_COUNT       8u

struct candidate {
    uint32_t at; /* in marks.packs */
    double used; /* share of frames that are needed */
    enum frame_kind kind;
    uint8_t writer[UID_BYTES];
    uint64_t first_nonce; /* of its first frame */
    uint8_t session[UID_BYTES];
    bool chosen;
};

struct planning {
    struct vault *v;
    const struct gc_marks *m;
    const struct gc_options *o;
    const struct buf *sessions;
    struct gc_plan *plan;
    struct candidate *candidates; /* needed in part, or small */
    uint32_t count;
    uint64_t unused_bytes;
};

void gc_plan_done(struct gc_plan *p)
{
    mem_free(p->copy);
    mem_free(p->dead);
    *p = (struct gc_plan){0};
}

static bool is_under_way(const struct buf *sessions, const uint8_t *session)
{
    for (size_t at = 0; at < sessions->len; at += UID_BYTES)
        if (memcmp(sessions->data + at, session, UID_BYTES) == 0)
            return true;
    return false;
}

/* The session that wrote a pack (zeros: compaction), and where its first frame
 * stands in that session's order. False if that cannot be read: then the pack
 * is left alone. */
static bool look_into(struct vault *v, const uint8_t *id, uint8_t session_out[UID_BYTES],
                      uint64_t *nonce_out)
{
    uint8_t first[PACK_HEADER_BYTES + FRAME_HEADER_BYTES];
    char name[PACK_NAME_BYTES];
    struct store_reader *r = NULL;
    struct pack_header h;
    struct frame f;
    uint32_t len;
    pack_name(id, name);
    if (store_open(v->store, name, &r, NULL))
        return false;
    int rc = store_read(r, 0, first, sizeof first, NULL);
    store_reader_close(r);
    if (rc || pack_header_decode(first, PACK_HEADER_BYTES, &h, NULL) ||
        frame_header_decode(first + PACK_HEADER_BYTES, FRAME_HEADER_BYTES, &f, &len, NULL))
        return false;
    memcpy(session_out, h.session, UID_BYTES);
    *nonce_out = f.nonce;
    return true;
}

/* ---- candidates --------------------------------------------------------------------------- */

static void add_candidate(struct planning *p, uint32_t at)
{
    const struct gc_pack *g = &p->m->packs[at];
    const struct pack *known = pack_set_at(&p->v->packs, g->number);
    struct candidate *c = &p->candidates[p->count];
    *c = (struct candidate){.at = at, .kind = known->kind};
    c->used = g->frames ? (double)g->used_count / g->frames : 0;
    memcpy(c->writer, known->writer, UID_BYTES);
    if (look_into(p->v, g->id, c->session, &c->first_nonce) &&
        !is_under_way(p->sessions, c->session))
        p->count++;
}

static void add_dead(struct planning *p, uint32_t at)
{
    uint8_t session[UID_BYTES];
    uint64_t nonce;
    const struct gc_pack *g = &p->m->packs[at];
    if (look_into(p->v, g->id, session, &nonce) && !is_under_way(p->sessions, session))
        p->plan->dead[p->plan->dead_count++] = at;
}

static void sort_out(struct planning *p)
{
    for (uint32_t i = 0; i < p->m->count; i++) {
        const struct gc_pack *g = &p->m->packs[i];
        if (g->number == PACK_NONE || g->condemned || !g->readable)
            continue;
        double used = g->frames ? (double)g->used_count / g->frames : 0;
        uint64_t needed = (uint64_t)(used * (double)g->bytes);
        p->plan->needed_bytes += needed;
        if (!g->used_count) {
            add_dead(p, i);
            continue;
        }
        p->unused_bytes += g->bytes - needed;
        if (g->used_count < g->frames ||
            g->bytes < SMALL_BYTES(pack_set_at(&p->v->packs, g->number)->kind))
            add_candidate(p, i);
    }
}

/* ---- choosing ------------------------------------------------------------------------------- */

static uint64_t needed_of(const struct planning *p, const struct candidate *c)
{
    return (uint64_t)(c->used * (double)p->m->packs[c->at].bytes);
}

static bool choose(struct planning *p, struct candidate *c)
{
    uint64_t bytes = needed_of(p, c);
    if (c->chosen || p->plan->copy_count + p->plan->dead_count >= CONDEMN_PACKS_MAX ||
        bytes > p->o->max_rewrite - p->plan->copy_bytes)
        return false;
    c->chosen = true;
    p->plan->copy_bytes += bytes;
    p->plan->copy_count++;
    return true;
}

/* Emptiest first, until little enough is unused. */
static void choose_partly_used(struct planning *p)
{
    double allowed = p->o->max_unused * (double)p->plan->needed_bytes;
    for (uint32_t i = 0; i < p->count && (double)p->unused_bytes > allowed; i++) {
        struct candidate *c = &p->candidates[i];
        if (c->used < 1 && choose(p, c))
            p->unused_bytes -= p->m->packs[c->at].bytes - needed_of(p, c);
    }
}

static bool is_small_like(const struct planning *p, const struct candidate *a,
                          const struct candidate *b)
{
    return p->m->packs[b->at].bytes < SMALL_BYTES(b->kind) && a->kind == b->kind &&
           memcmp(a->writer, b->writer, UID_BYTES) == 0;
}

static void choose_small(struct planning *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct candidate *c = &p->candidates[i];
        uint32_t alike = 0;
        if (c->chosen || !is_small_like(p, c, c))
            continue;
        for (uint32_t k = i; k < p->count && alike < SMALL_COUNT; k++)
            alike += is_small_like(p, c, &p->candidates[k]);
        for (uint32_t k = i; k < p->count && alike >= SMALL_COUNT; k++)
            if (is_small_like(p, c, &p->candidates[k]))
                (void)choose(p, &p->candidates[k]);
    }
}

static int emptiest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->used < y->used ? -1 : x->used > y->used;
}

/* What belongs together stands together: by writer and kind, then by session
 * and its order of writing, which is the order of paths. */
static int as_copied(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = memcmp(x->writer, y->writer, UID_BYTES);
    if (order)
        return order;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    order = memcmp(x->session, y->session, UID_BYTES);
    if (order)
        return order;
    return x->first_nonce < y->first_nonce ? -1 : x->first_nonce > y->first_nonce;
}

static int put_chosen(struct planning *p, struct err *e)
{
    p->plan->copy = mem_array(p->plan->copy_count + 1, sizeof *p->plan->copy);
    if (!p->plan->copy)
        return err_no_memory(e, "planning a collection");
    if (p->count)
        qsort(p->candidates, p->count, sizeof *p->candidates, as_copied);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->candidates[i].chosen)
            p->plan->copy[n++] = p->candidates[i].at;
    return 0;
}

int gc_order(struct vault *v, const struct gc_marks *m, uint32_t *packs, uint32_t count,
             struct err *e)
{
    static const struct buf nobody;
    CLEANUP_FREE struct candidate *candidates = mem_array(count + 1, sizeof *candidates);
    struct planning p = {.v = v, .m = m, .sessions = &nobody, .candidates = candidates};
    if (!candidates)
        return err_no_memory(e, "planning what is copied");
    for (uint32_t i = 0; i < count; i++) {
        add_candidate(&p, packs[i]);
        if (p.count == i) /* its beginning cannot be read: whoever copies will see */
            p.count++;
    }
    if (count)
        qsort(candidates, count, sizeof *candidates, as_copied);
    for (uint32_t i = 0; i < count; i++)
        packs[i] = candidates[i].at;
    return 0;
}

int gc_plan(struct vault *v, const struct gc_marks *m, const struct gc_options *o,
            const struct buf *sessions, struct gc_plan *out, struct err *e)
{
    struct gc_plan plan = {.dead = mem_array(m->count + 1, sizeof *plan.dead)};
    CLEANUP_FREE struct candidate *candidates = mem_array(m->count + 1, sizeof *candidates);
    struct planning p = {v, m, o, sessions, &plan, candidates, 0, 0};
    if (!plan.dead || !candidates) {
        gc_plan_done(&plan);
        return err_no_memory(e, "planning a collection");
    }
    sort_out(&p);
    if (plan.dead_count > CONDEMN_PACKS_MAX)
        plan.dead_count = CONDEMN_PACKS_MAX; /* the rest next time */
    if (p.count)
        qsort(candidates, p.count, sizeof *candidates, emptiest_first);
    choose_partly_used(&p);
    choose_small(&p);
    if (put_chosen(&p, e)) {
        gc_plan_done(&plan);
        return -1;
    }
    *out = plan;
    return 0;
}
