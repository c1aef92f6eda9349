/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the tree of a snapshot from entries in ascending order. Nodes are cut
 * behind entries whose path hashes to it, so
 *  B1 equal runs of entries make equal nodes, whatever stands around them
 *     (apart from the first node after a difference);
 *  B2 memory is one node a level.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

#define LEAF_MIN ((size_t)16 << 10)
#define LEAF_MAX ((size_t)256 << 10)
#define LEAF_CUT_BITS 8 /* about every 256th entry beyond the minimum */
#define INNER_MIN 16
#define INNER_MAX 1024
#define INNER_CUT_BITS 6

struct tree_level {
    struct buf body;
    struct buf first_path; /* of the node being collected */
    struct buf last_path;  /* of the child before, for front coding */
    uint64_t count, entries, bytes;
    bool emitted;
};

struct tree_builder {
    const struct seal_ids *ids;
    content_sink *sink;
    void *arg;
    struct entry_encoder encoder;
    struct tree_level levels[CONTENT_LEVEL_MAX + 1]; /* 0: the leaf */
    struct buf node;
    uint64_t entries, bytes;
};

int tree_builder_new(const struct seal_ids *ids, content_sink *sink, void *arg,
                     struct tree_builder **out, struct err *e)
{
    struct tree_builder *b = mem_zalloc(sizeof *b);
    if (!b)
        return err_no_memory(e, "a tree");
    b->ids = ids;
    b->sink = sink;
    b->arg = arg;
    if (entry_encoder_init(&b->encoder, e)) {
        mem_free(b);
        return -1;
    }
    *out = b;
    return 0;
}

void tree_builder_free(struct tree_builder *b)
{
    if (!b)
        return;
    entry_encoder_done(&b->encoder);
    for (size_t i = 0; i <= CONTENT_LEVEL_MAX; i++) {
        buf_done(&b->levels[i].body);
        buf_done(&b->levels[i].first_path);
        buf_done(&b->levels[i].last_path);
    }
    buf_done(&b->node);
    mem_free(b);
}

static int push_child(struct tree_builder *b, unsigned level, const struct buf *first_path,
                      const uint8_t *id, uint64_t entries, uint64_t bytes, struct err *e);

static int emit(struct tree_builder *b, unsigned level, struct err *e)
{
    struct tree_level *l = &b->levels[level];
    buf_reset(&b->node);
    buf_put_u8(&b->node, NODE_VERSION);
    buf_put_u8(&b->node, (uint8_t)level);
    if (level == 0)
        owner_table_encode(b->encoder.owners, &b->node);
    buf_put_varint(&b->node, l->count);
    buf_put(&b->node, l->body.data, l->body.len);
    if (buf_check(&l->body, "a tree node", e) || buf_check(&b->node, "a tree node", e) ||
        buf_check(&l->first_path, "a path", e))
        return -1;
    if (b->node.len > CONTENT_NODE_MAX)
        return err_set(e, ERR_LIMIT, "an entry with more metadata than a tree node holds");
    uint8_t id[SEAL_ID_BYTES];
    seal_id(b->ids, SEAL_META, b->node.data, b->node.len, id);
    if (b->sink(b->arg, id, b->node.data, b->node.len, e))
        return -1;
    uint64_t entries = l->entries, bytes = l->bytes;
    buf_reset(&l->body);
    buf_reset(&l->last_path);
    l->count = l->entries = l->bytes = 0;
    l->emitted = true;
    if (level == 0)
        entry_encoder_reset(&b->encoder);
    return push_child(b, level + 1, &l->first_path, id, entries, bytes, e);
}

static void put_front_coded(struct tree_level *l, const struct buf *path)
{
    size_t limit = l->last_path.len < path->len ? l->last_path.len : path->len;
    size_t shared = 0;
    while (shared < limit && l->last_path.data[shared] == path->data[shared])
        shared++;
    buf_put_varint(&l->body, shared);
    buf_put_blob(&l->body, path->data + shared, path->len - shared);
    l->last_path.len = shared;
    buf_put(&l->last_path, path->data + shared, path->len - shared);
}

static int push_child(struct tree_builder *b, unsigned level, const struct buf *first_path,
                      const uint8_t *id, uint64_t entries, uint64_t bytes, struct err *e)
{
    if (level > CONTENT_LEVEL_MAX)
        return err_set(e, ERR_LIMIT, "a tree with too many entries");
    struct tree_level *l = &b->levels[level];
    if (l->count == 0) {
        buf_reset(&l->first_path);
        buf_put(&l->first_path, first_path->data, first_path->len);
    }
    put_front_coded(l, first_path);
    buf_put(&l->body, id, SEAL_ID_BYTES);
    buf_put_varint(&l->body, entries);
    buf_put_varint(&l->body, bytes);
    l->count++;
    l->entries += entries;
    l->bytes += bytes;
    /* Now, because the topmost level is never emitted. */
    if (buf_check(&l->body, "a tree node", e) || buf_check(&l->first_path, "a path", e) ||
        buf_check(&l->last_path, "a path", e))
        return -1;
    /* Each level looks at other bits of the same hash. */
    uint64_t h = seal_short_hash(b->ids, first_path->data, first_path->len) >>
                 (LEAF_CUT_BITS + INNER_CUT_BITS * (level - 1));
    bool cut = l->count >= INNER_MAX || l->body.len > LEAF_MAX ||
               (l->count >= INNER_MIN && (h & ((1u << INNER_CUT_BITS) - 1)) == 0);
    return cut ? emit(b, level, e) : 0;
}

int tree_builder_add(struct tree_builder *b, const struct entry *en, struct err *e)
{
    struct tree_level *l = &b->levels[0];
    if (l->count == 0) {
        buf_reset(&l->first_path);
        buf_put(&l->first_path, en->path, en->path_len);
    }
    if (entry_encode(&b->encoder, en, &l->body, e))
        return -1;
    uint64_t size = en->type == ENTRY_FILE ? en->size : 0;
    l->count++;
    l->entries++;
    l->bytes += size;
    b->entries++;
    b->bytes += size;
    if (l->body.len < LEAF_MIN)
        return 0;
    uint64_t h = seal_short_hash(b->ids, en->path, en->path_len);
    bool cut = l->body.len >= LEAF_MAX || (h & ((1u << LEAF_CUT_BITS) - 1)) == 0;
    return cut ? emit(b, 0, e) : 0;
}

static bool is_top(const struct tree_builder *b, unsigned level)
{
    if (b->levels[level].emitted || b->levels[level].count != 1)
        return false;
    for (unsigned above = level + 1; above <= CONTENT_LEVEL_MAX; above++)
        if (b->levels[above].emitted || b->levels[above].count)
            return false;
    return true;
}

/* The only child of the top: its id stands behind its front-coded path. */
static void top_child(const struct tree_level *l, uint8_t id[SEAL_ID_BYTES])
{
    struct cursor c = cursor_of(l->body.data, l->body.len);
    size_t len;
    (void)cursor_varint(&c);
    (void)cursor_blob(&c, ENTRY_PATH_MAX, &len);
    cursor_copy(&c, id, SEAL_ID_BYTES);
}

int tree_builder_finish(struct tree_builder *b, struct tree_ref *out, struct err *e)
{
    struct tree_ref ref = {.entries = b->entries, .bytes = b->bytes};
    if (b->entries == 0) {
        *out = ref;
        return 0;
    }
    for (unsigned level = 0; level <= CONTENT_LEVEL_MAX; level++) {
        if (level > 0 && is_top(b, level)) {
            if (buf_check(&b->levels[level].body, "a tree node", e))
                return -1;
            ref.level = (uint8_t)(level - 1);
            top_child(&b->levels[level], ref.id);
            *out = ref;
            return 0;
        }
        if (b->levels[level].count && emit(b, level, e))
            return -1;
    }
    return err_set(e, ERR_LIMIT, "a tree with too many entries");
}
