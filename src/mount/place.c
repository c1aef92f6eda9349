/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in a tree: by number, by path, and from one to the next. Each costs a node a level, of which those above
 * the leaves are opened already as a rule.
 *
 *  L1 Going forward gives higher numbers only: a tree whose nodes disagree about the order ends as damaged, never
 *     in a circle.
 */
#include "mount/mount_internal.h"

#include "base/mem.h"

#include <string.h>

void place_done(struct place *p)
{
    if (p->slot)
        page_put(p->pages, p->slot);
    *p = (struct place){0};
}

const struct entry *place_entry(const struct place *p)
{
    return p->slot->page->entries[p->index];
}

/* Where to go down: by number if `path` is NULL, else to the last child that does not begin behind it. */
static size_t choose_child(const struct tree_page *page, uint64_t number, const char *path, size_t len)
{
    size_t low = 0, high = page->count; /* children below `low` begin at or before it */
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct tree_page_child *c = &page->children[middle];
        bool is_behind = path ? path_compare(c->path, c->len, path, len) > 0 : c->first > number;
        if (is_behind)
            high = middle;
        else
            low = middle + 1;
    }
    return low ? low - 1 : 0;
}

/* The leaf, its page taken, and how many entries stand before it. */
static int find_leaf(struct pages *pages, const struct tree_ref *tree, uint64_t number, const char *path, size_t len,
                     struct page_slot **out, uint64_t *before_out, struct err *e)
{
    struct page_slot *s;
    uint64_t before = 0;
    if (page_get(pages, tree->id, tree->level, tree->entries, &s, e))
        return -1;
    while (s->page->level) {
        const struct tree_page_child *c = &s->page->children[choose_child(s->page, number - before, path, len)];
        struct page_slot *below;
        before += c->first;
        int rc = page_get(pages, c->id, (uint8_t)(s->page->level - 1), c->entries, &below, e);
        page_put(pages, s);
        if (rc)
            return -1;
        s = below;
    }
    *out = s;
    *before_out = before;
    return 0;
}

static void settle(struct place *p, struct pages *pages, const struct tree_ref *tree, struct page_slot *s,
                   size_t index, uint64_t number)
{
    struct place now = {.pages = pages, .tree = *tree, .slot = s, .index = index, .number = number};
    place_done(p); /* `tree` may be its own */
    *p = now;
}

int place_at(struct place *p, struct pages *pages, const struct tree_ref *tree, uint64_t number, struct err *e)
{
    struct page_slot *s;
    uint64_t before;
    if (number >= tree->entries)
        return 0;
    if (find_leaf(pages, tree, number, NULL, 0, &s, &before, e))
        return -1;
    settle(p, pages, tree, s, (size_t)(number - before), number);
    return 1;
}

/* The first in the page that is at or behind the path. */
static size_t lower_bound(const struct tree_page *page, const char *path, size_t len)
{
    size_t low = 0, high = page->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct entry *en = page->entries[middle];
        if (path_compare(en->path, en->path_len, path, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int place_seek(struct place *p, struct pages *pages, const struct tree_ref *tree, const char *path, size_t len,
               struct err *e)
{
    struct page_slot *s;
    uint64_t before;
    if (tree->entries == 0)
        return 0;
    if (find_leaf(pages, tree, 0, path, len, &s, &before, e))
        return -1;
    size_t index = lower_bound(s->page, path, len);
    uint64_t number = before + index;
    if (index == s->page->count) {
        page_put(pages, s);
        return place_at(p, pages, tree, number, e);
    }
    settle(p, pages, tree, s, index, number);
    return 1;
}

int place_next(struct place *p, struct err *e)
{
    if (p->index + 1 < p->slot->page->count) {
        p->index++;
        p->number++;
        return 1;
    }
    return place_at(p, p->pages, &p->tree, p->number + 1, e);
}

/* In the same page, if what lies below ends there. */
static bool skip_in_page(struct place *p, const struct entry *en)
{
    const struct tree_page *page = p->slot->page;
    size_t low = p->index + 1, high = page->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct entry *at = page->entries[middle];
        if (path_is_below(at->path, at->path_len, en->path, en->path_len))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == page->count)
        return false;
    p->number += low - p->index;
    p->index = low;
    return true;
}

/* No name has a NUL, and '/' is less than any other byte: nothing can stand between what is below `en` and its
 * path with a byte 1 behind it. */
int place_skip(struct place *p, struct err *e)
{
    const struct entry *en = place_entry(p);
    uint64_t number = p->number;
    if (en->type != ENTRY_DIR)
        return place_next(p, e);
    if (skip_in_page(p, en))
        return 1;
    CLEANUP(buf_done) struct buf path = {.max = ENTRY_PATH_MAX + 1};
    buf_put(&path, en->path, en->path_len);
    buf_put_u8(&path, 1);
    if (buf_check(&path, "a path", e))
        return -1;
    int rc = place_seek(p, p->pages, &p->tree, (const char *)path.data, path.len, e);
    if (rc > 0 && p->number <= number)
        return err_set(e, ERR_DAMAGED, "tree node: paths are not in ascending order");
    return rc;
}
