/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: entries, tiles and the files of the C2SP layout, from memory where they are not on disk
 * yet. */
#include "tlog/tlog_internal.h"

#include <string.h>

uint64_t tlog_size(struct tlog *t)
{
    (void)pthread_mutex_lock(&t->lock);
    uint64_t size = t->edge.size;
    (void)pthread_mutex_unlock(&t->lock);
    return size;
}

int tlog_checkpoint(struct tlog *t, struct buf *out, struct err *e)
{
    size_t before = out->len;
    (void)pthread_mutex_lock(&t->cosign_lock);
    (void)pthread_mutex_lock(&t->lock);
    const struct buf *note =
        t->cosigned.len && t->cosigned_size == t->edge.size ? &t->cosigned : &t->note;
    buf_put(out, note->data, note->len);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_mutex_unlock(&t->cosign_lock);
    if (out->failed)
        out->len = before;
    return buf_check(out, "a checkpoint", e);
}

/* ---- tiles ---------------------------------------------------------------------------------- */

/* From memory, if it is there. */
static bool copy_tile(struct tlog *t, unsigned level, uint64_t n, unsigned from, unsigned count,
                      uint8_t *out)
{
    (void)pthread_mutex_lock(&t->lock);
    const struct tail_level *l = &t->tail.level[level];
    bool there = n * TILE_WIDTH >= l->first;
    if (there)
        memcpy(out, l->hashes.data + (n * TILE_WIDTH + from - l->first) * MERKLE_BYTES,
               (size_t)count * MERKLE_BYTES);
    (void)pthread_mutex_unlock(&t->lock);
    return there;
}

static int read_full(struct tlog *t, unsigned level, uint64_t n, size_t max, struct buf *out,
                     struct err *e)
{
    char path[TLOG_PATH_BYTES];
    struct err caught = ERR_INIT;
    tile_path(level, n, TILE_WIDTH, path);
    if (files_read(&t->files, path, max, out, &caught) == 0)
        return 0;
    err_give(e, &caught);
    return caught.cls == ERR_NOT_FOUND ? err_reclass(e, ERR_DAMAGED) : -1;
}

int tlog_tile(struct tlog *t, unsigned level, uint64_t n, unsigned from, unsigned count,
              uint8_t *out, struct err *e)
{
    if (copy_tile(t, level, n, from, count, out))
        return 0;
    struct buf file = {0};
    int rc = read_full(t, level, n, TILE_BYTES, &file, e);
    if (rc == 0 && file.len != TILE_BYTES)
        rc = err_set(e, ERR_DAMAGED, "log '%s': tile %llu of level %u has %zu bytes", t->files.name,
                     (unsigned long long)n, level, file.len);
    if (rc == 0)
        memcpy(out, file.data + (size_t)from * MERKLE_BYTES, (size_t)count * MERKLE_BYTES);
    buf_done(&file);
    return rc;
}

int tlog_bundle(struct tlog *t, uint64_t n, unsigned width, struct buf *out, struct err *e)
{
    (void)pthread_mutex_lock(&t->lock);
    bool there = n * TILE_WIDTH >= t->tail.level[0].first;
    if (there) {
        size_t len;
        const uint8_t *p = tail_bundle(&t->tail, n * TILE_WIDTH, n * TILE_WIDTH + width, &len);
        buf_put(out, p, len);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (there)
        return buf_check(out, "a bundle of entries", e);
    return read_full(t, TILE_ENTRIES, n, BUNDLE_MAX, out, e);
}

/* ---- entries ------------------------------------------------------------------------------------
 */

/* Entries `from` … `to` − 1 of one bundle. */
static int scan_bundle(struct tlog *t, uint64_t n, unsigned from, unsigned to, tlog_each *each,
                       void *arg, struct err *e)
{
    struct buf bundle = {0};
    uint8_t leaves[TILE_BYTES], leaf[MERKLE_BYTES];
    int rc = tlog_bundle(t, n, to, &bundle, e);
    if (rc == 0)
        rc = tlog_tile(t, 0, n, 0, to, leaves, e);
    struct cursor c = cursor_of(bundle.data, bundle.len);
    for (unsigned i = 0; rc == 0 && i < to; i++) {
        size_t len = 0;
        const uint8_t *entry = bundle_next(&c, &len);
        if (i < from && entry)
            continue;
        if (entry)
            merkle_leaf(entry, len, leaf);
        if (!entry || memcmp(leaf, leaves + (size_t)i * MERKLE_BYTES, MERKLE_BYTES) != 0)
            rc = err_set(e, ERR_DAMAGED, "log '%s': entry %llu does not hash to its leaf",
                         t->files.name, (unsigned long long)(n * TILE_WIDTH + i));
        else
            rc = each(arg, n * TILE_WIDTH + i, entry, len, e);
    }
    buf_done(&bundle);
    return rc;
}

static int beyond(struct tlog *t, uint64_t at, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "log '%s' does not reach to %llu: it has %llu entries",
                   t->files.name, (unsigned long long)at, (unsigned long long)tlog_size(t));
}

int tlog_scan(struct tlog *t, uint64_t from, uint64_t to, tlog_each *each, void *arg, struct err *e)
{
    if (from > to || to > tlog_size(t))
        return beyond(t, from > to ? from : to, e);
    while (from < to) {
        uint64_t n = from / TILE_WIDTH, end = (n + 1) * TILE_WIDTH;
        unsigned last = (unsigned)((to < end ? to : end) - n * TILE_WIDTH);
        int rc = scan_bundle(t, n, (unsigned)(from % TILE_WIDTH), last, each, arg, e);
        if (rc)
            return rc;
        from = n * TILE_WIDTH + last;
    }
    return 0;
}

static int take_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct buf *out = arg;
    (void)index;
    size_t before = out->len;
    buf_put(out, entry, len);
    if (out->failed)
        out->len = before;
    return buf_check(out, "an entry of the log", e);
}

int tlog_entry(struct tlog *t, uint64_t index, struct buf *out, struct err *e)
{
    if (index >= tlog_size(t))
        return beyond(t, index, e);
    return tlog_scan(t, index, index + 1, take_entry, out, e);
}

/* ---- files --------------------------------------------------------------------------------------
 */

/* A bundle on disk may be longer than asked for: as many entries as were. */
static int cut_bundle(struct buf *out, size_t before, unsigned width, struct err *e)
{
    struct cursor c = cursor_of(out->data + before, out->len - before);
    size_t len;
    for (unsigned i = 0; i < width; i++)
        if (!bundle_next(&c, &len))
            return err_set(e, ERR_DAMAGED, "a bundle of entries is cut short");
    out->len = (size_t)(c.p - out->data);
    return 0;
}

int tlog_file(struct tlog *t, const char *path, struct buf *out, struct err *e)
{
    unsigned level, width;
    uint64_t n;
    if (strcmp(path, "checkpoint") == 0)
        return tlog_checkpoint(t, out, e);
    if (!tile_path_parse(path, &level, &n, &width))
        return err_set(e, ERR_USAGE, "not a file of a log: '%.80s'", path);
    uint64_t count = level == TILE_ENTRIES ? tlog_size(t)
                     : level < TILE_LEVELS ? tlog_size(t) >> (8 * level)
                                           : 0;
    if (n > count / TILE_WIDTH || n * TILE_WIDTH + width > count)
        return err_set(e, ERR_NOT_FOUND, "log '%s' does not have '%s' yet", t->files.name, path);
    size_t before = out->len;
    int rc;
    if (level == TILE_ENTRIES) {
        rc = tlog_bundle(t, n, width, out, e);
        if (rc == 0)
            rc = cut_bundle(out, before, width, e);
    } else {
        uint8_t hashes[TILE_BYTES];
        rc = tlog_tile(t, level, n, 0, width, hashes, e);
        if (rc == 0) {
            buf_put(out, hashes, (size_t)width * MERKLE_BYTES);
            rc = buf_check(out, "a tile", e);
        }
    }
    if (rc)
        out->len = before;
    return rc;
}
