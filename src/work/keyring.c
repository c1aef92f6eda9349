/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys of the sessions that a reader meets: unboxed once each. A vault has
 * one session a backup, so a sorted array is enough. */
#include "work/work_internal.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

struct keyring {
    pthread_mutex_t lock;
    struct vault *vault;
    const struct recovery_key *recovery;
    const struct retired_keys *retired; /* may be NULL */
    struct data_key **keys; /* ascending by session id */
    size_t count, cap;
};

int keyring_new(struct vault *v, const struct recovery_key *k, const struct retired_keys *retired,
                struct keyring **out, struct err *e)
{
    struct keyring *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "the keyring");
    (void)pthread_mutex_init(&r->lock, NULL);
    r->vault = v;
    r->recovery = k;
    r->retired = retired;
    *out = r;
    return 0;
}

void keyring_free(struct keyring *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        data_key_free(r->keys[i]);
    mem_free(r->keys);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static size_t lower_bound(const struct keyring *r, const uint8_t session[UID_BYTES])
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memcmp(r->keys[middle]->session, session, UID_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t retired_count(const struct keyring *r)
{
    return r->retired ? r->retired->count : 0;
}

/* What the owner sealed anew, newest first: 1, or 0 if there is none. */
static int open_resealed(struct keyring *r, const uint8_t *session, bool again,
                         struct data_key *out, struct err *e)
{
    char name[RESEALED_NAME_BYTES];
    uint64_t generation;
    const struct vault_info *info = vault_get_info(r->vault);
    CLEANUP(buf_done) struct buf object = {0};
    struct err why = ERR_INIT;
    int found = vault_resealed_find(r->vault, session, again, name, e);
    if (found <= 0)
        return found;
    int rc = vault_get(r->vault, VAULT_RESEALED, name, &object, &why);
    if (rc == 0)
        rc = resealed_open(object.data, object.len, info->id, info->owner_pk, r->recovery, out,
                           &generation, &why);
    for (uint32_t i = retired_count(r); rc && why.cls == ERR_NO_KEY && i-- > 0;)
        rc = resealed_open(object.data, object.len, info->id, info->owner_pk,
                           &r->retired->keys[i], out, &generation, &why);
    if (rc == 0)
        return 1;
    (void)err_give(e, &why);
    return err_wrap(e, "resealed/%s", name);
}

/* The writer's own, with the key that it was sealed for, now or then. */
static int open_original(struct keyring *r, const uint8_t *session, struct data_key *out,
                         struct err *e)
{
    char name[2 * UID_BYTES + 1];
    CLEANUP(buf_done) struct buf object = {0};
    struct err why = ERR_INIT;
    const uint8_t *vault_id = vault_get_info(r->vault)->id;
    hex_encode(session, UID_BYTES, name);
    int rc = vault_get(r->vault, VAULT_SESSION, name, &object, &why);
    if (rc == 0)
        rc = envelope_open(object.data, object.len, vault_id, r->recovery, out, &why);
    for (uint32_t i = retired_count(r); rc && why.cls == ERR_NO_KEY && i-- > 0;)
        rc = envelope_open(object.data, object.len, vault_id, &r->retired->keys[i], out, &why);
    if (rc == 0)
        return 0;
    (void)err_give(e, &why);
    return err_wrap(e, "sessions/%s", name);
}

/* K1 What was sealed anew comes first: it is for the keys of today. Damage to
 *    it costs nothing while the original is there, and the other way round.
 * K2 Keys may change while we read: whoever finds neither looks again. */
static int find_key(struct keyring *r, const uint8_t *session, struct data_key *out, struct err *e)
{
    struct err anew = ERR_INIT, original = ERR_INIT;
    if (open_resealed(r, session, false, out, &anew) == 1 ||
        open_original(r, session, out, &original) == 0)
        return 0;
    if (original.cls != ERR_DAMAGED && open_resealed(r, session, true, out, &anew) == 1)
        return 0;
    bool is_only_anew = anew.cls != ERR_UNSET && original.cls == ERR_NOT_FOUND;
    return err_give(e, is_only_anew ? &anew : &original);
}

static int open_session(struct keyring *r, const uint8_t session[UID_BYTES],
                        struct data_key **out, struct err *e)
{
    char name[2 * UID_BYTES + 1];
    struct data_key *key = data_key_new();
    if (!key)
        return err_no_memory(e, "a session key");
    if (find_key(r, session, key, e)) {
        data_key_free(key);
        return -1;
    }
    if (memcmp(key->session, session, UID_BYTES) != 0) {
        hex_encode(session, UID_BYTES, name);
        data_key_free(key);
        return err_set(e, ERR_DAMAGED, "sessions/%s: holds another session's key", name);
    }
    *out = key;
    return 0;
}

static int insert(struct keyring *r, size_t at, const uint8_t session[UID_BYTES], struct err *e)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 64;
        struct data_key **keys = mem_realloc(r->keys, cap, sizeof(struct data_key *));
        if (!keys)
            return err_no_memory(e, "the keyring");
        r->keys = keys;
        r->cap = cap;
    }
    struct data_key *key = NULL;
    if (open_session(r, session, &key, e))
        return -1;
    memmove(r->keys + at + 1, r->keys + at, (r->count - at) * sizeof(struct data_key *));
    r->keys[at] = key;
    r->count++;
    return 0;
}

int keyring_get(struct keyring *r, const uint8_t session[UID_BYTES], const struct data_key **out,
                struct err *e)
{
    (void)pthread_mutex_lock(&r->lock);
    size_t at = lower_bound(r, session);
    int rc = 0;
    if (at == r->count || memcmp(r->keys[at]->session, session, UID_BYTES) != 0)
        rc = insert(r, at, session, e);
    if (rc == 0)
        *out = r->keys[at];
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}
