/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_world.h"

#include "base/mem.h"
#include "vault/record_format.h"

#include <string.h>

const struct gc_options at_once = {
    .max_unused = 0.05, .max_rewrite = UINT64_MAX, .clock = {.why = POLICY_CLOCK_TRUSTED, .now_ns = 1000}};

void kept_newest(struct vault *v, struct kept *out)
{
    struct snapshot_list l = {0};
    assert_ok(vault_snapshots(v, &l, NULL, NULL, e));
    assert_true(l.count > 0);
    memcpy(out->id, l.items[l.count - 1].id, ID_BYTES);
    out->seq = l.items[l.count - 1].seq;
    snapshot_list_done(&l);
}

struct kept keep(struct world *w, int writer, uint64_t from, uint64_t to)
{
    struct kept k = {0};
    backup(w, writer, from, to);
    for (uint64_t n = from; n < to; n++)
        k.has[n] = true;
    kept_newest(w->v, &k);
    return k;
}

void expire(struct world *w, const struct kept *k)
{
    char name[RECORD_NAME_BYTES];
    record_name(k->seq, name);
    object_free(w->store, name);
    assert_ok(store_sync(w->store, "snapshots", e));
}

static const struct snapshot *find(const struct snapshot_list *l, const uint8_t *id)
{
    for (size_t i = 0; i < l->count; i++)
        if (memcmp(l->items[i].id, id, ID_BYTES) == 0)
            return &l->items[i];
    return NULL;
}

void assert_kept(struct vault *v, const struct kept *k)
{
    struct snapshot_list l = {0};
    struct refset refs;
    assert_ok(vault_refresh(v, NULL, NULL, e));
    assert_ok(vault_snapshots(v, &l, NULL, NULL, e));
    const struct snapshot *s = find(&l, k->id);
    assert_non_null(s);
    assert_ok(vault_snapshot_refs(v, s, &refs, e));
    for (uint64_t n = 0; n < CHUNKS; n++) {
        uint8_t id[ID_BYTES];
        chunk_id(n, id);
        if (!k->has[n])
            continue;
        if (!chunk_reads(v, n))
            fail_msg("snapshot %llu: chunk %llu is lost", (unsigned long long)k->seq,
                     (unsigned long long)n);
        if (!vault_refs_hold(v, &refs, id))
            fail_msg("snapshot %llu: its set does not hold chunk %llu",
                     (unsigned long long)k->seq, (unsigned long long)n);
    }
    refset_done(&refs);
    snapshot_list_done(&l);
}

bool chunk_is_there(struct vault *v, uint64_t number)
{
    uint8_t id[ID_BYTES];
    struct frame_loc loc;
    chunk_id(number, id);
    assert_ok(vault_refresh(v, NULL, NULL, e));
    return vault_find(v, id, &loc);
}

void assert_sound(struct vault *v)
{
    struct reports r = {0};
    struct vault_check_stats stats;
    assert_ok(vault_check(v, report, &r, &stats, e));
    if (r.count)
        fail_msg("%s: %s", r.object, r.message);
}

struct gc_result collect(struct world *w)
{
    struct gc_result r = {0};
    assert_ok(vault_gc(w->v, &at_once, &r, e));
    return r;
}

uint64_t pack_count(struct world *w)
{
    size_t count;
    mem_free(names_below(w->store, "packs", &count));
    return count;
}

/* ---- replicas ------------------------------------------------------------------------- */

static int fill(void *arg, struct vault *v, struct err *e)
{
    uint64_t objects;
    struct world *of = arg;
    return vault_copy_objects(of->v, v, &objects, e);
}

void replica_in(struct world *of, struct store *s, struct world *out)
{
    struct vault_info info = *vault_get_info(of->v);
    *out = *of;
    out->store = s;
    out->v = NULL;
    assert_ok(vault_create_replica(s, &info, &of->owner, fill, of, e));
    assert_ok(vault_open(s, &out->v, e));
}

void replica(struct world *of, struct world *out)
{
    struct store *s;
    assert_ok(store_mem_open(&s, e));
    replica_in(of, s, out);
}
