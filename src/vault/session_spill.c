/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing a session's sealed packs over to the vault's index, so that what a
 * session remembers of its own chunks stays bounded.
 */
#include "base/mem.h"
#include "vault/session_internal.h"

#include <string.h>

static bool is_ready(const struct session *s, uint32_t pack)
{
    return pack != SESSION_CLAIMED && s->packs[pack]->sealed && !s->packs[pack]->described;
}

static bool any_ready(const struct session *s)
{
    for (uint32_t i = 0; i < s->pack_count; i++)
        if (is_ready(s, i))
            return true;
    return false;
}

/* Moves the ready entries to the front; how many there are. */
static uint32_t partition(struct session *s)
{
    struct session_table *t = &s->table;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (!is_ready(s, t->entries[i].pack))
            continue;
        struct index_entry n = t->entries[i];
        t->entries[i] = t->entries[ready];
        t->entries[ready++] = n;
    }
    return ready;
}

struct handover {
    uint32_t *numbers; /* the vault's numbers of the packs handed over */
    uint32_t *places;  /* by session pack: place in `numbers` */
    uint32_t count;
};

static void handover_done(struct handover *h)
{
    mem_free(h->numbers);
    mem_free(h->places);
}

/* Makes the packs known to the vault. Needs the vault's lock. */
static int register_packs(struct session *s, struct handover *h, struct err *e)
{
    struct vault *v = s->vault;
    for (uint32_t i = 0; i < s->pack_count; i++) {
        const struct session_pack *p = s->packs[i];
        uint32_t number;
        if (!is_ready(s, i))
            continue;
        if (pack_set_add(&v->packs, p->id, &number, e))
            return -1;
        struct pack *known = pack_set_at(&v->packs, number);
        struct index_pack said = {.frame_count = p->frames, .kind = p->kind};
        memcpy(said.writer, s->writer, UID_BYTES);
        if (!pack_describe(known, &said))
            return err_set(e, ERR_DAMAGED, "a pack of this session is already there, as another");
        h->places[i] = h->count;
        h->numbers[h->count++] = number;
    }
    return 0;
}

/* Another process may have refreshed our packs into a run of its own, if this
 * vault did too; then both describe them until the next refresh maps anew. */
static void mark_covered(struct vault *v, const struct handover *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct pack *p = pack_set_at(&v->packs, h->numbers[i]);
        p->seen = v->refresh;
        p->covered = v->refresh;
    }
}

static int build_run(struct session *s, struct handover *h, uint32_t ready, struct err *e)
{
    struct vault *v = s->vault;
    struct index_run *run = NULL;
    if (register_packs(s, h, e))
        return -1;
    for (uint32_t i = 0; i < ready; i++)
        s->table.entries[i].pack = h->places[s->table.entries[i].pack];
    if (index_build(v, s->table.entries, ready, h->numbers, h->count, &run, e) ||
        index_append(v, run, e))
        return -1;
    mark_covered(v, h);
    return 0;
}

static int refer_to_all(struct session *s, const struct handover *h, struct err *e)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (session_refs_set_all(s, h->numbers[i], e))
            return -1;
    return 0;
}

int session_spill(struct session *s, struct err *e)
{
    CLEANUP(handover_done) struct handover h = {0};
    h.numbers = mem_array(s->pack_count, sizeof *h.numbers);
    h.places = mem_array(s->pack_count, sizeof *h.places);
    if (!h.numbers || !h.places)
        return err_no_memory(e, "the index");
    if (!any_ready(s))
        return 0;
    uint32_t ready = partition(s);
    (void)pthread_rwlock_wrlock(&s->vault->lock);
    int rc = build_run(s, &h, ready, e);
    (void)pthread_rwlock_unlock(&s->vault->lock);
    /* On failure the table is of no use any more; the session has failed. */
    if (rc || refer_to_all(s, &h, e))
        return -1;
    for (uint32_t i = 0; i < s->pack_count; i++)
        if (s->packs[i]->sealed)
            s->packs[i]->described = true;
    session_table_drop(&s->table, ready);
    atomic_fetch_add(&s->spills, 1);
    return 0;
}
