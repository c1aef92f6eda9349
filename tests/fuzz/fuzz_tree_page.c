/* SPDX-License-Identifier: Apache-2.0 */
/* A tree node opened as a whole: u8 level ‖ u32 entries that were promised ‖ the node. What is accepted is in order,
 * holds what was promised, and stays within its memory. */
#include "content/content.h"
#include "fuzz.h"

#include <stdlib.h>

static void check_leaf(const struct tree_page *p, uint64_t promised)
{
    if (p->count != promised)
        abort();
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *en = p->entries[i], *last = i ? p->entries[i - 1] : NULL;
        if (!path_is_valid(en->path, en->path_len))
            abort();
        if (last && path_compare(last->path, last->path_len, en->path, en->path_len) >= 0)
            abort();
    }
}

static void check_inner(const struct tree_page *p, uint64_t promised)
{
    uint64_t first = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct tree_page_child *c = &p->children[i], *last = i ? c - 1 : NULL;
        if (c->first != first || c->entries == 0)
            abort();
        first += c->entries;
        if (last && path_compare(last->path, last->len, c->path, c->len) >= 0)
            abort();
    }
    if (first != promised)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct cursor c = cursor_of(p, len);
    struct tree_page *page = NULL;
    uint8_t level = cursor_u8(&c);
    uint64_t promised = cursor_u32(&c);
    if (c.bad || tree_page_open(c.p, cursor_left(&c), level, promised, &page, NULL))
        return 0;
    if (page->level != level || page->bytes > TREE_PAGE_MAX)
        abort();
    (level ? check_inner : check_leaf)(page, promised);
    tree_page_free(page);
    return 0;
}
