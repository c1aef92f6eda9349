/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of snapshots: every record that can be trusted.
 *
 * A record is trusted if both its parts are. A part is trusted if its own
 * signature verifies, or if a trusted later record holds its hash as its
 * predecessor: the keeper's parts form one chain, each writer's parts another,
 * and whoever signed the later one vouched for the earlier one. So a list of
 * ten thousand records costs a signature or two per writer, not per record.
 * vault_check verifies each signature by itself.
 *
 * S1 Newest first: a chain is only ever followed from a trusted record.
 * S2 A writer's chain vouches only for records of the same writer.
 */
#include "base/mem.h"
#include "vault/record_read.h"

#include <string.h>

/* What a writer's newest trusted record, so far, says about the one before. */
struct chain {
    uint8_t writer[UID_BYTES];
    uint8_t previous[ID_BYTES];
};

struct walk {
    struct vault *v;
    struct damage damage;
    struct record record;
    uint8_t k_previous[HASH_BYTES]; /* of the trusted record above; zeros: none */
    struct chain *chains;
    size_t chain_count;
    struct snapshot_list list; /* newest first */
    size_t cap;
};

void snapshot_list_done(struct snapshot_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        mem_free(l->items[i].tags);
        mem_free(l->items[i].root);
    }
    mem_free(l->items);
    *l = (struct snapshot_list){0};
}

static int copy_tags(const struct record_w *w, struct snapshot *s, struct err *e)
{
    if (!w->tag_count)
        return 0;
    s->tags = mem_array(w->tag_count, sizeof *s->tags);
    if (!s->tags)
        return err_no_memory(e, "a snapshot's tags");
    struct cursor c = cursor_of(w->tags, w->tags_len);
    for (size_t i = 0; i < w->tag_count; i++) {
        size_t len;
        const uint8_t *p = cursor_blob(&c, RECORD_TAG_BYTES, &len);
        if (p)
            memcpy(s->tags[i], p, len);
    }
    s->tag_count = w->tag_count;
    return 0;
}

int snapshot_of_record(const struct record *r, struct snapshot *out, struct err *e)
{
    const struct record_w *w = &r->w;
    struct snapshot s = {
        .seq = r->sequence,
        .received_ns = r->k.received_ns,
        .client_time_ns = w->client_time_ns,
        .writer_seq = w->sequence,
        .files = w->files,
        .bytes = w->bytes,
        .added_bytes = w->added_bytes,
        .suspicion = w->suspicion,
        .incomplete = w->flags & RECORD_INCOMPLETE,
        .root_nonce = w->root_nonce,
        .root_len = w->root_len,
    };
    memcpy(s.id, r->id, ID_BYTES);
    memcpy(s.writer, w->writer, UID_BYTES);
    memcpy(s.session, w->session, UID_BYTES);
    memcpy(s.group, w->group, UID_BYTES);
    memcpy(s.machine, w->machine, w->machine_len);
    memcpy(s.root_id, w->root_id, ID_BYTES);
    memcpy(s.refs_hash, w->refs_hash, HASH_BYTES);
    s.root = mem_dup(w->root, w->root_len);
    if (!s.root)
        return err_no_memory(e, "a snapshot's root");
    if (copy_tags(w, &s, e)) {
        mem_free(s.root);
        return -1;
    }
    *out = s;
    return 0;
}

/* ---- trust --------------------------------------------------------------------------- */

static struct chain *chain_of(struct walk *w, const uint8_t *writer)
{
    for (size_t i = 0; i < w->chain_count; i++)
        if (memcmp(w->chains[i].writer, writer, UID_BYTES) == 0)
            return &w->chains[i];
    return NULL;
}

static int chain_follow(struct walk *w, struct err *e)
{
    const struct record_w *said = &w->record.w;
    struct chain *c = chain_of(w, said->writer);
    if (!c) {
        struct chain *chains = mem_realloc(w->chains, w->chain_count + 1, sizeof *chains);
        if (!chains)
            return err_no_memory(e, "the list of snapshots");
        w->chains = chains;
        c = &chains[w->chain_count++];
        memcpy(c->writer, said->writer, UID_BYTES);
    }
    memcpy(c->previous, said->previous, ID_BYTES);
    return 0;
}

static int trust(struct walk *w, struct err *e)
{
    const struct record *r = &w->record;
    const struct chain *c = chain_of(w, r->w.writer);
    if (memcmp(r->k_hash, w->k_previous, HASH_BYTES) != 0 && record_verify_keeper(w->v, r, e))
        return -1;
    if (c && memcmp(c->previous, r->id, ID_BYTES) == 0)
        return 0;
    return record_verify_writer(w->v, r, e);
}

/* ---- the list ---------------------------------------------------------------------------- */

static int append(struct walk *w, struct err *e)
{
    if (w->list.count == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct snapshot *items = mem_realloc(w->list.items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "the list of snapshots");
        w->list.items = items;
        w->cap = cap;
    }
    if (snapshot_of_record(&w->record, &w->list.items[w->list.count], e))
        return -1;
    w->list.count++;
    return 0;
}

/* -1 only if the list cannot go on. */
static int visit(struct walk *w, uint64_t sequence, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    struct err inner = ERR_INIT;
    record_name(sequence, name);
    if (record_read(w->v, sequence, &w->record, &inner) == 0 && trust(w, &inner) == 0) {
        memcpy(w->k_previous, w->record.k.previous, HASH_BYTES);
        return chain_follow(w, e) ? -1 : append(w, e);
    }
    memset(w->k_previous, 0, HASH_BYTES);
    if (inner.cls == ERR_NO_MEMORY) {
        if (e)
            *e = inner;
        return -1;
    }
    if (inner.cls != ERR_NOT_FOUND) /* else it went while we read */
        damage_report(&w->damage, name, inner.msg);
    return 0;
}

static void reverse(struct snapshot_list *l)
{
    for (size_t i = 0; i < l->count / 2; i++) {
        struct snapshot t = l->items[i];
        l->items[i] = l->items[l->count - 1 - i];
        l->items[l->count - 1 - i] = t;
    }
}

int vault_snapshots(struct vault *v, struct snapshot_list *out, vault_damage *damaged, void *arg,
                    struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    struct walk w = {.v = v, .damage = {.each = damaged, .arg = arg}};
    if (record_list(v, &all, e))
        return -1;
    int rc = 0;
    for (size_t i = all.count; !rc && i-- > 0;)
        rc = visit(&w, all.items[i], e);
    record_done(&w.record);
    mem_free(w.chains);
    if (rc) {
        snapshot_list_done(&w.list);
        return -1;
    }
    reverse(&w.list);
    *out = w.list;
    return 0;
}

static int load_origins(struct vault *v, struct err *e)
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
    if (load_origins(v, e) || record_read_refs(v, s->seq, s->refs_hash, &r, e))
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
