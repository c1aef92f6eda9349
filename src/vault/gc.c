/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collection: the order of its steps. gc.h has the invariants, and
 * docs/decisions/0011 says why each step is where it is; tests/model checks it.
 *
 *          condemn ────► wait ────► sweep ────► remove
 *   in use ◄─────┴──────────┴──────────┘ (found needed: taken back)
 */
#include "vault/gc.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/parity.h"
#include "vault/session_internal.h"

#include <string.h>

struct gc {
    struct vault *v;
    const struct gc_options *o;
    struct gc_result r;
    struct damage damage;
    struct condemned condemned;
    struct buf gone;     /* sequences of expired snapshots, u64 each */
    struct buf sessions; /* under way, UID_BYTES each */
    struct gc_marks marks;
    struct gc_plan plan;
};

/* ---- looking around (G3: sessions first, then records) ---------------------------------- */

static int note_session(void *arg, const char *name, struct err *e)
{
    struct buf *sessions = arg;
    uint8_t id[UID_BYTES];
    if (strncmp(name, SESSION_LEASE, sizeof SESSION_LEASE - 1) != 0)
        return 0;
    name += sizeof SESSION_LEASE - 1;
    if (!hex_decode(name, strlen(name), id, UID_BYTES))
        return 0;
    buf_put(sessions, id, UID_BYTES);
    if (sessions->len / UID_BYTES > CONDEMN_SESSIONS_MAX)
        return err_set(e, ERR_LIMIT, "more than %u backups at once", CONDEMN_SESSIONS_MAX);
    return buf_check(sessions, "the list of sessions", e);
}

static int look_around(struct gc *g, struct err *e)
{
    buf_reset(&g->sessions);
    gc_marks_done(&g->marks);
    if (vault_refresh(g->v, NULL, NULL, e) ||
        store_lease_list(g->v->store, note_session, &g->sessions, e))
        return -1;
    int64_t start = clock_monotonic_ns();
    if (gc_mark(g->v, &g->condemned, &g->gone, &g->damage, &g->marks, e))
        return -1;
    g->r.mark_ns += clock_monotonic_ns() - start;
    return 0;
}

static bool lives(const struct gc *g, const uint8_t *session)
{
    for (size_t at = 0; at < g->sessions.len; at += UID_BYTES)
        if (memcmp(g->sessions.data + at, session, UID_BYTES) == 0)
            return true;
    return false;
}

static uint32_t count_living(const struct gc *g, const struct condemnation *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->session_count; i++)
        n += lives(g, c->sessions + (size_t)i * UID_BYTES);
    return n;
}

/* ---- what was condemned ------------------------------------------------------------------- */

/* The packs of a condemnation that are there and not needed; the others are in
 * use again as soon as no condemnation names them. */
static int judge(struct gc *g, const struct condemnation *c, struct buf *out, uint64_t *bytes,
                 struct err *e)
{
    *bytes = 0;
    for (uint32_t i = 0; i < c->pack_count; i++) {
        const uint8_t *id = c->packs + (size_t)i * ID_BYTES;
        const struct gc_pack *p = gc_marks_find(&g->marks, id);
        if (!p || p->number == PACK_NONE)
            continue; /* removed before */
        if (gc_pack_is_needed(p)) {
            g->r.packs_taken_back++;
            continue;
        }
        buf_put(out, id, ID_BYTES);
        *bytes += p->bytes;
    }
    return buf_check(out, "condemned packs", e);
}

/* Replaces item `at` by `next`; nothing in its place if that names no pack. */
static int replace(struct gc *g, size_t at, const struct condemnation *next, struct err *e)
{
    if (next->pack_count && condemned_put(g->v, &g->condemned, next, e))
        return -1;
    return condemned_drop(g->v, &g->condemned, at, e);
}

static int remove_packs(struct gc *g, const struct buf *packs, struct err *e)
{
    bool dirs[256] = {false};
    for (size_t at = 0; at < packs->len; at += ID_BYTES) {
        char name[PACK_NAME_BYTES];
        struct err why = ERR_INIT;
        pack_name(packs->data + at, name);
        if (store_remove(g->v->store, name, &why) == 0)
            g->r.packs_removed++;
        else if (why.cls != ERR_NOT_FOUND) {
            (void)err_give(e, &why);
            return err_wrap(e, "remove %s", name);
        }
        parity_remove(g->v, packs->data + at); /* what stays behind goes with the next collection */
        dirs[packs->data[at]] = true;
    }
    return packs_sync(g->v, dirs, e);
}

/* G4 */
static int remove_swept(struct gc *g, size_t at, struct err *e)
{
    CLEANUP(buf_done) struct buf unneeded = {0};
    uint64_t bytes;
    if (judge(g, &g->condemned.items[at].c, &unneeded, &bytes, e) ||
        remove_packs(g, &unneeded, e))
        return -1;
    g->r.bytes_removed += bytes;
    return condemned_drop(g->v, &g->condemned, at, e);
}

static int sweep(struct gc *g, size_t at, struct err *e)
{
    CLEANUP(buf_done) struct buf unneeded = {0};
    uint64_t bytes;
    if (judge(g, &g->condemned.items[at].c, &unneeded, &bytes, e))
        return -1;
    struct condemnation next = {
        .stage = CONDEMN_SWEPT,
        .made_ns = g->o->clock.now_ns,
        .until_ns = g->o->clock.now_ns + g->o->swept_ns,
        .pack_count = (uint32_t)(unneeded.len / ID_BYTES),
        .packs = unneeded.data,
    };
    g->r.packs_swept += next.pack_count;
    g->r.bytes_swept += bytes;
    return replace(g, at, &next, e);
}

static int wait_for(struct gc *g, size_t at, struct err *e)
{
    struct condemnation next = g->condemned.items[at].c;
    CLEANUP(buf_done) struct buf packs = {0};
    buf_put(&packs, next.packs, (size_t)next.pack_count * ID_BYTES);
    if (buf_check(&packs, "condemned packs", e))
        return -1;
    next.stage = CONDEMN_WAITING;
    next.packs = packs.data;
    next.sessions = g->sessions.data;
    next.session_count = (uint32_t)(g->sessions.len / UID_BYTES);
    return replace(g, at, &next, e);
}

static bool goes_already(const struct gc *g, const uint8_t *id)
{
    for (size_t i = 0; i < g->condemned.count; i++) {
        const struct condemnation *c = &g->condemned.items[i].c;
        for (uint32_t k = 0; c->stage != CONDEMN_DAMAGED && k < c->pack_count; k++)
            if (memcmp(c->packs + (size_t)k * ID_BYTES, id, ID_BYTES) == 0)
                return true;
    }
    return false;
}

/* A pack that is gone may come back with the next power cut if whoever removed it died
 * before it had synced; as a damaged one that nobody calls damaged. */
static int sync_gone(struct gc *g, const uint8_t *id, struct err *e)
{
    char name[PACK_NAME_BYTES];
    struct err why = ERR_INIT;
    pack_name(id, name);
    name[sizeof "packs/aa" - 1] = 0;
    if (store_sync(g->v->store, name, &why) == 0 || why.cls == ERR_NOT_FOUND)
        return 0;
    return err_give(e, &why);
}

/* Damaged packs wait until no record needs them; then they go the way of all. They
 * count as damaged until they are gone: one that is taken back is not whole. */
static int let_go(struct gc *g, size_t at, bool *again, struct err *e)
{
    const struct condemnation *c = &g->condemned.items[at].c;
    CLEANUP(buf_done) struct buf go = {0}, there = {0};
    *again = false;
    for (uint32_t i = 0; i < c->pack_count; i++) {
        const uint8_t *id = c->packs + (size_t)i * ID_BYTES;
        const struct gc_pack *p = gc_marks_find(&g->marks, id);
        if (!p || p->number == PACK_NONE) {
            if (sync_gone(g, id, e))
                return -1;
            continue;
        }
        buf_put(&there, id, ID_BYTES);
        /* What is nowhere to be found may have been moved into it. */
        if (!gc_pack_is_needed(p) && !(p->footerless && g->marks.unplaced) &&
            !goes_already(g, id))
            buf_put(&go, id, ID_BYTES);
    }
    if (buf_check(&go, "condemned packs", e) || buf_check(&there, "condemned packs", e))
        return -1;
    struct condemnation said = {.stage = CONDEMN_SAID, .made_ns = g->o->clock.now_ns,
                                .pack_count = (uint32_t)(go.len / ID_BYTES), .packs = go.data};
    struct condemnation rest = {.stage = CONDEMN_DAMAGED, .made_ns = c->made_ns,
                                .pack_count = (uint32_t)(there.len / ID_BYTES),
                                .packs = there.data};
    bool fewer = rest.pack_count < c->pack_count;
    if (said.pack_count && condemned_put(g->v, &g->condemned, &said, e))
        return -1;
    *again = fewer; /* then the next one stands in its place */
    return fewer ? replace(g, at, &rest, e) : 0;
}

static bool is_over(const struct gc *g, const struct condemnation *c)
{
    return policy_clock_trusted(&g->o->clock) && c->until_ns <= g->o->clock.now_ns;
}

/* One stage further, if it may; `*again` if there is a next one to try. */
static int advance(struct gc *g, size_t at, bool *again, struct err *e)
{
    const struct condemnation *c = &g->condemned.items[at].c;
    *again = true;
    switch (c->stage) {
    case CONDEMN_SAID: return wait_for(g, at, e);
    case CONDEMN_WAITING:
        if (count_living(g, c) == 0 && policy_clock_trusted(&g->o->clock))
            return sweep(g, at, e);
        g->r.packs_waiting += c->pack_count;
        g->r.sessions_waited_for += count_living(g, c);
        break;
    case CONDEMN_SWEPT:
        if (is_over(g, c))
            return remove_swept(g, at, e);
        break;
    case CONDEMN_DAMAGED: return let_go(g, at, again, e);
    }
    *again = false;
    return 0;
}

/* Everything that was condemned before look_around, as far as it goes. What a
 * step writes comes last in the list, and is tried in turn. */
static int advance_all(struct gc *g, struct err *e)
{
    for (size_t at = 0; at < g->condemned.count;) {
        bool again;
        if (advance(g, at, &again, e))
            return -1;
        if (!again)
            at++;
    }
    return 0;
}

/* ---- a new condemnation -------------------------------------------------------------------- */

static int condemn(struct gc *g, struct err *e)
{
    CLEANUP(buf_done) struct buf packs = {0};
    const struct gc_plan *p = &g->plan;
    for (uint32_t i = 0; i < p->dead_count; i++)
        buf_put(&packs, g->marks.packs[p->dead[i]].id, ID_BYTES);
    for (uint32_t i = 0; i < p->copy_count && packs.len / ID_BYTES < CONDEMN_PACKS_MAX; i++)
        buf_put(&packs, g->marks.packs[p->copy[i]].id, ID_BYTES);
    struct condemnation c = {
        .stage = CONDEMN_SAID,
        .made_ns = g->o->clock.now_ns,
        .pack_count = (uint32_t)(packs.len / ID_BYTES),
        .packs = packs.data,
    };
    g->r.packs_condemned = c.pack_count;
    if (buf_check(&packs, "condemned packs", e))
        return -1;
    return c.pack_count ? condemned_put(g->v, &g->condemned, &c, e) : 0;
}

static void describe(struct gc *g)
{
    const struct gc_marks *m = &g->marks;
    g->r.snapshots = m->snapshots;
    g->r.references = m->references;
    for (uint32_t i = 0; i < m->count; i++) {
        g->r.packs += m->packs[i].number != PACK_NONE;
        g->r.bytes += m->packs[i].bytes;
    }
}

static int collect(struct gc *g, struct err *e)
{
    if (gc_expire(g->v, g->o, &g->damage, &g->gone, e) ||
        condemned_read(g->v, &g->damage, &g->condemned, e) || look_around(g, e))
        return -1;
    g->r.expired = g->gone.len / 8;
    describe(g);
    if (!g->o->dry_run && advance_all(g, e))
        return -1;
    if (gc_plan(g->v, &g->marks, g->o, &g->sessions, &g->plan, e))
        return -1;
    g->r.needed_bytes = g->plan.needed_bytes;
    if (g->o->dry_run) {
        g->r.packs_condemned = g->plan.dead_count + g->plan.copy_count;
        g->r.packs_copied = g->plan.copy_count;
        g->r.bytes_copied = g->plan.copy_bytes;
        return 0;
    }
    if (g->o->progress)
        atomic_store(&g->o->progress->bytes_total, g->plan.copy_bytes);
    const struct gc_copying copying = {.from = g->v, .to = g->v, .marks = &g->marks,
                                       .damage = &g->damage, .progress = g->o->progress,
                                       .result = &g->r};
    if (gc_compact(&copying, &g->plan, e) ||
        gc_heal(g->v, &g->marks, g->o->progress, &g->r, e) || condemn(g, e))
        return -1;
    if (parity_sweep(g->v, e))
        return -1;
    if (!g->r.packs_condemned && !g->r.packs_written)
        return 0;
    g->r.packs_waiting = g->r.sessions_waited_for = 0; /* counted again */
    return look_around(g, e) || advance_all(g, e) ? -1 : 0;
}

int vault_gc(struct vault *v, const struct gc_options *o, struct gc_result *out, struct err *e)
{
    struct gc g = {.v = v, .o = o, .damage = {.each = o->damaged, .arg = o->arg}};
    struct store_lease *lease = NULL;
    if (!o->dry_run && store_lease_take(v->store, "gc", &lease, e))
        return -1;
    int rc = collect(&g, e);
    store_lease_drop(lease);
    gc_plan_done(&g.plan);
    gc_marks_done(&g.marks);
    condemned_done(&g.condemned);
    buf_done(&g.sessions);
    buf_done(&g.gone);
    if (rc == 0)
        *out = g.r;
    return rc;
}
