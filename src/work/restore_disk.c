/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restore of a disk from beginning to end: find it, see whether an earlier run was cut off,
 * open the target, write, and if asked read back.
 */
#include "work/restore_disk.h"

#include "base/clock.h"
#include "base/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define THREADS_MAX 16u /* each may have two connections to a server, which allows 64 */

/* ---- what workers share ------------------------------------------------------------------ */

bool disk_restore_cancelled(const struct disk_restore *d)
{
    return d->options->progress && progress_cancelled(d->options->progress);
}

void disk_restore_stop(struct disk_restore *d, const struct err *why)
{
    (void)pthread_mutex_lock(&d->base.lock);
    if (!atomic_load(&d->base.full)) {
        d->base.why = *why;
        atomic_store(&d->base.full, true);
    }
    (void)pthread_mutex_unlock(&d->base.lock);
}

bool disk_restore_is_stopped(struct disk_restore *d)
{
    return atomic_load(&d->base.full);
}

int disk_restore_check(struct disk_restore *d, struct err *e)
{
    if (atomic_load(&d->base.full)) {
        (void)pthread_mutex_lock(&d->base.lock);
        (void)err_give(e, &d->base.why);
        (void)pthread_mutex_unlock(&d->base.lock);
        return -1;
    }
    return disk_restore_cancelled(d) ? err_set(e, ERR_CANCELLED, "interrupted") : 0;
}

int disk_restore_wrap(const struct disk_restore *d, struct err *e)
{
    return err_wrap(e, "target '%s'", d->options->target);
}

/* ---- setting up --------------------------------------------------------------------------- */

static int start_workers(struct disk_restore *d, struct err *e)
{
    struct restore *r = &d->base;
    unsigned threads = d->options->threads ? d->options->threads : pool_cpu_count();
    r->threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    r->jobs_tail = &r->jobs;
    r->readers = mem_array(r->threads, sizeof *r->readers);
    r->window = mem_array(WINDOW_PIECES, sizeof *r->window);
    r->held = mem_array(WINDOW_PIECES, sizeof *r->held);
    d->writers = mem_array(r->threads + 1, sizeof *d->writers);
    d->file = mem_zalloc(sizeof *d->file);
    if (!r->readers || !r->window || !r->held || !d->writers || !d->file)
        return err_no_memory(e, "the pipeline");
    atomic_init(&d->file->refs, 1);
    for (unsigned i = 0; i < r->threads; i++)
        if (chunk_reader_new(r->access, d->options->verify, &r->readers[i], e))
            return -1;
    return pool_new(r->threads, disk_restore_run_job, d, &r->pool, e);
}

static int set_up(struct disk_restore *d, struct err *e)
{
    struct restore *r = &d->base;
    return vault_refresh(r->access->vault, NULL, NULL, e) ||
                   chunk_reader_new(r->access, d->options->verify, &r->reader, e) ||
                   list_reader_new(chunk_reader_fetch, r->reader, &r->list, e) ||
                   start_workers(d, e)
               ? -1
               : 0;
}

static void tear_down(struct disk_restore *d)
{
    struct restore *r = &d->base;
    disk_looks_free(d->looks);
    pool_free(r->pool);
    if (r->window && r->held)
        window_discard(r);
    for (unsigned i = 0; d->writers && i <= r->threads; i++)
        disk_writer_free(d->writers[i]);
    for (unsigned i = 0; r->readers && i < r->threads; i++)
        chunk_reader_free(r->readers[i]);
    if (d->file)
        restore_file_unref(d->file);
    mem_free(d->writers);
    mem_free(r->readers);
    mem_free(r->window);
    mem_free(r->held);
    list_reader_free(r->list);
    chunk_reader_free(r->reader);
    disk_target_close(d->target);
    disk_close(d->opened);
    disk_damage_done(&d->damage);
    (void)pthread_mutex_destroy(&r->lock);
}

/* ---- the target ---------------------------------------------------------------------------- */

static bool is_same(const struct disk_identity *a, const struct disk_identity *b)
{
    return a->place == b->place && a->device == b->device && a->ino == b->ino &&
           a->born_ns == b->born_ns;
}

static const atomic_bool *cancel_of(const struct disk_restore *d)
{
    return d->options->progress ? &d->options->progress->cancel : NULL;
}

static int make_writers(struct disk_restore *d, struct err *e)
{
    for (unsigned i = 0; i <= d->base.threads; i++)
        if (disk_writer_new(d->target, &d->writers[i], e))
            return disk_restore_wrap(d, e);
    return 0;
}

/* QEMU may refuse all writes to a VHDX that was cut off between a log entry and its flush: one that an earlier run
 * made is made again. */
static int begin_anew(struct disk_restore *d, struct disk_target_request *r, struct err *e)
{
    if (!d->result->resumed || !d->noted.fresh ||
        strcmp(disk_target_get_info(d->target)->format, "vhdx") != 0)
        return 0;
    disk_target_close(TAKE(d->target));
    d->result->resumed = false;
    d->noted.offset = d->noted.damaged = 0;
    r->existing = DISK_EXISTING_REPLACE;
    return disk_target_open(r, &d->target, e);
}

static int open_target(struct disk_restore *d, struct err *e)
{
    const struct restore_disk_options *o = d->options;
    struct disk_target_request r = {.target = o->target,
                                    .format = o->format,
                                    .size = d->entry->size,
                                    .existing =
                                        d->result->resumed ? DISK_EXISTING_KEEP : o->existing,
                                    .backing = o->backing,
                                    .backing_count = o->backing_count,
                                    .cancel = cancel_of(d)};
    if (disk_target_open(&r, &d->target, e) || begin_anew(d, &r, e))
        return -1;
    const struct disk_target_info *is = disk_target_get_info(d->target);
    d->disk = disk_target_disk(d->target);
    d->disk_size = is->size;
    d->align = is->align;
    d->fresh = is->fresh || (d->result->resumed && d->noted.fresh);
    d->result->target_size = is->size;
    (void)snprintf(d->result->format, sizeof d->result->format, "%s", is->format);
    return make_writers(d, e);
}

/* In a dry run the target is at most read. */
static int peek_at_target(struct disk_restore *d, const struct disk_identity *is, struct err *e)
{
    const struct restore_disk_options *o = d->options;
    struct disk_request r = {.source = o->target,
                             .format = o->format,
                             .backing = o->backing,
                             .backing_count = o->backing_count,
                             .cancel = cancel_of(d)};
    if (is->place == DISK_PLACE_FILE && o->existing == DISK_EXISTING_REFUSE && !d->result->resumed)
        return err_set(e, ERR_EXISTS,
                       "target '%s': it exists: --delta writes what differs, "
                       "--overwrite always all of it",
                       o->target);
    d->align = 4096;
    if (!o->delta || is->place == DISK_PLACE_NOTHING)
        return 0;
    if (disk_open(&r, &d->opened, e))
        return disk_restore_wrap(d, e);
    d->disk = d->opened;
    d->disk_size = disk_get_info(d->opened)->size;
    return 0;
}

/* Whether the note of an earlier run speaks of this target. */
static void see_note(struct disk_restore *d, const struct snapshot *s,
                     const struct disk_identity *is)
{
    struct disk_note n;
    bool found = disk_note_load(&d->note, &n);
    d->result->resumed = found && is->place != DISK_PLACE_NOTHING && is_same(&n.target, is) &&
                         n.size == d->entry->size && memcmp(n.snapshot, s->id, ID_BYTES) == 0;
    d->noted = (struct disk_note){.sequence = found ? n.sequence : 0, .size = d->entry->size};
    memcpy(d->noted.snapshot, s->id, ID_BYTES);
    if (!d->result->resumed)
        return;
    d->noted.offset = n.offset;
    d->noted.damaged = n.damaged;
    d->noted.fresh = n.fresh;
}

/* What an earlier run says that it wrote is believed after a look (docs/decisions/0024). */
static int check_resumed(struct disk_restore *d, struct err *e)
{
    bool is_there = true;
    if (d->noted.offset && disk_restore_sample(d, &is_there, e))
        return -1;
    if (!is_there) {
        d->fresh = false;
        d->result->resumed = false;
        d->noted.damaged = 0;
        if (d->options->told)
            d->options->told(d->options->arg, d->options->target,
                             "it does not hold what an interrupted restore wrote: all of it is "
                             "written again");
    }
    d->result->resumed_at = d->noted.offset;
    d->result->damaged = d->damage.bytes = d->noted.damaged;
    if (d->options->progress)
        progress_add(&d->options->progress->bytes, d->noted.offset);
    return 0;
}

static int begin_note(struct disk_restore *d, struct err *e)
{
    if (d->options->dry_run)
        return 0;
    d->noted.fresh = d->fresh;
    return disk_identify(d->options->target, &d->noted.target, e) ||
                   disk_note_save(&d->note, &d->noted, e)
               ? -1
               : 0;
}

static int begin(struct disk_restore *d, const struct snapshot *s, struct err *e)
{
    const struct restore_disk_options *o = d->options;
    struct disk_identity is;
    if (disk_identify(o->target, &is, e))
        return -1;
    see_note(d, s, &is);
    if (set_up(d, e) || (o->dry_run ? peek_at_target(d, &is, e) : open_target(d, e)))
        return -1;
    bool looks = d->disk && (d->result->resumed || o->verify || (o->delta && !d->fresh));
    if (looks && disk_looks_new(d, &d->looks, e))
        return disk_restore_wrap(d, e);
    if (d->result->resumed && d->looks && check_resumed(d, e))
        return -1;
    return begin_note(d, e);
}

/* ---- all ------------------------------------------------------------------------------------- */

static int find_disk(struct access *a, const struct root *root, const char *path,
                     struct entry **out, struct err *e)
{
    struct entry *en;
    if (work_find_entry(a, &root->tree, path, &en, e))
        return -1;
    if (en->type != ENTRY_FILE) {
        (void)err_set(e, ERR_USAGE, "'/%s' is no disk but a %s", path, entry_type_name(en->type));
        mem_free(en);
        return -1;
    }
    *out = en;
    return 0;
}

/* The same name before and after the target is made. */
static void place_of(const char *target, char out[PATH_MAX])
{
    char dir[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(target, '/');
    (void)snprintf(out, PATH_MAX, "%s", target);
    if (disk_is_uri(target) || realpath(target, out))
        return;
    (void)snprintf(dir, sizeof dir, "%.*s.", slash ? (int)(slash - target) + 1 : 0, target);
    (void)snprintf(out, PATH_MAX, "%s", target);
    if (realpath(dir, real) &&
        strlen(real) + strlen(slash ? slash : "/") + strlen(target) < PATH_MAX)
        (void)snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "",
                       slash ? slash + 1 : target);
}

static int run(struct disk_restore *d, const struct snapshot *s, struct err *e)
{
    struct progress *p = d->options->progress;
    bool verify = d->options->verify && !d->options->dry_run;
    if (p) {
        atomic_store(&p->bytes, 0);
        atomic_store(&p->bytes_total, d->entry->size * (verify ? 2 : 1));
    }
    if (begin(d, s, e) || disk_restore_write(d, e))
        return -1;
    return verify ? disk_restore_verify(d, e) : 0;
}

/* What was cut off says what is safe. */
static int cut_off(const struct disk_restore *d, bool verified, struct err *e)
{
    if (d->note.fd < 0 || d->noted.offset == 0 || verified)
        return -1;
    return err_wrap(e, "%llu of %llu bytes are safe, the same command goes on there",
                    (unsigned long long)d->noted.offset, (unsigned long long)d->noted.size);
}

static int restore(struct disk_restore *d, const struct snapshot *s, struct err *e)
{
    char place[PATH_MAX], what[PATH_MAX];
    bool resumes;
    place_of(d->options->target, place);
    (void)snprintf(what, sizeof what, "disk %s", d->options->path);
    d->note.fd = -1;
    if (!d->options->dry_run &&
        restore_note_begin(d->options->dirs, place, s->id, what, &d->note, &resumes, e)) {
        (void)pthread_mutex_destroy(&d->base.lock);
        return -1;
    }
    int rc = run(d, s, e);
    bool all = d->noted.sequence && d->noted.offset == d->entry->size;
    bool keep = rc && d->noted.sequence && !(all && e->cls == ERR_DAMAGED);
    if (rc && keep)
        rc = cut_off(d, all, e);
    tear_down(d);
    restore_note_end(&d->note, !keep);
    return rc;
}

int work_restore_disk(struct access *a, const struct snapshot *s,
                      const struct restore_disk_options *o, struct restore_disk_result *out,
                      struct err *e)
{
    CLEANUP_FREE struct root *root = NULL;
    CLEANUP_FREE struct entry *en = NULL;
    struct restore_disk_result result = {0};
    int64_t start = clock_monotonic_ns();
    if (work_open_root(a, s, &root, e) || find_disk(a, root, o->path, &en, e))
        return -1;
    struct disk_restore d = {.options = o, .result = &result, .entry = en};
    d.base = (struct restore){.access = a, .options = &d.base_options, .result = &d.base_result};
    (void)pthread_mutex_init(&d.base.lock, NULL);
    result.size = en->size;
    if (restore(&d, s, e))
        return -1;
    result.duration_ns = clock_monotonic_ns() - start;
    *out = result;
    return 0;
}
