/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flushing a session and writing its snapshot record.
 *
 * K1 Every pack that the record refers to is durable, name and all, before the
 *    record is written; packs of other processes too.
 * K2 The record takes the next free sequence by exclusive creation. Whoever
 *    loses reads what came in between and tries again, so sequences have no
 *    gaps and both chains hold.
 * K3 The keeper's time never goes back from one record to the next.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "vault/record_read.h"
#include "vault/refset_format.h"
#include "vault/session_internal.h"

#include <stdlib.h>
#include <string.h>

#define COMMIT_TRIES 1000

/* ---- flush ----------------------------------------------------------------------- */

static int sync_referenced(struct session *s, struct err *e)
{
    struct vault *v = s->vault;
    bool dirs[256] = {false};
    for (uint32_t i = 0; i < s->refs.cap; i++) {
        const struct pack *p = s->refs.bits[i] ? pack_set_at(&v->packs, i) : NULL;
        if (p && atomic_load(&p->unsynced))
            dirs[p->id[0]] = true;
    }
    if (packs_sync(v, dirs, e))
        return -1;
    for (uint32_t i = 0; i < s->refs.cap; i++)
        if (s->refs.bits[i])
            atomic_store(&pack_set_at(&v->packs, i)->unsynced, false);
    return 0;
}

static int hand_over(struct session *s, struct err *e)
{
    struct err why = ERR_INIT;
    int rc = 0;
    (void)pthread_mutex_lock(&s->lock);
    if (s->claims)
        rc = err_set(&why, ERR_INCOMPLETE, "%u chunks were promised but never added", s->claims);
    else
        rc = session_spill(s, &why);
    if (rc)
        session_fail(s, &why, e);
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

int session_flush(struct session *s, struct err *e)
{
    if (s->flushed)
        return session_check(s, e);
    (void)pthread_mutex_lock(&s->lock);
    int rc = session_check(s, e);
    s->flushed = true;
    (void)pthread_mutex_unlock(&s->lock);
    if (rc || session_seal_all(s, e) || hand_over(s, e))
        return -1;
    struct err why = ERR_INIT;
    if (sync_referenced(s, &why) == 0)
        return 0;
    (void)pthread_mutex_lock(&s->lock);
    session_fail(s, &why, e);
    (void)pthread_mutex_unlock(&s->lock);
    return -1;
}

/* ---- R ------------------------------------------------------------------------------ */

static int compare_packs(const void *a, const void *b)
{
    return memcmp(((const struct refset_pack *)a)->pack, ((const struct refset_pack *)b)->pack,
                  ID_BYTES);
}

static int encode_refs(struct session *s, struct buf *out, struct err *e)
{
    size_t count = 0;
    for (uint32_t i = 0; i < s->refs.cap; i++)
        count += s->refs.bits[i] != NULL;
    CLEANUP_FREE struct refset_pack *packs = mem_array(count, sizeof *packs);
    if (!packs)
        return err_no_memory(e, "the reference set");
    size_t n = 0;
    for (uint32_t i = 0; i < s->refs.cap; i++) {
        if (!s->refs.bits[i])
            continue;
        const struct pack *p = pack_set_at(&s->vault->packs, i);
        packs[n] = (struct refset_pack){.frame_count = p->frame_count, .bits = s->refs.bits[i]};
        memcpy(packs[n++].pack, p->id, ID_BYTES);
    }
    if (n)
        qsort(packs, n, sizeof *packs, compare_packs);
    out->max = RECORD_REFS_MAX;
    refset_encode(out, packs, n);
    return buf_check(out, "the reference set", e);
}

/* ---- what came before ------------------------------------------------------------------ */

/* Everything that the next record has to know of the earlier ones; kept from
 * one attempt to the next, so that each record is read once. */
struct past {
    uint64_t newest; /* the highest name, readable or not */
    bool has_keeper, has_writer;
    uint8_t k_hash[HASH_BYTES];
    int64_t received_ns;
    uint8_t w_id[ID_BYTES];
    uint64_t w_sequence;
};

/* Takes what a trusted record adds; a record that is not, adds nothing. -1 if
 * the reading itself failed. */
static int look_back(struct session *s, struct record *r, bool *keeper, bool *writer,
                     struct past *p, struct err *e)
{
    struct vault *v = s->vault;
    if (!*keeper && record_verify_keeper(v, r, NULL) == 0) {
        *keeper = p->has_keeper = true;
        memcpy(p->k_hash, r->k_hash, HASH_BYTES);
        p->received_ns = r->k.received_ns;
    }
    if (*writer || memcmp(r->w.writer, s->writer, UID_BYTES) != 0)
        return 0;
    struct err inner = ERR_INIT;
    if (record_verify_writer(v, r, &inner) == 0) {
        *writer = p->has_writer = true;
        memcpy(p->w_id, r->id, ID_BYTES);
        p->w_sequence = r->w.sequence;
    } else if (inner.cls != ERR_DAMAGED) {
        if (e)
            *e = inner;
        return -1;
    }
    return 0;
}

static bool is_passed_over(const struct err *e)
{
    return e->cls == ERR_DAMAGED || e->cls == ERR_NOT_FOUND || e->cls == ERR_NEWER;
}

/* From the newest record back, as far as needed, but not behind what was seen. */
static int past_update(struct session *s, struct past *p, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {.above = p->newest};
    struct record r = {0};
    bool keeper = false, writer = false;
    if (record_list(s->vault, &all, e))
        return -1;
    int rc = 0;
    for (size_t i = all.count; !rc && !(keeper && writer) && i-- > 0;) {
        struct err inner = ERR_INIT;
        if (record_read(s->vault, all.items[i], &r, &inner) == 0) {
            rc = look_back(s, &r, &keeper, &writer, p, e);
        } else if (!is_passed_over(&inner)) {
            if (e)
                *e = inner;
            rc = -1;
        }
    }
    if (!rc && all.count)
        p->newest = all.items[all.count - 1];
    record_done(&r);
    return rc;
}

/* ---- the record ---------------------------------------------------------------------------- */

static int check_draft(const struct snapshot_draft *d, struct err *e)
{
    if (strlen(d->machine) > 255)
        return err_set(e, ERR_LIMIT, "the machine's name is longer than 255 bytes");
    if (d->tag_count > RECORD_TAGS_MAX)
        return err_set(e, ERR_LIMIT, "%zu tags; %u are possible", d->tag_count, RECORD_TAGS_MAX);
    for (size_t i = 0; i < d->tag_count; i++) {
        size_t len = strlen(d->tags[i]);
        if (len < 1 || len > RECORD_TAG_BYTES)
            return err_set(e, ERR_LIMIT, "a tag must have 1 to %u bytes: '%.40s'", RECORD_TAG_BYTES,
                           d->tags[i]);
    }
    if (d->root_len > RECORD_ROOT_MAX)
        return err_set(e, ERR_LIMIT, "a root of %zu bytes; %zu are possible", d->root_len,
                       RECORD_ROOT_MAX);
    return 0;
}

struct making {
    struct session *s;
    const struct snapshot_draft *draft;
    const struct sign_key *writer;
    struct sign_key keeper;
    struct buf refs, tags, w, k, record;
    struct past past;
};

static void making_done(struct making *m)
{
    sign_key_done(&m->keeper);
    buf_done(&m->refs);
    buf_done(&m->tags);
    buf_done(&m->w);
    buf_done(&m->k);
    buf_done(&m->record);
}

static void put_w(struct making *m)
{
    const struct snapshot_draft *d = m->draft;
    struct session_stats stats = session_get_stats(m->s);
    struct record_w w = {
        .sequence = m->past.has_writer ? m->past.w_sequence + 1 : 1,
        .client_time_ns = d->client_time_ns,
        .files = d->files,
        .bytes = d->bytes,
        .added_bytes = stats.bytes,
        .suspicion = d->suspicion,
        .flags = d->incomplete ? RECORD_INCOMPLETE : 0,
        .machine = (const uint8_t *)d->machine,
        .machine_len = strlen(d->machine),
        .tags = m->tags.data,
        .tags_len = m->tags.len,
        .tag_count = d->tag_count,
        .root_nonce = d->root_nonce,
        .root = d->root,
        .root_len = d->root_len,
    };
    memcpy(w.vault, m->s->vault->info.id, UID_BYTES);
    memcpy(w.writer, m->s->writer, UID_BYTES);
    memcpy(w.session, m->s->id, UID_BYTES);
    if (m->past.has_writer)
        memcpy(w.previous, m->past.w_id, ID_BYTES);
    memcpy(w.group, d->group, UID_BYTES);
    memcpy(w.root_id, d->root_id, ID_BYTES);
    hash_bytes(m->refs.data, m->refs.len, w.refs_hash);
    record_w_put(&m->w, &w, m->writer);
}

static void put_k(struct making *m, const uint8_t *snapshot_id)
{
    struct record_k k = {.sequence = m->past.newest + 1, .received_ns = clock_realtime_ns()};
    if (m->past.has_keeper) {
        memcpy(k.previous, m->past.k_hash, HASH_BYTES);
        if (k.received_ns < m->past.received_ns)
            k.received_ns = m->past.received_ns;
    }
    memcpy(k.snapshot, snapshot_id, ID_BYTES);
    record_k_put(&m->k, &k, &m->keeper);
}

static int put_record(struct making *m, uint8_t *id_out, struct err *e)
{
    buf_reset(&m->w);
    buf_reset(&m->k);
    buf_reset(&m->record);
    put_w(m);
    if (buf_check(&m->w, "a snapshot record", e))
        return -1;
    hash_bytes(m->w.data, m->w.len, id_out);
    put_k(m, id_out);
    if (buf_check(&m->k, "a snapshot record", e))
        return -1;
    struct record_head h = {(uint32_t)m->w.len, (uint32_t)m->k.len, (uint32_t)m->refs.len};
    m->record.max = (size_t)RECORD_REFS_MAX + RECORD_WRITER_MAX + 4096;
    record_head_put(&m->record, &h);
    buf_put(&m->record, m->w.data, m->w.len);
    buf_put(&m->record, m->k.data, m->k.len);
    buf_put(&m->record, m->refs.data, m->refs.len);
    return buf_check(&m->record, "a snapshot record", e);
}

/* 1 if another process took the sequence. */
static int try_commit(struct making *m, uint8_t *id_out, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    struct err inner = ERR_INIT;
    struct store *store = m->s->vault->store;
    if (!store_lease_held(m->s->lease))
        return err_set(e, ERR_BUSY,
                       "somebody emptied 'tmp' of the vault during this backup, so it is not known "
                       "whether all it needs is still there: run it again");
    if (past_update(m->s, &m->past, e))
        return -1;
    if (m->past.newest == UINT64_MAX)
        return err_set(e, ERR_LIMIT, "the vault has no sequence numbers left");
    if (put_record(m, id_out, e))
        return -1;
    record_name(m->past.newest + 1, name);
    if (store_put(store, name, m->record.data, m->record.len, &inner) == 0)
        return store_sync(store, "snapshots", e);
    if (inner.cls == ERR_EXISTS)
        return 1;
    if (e)
        *e = inner;
    return -1;
}

/* A record that nobody would trust is not written. */
static int check_writer(struct session *s, const struct sign_key *key, struct err *e)
{
    const uint8_t *enrolled;
    if (revoked_check(s->vault, s->writer, e))
        return -1;
    if (writer_key(s->vault, s->writer, &enrolled, e)) {
        if (e && e->cls == ERR_NOT_FOUND)
            err_reclass(e, ERR_NO_KEY);
        return err_wrap(e, "this machine is not enrolled in the vault");
    }
    if (memcmp(enrolled, key->public_key, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_NO_KEY,
                       "this machine's key is not the one that was enrolled: enrol it again");
    return 0;
}

static int prepare(struct making *m, struct err *e)
{
    const struct snapshot_draft *d = m->draft;
    for (size_t i = 0; i < d->tag_count; i++)
        buf_put_blob(&m->tags, d->tags[i], strlen(d->tags[i]));
    if (buf_check(&m->tags, "tags", e))
        return -1;
    return encode_refs(m->s, &m->refs, e) || keeper_load(m->s->vault, &m->keeper, e) ? -1 : 0;
}

int session_commit(struct session *s, const struct snapshot_draft *d, const struct sign_key *key,
                   uint8_t snapshot_id_out[ID_BYTES], struct err *e)
{
    CLEANUP(making_done) struct making m = {.s = s, .draft = d, .writer = key};
    uint8_t id[ID_BYTES];
    if (s->committed)
        return err_set(e, ERR_USAGE, "the session was committed already");
    if (check_draft(d, e) || check_writer(s, key, e) || session_flush(s, e) || prepare(&m, e))
        return -1;
    for (int i = 0; i < COMMIT_TRIES; i++) {
        int rc = try_commit(&m, id, e);
        if (rc < 0)
            return -1;
        if (rc)
            continue;
        s->committed = true;
        memcpy(snapshot_id_out, id, ID_BYTES);
        return 0;
    }
    return err_set(e, ERR_BUSY, "too many snapshots are being committed at once: try again");
}
