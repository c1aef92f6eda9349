/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map that an NBD server gives: what is empty (base:allocation), what did not
 * change (a dirty bitmap of QEMU). Both come in stretches of their own and are merged
 * as they are walked.
 *
 *  M1 whatever the server says, runs ascend and end within the stretch that was asked for;
 *  M2 what it does not say is data that changed.
 */
#include "disk/disk_internal.h"

#include "base/mem.h"

#include <string.h>

#define ASK_BYTES    ((uint64_t)2 << 30) /* of one question: 32 bits, and whole blocks */
#define BITMAP_DIRTY 1u

struct answer {
    struct disk *d;
    uint64_t from, to;
    bool no_memory;
};

void disk_runs_done(struct disk_runs *r)
{
    mem_free(r->runs);
    *r = (struct disk_runs){0};
}

void disk_runs_forget(struct disk_runs *r)
{
    r->from = r->end = 0;
    r->count = r->next = 0;
}

static bool begin_runs(struct disk_runs *r, uint64_t from)
{
    if (!r->runs)
        r->runs = mem_array(DISK_RUNS, sizeof *r->runs);
    r->from = r->end = from;
    r->count = r->next = 0;
    return r->runs != NULL;
}

/* One run behind what is known; joins its neighbour if they are alike. */
static void add_run(struct disk_runs *r, uint64_t len, uint32_t flags, uint64_t limit)
{
    if (len == 0 || r->end >= limit)
        return;
    uint64_t end = len > limit - r->end ? limit : r->end + len;
    if (r->count && r->runs[r->count - 1].flags == flags)
        r->runs[r->count - 1].end = end;
    else if (r->count < DISK_RUNS)
        r->runs[r->count++] = (struct disk_run){.end = end, .flags = flags};
    else
        return;
    r->end = end;
}

static int take_answer(void *arg, const char *context, uint64_t off, uint32_t *entries,
                       size_t count, int *error)
{
    struct answer *a = arg;
    struct disk_runs *r = NULL;
    if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0)
        r = &a->d->allocation;
    else if (a->d->bitmap_context && strcmp(context, a->d->bitmap_context) == 0)
        r = &a->d->dirty;
    if (*error || !r || off != a->from || r->count)
        return 0;
    for (size_t i = 0; i + 1 < count; i += 2)
        add_run(r, entries[i], entries[i + 1], a->to);
    return 0;
}

static int ask(struct disk *d, uint64_t off, struct err *e)
{
    uint64_t left = d->info.size - off;
    struct answer a = {.d = d, .from = off};
    a.to = off + (left < ASK_BYTES ? left : ASK_BYTES);
    if (!begin_runs(&d->allocation, off) || !begin_runs(&d->dirty, off))
        return err_no_memory(e, "the map of a disk");
    nbd_extent_callback take = {.callback = take_answer, .user_data = &a};
    int64_t cookie = nbd_aio_block_status(d->nbd, a.to - off, off, take, NBD_NULL_COMPLETION, 0);
    int done = 0;
    while (cookie >= 0 && (done = nbd_aio_command_completed(d->nbd, (uint64_t)cookie)) == 0)
        if (nbd_turn(d, d->nbd, e))
            return -1;
    if (cookie < 0 || done < 0) {
        if (nbd_is_gone(d->nbd))
            return nbd_error(e, ERR_OFFLINE, "the server of the disk went away");
        d->has_allocation = false; /* it cannot tell: M2 */
        d->info.has_bitmap = false;
    }
    /* What was not told is data that changed. */
    if (d->allocation.end == off)
        add_run(&d->allocation, a.to - off, 0, a.to);
    if (d->dirty.end == off)
        add_run(&d->dirty, a.to - off, BITMAP_DIRTY, a.to);
    return 0;
}

/* The run that holds `off`, which is known. */
static struct disk_run run_at(struct disk_runs *r, uint64_t off)
{
    if (r->next >= r->count || (r->next && r->runs[r->next - 1].end > off))
        r->next = 0;
    while (r->runs[r->next].end <= off)
        r->next++;
    return r->runs[r->next];
}

static bool knows(const struct disk_runs *r, uint64_t off)
{
    return off >= r->from && off < r->end;
}

int nbd_map(struct disk *d, uint64_t off, struct disk_extent *out, struct err *e)
{
    if (!d->has_allocation && !d->info.has_bitmap) {
        *out = (struct disk_extent){.end = d->info.size};
        return 0;
    }
    if ((!knows(&d->allocation, off) || !knows(&d->dirty, off)) && ask(d, off, e))
        return -1;
    struct disk_run a = run_at(&d->allocation, off), b = run_at(&d->dirty, off);
    *out = (struct disk_extent){.end = a.end < b.end ? a.end : b.end,
                                .zero = d->has_allocation && (a.flags & LIBNBD_STATE_ZERO),
                                .clean = d->info.has_bitmap && !(b.flags & BITMAP_DIRTY)};
    return 0;
}
