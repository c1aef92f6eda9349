/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened chunks by name. Does not decide who goes (queues.c).
 *
 *  C1 A chunk is opened once, however many ask for it at the same time: the first does it without the lock,
 *     the others wait.
 *  C2 What failed is told to all who waited, and then forgotten: who asks again tries again.
 *  C3 Bytes that somebody uses stay, whatever the bound says; they go with the next chunk that comes.
 *  C4 Names of those who went are at most half as many as those who are there, and a few.
 */
#include "view/view_internal.h"

#include "base/mem.h"
#include "base/pool.h"

#include <string.h>

#define GHOSTS_MIN 64u
#define BUCKETS_MIN 1024u
#define BYTES_A_BUCKET ((size_t)64 << 10)

static struct slot **bucket_of(struct view_cache *c, const uint8_t id[ID_BYTES])
{
    return &c->buckets[get_u64(id) & (c->bucket_count - 1)]; /* names are hashes */
}

static struct slot *find(struct view_cache *c, enum seal_kind kind, const uint8_t id[ID_BYTES])
{
    struct slot *s = *bucket_of(c, id);
    while (s && (s->kind != kind || memcmp(s->id, id, ID_BYTES) != 0))
        s = s->same_bucket;
    return s;
}

static void unlist(struct view_cache *c, struct slot *s)
{
    struct slot **at = bucket_of(c, s->id);
    while (*at != s)
        at = &(*at)->same_bucket;
    *at = s->same_bucket;
    s->same_bucket = NULL;
}

static void slot_free(struct slot *s)
{
    mem_free(s->plain);
    mem_free(s->why);
    mem_free(s);
}

static void enter(struct view_cache *c, struct slot *s, enum slot_queue q)
{
    s->queue = q;
    queue_push(&c->queues[q], s);
}

static void leave(struct view_cache *c, struct slot *s)
{
    if (s->queue)
        queue_remove(&c->queues[s->queue], s);
    s->queue = QUEUE_NONE;
}

/* ---- room ---------------------------------------------------------------------------------- */

#define FREED_AT_ONCE 64u

/* Bytes that are freed when the lock is not held: that takes a while. */
struct freed {
    void *p[FREED_AT_ONCE];
    size_t count;
};

static void drop_ghosts(struct view_cache *c)
{
    struct slot_list *ghosts = &c->queues[QUEUE_GHOST];
    size_t living = c->queues[QUEUE_NEW].count + c->queues[QUEUE_OFTEN].count;
    while (ghosts->count > living / 2 + GHOSTS_MIN) {
        struct slot *s = ghosts->oldest;
        leave(c, s);
        unlist(c, s);
        slot_free(s);
    }
}

static void make_room(struct view_cache *c, struct freed *freed)
{
    struct slot *s;
    while (freed->count < FREED_AT_ONCE && (s = queue_victim(c->queues, c->bytes_max))) {
        bool was_new = s->queue == QUEUE_NEW;
        leave(c, s);
        freed->p[freed->count++] = TAKE(s->plain);
        s->len = 0;
        s->state = SLOT_UNSET;
        if (was_new) {
            enter(c, s, QUEUE_GHOST);
            continue;
        }
        unlist(c, s);
        slot_free(s);
    }
    drop_ghosts(c);
}

/* ---- opening ------------------------------------------------------------------------------- */

static int take_reader(struct view_cache *c, struct chunk_reader **out, struct err *e)
{
    struct chunk_reader *r = NULL;
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count)
        r = c->idle[--c->idle_count];
    (void)pthread_mutex_unlock(&c->lock);
    if (!r && chunk_reader_new(c->access, true, &r, e))
        return -1;
    *out = r;
    return 0;
}

static void give_reader(struct view_cache *c, struct chunk_reader *r)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count < IDLE_READERS)
        c->idle[c->idle_count++] = TAKE(r);
    (void)pthread_mutex_unlock(&c->lock);
    chunk_reader_free(r);
}

static int open_chunk(struct view_cache *c, enum seal_kind kind, const uint8_t id[ID_BYTES],
                      uint8_t **plain_out, size_t *len_out, struct err *e)
{
    struct chunk_reader *r;
    const uint8_t *plain;
    size_t len;
    if (take_reader(c, &r, e))
        return -1;
    int rc = chunk_reader_get(r, kind, id, &plain, &len, e);
    if (rc == 0) {
        uint8_t *copy = mem_alloc(len ? len : 1);
        if (copy)
            *plain_out = memcpy(copy, plain, len);
        else
            rc = err_no_memory(e, "a chunk");
        *len_out = len;
    }
    give_reader(c, r);
    return rc;
}

/* With the lock: a slot that is OPENING, listed, ours. `s` is a ghost or NULL. */
static struct slot *begin(struct view_cache *c, enum seal_kind kind, const uint8_t id[ID_BYTES],
                          struct slot *s)
{
    if (s) {
        leave(c, s);
    } else {
        s = mem_zalloc(sizeof *s);
        if (!s)
            return NULL;
        memcpy(s->id, id, ID_BYTES);
        s->kind = kind;
        struct slot **bucket = bucket_of(c, id);
        s->same_bucket = *bucket;
        *bucket = s;
    }
    s->state = SLOT_OPENING;
    s->users = 1;
    return s;
}

static void settle_failed(struct view_cache *c, struct slot *s, const struct err *why)
{
    unlist(c, s);
    s->state = SLOT_FAILED;
    s->why = mem_dup(why, sizeof *why);
    if (--s->users == 0)
        slot_free(s);
}

/* Without the lock: opens what begin() listed. */
static int finish(struct view_cache *c, struct slot *s, bool was_ghost, bool is_ahead,
                  struct err *e)
{
    struct err why = ERR_INIT;
    struct freed freed = {.count = 0};
    uint8_t *plain = NULL;
    size_t len = 0;
    int rc = open_chunk(c, s->kind, s->id, &plain, &len, &why);
    (void)pthread_mutex_lock(&c->lock);
    if (rc == 0) {
        s->plain = plain;
        s->len = len;
        s->state = SLOT_READY;
        enter(c, s, was_ghost ? QUEUE_OFTEN : QUEUE_NEW);
        c->counts.opened++;
        c->counts.ahead += is_ahead;
        make_room(c, &freed);
    } else {
        settle_failed(c, s, &why);
    }
    (void)pthread_cond_broadcast(&c->opened);
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < freed.count; i++)
        mem_free(freed.p[i]);
    return rc ? err_give(e, &why) : 0;
}

/* With the lock: somebody opens it, or did. */
static int join(struct view_cache *c, struct slot *s, struct err *e)
{
    s->users++;
    while (s->state == SLOT_OPENING)
        (void)pthread_cond_wait(&c->opened, &c->lock);
    if (s->state == SLOT_READY) {
        c->counts.found++;
        if (s->queue == QUEUE_OFTEN) {
            leave(c, s);
            enter(c, s, QUEUE_OFTEN);
        }
        return 0;
    }
    if (s->why)
        (void)err_give(e, s->why);
    else
        (void)err_no_memory(e, "a chunk");
    if (--s->users == 0)
        slot_free(s);
    return -1;
}

int slot_get(struct view_cache *c, enum seal_kind kind, const uint8_t id[ID_BYTES], bool is_ahead,
             struct slot **out, struct err *e)
{
    (void)pthread_mutex_lock(&c->lock);
    struct slot *s = find(c, kind, id);
    bool is_ghost = s && s->queue == QUEUE_GHOST;
    if (s && !is_ghost) {
        int rc = join(c, s, e);
        (void)pthread_mutex_unlock(&c->lock);
        if (rc == 0)
            *out = s;
        return rc;
    }
    s = begin(c, kind, id, s);
    (void)pthread_mutex_unlock(&c->lock);
    if (!s)
        return err_no_memory(e, "a chunk");
    if (finish(c, s, is_ghost, is_ahead, e))
        return -1;
    *out = s;
    return 0;
}

void slot_put(struct view_cache *c, struct slot *s)
{
    (void)pthread_mutex_lock(&c->lock);
    s->users--; /* it is listed: who goes next is decided by who comes next */
    (void)pthread_mutex_unlock(&c->lock);
}

bool slot_is_known(struct view_cache *c, const uint8_t id[ID_BYTES])
{
    (void)pthread_mutex_lock(&c->lock);
    const struct slot *s = find(c, SEAL_DATA, id);
    bool is_known = s && s->queue != QUEUE_GHOST;
    (void)pthread_mutex_unlock(&c->lock);
    return is_known;
}

/* ---- life ------------------------------------------------------------------------------------- */

static size_t buckets_for(size_t bytes_max)
{
    size_t count = BUCKETS_MIN;
    while (count < bytes_max / BYTES_A_BUCKET && count < SIZE_MAX / 4 / sizeof(struct slot *))
        count *= 2;
    return count;
}

int view_cache_new(struct access *reader, const struct view_options *o, struct view_cache **out,
                   struct err *e)
{
    size_t bytes_max = o->bytes_max ? o->bytes_max : VIEW_CACHE_DEFAULT;
    unsigned threads = o->threads ? o->threads : pool_cpu_count();
    if (bytes_max < VIEW_CACHE_MIN)
        return err_set(e, ERR_USAGE, "a cache of %zu bytes: give it at least %zu", bytes_max,
                       VIEW_CACHE_MIN);
    struct view_cache *c = mem_zalloc(sizeof *c);
    size_t bucket_count = buckets_for(bytes_max);
    struct slot **buckets = mem_array(bucket_count, sizeof(struct slot *));
    if (!c || !buckets) {
        mem_free(c);
        mem_free(buckets);
        return err_no_memory(e, "the cache of chunks");
    }
    c->access = reader;
    c->bytes_max = bytes_max;
    c->buckets = buckets;
    c->bucket_count = bucket_count;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->opened, NULL);
    (void)pthread_mutex_init(&c->tables.lock, NULL);
    if (o->threads != VIEW_NO_READ_AHEAD &&
        ahead_new(c, threads < VIEW_THREADS_MAX ? threads : VIEW_THREADS_MAX, &c->ahead, e)) {
        view_cache_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void view_cache_free(struct view_cache *c)
{
    if (!c)
        return;
    ahead_free(c->ahead);
    for (size_t i = 0; i < c->bucket_count; i++)
        while (c->buckets[i]) {
            struct slot *s = c->buckets[i];
            c->buckets[i] = s->same_bucket;
            slot_free(s);
        }
    for (unsigned i = 0; i < c->idle_count; i++)
        chunk_reader_free(c->idle[i]);
    mem_free(c->buckets);
    (void)pthread_mutex_destroy(&c->tables.lock);
    (void)pthread_cond_destroy(&c->opened);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

void view_cache_counts(struct view_cache *c, struct view_counts *out)
{
    (void)pthread_mutex_lock(&c->lock);
    *out = c->counts;
    out->bytes = c->queues[QUEUE_NEW].bytes + c->queues[QUEUE_OFTEN].bytes;
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_mutex_lock(&c->tables.lock);
    out->table_bytes = c->tables.bytes;
    (void)pthread_mutex_unlock(&c->tables.lock);
}
