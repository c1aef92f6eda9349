/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data of a vault: every frame of the chosen packs, read and opened. A pack
 * is one job; workers share only what they found, under one lock.
 *
 * D1 what a worker finds is told and counted while it holds the lock: whoever
 *    listens hears one voice at a time;
 * D2 the first failure that is not damage (no memory, interrupted) ends all.
 */
#include "work/check.h"

#include "base/mem.h"
#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct data_worker {
    struct opener *opener;
    uint8_t *copy; /* of sealed bytes: opening is done in place */
    size_t copy_cap;
};

struct data_check {
    struct access *access;
    const struct check_options *options;
    pthread_mutex_t lock; /* guards what follows */
    struct check_result *result;
    struct bad_chunks *bad;
    atomic_bool failed;
    struct err why;
    struct data_worker *workers;
    unsigned threads;
};

struct pack_job {
    struct pool_job base;
    struct data_check *check;
    struct data_worker *worker;
    uint32_t pack;
};

void bad_chunks_done(struct bad_chunks *b)
{
    mem_free(b->items);
    *b = (struct bad_chunks){0};
}

static int compare_bad(const void *a, const void *b)
{
    const struct bad_chunk *x = a, *y = b;
    int order = memcmp(x->id, y->id, ID_BYTES);
    return order ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

bool bad_chunks_has(const struct bad_chunks *b, const uint8_t id[ID_BYTES], uint32_t pack)
{
    struct bad_chunk all = {.pack = pack}, key = all;
    memcpy(key.id, id, ID_BYTES);
    return b->count && (bsearch(&key, b->items, b->count, sizeof key, compare_bad) ||
                        bsearch(&all, b->items, b->count, sizeof all, compare_bad));
}

static int bad_chunks_add(struct bad_chunks *b, const uint8_t id[ID_BYTES], uint32_t pack,
                          struct err *e)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        struct bad_chunk *items = mem_realloc(b->items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "damaged chunks");
        b->items = items;
        b->cap = cap;
    }
    struct bad_chunk *n = &b->items[b->count++];
    memcpy(n->id, id, ID_BYTES);
    n->pack = pack;
    return 0;
}

/* ---- one frame ----------------------------------------------------------------------- */

static int remember_bad(struct data_check *c, const uint8_t id[ID_BYTES], uint32_t pack,
                        struct err *e)
{
    (void)pthread_mutex_lock(&c->lock);
    int rc = bad_chunks_add(c->bad, id, pack, e);
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}

static void damage(void *arg, const char *object, const char *message)
{
    struct data_check *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    if (c->options->damage)
        c->options->damage(c->options->arg, object, message);
    (void)pthread_mutex_unlock(&c->lock);
}

static int room_for(struct data_worker *w, size_t len, struct err *e)
{
    if (len <= w->copy_cap)
        return 0;
    mem_free(w->copy);
    w->copy = mem_alloc(len);
    w->copy_cap = w->copy ? len : 0;
    return w->copy ? 0 : err_no_memory(e, "a chunk");
}

static int open_frame(const struct pack_job *j, const struct frame_loc *loc, const struct frame *f,
                      const uint8_t *sealed, struct err *e)
{
    struct access *a = j->check->access;
    const struct data_key *key;
    const uint8_t *plain;
    size_t len;
    uint8_t actual[ID_BYTES];
    enum seal_kind kind = f->kind == FRAME_DATA ? SEAL_DATA : SEAL_META;
    if (room_for(j->worker, loc->len, e))
        return -1;
    memcpy(j->worker->copy, sealed, loc->len);
    if (keyring_get(a->keyring, f->session, &key, e) ||
        opener_open(j->worker->opener, key, kind, f->id, f->nonce, j->worker->copy, loc->len,
                    &plain, &len, e))
        return -1;
    seal_id(a->ids, kind, plain, len, actual);
    if (memcmp(actual, f->id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the content does not match its name");
    return 0;
}

static void frame_damage(struct data_check *c, const struct frame_loc *loc, const char *message)
{
    char name[5 + 2 * ID_BYTES + 1];
    memcpy(name, "pack ", 5);
    hex_encode(vault_pack_id(c->access->vault, loc->pack), ID_BYTES, name + 5);
    damage(c, name, message);
    (void)pthread_mutex_lock(&c->lock);
    c->result->vault.damaged++;
    (void)pthread_mutex_unlock(&c->lock);
}

static int each_frame(void *arg, const struct frame_loc *loc, const struct frame *f,
                      const uint8_t *sealed, bool intact, struct err *e)
{
    struct pack_job *j = arg;
    struct data_check *c = j->check;
    struct progress *p = c->options->progress;
    if (p)
        progress_add(&p->bytes, loc->len + FRAME_HEADER_BYTES);
    if (p && progress_cancelled(p))
        return err_set(e, ERR_CANCELLED, "interrupted");
    if (!intact)
        return remember_bad(c, f->id, loc->pack, e);
    if (!c->access->keyring)
        return 0;
    struct err why = ERR_INIT;
    if (open_frame(j, loc, f, sealed, &why) == 0)
        return 0;
    if (why.cls == ERR_NO_MEMORY)
        return err_give(e, &why);
    frame_damage(c, loc, why.msg);
    return remember_bad(c, f->id, loc->pack, e);
}

/* ---- one pack ------------------------------------------------------------------------- */

static void fail(struct data_check *c, const struct err *why)
{
    (void)pthread_mutex_lock(&c->lock);
    if (!atomic_exchange(&c->failed, true))
        c->why = *why;
    (void)pthread_mutex_unlock(&c->lock);
}

static void run_pack(void *arg, unsigned worker, struct pool_job *base)
{
    struct data_check *c = arg;
    struct pack_job *j = (struct pack_job *)base;
    struct vault_check_stats s = {0};
    struct err e = ERR_INIT;
    if (atomic_load(&c->failed))
        return;
    j->worker = &c->workers[worker];
    if (vault_scrub_pack(c->access->vault, j->pack, each_frame, j, damage, c, &s, &e))
        fail(c, &e);
    /* The index may still know what was in it; no footer says that it is there. */
    static const uint8_t all[ID_BYTES];
    if (s.unreadable && remember_bad(c, all, j->pack, &e))
        fail(c, &e);
    (void)pthread_mutex_lock(&c->lock);
    c->result->vault.bytes_read += s.bytes_read;
    c->result->vault.damaged += s.damaged; /* packs and frames were counted already */
    (void)pthread_mutex_unlock(&c->lock);
    if (c->options->progress)
        progress_add(&c->options->progress->items, 1);
}

/* Whether a pack is in the subset: a hash of the seed and its id decides, so
 * that other seeds find other packs. */
static bool is_chosen(const struct data_check *c, uint32_t pack)
{
    uint8_t seed[8], h[HASH_BYTES];
    if (c->options->subset >= 1)
        return true;
    put_u64(seed, c->options->seed);
    hash_two(seed, sizeof seed, vault_pack_id(c->access->vault, pack), ID_BYTES, h);
    double at = (double)(get_u64(h) >> 11) / 9007199254740992.0; /* exact, below 1 */
    double from = c->options->subset_from;
    return at >= from && at < from + c->options->subset;
}

/* ---- all packs --------------------------------------------------------------------------- */

static int run_all(struct data_check *c, struct pool *pool, struct pack_job *jobs, uint32_t count)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_chosen(c, i))
            continue;
        struct pack_job *j = &jobs[chosen++];
        *j = (struct pack_job){.check = c, .pack = i};
        pool_submit(pool, &j->base);
    }
    if (c->options->progress)
        atomic_store(&c->options->progress->items_total, chosen);
    for (uint32_t i = 0; i < chosen; i++)
        pool_wait(pool, &jobs[i].base);
    return atomic_load(&c->failed) ? -1 : 0;
}

static int run(struct data_check *c, struct err *e)
{
    uint32_t count = vault_pack_count(c->access->vault);
    CLEANUP_FREE struct pack_job *jobs = mem_array(count ? count : 1, sizeof *jobs);
    struct pool *pool = NULL;
    c->workers = mem_array(c->threads, sizeof *c->workers);
    if (!jobs || !c->workers)
        return err_no_memory(e, "reading the packs");
    for (unsigned i = 0; i < c->threads; i++)
        if (opener_new(vault_get_info(c->access->vault)->id, &c->workers[i].opener, e))
            return -1;
    if (pool_new(c->threads, run_pack, c, &pool, e))
        return -1;
    int rc = run_all(c, pool, jobs, count);
    pool_free(pool);
    if (rc)
        (void)err_give(e, &c->why);
    return rc;
}

int check_data(struct access *a, const struct check_options *o, struct check_result *result,
               struct bad_chunks *bad, struct err *e)
{
    struct data_check c = {.access = a, .options = o, .result = result, .bad = bad,
                           .threads = pool_cpu_count()};
    (void)pthread_mutex_init(&c.lock, NULL);
    int rc = run(&c, e);
    for (unsigned i = 0; c.workers && i < c.threads; i++) {
        opener_free(c.workers[i].opener);
        mem_free(c.workers[i].copy);
    }
    mem_free(c.workers);
    (void)pthread_mutex_destroy(&c.lock);
    if (rc == 0 && bad->count)
        qsort(bad->items, bad->count, sizeof *bad->items, compare_bad);
    return rc;
}
