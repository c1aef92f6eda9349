/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a target holds what it should. Its bytes are given the name that a chunk of them would
 * have; that says as much as the chunk itself and costs no look into the vault. Slices of larger
 * chunks have no name of their own: for them the chunk is opened.
 *
 * Items gather in batches, batches are read forward by threads of their own, and what they found is
 * taken in order by the thread that added them.
 */
#include "work/restore_disk.h"

#include "base/mem.h"

#include <string.h>

#define BATCH_ITEMS 256u
#define BATCH_BYTES ((uint64_t)8 << 20)
#define SLICE_MAX   ((size_t)32 << 20) /* longer than any chunk */
#define GRAIN_BYTES ((uint32_t)1 << 20)

struct batch {
    struct pool_job base;
    struct batch *next;
    size_t count;
    uint64_t bytes;
    struct look_item items[BATCH_ITEMS];
};

/* What one thread reads with: the reader stands at `at` and gave `left` bytes from `p` on. */
struct looker {
    struct disk_reader *reader;
    struct chunk_reader *chunks;
    const uint8_t *p;
    size_t left;
    uint64_t at, end;
    uint8_t *joined; /* a chunk that came in several pieces */
    size_t joined_cap;
};

struct disk_looks {
    struct disk_restore *restore;
    struct pool *pool;
    unsigned threads, waiting;
    struct looker *lookers;
    struct batch *filling, *first, **last; /* submitted, oldest first */
};

/* ---- reading ------------------------------------------------------------------------- */

/* Where the run of items that follow each other without a gap ends. */
static uint64_t run_end(const struct batch *b, size_t i)
{
    uint64_t end = b->items[i].off + b->items[i].item.len;
    for (i++; i < b->count && b->items[i].off == end; i++)
        end += b->items[i].item.len;
    return end;
}

static int step(struct looker *k, struct err *e)
{
    while (k->left == 0) {
        int rc = disk_next(k->reader, &k->p, &k->left, e);
        if (rc <= 0)
            return rc < 0 ? -1 : err_set(e, ERR_IO, "the target ended early");
    }
    return 0;
}

static void skip(struct looker *k, size_t n)
{
    k->p += n;
    k->left -= n;
    k->at += n;
}

static int stand_at(struct disk_looks *l, struct looker *k, const struct batch *b, size_t i,
                    struct err *e)
{
    const struct disk_restore *d = l->restore;
    uint64_t off = b->items[i].off, end = run_end(b, i);
    if (k->at == off && k->end >= end)
        return 0;
    end = (end + d->align - 1) / d->align * d->align;
    k->end = end < d->disk_size ? end : d->disk_size;
    k->at = off / d->align * d->align;
    k->left = 0;
    if (disk_begin(k->reader, k->at, k->end, e))
        return -1;
    while (k->at < off) {
        if (step(k, e))
            return -1;
        skip(k, off - k->at < k->left ? (size_t)(off - k->at) : k->left);
    }
    return 0;
}

/* The next `len` bytes in one piece. */
static int take_bytes(struct looker *k, size_t len, const uint8_t **out, struct err *e)
{
    if (step(k, e))
        return -1;
    if (k->left >= len) {
        *out = k->p;
        skip(k, len);
        return 0;
    }
    if (len > k->joined_cap) {
        uint8_t *joined = mem_realloc(k->joined, len, 1);
        if (!joined)
            return err_no_memory(e, "comparing");
        k->joined = joined;
        k->joined_cap = len;
    }
    for (size_t done = 0; done < len;) {
        if (step(k, e))
            return -1;
        size_t n = k->left < len - done ? k->left : len - done;
        memcpy(k->joined + done, k->p, n);
        skip(k, n);
        done += n;
    }
    *out = k->joined;
    return 0;
}

static int look_at_hole(struct looker *k, struct look_item *it, struct err *e)
{
    for (uint64_t done = 0; done < it->item.len;) {
        if (step(k, e))
            return -1;
        size_t n = it->item.len - done < k->left ? (size_t)(it->item.len - done) : k->left;
        it->differs = it->differs || !bytes_are_zero(k->p, n);
        skip(k, n);
        done += n;
    }
    return 0;
}

/* ---- comparing ----------------------------------------------------------------------- */

static int compare_slice(struct looker *k, struct look_item *it, const uint8_t *p, struct err *e)
{
    const uint8_t *plain;
    size_t len;
    struct err why = ERR_INIT;
    if (chunk_reader_get(k->chunks, SEAL_DATA, it->item.id, &plain, &len, &why)) {
        it->differs = true;
        return why.cls == ERR_DAMAGED ? 0 : err_give(e, &why);
    }
    it->differs = it->item.offset > len || it->item.len > len - it->item.offset ||
                  memcmp(plain + it->item.offset, p, (size_t)it->item.len) != 0;
    return 0;
}

static int look_at_data(struct disk_looks *l, struct looker *k, struct look_item *it, struct err *e)
{
    const uint8_t *p;
    uint8_t id[ID_BYTES];
    if (it->item.len > SLICE_MAX) {
        it->differs = true;
        k->end = 0; /* the reader is left where it is */
        return 0;
    }
    if (take_bytes(k, (size_t)it->item.len, &p, e))
        return -1;
    if (it->item.kind != ITEM_CHUNK)
        return compare_slice(k, it, p, e);
    seal_id(l->restore->base.access->ids, SEAL_DATA, p, (size_t)it->item.len, id);
    it->differs = memcmp(id, it->item.id, ID_BYTES) != 0;
    return 0;
}

static int look_at(struct disk_looks *l, struct looker *k, struct batch *b, size_t i, struct err *e)
{
    struct look_item *it = &b->items[i];
    uint64_t first, bad = disk_bad(k->reader, &first);
    it->differs = false;
    if (stand_at(l, k, b, i, e) ||
        (it->item.kind == ITEM_HOLE ? look_at_hole(k, it, e) : look_at_data(l, k, it, e)))
        return -1;
    if (disk_bad(k->reader, &first) != bad)
        it->differs = true; /* it could not be read */
    return 0;
}

static void run_batch(void *arg, unsigned worker, struct pool_job *base)
{
    struct disk_looks *l = arg;
    struct disk_restore *d = l->restore;
    struct looker *k = &l->lookers[worker];
    struct batch *b = (struct batch *)base;
    struct err e = ERR_INIT;
    k->at = k->end = 0;
    k->left = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (disk_restore_is_stopped(d) || disk_restore_cancelled(d))
            return;
        if (look_at(l, k, b, i, &e)) {
            (void)err_wrap(&e, "read back, near byte %llu", (unsigned long long)b->items[i].off);
            (void)disk_restore_wrap(d, &e);
            disk_restore_stop(d, &e);
            return;
        }
    }
}

/* ---- batches ------------------------------------------------------------------------------ */

int disk_looks_new(struct disk_restore *d, struct disk_looks **out, struct err *e)
{
    struct disk_looks *l = mem_zalloc(sizeof *l);
    uint32_t grain = vault_get_info(d->base.access->vault)->chunking.fixed;
    int rc = 0;
    if (!l)
        return err_no_memory(e, "comparing");
    l->restore = d;
    l->threads = d->base.threads;
    l->last = &l->first;
    l->lookers = mem_array(l->threads, sizeof *l->lookers);
    if (!l->lookers)
        rc = err_no_memory(e, "comparing");
    if (grain == 0 || grain > DISK_GRAIN_MAX || grain % d->align)
        grain = GRAIN_BYTES;
    for (unsigned i = 0; rc == 0 && i < l->threads; i++)
        if (disk_reader_new(d->disk, grain, &l->lookers[i].reader, e) ||
            chunk_reader_new(d->base.access, false, &l->lookers[i].chunks, e))
            rc = -1;
    if (rc == 0)
        rc = pool_new(l->threads, run_batch, l, &l->pool, e);
    if (rc) {
        disk_looks_free(l);
        return -1;
    }
    *out = l;
    return 0;
}

void disk_looks_free(struct disk_looks *l)
{
    if (!l)
        return;
    pool_free(l->pool);
    for (unsigned i = 0; l->lookers && i < l->threads; i++) {
        disk_reader_free(l->lookers[i].reader);
        chunk_reader_free(l->lookers[i].chunks);
        mem_free(l->lookers[i].joined);
    }
    for (struct batch *b = l->first; b;) {
        struct batch *next = b->next;
        mem_free(b);
        b = next;
    }
    mem_free(l->filling);
    mem_free(l->lookers);
    mem_free(l);
}

static int take_oldest(struct disk_looks *l, look_take *take, struct err *e)
{
    struct batch *b = l->first;
    int rc;
    pool_wait(l->pool, &b->base);
    rc = disk_restore_check(l->restore, e);
    for (size_t i = 0; rc == 0 && i < b->count; i++)
        rc = take(l->restore, &b->items[i], e);
    l->first = b->next;
    if (!l->first)
        l->last = &l->first;
    l->waiting--;
    mem_free(b);
    return rc;
}

static void submit(struct disk_looks *l)
{
    struct batch *b = TAKE(l->filling);
    *l->last = b;
    l->last = &b->next;
    l->waiting++;
    pool_submit(l->pool, &b->base);
}

int disk_looks_add(struct disk_looks *l, const struct item *it, uint64_t off, look_take *take,
                   struct err *e)
{
    if (!l->filling && !(l->filling = mem_zalloc(sizeof *l->filling)))
        return err_no_memory(e, "comparing");
    struct batch *b = l->filling;
    b->items[b->count++] = (struct look_item){.item = *it, .off = off};
    b->bytes += it->len;
    if (b->count < BATCH_ITEMS && b->bytes < BATCH_BYTES)
        return 0;
    submit(l);
    while (l->waiting > 2 * l->threads + 2)
        if (take_oldest(l, take, e))
            return -1;
    return 0;
}

int disk_looks_finish(struct disk_looks *l, look_take *take, struct err *e)
{
    if (l->filling)
        submit(l);
    while (l->first)
        if (take_oldest(l, take, e))
            return -1;
    return 0;
}
