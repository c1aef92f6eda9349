/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the cache. It is only a hint for the next run, so every failure just
 * drops it, and nothing is synced: checks catch what a power cut tears. */
#include "work/cache_format.h"
#include "work/work_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct cache_writer {
    int fd;
    bool failed;
    char *path, *tmp;
    uint8_t key[HASH_BYTES];
    struct entry_encoder encoder;
    struct buf body; /* of the entries block at hand */
    uint64_t count;
    struct buf block;
    struct buf items; /* of the items block at hand */
    uint64_t offset;  /* where the next block goes */
    uint64_t first_items, item_count;
};

static uint64_t check_of(const void *p, size_t len)
{
    uint8_t h[HASH_BYTES];
    hash_bytes(p, len, h);
    return get_u64(h);
}

static void writer_free(struct cache_writer *w)
{
    file_close(&w->fd);
    entry_encoder_done(&w->encoder);
    buf_done(&w->body);
    buf_done(&w->block);
    buf_done(&w->items);
    mem_free(w->path);
    mem_free(w->tmp);
    mem_free(w);
}

int cache_writer_new(const char *file, const uint8_t key[HASH_BYTES], struct cache_writer **out,
                     struct err *e)
{
    struct cache_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "the cache");
    w->fd = -1;
    size_t len = strlen(file) + 32;
    w->path = mem_strdup(file);
    w->tmp = mem_alloc(len);
    if (!w->path || !w->tmp || entry_encoder_init(&w->encoder, e)) {
        writer_free(w);
        return err_no_memory(e, "the cache");
    }
    (void)snprintf(w->tmp, len, "%s.%ld.tmp", file, (long)getpid());
    memcpy(w->key, key, HASH_BYTES);
    w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    w->failed = w->fd < 0;
    w->offset = CACHE_HEAD_BYTES;
    *out = w;
    return 0;
}

static void put_block(struct cache_writer *w, uint8_t type, const struct buf *payload)
{
    uint8_t head[CACHE_BLOCK_HEAD_BYTES] = {type};
    if (w->failed || payload->failed) {
        w->failed = true;
        return;
    }
    put_u32(head + 4, (uint32_t)payload->len);
    put_u64(head + 8, check_of(payload->data, payload->len));
    w->failed = file_pwrite(w->fd, head, sizeof head, (off_t)w->offset) ||
                file_pwrite(w->fd, payload->data, payload->len, (off_t)(w->offset + sizeof head));
    w->offset += sizeof head + payload->len;
}

static void flush_items(struct cache_writer *w)
{
    if (!w->items.len)
        return;
    put_block(w, CACHE_ITEMS, &w->items);
    buf_reset(&w->items);
}

static void flush_entries(struct cache_writer *w)
{
    if (!w->count)
        return;
    buf_reset(&w->block);
    owner_table_encode(w->encoder.owners, &w->block);
    buf_put_varint(&w->block, w->count);
    buf_put(&w->block, w->body.data, w->body.len);
    put_block(w, CACHE_ENTRIES, &w->block);
    buf_reset(&w->body);
    entry_encoder_reset(&w->encoder);
    w->count = 0;
}

void cache_writer_item(struct cache_writer *w, const struct item *it)
{
    if (w->item_count == 0)
        w->first_items = w->offset;
    w->item_count++;
    buf_put_u8(&w->items, (uint8_t)it->kind);
    buf_put_u32(&w->items, it->offset);
    buf_put_u64(&w->items, it->len);
    buf_put(&w->items, it->id, ID_BYTES);
    if (w->items.len >= (size_t)CACHE_ITEMS_PER_BLOCK * ITEM_RAW_BYTES)
        flush_items(w);
}

void cache_writer_add(struct cache_writer *w, const struct entry *en, const struct seen *seen)
{
    struct err ignored = ERR_INIT;
    flush_items(w);
    bool list = en->has_list;
    buf_put_varint(&w->body, seen->ino);
    buf_put_zigzag(&w->body, seen->ctime_s);
    buf_put_varint(&w->body, seen->ctime_ns);
    buf_put_varint(&w->body, list ? w->first_items : 0);
    buf_put_varint(&w->body, list ? w->item_count : 0);
    if (entry_encode(&w->encoder, en, &w->body, &ignored))
        w->failed = true;
    w->item_count = 0;
    w->count++;
    if (w->body.len >= CACHE_BLOCK_BYTES)
        flush_entries(w);
}

void cache_writer_commit(struct cache_writer *w, uint64_t files, uint64_t bytes)
{
    if (!w)
        return;
    flush_entries(w);
    CLEANUP(buf_done) struct buf head = {0};
    buf_put(&head, CACHE_MAGIC, 8);
    buf_put_u32(&head, CACHE_VERSION);
    buf_put(&head, w->key, HASH_BYTES);
    buf_put_u64(&head, files);
    buf_put_u64(&head, bytes);
    if (!head.failed)
        buf_put_u64(&head, check_of(head.data, head.len));
    w->failed = w->failed || head.failed || file_pwrite(w->fd, head.data, head.len, 0);
    if (w->failed || rename(w->tmp, w->path))
        (void)unlink(w->tmp);
    writer_free(w);
}

void cache_writer_abort(struct cache_writer *w)
{
    if (!w)
        return;
    (void)unlink(w->tmp);
    writer_free(w);
}
