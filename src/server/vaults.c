/* SPDX-License-Identifier: Apache-2.0 */
/* Vaults that are open: each is opened once, shared, and closed when it has not been used for long and others
 * want to be open. */
#include "server/server_internal.h"

#include "base/mem.h"

#include <string.h>

#define OPEN_MAX 256u

void vaults_init(struct vaults *v)
{
    *v = (struct vaults){0};
    (void)pthread_mutex_init(&v->lock, NULL);
}

static void entry_free(struct vault_entry *n)
{
    vault_close(n->vault);
    store_close(n->store);
    (void)pthread_mutex_destroy(&n->lock);
    mem_free(n);
}

void vaults_done(struct vaults *v)
{
    while (v->first) {
        struct vault_entry *next = v->first->next;
        entry_free(v->first);
        v->first = next;
    }
    (void)pthread_mutex_destroy(&v->lock);
}

static struct vault_entry *find(struct vaults *v, const uint8_t *id)
{
    for (struct vault_entry *n = v->first; n; n = n->next)
        if (memcmp(n->id, id, UID_BYTES) == 0) {
            n->users++;
            n->used = ++v->clock;
            return n;
        }
    return NULL;
}

/* Unlinks the one that was used least lately, if too many are open. */
static struct vault_entry *take_oldest(struct vaults *v)
{
    struct vault_entry **oldest = NULL;
    if (v->count <= OPEN_MAX)
        return NULL;
    for (struct vault_entry **at = &v->first; *at; at = &(*at)->next)
        if (!(*at)->users && (!oldest || (*at)->used < (*oldest)->used))
            oldest = at;
    if (!oldest)
        return NULL;
    struct vault_entry *n = *oldest;
    *oldest = n->next;
    v->count--;
    return n;
}

int vaults_open_apart(struct server *s, const uint8_t id[UID_BYTES], struct store **store, struct vault **vault,
                      struct err *e)
{
    char path[SERVER_PATH_MAX], hex[2 * UID_BYTES + 1];
    hex_encode(id, UID_BYTES, hex);
    installation_path(&s->installation, path, "vaults/%s", hex);
    if (store_dir_open(path, store, e) || vault_open(*store, vault, e))
        return e && e->cls == ERR_NOT_FOUND ? err_reclass(e, ERR_NO_VAULT) : -1;
    return 0;
}

static int open_entry(struct server *s, const uint8_t *id, struct vault_entry **out, struct err *e)
{
    struct vault_entry *n = mem_zalloc(sizeof *n);
    if (!n)
        return err_no_memory(e, "a vault");
    memcpy(n->id, id, UID_BYTES);
    atomic_store(&n->stored, UINT64_MAX);
    (void)pthread_mutex_init(&n->lock, NULL);
    if (vaults_open_apart(s, id, &n->store, &n->vault, e)) {
        entry_free(n);
        return -1;
    }
    snapshots_recall(s, id, n->store, n->vault);
    *out = n;
    return 0;
}

/* Opened outside of the lock; if another was faster, that one is taken. */
static struct vault_entry *link_entry(struct vaults *v, struct vault_entry *n)
{
    (void)pthread_mutex_lock(&v->lock);
    struct vault_entry *there = find(v, n->id), *old = there ? n : NULL;
    if (!there) {
        n->users = 1;
        n->used = ++v->clock;
        n->next = v->first;
        v->first = n;
        v->count++;
        there = n;
        old = take_oldest(v);
    }
    (void)pthread_mutex_unlock(&v->lock);
    if (old)
        entry_free(old);
    return there;
}

int vaults_take(struct server *s, const uint8_t id[UID_BYTES], struct vault_entry **out,
                struct err *e)
{
    (void)pthread_mutex_lock(&s->vaults.lock);
    struct vault_entry *n = find(&s->vaults, id);
    (void)pthread_mutex_unlock(&s->vaults.lock);
    if (!n) {
        if (open_entry(s, id, &n, e))
            return -1;
        n = link_entry(&s->vaults, n);
    }
    *out = n;
    return 0;
}

void vaults_give(struct server *s, struct vault_entry *v)
{
    if (!v)
        return;
    (void)pthread_mutex_lock(&s->vaults.lock);
    v->users--;
    (void)pthread_mutex_unlock(&s->vaults.lock);
}

int vaults_drop(struct server *s, const uint8_t id[UID_BYTES], struct err *e)
{
    struct vaults *v = &s->vaults;
    (void)pthread_mutex_lock(&v->lock);
    struct vault_entry **at = &v->first, *n;
    while (*at && memcmp((*at)->id, id, UID_BYTES) != 0)
        at = &(*at)->next;
    n = *at;
    bool busy = n && n->users;
    if (n && !busy) {
        *at = n->next;
        v->count--;
    }
    (void)pthread_mutex_unlock(&v->lock);
    if (busy)
        return err_set(e, ERR_BUSY, "somebody is reading it");
    if (n)
        entry_free(n);
    return 0;
}

void vaults_measured(struct vaults *v, const uint8_t id[UID_BYTES], uint64_t stored)
{
    (void)pthread_mutex_lock(&v->lock);
    for (struct vault_entry *n = v->first; n; n = n->next)
        if (memcmp(n->id, id, UID_BYTES) == 0)
            atomic_store(&n->stored, stored);
    (void)pthread_mutex_unlock(&v->lock);
}
