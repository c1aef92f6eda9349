/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers do: read a bundle of small files or a segment of a large one,
 * cut, name, and store. A file that cannot be read is its own problem; a chunk
 * that cannot be stored ends the backup.
 */
#include "work/backup.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool is_cancelled(const struct backup *b)
{
    return atomic_load(&b->failed) ||
           (b->options->progress && progress_cancelled(b->options->progress));
}

/* ---- bundles ---------------------------------------------------------------------- */

/* Reads one small file to `at`, at most size + 1 bytes so that growth shows. */
static int read_small(struct slot *s, uint8_t *at, size_t *len_out,
                      int *fd_out, struct err *e)
{
    *len_out = 0;
    if (s->item.size == 0)
        return 0;
    int fd = source_open(s->item.dir, s->item.name, e);
    if (fd < 0)
        return -1;
    ssize_t n = file_read(fd, at, (size_t)s->item.size + 1);
    if (n < 0) {
        (void)err_sys(e, errno, "read");
        (void)close(fd);
        return -1;
    }
    *len_out = (size_t)n > s->item.size ? (size_t)s->item.size : (size_t)n;
    *fd_out = fd;
    return 0;
}

/* Makes the entry of a slot; its content is the slice [offset, offset + len). */
static void make_entry(struct backup_worker *w, struct slot *s, int fd, uint32_t offset,
                       size_t len)
{
    struct item slice = {.kind = ITEM_SLICE, .offset = offset, .len = len};
    struct entry en = {0};
    if (source_meta_read(w->meta, &s->item, fd, &en, &s->err) && s->err.cls != ERR_INCOMPLETE)
        return;
    if (fd >= 0 && source_changed(&s->item, fd)) {
        en.partial = true;
        (void)err_set(&s->err, ERR_INCOMPLETE, "changed while it was read");
    }
    en.path = s->item.path;
    en.path_len = s->item.path_len;
    en.size = len;
    en.items = len ? &slice : NULL;
    en.item_count = len ? 1 : 0;
    s->entry = entry_dup(&en);
    if (!s->entry)
        (void)err_no_memory(&s->err, "an entry");
}

static void name_slots(struct job *j, const uint8_t id[ID_BYTES], size_t total)
{
    for (size_t i = 0; i < j->slot_count; i++) {
        struct entry *en = j->slots[i].entry;
        if (!en || !en->item_count)
            continue;
        struct item *it = (struct item *)(uintptr_t)en->items;
        memcpy(it->id, id, ID_BYTES);
        if (it->offset == 0 && it->len == total)
            it->kind = ITEM_CHUNK;
    }
}

static void run_bundle(struct backup *b, struct backup_worker *w, struct job *j)
{
    size_t used = 0;
    for (size_t i = 0; i < j->slot_count && !is_cancelled(b); i++) {
        struct slot *s = &j->slots[i];
        int fd = -1;
        size_t len = 0;
        if (read_small(s, w->plain + used, &len, &fd, &s->err) == 0) {
            make_entry(w, s, fd, (uint32_t)used, len);
            used += s->entry ? len : 0;
        }
        if (s->err.cls == ERR_NO_MEMORY)
            backup_fail(b, &s->err); /* not the file's fault */
        file_close(&fd);
        source_dir_unref(s->item.dir);
        s->item.dir = NULL;
    }
    if (used == 0)
        return;
    uint8_t id[ID_BYTES];
    seal_id(b->access->ids, SEAL_DATA, w->plain, used, id);
    struct err e = ERR_INIT;
    if (backup_store(b, w, SEAL_DATA, id, w->plain, used, &e))
        backup_fail(b, &e);
    name_slots(j, id, used);
}

/* ---- segments of large files --------------------------------------------------------- */

int job_add_item(struct job *j, const struct item *it, struct err *e)
{
    if (j->item_count == j->item_cap) {
        size_t cap = j->item_cap ? 2 * j->item_cap : 16;
        struct item *items = mem_realloc(j->items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "a file's chunks");
        j->items = items;
        j->item_cap = cap;
    }
    j->items[j->item_count++] = *it;
    return 0;
}

int backup_store_piece(struct backup *b, struct backup_worker *w, struct job *j, const uint8_t *p,
                       size_t len, struct err *e)
{
    struct item it = {.kind = ITEM_CHUNK, .len = len};
    if (bytes_are_zero(p, len)) {
        it.kind = ITEM_HOLE;
    } else {
        seal_id(b->access->ids, SEAL_DATA, p, len, it.id);
        if (backup_store(b, w, SEAL_DATA, it.id, p, len, e)) {
            backup_fail(b, e);
            return -1;
        }
    }
    return job_add_item(j, &it, e);
}

static size_t piece_len(const struct backup *b, const struct job *j, const uint8_t *p, size_t len)
{
    if (!j->fixed)
        return chunk_cut(&b->cutter, p, len);
    return len < b->chunking.fixed ? len : b->chunking.fixed;
}

/* Keeps at least the largest chunk in the buffer until the segment ends. */
static int run_segment(struct backup *b, struct backup_worker *w, struct job *j, struct err *e)
{
    size_t want = j->fixed ? b->chunking.fixed : b->chunking.cdc_max;
    uint64_t read_to = j->offset, end = j->offset + j->len;
    size_t start = 0, have = 0;
    bool at_end = false;
    while (!is_cancelled(b)) {
        if (have < want && !at_end) {
            memmove(w->plain, w->plain + start, have);
            start = 0;
            uint64_t left = end - read_to;
            size_t room = w->plain_cap - have < 2 * want ? w->plain_cap - have : 2 * want - have;
            size_t n = left < room ? (size_t)left : room;
            ssize_t got = file_pread(j->file->fd, w->plain + have, n, (off_t)read_to);
            if (got < 0)
                return err_sys(e, errno, "read");
            have += (size_t)got;
            read_to += (uint64_t)got;
            at_end = read_to == end || (size_t)got < n;
        }
        if (have == 0)
            break;
        size_t len = piece_len(b, j, w->plain + start, have);
        if (backup_store_piece(b, w, j, w->plain + start, len, e))
            return -1;
        start += len;
        have -= len;
    }
    if (read_to == end)
        return 0;
    /* The file got shorter: what follows keeps its place. */
    struct item gap = {.kind = ITEM_HOLE, .len = end - read_to};
    return job_add_item(j, &gap, e);
}

/* Chunks that the planner has cut. */
static int run_chunks(struct backup *b, struct backup_worker *w, struct job *j, struct err *e)
{
    struct item *items = TAKE(j->items);
    size_t count = j->item_count, at = 0;
    int rc = 0;
    j->item_count = j->item_cap = 0;
    for (size_t i = 0; i < count && rc == 0 && !is_cancelled(b); at += (size_t)items[i++].len)
        rc = backup_store_piece(b, w, j, j->data + at, (size_t)items[i].len, e);
    mem_free(items);
    mem_free(TAKE(j->data));
    return rc;
}

void big_file_release(struct big_file *f)
{
    if (atomic_fetch_sub(&f->pending, 1) != 1)
        return;
    if (f->disk) {
        f->changed = disk_changed(f->disk);
        return;
    }
    f->changed = source_changed(&f->item, f->fd);
    file_close(&f->fd);
}

void big_file_free(struct big_file *f)
{
    file_close(&f->fd);
    for (unsigned i = 0; i < f->reader_count; i++)
        disk_reader_free(f->readers[i]);
    mem_free(f->readers);
    source_dir_unref(f->item.dir);
    mem_free((void *)(uintptr_t)f->item.path);
    mem_free(f);
}

void backup_run_job(void *arg, unsigned worker, struct pool_job *base)
{
    struct backup *b = arg;
    struct job *j = (struct job *)base;
    if (j->is_bundle) {
        run_bundle(b, &b->workers[worker], j);
        return;
    }
    if (j->data) {
        if (run_chunks(b, &b->workers[worker], j, &j->err))
            backup_fail(b, &j->err);
        return;
    }
    if (j->file->disk && backup_read_disk(b, worker, j, &j->err))
        backup_fail(b, &j->err);
    if (!j->file->disk)
        (void)run_segment(b, &b->workers[worker], j, &j->err);
    if (j->err.cls == ERR_NO_MEMORY)
        backup_fail(b, &j->err);
    big_file_release(j->file);
}
