/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing the index up to what the store holds. Nothing here is durable or
 * needed: any run may vanish or rot, and footers say the same.
 *
 * I1 A pack is described by exactly one run in use; others that mention it have
 *    PACK_NONE in their maps. So no look-up sees an entry twice.
 * I2 Runs are listed before packs. A run that another process stored meanwhile
 *    can then only be unknown, never look useless.
 * I3 A run that describes nothing is removed. Two processes that see the same
 *    runs choose the same ones, since the order is by size and name.
 * I5 Condemnations are read before packs are listed. So a listed pack that was
 *    condemned before is marked, and one whose condemnation is over is gone from
 *    the list, too.
 */
#include "base/mem.h"
#include "vault/condemned.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_TRIES 4

/* ---- runs ------------------------------------------------------------------------- */

/* Into a buffer of names, INDEX_NAME_BYTES each. */
static int gather(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct buf *names = arg;
    char padded[INDEX_NAME_BYTES] = {0};
    (void)len;
    if (strlen(name) >= sizeof padded)
        return 0; /* not made by this version */
    memcpy(padded, name, strlen(name));
    buf_put(names, padded, sizeof padded);
    return buf_check(names, "list of index runs", e);
}

static bool is_open(const struct vault *v, const char *name)
{
    for (size_t i = 0; i < v->run_count; i++)
        if (strcmp(v->runs[i]->name, name) == 0)
            return true;
    return false;
}

/* A damaged run is removed, so that it is not read again and again. */
static int open_run(struct vault *v, const char *name, bool *missing, struct err *e)
{
    struct index_run *run = NULL;
    struct err inner = ERR_INIT;
    if (index_run_open(v->store, name, v->info.id, &run, &inner) == 0)
        return index_append(v, run, e);
    if (inner.cls == ERR_NO_MEMORY)
        return err_give(e, &inner);
    if (inner.cls == ERR_NOT_FOUND)
        *missing = true;
    else if (inner.cls == ERR_DAMAGED)
        (void)!store_remove(v->store, name, NULL);
    return 0;
}

static int open_listed(struct vault *v, bool *missing, struct err *e)
{
    CLEANUP(buf_done) struct buf names = {0};
    if (store_list(v->store, "index", gather, &names, e))
        return -1;
    for (size_t at = 0; at < names.len; at += INDEX_NAME_BYTES) {
        const char *name = (const char *)names.data + at;
        if (!is_open(v, name) && open_run(v, name, missing, e))
            return -1;
    }
    return 0;
}

/* A run may be merged away between the list and the opening; then there is a
 * new one, and looking again is much cheaper than reading footers. */
static int open_runs(struct vault *v, struct err *e)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        bool missing = false;
        if (open_listed(v, &missing, e))
            return -1;
        if (!missing)
            break;
    }
    return 0;
}

static int compare_runs(const void *a, const void *b)
{
    const struct index_run *x = *(struct index_run *const *)a;
    const struct index_run *y = *(struct index_run *const *)b;
    if (x->h.pack_count != y->h.pack_count)
        return x->h.pack_count > y->h.pack_count ? -1 : 1;
    return -strcmp(x->name, y->name); /* stored ones before those in memory */
}

static void map_run(struct vault *v, struct index_run *r)
{
    r->used = 0;
    for (uint32_t i = 0; i < r->h.pack_count; i++) {
        struct index_pack said;
        index_run_pack(r, i, &said);
        uint32_t number = pack_set_find(&v->packs, said.id);
        r->map[i] = PACK_NONE;
        if (number == PACK_NONE)
            continue;
        struct pack *p = pack_set_at(&v->packs, number);
        if (p->seen != v->refresh || p->covered == v->refresh ||
            !pack_describe(p, &said))
            continue;
        p->covered = v->refresh;
        if (r->name[0])
            atomic_store(&p->unsynced, false); /* see index_store.c, I4 */
        r->map[i] = number;
        r->used++;
    }
}

static void map_runs(struct vault *v)
{
    if (v->run_count)
        qsort(v->runs, v->run_count, sizeof(struct index_run *), compare_runs);
    size_t kept = 0;
    for (size_t i = 0; i < v->run_count; i++) {
        struct index_run *r = v->runs[i];
        map_run(v, r);
        if (r->used) {
            v->runs[kept++] = r;
            continue;
        }
        if (r->name[0])
            (void)!store_remove(v->store, r->name, NULL);
        index_run_close(r);
    }
    v->run_count = kept;
}

/* ---- packs ------------------------------------------------------------------------- */

static int see_pack(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct vault *v = arg;
    uint8_t id[ID_BYTES];
    uint32_t number;
    if (!pack_name_decode(name, id))
        return 0; /* not a pack; vault_check reports it */
    if (pack_set_add(&v->packs, id, &number, e))
        return -1;
    pack_set_at(&v->packs, number)->seen = v->refresh;
    pack_set_at(&v->packs, number)->len = len;
    return 0;
}

static int refresh_locked(struct vault *v, struct damage *d, struct err *e)
{
    struct damage ignored = {0};
    CLEANUP(condemned_done) struct condemned condemned = {0};
    v->refresh++;
    if (open_runs(v, e) || condemned_read(v, &ignored, &condemned, e) ||
        store_list(v->store, "packs", see_pack, v, e))
        return -1;
    condemned_mark(v, &condemned);
    map_runs(v);
    return index_read_footers(v, d, e);
}

int vault_refresh(struct vault *v, vault_damage *damaged, void *arg, struct err *e)
{
    struct damage d = {.each = damaged, .arg = arg};
    (void)pthread_mutex_lock(&v->maintain);
    (void)pthread_rwlock_wrlock(&v->lock);
    int rc = refresh_locked(v, &d, e);
    atomic_store(&v->loaded, rc == 0);
    (void)pthread_rwlock_unlock(&v->lock);
    if (!rc)
        index_maintain_locked(v);
    (void)pthread_mutex_unlock(&v->maintain);
    return rc;
}

int index_ensure(struct vault *v, struct err *e)
{
    if (atomic_load_explicit(&v->loaded, memory_order_acquire))
        return 0;
    return vault_refresh(v, NULL, NULL, e);
}

void index_close(struct vault *v)
{
    for (size_t i = 0; i < v->run_count; i++)
        index_run_close(v->runs[i]);
    mem_free(v->runs);
}
