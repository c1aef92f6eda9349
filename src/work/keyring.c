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
    struct data_key **keys; /* ascending by session id */
    size_t count, cap;
};

int keyring_new(struct vault *v, const struct recovery_key *k, struct keyring **out,
                struct err *e)
{
    struct keyring *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "the keyring");
    (void)pthread_mutex_init(&r->lock, NULL);
    r->vault = v;
    r->recovery = k;
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

static int open_session(struct keyring *r, const uint8_t session[UID_BYTES],
                        struct data_key **out, struct err *e)
{
    char name[2 * UID_BYTES + 1];
    hex_encode(session, UID_BYTES, name);
    CLEANUP(buf_done) struct buf object = {0};
    struct data_key *key = data_key_new();
    if (!key)
        return err_no_memory(e, "a session key");
    if (vault_get(r->vault, VAULT_SESSION, name, &object, e) ||
        envelope_open(object.data, object.len, vault_get_info(r->vault)->id, r->recovery, key, e)) {
        data_key_free(key);
        return err_wrap(e, "sessions/%s", name);
    }
    if (memcmp(key->session, session, UID_BYTES) != 0) {
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
