/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a file of a snapshot, reading it anywhere, saying where its holes are. */
#include "view/view_internal.h"

#include "base/mem.h"

#include <string.h>

/* How far ahead: so many chunks of a disk, more where each round trip costs, and never so many that what was
 * opened ahead for all readers of a view pushes itself out. */
#define CHUNKS_AHEAD 16u
#define CHUNKS_AHEAD_FAR 64u

static uint64_t window_for(struct view_cache *c)
{
    uint64_t grain = vault_get_info(c->access->vault)->chunking.fixed;
    uint64_t most = c->bytes_max / 4 / (FORWARD_READERS / 2);
    uint64_t window = grain * (store_is_far(c->access->store) ? CHUNKS_AHEAD_FAR : CHUNKS_AHEAD);
    return window < most ? window : most;
}

int view_open(struct view_cache *c, const struct entry *file, struct view **out, struct err *e)
{
    if (file->type != ENTRY_FILE)
        return err_set(e, ERR_USAGE, "'/%s' is no file but a %s", file->path,
                       entry_type_name(file->type));
    struct view *v = mem_zalloc(sizeof *v);
    struct entry *copy = entry_dup(file);
    if (!v || !copy) {
        mem_free(v);
        mem_free(copy);
        return err_no_memory(e, "a file");
    }
    v->cache = c;
    v->file = copy;
    v->window_max = window_for(c);
    (void)pthread_mutex_init(&v->lock, NULL);
    *out = v;
    return 0;
}

void view_close(struct view *v)
{
    if (!v)
        return;
    tables_forget(v);
    (void)pthread_mutex_destroy(&v->lock);
    mem_free(v->file);
    mem_free(v);
}

uint64_t view_size(const struct view *v)
{
    return v->file->size;
}

/* ---- reading ------------------------------------------------------------------------------- */

static int copy_item(struct view *v, const struct item *it, uint64_t skip, uint8_t *p, size_t len,
                     struct err *e)
{
    struct slot *s;
    int rc = 0;
    if (it->kind == ITEM_HOLE) {
        memset(p, 0, len);
        return 0;
    }
    if (slot_get(v->cache, SEAL_DATA, it->id, false, &s, e))
        return -1;
    if (it->offset > s->len || it->len > s->len - it->offset)
        rc = err_set(e, ERR_DAMAGED, "its chunk is shorter than the snapshot says");
    else
        memcpy(p, s->plain + it->offset + skip, len);
    slot_put(v->cache, s);
    return rc;
}

/* What of the stretch one table knows; how much that was in *done_out. */
static int copy_from_table(struct view *v, const struct table *t, uint64_t off, uint8_t *p,
                           size_t len, size_t *done_out, struct err *e)
{
    size_t done = 0;
    for (size_t i = table_find(t, off); i < t->count && done < len; i++) {
        const struct table_item *at = &t->items[i];
        uint64_t skip = off + done - at->off, left = at->item.len - skip;
        size_t n = left < len - done ? (size_t)left : len - done;
        if (copy_item(v, &at->item, skip, p + done, n, e))
            return err_wrap(e, "at byte %llu", (unsigned long long)(off + done));
        done += n;
    }
    *done_out = done;
    return 0;
}

static int check_range(const struct view *v, uint64_t off, uint64_t len, struct err *e)
{
    if (off <= v->file->size && len <= v->file->size - off)
        return 0;
    return err_set(e, ERR_USAGE, "'/%s': %llu bytes at %llu lie beyond the end (%llu)",
                   v->file->path, (unsigned long long)len, (unsigned long long)off,
                   (unsigned long long)v->file->size);
}

/* What a long read needs itself is opened by several threads, too; then what comes next. */
static void look_ahead(struct view *v, uint64_t off, size_t len)
{
    uint64_t from, to;
    uint64_t grain = vault_get_info(v->cache->access->vault)->chunking.fixed;
    if (!v->cache->ahead)
        return;
    if (len > grain)
        ahead_want(v, off + grain, off + len);
    if (forward_note(v, off, len, &from, &to))
        ahead_want(v, from, to);
}

int view_read(struct view *v, uint64_t off, void *p, size_t len, struct err *e)
{
    if (check_range(v, off, len, e))
        return -1;
    look_ahead(v, off, len);
    for (size_t done = 0, n = 0; done < len; done += n) {
        struct table *t;
        if (table_get(v, off + done, &t, e))
            return err_wrap(e, "'/%s'", v->file->path);
        int rc = copy_from_table(v, t, off + done, (uint8_t *)p + done, len - done, &n, e);
        table_put(v, t);
        if (rc)
            return err_wrap(e, "'/%s'", v->file->path);
    }
    return 0;
}

int view_extent(struct view *v, uint64_t off, uint64_t most, bool *hole_out, uint64_t *len_out,
                struct err *e)
{
    struct table *t;
    if (most == 0 || check_range(v, off, 1, e))
        return most ? -1 : err_set(e, ERR_USAGE, "an extent of no bytes");
    if (table_get(v, off, &t, e))
        return err_wrap(e, "'/%s'", v->file->path);
    size_t i = table_find(t, off);
    bool is_hole = t->items[i].item.kind == ITEM_HOLE;
    uint64_t end = off;
    for (; i < t->count && (t->items[i].item.kind == ITEM_HOLE) == is_hole && end - off < most; i++)
        end = t->items[i].off + t->items[i].item.len;
    table_put(v, t);
    *hole_out = is_hole;
    *len_out = end - off < most ? end - off : most;
    return 0;
}

void view_expect(struct view *v, uint64_t off, uint64_t len)
{
    uint64_t most = v->cache->bytes_max / 4;
    if (off < v->file->size)
        ahead_want(v, off, off + (len < most ? len : most));
}
