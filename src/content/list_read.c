/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the items of a file, from its entry or from list nodes: at most
 * CONTENT_NODE_MAX bytes and one such buffer a level. Hostile lists end:
 *  L1 levels only go down, no node is empty, every item has a length, and the
 *     lengths stay within the size of the file;
 *  L2 a node holds as many bytes as the node above promised.
 * A seek passes over elements by the lengths that the nodes above promise: what was passed over is not
 * looked at, what is read is held to L1 and L2 all the same.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

#define NOT_LOADED UINT64_MAX

struct frame_of_list {
    struct buf plain;
    struct cursor at;
    uint64_t left; /* elements */
    struct item_run run;
    uint64_t end; /* bytes of the file that have been seen when the node ends */
};

struct list_reader {
    content_fetch *fetch;
    void *arg;
    void (*seen)(void *arg, const uint8_t *id);
    void *seen_arg;
    const struct item *items; /* inline */
    size_t item_count, next;
    struct frame_of_list levels[CONTENT_LEVEL_MAX + 1];
    unsigned top; /* level of the list; levels[0 … top] are in use */
    bool is_list;
    uint8_t id[SEAL_ID_BYTES]; /* of the list */
    uint64_t size, seen_bytes;
};

int list_reader_new(content_fetch *fetch, void *arg, struct list_reader **out, struct err *e)
{
    struct list_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "a content list");
    r->fetch = fetch;
    r->arg = arg;
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++)
        r->levels[i].plain.max = CONTENT_NODE_MAX;
    *out = r;
    return 0;
}

void list_reader_free(struct list_reader *r)
{
    if (!r)
        return;
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++)
        buf_done(&r->levels[i].plain);
    mem_free(r);
}

void list_reader_on_node(struct list_reader *r, void (*seen)(void *arg, const uint8_t *id),
                         void *arg)
{
    r->seen = seen;
    r->seen_arg = arg;
}

static int load(struct list_reader *r, unsigned level, const uint8_t *id, uint64_t bytes,
                struct err *e)
{
    struct frame_of_list *f = &r->levels[level];
    buf_reset(&f->plain);
    f->left = 0;
    if (bytes == 0 || bytes > r->size - r->seen_bytes)
        return err_set(e, ERR_DAMAGED, "content list: longer than the file");
    f->end = r->seen_bytes + bytes;
    if (r->seen)
        r->seen(r->seen_arg, id);
    if (r->fetch(r->arg, id, &f->plain, e) || buf_check(&f->plain, "a list node", e))
        return err_wrap(e, "content list");
    f->at = cursor_of(f->plain.data, f->plain.len);
    f->run.valid = false;
    uint8_t version = cursor_u8(&f->at);
    uint8_t tag = cursor_u8(&f->at);
    uint64_t left = cursor_varint(&f->at);
    if (version > NODE_VERSION)
        return err_set(e, ERR_NEWER, "content list: written by a newer abri: update abri");
    if (f->at.bad || version == 0 || tag != LIST_LEVEL_FLAG + level)
        return err_set(e, ERR_DAMAGED, "content list: malformed head");
    if (left == 0 || left > cursor_left(&f->at))
        return err_set(e, ERR_DAMAGED, "content list: empty, or cut short");
    f->left = left;
    return 0;
}

static int rewind_list(struct list_reader *r, struct err *e)
{
    r->next = 0;
    r->seen_bytes = 0;
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++)
        r->levels[i] = (struct frame_of_list){.plain = r->levels[i].plain, .end = NOT_LOADED};
    return r->is_list ? load(r, r->top, r->id, r->size, e) : 0;
}

int list_reader_begin(struct list_reader *r, const struct entry *en, struct err *e)
{
    r->items = en->items;
    r->item_count = en->item_count;
    r->size = en->size;
    r->is_list = en->has_list;
    r->top = en->list_level;
    memcpy(r->id, en->list_id, sizeof r->id);
    return rewind_list(r, e);
}

/* Takes the next element of a loaded node: the name of a child, and how much it promises. */
static int next_child(struct list_reader *r, unsigned level, uint8_t id[SEAL_ID_BYTES],
                      uint64_t *bytes_out, struct err *e)
{
    struct frame_of_list *f = &r->levels[level];
    f->left--;
    *bytes_out = cursor_varint(&f->at);
    cursor_copy(&f->at, id, SEAL_ID_BYTES);
    return cursor_check(&f->at, f->left == 0, "content list", e);
}

static bool levels_ended_well(const struct list_reader *r, unsigned levels)
{
    for (unsigned level = 0; level < levels; level++)
        if (r->levels[level].end != NOT_LOADED && r->levels[level].end != r->seen_bytes)
            return false;
    return true;
}

/* Loads nodes downwards until level 0 has an element: 1, or 0 at the end. */
static int descend(struct list_reader *r, struct err *e)
{
    while (r->levels[0].left == 0) {
        unsigned level = 1;
        while (level <= r->top && r->levels[level].left == 0)
            level++;
        if (!levels_ended_well(r, level))
            return err_set(e, ERR_DAMAGED, "content list: holds more or less than it says");
        if (level > r->top)
            return 0;
        uint64_t bytes;
        uint8_t id[SEAL_ID_BYTES];
        if (next_child(r, level, id, &bytes, e) || load(r, level - 1, id, bytes, e))
            return -1;
    }
    return 1;
}

static int end(struct list_reader *r, struct err *e)
{
    if (r->seen_bytes != r->size)
        return err_set(e, ERR_DAMAGED, "the content has %llu bytes, the entry says %llu",
                       (unsigned long long)r->seen_bytes, (unsigned long long)r->size);
    return 0;
}

/* Passes over the children of a loaded node that end at or before `off`, loads the next one. */
static int pass_to(struct list_reader *r, unsigned level, uint64_t off, struct err *e)
{
    uint64_t node_end = r->levels[level].end;
    while (r->levels[level].left) {
        uint8_t id[SEAL_ID_BYTES];
        uint64_t bytes;
        if (next_child(r, level, id, &bytes, e))
            return -1;
        if (bytes == 0 || bytes > node_end - r->seen_bytes)
            return err_set(e, ERR_DAMAGED, "content list: holds more or less than it says");
        if (off - r->seen_bytes < bytes)
            return load(r, level - 1, id, bytes, e);
        r->seen_bytes += bytes;
    }
    return err_set(e, ERR_DAMAGED, "content list: holds less than it says");
}

int list_reader_seek(struct list_reader *r, uint64_t off, uint64_t *start_out, uint64_t *end_out,
                     struct err *e)
{
    if (off >= r->size)
        return err_set(e, ERR_USAGE, "byte %llu of a file of %llu", (unsigned long long)off,
                       (unsigned long long)r->size);
    if (rewind_list(r, e))
        return -1;
    for (unsigned level = r->is_list ? r->top : 0; level > 0; level--)
        if (pass_to(r, level, off, e))
            return -1;
    *start_out = r->seen_bytes;
    *end_out = r->is_list ? r->levels[0].end : r->size;
    return 0;
}

int list_reader_next(struct list_reader *r, struct item *item_out, struct err *e)
{
    if (!r->is_list) {
        if (r->next == r->item_count)
            return end(r, e);
        *item_out = r->items[r->next++];
        r->seen_bytes += item_out->len;
        return 1;
    }
    int rc = descend(r, e);
    if (rc <= 0)
        return rc < 0 ? -1 : end(r, e);
    struct frame_of_list *f = &r->levels[0];
    f->left--;
    struct item it;
    if (!item_decode(&f->run, &f->at, &it))
        return err_set(e, ERR_DAMAGED, "content list: a malformed item");
    if (cursor_check(&f->at, f->left == 0, "content list", e))
        return -1;
    r->seen_bytes += it.len;
    if (r->seen_bytes > r->size)
        return err_set(e, ERR_DAMAGED, "content list: longer than the file");
    *item_out = it;
    return 1;
}
