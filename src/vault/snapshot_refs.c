/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a snapshot needs, as its record says it, and as it is now: frames that
 * compaction moved are found where they are.
 */
#include "vault/record_read.h"
#include "vault/vault_internal.h"

#include <string.h>

int origins_ensure(struct vault *v, struct err *e)
{
    if (index_ensure(v, e))
        return -1;
    if (v->origins_refresh == v->refresh)
        return 0;
    origins_done(&v->origins);
    v->origins_refresh = 0;
    if (origins_load(v, &v->origins, e))
        return -1;
    v->origins_refresh = v->refresh;
    return 0;
}

int vault_snapshot_refs(struct vault *v, const struct snapshot *s, struct refset *out,
                        struct err *e)
{
    struct refset r;
    if (origins_ensure(v, e) || record_read_refs(v, s->seq, s->refs_hash, &r, e))
        return -1;
    if (origins_resolve(v, &v->origins, &r, e)) {
        refset_done(&r);
        return -1;
    }
    *out = r;
    return 0;
}

static const struct refset_pack *refset_find(const struct refset *r, const uint8_t *id)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(r->packs[middle].pack, id, ID_BYTES);
        if (order == 0)
            return &r->packs[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_held(const void *arg, const struct pack *p, const struct frame_loc *loc)
{
    const struct refset_pack *r = refset_find(arg, p->id);
    return r && loc->frame < r->frame_count && (r->bits[loc->frame / 8] >> (loc->frame % 8) & 1);
}

bool vault_refs_hold(struct vault *v, const struct refset *r, const uint8_t id[ID_BYTES])
{
    struct frame_loc loc;
    return index_find_any(v, id, is_held, r, &loc, NULL) > 0;
}

bool vault_snapshot_exists(struct vault *v, const struct snapshot *s)
{
    char name[RECORD_NAME_BYTES];
    struct store_reader *r = NULL;
    struct err why = ERR_INIT;
    record_name(s->seq, name);
    if (store_open(v->store, name, &r, &why))
        return why.cls != ERR_NOT_FOUND;
    store_reader_close(r);
    return true;
}
