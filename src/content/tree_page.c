/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of a tree, opened as a whole. Does not fetch, and knows no other node.
 *
 *  G1 Every byte is hostile: memory grows with what was read, up to TREE_PAGE_MAX (paths are front-coded, so that
 *     a small node can name very long ones).
 *  G2 A page holds as many entries as was promised, and none of its children holds none: so an entry's number in
 *     the tree is the same, whichever way it is reached.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

static const char page_what[] = "tree node";

struct page { /* what is behind a tree_page */
    struct tree_page out;
    struct entry **entries;
    struct tree_page_child *children;
    size_t cap;
    struct buf paths; /* of children, one behind the other */
};

void tree_page_free(struct tree_page *p)
{
    struct page *page = (struct page *)p;
    if (!page)
        return;
    for (size_t i = 0; page->entries && i < page->out.count; i++)
        mem_free(page->entries[i]);
    mem_free(page->entries);
    mem_free(page->children);
    buf_done(&page->paths);
    mem_free(page);
}

static int take_room(struct page *p, size_t len, struct err *e)
{
    if (len > TREE_PAGE_MAX - p->out.bytes)
        return err_set(e, ERR_LIMIT, "tree node: needs more than %zu MiB of memory", TREE_PAGE_MAX >> 20);
    p->out.bytes += len;
    return 0;
}

static size_t size_of(const struct entry *en)
{
    size_t n = sizeof *en + en->path_len + en->target_len + en->note_len + strlen(en->user) + strlen(en->group) + 32;
    n += en->item_count * sizeof(struct item);
    for (size_t i = 0; i < en->xattr_count; i++)
        n += sizeof(struct entry_xattr) + strlen(en->xattrs[i].name) + 1 + en->xattrs[i].value_len;
    return n;
}

/* Room for one more in whichever array. */
static int grow(struct page *p, struct err *e)
{
    size_t cap = p->cap ? 2 * p->cap : 64;
    if (p->out.count < p->cap)
        return 0;
    if (p->out.level) {
        struct tree_page_child *more = mem_realloc(p->children, cap, sizeof *more);
        if (!more)
            return err_no_memory(e, "a tree");
        p->children = more;
    } else {
        struct entry **more = mem_realloc(p->entries, cap, sizeof(struct entry *));
        if (!more)
            return err_no_memory(e, "a tree");
        p->entries = more;
    }
    p->cap = cap;
    return 0;
}

/* ---- leaves --------------------------------------------------------------------------------- */

static int add_entry(struct page *p, const struct entry *en, struct err *e)
{
    const struct entry *last = p->out.count ? p->entries[p->out.count - 1] : NULL;
    if (last && path_compare(last->path, last->path_len, en->path, en->path_len) >= 0)
        return err_set(e, ERR_DAMAGED, "tree node: paths are not in ascending order");
    if (take_room(p, size_of(en), e) || grow(p, e))
        return -1;
    struct entry *copy = entry_dup(en);
    if (!copy)
        return err_no_memory(e, "a tree");
    p->entries[p->out.count++] = copy;
    return 0;
}

static int read_entries(struct page *p, struct cursor *c, uint64_t promised, struct err *e)
{
    struct entry_decoder *decoder;
    struct entry en;
    if (entry_decoder_new(&decoder, e))
        return -1;
    int rc = entry_decoder_begin(decoder, c, e);
    uint64_t count = rc == 0 ? cursor_varint(c) : 0;
    if (rc == 0)
        rc = cursor_check(c, false, page_what, e);
    if (rc == 0 && count != promised)
        rc = err_set(e, ERR_DAMAGED, "tree node: holds more or less than its parent says");
    for (uint64_t i = 0; rc == 0 && i < count; i++)
        rc = entry_decode(decoder, c, &en, e) || add_entry(p, &en, e) ? -1 : 0;
    entry_decoder_free(decoder);
    return rc ? -1 : cursor_check(c, true, page_what, e);
}

/* ---- inner nodes ------------------------------------------------------------------------------ */

/* One child; its path is put behind the others, `at` is where the one before begins. */
static int read_child(struct page *p, struct cursor *c, struct buf *path, uint64_t *entries, struct err *e)
{
    size_t len, shared = (size_t)cursor_varint_max(c, path->len);
    const uint8_t *suffix = cursor_blob(c, ENTRY_PATH_MAX - shared, &len);
    struct tree_page_child child = {.first = *entries};
    cursor_copy(c, child.id, SEAL_ID_BYTES);
    child.entries = cursor_varint(c);
    (void)cursor_varint(c); /* bytes of files */
    if (cursor_check(c, false, page_what, e))
        return -1;
    bool ascends = p->out.count == 0 || shared + len > path->len ||
                   path_compare((const char *)suffix, len, (const char *)path->data + shared, path->len - shared) > 0;
    if (child.entries == 0 || !ascends || __builtin_add_overflow(*entries, child.entries, entries))
        return err_set(e, ERR_DAMAGED, "tree node: its children are not in order");
    path->len = shared;
    buf_put(path, suffix, len);
    child.len = path->len;
    if (buf_check(path, page_what, e) || take_room(p, child.len + sizeof child, e) || grow(p, e))
        return -1;
    buf_put(&p->paths, path->data, path->len);
    p->children[p->out.count++] = child;
    return buf_check(&p->paths, page_what, e);
}

static int read_children(struct page *p, struct cursor *c, uint64_t promised, struct err *e)
{
    CLEANUP(buf_done) struct buf path = {.max = ENTRY_PATH_MAX + 1};
    uint64_t entries = 0, count = cursor_varint(c);
    p->paths.max = TREE_PAGE_MAX;
    if (cursor_check(c, false, page_what, e))
        return -1;
    for (uint64_t i = 0; i < count; i++)
        if (read_child(p, c, &path, &entries, e))
            return -1;
    if (cursor_check(c, true, page_what, e))
        return -1;
    if (entries != promised)
        return err_set(e, ERR_DAMAGED, "tree node: holds more or less than its parent says");
    const char *at = (const char *)p->paths.data;
    for (size_t i = 0; i < p->out.count; i++) {
        p->children[i].path = at;
        at += p->children[i].len;
    }
    return 0;
}

int tree_page_open(const void *plain, size_t len, uint8_t level, uint64_t entries,
                   struct tree_page **out, struct err *e)
{
    struct cursor c = cursor_of(plain, len);
    uint8_t version = cursor_u8(&c), node_level = cursor_u8(&c);
    if (version > NODE_VERSION)
        return err_set(e, ERR_NEWER, "tree node: written by a newer abri: update abri");
    if (c.bad || version == 0 || node_level != level || entries == 0)
        return err_set(e, ERR_DAMAGED, "tree node: malformed head");
    struct page *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_no_memory(e, "a tree");
    p->out.level = level;
    p->out.bytes = sizeof *p;
    if (level ? read_children(p, &c, entries, e) : read_entries(p, &c, entries, e)) {
        tree_page_free(&p->out);
        return -1;
    }
    p->out.entries = (const struct entry *const *)p->entries;
    p->out.children = p->children;
    *out = &p->out;
    return 0;
}
