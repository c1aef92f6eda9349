/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storing runs, and merging them when they have become many. Everything here
 * may fail without consequence: runs then stay in memory, or stay many.
 *
 * I4 A stored run names only packs whose own names are durable. So whoever
 *    finds a pack in a stored run may let a snapshot refer to it, although
 *    another process wrote it and may not have synced its directory yet.
 *
 * Merging takes the smallest runs and each larger one that is not more than
 * twice their sum: a large index is rewritten only when it has grown by half.
 */
#include "base/mem.h"
#include "vault/index_write.h"
#include "vault/vault_internal.h"

#include <stdlib.h>
#include <string.h>

int index_new_name(char out[INDEX_NAME_BYTES], struct err *e)
{
    uint8_t raw[16];
    if (random_bytes(raw, sizeof raw, e))
        return -1;
    memcpy(out, "index/", 6);
    hex_encode(raw, sizeof raw, out + 6);
    return 0;
}

/* I4, for the packs that `r` describes. */
static int sync_packs_of(struct vault *v, const struct index_run *r, struct err *e)
{
    bool dirs[256] = {false};
    for (uint32_t i = 0; i < r->h.pack_count; i++) {
        if (r->map[i] == PACK_NONE)
            continue;
        const struct pack *p = pack_set_at(&v->packs, r->map[i]);
        if (atomic_load(&p->unsynced))
            dirs[p->id[0]] = true;
    }
    if (packs_sync(v, dirs, e))
        return -1;
    for (uint32_t i = 0; i < r->h.pack_count; i++)
        if (r->map[i] != PACK_NONE)
            atomic_store(&pack_set_at(&v->packs, r->map[i])->unsynced, false);
    return 0;
}

/* Puts the run's image into the store and goes on with that. */
static int store_run(struct vault *v, struct index_run *r, struct err *e)
{
    char name[INDEX_NAME_BYTES];
    struct index_run *stored = NULL;
    if (sync_packs_of(v, r, e) || index_new_name(name, e) ||
        store_put(v->store, name, r->memory, (size_t)r->h.total_len, e) ||
        index_run_open(v->store, name, v->info.id, &stored, e))
        return -1;
    (void)pthread_rwlock_wrlock(&v->lock);
    struct index_run old = *r;
    uint32_t *map = stored->map;
    *r = *stored;
    r->map = old.map;
    r->used = old.used;
    *stored = old;
    stored->map = map;
    (void)pthread_rwlock_unlock(&v->lock);
    index_run_close(stored); /* now the old image */
    return 0;
}

/* ---- merging ------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const struct index_run *x = *(struct index_run *const *)a;
    const struct index_run *y = *(struct index_run *const *)b;
    return x->h.entry_count < y->h.entry_count ? -1 : x->h.entry_count > y->h.entry_count;
}

/* How many of the runs, ascending by size, go into one. */
static size_t how_many(struct index_run *const *runs, size_t count)
{
    uint64_t sum = 0;
    size_t n = 0;
    while (n < count && (count - n >= INDEX_RUNS_MAX || n < 2 || runs[n]->h.entry_count <= 2 * sum))
        sum += runs[n++]->h.entry_count;
    return n;
}

static bool is_among(struct index_run *const *runs, size_t count, const struct index_run *r)
{
    for (size_t i = 0; i < count; i++)
        if (runs[i] == r)
            return true;
    return false;
}

/* Gives the merged run the packs of those that went into it. */
static void take_over(struct vault *v, struct index_run *merged, struct index_run *const *parts,
                      size_t count)
{
    for (uint32_t i = 0; i < merged->h.pack_count; i++) {
        struct index_pack said;
        index_run_pack(merged, i, &said);
        merged->map[i] = pack_set_find(&v->packs, said.id);
    }
    merged->used = merged->h.pack_count;
    size_t kept = 0;
    for (size_t i = 0; i < v->run_count; i++)
        if (!is_among(parts, count, v->runs[i]))
            v->runs[kept++] = v->runs[i];
    v->runs[kept++] = merged; /* at least one went, so there is room */
    v->run_count = kept;
}

static int merge_runs(struct vault *v, struct index_run **parts, size_t count, struct err *e)
{
    char name[INDEX_NAME_BYTES];
    struct index_run *merged = NULL;
    for (size_t i = 0; i < count; i++)
        if (sync_packs_of(v, parts[i], e))
            return -1;
    if (index_new_name(name, e) || index_merge(v, parts, count, name, e) ||
        index_run_open(v->store, name, v->info.id, &merged, e))
        return -1;
    (void)pthread_rwlock_wrlock(&v->lock);
    take_over(v, merged, parts, count);
    (void)pthread_rwlock_unlock(&v->lock);
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->name[0])
            (void)!store_remove(v->store, parts[i]->name, NULL);
        index_run_close(parts[i]);
    }
    return 0;
}

/* A copy of the array: others may append to the original. */
static struct index_run **copy_runs(struct vault *v, size_t *count_out)
{
    (void)pthread_rwlock_rdlock(&v->lock);
    size_t count = v->run_count;
    struct index_run **runs = mem_dup(v->runs, count * sizeof(struct index_run *));
    (void)pthread_rwlock_unlock(&v->lock);
    *count_out = runs ? count : 0;
    return runs;
}

void index_maintain_locked(struct vault *v)
{
    size_t count;
    CLEANUP_FREE struct index_run **runs = copy_runs(v, &count);
    if (!runs)
        return;
    if (count > INDEX_RUNS_MAX) {
        qsort(runs, count, sizeof(struct index_run *), by_size);
        size_t n = how_many(runs, count);
        if (merge_runs(v, runs, n, NULL))
            n = 0;
        for (size_t i = 0; i < n; i++)
            runs[i] = NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (runs[i] && !runs[i]->name[0] && store_run(v, runs[i], NULL))
            break; /* read-only, or full: try again another time */
}

void index_maintain(struct vault *v)
{
    (void)pthread_mutex_lock(&v->maintain);
    index_maintain_locked(v);
    (void)pthread_mutex_unlock(&v->maintain);
}
