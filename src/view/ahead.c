/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that open chunks before anybody asks for them. What is wanted is sorted by where it lies, so that
 * packs are read forwards, and a vault that is far away hears of all of it at once.
 *
 *  A1 A want is a hint: there is a bounded ring of names, and what does not fit is forgotten. Who needs the
 *     chunk opens it itself.
 *  A2 Only names are kept, so views may be closed at any time.
 *  A3 A chunk that cannot be opened is no error here: who asks for it will hear.
 */
#include "view/view_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define RING 512u
#define WANT_MAX 256u /* chunks a call */

struct ahead {
    struct view_cache *cache;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    uint8_t ring[RING][ID_BYTES];
    unsigned head, count;
    bool stopping;
    unsigned started;
    pthread_t threads[VIEW_THREADS_MAX];
};

struct want {
    uint8_t id[ID_BYTES];
    struct frame_loc loc;
};

static bool next_name(struct ahead *a, uint8_t id[ID_BYTES])
{
    (void)pthread_mutex_lock(&a->lock);
    while (!a->count && !a->stopping)
        (void)pthread_cond_wait(&a->filled, &a->lock);
    bool is_one = !a->stopping;
    if (is_one) {
        memcpy(id, a->ring[a->head], ID_BYTES);
        a->head = (a->head + 1) % RING;
        a->count--;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return is_one;
}

static void *run(void *arg)
{
    struct ahead *a = arg;
    uint8_t id[ID_BYTES];
    while (next_name(a, id)) {
        struct slot *s;
        struct err e = ERR_INIT;
        if (!slot_is_known(a->cache, id) && slot_get(a->cache, SEAL_DATA, id, true, &s, &e) == 0)
            slot_put(a->cache, s);
    }
    return NULL;
}

int ahead_new(struct view_cache *c, unsigned threads, struct ahead **out, struct err *e)
{
    struct ahead *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_no_memory(e, "reading ahead");
    a->cache = c;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->filled, NULL);
    for (unsigned i = 0; i < threads; i++) {
        int rc = pthread_create(&a->threads[i], NULL, run, a);
        if (rc) {
            ahead_free(a);
            return err_sys(e, rc, "start a thread that reads ahead");
        }
        a->started++;
    }
    *out = a;
    return 0;
}

void ahead_free(struct ahead *a)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->stopping = true;
    (void)pthread_cond_broadcast(&a->filled);
    (void)pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->started; i++)
        (void)pthread_join(a->threads[i], NULL);
    (void)pthread_cond_destroy(&a->filled);
    (void)pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

static void push(struct ahead *a, const struct want *wants, size_t count)
{
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < count && a->count < RING; i++)
        memcpy(a->ring[(a->head + a->count++) % RING], wants[i].id, ID_BYTES);
    (void)pthread_cond_broadcast(&a->filled);
    (void)pthread_mutex_unlock(&a->lock);
}

static int by_place(const void *a, const void *b)
{
    const struct want *x = a, *y = b;
    if (x->loc.pack != y->loc.pack)
        return x->loc.pack < y->loc.pack ? -1 : 1;
    return x->loc.offset < y->loc.offset ? -1 : x->loc.offset > y->loc.offset;
}

static void expect_all(struct vault *v, const struct want *wants, size_t count)
{
    struct frame_loc locs[WANT_MAX];
    for (size_t i = 0; i < count; i++)
        locs[i] = wants[i].loc;
    vault_expect(v, locs, count);
}

/* Adds what lies from `from` on in the table and is not there; to where it came. */
static uint64_t gather(struct view *v, const struct table *t, uint64_t from, uint64_t to,
                       struct want *wants, size_t *count)
{
    for (size_t i = table_find(t, from); i < t->count && *count < WANT_MAX; i++) {
        const struct item *it = &t->items[i].item;
        struct want *w = &wants[*count];
        if (t->items[i].off >= to)
            return to;
        from = t->items[i].off + it->len;
        if (it->kind == ITEM_HOLE || slot_is_known(v->cache, it->id) ||
            (*count && memcmp(w[-1].id, it->id, ID_BYTES) == 0) ||
            !vault_find(v->cache->access->vault, it->id, &w->loc))
            continue;
        memcpy(w->id, it->id, ID_BYTES);
        ++*count;
    }
    return *count == WANT_MAX ? to : from;
}

void ahead_want(struct view *v, uint64_t from, uint64_t to)
{
    struct ahead *a = v->cache->ahead;
    size_t count = 0;
    if (to > v->file->size)
        to = v->file->size;
    if (!a || from >= to)
        return;
    struct want *wants = mem_array(WANT_MAX, sizeof *wants);
    while (wants && from < to) {
        struct table *t;
        struct err e = ERR_INIT;
        if (table_get(v, from, &t, &e))
            break;
        from = gather(v, t, from, to, wants, &count);
        table_put(v, t);
    }
    if (count) {
        qsort(wants, count, sizeof *wants, by_place);
        expect_all(v->cache->access->vault, wants, count);
        push(a, wants, count);
    }
    mem_free(wants);
}
