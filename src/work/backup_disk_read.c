/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a disk: segments, on workers; single blocks, for the planner. */
#include "work/backup_disk.h"

#include <string.h>

/* Unaligned requests are refused by some servers. */
#define ALIGN_BYTES ((uint64_t)4096)

static bool is_over(const struct backup *b)
{
    return atomic_load(&b->failed) ||
           (b->options->progress && progress_cancelled(b->options->progress));
}

static int reader_of(struct backup *b, unsigned worker, struct big_file *f,
                     struct disk_reader **out, struct err *e)
{
    if (!f->readers[worker] && disk_reader_new(f->disk, b->chunking.fixed, &f->readers[worker], e))
        return -1;
    *out = f->readers[worker];
    return 0;
}

static void count_bad(struct big_file *f, uint64_t before, const struct disk_reader *r)
{
    uint64_t first, bad = disk_bad(r, &first) - before;
    if (bad == 0)
        return;
    /* Several workers may find some: the least offset is told. */
    uint64_t known = atomic_load(&f->first_bad);
    while ((atomic_load(&f->bad) == 0 || first < known) &&
           !atomic_compare_exchange_weak(&f->first_bad, &known, first))
        continue;
    atomic_fetch_add(&f->bad, bad);
}

static int read_segment(struct backup *b, unsigned worker, struct job *j, struct err *e)
{
    struct disk_reader *r;
    const uint8_t *data;
    size_t len;
    uint64_t first;
    int rc = 0;
    if (reader_of(b, worker, j->file, &r, e))
        return -1;
    uint64_t bad = disk_bad(r, &first);
    if (disk_begin(r, j->offset, j->offset + j->len, e))
        return -1;
    while (!is_over(b) && (rc = disk_next(r, &data, &len, e)) > 0) {
        if (backup_store_piece(b, &b->workers[worker], j, data, len, e))
            return -1;
        if (b->options->progress)
            progress_add(&b->options->progress->bytes, len);
    }
    count_bad(j->file, bad, r);
    return rc < 0 ? -1 : 0;
}

int backup_read_disk(struct backup *b, unsigned worker, struct job *j, struct err *e)
{
    if (read_segment(b, worker, j, e) == 0)
        return 0;
    /* A vault's failure is told already, and not the disk's. */
    return atomic_load(&b->failed) ? -1 : err_wrap(e, "disk '%s'", j->file->disk_name);
}

int disk_read_at(struct disk_plan *p, uint64_t off, void *out, size_t len, struct err *e)
{
    uint64_t from = off / ALIGN_BYTES * ALIGN_BYTES, to = off + len;
    const uint8_t *data;
    size_t n, done = 0;
    int rc;
    to = (to + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    if (disk_begin(p->reader, from, to < p->size ? to : p->size, e))
        return -1;
    size_t skip = (size_t)(off - from);
    while (done < len && (rc = disk_next(p->reader, &data, &n, e)) > 0) {
        size_t take = n - skip < len - done ? n - skip : len - done;
        memcpy((uint8_t *)out + done, data + skip, take);
        done += take;
        skip = 0;
    }
    return done == len ? 0 : -1;
}
