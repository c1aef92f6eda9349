/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened nodes of trees, by name: who walks a directory finds the node of its neighbour opened already.
 *
 *  P1 What nobody uses goes, the one unused for longest first, once all take more than `bytes_max`. What somebody
 *     uses stays.
 *  P2 A node is opened without the lock. Two who want the same may both open it; one copy is kept.
 */
#include "mount/mount_internal.h"

#include "base/mem.h"
#include "work/chunk_reader.h"

#include <string.h>

#define BUCKETS 1024u
#define IDLE_READERS 16u

struct pages {
    struct access *access;
    size_t bytes_max;
    pthread_mutex_t lock;
    struct page_slot *buckets[BUCKETS];
    struct page_slot *newest, *oldest;
    size_t bytes;
    struct chunk_reader *idle[IDLE_READERS];
    unsigned idle_count;
};

int pages_new(struct access *a, size_t bytes_max, struct pages **out, struct err *e)
{
    struct pages *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_no_memory(e, "the cache of trees");
    p->access = a;
    p->bytes_max = bytes_max;
    (void)pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return 0;
}

static void slot_free(struct page_slot *s)
{
    tree_page_free(s->page);
    mem_free(s);
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    while (p->newest) {
        struct page_slot *s = p->newest;
        p->newest = s->older;
        slot_free(s);
    }
    for (unsigned i = 0; i < p->idle_count; i++)
        chunk_reader_free(p->idle[i]);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* ---- lists; with the lock ---------------------------------------------------------------------- */

static struct page_slot **bucket_of(struct pages *p, const uint8_t *id)
{
    return &p->buckets[get_u32(id) % BUCKETS];
}

static struct page_slot *find(struct pages *p, const uint8_t *id)
{
    struct page_slot *s = *bucket_of(p, id);
    while (s && memcmp(s->id, id, ID_BYTES) != 0)
        s = s->same_bucket;
    return s;
}

static void list_out(struct pages *p, struct page_slot *s)
{
    *(s->newer ? &s->newer->older : &p->newest) = s->older;
    *(s->older ? &s->older->newer : &p->oldest) = s->newer;
    s->newer = s->older = NULL;
}

static void list_in(struct pages *p, struct page_slot *s)
{
    s->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = s;
    p->newest = s;
}

static void drop(struct pages *p, struct page_slot *s)
{
    struct page_slot **at = bucket_of(p, s->id);
    while (*at != s)
        at = &(*at)->same_bucket;
    *at = s->same_bucket;
    list_out(p, s);
    p->bytes -= s->page->bytes;
    slot_free(s);
}

static void make_room(struct pages *p)
{
    for (struct page_slot *s = p->oldest; s && p->bytes > p->bytes_max;) {
        struct page_slot *next = s->newer;
        if (s->users == 0)
            drop(p, s);
        s = next;
    }
}

/* ---- opening ------------------------------------------------------------------------------------ */

static struct chunk_reader *idle_reader(struct pages *p)
{
    (void)pthread_mutex_lock(&p->lock);
    struct chunk_reader *r = p->idle_count ? p->idle[--p->idle_count] : NULL;
    (void)pthread_mutex_unlock(&p->lock);
    return r;
}

static void give_back(struct pages *p, struct chunk_reader *r)
{
    (void)pthread_mutex_lock(&p->lock);
    if (p->idle_count < IDLE_READERS)
        p->idle[p->idle_count++] = TAKE(r);
    (void)pthread_mutex_unlock(&p->lock);
    chunk_reader_free(r);
}

static int open_page(struct pages *p, const uint8_t *id, uint8_t level, uint64_t entries, struct tree_page **out,
                     struct err *e)
{
    const uint8_t *plain;
    size_t len;
    struct chunk_reader *r = idle_reader(p);
    if (!r && chunk_reader_new(p->access, true, &r, e))
        return -1;
    int rc = chunk_reader_get(r, SEAL_META, id, &plain, &len, e);
    if (rc == 0)
        rc = tree_page_open(plain, len, level, entries, out, e);
    give_back(p, r);
    return rc;
}

/* A node that two parents promise differently (nobody honest writes that) fits one of them alone. */
static int is_as_promised(const struct tree_page *page, uint8_t level, uint64_t entries, struct err *e)
{
    const struct tree_page_child *last = page->level ? &page->children[page->count - 1] : NULL;
    uint64_t held = last ? last->first + last->entries : page->count;
    if (page->level == level && held == entries)
        return 0;
    return err_set(e, ERR_DAMAGED, "tree node: holds more or less than its parent says");
}

/* Joins what is there; true if so. */
static bool join(struct pages *p, const uint8_t *id, struct page_slot **out)
{
    (void)pthread_mutex_lock(&p->lock);
    struct page_slot *s = find(p, id);
    if (s) {
        s->users++;
        list_out(p, s);
        list_in(p, s);
        *out = s;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return s;
}

static struct page_slot *enter(struct pages *p, struct page_slot *fresh)
{
    (void)pthread_mutex_lock(&p->lock);
    struct page_slot *s = find(p, fresh->id);
    if (!s) {
        s = TAKE(fresh);
        s->same_bucket = *bucket_of(p, s->id);
        *bucket_of(p, s->id) = s;
        list_in(p, s);
        p->bytes += s->page->bytes;
    }
    s->users++;
    make_room(p);
    (void)pthread_mutex_unlock(&p->lock);
    if (fresh)
        slot_free(fresh);
    return s;
}

int page_get(struct pages *p, const uint8_t id[ID_BYTES], uint8_t level, uint64_t entries, struct page_slot **out,
             struct err *e)
{
    struct page_slot *s = NULL;
    if (!join(p, id, &s)) {
        s = mem_zalloc(sizeof *s);
        if (!s)
            return err_no_memory(e, "a tree");
        if (open_page(p, id, level, entries, &s->page, e)) {
            mem_free(s);
            return -1;
        }
        memcpy(s->id, id, ID_BYTES);
        s = enter(p, s);
    }
    if (is_as_promised(s->page, level, entries, e)) {
        page_put(p, s);
        return -1;
    }
    *out = s;
    return 0;
}

void page_put(struct pages *p, struct page_slot *s)
{
    (void)pthread_mutex_lock(&p->lock);
    s->users--;
    (void)pthread_mutex_unlock(&p->lock);
}

size_t pages_bytes(struct pages *p)
{
    (void)pthread_mutex_lock(&p->lock);
    size_t bytes = p->bytes;
    (void)pthread_mutex_unlock(&p->lock);
    return bytes;
}
