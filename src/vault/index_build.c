/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making runs: from entries at hand, and from the footers of packs that no run
 * describes. Memory is bounded by INDEX_BATCH entries and the largest footer;
 * runs leave memory as soon as the store takes them (index_store.c).
 */
#include "base/mem.h"
#include "vault/index_write.h"
#include "vault/vault_internal.h"

#include <stdlib.h>
#include <string.h>

static int compare_entries(const struct index_entry *x, const struct index_entry *y)
{
    int order = memcmp(x->id, y->id, ID_BYTES);
    if (order)
        return order;
    if (x->pack != y->pack)
        return x->pack < y->pack ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* ---- order: ids are uniform, so a counting sort on their first bits leaves
 * buckets of a few entries; entries themselves are not moved ----------------- */

#define BUCKET_ENTRIES 4u
#define BUCKET_SMALL   32u

struct ordering {
    uint32_t *order; /* numbers of the entries, ascending by entry */
    uint32_t *begin; /* of each bucket in `order`, and one more */
    uint32_t buckets;
    unsigned shift;
};

static void ordering_done(struct ordering *o)
{
    mem_free(o->order);
    mem_free(o->begin);
}

static int ordering_init(struct ordering *o, size_t count, struct err *e)
{
    unsigned bits = 1;
    while (bits < 24 && (count >> bits) > BUCKET_ENTRIES)
        bits++;
    o->shift = 64 - bits;
    o->buckets = UINT32_C(1) << bits;
    o->order = mem_array(count, sizeof *o->order);
    o->begin = mem_array((size_t)o->buckets + 1, sizeof *o->begin);
    return o->order && o->begin ? 0 : err_no_memory(e, "the index");
}

static void fill_buckets(struct ordering *o, const struct index_entry *n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        o->begin[(index_fence(n[i].id) >> o->shift) + 1]++;
    for (uint32_t b = 0; b < o->buckets; b++)
        o->begin[b + 1] += o->begin[b];
    for (size_t i = count; i-- > 0;) {
        /* Counts down from the bucket's end, which is the next one's begin. */
        uint32_t *end = &o->begin[(index_fence(n[i].id) >> o->shift) + 1];
        o->order[--*end] = (uint32_t)i;
    }
}

static int compare_numbers(const void *a, const void *b, void *entries)
{
    const struct index_entry *n = entries;
    return compare_entries(&n[*(const uint32_t *)a], &n[*(const uint32_t *)b]);
}

static void sort_bucket(uint32_t *order, uint32_t count, struct index_entry *n)
{
    if (count > BUCKET_SMALL) { /* somebody chose these ids */
        qsort_r(order, count, sizeof *order, compare_numbers, n);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint32_t mine = order[i], at = i;
        for (; at > 0 && compare_entries(&n[order[at - 1]], &n[mine]) > 0; at--)
            order[at] = order[at - 1];
        order[at] = mine;
    }
}

static void sort_all(struct ordering *o, struct index_entry *n, size_t count)
{
    fill_buckets(o, n, count);
    /* Bucket b now begins at begin[b + 1] and ends where b + 1 begins. */
    for (uint32_t b = 0; b < o->buckets; b++) {
        uint32_t begin = o->begin[b + 1];
        uint32_t end = b + 1 < o->buckets ? o->begin[b + 2] : (uint32_t)count;
        sort_bucket(o->order + begin, end - begin, n);
    }
}

static int write_entries(struct index_writer *w, struct index_entry *n, size_t count, struct err *e)
{
    CLEANUP(ordering_done) struct ordering o = {0};
    if (ordering_init(&o, count, e))
        return -1;
    sort_all(&o, n, count);
    const struct index_entry *before = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct index_entry *one = &n[o.order[i]];
        if (before && one->pack == before->pack && memcmp(one->id, before->id, ID_BYTES) == 0)
            continue;
        if (index_write_entry(w, one, e))
            return -1;
        before = one;
    }
    return 0;
}

static void describe(const struct vault *v, const uint32_t *packs, uint32_t count,
                     struct index_pack *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct pack *p = pack_set_at(&v->packs, packs[i]);
        memcpy(out[i].id, p->id, ID_BYTES);
        memcpy(out[i].writer, p->writer, UID_BYTES);
        out[i].frame_count = p->frame_count;
        out[i].kind = p->kind;
        out[i].moved_in = p->moved_in;
    }
}

int index_build(struct vault *v, struct index_entry *entries, size_t count, const uint32_t *packs,
                uint32_t pack_count, struct index_run **out, struct err *e)
{
    CLEANUP_FREE struct index_pack *table = mem_array(pack_count, sizeof *table);
    if (!table)
        return err_no_memory(e, "the index");
    describe(v, packs, pack_count, table);
    struct index_writer w;
    uint8_t *image = NULL;
    uint64_t len = 0;
    struct index_run *run = NULL;
    int rc = index_write_begin(&w, NULL, v->info.id, table, pack_count, count, e);
    if (!rc)
        rc = write_entries(&w, entries, count, e);
    if (!rc)
        rc = index_write_image(&w, &image, &len, e);
    index_write_done(&w);
    if (rc || index_run_of_image(image, len, v->info.id, &run, e))
        return -1;
    memcpy(run->map, packs, (size_t)pack_count * sizeof *packs);
    run->used = pack_count;
    *out = run;
    return 0;
}

int index_append(struct vault *v, struct index_run *r, struct err *e)
{
    if (v->run_count == v->run_cap) {
        size_t cap = v->run_cap ? v->run_cap * 2 : 16;
        struct index_run **runs = mem_realloc(v->runs, cap, sizeof(struct index_run *));
        if (!runs) {
            index_run_close(r);
            return err_no_memory(e, "the index");
        }
        v->runs = runs;
        v->run_cap = cap;
    }
    v->runs[v->run_count++] = r;
    return 0;
}

/* ---- footers -------------------------------------------------------------------- */

struct batch {
    struct index_entry *entries;
    size_t count, cap;
    uint32_t *packs;
    uint32_t pack_count, pack_cap;
};

static int batch_room(struct batch *b, size_t more, struct err *e)
{
    if (b->pack_count == b->pack_cap) {
        uint32_t cap = b->pack_cap ? b->pack_cap * 2 : 64;
        uint32_t *packs = mem_realloc(b->packs, cap, sizeof *packs);
        if (!packs)
            return err_no_memory(e, "the index");
        b->packs = packs;
        b->pack_cap = cap;
    }
    if (b->cap - b->count >= more)
        return 0;
    size_t cap = b->cap ? b->cap : 1024;
    while (cap - b->count < more)
        cap *= 2;
    struct index_entry *entries = mem_realloc(b->entries, cap, sizeof *entries);
    if (!entries)
        return err_no_memory(e, "the index");
    b->entries = entries;
    b->cap = cap;
    return 0;
}

static int batch_take(struct batch *b, uint32_t number, const struct pack_footer *f, struct err *e)
{
    if (batch_room(b, f->count, e))
        return -1;
    for (uint32_t i = 0; i < f->count; i++) {
        struct index_entry *n = &b->entries[b->count++];
        struct pack_row row;
        pack_row_decode(f->rows + (size_t)i * PACK_ROW_BYTES, &row);
        memcpy(n->id, row.id, ID_BYTES);
        n->pack = b->pack_count;
        n->frame = i;
        n->offset = row.offset;
        n->len = row.len;
    }
    b->packs[b->pack_count++] = number;
    return 0;
}

static int batch_flush(struct vault *v, struct batch *b, struct err *e)
{
    struct index_run *run = NULL;
    if (!b->pack_count)
        return 0;
    if (index_build(v, b->entries, b->count, b->packs, b->pack_count, &run, e) ||
        index_append(v, run, e))
        return -1;
    for (uint32_t i = 0; i < b->pack_count; i++)
        pack_set_at(&v->packs, b->packs[i])->covered = v->refresh;
    b->count = 0;
    b->pack_count = 0;
    return 0;
}

/* Damage is reported and passed over; what would make a good pack look
 * missing (no memory, no permission, a failing disk) ends the refresh. */
static bool is_damage(const struct err *e)
{
    return e->cls == ERR_DAMAGED || e->cls == ERR_NEWER || e->cls == ERR_LIMIT;
}

static int read_footer(struct vault *v, uint32_t number, struct batch *b, struct damage *d,
                       struct err *e)
{
    struct pack *p = pack_set_at(&v->packs, number);
    struct pack_contents c;
    struct err inner = ERR_INIT;
    int rc = pack_contents_read(v, p->id, &c, &inner);
    if (rc && inner.cls == ERR_NOT_FOUND) {
        p->seen = 0; /* removed since it was listed */
        rc = 0;
    } else if (rc && is_damage(&inner)) {
        char name[PACK_NAME_BYTES];
        pack_name(p->id, name);
        damage_report(d, name, inner.msg);
        rc = 0;
    } else if (rc) {
        (void)err_give(e, &inner);
    } else {
        struct index_pack said = {.frame_count = c.footer.count,
                                  .kind = c.header.kind,
                                  .moved_in = c.footer.origin_count > 0};
        memcpy(said.writer, c.header.writer, UID_BYTES);
        if (pack_describe(p, &said))
            rc = batch_take(b, number, &c.footer, e);
    }
    pack_contents_done(&c);
    return rc;
}

#define AHEAD      256u
#define TAIL_BYTES UINT64_C(16384) /* most footers are shorter */

/* Ends of packs that are far away: all in a few requests instead of three for each. */
static void expect_ends(struct vault *v, uint32_t count)
{
    struct store_range ranges[2 * AHEAD];
    char names[AHEAD][PACK_NAME_BYTES];
    size_t n = 0;
    for (uint32_t i = 0; i < count && store_is_far(v->store); i++) {
        const struct pack *p = pack_set_at(&v->packs, i);
        if (p->seen == v->refresh && p->covered != v->refresh) {
            uint64_t tail = p->len < TAIL_BYTES ? p->len : TAIL_BYTES;
            pack_name(p->id, names[n / 2]);
            ranges[n] = (struct store_range){names[n / 2], 0, PACK_HEADER_BYTES};
            ranges[n + 1] = (struct store_range){names[n / 2], p->len - tail, tail};
            n += 2;
        }
        if (n == 2 * AHEAD || i + 1 == count) {
            store_expect(v->store, ranges, n);
            n = 0;
        }
    }
}

int index_read_footers(struct vault *v, struct damage *d, struct err *e)
{
    struct batch b = {0};
    int rc = 0;
    uint32_t count = atomic_load(&v->packs.count);
    expect_ends(v, count);
    for (uint32_t i = 0; !rc && i < count; i++) {
        const struct pack *p = pack_set_at(&v->packs, i);
        if (p->seen != v->refresh || p->covered == v->refresh)
            continue;
        rc = read_footer(v, i, &b, d, e);
        if (!rc && b.count >= INDEX_BATCH)
            rc = batch_flush(v, &b, e);
    }
    if (!rc)
        rc = batch_flush(v, &b, e);
    mem_free(b.entries);
    mem_free(b.packs);
    return rc;
}
