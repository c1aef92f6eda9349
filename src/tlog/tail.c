/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a log that is in memory: at each level the tiles that are not full, or not yet on
 * disk. */
#include "tlog/tlog_internal.h"

#include <assert.h>
#include <string.h>

void tail_done(struct tail *t)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++)
        buf_done(&t->level[l].hashes);
    buf_done(&t->entries);
    buf_done(&t->starts);
}

static uint64_t hashes_at(const struct tail_level *l)
{
    return l->first + l->hashes.len / MERKLE_BYTES;
}

uint64_t tail_size(const struct tail *t)
{
    return hashes_at(&t->level[0]);
}

void tile_root(const uint8_t *hashes, unsigned count, uint8_t out[MERKLE_BYTES])
{
    uint8_t fold[TILE_BYTES / 2];
    const uint8_t *from = hashes;
    assert(count >= 1 && count <= TILE_WIDTH && (count & (count - 1)) == 0);
    for (; count > 1; count /= 2, from = fold)
        for (unsigned i = 0; i < count / 2; i++)
            merkle_node(from + (size_t)(2 * i) * MERKLE_BYTES,
                        from + (size_t)(2 * i + 1) * MERKLE_BYTES, fold + (size_t)i * MERKLE_BYTES);
    memcpy(out, from, MERKLE_BYTES);
}

/* Room or not, what is in the buffer stays good. */
static bool make_room(struct buf *b, size_t len)
{
    bool good = buf_reserve(b, len) != NULL;
    b->failed = false;
    return good;
}

int tail_reserve(struct tail *t, size_t count, size_t bytes, struct err *e)
{
    bool good = make_room(&t->entries, bytes + 1) && make_room(&t->starts, 4 * count + 1);
    for (unsigned l = 0; l < TILE_LEVELS; l++, count = count / TILE_WIDTH + 1)
        good = good && make_room(&t->level[l].hashes, count * MERKLE_BYTES);
    return good ? 0 : err_no_memory(e, "the log's right edge");
}

static void add_hash(struct tail *t, unsigned level, const uint8_t hash[MERKLE_BYTES])
{
    struct tail_level *l = &t->level[level];
    buf_put(&l->hashes, hash, MERKLE_BYTES);
    if (hashes_at(l) % TILE_WIDTH || level + 1 == TILE_LEVELS)
        return;
    uint8_t root[MERKLE_BYTES];
    tile_root(l->hashes.data + l->hashes.len - TILE_BYTES, TILE_WIDTH, root);
    add_hash(t, level + 1, root);
}

void tail_add(struct tail *t, const void *entry, size_t len, const uint8_t leaf[MERKLE_BYTES])
{
    uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    buf_put_u32(&t->starts, (uint32_t)t->entries.len);
    buf_put(&t->entries, head, sizeof head);
    if (len)
        buf_put(&t->entries, entry, len);
    add_hash(t, 0, leaf);
}

static void drop_front(struct buf *b, size_t len)
{
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}

static void drop_entries(struct tail *t, size_t count)
{
    size_t kept = t->starts.len / 4 - count;
    size_t cut = kept ? get_u32(t->starts.data + 4 * count) : t->entries.len;
    drop_front(&t->entries, cut);
    drop_front(&t->starts, 4 * count);
    for (size_t i = 0; i < kept; i++) {
        uint8_t *at = t->starts.data + 4 * i;
        put_u32(at, get_u32(at) - (uint32_t)cut);
    }
}

void tail_drop(struct tail *t)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        struct tail_level *level = &t->level[l];
        size_t full = level->hashes.len / TILE_BYTES;
        if (full == 0)
            continue;
        if (l == 0)
            drop_entries(t, full * TILE_WIDTH);
        drop_front(&level->hashes, full * TILE_BYTES);
        level->first += full * TILE_WIDTH;
    }
}

void tail_edge(const struct tail *t, struct merkle_edge *out)
{
    *out = (struct merkle_edge){.size = tail_size(t)};
    for (unsigned l = TILE_LEVELS; l-- > 0;) {
        const struct buf *hashes = &t->level[l].hashes;
        unsigned width = (unsigned)(hashes_at(&t->level[l]) % TILE_WIDTH);
        const uint8_t *at =
            hashes->data ? hashes->data + hashes->len - (size_t)width * MERKLE_BYTES : NULL;
        for (unsigned part = TILE_WIDTH / 2; part > 0; part /= 2) {
            if (!(width & part))
                continue;
            tile_root(at, part, out->hashes[out->count++]);
            at += (size_t)part * MERKLE_BYTES;
        }
    }
}

const uint8_t *tail_bundle(const struct tail *t, uint64_t from, uint64_t to, size_t *len_out)
{
    uint64_t first = t->level[0].first, count = t->starts.len / 4;
    assert(first <= from && from < to && to - first <= count);
    size_t begin = get_u32(t->starts.data + 4 * (from - first));
    size_t end = to - first < count ? get_u32(t->starts.data + 4 * (to - first)) : t->entries.len;
    *len_out = end - begin;
    return t->entries.data + begin;
}

const uint8_t *bundle_next(struct cursor *c, size_t *len_out)
{
    const uint8_t *head = cursor_bytes(c, 2);
    if (!head)
        return NULL;
    *len_out = (size_t)head[0] << 8 | head[1];
    return cursor_bytes(c, *len_out);
}
