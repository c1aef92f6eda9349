/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with each item of the walk: take it from the cache, put it into a
 * bundle, cut it into segments, or describe it on the spot. */
#include "work/backup.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

#define SNIFF_BYTES 4096
#define SNIFF_FROM ((uint64_t)1 << 20) /* smaller files are no disk images */

static struct seen seen_of(const struct source_item *it)
{
    return (struct seen){.ino = it->ino, .ctime_s = it->ctime_s, .ctime_ns = it->ctime_ns};
}

/* ---- unchanged? ------------------------------------------------------------------- */

static bool looks_the_same(const struct source_item *it, const struct entry *en,
                           const struct seen *seen)
{
    return seen->ino == it->ino && seen->ctime_ns == it->ctime_ns &&
           seen->ctime_s == it->ctime_s && en->type == it->type && en->mtime_s == it->mtime_s &&
           en->mtime_ns == it->mtime_ns && (it->type != ENTRY_FILE || en->size == it->size);
}

static bool refer_listed(struct backup *b, struct cache_items where)
{
    struct item it;
    bool damaged;
    uint64_t count = 0;
    cache_items_begin(b->cache_in, where);
    for (; cache_items_next(b->cache_in, &it, &damaged); count++)
        if (it.kind != ITEM_HOLE && !backup_refer(b, it.id))
            return false;
    return !damaged && count == where.count && count > 0;
}

/* Refers to all of the entry's chunks: false if one is gone from the vault. */
static bool refer_content(struct backup *b, const struct entry *en)
{
    if (en->has_list)
        return refer_listed(b, cache_reader_items(b->cache_in));
    const uint8_t *last = NULL;
    for (size_t i = 0; i < en->item_count; i++) {
        const struct item *it = &en->items[i];
        if (it->kind == ITEM_HOLE || (last && !memcmp(last, it->id, ID_BYTES)))
            continue;
        last = it->id;
        if (!memcmp(b->last_referred, it->id, ID_BYTES))
            continue; /* neighbours share a bundle */
        if (!backup_refer(b, it->id))
            return false;
        memcpy(b->last_referred, it->id, ID_BYTES);
    }
    return true;
}

int backup_take_unchanged(struct backup *b, const struct source_item *it,
                          const struct entry **cached_out, struct err *e)
{
    const struct entry *en = NULL;
    const struct seen *seen = NULL;
    *cached_out = NULL;
    if (!cache_reader_find(b->cache_in, it->path, it->path_len, &en, &seen))
        return 0;
    *cached_out = en;
    if (b->options->force_read || !looks_the_same(it, en, seen) || !refer_content(b, en))
        return 0;
    if (en->type == ENTRY_FILE)
        b->result->files_unchanged++;
    if (!en->has_list && backup_ring_is_empty(b))
        return backup_emit(b, en, seen, e) ? -1 : 1;
    struct step s = {.kind = en->has_list ? STEP_LISTED : STEP_ENTRY,
                     .seen = *seen,
                     .items = cache_reader_items(b->cache_in),
                     .entry = entry_dup(en)};
    if (!s.entry)
        return err_no_memory(e, "an entry");
    return backup_push(b, &s, e) ? -1 : 1;
}

/* ---- bundles --------------------------------------------------------------------------- */

void job_free(struct job *j)
{
    for (size_t i = 0; i < j->slot_count; i++) {
        source_dir_unref(j->slots[i].item.dir);
        mem_free((void *)(uintptr_t)j->slots[i].item.path);
        mem_free(j->slots[i].entry);
    }
    mem_free(j->slots);
    mem_free(j->items);
    mem_free(j->data);
    mem_free(j);
}

void backup_submit(struct backup *b, struct job *j)
{
    pool_wait_below(b->pool, 2 * b->threads + 2);
    j->submitted = true;
    pool_submit(b->pool, &j->base);
}

int backup_submit_bundle(struct backup *b, struct err *e)
{
    (void)e;
    struct job *j = TAKE(b->bundle);
    backup_submit(b, j);
    return 0;
}

/* A copy that outlives the walk's next step. */
static int keep_item(struct source_item *out, const struct source_item *it, struct err *e)
{
    *out = *it;
    char *path = mem_dup(it->path, it->path_len + 1);
    if (!path)
        return err_no_memory(e, "a path");
    out->path = path;
    out->name = path + (it->name - it->path);
    out->dir = source_dir_ref(it->dir);
    return 0;
}

static int open_bundle(struct backup *b, struct err *e)
{
    struct job *j = mem_zalloc(sizeof *j);
    if (!j)
        return err_no_memory(e, "a bundle");
    j->is_bundle = true;
    j->first_step = b->ring_head;
    b->bundle = j;
    return 0;
}

static int reserve_slot(struct job *j, struct err *e)
{
    if (j->slot_count < j->slot_cap)
        return 0;
    size_t cap = j->slot_cap ? 2 * j->slot_cap : 32;
    struct slot *slots = mem_realloc(j->slots, cap, sizeof *slots);
    if (!slots)
        return err_no_memory(e, "a bundle");
    j->slots = slots;
    j->slot_cap = cap;
    return 0;
}

/* A bundle ends behind a file whose name says so, with a chance that grows with
 * its size; so bundles re-align behind a file that is new or gone. */
static bool name_ends_bundle(struct backup *b, const struct source_item *it)
{
    uint64_t h = seal_short_hash(b->access->ids, it->name, strlen(it->name));
    uint64_t span = b->chunking.bundle_avg - b->chunking.bundle_min;
    return (double)h / 18446744073709551616.0 < (double)it->size / (double)span;
}

static bool bundle_is_full(struct backup *b, const struct job *j, const struct source_item *it)
{
    return j->slot_count >= BUNDLE_SLOTS_MAX || j->dirs >= BUNDLE_DIRS_MAX ||
           j->bytes + b->chunking.small_max > b->chunking.bundle_max ||
           (j->bytes >= b->chunking.bundle_min && name_ends_bundle(b, it));
}

static int plan_small(struct backup *b, const struct source_item *it, struct err *e)
{
    if ((!b->bundle && open_bundle(b, e)) || reserve_slot(b->bundle, e))
        return -1;
    struct job *j = b->bundle;
    struct slot *slot = &j->slots[j->slot_count];
    *slot = (struct slot){0};
    if (keep_item(&slot->item, it, e))
        return -1;
    struct step s = {
        .kind = STEP_SLOT, .job = j, .slot = j->slot_count, .seen = seen_of(it)};
    j->slot_count++;
    j->unflushed++;
    j->bytes += it->size;
    j->dirs += j->last_dir != it->dir;
    j->last_dir = it->dir;
    if (bundle_is_full(b, j, it) && backup_submit_bundle(b, e))
        return -1;
    return backup_push(b, &s, e);
}

/* ---- large files ------------------------------------------------------------------------- */

static bool is_image(int fd, const struct source_item *it)
{
    uint8_t head[SNIFF_BYTES];
    if (it->size < SNIFF_FROM)
        return false;
    ssize_t n = file_pread(fd, head, sizeof head, 0);
    return n > 0 && source_is_disk_image(it->name, head, (size_t)n);
}

int backup_push_hole(struct backup *b, uint64_t len, struct err *e)
{
    struct step s = {.kind = STEP_HOLE, .hole = len};
    return len ? backup_push(b, &s, e) : 0;
}

int backup_push_segments(struct backup *b, struct big_file *f, uint64_t from, uint64_t to,
                         bool fixed, struct err *e)
{
    while (from < to) {
        struct job *j = mem_zalloc(sizeof *j);
        if (!j)
            return err_no_memory(e, "a segment");
        uint64_t end = (from / SEGMENT_BYTES + 1) * SEGMENT_BYTES;
        j->file = f;
        j->offset = from;
        j->len = (end < to ? end : to) - from;
        j->fixed = fixed;
        atomic_fetch_add(&f->pending, 1);
        backup_submit(b, j);
        from += j->len;
        struct step s = {.kind = STEP_SEGMENT, .job = j};
        if (backup_push(b, &s, e))
            return -1;
    }
    return 0;
}

/* Data in segments, holes in between. Stretches of data are widened to whole
 * chunks, so that an image is cut at the same places whatever its holes. */
static int push_content(struct backup *b, struct big_file *f, bool fixed, struct err *e)
{
    uint64_t size = f->item.size, at = 0, grain = b->chunking.fixed;
    bool sparse = f->item.blocks * 512 < size;
    while (at < size) {
        uint64_t data = at, end = size;
        if (sparse && !file_next_data(f->fd, at, size, &data, &end))
            return backup_push_hole(b, size - at, e);
        data = data / grain * grain;
        end = (end + grain - 1) / grain * grain;
        data = data < at ? at : data;
        end = end > size ? size : end;
        if (backup_push_hole(b, data - at, e) || backup_push_segments(b, f, data, end, fixed, e))
            return -1;
        at = end;
    }
    return 0;
}

static int plan_opened(struct backup *b, const struct source_item *it, int fd, struct err *e)
{
    struct entry en = {0};
    struct err odd = ERR_INIT;
    if (source_meta_read(b->meta, it, fd, &en, &odd)) {
        if (odd.cls != ERR_INCOMPLETE)
            (void)close(fd);
        if (odd.cls == ERR_NO_MEMORY)
            return err_give(e, &odd);
        backup_problem(b, it->path, &odd);
        if (odd.cls != ERR_INCOMPLETE)
            return 0;
    }
    struct big_file *f = mem_zalloc(sizeof *f);
    if (!f) {
        (void)close(fd);
        return err_no_memory(e, "a file");
    }
    f->fd = fd;
    atomic_init(&f->pending, 1);
    b->planning = f;
    if (keep_item(&f->item, it, e))
        return -1;
    en.path = it->path;
    en.path_len = it->path_len;
    struct step first = {.kind = STEP_FILE, .seen = seen_of(it), .entry = entry_dup(&en)};
    if (!first.entry)
        return err_no_memory(e, "an entry");
    if (backup_push(b, &first, e) || push_content(b, f, is_image(fd, it), e))
        return -1;
    big_file_release(f);
    struct step last = {.kind = STEP_FILE_END, .file = TAKE(b->planning)};
    return backup_push(b, &last, e);
}

static int plan_large(struct backup *b, const struct source_item *it, struct err *e)
{
    struct err why = ERR_INIT;
    int fd = source_open(it->dir, it->name, &why);
    if (fd < 0) {
        if (why.cls == ERR_NO_MEMORY)
            return err_give(e, &why);
        backup_problem(b, it->path, &why);
        return 0;
    }
    return plan_opened(b, it, fd, e);
}

/* ---- everything else ------------------------------------------------------------------------ */

static int plan_other(struct backup *b, const struct source_item *it, struct err *e)
{
    struct entry en = {0};
    struct err odd = ERR_INIT;
    if (source_meta_read(b->meta, it, -1, &en, &odd)) {
        if (odd.cls == ERR_NO_MEMORY)
            return err_give(e, &odd);
        backup_problem(b, it->path, &odd);
        if (odd.cls != ERR_INCOMPLETE)
            return 0;
    }
    en.path = it->path;
    en.path_len = it->path_len;
    struct seen seen = seen_of(it);
    if (backup_ring_is_empty(b))
        return backup_emit(b, &en, &seen, e);
    struct step s = {.kind = STEP_ENTRY, .seen = seen, .entry = entry_dup(&en)};
    return s.entry ? backup_push(b, &s, e) : err_no_memory(e, "an entry");
}

int backup_plan_item(struct backup *b, const struct source_item *it, struct err *e)
{
    const struct entry *cached;
    int taken = backup_take_unchanged(b, it, &cached, e);
    if (taken)
        return taken < 0 ? -1 : 0;
    if (it->type != ENTRY_FILE)
        return plan_other(b, it, e);
    if (cached)
        b->result->files_changed++;
    else
        b->result->files_new++;
    return it->size <= b->chunking.small_max ? plan_small(b, it, e) : plan_large(b, it, e);
}
