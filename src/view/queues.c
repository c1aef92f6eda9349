/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which chunk goes when there is no room: 2Q (Johnson and Shasha, VLDB 1994). One LRU for all is
 * emptied by whoever reads a disk from one end to the other, while a guest that jumps about needs what it
 * had; so:
 *  Q1 What is new stands in a queue of its own, in the order of arrival: a second look does not move it, since
 *     whoever reads forward looks at one chunk many times in a row.
 *  Q2 What left that queue leaves its name (a ghost, without bytes). Who is asked for while the name is known
 *     comes back as one that is needed often: an LRU that a single pass never touches.
 *  Q3 The new ones give way while they have more than a quarter of the room, else the often needed.
 */
#include "view/view_internal.h"

void queue_push(struct slot_list *l, struct slot *s)
{
    s->newer = NULL;
    s->older = l->newest;
    if (l->newest)
        l->newest->newer = s;
    else
        l->oldest = s;
    l->newest = s;
    l->count++;
    l->bytes += s->len;
}

void queue_remove(struct slot_list *l, struct slot *s)
{
    if (s->newer)
        s->newer->older = s->older;
    else
        l->newest = s->older;
    if (s->older)
        s->older->newer = s->newer;
    else
        l->oldest = s->newer;
    s->newer = s->older = NULL;
    l->count--;
    l->bytes -= s->len;
}

static struct slot *oldest_idle(const struct slot_list *l)
{
    struct slot *s = l->oldest;
    while (s && s->users)
        s = s->newer;
    return s;
}

struct slot *queue_victim(const struct slot_list queues[QUEUE_COUNT], size_t bytes_max)
{
    const struct slot_list *fresh = &queues[QUEUE_NEW], *often = &queues[QUEUE_OFTEN];
    if (fresh->bytes + often->bytes <= bytes_max)
        return NULL;
    bool is_fresh = fresh->bytes > bytes_max / 4;
    struct slot *s = oldest_idle(is_fresh ? fresh : often);
    return s ? s : oldest_idle(is_fresh ? often : fresh);
}
