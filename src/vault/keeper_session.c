/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer's session, on the keeper's side of a wire: its key comes, it begins, its packs arrive
 * (arrival.c), its snapshot is received.
 *
 * V4 The lease is taken before condemnations are read, and what was condemned then must not be
 *    referred to; what is condemned later waits for the lease (gc.c). A session that lost its lease
 *    (the server was restarted) begins again, and V4 holds from there.
 * V5 A reference counts only into a pack that is here now, of the right number of frames, in the
 *    writer's scope (scope.c). So no writer can keep alive, or build upon, what another stored.
 * V6 The writer's chain goes on from his last record here; the same record twice is received once.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/condemned.h"
#include "vault/keeper.h"
#include "vault/object_kinds.h"
#include "vault/reception.h"
#include "vault/record_format.h"
#include "vault/refset_format.h"

#include <string.h>

struct keeper_session {
    struct vault *vault;
    uint8_t writer[UID_BYTES], id[UID_BYTES];
    struct store_lease *lease;
    struct condemned condemned; /* V4 */
    struct scope *scope;
};

int keeper_put_session(struct vault *v, const uint8_t writer[UID_BYTES], const uint8_t *envelope,
                       size_t len, uint8_t session_out[UID_BYTES], struct err *e)
{
    struct envelope n;
    uint8_t signer[UID_BYTES];
    char name[2 * UID_BYTES + 1];
    struct err why = ERR_INIT;
    if (revoked_check(v, writer, e) || envelope_decode(envelope, len, &n, e) ||
        envelope_verify(v, n.session, envelope, len, signer, e))
        return -1;
    if (memcmp(signer, writer, UID_BYTES) != 0)
        return err_set(e, ERR_REFUSED, "the session's key is another writer's");
    hex_encode(n.session, UID_BYTES, name);
    if (vault_put(v, VAULT_SESSION, name, envelope, len, &why)) {
        CLEANUP(buf_done) struct buf there = {0};
        if (why.cls != ERR_EXISTS)
            return err_give(e, &why);
        if (vault_get(v, VAULT_SESSION, name, &there, e))
            return -1;
        if (there.len != len || memcmp(there.data, envelope, len) != 0)
            return err_set(e, ERR_EXISTS, "sessions/%s is there already, and another", name);
    }
    memcpy(session_out, n.session, UID_BYTES);
    return 0;
}

/* ---- begin and end ------------------------------------------------------------------------ */

void keeper_session_end(struct keeper_session *s)
{
    if (!s)
        return;
    store_lease_drop(s->lease);
    condemned_done(&s->condemned);
    scope_free(s->scope);
    mem_free(s);
}

/* V4 */
static int enter(struct keeper_session *s, struct err *e)
{
    struct vault *v = s->vault;
    struct damage ignored = {0};
    return session_lease_take(v, s->id, &s->lease, e) ||
                   condemned_read(v, &ignored, &s->condemned, e) ||
                   vault_refresh(v, NULL, NULL, e) || scope_new(v, s->writer, &s->scope, e)
               ? -1
               : 0;
}

int keeper_session_begin(struct vault *v, const uint8_t writer[UID_BYTES],
                         const uint8_t session[UID_BYTES], struct keeper_session **out,
                         struct err *e)
{
    uint8_t owner[UID_BYTES];
    if (revoked_check(v, writer, e) || vault_session_writer(v, session, owner, e))
        return -1;
    if (memcmp(owner, writer, UID_BYTES) != 0)
        return err_set(e, ERR_NO_KEY, "the session is another writer's");
    struct keeper_session *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "a session");
    s->vault = v;
    memcpy(s->writer, writer, UID_BYTES);
    memcpy(s->id, session, UID_BYTES);
    if (enter(s, e)) {
        keeper_session_end(s);
        return -1;
    }
    *out = s;
    return 0;
}

int keeper_past(struct vault *v, const uint8_t writer[UID_BYTES], struct writer_past *out,
                struct err *e)
{
    struct reception r;
    if (reception_begin(&r, v, writer, e))
        return -1;
    int rc = reception_update(&r, e);
    if (!rc)
        *out = r.past;
    reception_done(&r);
    return rc;
}

struct counting {
    keeper_each_sequence *each;
    void *arg;
};

static int take_name(void *arg, const char *name, uint64_t len, struct err *e)
{
    const struct counting *c = arg;
    uint64_t sequence;
    (void)len;
    return record_name_decode(name, &sequence) ? c->each(c->arg, sequence, e) : 0;
}

int keeper_sequences(struct store *s, keeper_each_sequence *each, void *arg, struct err *e)
{
    struct counting c = {each, arg};
    return store_list(s, "snapshots", take_name, &c, e);
}

/* ---- what a snapshot refers to ----------------------------------------------------------------- */

static bool was_condemned(const struct keeper_session *s, const uint8_t *pack)
{
    for (size_t i = 0; i < s->condemned.count; i++) {
        const struct condemnation *c = &s->condemned.items[i].c;
        for (size_t k = 0; k < c->pack_count; k++)
            if (memcmp(c->packs + k * ID_BYTES, pack, ID_BYTES) == 0)
                return true;
    }
    return false;
}

/* V5 */
static int check_pack(struct keeper_session *s, const struct refset_pack *p, bool dirs[256],
                      struct err *e)
{
    struct vault *v = s->vault;
    char name[PACK_NAME_BYTES];
    uint32_t number = pack_set_find(&v->packs, p->pack);
    const struct pack *pack = number == PACK_NONE ? NULL : pack_set_at(&v->packs, number);
    const struct frame_loc loc = {.pack = number};
    pack_name(p->pack, name);
    if (!pack || pack->seen != v->refresh || !pack->known ||
        !scope_allows(s->scope, pack, &loc)) /* one answer, so that nobody learns what others have */
        return err_set(e, ERR_REFUSED, "the snapshot refers to %s, which is not there for this writer",
                       name);
    if (was_condemned(s, p->pack))
        return err_set(e, ERR_REFUSED,
                       "the snapshot refers to %s, which is being removed: run the backup again", name);
    if (pack->frame_count != p->frame_count)
        return err_set(e, ERR_DAMAGED, "the snapshot refers to %u frames of %s, which has %u",
                       p->frame_count, name, pack->frame_count);
    if (atomic_load(&pack->unsynced))
        dirs[p->pack[0]] = true;
    return 0;
}

static int check_refs(struct keeper_session *s, const struct refset *refs, struct err *e)
{
    bool dirs[256] = {false};
    for (size_t i = 0; i < refs->count; i++)
        if (check_pack(s, &refs->packs[i], dirs, e))
            return -1;
    return packs_sync(s->vault, dirs, e);
}

/* ---- receiving ------------------------------------------------------------------------------------ */

struct incoming {
    struct buf w, refs; /* borrowed bytes */
    struct record_w said;
    struct refset set;
    uint8_t id[ID_BYTES];
};

static int check_writer_part(struct keeper_session *s, const struct incoming *in, struct err *e)
{
    const struct record_w *w = &in->said;
    const uint8_t *key;
    uint8_t hash[HASH_BYTES];
    if (memcmp(w->vault, s->vault->info.id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the snapshot is of another vault");
    if (memcmp(w->writer, s->writer, UID_BYTES) != 0 || memcmp(w->session, s->id, UID_BYTES) != 0)
        return err_set(e, ERR_REFUSED, "the snapshot is of another writer or session");
    if (writer_key(s->vault, s->writer, &key, e))
        return -1;
    if (!record_w_is_signed(in->w.data, in->w.len, key))
        return err_set(e, ERR_DAMAGED, "the snapshot's signature does not verify");
    hash_bytes(in->refs.data, in->refs.len, hash);
    if (memcmp(hash, w->refs_hash, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the snapshot names another reference set");
    return 0;
}

static void describe(const struct incoming *in, struct keeper_receipt *out)
{
    memcpy(out->id, in->id, ID_BYTES);
    out->files = in->said.files;
    out->bytes = in->said.bytes;
    out->added_bytes = in->said.added_bytes;
    out->suspicion = in->said.suspicion;
}

static int find_again(struct keeper_session *s, const struct incoming *in,
                      struct keeper_receipt *out, struct err *e)
{
    struct snapshot_list all = {0};
    int rc = vault_snapshots_all(s->vault, &all, NULL, NULL, e);
    for (size_t i = 0; !rc && i < all.count; i++)
        if (memcmp(all.items[i].id, in->id, ID_BYTES) == 0) {
            out->seq = all.items[i].seq;
            out->received_ns = all.items[i].received_ns;
        }
    snapshot_list_done(&all);
    out->again = true;
    describe(in, out);
    return rc;
}

/* V6. 1: it is there. */
static int check_chain(const struct writer_past *past, const struct incoming *in, struct err *e)
{
    if (past->sequence && memcmp(past->id, in->id, ID_BYTES) == 0)
        return 1;
    if (in->said.sequence != past->sequence + 1 ||
        memcmp(in->said.previous, past->id, ID_BYTES) != 0)
        return err_set(e, ERR_EXISTS,
                       "the writer's chain has gone on meanwhile: another backup of this machine "
                       "was faster, run it again");
    return 0;
}

/* V4: each time anew, as late as can be, for what was checked counts only while the lease held. */
static int check_lease(struct keeper_session *s, struct err *e)
{
    if (store_lease_held(s->lease))
        return 0;
    return err_set(e, ERR_BUSY, "the session's lease was lost: begin it again");
}

/* V6 before V5: of what is here already, a collection may have moved what it refers to. 1: another
 * process took the sequence; 2: it is there. */
static int try_put(struct keeper_session *s, struct reception *r, const struct incoming *in,
                   bool *checked, uint8_t id_out[ID_BYTES], struct err *e)
{
    const struct received what = {.w = &in->w, .refs = &in->refs};
    if (reception_update(r, e))
        return -1;
    int there = check_chain(&r->past, in, e);
    if (there)
        return there < 0 ? -1 : 2;
    if (!*checked && check_refs(s, &in->set, e))
        return -1;
    *checked = true;
    return check_lease(s, e) ? -1 : reception_put(r, &what, id_out, e);
}

static int put(struct keeper_session *s, const struct incoming *in, struct keeper_receipt *out,
               struct err *e)
{
    struct reception r;
    bool checked = false;
    if (reception_begin(&r, s->vault, s->writer, e))
        return -1;
    int rc = 1;
    for (int i = 0; rc == 1 && i < RECEPTION_TRIES; i++)
        rc = try_put(s, &r, in, &checked, out->id, e);
    out->seq = r.newest;
    out->received_ns = r.received_ns;
    reception_done(&r);
    if (rc == 1)
        return reception_gave_up(e);
    if (rc == 2)
        return find_again(s, in, out, e);
    describe(in, out);
    return rc;
}

int keeper_receive(struct keeper_session *s, const uint8_t *w, size_t w_len, const uint8_t *refs,
                   size_t refs_len, struct keeper_receipt *out, struct err *e)
{
    struct incoming in = {.w = {.data = (uint8_t *)(uintptr_t)w, .len = w_len},
                          .refs = {.data = (uint8_t *)(uintptr_t)refs, .len = refs_len}};
    struct keeper_receipt r = {0};
    if (record_w_decode(w, w_len, &in.said, e) || check_writer_part(s, &in, e) ||
        revoked_check(s->vault, s->writer, e) || vault_refresh(s->vault, NULL, NULL, e) ||
        refset_decode(refs, refs_len, &in.set, e))
        return -1;
    hash_bytes(w, w_len, in.id);
    int rc = put(s, &in, &r, e);
    refset_done(&in.set);
    if (!rc)
        *out = r;
    return rc;
}
