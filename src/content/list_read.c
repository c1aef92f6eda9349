/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the items of a file, from its entry or from list nodes. A node is
 * decoded whole: at most CONTENT_NODE_MAX bytes and one such buffer a level. */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

struct frame_of_list {
    struct buf plain;
    struct cursor at;
    uint64_t left; /* elements */
    struct item_run run;
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

static int load(struct list_reader *r, unsigned level, const uint8_t *id, struct err *e)
{
    struct frame_of_list *f = &r->levels[level];
    buf_reset(&f->plain);
    f->left = 0;
    if (r->seen)
        r->seen(r->seen_arg, id);
    if (r->fetch(r->arg, id, &f->plain, e))
        return err_wrap(e, "content list");
    f->at = cursor_of(f->plain.data, f->plain.len);
    f->run.valid = false;
    uint8_t version = cursor_u8(&f->at);
    uint8_t tag = cursor_u8(&f->at);
    f->left = cursor_varint(&f->at);
    if (version > NODE_VERSION)
        return err_set(e, ERR_NEWER, "content list: written by a newer abri: update abri");
    if (f->at.bad || tag != LIST_LEVEL_FLAG + level || f->left > f->plain.len)
        return err_set(e, ERR_DAMAGED, "content list: malformed head");
    return 0;
}

int list_reader_begin(struct list_reader *r, const struct entry *en, struct err *e)
{
    r->items = en->items;
    r->item_count = en->item_count;
    r->next = 0;
    r->size = en->size;
    r->seen_bytes = 0;
    r->is_list = en->has_list;
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++)
        r->levels[i].left = 0;
    if (!en->has_list)
        return 0;
    r->top = en->list_level;
    return load(r, r->top, en->list_id, e);
}

/* Loads nodes downwards until level 0 has an element: 1, or 0 at the end. */
static int descend(struct list_reader *r, struct err *e)
{
    while (r->levels[0].left == 0) {
        unsigned level = 1;
        while (level <= r->top && r->levels[level].left == 0)
            level++;
        if (level > r->top)
            return 0;
        struct frame_of_list *f = &r->levels[level];
        f->left--;
        (void)cursor_varint(&f->at);
        uint8_t id[SEAL_ID_BYTES];
        cursor_copy(&f->at, id, sizeof id);
        if (cursor_check(&f->at, f->left == 0, "content list", e) || load(r, level - 1, id, e))
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
