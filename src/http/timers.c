/* SPDX-License-Identifier: Apache-2.0 */
#include "http/timers.h"

#include "base/mem.h"

#include <assert.h>

void timers_done(struct timers *t)
{
    mem_free(t->heap);
    *t = (struct timers){0};
}

bool timers_reserve(struct timers *t, size_t count)
{
    if (count <= t->cap)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 64;
    while (cap < count)
        cap *= 2;
    struct timer **heap = mem_realloc(t->heap, cap, sizeof(struct timer *));
    if (!heap)
        return false;
    t->heap = heap;
    t->cap = cap;
    return true;
}

static void put(struct timers *t, size_t at, struct timer *x)
{
    t->heap[at] = x;
    x->place = at + 1;
}

static void sift(struct timers *t, struct timer *x)
{
    size_t at = x->place - 1;
    while (at > 0 && t->heap[(at - 1) / 2]->at_ms > x->at_ms) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < t->count; at = child) {
        if (child + 1 < t->count && t->heap[child + 1]->at_ms < t->heap[child]->at_ms)
            child++;
        if (t->heap[child]->at_ms >= x->at_ms)
            break;
        put(t, at, t->heap[child]);
    }
    put(t, at, x);
}

void timers_set(struct timers *t, struct timer *x, int64_t at_ms)
{
    x->at_ms = at_ms;
    if (!x->place) {
        assert(t->count < t->cap);
        put(t, t->count++, x);
    }
    sift(t, x);
}

void timers_remove(struct timers *t, struct timer *x)
{
    if (!x->place)
        return;
    size_t at = x->place - 1;
    x->place = 0;
    struct timer *last = t->heap[--t->count];
    if (last == x)
        return;
    put(t, at, last);
    sift(t, last);
}

struct timer *timers_first(const struct timers *t)
{
    return t->count ? t->heap[0] : NULL;
}
