/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the items of a file lie: a table for each list node that was looked at, so that a read costs one
 * binary search. List nodes themselves are chunks of the cache.
 *
 *  T1 Items of a table follow each other without a gap from `start` to `end`.
 *  T2 A table has at most ITEMS_MAX items, whatever a node says: of a longer one it is the part around the
 *     byte that was asked for.
 *  T3 All tables together take VIEW_TABLE_BYTES, and what is in use; the one unused for longest goes.
 */
#include "view/view_internal.h"

#include "base/mem.h"

#include <string.h>

#define ITEMS_MAX 16384u
#define ITEMS_AT_FIRST 64u

static size_t bytes_of(const struct table *t)
{
    return sizeof *t + t->count * sizeof t->items[0];
}

/* ---- in the lists of all, and of a view; with tables.lock ----------------------------------- */

static void list_out(struct tables *all, struct table *t)
{
    if (t->newer)
        t->newer->older = t->older;
    else
        all->newest = t->older;
    if (t->older)
        t->older->newer = t->newer;
    else
        all->oldest = t->newer;
    t->newer = t->older = NULL;
}

static void list_in(struct tables *all, struct table *t)
{
    t->older = all->newest;
    if (all->newest)
        all->newest->newer = t;
    else
        all->oldest = t;
    all->newest = t;
}

static void drop(struct tables *all, struct table *t)
{
    struct table **at = &t->view->tables;
    while (*at != t)
        at = &(*at)->same_view;
    *at = t->same_view;
    list_out(all, t);
    all->bytes -= bytes_of(t);
    mem_free(t);
}

static void make_room(struct tables *all)
{
    struct table *t = all->oldest;
    while (t && all->bytes > VIEW_TABLE_BYTES) {
        struct table *next = t->newer;
        if (!t->users)
            drop(all, t);
        t = next;
    }
}

static struct table *find(struct view *v, uint64_t off)
{
    struct tables *all = &v->cache->tables;
    struct table *t = v->tables;
    while (t && (off < t->start || off >= t->end))
        t = t->same_view;
    if (t) {
        t->users++;
        list_out(all, t);
        list_in(all, t);
    }
    return t;
}

void table_put(struct view *v, struct table *t)
{
    struct tables *all = &v->cache->tables;
    (void)pthread_mutex_lock(&all->lock);
    t->users--;
    (void)pthread_mutex_unlock(&all->lock);
}

void tables_forget(struct view *v)
{
    struct tables *all = &v->cache->tables;
    (void)pthread_mutex_lock(&all->lock);
    while (v->tables)
        drop(all, v->tables);
    (void)pthread_mutex_unlock(&all->lock);
}

/* ---- reading a list node --------------------------------------------------------------------- */

static int fetch(void *arg, const uint8_t id[ID_BYTES], struct buf *out, struct err *e)
{
    struct view_cache *c = arg;
    struct slot *s;
    if (slot_get(c, SEAL_META, id, false, &s, e))
        return -1;
    buf_put(out, s->plain, s->len);
    slot_put(c, s);
    return buf_check(out, "a list node", e);
}

static int grow(struct table **t, size_t *cap, struct err *e)
{
    size_t more = *cap ? 2 * *cap : ITEMS_AT_FIRST;
    void *p = mem_realloc(*t, 1, sizeof **t + more * sizeof(*t)->items[0]);
    if (!p)
        return err_no_memory(e, "a part of a content list");
    if (!*t)
        memset(p, 0, sizeof **t);
    *t = p;
    *cap = more;
    return 0;
}

/* From the node's first item to its last, or those of them that T2 allows. */
static int read_items(struct list_reader *r, uint64_t off, uint64_t start, uint64_t end,
                      struct table **t, struct err *e)
{
    size_t cap = 0;
    if (grow(t, &cap, e))
        return -1;
    uint64_t at = (*t)->start = start;
    while (at < end) {
        if ((*t)->count == ITEMS_MAX) {
            if (at > off)
                break;
            (*t)->count = 0;
            (*t)->start = at;
        }
        if ((*t)->count == cap && grow(t, &cap, e))
            return -1;
        struct table_item *it = &(*t)->items[(*t)->count];
        int rc = list_reader_next(r, &it->item, e);
        if (rc <= 0)
            return rc < 0 ? -1 : err_set(e, ERR_DAMAGED, "content list: shorter than the file");
        it->off = at;
        at += it->item.len;
        (*t)->count++;
    }
    (*t)->end = at;
    return at > off ? 0 : err_set(e, ERR_DAMAGED, "content list: holds less than it says");
}

static int load(struct view *v, uint64_t off, struct table **out, struct err *e)
{
    struct list_reader *r = NULL;
    struct table *t = NULL;
    uint64_t start, end;
    if (list_reader_new(fetch, v->cache, &r, e))
        return -1;
    int rc = list_reader_begin(r, v->file, e) || list_reader_seek(r, off, &start, &end, e) ||
                     read_items(r, off, start, end, &t, e)
                 ? -1
                 : 0;
    list_reader_free(r);
    if (rc) {
        mem_free(t);
        return -1;
    }
    struct table *fit = mem_realloc(t, 1, bytes_of(t));
    *out = fit ? fit : t;
    return 0;
}

int table_get(struct view *v, uint64_t off, struct table **out, struct err *e)
{
    struct tables *all = &v->cache->tables;
    struct table *fresh = NULL;
    (void)pthread_mutex_lock(&all->lock);
    struct table *t = find(v, off);
    (void)pthread_mutex_unlock(&all->lock);
    if (!t) {
        if (load(v, off, &fresh, e))
            return -1;
        (void)pthread_mutex_lock(&all->lock);
        t = find(v, off); /* by another thread, meanwhile */
        if (!t) {
            t = TAKE(fresh);
            t->view = v;
            t->users = 1;
            t->same_view = v->tables;
            v->tables = t;
            list_in(all, t);
            all->bytes += bytes_of(t);
            make_room(all);
        }
        (void)pthread_mutex_unlock(&all->lock);
        mem_free(fresh);
    }
    *out = t;
    return 0;
}

size_t table_find(const struct table *t, uint64_t off)
{
    size_t low = 0, high = t->count; /* the item is at `low` or behind, before `high` */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (t->items[middle].off <= off)
            low = middle;
        else
            high = middle;
    }
    return low;
}
