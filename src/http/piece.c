/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers of bodies. Full-sized ones are kept for the next, because fresh memory of
 * this size costs as much in page faults as the bytes cost to encrypt.
 */
#include "http/http_internal.h"

#include "base/mem.h"

#define KEEP_MAX 32 /* 8 MiB */

void piece_pool_init(struct piece_pool *p)
{
    *p = (struct piece_pool){0};
    (void)pthread_mutex_init(&p->lock, NULL);
}

void piece_pool_done(struct piece_pool *p)
{
    for (struct piece *x = p->kept, *next; x; x = next) {
        next = x->next;
        mem_free(x);
    }
    (void)pthread_mutex_destroy(&p->lock);
}

struct piece *piece_new(struct piece_pool *p, size_t cap)
{
    struct piece *x = NULL;
    if (cap == HTTP_PIECE_MAX) {
        (void)pthread_mutex_lock(&p->lock);
        x = p->kept;
        if (x) {
            p->kept = x->next;
            p->kept_count--;
        }
        (void)pthread_mutex_unlock(&p->lock);
    }
    if (!x && !(x = mem_alloc(sizeof *x + cap)))
        return NULL;
    x->next = NULL;
    x->at = x->len = 0;
    x->cap = cap;
    return x;
}

void piece_free(struct piece_pool *p, struct piece *x)
{
    if (x->cap == HTTP_PIECE_MAX) {
        (void)pthread_mutex_lock(&p->lock);
        bool keep = p->kept_count < KEEP_MAX;
        if (keep) {
            x->next = p->kept;
            p->kept = x;
            p->kept_count++;
        }
        (void)pthread_mutex_unlock(&p->lock);
        if (keep)
            return;
    }
    mem_free(x);
}

void piece_queue_add(struct piece_queue *q, struct piece *x)
{
    x->next = NULL;
    if (q->last)
        q->last->next = x;
    else
        q->first = x;
    q->last = x;
}

struct piece *piece_queue_take(struct piece_queue *q)
{
    struct piece *x = q->first;
    if (x && !(q->first = x->next))
        q->last = NULL;
    return x;
}
