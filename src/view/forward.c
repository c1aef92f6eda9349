/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recognises who reads forward. Clients of a block device keep several reads under way, which arrive in
 * any order, and a guest reads several files at once: so several readers are known, and each may be off by
 * SLACK. The window doubles with each half of it that was really read.
 */
#include "view/view_internal.h"

#define SLACK ((uint64_t)1 << 20)
#define WINDOW_FIRST ((uint64_t)1 << 20)

static struct forward *find(struct view *v, uint64_t off)
{
    for (unsigned i = 0; i < FORWARD_READERS; i++) {
        struct forward *f = &v->forward[i];
        if (f->used && off <= f->next + SLACK && f->next <= off + SLACK)
            return f;
    }
    return NULL;
}

static struct forward *replace_oldest(struct view *v)
{
    struct forward *oldest = &v->forward[0];
    for (unsigned i = 1; i < FORWARD_READERS; i++)
        if (v->forward[i].used < oldest->used)
            oldest = &v->forward[i];
    return oldest;
}

static bool advance(const struct view *v, struct forward *f, uint64_t end, uint64_t *from_out,
                    uint64_t *to_out)
{
    if (end <= f->next)
        return false;
    f->next = end;
    if (f->window && f->wanted > end + f->window / 2)
        return false;
    f->window = f->window ? 2 * f->window : WINDOW_FIRST;
    if (f->window > v->window_max)
        f->window = v->window_max;
    *from_out = f->wanted > end ? f->wanted : end;
    *to_out = end + f->window;
    f->wanted = *to_out;
    return *from_out < *to_out;
}

bool forward_note(struct view *v, uint64_t off, size_t len, uint64_t *from_out, uint64_t *to_out)
{
    uint64_t end = off + len;
    bool is_row = false;
    (void)pthread_mutex_lock(&v->lock);
    struct forward *f = find(v, off);
    if (f)
        is_row = advance(v, f, end, from_out, to_out);
    else
        *(f = replace_oldest(v)) = (struct forward){.next = end, .wanted = end};
    f->used = ++v->reads;
    (void)pthread_mutex_unlock(&v->lock);
    return is_row;
}
