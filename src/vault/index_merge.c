/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several runs into one, streaming: a heap of one position per run. Packs that
 * a run no longer describes (its map says PACK_NONE) are left behind.
 */
#include "base/mem.h"
#include "vault/index_write.h"
#include "vault/vault_internal.h"

#include <string.h>

struct head {
    const struct index_run *run;
    uint64_t position;
    struct index_entry entry; /* at that position */
    uint32_t *renumber;       /* the run's pack numbers to those of the result */
};

struct merge {
    struct head *heads; /* a heap, least id first */
    size_t live, count;
    struct index_pack *packs;
    uint32_t pack_count;
    uint64_t entries_max;
};

static void merge_done(struct merge *m)
{
    for (size_t i = 0; m->heads && i < m->count; i++)
        mem_free(m->heads[i].renumber);
    mem_free(m->heads);
    mem_free(m->packs);
}

static int number_packs(struct merge *m, struct head *h, struct err *e)
{
    const struct index_run *r = h->run;
    h->renumber = mem_array(r->h.pack_count, sizeof *h->renumber);
    if (!h->renumber)
        return err_no_memory(e, "merging the index");
    for (uint32_t i = 0; i < r->h.pack_count; i++) {
        h->renumber[i] = PACK_NONE;
        if (r->map[i] == PACK_NONE)
            continue;
        index_run_pack(r, i, &m->packs[m->pack_count]);
        h->renumber[i] = m->pack_count++;
    }
    m->entries_max += r->h.entry_count;
    return 0;
}

static int merge_prepare(struct merge *m, struct index_run *const *runs, size_t count,
                         struct err *e)
{
    size_t packs = 0;
    for (size_t i = 0; i < count; i++)
        packs += runs[i]->used;
    m->heads = mem_array(count, sizeof *m->heads);
    m->packs = mem_array(packs, sizeof *m->packs);
    if (!m->heads || !m->packs)
        return err_no_memory(e, "merging the index");
    m->count = count;
    for (size_t i = 0; i < count; i++) {
        m->heads[i].run = runs[i];
        if (number_packs(m, &m->heads[i], e))
            return -1;
    }
    return 0;
}

/* ---- heap ------------------------------------------------------------------------------ */

static void swap_heads(struct head *a, struct head *b)
{
    struct head t = *a;
    *a = *b;
    *b = t;
}

static void sift_down(struct merge *m, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < m->live; child++)
            if (memcmp(m->heads[child].entry.id, m->heads[least].entry.id, ID_BYTES) < 0)
                least = child;
        if (least == i)
            return;
        swap_heads(&m->heads[i], &m->heads[least]);
        i = least;
    }
}

static int load_entry(struct head *h, struct err *e)
{
    if (!index_run_entry(h->run, h->position, &h->entry))
        return err_set(e, ERR_DAMAGED, "index: block damaged");
    return 0;
}

/* Runs with entries come first; the empty ones keep their memory behind. */
static int heap_fill(struct merge *m, struct err *e)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->heads[i].run->h.entry_count)
            continue;
        if (load_entry(&m->heads[i], e))
            return -1;
        swap_heads(&m->heads[i], &m->heads[m->live++]);
    }
    for (size_t i = m->live / 2; i-- > 0;)
        sift_down(m, i);
    return 0;
}

static int heap_advance(struct merge *m, struct err *e)
{
    struct head *top = &m->heads[0];
    if (++top->position == top->run->h.entry_count)
        swap_heads(top, &m->heads[--m->live]);
    else if (load_entry(top, e))
        return -1;
    sift_down(m, 0);
    return 0;
}

static int merge_entries(struct merge *m, struct index_writer *w, struct err *e)
{
    if (heap_fill(m, e))
        return -1;
    while (m->live) {
        const struct head *top = &m->heads[0];
        struct index_entry n = top->entry;
        if (n.pack >= top->run->h.pack_count)
            return err_set(e, ERR_DAMAGED, "index: impossible pack");
        n.pack = top->renumber[n.pack];
        if (n.pack != PACK_NONE && index_write_entry(w, &n, e))
            return -1;
        if (heap_advance(m, e))
            return -1;
    }
    return 0;
}

int index_merge(struct vault *v, struct index_run *const *runs, size_t count, const char *name,
                struct err *e)
{
    CLEANUP(merge_done) struct merge m = {0};
    CLEANUP(index_write_done) struct index_writer w = {0};
    if (merge_prepare(&m, runs, count, e) ||
        index_write_begin(&w, v->store, v->info.id, m.packs, m.pack_count, m.entries_max, e) ||
        merge_entries(&m, &w, e))
        return -1;
    return index_write_object(&w, name, e);
}
