/* SPDX-License-Identifier: Apache-2.0 */
/* Finding snapshots, hosts and tags in the catalogue. Opens nothing. */
#include "mount/catalog.h"

#include "base/mem.h"

#include <string.h>

static bool has_tag(const struct catalog *c, const struct snapshot *s, uint32_t tag)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (strcmp(s->tags[i], c->tags.items[tag].text) == 0)
            return true;
    return false;
}

/* Living, and of what is asked for. */
static bool belongs(const struct catalog *c, const struct slot *s, enum face_of of, uint32_t which)
{
    if (!s->item)
        return false;
    switch (of) {
    case FACE_ANY: return true;
    case FACE_HOST: return c->groups[s->group].host == which;
    case FACE_TAG: return which < c->tags.count && has_tag(c, s->item, which);
    }
    return false;
}

static void show(const struct catalog *c, size_t slot, struct snapshot_face *out)
{
    const struct slot *s = &c->slots[slot];
    *out = (struct snapshot_face){.slot = (uint32_t)slot, .dated_ns = s->dated_ns};
    memcpy(out->name, s->name, sizeof out->name);
    memcpy(out->short_id, s->short_id, sizeof out->short_id);
}

bool catalog_find(struct catalog *c, enum face_of of, uint32_t which, uint32_t from, struct snapshot_face *out)
{
    (void)pthread_mutex_lock(&c->lock);
    size_t i = from;
    while (i < c->slot_count && !belongs(c, &c->slots[i], of, which))
        i++;
    bool found = i < c->slot_count;
    if (found)
        show(c, i, out);
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

bool catalog_latest(struct catalog *c, enum face_of of, uint32_t which, struct snapshot_face *out)
{
    (void)pthread_mutex_lock(&c->lock);
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < c->slot_count; i++)
        if (belongs(c, &c->slots[i], of, which) &&
            (best == SIZE_MAX || c->slots[i].dated_ns >= c->slots[best].dated_ns))
            best = i;
    if (best != SIZE_MAX)
        show(c, best, out);
    (void)pthread_mutex_unlock(&c->lock);
    return best != SIZE_MAX;
}

bool catalog_by_name(struct catalog *c, enum face_of of, uint32_t which, const char *name, struct snapshot_face *out)
{
    (void)pthread_mutex_lock(&c->lock);
    size_t i = 0;
    while (i < c->slot_count && (strcmp(c->slots[i].name, name) != 0 || !belongs(c, &c->slots[i], of, which)))
        i++;
    bool found = i < c->slot_count;
    if (found)
        show(c, i, out);
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

bool catalog_by_id(struct catalog *c, const char *short_id, struct snapshot_face *out)
{
    (void)pthread_mutex_lock(&c->lock);
    size_t i = 0;
    while (i < c->slot_count && (strcmp(c->slots[i].short_id, short_id) != 0 || !c->slots[i].item))
        i++;
    bool found = i < c->slot_count;
    if (found)
        show(c, i, out);
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

bool catalog_face(struct catalog *c, uint32_t slot, struct snapshot_face *out)
{
    (void)pthread_mutex_lock(&c->lock);
    bool found = slot < c->slot_count;
    if (found)
        show(c, slot, out);
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

/* ---- hosts and tags ------------------------------------------------------------------------------ */

/* With the lock: a host or tag that has a living snapshot. */
static bool is_used(const struct catalog *c, enum face_of of, uint32_t which)
{
    for (size_t i = 0; i < c->slot_count; i++)
        if (belongs(c, &c->slots[i], of, which))
            return true;
    return false;
}

static const struct name_table *table_of(const struct catalog *c, enum face_of of)
{
    return of == FACE_HOST ? &c->hosts : &c->tags;
}

bool catalog_group(struct catalog *c, enum face_of of, uint32_t from, uint32_t *which_out, char name[HOST_NAME_BYTES])
{
    (void)pthread_mutex_lock(&c->lock);
    const struct name_table *t = table_of(c, of);
    uint32_t i = from;
    while (i < t->count && !is_used(c, of, i))
        i++;
    bool found = i < t->count;
    if (found) {
        *which_out = i;
        memcpy(name, t->items[i].name, HOST_NAME_BYTES);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

bool catalog_group_by_name(struct catalog *c, enum face_of of, const char *name, uint32_t *which_out)
{
    (void)pthread_mutex_lock(&c->lock);
    const struct name_table *t = table_of(c, of);
    uint32_t i = 0;
    while (i < t->count && (strcmp(t->items[i].name, name) != 0 || !is_used(c, of, i)))
        i++;
    bool found = i < t->count;
    if (found)
        *which_out = i;
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

/* Tags can be changed at any time: those of every list are noted. */
int catalog_note_tags(struct catalog *c, const struct snapshot *s, struct err *e)
{
    uint32_t tag;
    for (size_t i = 0; i < s->tag_count; i++)
        if (name_table_add(&c->tags, s->tags[i], &tag, e))
            return -1;
    return 0;
}
