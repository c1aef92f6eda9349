/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose connections: an owner is whom the handler says, or an address. However many connections an owner has, workers
 * take turns between owners, and nobody has more than a share of what is bounded in sum.
 *
 * Threads: any. A connection joins once, on its loop, before its first request, and leaves when it is freed.
 */
#ifndef ABRI_HTTP_OWNERS_H
#define ABRI_HTTP_OWNERS_H

#include "http/http.h"

#include <pthread.h>
#include <stdatomic.h>

#define OWNER_KEY_BYTES (HTTP_OWNER_BYTES + 1) /* the first byte: whether it was named */

struct connection;
struct owner {
    struct owner *next; /* in its bucket */
    uint8_t key[OWNER_KEY_BYTES];
    atomic_uint connections;    /* changes need owners.lock */
    struct connection *paused;  /* owners.lock: those that wait for this owner's share; references */
    atomic_bool has_paused;
    atomic_uint requests;       /* that are not freed */
    atomic_size_t waiting;      /* received bytes of streamed bodies that no worker has done with: as they do not
                                 * depend on more, whoever waits for them does not wait for ever */
    atomic_size_t collected;    /* of bodies that are gathered */

    struct owner *queue_next;   /* queue: as in struct connection */
    struct connection *ready_first, *ready_last;
    unsigned running;
    bool queued;
};
#define OWNER_BUCKETS 4096u
struct owners {
    pthread_mutex_t lock;
    uint64_t seed; /* so that nobody chooses names that collide */
    struct owner *buckets[OWNER_BUCKETS];
};
static inline bool owner_is_named(const struct owner *o)
{
    return o->key[0] != 0;
}
void owners_init(struct owners *t);
void owners_done(struct owners *t);
/* NULL: it has `max` already, or no memory. */
struct owner *owners_join(struct owners *t, const uint8_t key[OWNER_KEY_BYTES], uint32_t max);
void owners_leave(struct owners *t, struct owner *o); /* NULL is fine */
/* The connection does not read until the owner's share has room. */
void owners_pause(struct owners *t, struct connection *c);
/* There is room again: all that were paused take a turn. By whoever holds a connection of it. */
void owners_resume(struct owners *t, struct owner *o);

#endif
