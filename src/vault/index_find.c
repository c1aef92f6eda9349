/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up a chunk in all runs. A run in which a block turns out damaged is
 * dropped at once and its packs' footers are read instead, so that damage
 * never looks like an answer.
 */
#include "vault/vault_internal.h"

#include <string.h>

enum { FOUND = 1, ABSENT = 0, RUN_DAMAGED = -1 };

/* The last packs that are looked into; in those on their way out frames are sound,
 * in those that were set aside as damaged perhaps not. */
enum depth { IN_USE, ON_THEIR_WAY_OUT, DAMAGED, DEPTHS };

/* Which places a look-up accepts. */
struct wanted {
    index_accept *accept; /* NULL: all */
    const void *arg;
    enum depth depth;
};

static enum depth depth_of(const struct pack *p)
{
    return !atomic_load_explicit(&p->condemned, memory_order_relaxed) ? IN_USE
           : !atomic_load_explicit(&p->damaged, memory_order_relaxed) ? ON_THEIR_WAY_OUT
                                                                      : DAMAGED;
}

/* An entry as a place in the vault, if it is one that the caller may use. */
static int judge(const struct vault *v, const struct index_run *r, const struct index_entry *n,
                 const struct wanted *w, struct frame_loc *out)
{
    if (n->pack >= r->h.pack_count)
        return RUN_DAMAGED;
    uint32_t number = r->map[n->pack];
    if (number == PACK_NONE)
        return ABSENT;
    const struct pack *p = pack_set_at(&v->packs, number);
    if (n->frame >= p->frame_count || n->len > FRAME_SEALED_MAX)
        return RUN_DAMAGED;
    struct frame_loc loc = {number, n->frame, n->offset, n->len};
    if (depth_of(p) > w->depth ||
        (w->accept && !w->accept(w->arg, p, &loc)))
        return ABSENT;
    *out = loc;
    return FOUND;
}

static int find_in(const struct vault *v, const struct index_run *r, const uint8_t *id,
                   const struct wanted *w, struct frame_loc *out)
{
    int64_t at = index_run_seek(r, id);
    if (at < 0)
        return RUN_DAMAGED;
    for (uint64_t i = (uint64_t)at; i < r->h.entry_count; i++) {
        struct index_entry n;
        if (!index_run_entry(r, i, &n))
            return RUN_DAMAGED;
        if (memcmp(n.id, id, ID_BYTES) != 0)
            return ABSENT;
        int verdict = judge(v, r, &n, w, out);
        if (verdict != ABSENT)
            return verdict;
    }
    return ABSENT;
}

static int find_in_runs(struct vault *v, const uint8_t *id, const struct wanted *w,
                        struct frame_loc *out, const struct index_run **damaged)
{
    for (size_t i = 0; i < v->run_count; i++) {
        int verdict = find_in(v, v->runs[i], id, w, out);
        if (verdict == RUN_DAMAGED)
            *damaged = v->runs[i];
        if (verdict != ABSENT)
            return verdict;
    }
    return ABSENT;
}

/* Takes the run out of use. Its address may have been reused by the time we
 * hold the locks; then a good run is rebuilt, which costs time only. */
static int replace_damaged(struct vault *v, const struct index_run *damaged, struct err *e)
{
    (void)pthread_mutex_lock(&v->maintain);
    (void)pthread_rwlock_wrlock(&v->lock);
    for (size_t i = 0; i < v->run_count; i++) {
        struct index_run *r = v->runs[i];
        if (r != damaged)
            continue;
        for (uint32_t k = 0; k < r->h.pack_count; k++)
            if (r->map[k] != PACK_NONE)
                pack_set_at(&v->packs, r->map[k])->covered = 0;
        v->runs[i] = v->runs[--v->run_count];
        if (r->name[0])
            (void)!store_remove(v->store, r->name, NULL);
        index_run_close(r);
        break;
    }
    struct damage ignored = {0};
    int rc = index_read_footers(v, &ignored, e);
    if (rc)
        atomic_store(&v->loaded, false);
    (void)pthread_rwlock_unlock(&v->lock);
    if (!rc)
        index_maintain_locked(v);
    (void)pthread_mutex_unlock(&v->maintain);
    return rc;
}

static int find(struct vault *v, const uint8_t *id, const struct wanted *w,
                struct frame_loc *out, struct err *e)
{
    for (;;) {
        const struct index_run *damaged = NULL;
        if (index_ensure(v, e))
            return -1;
        (void)pthread_rwlock_rdlock(&v->lock);
        int verdict = find_in_runs(v, id, w, out, &damaged);
        (void)pthread_rwlock_unlock(&v->lock);
        if (verdict != RUN_DAMAGED)
            return verdict;
        if (replace_damaged(v, damaged, e))
            return -1;
    }
}

int index_find(struct vault *v, const uint8_t id[ID_BYTES], const struct scope *scope,
               struct frame_loc *out, struct err *e)
{
    struct wanted w = {.accept = scope ? scope_allows : NULL, .arg = scope};
    return find(v, id, &w, out, e);
}

int index_find_any(struct vault *v, const uint8_t id[ID_BYTES], index_accept *accept,
                   const void *arg, struct frame_loc *out, struct err *e)
{
    struct wanted w = {.accept = accept, .arg = arg};
    int found = ABSENT;
    for (; found == ABSENT && w.depth < DEPTHS; w.depth++)
        found = find(v, id, &w, out, e);
    return found;
}

bool vault_find(struct vault *v, const uint8_t id[ID_BYTES], struct frame_loc *out)
{
    struct frame_loc loc;
    if (index_find_any(v, id, NULL, NULL, &loc, NULL) != FOUND)
        return false;
    *out = loc;
    return true;
}

const uint8_t *vault_pack_id(struct vault *v, uint32_t pack)
{
    return pack < atomic_load_explicit(&v->packs.count, memory_order_acquire)
               ? pack_set_at(&v->packs, pack)->id
               : NULL;
}

uint32_t vault_pack_count(struct vault *v)
{
    if (index_ensure(v, NULL))
        return 0;
    return atomic_load_explicit(&v->packs.count, memory_order_acquire);
}

uint32_t vault_pack_frames(struct vault *v, uint32_t pack)
{
    if (pack >= atomic_load_explicit(&v->packs.count, memory_order_acquire))
        return 0;
    const struct pack *p = pack_set_at(&v->packs, pack);
    return p->known ? p->frame_count : 0;
}
