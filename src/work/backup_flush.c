/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of steps: in at one end as planned, out at the other in the same
 * order, as entries of the tree and of the cache. */
#include "work/backup.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* File systems stamp with a clock of this grain; one without nanoseconds with
 * that of FAT. A file changed within it of the start may change unseen. */
#define STAMP_GRAIN_NS (20 * NS_PER_S / 1000)
#define STAMP_COARSE_NS (2 * NS_PER_S)

void backup_problem(struct backup *b, const char *path, const struct err *e)
{
    b->result->problems++;
    if (b->problem_count < ROOT_PROBLEMS_MAX) {
        char text[ERR_MESSAGE_BYTES + 4096];
        (void)snprintf(text, sizeof text, "/%s: %s", path, e->msg);
        char *copy = mem_strdup(text);
        if (copy)
            b->problem_texts[b->problem_count++] = copy;
    }
    if (b->options->problem)
        b->options->problem(b->options->arg, path, e);
}

static bool is_racy(const struct backup *b, const struct seen *seen)
{
    int64_t grain = seen->ctime_ns == 0 ? STAMP_COARSE_NS : STAMP_GRAIN_NS;
    return seen->ctime_s * NS_PER_S + seen->ctime_ns >= b->started_ns - grain;
}

static void count_entry(struct backup *b, const struct entry *en)
{
    struct backup_result *r = b->result;
    if (en->type == ENTRY_FILE) {
        r->files++;
        r->bytes += en->size;
    } else if (en->type == ENTRY_DIR) {
        r->dirs++;
    } else {
        r->others++;
    }
    struct progress *p = b->options->progress;
    if (p) {
        progress_add(&p->items, 1);
        /* A stream was counted as it came. */
        progress_add(&p->bytes, en->type == ENTRY_FILE && b->walk ? en->size : 0);
    }
}

int backup_emit(struct backup *b, const struct entry *en, const struct seen *seen, struct err *e)
{
    count_entry(b, en);
    if (b->cache_out) {
        struct seen s = *seen;
        if (en->partial || is_racy(b, seen))
            s.ctime_ns = UINT32_MAX;
        cache_writer_add(b->cache_out, en, &s);
    }
    return tree_builder_add(b->tree, en, e);
}

/* ---- one step ------------------------------------------------------------------- */

static int flush_listed(struct backup *b, struct step *s, struct err *e)
{
    struct item it;
    bool damaged;
    cache_items_begin(b->cache_in, s->items);
    while (cache_items_next(b->cache_in, &it, &damaged)) {
        if (list_builder_add(b->list, &it, e))
            return -1;
        if (b->cache_out)
            cache_writer_item(b->cache_out, &it);
    }
    if (damaged)
        return err_set(e, ERR_IO, "the cache file changed while it was in use: run again");
    if (list_builder_finish(b->list, s->entry, e))
        return -1;
    return backup_emit(b, s->entry, &s->seen, e);
}

static int flush_slot(struct backup *b, struct step *s, struct err *e)
{
    struct slot *slot = &s->job->slots[s->slot];
    int rc = 0;
    if (slot->err.cls != ERR_UNSET)
        backup_problem(b, slot->item.path, &slot->err);
    if (slot->entry)
        rc = backup_emit(b, slot->entry, &s->seen, e);
    if (--s->job->unflushed == 0)
        job_free(s->job);
    return rc;
}

static int flush_segment(struct backup *b, struct step *s, struct err *e)
{
    struct job *j = s->job;
    int rc = 0;
    if (j->err.cls != ERR_UNSET)
        b->file_err = j->err;
    for (size_t i = 0; i < j->item_count && rc == 0; i++) {
        rc = list_builder_add(b->list, &j->items[i], e);
        if (b->cache_out)
            cache_writer_item(b->cache_out, &j->items[i]);
    }
    job_free(j);
    return rc;
}

static int flush_hole(struct backup *b, uint64_t len, struct err *e)
{
    struct item hole = {.kind = ITEM_HOLE, .len = len};
    if (b->cache_out)
        cache_writer_item(b->cache_out, &hole);
    return list_builder_add(b->list, &hole, e);
}

static int flush_file_end(struct backup *b, struct step *s, struct err *e)
{
    struct entry *en = b->file_entry;
    int rc = list_builder_finish(b->list, en, e);
    if (rc == 0 && b->file_err.cls != ERR_UNSET) {
        backup_problem(b, en->path, &b->file_err);
    } else if (rc == 0) {
        struct err why = ERR_INIT;
        if (s->file->changed)
            (void)err_set(&why, ERR_INCOMPLETE, "changed while it was read");
        if (atomic_load(&s->file->bad))
            (void)err_set(&why, ERR_INCOMPLETE,
                          "%llu bytes could not be read, the first at %llu: zeros are in their place",
                          (unsigned long long)s->file->bad, (unsigned long long)s->file->first_bad);
        if (why.cls != ERR_UNSET) {
            en->partial = true;
            backup_problem(b, en->path, &why);
        }
        rc = backup_emit(b, en, &b->file_seen, e);
    }
    mem_free(TAKE(b->file_entry));
    big_file_free(s->file);
    return rc;
}

static int flush_step(struct backup *b, struct step *s, struct err *e)
{
    int rc = 0;
    switch (s->kind) {
    case STEP_ENTRY: rc = backup_emit(b, s->entry, &s->seen, e); break;
    case STEP_LISTED: rc = flush_listed(b, s, e); break;
    case STEP_SLOT: return flush_slot(b, s, e);
    case STEP_FILE:
        b->file_entry = TAKE(s->entry);
        b->file_seen = s->seen;
        b->file_err = ERR_INIT;
        return 0;
    case STEP_SEGMENT: return flush_segment(b, s, e);
    case STEP_HOLE: return flush_hole(b, s->hole, e);
    case STEP_FILE_END: return flush_file_end(b, s, e);
    }
    mem_free(TAKE(s->entry));
    return rc;
}

/* ---- the ring -------------------------------------------------------------------- */

static bool is_ready(const struct step *s)
{
    return !s->job || (s->job->submitted && pool_is_done(&s->job->base));
}

static int flush_head(struct backup *b, struct err *e)
{
    struct step *s = &b->ring[b->ring_tail % STEP_RING];
    if (s->job && !s->job->submitted && backup_submit_bundle(b, e))
        return -1;
    if (s->job)
        pool_wait(b->pool, &s->job->base);
    if (atomic_load(&b->failed)) {
        (void)pthread_mutex_lock(&b->lock);
        (void)err_give(e, &b->fatal);
        (void)pthread_mutex_unlock(&b->lock);
        return -1;
    }
    b->ring_tail++;
    return flush_step(b, s, e);
}

int backup_push(struct backup *b, const struct step *s, struct err *e)
{
    b->ring[b->ring_head++ % STEP_RING] = *s;
    if (b->bundle && b->ring_head - b->bundle->first_step > BUNDLE_STEPS_MAX &&
        backup_submit_bundle(b, e))
        return -1;
    while (!backup_ring_is_empty(b) && (b->ring_head - b->ring_tail == STEP_RING ||
                                        is_ready(&b->ring[b->ring_tail % STEP_RING])))
        if (flush_head(b, e))
            return -1;
    return 0;
}

int backup_flush_all(struct backup *b, struct err *e)
{
    if (b->bundle && backup_submit_bundle(b, e))
        return -1;
    while (!backup_ring_is_empty(b))
        if (flush_head(b, e))
            return -1;
    return 0;
}

/* After a failure: nothing runs any more; frees what the steps own. */
void backup_discard_steps(struct backup *b)
{
    /* A bundle that has files is freed with the last of their steps. */
    if (b->bundle && b->bundle->slot_count == 0)
        job_free(b->bundle);
    b->bundle = NULL;
    for (; !backup_ring_is_empty(b); b->ring_tail++) {
        struct step *s = &b->ring[b->ring_tail % STEP_RING];
        mem_free(TAKE(s->entry));
        if (s->kind == STEP_SLOT && --s->job->unflushed == 0)
            job_free(s->job);
        if (s->kind == STEP_SEGMENT)
            job_free(s->job);
        if (s->kind == STEP_FILE_END)
            big_file_free(s->file);
    }
    if (b->planning)
        big_file_free(b->planning);
    mem_free(TAKE(b->file_entry));
}
