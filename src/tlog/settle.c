/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settling: what the journal holds becomes tiles and bundles, the checkpoint is replaced, and the
 * journal begins anew. Every step can be done again: names get the same bytes whenever they are
 * written.
 *
 *   tiles, bundles (synced, named) ─► their directories ─► checkpoint ─► pending (empty) ─► partial
 * tiles of full ones go
 */
#include "tlog/tlog_internal.h"

#include <string.h>

#define TMP "settle.tmp"

static uint64_t tiles_at(uint64_t size, unsigned level)
{
    return size >> (8 * level);
}

/* The hashes of one tile, or the entries of one bundle. Only the thread that writes changes the
 * tail. */
static const uint8_t *bytes_of(const struct tlog *t, unsigned level, uint64_t n, unsigned width,
                               size_t *len)
{
    if (level == TILE_ENTRIES)
        return tail_bundle(&t->tail, n * TILE_WIDTH, n * TILE_WIDTH + width, len);
    const struct tail_level *l = &t->tail.level[level];
    *len = (size_t)width * MERKLE_BYTES;
    return l->hashes.data + (n * TILE_WIDTH - l->first) * MERKLE_BYTES;
}

static int write_tile(struct tlog *t, unsigned level, uint64_t n, unsigned width,
                      struct dir_set *dirs, struct err *e)
{
    char path[TLOG_PATH_BYTES];
    size_t len;
    const uint8_t *p = bytes_of(t, level, n, width, &len);
    tile_path(level, n, width, path);
    if (dirs->count > DIR_SET_MAX / 2 && files_sync(&t->files, dirs, e))
        return -1;
    return files_write(&t->files, TMP, path, p, len, dirs, e);
}

/* All tiles of a level that are in memory, full and partial. */
static int write_level(struct tlog *t, unsigned level, struct dir_set *dirs, struct err *e)
{
    unsigned of = level == TILE_ENTRIES ? 0 : level;
    uint64_t count = tiles_at(t->edge.size, of);
    uint64_t n = t->tail.level[of].first / TILE_WIDTH;
    for (; n < count / TILE_WIDTH; n++)
        if (write_tile(t, level, n, TILE_WIDTH, dirs, e))
            return -1;
    unsigned width = (unsigned)(count % TILE_WIDTH);
    return width ? write_tile(t, level, n, width, dirs, e) : 0;
}

/* A tile that became full makes the partial ones of its place needless. */
static void remove_partial(struct tlog *t, uint64_t before)
{
    for (unsigned level = 0; level <= TILE_ENTRIES; level++) {
        unsigned of = level == TILE_ENTRIES ? 0 : level;
        uint64_t n = tiles_at(before, of) / TILE_WIDTH;
        char path[TLOG_PATH_BYTES];
        tile_path(level, n, 0, path);
        if (n < tiles_at(t->edge.size, of) / TILE_WIDTH)
            files_remove_dir(&t->files, path);
    }
}

static int new_journal(struct tlog *t, struct err *e)
{
    struct buf head = {0};
    int fd = -1;
    journal_put_head(&head, t->edge.size);
    int rc = buf_check(&head, "a journal", e);
    if (rc == 0)
        rc = files_replace(&t->files, TMP, "pending", head.data, head.len, &fd, e);
    buf_done(&head);
    if (rc)
        return -1;
    int old = t->journal_fd;
    t->journal_fd = fd;
    file_close(&old);
    t->journal_len = JOURNAL_BLOCK;
    t->journal_bad = false;
    return 0;
}

int tlog_settle(struct tlog *t, struct err *e)
{
    struct dir_set dirs = {0};
    uint64_t before = t->settled;
    for (unsigned level = 0; level <= TILE_ENTRIES; level++)
        if (write_level(t, level, &dirs, e))
            return -1;
    /* `note` changes only by the thread that writes: us. */
    if (files_sync(&t->files, &dirs, e) ||
        files_replace(&t->files, TMP, "checkpoint", t->note.data, t->note.len, NULL, e))
        return -1;
    t->settled = t->edge.size;
    if (new_journal(t, e))
        return -1;
    (void)pthread_mutex_lock(&t->lock);
    tail_drop(&t->tail);
    (void)pthread_mutex_unlock(&t->lock);
    remove_partial(t, before);
    return 0;
}
