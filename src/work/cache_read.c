/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the cache in step with the walk: both ascend by path, so one pass and
 * one block in memory are enough. Whatever does not verify counts as absent.
 */
#include "work/cache_format.h"
#include "work/work_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>

struct cache_reader {
    int fd; /* -1: empty */
    uint64_t offset;
    uint64_t files, bytes;
    struct buf block;
    struct cursor at;
    uint64_t left;
    struct entry_decoder *decoder;
    bool has_entry; /* `entry` is decoded and not yet behind us */
    struct entry entry;
    struct seen seen;
    uint64_t first_items, item_count;
    struct buf items;
    uint64_t items_at, items_left; /* next items block; items not yet given */
    size_t item_pos;
};

static bool check_matches(const void *p, size_t len, uint64_t check)
{
    uint8_t h[HASH_BYTES];
    hash_bytes(p, len, h);
    return get_u64(h) == check;
}

static bool read_head(struct cache_reader *r, const uint8_t key[HASH_BYTES])
{
    uint8_t head[CACHE_HEAD_BYTES];
    if (file_pread(r->fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head, CACHE_MAGIC, 8) != 0 || get_u32(head + 8) != CACHE_VERSION ||
        memcmp(head + 12, key, HASH_BYTES) != 0 ||
        !check_matches(head, sizeof head - 8, get_u64(head + sizeof head - 8)))
        return false;
    r->files = get_u64(head + 44);
    r->bytes = get_u64(head + 52);
    return true;
}

int cache_reader_open(const char *file, const uint8_t key[HASH_BYTES], struct cache_reader **out,
                      struct err *e)
{
    struct cache_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "the cache");
    r->fd = -1;
    if (entry_decoder_new(&r->decoder, e)) {
        mem_free(r);
        return -1;
    }
    if (file)
        r->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (r->fd >= 0 && !read_head(r, key))
        file_close(&r->fd);
    r->offset = CACHE_HEAD_BYTES;
    *out = r;
    return 0;
}

void cache_reader_close(struct cache_reader *r)
{
    if (!r)
        return;
    file_close(&r->fd);
    entry_decoder_free(r->decoder);
    buf_done(&r->block);
    buf_done(&r->items);
    mem_free(r);
}

void cache_reader_totals(const struct cache_reader *r, uint64_t *files_out, uint64_t *bytes_out)
{
    *files_out = r->fd >= 0 ? r->files : 0;
    *bytes_out = r->fd >= 0 ? r->bytes : 0;
}

/* Reads the block at `offset` into `out`; with `type` of another kind only its
 * length is taken. 0 at the end or if it does not verify. */
static uint64_t read_block(struct cache_reader *r, uint64_t offset, uint8_t type, struct buf *out,
                           bool *same_out)
{
    uint8_t head[CACHE_BLOCK_HEAD_BYTES];
    buf_reset(out);
    *same_out = false;
    if (file_pread(r->fd, head, sizeof head, (off_t)offset) != (ssize_t)sizeof head)
        return 0;
    size_t len = get_u32(head + 4);
    if (len == 0 || len > CACHE_BLOCK_MAX)
        return 0;
    uint64_t next = offset + sizeof head + len;
    if (head[0] != type)
        return next;
    uint8_t *at = buf_reserve(out, len);
    if (!at || file_pread(r->fd, at, len, (off_t)(offset + sizeof head)) != (ssize_t)len ||
        !check_matches(at, len, get_u64(head + 8)))
        return 0;
    buf_added(out, len);
    *same_out = true;
    return next;
}

static bool next_block(struct cache_reader *r)
{
    struct err ignored = ERR_INIT;
    bool same = false;
    while (!same) {
        uint64_t next = r->fd >= 0 ? read_block(r, r->offset, CACHE_ENTRIES, &r->block, &same) : 0;
        if (!next) {
            file_close(&r->fd);
            return false;
        }
        r->offset = next;
    }
    r->at = cursor_of(r->block.data, r->block.len);
    if (entry_decoder_begin(r->decoder, &r->at, &ignored))
        return false;
    r->left = cursor_varint(&r->at);
    return !r->at.bad;
}

static bool next_entry(struct cache_reader *r)
{
    struct err ignored = ERR_INIT;
    r->has_entry = false;
    while (r->left == 0)
        if (!next_block(r))
            return false;
    r->left--;
    r->seen.ino = cursor_varint(&r->at);
    r->seen.ctime_s = cursor_zigzag(&r->at);
    r->seen.ctime_ns = (uint32_t)cursor_varint_max(&r->at, UINT32_MAX);
    r->first_items = cursor_varint(&r->at);
    r->item_count = cursor_varint(&r->at);
    if (r->at.bad || entry_decode(r->decoder, &r->at, &r->entry, &ignored)) {
        r->left = 0;
        file_close(&r->fd);
        return false;
    }
    return r->has_entry = true;
}

bool cache_reader_find(struct cache_reader *r, const char *path, size_t len,
                       const struct entry **en_out, const struct seen **seen_out)
{
    for (;;) {
        if (!r->has_entry && !next_entry(r))
            return false;
        int order = path_compare(r->entry.path, r->entry.path_len, path, len);
        if (order > 0)
            return false;
        if (order == 0)
            break;
        r->has_entry = false;
    }
    *en_out = &r->entry;
    *seen_out = &r->seen;
    return true;
}

struct cache_items cache_reader_items(const struct cache_reader *r)
{
    return (struct cache_items){.at = r->first_items, .count = r->item_count};
}

void cache_items_begin(struct cache_reader *r, struct cache_items where)
{
    r->items_at = where.at;
    r->items_left = where.count;
    r->item_pos = 0;
    buf_reset(&r->items);
}

bool cache_items_next(struct cache_reader *r, struct item *out, bool *damaged_out)
{
    *damaged_out = false;
    if (r->items_left == 0)
        return false;
    if (r->item_pos + ITEM_RAW_BYTES > r->items.len) {
        bool same = false;
        r->items_at = read_block(r, r->items_at, CACHE_ITEMS, &r->items, &same);
        r->item_pos = 0;
        if (!same || r->items.len < ITEM_RAW_BYTES) {
            *damaged_out = true;
            r->items_left = 0;
            return false;
        }
    }
    const uint8_t *p = r->items.data + r->item_pos;
    r->item_pos += ITEM_RAW_BYTES;
    r->items_left--;
    out->kind = (enum item_kind)p[0];
    out->offset = get_u32(p + 1);
    out->len = get_u64(p + 5);
    memcpy(out->id, p + 13, ID_BYTES);
    return true;
}
