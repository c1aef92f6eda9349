/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of owners who are here now: never more than there are connections.
 *
 * Invariants
 *  1. An owner lives as long as a connection of it does.
 *  2. A paused connection is in its owner's list once, with a reference; whoever takes the list posts each.
 */
#include "http/http_internal.h"

#include "base/mem.h"

#include <string.h>
#include <sys/random.h>

void owners_init(struct owners *t)
{
    *t = (struct owners){.seed = UINT64_C(14695981039346656037)};
    (void)pthread_mutex_init(&t->lock, NULL);
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        t->seed = seed;
}

void owners_done(struct owners *t)
{
    (void)pthread_mutex_destroy(&t->lock);
}

/* FNV-1a, begun at a random place. */
static struct owner **find(struct owners *t, const uint8_t key[OWNER_KEY_BYTES])
{
    uint64_t h = t->seed;
    for (size_t i = 0; i < OWNER_KEY_BYTES; i++)
        h = (h ^ key[i]) * UINT64_C(1099511628211);
    struct owner **at = &t->buckets[(h ^ h >> 32) % OWNER_BUCKETS];
    while (*at && memcmp((*at)->key, key, OWNER_KEY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

struct owner *owners_join(struct owners *t, const uint8_t key[OWNER_KEY_BYTES], uint32_t max)
{
    (void)pthread_mutex_lock(&t->lock);
    struct owner **at = find(t, key);
    if (!*at && (*at = mem_zalloc(sizeof **at)))
        memcpy((*at)->key, key, OWNER_KEY_BYTES);
    struct owner *o = *at && atomic_load(&(*at)->connections) < max ? *at : NULL;
    if (o)
        atomic_fetch_add(&o->connections, 1);
    (void)pthread_mutex_unlock(&t->lock);
    return o;
}

void owners_leave(struct owners *t, struct owner *o)
{
    if (!o)
        return;
    (void)pthread_mutex_lock(&t->lock);
    if (atomic_fetch_sub(&o->connections, 1) == 1) {
        *find(t, o->key) = o->next;
        mem_free(o);
    }
    (void)pthread_mutex_unlock(&t->lock);
}

void owners_pause(struct owners *t, struct connection *c)
{
    struct owner *o = c->owner;
    (void)pthread_mutex_lock(&t->lock);
    if (!c->owner_paused) {
        c->owner_paused = true;
        connection_ref(c);
        c->owner_next = o->paused;
        o->paused = c;
        atomic_store(&o->has_paused, true);
    }
    (void)pthread_mutex_unlock(&t->lock);
}

static struct connection *take_paused(struct owners *t, struct owner *o)
{
    (void)pthread_mutex_lock(&t->lock);
    struct connection *c = o->paused;
    if (c) {
        o->paused = c->owner_next;
        c->owner_paused = false;
    }
    atomic_store(&o->has_paused, o->paused != NULL);
    (void)pthread_mutex_unlock(&t->lock);
    return c;
}

void owners_resume(struct owners *t, struct owner *o)
{
    struct connection *c;
    unsigned most = atomic_load(&o->connections); /* a guess: who is paused anew meanwhile has his own turn */
    for (unsigned i = 0; i <= most && (c = take_paused(t, o)) != NULL; i++) {
        loop_post(c);
        connection_unref(c);
    }
}
