/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content lists: the items of one file. Up to CONTENT_INLINE_ITEMS stay with
 * the entry; more are cut into list nodes where the chunk ids say so, so that
 * a change in the middle of a huge file makes few new nodes.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

struct list_level {
    struct buf body;
    struct item_run run;
    uint64_t count, bytes;
    bool emitted; /* a node of this level exists already */
};

struct list_builder {
    const struct seal_ids *ids;
    content_sink *sink;
    void *arg;
    struct item items[CONTENT_INLINE_ITEMS];
    size_t item_count;
    struct item hole; /* pending, len 0 if none */
    uint64_t size;
    bool spilled;
    struct list_level levels[CONTENT_LEVEL_MAX + 1];
    struct buf node;
};

int list_builder_new(const struct seal_ids *ids, content_sink *sink, void *arg,
                     struct list_builder **out, struct err *e)
{
    struct list_builder *b = mem_zalloc(sizeof *b);
    if (!b)
        return err_no_memory(e, "a content list");
    b->ids = ids;
    b->sink = sink;
    b->arg = arg;
    *out = b;
    return 0;
}

void list_builder_free(struct list_builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++)
        buf_done(&b->levels[i].body);
    buf_done(&b->node);
    mem_free(b);
}

static int push_node(struct list_builder *b, unsigned level, const uint8_t *id, uint64_t bytes,
                     struct err *e);

static int emit(struct list_builder *b, unsigned level, struct err *e)
{
    struct list_level *l = &b->levels[level];
    buf_reset(&b->node);
    buf_put_u8(&b->node, NODE_VERSION);
    buf_put_u8(&b->node, (uint8_t)(LIST_LEVEL_FLAG + level));
    buf_put_varint(&b->node, l->count);
    buf_put(&b->node, l->body.data, l->body.len);
    if (buf_check(&l->body, "a content list", e) || buf_check(&b->node, "a content list", e))
        return -1;
    uint8_t id[SEAL_ID_BYTES];
    seal_id(b->ids, SEAL_META, b->node.data, b->node.len, id);
    if (b->sink(b->arg, id, b->node.data, b->node.len, e))
        return -1;
    uint64_t bytes = l->bytes;
    buf_reset(&l->body);
    l->run.valid = false;
    l->count = l->bytes = 0;
    l->emitted = true;
    return push_node(b, level + 1, id, bytes, e);
}

/* Cut behind an id that ends in enough zero bits: about every 512th item. */
static bool cuts(const struct list_level *l, const uint8_t *id, unsigned bits, uint64_t min,
                 uint64_t max)
{
    if (l->count >= max)
        return true;
    return l->count >= min && (get_u32(id) & ((UINT32_C(1) << bits) - 1)) == 0;
}

static int push_node(struct list_builder *b, unsigned level, const uint8_t *id, uint64_t bytes,
                     struct err *e)
{
    if (level > CONTENT_LEVEL_MAX)
        return err_set(e, ERR_LIMIT, "a file with too many chunks");
    struct list_level *l = &b->levels[level];
    buf_put_varint(&l->body, bytes);
    buf_put(&l->body, id, SEAL_ID_BYTES);
    l->count++;
    l->bytes += bytes;
    if (buf_check(&l->body, "a content list", e)) /* now: the topmost level is never emitted */
        return -1;
    return cuts(l, id, 7, 32, 1024) ? emit(b, level, e) : 0;
}

static int push_item(struct list_builder *b, const struct item *it, struct err *e)
{
    struct list_level *l = &b->levels[0];
    item_encode(&l->run, it, &l->body);
    l->count++;
    l->bytes += it->len;
    bool cut = it->kind == ITEM_HOLE ? l->count >= 4096 : cuts(l, it->id, 9, 128, 4096);
    return cut ? emit(b, 0, e) : 0;
}

static int append(struct list_builder *b, const struct item *it, struct err *e)
{
    if (!b->spilled && b->item_count < CONTENT_INLINE_ITEMS) {
        b->items[b->item_count++] = *it;
        return 0;
    }
    if (!b->spilled) {
        b->spilled = true;
        for (size_t i = 0; i < b->item_count; i++)
            if (push_item(b, &b->items[i], e))
                return -1;
    }
    return push_item(b, it, e);
}

static int flush_hole(struct list_builder *b, struct err *e)
{
    if (!b->hole.len)
        return 0;
    struct item hole = b->hole;
    b->hole.len = 0;
    return append(b, &hole, e);
}

int list_builder_add(struct list_builder *b, const struct item *it, struct err *e)
{
    b->size += it->len;
    if (it->kind == ITEM_HOLE) {
        b->hole.len += it->len;
        return 0;
    }
    return flush_hole(b, e) ? -1 : append(b, it, e);
}

static int finish_levels(struct list_builder *b, struct entry *en, struct err *e)
{
    for (unsigned level = 0; level <= CONTENT_LEVEL_MAX; level++) {
        struct list_level *l = &b->levels[level];
        bool top = true;
        for (unsigned above = level; above <= CONTENT_LEVEL_MAX; above++)
            top = top && !b->levels[above].emitted && (above == level || !b->levels[above].count);
        if (top && level > 0 && l->count == 1) {
            if (buf_check(&l->body, "a content list", e))
                return -1;
            en->has_list = true;
            en->list_level = (uint8_t)(level - 1);
            memcpy(en->list_id, l->body.data + l->body.len - SEAL_ID_BYTES, SEAL_ID_BYTES);
            return 0;
        }
        if (l->count && emit(b, level, e))
            return -1;
    }
    return err_set(e, ERR_LIMIT, "a file with too many chunks");
}

int list_builder_finish(struct list_builder *b, struct entry *en, struct err *e)
{
    if (flush_hole(b, e))
        return -1;
    en->size = b->size;
    en->has_list = false;
    en->items = b->items;
    en->item_count = b->spilled ? 0 : b->item_count;
    int rc = b->spilled ? finish_levels(b, en, e) : 0;
    for (unsigned level = 0; level <= CONTENT_LEVEL_MAX; level++) {
        struct list_level *l = &b->levels[level];
        buf_reset(&l->body);
        l->run.valid = l->emitted = false;
        l->count = l->bytes = 0;
    }
    b->item_count = 0;
    b->size = 0;
    b->spilled = false;
    return rc;
}
