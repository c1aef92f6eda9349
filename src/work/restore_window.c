/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces gather in a window, are sorted by where their chunks lie, and leave
 * as one job a chunk. */
#include "work/restore.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int window_turn(struct restore *r, struct err *e);

int window_add(struct restore *r, struct restore_file *f, const struct item *it,
               uint64_t file_offset, struct err *e)
{
    struct piece *p = &r->window[r->window_count];
    struct frame_loc loc = {.pack = UINT32_MAX};
    (void)vault_find(r->access->vault, it->id, &loc); /* missing: the job reports it */
    *p = (struct piece){.pack = loc.pack,
                        .pack_offset = loc.offset,
                        .sealed_len = loc.len,
                        .order = r->window_count,
                        .chunk_offset = it->offset,
                        .len = it->len,
                        .file_offset = file_offset,
                        .file = restore_file_ref(f)};
    memcpy(p->id, it->id, ID_BYTES);
    r->window_count++;
    r->window_bytes += it->len;
    if (r->window_count < WINDOW_PIECES && r->window_bytes < WINDOW_BYTES)
        return 0;
    return window_turn(r, e);
}

static int by_place(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->pack != y->pack)
        return x->pack < y->pack ? -1 : 1;
    if (x->pack_offset != y->pack_offset)
        return x->pack_offset < y->pack_offset ? -1 : 1;
    int order = memcmp(x->id, y->id, ID_BYTES);
    if (order)
        return order;
    return x->order < y->order ? -1 : 1;
}

/* Forgets the jobs that are done, oldest first. */
static void reap(struct restore *r)
{
    while (r->jobs && pool_is_done(&r->jobs->base)) {
        struct chunk_job *done = r->jobs;
        r->jobs = done->next;
        if (!r->jobs)
            r->jobs_tail = &r->jobs;
        mem_free(done);
    }
}

static int submit(struct restore *r, const struct piece *pieces, size_t count, struct err *e)
{
    struct chunk_job *j = mem_alloc(sizeof *j + count * sizeof *pieces);
    if (!j)
        return err_no_memory(e, "a restore job");
    j->next = NULL;
    j->count = count;
    memcpy(j->pieces, pieces, count * sizeof *pieces);
    pool_wait_below(r->pool, 4 * r->threads + 4);
    reap(r);
    *r->jobs_tail = j;
    r->jobs_tail = &j->next;
    pool_submit(r->pool, &j->base);
    return 0;
}

#define AHEAD 256u

/* Each chunk once: what is alike lies side by side. */
static void expect_all(struct restore *r)
{
    struct frame_loc ahead[AHEAD];
    size_t n = 0;
    for (uint32_t i = 0; i < r->window_count; i++) {
        const struct piece *p = &r->window[i];
        if (i && memcmp(p->id, p[-1].id, ID_BYTES) == 0)
            continue;
        ahead[n++] = (struct frame_loc){.pack = p->pack, .offset = p->pack_offset, .len = p->sealed_len};
        if (n == AHEAD) {
            vault_expect(r->access->vault, ahead, n);
            n = 0;
        }
    }
    vault_expect(r->access->vault, ahead, n);
}

/* One job a chunk. What could not be submitted stays, at the front. */
static int submit_all(struct restore *r, struct piece *pieces, uint32_t *count, struct err *e)
{
    uint32_t from = 0;
    while (from < *count) {
        uint32_t to = from + 1;
        while (to < *count && !memcmp(pieces[to].id, pieces[from].id, ID_BYTES))
            to++;
        if (submit(r, pieces + from, to - from, e)) {
            memmove(pieces, pieces + from, (*count - from) * sizeof *pieces);
            *count -= from;
            return -1;
        }
        from = to;
    }
    *count = 0;
    return 0;
}

static void sort_window(struct restore *r)
{
    qsort(r->window, r->window_count, sizeof *r->window, by_place);
    expect_all(r);
    r->window_bytes = 0;
}

/* A full window. Where the vault is far away it waits for a turn: while the one before is
 * worked on, what this one needs is already on its way. */
static int window_turn(struct restore *r, struct err *e)
{
    if (!store_is_far(r->access->store))
        return window_flush(r, e);
    sort_window(r);
    if (submit_all(r, r->held, &r->held_count, e))
        return -1;
    struct piece *empty = r->held;
    r->held = r->window;
    r->held_count = r->window_count;
    r->window = empty;
    r->window_count = 0;
    return 0;
}

int window_flush(struct restore *r, struct err *e)
{
    sort_window(r);
    return submit_all(r, r->held, &r->held_count, e) ||
                   submit_all(r, r->window, &r->window_count, e)
               ? -1
               : 0;
}

void window_wait_all(struct restore *r)
{
    if (r->pool)
        pool_wait_below(r->pool, 1);
    reap(r);
}

static void drop_pieces(struct piece *pieces, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++) {
        atomic_store(&pieces[i].file->failed, true);
        restore_file_unref(pieces[i].file);
    }
    *count = 0;
}

/* After a failure: drops what was gathered or never ran. The pool has ended. */
void window_discard(struct restore *r)
{
    drop_pieces(r->window, &r->window_count);
    drop_pieces(r->held, &r->held_count);
    while (r->jobs) {
        struct chunk_job *j = r->jobs;
        r->jobs = j->next;
        for (size_t i = 0; i < j->count && !pool_is_done(&j->base); i++) {
            atomic_store(&j->pieces[i].file->failed, true);
            restore_file_unref(j->pieces[i].file);
        }
        mem_free(j);
    }
}
