/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair of packs: each is read whole, and what is not what its name says is mended
 * by its parity, or by the same pack under another name. Before them, the objects
 * that vouch for everything (repair_objects.c).
 *
 * H5 Nothing is replaced but by a pack that verifies, whole, under that name.
 * H6 What cannot be mended keeps every byte that it has.
 * H7 What lies under another pack's name has a spare before that name gets its own
 *    pack: two packs that were exchanged are each other's only copy (H9).
 * H8 A pack that says it is of a newer format stays where and as it is, unless what
 *    its parity makes of it is the pack that its name says: then only the bytes that
 *    said so were damaged.
 */
#include "vault/repair_internal.h"

#include "base/mem.h"
#include "vault/condemned.h"
#include "vault/parity.h"

#include <stdio.h>
#include <string.h>

/* A pack that parity could not mend. */
struct lost {
    uint8_t id[ID_BYTES];
    bool is_other;           /* its bytes are a sound pack, of another name: */
    uint8_t other[ID_BYTES];
    char why[ERR_MESSAGE_BYTES];
    bool found; /* elsewhere, and there is a spare of it */
};

struct repair {
    struct vault *v;
    const struct vault_repair_options *o;
    struct vault_repair_result r;
    struct buf ids; /* of packs that are there */
    struct lost *lost;
    size_t count, cap;
    bool exchanged; /* what lay under other names was copied; before that, it stays */
};

void repair_tell(vault_damage *to, void *arg, const char *object, const char *message)
{
    if (to)
        to(arg, object, message);
}

int repair_replace(struct vault *v, const char *name, const struct buf *b, struct err *e)
{
    struct store_writer *w;
    char dir[PARITY_NAME_BYTES];
    const char *slash = strrchr(name, '/');
    (void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - name) : 0, name);
    if (store_create(v->store, &w, e))
        return -1;
    if (store_write(w, 0, b->data, b->len, e)) {
        store_writer_abort(w);
        return -1;
    }
    return store_writer_replace(w, name, e) || store_sync(v->store, dir, e) ? -1 : 0;
}

/* Nothing needs it any more; whatever it is like, it goes soon. */
static bool is_swept(struct vault *v, const uint8_t *id)
{
    uint32_t number = pack_set_find(&v->packs, id);
    return number != PACK_NONE && pack_set_at(&v->packs, number)->swept;
}

static int list_pack(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    struct repair *r = arg;
    uint8_t id[ID_BYTES];
    (void)len_bytes;
    if (pack_name_decode(name, id) && !is_swept(r->v, id))
        buf_put(&r->ids, id, ID_BYTES);
    return buf_check(&r->ids, "the list of packs", e);
}

static int note_lost(struct repair *r, const uint8_t *id, const uint8_t *other, const char *why,
                     struct err *e)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 16;
        struct lost *l = mem_realloc(r->lost, cap, sizeof *l);
        if (!l)
            return err_no_memory(e, "damaged packs");
        r->lost = l;
        r->cap = cap;
    }
    struct lost *n = &r->lost[r->count++];
    *n = (struct lost){.is_other = other != NULL};
    memcpy(n->id, id, ID_BYTES);
    if (other)
        memcpy(n->other, other, ID_BYTES);
    (void)snprintf(n->why, sizeof n->why, "%s", why);
    return 0;
}

/* ---- replacing ------------------------------------------------------------------------- */

static int replace_pack(struct repair *r, const uint8_t *id, const struct buf *b, struct err *e)
{
    char name[PACK_NAME_BYTES];
    pack_name(id, name);
    return repair_replace(r->v, name, b, e);
}

/* ---- parity of a sound pack ------------------------------------------------------------------ */

static int see_to_parity(struct repair *r, const uint8_t *id, const struct buf *pack,
                         struct err *e)
{
    CLEANUP(buf_done) struct buf want = {.max = PARITY_OBJECT_MAX}, have = {.max = PARITY_OBJECT_MAX};
    char name[PARITY_NAME_BYTES];
    struct err why = ERR_INIT;
    struct parity_head h;
    parity_name(id, name);
    int rc = object_salvage(r->v->store, name, PARITY_OBJECT_MAX, &have, &why);
    if (rc && why.cls == ERR_NO_MEMORY)
        return err_give(e, &why);
    bool missing = rc && why.cls == ERR_NOT_FOUND;
    if (!rc && parity_head_decode(have.data, have.len, &h, &why) && why.cls == ERR_NEWER)
        return 0; /* not ours to judge */
    if (parity_of(r->v, id, pack, &want, e))
        return -1;
    if (!rc && have.len == want.len && memcmp(have.data, want.data, want.len) == 0)
        return 0;
    if (repair_replace(r->v, name, &want, e))
        return -1;
    r->r.parity_made += missing;
    r->r.parity_mended += !missing;
    if (!missing)
        repair_tell(r->o->mended, r->o->arg, name, "was damaged: made again from its pack");
    return 0;
}

/* ---- one pack ------------------------------------------------------------------------------------ */

static bool is_pack(struct repair *r, const struct buf *b, const uint8_t *id, uint8_t *found,
                    bool *sound, struct err *why)
{
    *sound = pack_verify(r->v, b->data, b->len, found, why) == 0;
    return *sound && memcmp(found, id, ID_BYTES) == 0;
}

/* 1 if `whole` is now the pack that `id` names; else `why` says what is missing. */
static int by_parity(struct repair *r, const uint8_t *id, const struct buf *damaged,
                     struct buf *whole, uint32_t *blocks_out, struct err *why)
{
    CLEANUP(buf_done) struct buf p = {.max = PARITY_OBJECT_MAX};
    char name[PARITY_NAME_BYTES];
    struct parity_head h;
    uint8_t found[ID_BYTES];
    parity_name(id, name);
    if (object_salvage(r->v->store, name, PARITY_OBJECT_MAX, &p, why))
        return why->cls == ERR_NO_MEMORY  ? -1
               : why->cls == ERR_NOT_FOUND ? (err_set(why, ERR_DAMAGED, "it has no parity"), 0)
                                           : 0;
    if (parity_head_decode(p.data, p.len, &h, why))
        return 0;
    if (memcmp(h.pack, id, ID_BYTES) != 0)
        return err_set(why, ERR_DAMAGED, "the parity of that name is another pack's"), 0;
    uint8_t *to = buf_reserve(whole, (size_t)h.pack_len);
    if (!to)
        return err_no_memory(why, "a pack");
    size_t have = damaged->len < h.pack_len ? damaged->len : (size_t)h.pack_len;
    memcpy(to, damaged->data, have);
    memset(to + have, 0, (size_t)h.pack_len - have);
    buf_added(whole, (size_t)h.pack_len);
    if (parity_mend(p.data, p.len, to, blocks_out, why))
        return why->cls == ERR_NO_MEMORY ? -1 : 0;
    if (pack_verify(r->v, whole->data, whole->len, found, why))
        return 0;
    if (memcmp(found, id, ID_BYTES) != 0)
        return err_set(why, ERR_DAMAGED, "its parity leads to another pack"), 0;
    return 1;
}

/* H8 */
static int skip(struct repair *r, const uint8_t *id, const struct err *why)
{
    char name[PACK_NAME_BYTES];
    pack_name(id, name);
    r->r.skipped++;
    repair_tell(r->o->skipped, r->o->arg, name, why->msg);
    return 0;
}

static int mend(struct repair *r, const uint8_t *id, const struct buf *damaged,
                const uint8_t *other, const struct err *first, struct err *e)
{
    CLEANUP(buf_done) struct buf whole = {.max = PARITY_PACK_MAX};
    char name[PACK_NAME_BYTES], text[ERR_MESSAGE_BYTES];
    struct err why = ERR_INIT;
    uint32_t blocks = 0;
    if (other && !r->exchanged) /* H7: it may be the only copy */
        return note_lost(r, id, other, "holds another pack", e);
    int rc = by_parity(r, id, damaged, &whole, &blocks, &why);
    if (rc < 0)
        return err_give(e, &why);
    if (rc == 0 && first->cls == ERR_NEWER)
        return skip(r, id, first);
    if (rc == 0) {
        (void)snprintf(text, sizeof text, "%.300s; cannot be mended: %.300s",
                       other ? "holds another pack" : first->msg, why.msg);
        return note_lost(r, id, other, text, e);
    }
    if (replace_pack(r, id, &whole, e))
        return -1;
    pack_name(id, name);
    (void)snprintf(text, sizeof text, "mended by its parity: %u block%s of %u bytes", blocks,
                   blocks == 1 ? "" : "s", PARITY_BLOCK_BYTES);
    repair_tell(r->o->mended, r->o->arg, name, text);
    r->r.packs_mended++;
    r->r.bytes_mended += (uint64_t)blocks * PARITY_BLOCK_BYTES;
    return see_to_parity(r, id, &whole, e);
}

static bool is_there(struct repair *r, const uint8_t *id);

static int repair_pack(struct repair *r, const uint8_t *id, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = PARITY_PACK_MAX + 1};
    char name[PACK_NAME_BYTES];
    uint8_t found[ID_BYTES];
    bool sound;
    struct err why = ERR_INIT;
    pack_name(id, name);
    if (object_salvage(r->v->store, name, PARITY_PACK_MAX, &b, &why)) {
        if (why.cls == ERR_NO_MEMORY)
            return err_give(e, &why);
        if (why.cls == ERR_LIMIT)
            return 0; /* no parity is ever made for it: the check says how it is */
        return note_lost(r, id, NULL, why.msg, e);
    }
    r->r.packs++;
    if (is_pack(r, &b, id, found, &sound, &why))
        return see_to_parity(r, id, &b, e);
    /* One flipped bit of a header also makes a pack of another name: only a name
     * that the vault has, or has parity for, is believed. */
    bool known = sound && (is_there(r, found) || parity_exists(r->v, found));
    return mend(r, id, &b, known ? found : NULL, &why, e);
}

static int repair_all(struct repair *r, struct err *e)
{
    struct progress *p = r->o->progress;
    if (p)
        atomic_store(&p->items_total, r->ids.len / ID_BYTES);
    for (size_t at = 0; at < r->ids.len; at += ID_BYTES) {
        if (p && progress_cancelled(p))
            return err_set(e, ERR_CANCELLED, "interrupted; what was mended stays mended");
        if (repair_pack(r, r->ids.data + at, e))
            return -1;
        if (p)
            progress_add(&p->items, 1);
    }
    return 0;
}

/* ---- packs under other names (H7) ------------------------------------------------------------------- */

static int make_spare(struct repair *r, const uint8_t *id, const uint8_t *from, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = PARITY_PACK_MAX + 1};
    char name[PACK_NAME_BYTES];
    pack_name(from, name);
    if (object_salvage(r->v->store, name, PARITY_PACK_MAX, &b, e))
        return -1;
    return spare_put(r->v, id, &b, e);
}

static struct lost *holder_of(struct repair *r, const uint8_t *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->lost[i].is_other && memcmp(r->lost[i].other, id, ID_BYTES) == 0)
            return &r->lost[i];
    return NULL;
}

static bool is_there(struct repair *r, const uint8_t *id)
{
    for (size_t at = 0; at < r->ids.len; at += ID_BYTES)
        if (memcmp(r->ids.data + at, id, ID_BYTES) == 0)
            return true;
    return false;
}

/* A pack that is gone, but lies under another name, is lost, too. */
static int add_absent(struct repair *r, struct err *e)
{
    for (size_t i = 0, n = r->count; i < n; i++) {
        struct lost *l = &r->lost[i];
        uint8_t id[ID_BYTES];
        memcpy(id, l->other, ID_BYTES);
        if (!l->is_other || is_there(r, id))
            continue;
        if (note_lost(r, id, NULL, "missing", e))
            return -1;
        buf_put(&r->ids, id, ID_BYTES);
    }
    return buf_check(&r->ids, "the list of packs", e);
}

/* Out of its spare, into its place. */
static int put_spare(struct repair *r, const uint8_t *id, const char *what, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[PACK_NAME_BYTES];
    pack_name(id, name);
    if (spare_get(r->v, id, &b, e) || repair_replace(r->v, name, &b, e))
        return -1;
    r->r.packs_mended++;
    repair_tell(r->o->mended, r->o->arg, name, what);
    return see_to_parity(r, id, &b, e);
}

static void drop_lost(struct repair *r, size_t at)
{
    r->count--;
    memmove(&r->lost[at], &r->lost[at + 1], (r->count - at) * sizeof *r->lost);
}

/* A repair that was cut off may have left the only copy of a pack. */
static int add_spares(struct repair *r, const struct buf *spares, struct err *e)
{
    for (size_t at = 0; at < spares->len; at += ID_BYTES) {
        const uint8_t *id = spares->data + at;
        if (is_there(r, id))
            continue;
        if (note_lost(r, id, NULL, "missing", e))
            return -1;
        buf_put(&r->ids, id, ID_BYTES);
    }
    return buf_check(&r->ids, "the list of packs", e);
}

static bool has_spare(struct repair *r, const uint8_t *id)
{
    CLEANUP(buf_done) struct buf b = {0};
    return spare_get(r->v, id, &b, NULL) == 0;
}

/* All spares, before the first place is written over. */
static int find_spares(struct repair *r, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        struct lost *l = &r->lost[i];
        const struct lost *from = holder_of(r, l->id);
        l->found = has_spare(r, l->id);
        if (l->found || !from)
            continue;
        if (make_spare(r, l->id, from->id, e))
            return -1;
        l->found = true;
    }
    return 0;
}

static int exchange(struct repair *r, struct err *e)
{
    CLEANUP(buf_done) struct buf spares = {0};
    if (spare_list(r->v, &spares, e) || add_spares(r, &spares, e) || add_absent(r, e) ||
        find_spares(r, e))
        return -1;
    for (size_t i = r->count; i-- > 0;) {
        uint8_t id[ID_BYTES];
        memcpy(id, r->lost[i].id, ID_BYTES);
        if (!r->lost[i].found)
            continue;
        if (put_spare(r, id, "was found whole under another pack's name", e))
            return -1;
        spare_drop(r->v, id);
        drop_lost(r, i);
    }
    for (size_t at = 0; at < spares.len; at += ID_BYTES) /* of packs that are sound */
        spare_drop(r->v, spares.data + at);
    r->exchanged = true;
    return 0;
}

/* What held another pack, and was not found elsewhere: now parity may have it. */
static int mend_holders(struct repair *r, struct err *e)
{
    for (size_t i = 0, left = r->count; left; left--) {
        uint8_t id[ID_BYTES];
        memcpy(id, r->lost[i].id, ID_BYTES);
        if (!r->lost[i].is_other) {
            i++;
            continue;
        }
        drop_lost(r, i);
        r->r.packs--; /* counted again */
        if (repair_pack(r, id, e))
            return -1;
    }
    return 0;
}

/* ---- what stays damaged ---------------------------------------------------------------------------------- */

static bool names_lost(const struct repair *r, const struct condemnation *c)
{
    if (c->pack_count != r->count)
        return false;
    for (size_t i = 0; i < r->count; i++)
        if (memcmp(c->packs + i * ID_BYTES, r->lost[i].id, ID_BYTES) != 0)
            return false;
    return true;
}

/* One condemnation of what is lost now, in the place of those of earlier repairs. */
static int set_aside(struct repair *r, struct err *e)
{
    struct damage ignored = {0};
    CLEANUP(condemned_done) struct condemned l = {0};
    CLEANUP(buf_done) struct buf packs = {0};
    if (condemned_read(r->v, &ignored, &l, e))
        return -1;
    bool said = r->count == 0;
    size_t before = l.count;
    for (size_t i = 0; i < r->count && i < CONDEMN_PACKS_MAX; i++)
        buf_put(&packs, r->lost[i].id, ID_BYTES);
    if (buf_check(&packs, "damaged packs", e))
        return -1;
    for (size_t i = 0; i < before && !said; i++)
        said = l.items[i].c.stage == CONDEMN_DAMAGED && names_lost(r, &l.items[i].c);
    if (said && r->count)
        return 0;
    struct condemnation c = {.stage = CONDEMN_DAMAGED,
                             .pack_count = (uint32_t)(packs.len / ID_BYTES), .packs = packs.data};
    if (r->count && condemned_put(r->v, &l, &c, e))
        return -1;
    for (size_t i = before; i-- > 0;)
        if (l.items[i].c.stage == CONDEMN_DAMAGED && condemned_drop(r->v, &l, i, e))
            return -1;
    return 0;
}

/* ---- by a replica -------------------------------------------------------------------------------------- */

static bool has_come(const struct buf *came, const uint8_t *id)
{
    for (size_t at = 0; at < came->len; at += ID_BYTES)
        if (memcmp(came->data + at, id, ID_BYTES) == 0)
            return true;
    return false;
}

static int take_from_replica(struct repair *r, struct err *e)
{
    CLEANUP(buf_done) struct buf lost = {0};
    CLEANUP(buf_done) struct buf came = {0};
    for (size_t i = 0; i < r->count; i++)
        buf_put(&lost, r->lost[i].id, ID_BYTES);
    if (buf_check(&lost, "damaged packs", e) ||
        replica_packs(r->v, r->o->replica, &lost, r->o, &r->r, &came, e) ||
        buf_check(&came, "packs", e))
        return -1;
    for (size_t at = 0; at < came.len; at += ID_BYTES) {
        char name[PACK_NAME_BYTES];
        pack_name(came.data + at, name);
        repair_tell(r->o->mended, r->o->arg, name, "taken from the replica");
    }
    for (size_t i = r->count; i-- > 0;)
        if (has_come(&came, r->lost[i].id))
            drop_lost(r, i);
    return 0;
}

static void tell_lost(struct repair *r)
{
    r->r.packs_lost = r->count;
    for (size_t i = 0; i < r->count; i++) {
        char name[PACK_NAME_BYTES];
        pack_name(r->lost[i].id, name);
        repair_tell(r->o->damaged, r->o->arg, name, r->lost[i].why);
    }
}

int vault_repair(struct vault *v, const struct vault_repair_options *o,
                 struct vault_repair_result *out, struct err *e)
{
    struct repair r = {.v = v, .o = o, .ids = {.max = (size_t)1 << 30}};
    struct store_lease *lease = NULL;
    if ((o->replica && vault_check_replicas(v, o->replica, e)) ||
        store_lease_take(v->store, "gc", &lease, e))
        return -1;
    /* Sessions are verified by certificates: missing ones come first. */
    int rc = (o->replica && replica_missing(v, o->replica, o, &r.r, e)) ||
                     repair_objects(v, o, &r.r, e) || vault_refresh(v, NULL, NULL, e) ||
                     store_list(v->store, "packs", list_pack, &r, e) ||
                     repair_all(&r, e) || exchange(&r, e) || mend_holders(&r, e) ||
                     (o->replica && take_from_replica(&r, e)) || set_aside(&r, e)
                 ? -1
                 : 0;
    store_lease_drop(lease);
    if (!rc) {
        tell_lost(&r);
        *out = r.r;
    }
    mem_free(r.lost);
    buf_done(&r.ids);
    /* Packs may be whole again that the index left out, or that are open. */
    reader_cache_forget(v->readers);
    return rc ? -1 : vault_refresh(v, NULL, NULL, e);
}
