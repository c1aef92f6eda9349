/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over the content of a disk, in its order: what is written, what is looked at first, what becomes
 * zeros; and after each stretch the flush and the note. Does not open chunks or write them
 * (restore_disk_jobs.c).
 *
 *  P1 the note moves only when everything before its offset was written, waited for and flushed;
 *  P2 a target that is new is not asked and not zeroed: it reads as zeros.
 */
#include "work/restore_disk.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STRETCH_BYTES ((uint64_t)1 << 30)
#define SAMPLES       32u
#define HOLE_STEP     ((uint64_t)8 << 20) /* of what is looked at and zeroed at once */

static struct disk_writer *own_writer(struct disk_restore *d)
{
    return d->writers[d->base.threads];
}

/* No look is under way when these are called without the lock, but workers may be. */
static void count(struct disk_restore *d, uint64_t *which, uint64_t len)
{
    (void)pthread_mutex_lock(&d->base.lock);
    *which += len;
    (void)pthread_mutex_unlock(&d->base.lock);
}

static void passed(struct disk_restore *d, uint64_t *which, uint64_t len)
{
    count(d, which, len);
    if (d->options->progress)
        progress_add(&d->options->progress->bytes, len);
}

/* ---- one item ------------------------------------------------------------------------- */

static int put_data(struct disk_restore *d, const struct item *it, uint64_t off, struct err *e)
{
    if (d->options->dry_run) {
        passed(d, &d->result->written, it->len);
        return 0;
    }
    return window_add(&d->base, d->file, it, off, e);
}

static int put_zeros(struct disk_restore *d, uint64_t off, uint64_t len, struct err *e)
{
    passed(d, &d->result->zeros, len);
    if (d->options->dry_run || d->fresh)
        return 0;
    return disk_zero(own_writer(d), off, len, e) ? disk_restore_wrap(d, e) : 0;
}

/* A look of --delta has ended. */
static int take_delta(struct disk_restore *d, const struct look_item *it, struct err *e)
{
    bool hole = it->item.kind == ITEM_HOLE;
    if (it->differs)
        return hole ? put_zeros(d, it->off, it->item.len, e) : put_data(d, &it->item, it->off, e);
    passed(d, hole ? &d->result->zeros : &d->result->left, it->item.len);
    return 0;
}

/* The part of [off, end) that is of one kind on the target. */
static int map_target(struct disk_restore *d, uint64_t off, uint64_t end, uint64_t *end_out,
                      bool *zero_out, struct err *e)
{
    struct disk_extent x = {.end = end};
    if (off < d->map_from || off >= d->map_end) {
        if (off < d->disk_size && disk_map(d->disk, off, &x, e))
            return disk_restore_wrap(d, e);
        d->map_from = off;
        d->map_end = x.end;
        d->map_zero = x.zero;
    }
    *end_out = d->map_end < end ? d->map_end : end;
    *zero_out = d->map_zero;
    return 0;
}

static int look_at_hole(struct disk_restore *d, uint64_t off, uint64_t len, look_take *take,
                        struct err *e)
{
    for (uint64_t end = off + len, next = end; off < end; off = next) {
        bool zero = false;
        if (map_target(d, off, end, &next, &zero, e))
            return -1;
        if (zero) {
            struct look_item same = {.item = {.kind = ITEM_HOLE, .len = next - off}, .off = off};
            if (take(d, &same, e))
                return -1;
            continue;
        }
        if (next - off > HOLE_STEP)
            next = off + HOLE_STEP;
        struct item it = {.kind = ITEM_HOLE, .len = next - off};
        if (disk_looks_add(d->looks, &it, off, take, e))
            return -1;
    }
    return 0;
}

static int delta_item(struct disk_restore *d, const struct item *it, uint64_t off, struct err *e)
{
    uint64_t next = off;
    bool zero = false;
    if (off + it->len > d->disk_size) /* of a dry run: there is no such place yet */
        return it->kind == ITEM_HOLE ? put_zeros(d, off, it->len, e) : put_data(d, it, off, e);
    if (it->kind == ITEM_HOLE)
        return look_at_hole(d, off, it->len, take_delta, e);
    if (map_target(d, off, off + it->len, &next, &zero, e))
        return -1;
    if (zero && next == off + it->len)
        return put_data(d, it, off, e); /* nothing is there: no need to read it */
    return disk_looks_add(d->looks, it, off, take_delta, e);
}

static int write_item(struct disk_restore *d, const struct item *it, uint64_t off, struct err *e)
{
    if (d->options->delta && d->looks)
        return delta_item(d, it, off, e);
    return it->kind == ITEM_HOLE ? put_zeros(d, off, it->len, e) : put_data(d, it, off, e);
}

/* ---- stretches -------------------------------------------------------------------------- */

static int drain_writers(struct disk_restore *d, struct err *e)
{
    for (unsigned i = 0; i <= d->base.threads; i++)
        if (d->writers[i] && disk_writer_drain(d->writers[i], e))
            return disk_restore_wrap(d, e);
    return 0;
}

/* Everything before `off` becomes durable. */
static int settle(struct disk_restore *d, uint64_t off, struct err *e)
{
    d->since = 0;
    if (d->looks && disk_looks_finish(d->looks, take_delta, e))
        return -1;
    if (d->options->dry_run)
        return 0;
    if (window_flush(&d->base, e))
        return -1;
    window_wait_all(&d->base);
    if (disk_restore_check(d, e) || drain_writers(d, e))
        return -1;
    disk_damage_tell(&d->damage, d->options->problem, d->options->arg);
    if (disk_target_flush(d->target, e))
        return disk_restore_wrap(d, e);
    d->noted.damaged += d->damage.bytes - d->result->damaged;
    d->result->damaged = d->damage.bytes;
    d->noted.offset = off;
    return disk_note_save(&d->note, &d->noted, e);
}

/* The part of an item that lies before `from` is passed; false if that is all of it. */
static bool cut_front(struct item *it, uint64_t *off, uint64_t from)
{
    if (*off + it->len <= from)
        return false;
    if (*off < from) {
        uint64_t n = from - *off;
        it->len -= n;
        if (it->kind != ITEM_HOLE) {
            it->kind = ITEM_SLICE;
            it->offset += (uint32_t)n;
        }
        *off = from;
    }
    return true;
}

typedef int each_item(struct disk_restore *d, const struct item *it, uint64_t off, struct err *e);

static int go_over(struct disk_restore *d, uint64_t from, uint64_t to, each_item *each,
                   struct err *e)
{
    struct item it;
    int rc = list_reader_begin(d->base.list, d->entry, e);
    uint64_t off = 0;
    while (rc == 0 && off < to && (rc = list_reader_next(d->base.list, &it, e)) > 0) {
        uint64_t at = off;
        off += it.len;
        rc = 0;
        if (cut_front(&it, &at, from) && (disk_restore_check(d, e) || each(d, &it, at, e)))
            rc = -1;
    }
    return rc < 0 ? -1 : 0;
}

/* An item of the content; behind it a stretch may end. */
static int plan_item(struct disk_restore *d, const struct item *it, uint64_t off, struct err *e)
{
    uint64_t stretch = d->options->stretch ? d->options->stretch : STRETCH_BYTES;
    if (write_item(d, it, off, e))
        return -1;
    if (it->kind != ITEM_HOLE)
        d->since += it->len;
    return d->since < stretch ? 0 : settle(d, off + it->len, e);
}

int disk_restore_write(struct disk_restore *d, struct err *e)
{
    return go_over(d, d->noted.offset, UINT64_MAX, plan_item, e) || settle(d, d->entry->size, e)
               ? -1
               : 0;
}

/* ---- reading back ------------------------------------------------------------------------- */

static int take_verified(struct disk_restore *d, const struct look_item *it, struct err *e)
{
    if (it->differs && !disk_damage_covers(&d->damage, it->off)) {
        (void)err_set(e, ERR_DAMAGED, "read back, it differs in bytes %llu to %llu",
                      (unsigned long long)it->off, (unsigned long long)(it->off + it->item.len));
        return disk_restore_wrap(d, e);
    }
    passed(d, &d->result->verified, it->item.len);
    return 0;
}

static int verify_item(struct disk_restore *d, const struct item *it, uint64_t off, struct err *e)
{
    return it->kind == ITEM_HOLE ? look_at_hole(d, off, it->len, take_verified, e)
                                 : disk_looks_add(d->looks, it, off, take_verified, e);
}

int disk_restore_verify(struct disk_restore *d, struct err *e)
{
    d->map_end = 0; /* it is not as it was before we wrote */
    return go_over(d, 0, UINT64_MAX, verify_item, e) ||
                   disk_looks_finish(d->looks, take_verified, e)
               ? -1
               : 0;
}

/* ---- a sample of what an earlier run wrote ----------------------------------------------------
 */

struct sampling {
    uint64_t seen;
    size_t count;
    struct look_item drawn[SAMPLES];
};

static int by_offset(const void *a, const void *b)
{
    const struct look_item *x = a, *y = b;
    return (x->off > y->off) - (x->off < y->off);
}

static uint64_t draw(uint64_t below)
{
    uint64_t r;
    seal_random(&r, sizeof r);
    return r % below;
}

static void offer_sample(struct sampling *s, const struct item *it, uint64_t off)
{
    s->seen++;
    size_t at = s->count < SAMPLES ? s->count : (size_t)draw(s->seen);
    if (at < SAMPLES)
        s->drawn[at] = (struct look_item){.item = *it, .off = off};
    if (s->count < SAMPLES)
        s->count++;
}

static int take_sample(struct disk_restore *d, const struct look_item *it, struct err *e)
{
    (void)e;
    d->noted.offset = it->differs ? 0 : d->noted.offset;
    return 0;
}

int disk_restore_sample(struct disk_restore *d, bool *is_there_out, struct err *e)
{
    struct sampling s = {0};
    struct item it;
    uint64_t off = 0, to = d->noted.offset;
    int rc = list_reader_begin(d->base.list, d->entry, e);
    while (rc == 0 && off < to && (rc = list_reader_next(d->base.list, &it, e)) > 0) {
        if (it.kind != ITEM_HOLE && off + it.len <= to)
            offer_sample(&s, &it, off);
        off += it.len;
        rc = disk_restore_check(d, e);
    }
    if (rc < 0)
        return -1;
    qsort(s.drawn, s.count, sizeof *s.drawn, by_offset);
    for (size_t i = 0; i < s.count; i++)
        if (disk_looks_add(d->looks, &s.drawn[i].item, s.drawn[i].off, take_sample, e))
            return -1;
    if (disk_looks_finish(d->looks, take_sample, e))
        return -1;
    *is_there_out = d->noted.offset == to;
    return 0;
}
