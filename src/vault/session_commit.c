/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flushing a session and committing its snapshot; reception.c writes the record.
 *
 * K1 Every pack that the record refers to is durable, name and all, before the
 *    record is written; packs of other processes too.
 */
#include "base/mem.h"
#include "vault/reception.h"
#include "vault/refset_format.h"
#include "vault/session_internal.h"

#include <stdlib.h>
#include <string.h>

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
    struct buf refs, tags, w;
    struct reception reception;
};

static void making_done(struct making *m)
{
    reception_done(&m->reception);
    buf_done(&m->refs);
    buf_done(&m->tags);
    buf_done(&m->w);
}

static int put_w(struct making *m, const struct writer_past *past, struct err *e)
{
    const struct snapshot_draft *d = m->draft;
    struct session_stats stats = session_get_stats(m->s);
    struct record_w w = {
        .sequence = past->sequence + 1,
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
    memcpy(w.previous, past->id, ID_BYTES);
    memcpy(w.group, d->group, UID_BYTES);
    memcpy(w.root_id, d->root_id, ID_BYTES);
    hash_bytes(m->refs.data, m->refs.len, w.refs_hash);
    buf_reset(&m->w);
    record_w_put(&m->w, &w, m->writer);
    return buf_check(&m->w, "a snapshot record", e);
}

/* 1 if another process took the sequence. */
static int try_commit(struct making *m, uint8_t *id_out, struct err *e)
{
    const struct received what = {.w = &m->w, .refs = &m->refs};
    if (!store_lease_held(m->s->lease))
        return err_set(e, ERR_BUSY,
                       "somebody emptied 'tmp' of the vault during this backup, so it is not known "
                       "whether all it needs is still there: run it again");
    if (reception_update(&m->reception, e) || put_w(m, &m->reception.past, e))
        return -1;
    return reception_put(&m->reception, &what, id_out, e);
}

/* A record that nobody would trust is not written. */
static int check_writer(struct session *s, const struct sign_key *key, struct err *e)
{
    const uint8_t *enrolled;
    if (!s->vault->far && revoked_check(s->vault, s->writer, e))
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
    return encode_refs(m->s, &m->refs, e);
}

static int commit_here(struct making *m, uint8_t *id_out, struct err *e)
{
    if (reception_begin(&m->reception, m->s->vault, m->s->writer, e))
        return -1;
    for (int i = 0; i < RECEPTION_TRIES; i++) {
        int rc = try_commit(m, id_out, e);
        if (rc <= 0)
            return rc;
    }
    return reception_gave_up(e);
}

#define FAR_TRIES 16

/* 1 if another session of this writer was faster: its chain has gone on. */
static int try_commit_far(struct making *m, struct err *e)
{
    const struct vault_keeper *k = &m->s->vault->keeper;
    struct writer_past past = {0};
    struct err why = ERR_INIT;
    if (k->past(k->arg, m->s->writer, &past, e) || put_w(m, &past, e))
        return -1;
    if (k->receive(k->arg, m->s->id, &m->w, &m->refs, &why) == 0)
        return 0;
    (void)err_give(e, &why);
    return why.cls == ERR_EXISTS ? 1 : -1;
}

static int commit_far(struct making *m, uint8_t *id_out, struct err *e)
{
    int rc = 1;
    for (int i = 0; rc == 1 && i < FAR_TRIES; i++) {
        struct err why = ERR_INIT;
        rc = try_commit_far(m, &why);
        if (rc < 0 || (rc && i + 1 == FAR_TRIES))
            return err_give(e, &why);
    }
    hash_bytes(m->w.data, m->w.len, id_out);
    return 0;
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
    if (s->vault->far ? commit_far(&m, id, e) : commit_here(&m, id, e))
        return -1;
    s->committed = true;
    memcpy(snapshot_id_out, id, ID_BYTES);
    return 0;
}
