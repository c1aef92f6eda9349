/* SPDX-License-Identifier: Apache-2.0 */
/* What workers do: open one chunk, write (or compare) all its pieces. */
#include "work/restore.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

struct restore_file *restore_file_ref(struct restore_file *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void restore_file_unref(struct restore_file *f)
{
    if (atomic_fetch_sub(&f->refs, 1) != 1)
        return;
    if (f->file && atomic_load(&f->failed))
        target_file_fail(f->file);
    target_file_unref(f->file);
    target_dir_unref(f->dir);
    mem_free(f->entry);
    mem_free(f);
}

/* Without space the rest would fail file by file: the restore ends, and the
 * same command goes on when there is room. Needs the lock. */
static void stop_full(struct restore *r, const char *path, const struct err *e)
{
    if (atomic_load(&r->full))
        return;
    r->why = *e;
    (void)err_wrap(&r->why, "'%s'", path);
    atomic_store(&r->full, true);
}

void restore_problem(struct restore *r, const char *path, const struct err *e)
{
    (void)pthread_mutex_lock(&r->lock);
    if (e->cls == ERR_NO_SPACE) {
        stop_full(r, path, e);
    } else {
        r->result->problems++;
        if (r->options->problem)
            r->options->problem(r->options->arg, path, e);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

void restore_imperfect(void *arg, const char *path, bool expected, const struct err *e)
{
    struct restore *r = arg;
    (void)pthread_mutex_lock(&r->lock);
    /* Not restore_problem: no room for one attribute is no full disk. */
    r->result->problems += !expected;
    if (r->options->problem)
        r->options->problem(r->options->arg, path, e);
    (void)pthread_mutex_unlock(&r->lock);
}

void restore_count_file(struct restore *r, const struct entry *en, enum target_decision d)
{
    struct progress *p = r->options->progress;
    (void)pthread_mutex_lock(&r->lock);
    if (d == TARGET_SKIP) {
        r->result->skipped++;
    } else {
        r->result->files++;
        r->result->bytes += en->size;
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (p) {
        progress_add(&p->items, 1);
        progress_add(&p->bytes, en->size);
    }
}

/* Reports a file's first failure; its later pieces are of no interest. */
static void fail_file(struct restore *r, struct restore_file *f, const struct err *e)
{
    if (atomic_exchange(&f->failed, true))
        return;
    restore_problem(r, f->entry->path, e);
    if (!f->file || r->compare)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->result->files--; /* counted when it was made */
    r->result->bytes -= f->entry->size;
    (void)pthread_mutex_unlock(&r->lock);
}

static int write_piece(struct restore *r, const struct piece *p, const uint8_t *data,
                       struct err *e)
{
    struct restore_file *f = p->file;
    if (f->file)
        return target_file_write(f->file, p->file_offset, data, (size_t)p->len, e);
    enum target_decision d;
    if (target_file_put(f->dir, f->name, f->entry, data, (size_t)p->len, &d, e))
        return -1;
    restore_count_file(r, f->entry, d);
    return 0;
}

#define COMPARE_STEP ((size_t)1 << 18)

static int compare_piece(struct restore *r, unsigned worker, const struct piece *p,
                         const uint8_t *data, struct err *e)
{
    CLEANUP(file_close) int fd = -1;
    if (target_open_file(r->target, p->file->relative, &fd, e))
        return -1;
    for (uint64_t done = 0; done < p->len;) {
        size_t n = p->len - done < COMPARE_STEP ? (size_t)(p->len - done) : COMPARE_STEP;
        ssize_t got = file_pread(fd, r->scratch[worker], n, (off_t)(p->file_offset + done));
        if (got < 0)
            return err_sys(e, errno, "read back");
        if ((size_t)got != n || memcmp(r->scratch[worker], data + done, n) != 0)
            return err_set(e, ERR_DAMAGED, "the restored content differs near byte %llu",
                           (unsigned long long)(p->file_offset + done));
        done += n;
    }
    return 0;
}

static int check_bounds(const struct piece *p, size_t chunk_len, struct err *e)
{
    if (p->chunk_offset > chunk_len || p->len > chunk_len - p->chunk_offset)
        return err_set(e, ERR_DAMAGED, "its chunk is shorter than the snapshot says");
    return 0;
}

void restore_run_job(void *arg, unsigned worker, struct pool_job *base)
{
    struct restore *r = arg;
    struct chunk_job *j = (struct chunk_job *)base;
    struct err chunk_err = ERR_INIT;
    const uint8_t *plain = NULL;
    size_t len = 0;
    bool stop = atomic_load(&r->full) ||
                (r->options->progress && progress_cancelled(r->options->progress));
    if (stop)
        (void)err_set(&chunk_err, ERR_CANCELLED, "interrupted");
    int rc = stop ? -1
                  : chunk_reader_get(r->readers[worker], SEAL_DATA, j->pieces[0].id, &plain, &len,
                                     &chunk_err);
    for (size_t i = 0; i < j->count; i++) {
        const struct piece *p = &j->pieces[i];
        struct err e = chunk_err;
        bool ok = rc == 0 && check_bounds(p, len, &e) == 0 &&
                  (r->compare ? compare_piece(r, worker, p, plain + p->chunk_offset, &e)
                              : write_piece(r, p, plain + p->chunk_offset, &e)) == 0;
        if (!ok && stop)
            atomic_store(&p->file->failed, true);
        else if (!ok)
            fail_file(r, p->file, &e);
        restore_file_unref(p->file);
    }
}
