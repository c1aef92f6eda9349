/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: beginning, asking for chunks, ending.
 *
 * C1 Of all threads that offer the same new chunk exactly one is told
 *    SESSION_WANTS: it finds the chunk neither in the vault nor in the table,
 *    and claims it under the lock. Should entries have moved from the table to
 *    the vault between the two looks, it looks again.
 * C2 Whatever was answered SESSION_HAS is in the reference set: chunks of the
 *    vault by a bit set at once, chunks of this session because all frames of
 *    its packs are.
 * C3 In a vault that is not shared, only packs of this writer and of those it
 *    succeeds count, so no writer can slip another a chunk that is not what its
 *    id says; packs of a revoked writer only if an accepted record refers to
 *    them (scope.c).
 * C4 A session takes its lease before it reads which packs are condemned and then
 *    lists those that are there, and refers to no frame in condemned ones. A collection condemns before it lists leases,
 *    and removes nothing until the sessions in that list have ended.
 */
#include "base/mem.h"
#include "vault/session_internal.h"

#include <string.h>

#define DATA_TARGET (UINT32_C(32) << 20)
#define META_TARGET (UINT32_C(8) << 20)
#define TARGET_MAX  (UINT32_C(1) << 30)
/* To a keeper elsewhere: packs are in memory until he has them, several at once. */
#define FAR_TARGET  (UINT32_C(8) << 20)
#define FAR_SEALERS 5u

static int check_envelope(struct vault *v, const uint8_t *session, struct err *e)
{
    char name[2 * UID_BYTES + 1], full[OBJECT_NAME_BYTES], again[RESEALED_NAME_BYTES];
    struct store_reader *r = NULL;
    struct err why = ERR_INIT;
    hex_encode(session, UID_BYTES, name);
    if (object_name(VAULT_SESSION, name, full, e))
        return -1;
    if (v->far) /* the keeper looks, when the lease is taken */
        return 0;
    if (store_open(v->store, full, &r, &why) == 0) {
        store_reader_close(r);
        return 0;
    }
    /* Keys may have been changed since it was stored. */
    if (why.cls == ERR_NOT_FOUND && vault_resealed_find(v, session, true, again, e) > 0)
        return 0;
    (void)err_give(e, &why);
    return err_wrap(e, "a session's key must be stored before the session begins");
}

int session_lease_take(struct vault *v, const uint8_t session[UID_BYTES], struct store_lease **out,
                       struct err *e)
{
    char name[sizeof SESSION_LEASE + 2 * UID_BYTES] = SESSION_LEASE;
    hex_encode(session, UID_BYTES, name + sizeof SESSION_LEASE - 1);
    return store_lease_take(v->store, name, out, e);
}

/* C4. What an index of before knows may be gone, condemnation and all. */
static int enter(struct vault *v, const uint8_t *session, struct store_lease **out, struct err *e)
{
    struct store_lease *l = NULL;
    if (check_envelope(v, session, e) || session_lease_take(v, session, &l, e))
        return -1;
    if (vault_refresh(v, NULL, NULL, e)) {
        store_lease_drop(l);
        return -1;
    }
    *out = l;
    return 0;
}

/* C3 as the vault is now: whom the writer may build upon. */
static int look_around(struct session *s, struct err *e)
{
    if (!s->vault->far && revoked_check(s->vault, s->writer, e)) /* elsewhere the keeper looked */
        return -1;
    return scope_new(s->vault, s->writer, &s->scope, e);
}

int session_begin(struct vault *v, const struct session_params *p, struct session **out,
                  struct err *e)
{
    struct store_lease *lease = NULL;
    if (enter(v, p->session, &lease, e))
        return -1;
    struct session *s = mem_zalloc(sizeof *s);
    if (!s) {
        store_lease_drop(lease);
        return err_no_memory(e, "a session");
    }
    s->vault = v;
    s->lease = lease;
    memcpy(s->writer, p->writer, UID_BYTES);
    memcpy(s->id, p->session, UID_BYTES);
    uint32_t target = p->pack_bytes < TARGET_MAX ? p->pack_bytes : TARGET_MAX;
    s->data_target = target ? target : v->far ? FAR_TARGET : DATA_TARGET;
    s->no_parity = p->no_parity || v->far;
    s->meta_target = target ? target : META_TARGET;
    s->table_max = INDEX_BATCH;
    if (look_around(s, e)) {
        store_lease_drop(lease);
        mem_free(s);
        return -1;
    }
    session_table_init(&s->table);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->idle, NULL);
    if (session_sealers_start(s, p->sealers ? p->sealers : v->far ? FAR_SEALERS : 0, e)) {
        session_end(s);
        return -1;
    }
    *out = s;
    return 0;
}

void session_end(struct session *s)
{
    if (!s)
        return;
    session_sealers_stop(s);
    if (s->flushed)
        index_maintain(s->vault);
    session_packs_done(s);
    session_table_done(&s->table);
    for (uint32_t i = 0; i < s->refs.cap; i++)
        mem_free(s->refs.bits[i]);
    mem_free(s->refs.bits);
    scope_free(s->scope);
    (void)pthread_cond_destroy(&s->idle);
    (void)pthread_mutex_destroy(&s->lock);
    store_lease_drop(s->lease);
    mem_free(s);
}

struct session_stats session_get_stats(struct session *s)
{
    (void)pthread_mutex_lock(&s->lock);
    struct session_stats stats = s->stats;
    (void)pthread_mutex_unlock(&s->lock);
    return stats;
}

/* ---- offer and refer -------------------------------------------------------------- */

enum look { LOOK_HAS = 1, LOOK_NEW = 0, LOOK_AGAIN = 2 };

/* After the vault was asked: notes the reference, or looks into the table and
 * perhaps claims. -1 on errors. */
static int settle(struct session *s, const uint8_t *id, const struct frame_loc *loc,
                  uint64_t spills, bool claim, struct err *e)
{
    struct index_entry *n;
    if (session_check(s, e))
        return -1;
    if (loc)
        return session_refs_set(s, loc->pack, loc->frame, e) ? -1 : LOOK_HAS;
    if (session_table_find(&s->table, id))
        return LOOK_HAS;
    if (atomic_load(&s->spills) != spills)
        return LOOK_AGAIN;
    if (!claim)
        return LOOK_NEW;
    if (s->flushed)
        return err_set(e, ERR_USAGE, "the session was flushed; nothing can be offered to it");
    if (session_table_claim(&s->table, id, &n, e))
        return -1;
    s->claims++;
    return LOOK_NEW;
}

static int look(struct session *s, const uint8_t *id, bool claim, struct err *e)
{
    struct vault *v = s->vault;
    for (;;) {
        struct frame_loc loc;
        uint64_t spills = atomic_load(&s->spills);
        int found = index_find(v, id, s->scope, &loc, e);
        if (found < 0)
            return -1;
        (void)pthread_mutex_lock(&s->lock);
        int answer = settle(s, id, found ? &loc : NULL, spills, claim, e);
        (void)pthread_mutex_unlock(&s->lock);
        if (answer != LOOK_AGAIN)
            return answer;
    }
}

int session_offer(struct session *s, const uint8_t id[ID_BYTES], enum session_have *out,
                  struct err *e)
{
    int answer = look(s, id, true, e);
    if (answer < 0)
        return -1;
    *out = answer == LOOK_HAS ? SESSION_HAS : SESSION_WANTS;
    return 0;
}

bool session_refer(struct session *s, const uint8_t id[ID_BYTES])
{
    return look(s, id, false, NULL) == LOOK_HAS;
}
