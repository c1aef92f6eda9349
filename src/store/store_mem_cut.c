/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts of a memory store: what a disk would have, as a new store.
 *
 * A directory whose entry is lost takes everything below with it, synced or
 * not. A name that was removed or committed and not synced is either as it was
 * at the last sync or as it was seen; a coin decides for each, which no real
 * disk forbids and few do. Nothing in the result is unsynced.
 */
#include "store/store_mem.h"

#include "base/mem.h"

#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014): one call, one well mixed number. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct cut {
    enum store_cut kind;
    uint64_t random;
    struct mem_store *to;
};

static bool keeps_unsynced(struct cut *c)
{
    switch (c->kind) {
    case STORE_CUT_KEPT: return true;
    case STORE_CUT_MIXED:
    case STORE_CUT_LIED: return next_random(&c->random) & 1;
    default: return false;
    }
}

static bool parent_survived(const struct cut *c, const char *path)
{
    char parent[STORE_NAME_MAX + 1];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    memcpy(parent, path, len);
    parent[len] = '\0';
    return mem_dir_exists(c->to, parent);
}

/* A copy of `o` as a disk may give it back that never wrote it. */
static struct mem_object *garble(struct cut *c, const struct mem_object *o)
{
    CLEANUP_FREE uint8_t *data = mem_dup(o->data, o->len);
    if (!data)
        return NULL;
    size_t keep = o->len ? (size_t)(next_random(&c->random) % o->len) : 0;
    bool zeroed = next_random(&c->random) & 1;
    if (zeroed)
        memset(data + keep, 0, o->len - keep);
    struct mem_object *garbled = mem_object_new(data, zeroed ? o->len : keep);
    if (garbled)
        data = NULL;
    return garbled;
}

static int cut_name(struct cut *c, const struct mem_name *n, struct err *e)
{
    bool unsynced = n->now != n->durable;
    struct mem_object *survivor = unsynced && keeps_unsynced(c) ? n->now : n->durable;
    if (!survivor || !parent_survived(c, n->name) || mem_dir_exists(c->to, n->name))
        return 0;
    struct mem_object *o = unsynced && survivor == n->now && c->kind == STORE_CUT_LIED
                               ? garble(c, survivor)
                               : mem_object_ref(survivor);
    if (!o)
        return err_no_memory(e, "an object");
    if (mem_name_put(c->to, n->name, o, mem_object_ref(o), e)) {
        mem_object_unref(o);
        mem_object_unref(o);
        return -1;
    }
    return 0;
}

static int cut_locked(struct cut *c, const struct mem_store *from, struct err *e)
{
    for (size_t i = 0; i < from->dir_count; i++) {
        const struct mem_dir *d = &from->dirs[i];
        if (!d->durable && !keeps_unsynced(c))
            continue;
        if (parent_survived(c, d->path) && mem_dir_put(c->to, d->path, true, e))
            return -1;
    }
    for (size_t i = 0; i < from->name_count; i++)
        if (cut_name(c, &from->names[i], e))
            return -1;
    return 0;
}

int store_mem_power_cut(struct store *base, uint64_t seed, enum store_cut kind, struct store **out,
                        struct err *e)
{
    if (base->impl != &store_mem_impl)
        return err_set(e, ERR_USAGE, "only a memory store can have its power cut");
    struct store *to;
    if (store_mem_open(&to, e))
        return -1;
    struct cut c = {.kind = kind, .random = seed, .to = mem_store_of(to)};
    struct mem_store *from = mem_store_of(base);
    (void)pthread_mutex_lock(&from->lock);
    int rc = cut_locked(&c, from, e);
    (void)pthread_mutex_unlock(&from->lock);
    if (rc) {
        store_close(to);
        return -1;
    }
    *out = to;
    return 0;
}
