/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a tree in order. Hostile trees end:
 *  T1 levels only go down, no node is empty, and both the first paths of nodes
 *     and the entries ascend across the whole tree: nothing is visited twice,
 *     behind damage neither;
 *  T2 a node holds what the node above promised: first path, number of entries
 *     and bytes. Not checked after a seek, behind a node passed over, or behind
 *     damage, where only a part is seen;
 *  T3 the parent of an entry came before, as a directory. Behind damage it may
 *     have been lost, after a seek it lies before, and it may be in a node passed over:
 *     not checked there.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct tree_frame {
    struct buf plain;
    struct cursor at;
    uint64_t left;  /* elements not yet read */
    struct buf path; /* inner levels: first path of the child at hand */
    bool fresh, at_first; /* no child read yet; the child at hand is the first */
    bool has_child;       /* a child has been read but not entered */
    uint8_t child[SEAL_ID_BYTES];
    uint64_t child_entries, child_bytes; /* what is promised for it */
    bool open;                           /* being read; then it ends when the reader has seen: */
    uint64_t end_entries, end_bytes;
};

struct tree_reader {
    struct tree_ref root;
    content_fetch *fetch;
    void *arg;
    void (*seen)(void *arg, const uint8_t *id);
    void *seen_arg;
    struct entry_decoder *decoder;
    struct tree_frame levels[CONTENT_LEVEL_MAX + 1];
    bool started;
    bool root_left; /* begun, but the root was not read yet */
    struct buf last_path; /* of the entry before, over all nodes */
    bool has_last;
    bool last_is_dir;
    struct buf floor; /* promised first path of the node entered last */
    bool has_floor;
    bool whole;       /* no seek, no pass, no damage: T2 and T3 can be checked */
    bool first_known; /* levels[0] was just entered: its first path is promised */
    uint64_t entries, bytes; /* seen so far */
    struct buf seek_path;
    bool seeking;
};

int tree_reader_new(const struct tree_ref *root, content_fetch *fetch, void *arg,
                    struct tree_reader **out, struct err *e)
{
    if (root->level > CONTENT_LEVEL_MAX)
        return err_set(e, ERR_DAMAGED, "a tree of level %u", root->level);
    struct tree_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "a tree");
    r->root = *root;
    r->fetch = fetch;
    r->arg = arg;
    r->whole = true;
    r->last_path.max = r->seek_path.max = r->floor.max = ENTRY_PATH_MAX + 1;
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++) {
        r->levels[i].plain.max = CONTENT_NODE_MAX;
        r->levels[i].path.max = ENTRY_PATH_MAX + 1;
    }
    if (entry_decoder_new(&r->decoder, e)) {
        mem_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

void tree_reader_free(struct tree_reader *r)
{
    if (!r)
        return;
    entry_decoder_free(r->decoder);
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++) {
        buf_done(&r->levels[i].plain);
        buf_done(&r->levels[i].path);
    }
    buf_done(&r->last_path);
    buf_done(&r->seek_path);
    buf_done(&r->floor);
    mem_free(r);
}

void tree_reader_on_node(struct tree_reader *r, void (*seen)(void *arg, const uint8_t *id),
                         void *arg)
{
    r->seen = seen;
    r->seen_arg = arg;
}

static int load(struct tree_reader *r, unsigned level, const uint8_t *id, struct err *e)
{
    struct tree_frame *f = &r->levels[level];
    buf_reset(&f->plain);
    buf_reset(&f->path);
    f->left = 0;
    f->has_child = f->open = f->at_first = false;
    f->fresh = true;
    if (r->seen)
        r->seen(r->seen_arg, id);
    if (r->fetch(r->arg, id, &f->plain, e) || buf_check(&f->plain, "a tree node", e))
        return err_wrap(e, "tree node");
    f->at = cursor_of(f->plain.data, f->plain.len);
    uint8_t version = cursor_u8(&f->at);
    uint8_t node_level = cursor_u8(&f->at);
    if (version > NODE_VERSION)
        return err_set(e, ERR_NEWER, "tree node: written by a newer abri: update abri");
    if (f->at.bad || version == 0 || node_level != level)
        return err_set(e, ERR_DAMAGED, "tree node: malformed head");
    if (level == 0 && entry_decoder_begin(r->decoder, &f->at, e))
        return -1;
    uint64_t left = cursor_varint(&f->at);
    if (cursor_check(&f->at, false, "tree node", e))
        return -1;
    if (left == 0)
        return err_set(e, ERR_DAMAGED, "tree node: empty");
    f->left = left;
    return 0;
}

/* Loads a node and notes what it must hold. */
static int enter(struct tree_reader *r, unsigned level, const uint8_t *id, uint64_t entries,
                 uint64_t bytes, struct err *e)
{
    if (load(r, level, id, e))
        return -1;
    struct tree_frame *f = &r->levels[level];
    f->open = true;
    f->end_entries = r->entries + entries;
    f->end_bytes = r->bytes + bytes;
    return 0;
}

/* The nodes of `levels` lowest levels have been read: did they hold what was
 * promised? */
static int leave(struct tree_reader *r, unsigned levels, struct err *e)
{
    for (unsigned level = 0; level < levels; level++) {
        struct tree_frame *f = &r->levels[level];
        bool open = f->open;
        f->open = false;
        if (!open || !r->whole)
            continue;
        /* How the root counts bytes is not the tree's business. */
        bool is_top = level == r->root.level;
        if (f->end_entries != r->entries || (!is_top && f->end_bytes != r->bytes))
            return err_set(e, ERR_DAMAGED, "tree node: holds more or less than its parent says");
    }
    return 0;
}

/* Reads the next child of an inner node into path and child. */
static int next_child(struct tree_frame *f, struct err *e)
{
    size_t shared = (size_t)cursor_varint_max(&f->at, f->path.len);
    size_t len;
    const uint8_t *suffix = cursor_blob(&f->at, ENTRY_PATH_MAX - shared, &len);
    cursor_copy(&f->at, f->child, SEAL_ID_BYTES);
    f->child_entries = cursor_varint(&f->at);
    f->child_bytes = cursor_varint(&f->at);
    f->left--;
    if (cursor_check(&f->at, f->left == 0, "tree node", e))
        return -1;
    f->path.len = shared;
    buf_put(&f->path, suffix, len);
    f->has_child = true;
    f->at_first = f->fresh;
    f->fresh = false;
    return buf_check(&f->path, "tree node", e);
}

static int compare_to_seek(const struct tree_reader *r, const struct buf *path)
{
    return path_compare((const char *)path->data, path->len, (const char *)r->seek_path.data,
                        r->seek_path.len);
}

struct child {
    uint8_t id[SEAL_ID_BYTES];
    uint64_t entries, bytes;
};

/* T1. The first child of a node that was itself just entered has its path. */
static int take_child(struct tree_reader *r, struct tree_frame *f, struct child *out,
                      struct err *e)
{
    int order = -1;
    if (r->has_floor)
        order = path_compare((const char *)r->floor.data, r->floor.len,
                             (const char *)f->path.data, f->path.len);
    f->has_child = false;
    if (order > 0 || (order == 0 && !f->at_first))
        return err_set(e, ERR_DAMAGED, "tree node: its children are not in ascending order");
    buf_reset(&r->floor);
    buf_put(&r->floor, f->path.data, f->path.len);
    r->has_floor = true;
    memcpy(out->id, f->child, SEAL_ID_BYTES);
    out->entries = f->child_entries;
    out->bytes = f->child_bytes;
    return buf_check(&r->floor, "a path", e);
}

/* The child to enter next: the next one, or while seeking the last whose first
 * path is not behind the place sought. */
static int choose_child(struct tree_reader *r, struct tree_frame *f, struct child *out,
                        struct err *e)
{
    if (!f->has_child && next_child(f, e))
        return -1;
    if (take_child(r, f, out, e))
        return -1;
    while (r->seeking && f->left) {
        if (next_child(f, e))
            return -1;
        if (compare_to_seek(r, &f->path) > 0)
            return 0; /* stays at hand */
        if (take_child(r, f, out, e))
            return -1;
    }
    return 0;
}

static void begin(struct tree_reader *r)
{
    if (r->started)
        return;
    r->started = true;
    r->entries = r->bytes = 0;
    r->has_floor = false;
    r->first_known = false;
    r->root_left = r->root.entries > 0;
}

/* Ends the nodes that have nothing left: *level_out is the lowest that has, or
 * one above the root. Only when the leaf has nothing left and the root was entered. */
static int leave_finished(struct tree_reader *r, unsigned *level_out, struct err *e)
{
    unsigned level = 1;
    while (level <= r->root.level && !r->levels[level].left && !r->levels[level].has_child)
        level++;
    *level_out = level;
    return leave(r, level, e);
}

/* Enters one node. 1, or 0 at the end. */
static int step_down(struct tree_reader *r, struct err *e)
{
    unsigned level;
    struct child child;
    if (r->root_left) {
        r->root_left = false;
        return enter(r, r->root.level, r->root.id, r->root.entries, 0, e) ? -1 : 1;
    }
    if (leave_finished(r, &level, e))
        return -1;
    if (level > r->root.level)
        return 0;
    if (choose_child(r, &r->levels[level], &child, e) ||
        enter(r, level - 1, child.id, child.entries, child.bytes, e))
        return -1;
    r->first_known = r->whole;
    return 1;
}

/* 1 if the leaf has an entry, 0 at the end. */
static int descend(struct tree_reader *r, struct err *e)
{
    begin(r);
    while (r->levels[0].left == 0) {
        int rc = step_down(r, e);
        if (rc <= 0)
            return rc;
    }
    return 1;
}

/* ---- for those who compare trees ------------------------------------------------ */

int tree_reader_peek(struct tree_reader *r, struct tree_peek *out, struct err *e)
{
    unsigned level;
    begin(r);
    assert(!r->seeking);
    if (r->root_left) {
        *out = (struct tree_peek){.is_node = true, .level = r->root.level, .path = ""};
        memcpy(out->id, r->root.id, SEAL_ID_BYTES);
        return 1;
    }
    if (r->levels[0].left) {
        *out = (struct tree_peek){.is_node = false};
        return 1;
    }
    if (leave_finished(r, &level, e))
        return -1;
    if (level > r->root.level)
        return 0;
    struct tree_frame *f = &r->levels[level];
    if (!f->has_child && next_child(f, e))
        return -1;
    *out = (struct tree_peek){.is_node = true,
                              .level = (uint8_t)(level - 1),
                              .path = (const char *)f->path.data,
                              .len = f->path.len};
    memcpy(out->id, f->child, SEAL_ID_BYTES);
    return 1;
}

int tree_reader_enter(struct tree_reader *r, struct err *e)
{
    return step_down(r, e) < 0 ? -1 : 0;
}

int tree_reader_pass(struct tree_reader *r, struct err *e)
{
    unsigned level;
    struct child child;
    r->whole = false;
    if (r->root_left) {
        r->root_left = false;
        return 0;
    }
    if (leave_finished(r, &level, e))
        return -1;
    assert(level <= r->root.level);
    return take_child(r, &r->levels[level], &child, e);
}

/* All directories above the entry before are known to have come: the parent
 * must be one of them, or that entry itself. */
static bool has_parent(const struct tree_reader *r, const struct entry *en)
{
    size_t parent_len = path_parent_len(en->path, en->path_len);
    if (parent_len == 0)
        return true;
    const char *last = (const char *)r->last_path.data;
    return r->has_last && path_is_below(last, r->last_path.len, en->path, parent_len) &&
           (r->last_path.len > parent_len || r->last_is_dir);
}

/* T2: the leaf and all nodes that begin with it begin with the promised path. */
static bool is_promised(struct tree_reader *r, const struct entry *en)
{
    if (!r->first_known)
        return true;
    r->first_known = false;
    for (unsigned level = 1; level <= r->root.level; level++) {
        const struct buf *path = &r->levels[level].path;
        if (path->len != en->path_len || memcmp(path->data, en->path, path->len) != 0)
            return false;
        if (!r->levels[level].at_first)
            break;
    }
    return true;
}

static int accept(struct tree_reader *r, const struct entry *en, struct err *e)
{
    if (r->has_last && path_compare((const char *)r->last_path.data, r->last_path.len, en->path,
                                    en->path_len) >= 0)
        return err_set(e, ERR_DAMAGED, "tree node: paths are not in ascending order");
    if (r->whole && !is_promised(r, en))
        return err_set(e, ERR_DAMAGED, "tree node: begins elsewhere than its parent says");
    if (r->whole && !has_parent(r, en))
        return err_set(e, ERR_DAMAGED, "tree node: the directory of '%s' is missing", en->path);
    buf_reset(&r->last_path);
    buf_put(&r->last_path, en->path, en->path_len);
    r->has_last = true;
    r->last_is_dir = en->type == ENTRY_DIR;
    r->entries++;
    r->bytes += en->size;
    return buf_check(&r->last_path, "a path", e);
}

int tree_reader_next(struct tree_reader *r, struct entry *out, struct err *e)
{
    for (;;) {
        int rc = descend(r, e);
        if (rc <= 0)
            return rc;
        struct tree_frame *f = &r->levels[0];
        if (entry_decode(r->decoder, &f->at, out, e))
            return -1;
        f->left--;
        if (cursor_check(&f->at, f->left == 0, "tree node", e) || accept(r, out, e))
            return -1;
        if (!r->seeking)
            return 1;
        if (path_compare(out->path, out->path_len, (const char *)r->seek_path.data,
                         r->seek_path.len) >= 0) {
            r->seeking = false;
            return 1;
        }
    }
}

int tree_reader_seek(struct tree_reader *r, const char *path, size_t len, struct err *e)
{
    buf_reset(&r->seek_path);
    buf_put(&r->seek_path, path, len);
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++) {
        r->levels[i].left = 0;
        r->levels[i].has_child = false;
    }
    r->started = r->root_left = false;
    r->has_last = false;
    r->seeking = len > 0;
    r->whole = len == 0;
    return buf_check(&r->seek_path, "a path", e);
}

bool tree_reader_skip_damage(struct tree_reader *r)
{
    r->levels[0].left = 0;
    r->whole = r->root_left = false;
    bool left = false;
    for (unsigned level = 1; level <= r->root.level; level++) {
        struct tree_frame *f = &r->levels[level];
        if (f->at.bad)
            f->left = 0;
        left = left || f->left || f->has_child;
    }
    return left;
}
