/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which snapshots there are, whose they are, and where their trees begin. Names are made in names.c.
 *
 *  C1 A slot keeps its number and its name for as long as this is mounted, also when its snapshot was forgotten: who
 *     stands in it goes on reading, and no number ever means something else.
 *  C2 A root is opened when somebody looks into its snapshot, and once. What hosts/ needs is known after one root of
 *     each group: snapshots of a group are of one host (docs/format/vault.md).
 *  C3 A list that cannot be read leaves the last one in force.
 */
#include "mount/catalog.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_NS (5 * NS_PER_S)

/* ---- slots; with the lock --------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const struct known_id *x = a, *y = b;
    return memcmp(x->id, y->id, ID_BYTES);
}

static struct slot *slot_by_id(struct catalog *c, const uint8_t *id)
{
    struct known_id key;
    memcpy(key.id, id, ID_BYTES);
    const struct known_id *k =
        c->known_count ? bsearch(&key, c->known, c->known_count, sizeof key, compare_ids) : NULL;
    return k ? &c->slots[k->slot] : NULL;
}

static int know_all(struct catalog *c, struct err *e)
{
    if (c->known_count == c->slot_count)
        return 0;
    struct known_id *known = mem_realloc(c->known, c->slot_count, sizeof *known);
    if (!known)
        return err_no_memory(e, "the list of snapshots");
    for (size_t i = 0; i < c->slot_count; i++) {
        memcpy(known[i].id, c->slots[i].id, ID_BYTES);
        known[i].slot = (uint32_t)i;
    }
    qsort(known, c->slot_count, sizeof *known, compare_ids);
    c->known = known;
    c->known_count = c->slot_count;
    return 0;
}

static int group_of(struct catalog *c, const uint8_t id[UID_BYTES], uint32_t *out, struct err *e)
{
    for (uint32_t i = 0; i < c->group_count; i++)
        if (memcmp(c->groups[i].id, id, UID_BYTES) == 0) {
            *out = i;
            return 0;
        }
    struct group *more = mem_realloc(c->groups, (size_t)c->group_count + 1, sizeof *more);
    if (!more)
        return err_no_memory(e, "the list of snapshots");
    c->groups = more;
    more[c->group_count] = (struct group){.host = NO_HOST};
    memcpy(more[c->group_count].id, id, UID_BYTES);
    *out = c->group_count++;
    return 0;
}

static int slot_add(struct catalog *c, const struct snapshot *s, struct err *e)
{
    uint32_t group;
    char id[2 * ID_BYTES + 1], time[CLOCK_TEXT_BYTES];
    if (c->slot_count >> NODE_SLOT_BITS)
        return err_set(e, ERR_LIMIT, "more than %u snapshots", 1u << NODE_SLOT_BITS);
    if (group_of(c, s->group, &group, e))
        return -1;
    if (c->slot_count == c->slot_cap) {
        size_t cap = c->slot_cap ? 2 * c->slot_cap : 64;
        struct slot *more = mem_realloc(c->slots, cap, sizeof *more);
        if (!more)
            return err_no_memory(e, "the list of snapshots");
        c->slots = more;
        c->slot_cap = cap;
    }
    struct slot *n = &c->slots[c->slot_count];
    *n = (struct slot){.group = group, .dated_ns = s->dated_ns};
    memcpy(n->id, s->id, ID_BYTES);
    hex_encode(s->id, ID_BYTES, id);
    clock_format_utc(s->dated_ns, time);
    (void)snprintf(n->short_id, sizeof n->short_id, "%.8s", id);
    (void)snprintf(n->name, sizeof n->name, "%.19sZ-%.8s", time, id);
    c->slot_count++;
    return 0;
}

static bool is_wanted(const struct catalog *c, const struct snapshot *s)
{
    return !c->o.only || memcmp(s->id, c->o.only, ID_BYTES) == 0;
}

/* Slots for those that are new. What fails takes them back. */
static int add_new(struct catalog *c, const struct snapshot_list *fresh, struct err *e)
{
    size_t before = c->slot_count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < fresh->count; i++) {
        const struct snapshot *s = &fresh->items[i];
        if (!is_wanted(c, s))
            continue;
        rc = catalog_note_tags(c, s, e);
        if (rc == 0 && !slot_by_id(c, s->id))
            rc = slot_add(c, s, e);
    }
    if (rc || know_all(c, e)) {
        c->slot_count = before;
        return -1;
    }
    return 0;
}

static int take(struct catalog *c, struct snapshot_list *fresh, bool *is_new_out, struct err *e)
{
    size_t before = c->slot_count;
    if (add_new(c, fresh, e))
        return -1;
    *is_new_out = c->slot_count > before;
    for (size_t i = 0; i < c->slot_count; i++)
        c->slots[i].item = NULL;
    snapshot_list_done(&c->list);
    c->list = *fresh;
    *fresh = (struct snapshot_list){0};
    for (size_t i = 0; i < c->list.count; i++) {
        struct slot *s = slot_by_id(c, c->list.items[i].id);
        if (s)
            s->item = &c->list.items[i];
    }
    return 0;
}

/* The index follows where snapshots came: their packs are new, too. */
static int look(struct catalog *c, bool is_first, struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list fresh = {0};
    bool is_new = false;
    if (vault_snapshots(c->o.access->vault, &fresh, is_first ? c->o.damaged : NULL, c->o.arg, e) ||
        take(c, &fresh, &is_new, e))
        return -1;
    return is_new && !is_first ? vault_refresh(c->o.access->vault, NULL, NULL, e) : 0;
}

int catalog_refresh(struct catalog *c, struct err *e)
{
    int rc = 0;
    (void)pthread_mutex_lock(&c->lock);
    if (!c->o.only && clock_monotonic_ns() - c->looked_ns >= REFRESH_NS) {
        rc = look(c, false, e);
        c->looked_ns = clock_monotonic_ns();
    }
    (void)pthread_mutex_unlock(&c->lock);
    return rc ? err_wrap(e, "the list of snapshots") : 0;
}

int catalog_new(const struct catalog_options *o, struct catalog **out, struct err *e)
{
    struct catalog *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_no_memory(e, "the list of snapshots");
    c->o = *o;
    (void)pthread_mutex_init(&c->lock, NULL);
    if (look(c, true, e)) {
        catalog_free(c);
        return -1;
    }
    c->looked_ns = clock_monotonic_ns();
    *out = c;
    return 0;
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    snapshot_list_done(&c->list);
    mem_free(c->slots);
    mem_free(c->known);
    mem_free(c->groups);
    name_table_done(&c->hosts);
    name_table_done(&c->tags);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

/* ---- roots ------------------------------------------------------------------------------------- */

static int open_slot(struct catalog *c, struct slot *s, struct err *e)
{
    CLEANUP_FREE struct root *root = NULL;
    if (s->is_open)
        return 0;
    if (!s->item)
        return err_set(e, ERR_NOT_FOUND, "snapshot %s was forgotten", s->short_id);
    if (work_open_root(c->o.access, s->item, &root, e))
        return -1;
    if (root->tree.entries >> NODE_NUMBER_BITS || root->tree.level > CONTENT_LEVEL_MAX)
        return err_set(e, ERR_LIMIT, "snapshot %s: more entries than can be shown", s->short_id);
    struct group *g = &c->groups[s->group];
    if (g->host == NO_HOST && name_table_add(&c->hosts, root->host, &g->host, e))
        return -1;
    s->tree = root->tree;
    s->is_open = true;
    return 0;
}

int catalog_tree(struct catalog *c, uint32_t slot, struct tree_ref *out, struct err *e)
{
    int rc;
    (void)pthread_mutex_lock(&c->lock);
    if (slot >= c->slot_count)
        rc = err_set(e, ERR_NOT_FOUND, "there is no such snapshot");
    else
        rc = open_slot(c, &c->slots[slot], e);
    if (rc == 0)
        *out = c->slots[slot].tree;
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}

/* By the newest root of the group that can be opened. What cannot be read now may be later; what is damaged
 * stays so, and then the machine's name in the record has to do. */
static int name_group(struct catalog *c, uint32_t group, struct err *e)
{
    const struct slot *newest = NULL;
    for (size_t i = c->slot_count; i-- > 0;) {
        struct slot *s = &c->slots[i];
        struct err why = ERR_INIT;
        if (s->group != group || !s->item)
            continue;
        if (open_slot(c, s, &why) == 0)
            return 0;
        if (why.cls != ERR_DAMAGED && why.cls != ERR_NO_KEY && why.cls != ERR_NOT_FOUND && why.cls != ERR_NEWER)
            return err_give(e, &why);
        newest = newest ? newest : s;
    }
    return newest ? name_table_add(&c->hosts, newest->item->machine, &c->groups[group].host, e) : 0;
}

int catalog_name_hosts(struct catalog *c, struct err *e)
{
    int rc = 0;
    (void)pthread_mutex_lock(&c->lock);
    for (uint32_t i = 0; rc == 0 && i < c->group_count; i++)
        if (c->groups[i].host == NO_HOST)
            rc = name_group(c, i, e);
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}
