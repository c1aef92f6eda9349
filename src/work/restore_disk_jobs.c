/* SPDX-License-Identifier: Apache-2.0 */
/* What workers do: open one chunk, and write all pieces of the disk that it holds, from where it
 * was opened. */
#include "work/restore_disk.h"

static void count_written(struct disk_restore *d, uint64_t len)
{
    struct progress *p = d->options->progress;
    (void)pthread_mutex_lock(&d->base.lock);
    d->result->written += len;
    (void)pthread_mutex_unlock(&d->base.lock);
    if (p) {
        progress_add(&p->bytes, len);
        progress_add(&p->stored, len);
    }
}

static void stop_for_target(struct disk_restore *d, struct err *e)
{
    (void)disk_restore_wrap(d, e);
    disk_restore_stop(d, e);
}

/* A range that the vault cannot give: zeros, unless what --delta finds there is more. */
static void lose(struct disk_restore *d, unsigned worker, const struct piece *p,
                 const struct err *why)
{
    struct err e = ERR_INIT;
    (void)pthread_mutex_lock(&d->base.lock);
    disk_damage_add(&d->damage, p->file_offset, p->file_offset + p->len, why);
    (void)pthread_mutex_unlock(&d->base.lock);
    if (!d->fresh && !d->options->delta &&
        disk_zero(d->writers[worker], p->file_offset, p->len, &e))
        stop_for_target(d, &e);
}

static void write_piece(struct disk_restore *d, unsigned worker, const struct piece *p,
                        const uint8_t *plain, size_t len)
{
    struct err e = ERR_INIT;
    if (p->chunk_offset > len || p->len > len - p->chunk_offset) {
        (void)err_set(&e, ERR_DAMAGED, "its chunk is shorter than the snapshot says");
        lose(d, worker, p, &e);
    } else if (disk_write(d->writers[worker], p->file_offset, plain + p->chunk_offset,
                          (size_t)p->len, &e)) {
        stop_for_target(d, &e);
    } else {
        count_written(d, p->len);
    }
}

static void write_chunk(struct disk_restore *d, unsigned worker, const struct chunk_job *j)
{
    struct err e = ERR_INIT;
    const uint8_t *plain;
    size_t len;
    int rc =
        chunk_reader_get(d->base.readers[worker], SEAL_DATA, j->pieces[0].id, &plain, &len, &e);
    if (rc && e.cls != ERR_DAMAGED) {
        disk_restore_stop(d, &e);
        return;
    }
    for (size_t i = 0; i < j->count && !disk_restore_is_stopped(d); i++)
        if (rc)
            lose(d, worker, &j->pieces[i], &e);
        else
            write_piece(d, worker, &j->pieces[i], plain, len);
}

void disk_restore_run_job(void *arg, unsigned worker, struct pool_job *base)
{
    struct disk_restore *d = arg;
    struct chunk_job *j = (struct chunk_job *)base;
    if (!disk_restore_is_stopped(d) && !disk_restore_cancelled(d))
        write_chunk(d, worker, j);
    for (size_t i = 0; i < j->count; i++)
        restore_file_unref(j->pieces[i].file);
}
