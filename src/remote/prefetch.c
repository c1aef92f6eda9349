/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching ahead.
 *
 *      expected ──► waiting ──► on its way ──► here ──► read, as often as it was expected ──► gone
 *                      └─ a reader that needs it now fetches it itself
 *
 * U1 What is here or on its way is bounded by AHEAD_BYTES, but for what readers fetch themselves; so nobody
 *    ever waits for room that only he could make.
 * U2 A part that failed is gone: whoever wants it asks alone, and hears why.
 * U3 What was expected long ago and never read gives way when more is expected.
 */
#include "remote/prefetch.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FETCHERS     10u
#define AHEAD_BYTES  ((uint64_t)48 << 20)
#define PART_BYTES   ((uint64_t)4 << 20)  /* ranges that follow each other are joined up to this */
#define GAP_BYTES    ((uint64_t)32 << 10) /* and over gaps up to this */
#define BATCH_PARTS  256u                 /* small parts in one request */
#define BATCH_BYTES  ((uint64_t)4 << 20)
#define PARTS_MAX    65536u
#define STALE        256u /* calls of prefetch_expect */

enum state { WAITING = 1, COMING, HERE };

struct part {
    struct part *next;
    char name[WIRE_NAME_MAX + 1];
    uint64_t off, len;
    uint64_t wanted; /* bytes of it that are still to be read */
    uint64_t age;    /* of which prefetch_expect it is */
    enum state state;
    unsigned readers; /* that copy from it or wait for it */
    bool failed;
    uint8_t *bytes;
};

struct prefetch {
    struct client *client;
    const char *path;
    pthread_mutex_t lock;
    pthread_cond_t work, came;
    pthread_t threads[FETCHERS];
    unsigned thread_count;
    struct part *first, **last;
    unsigned count;
    uint64_t ahead; /* bytes that are here or coming */
    uint64_t age;
    bool stopping;
};

/* ---- the list: with the lock -------------------------------------------------------------- */

static void part_free(struct prefetch *p, struct part *x)
{
    if (x->state != WAITING)
        p->ahead -= x->len;
    mem_free(x->bytes);
    mem_free(x);
    p->count--;
    (void)pthread_cond_broadcast(&p->work); /* there is room */
}

static void drop_if(struct prefetch *p, bool (*gone)(const struct prefetch *p, const struct part *x))
{
    struct part **at = &p->first;
    while (*at) {
        struct part *x = *at;
        if (x->readers == 0 && x->state != COMING && gone(p, x)) {
            *at = x->next;
            part_free(p, x);
        } else {
            at = &x->next;
        }
    }
    p->last = at;
}

static bool is_over(const struct prefetch *p, const struct part *x)
{
    (void)p;
    return x->failed || (x->state == HERE && x->wanted == 0);
}

/* U3 */
static bool is_stale(const struct prefetch *p, const struct part *x)
{
    return is_over(p, x) || x->age + STALE < p->age;
}

static struct part *find(struct prefetch *p, const char *name, uint64_t off, uint64_t len)
{
    for (struct part *x = p->first; x; x = x->next)
        if (!x->failed && off >= x->off && off + len <= x->off + x->len &&
            strcmp(x->name, name) == 0)
            return x;
    return NULL;
}

/* ---- expecting ------------------------------------------------------------------------------ */

/* Joins it to the last part, if that is the same object and near. */
static bool join(struct prefetch *p, const struct store_range *r)
{
    if (p->last == &p->first)
        return false;
    struct part *x = (struct part *)(void *)((char *)p->last - offsetof(struct part, next));
    uint64_t end = x->off + x->len;
    if (x->state != WAITING || r->off < end || r->off - end > GAP_BYTES ||
        r->off + r->len - x->off > PART_BYTES || strcmp(x->name, r->name) != 0)
        return false;
    x->len = r->off + r->len - x->off;
    x->wanted += r->len;
    x->age = p->age;
    return true;
}

static void append(struct prefetch *p, const struct store_range *r)
{
    struct part *x = p->count < PARTS_MAX ? mem_zalloc(sizeof *x) : NULL;
    if (!x)
        return; /* it will be asked for alone */
    (void)snprintf(x->name, sizeof x->name, "%s", r->name);
    x->off = r->off;
    x->len = x->wanted = r->len;
    x->state = WAITING;
    x->age = p->age;
    *p->last = x;
    p->last = &x->next;
    p->count++;
}

void prefetch_expect(struct prefetch *p, const struct store_range *ranges, size_t count)
{
    (void)pthread_mutex_lock(&p->lock);
    p->age++;
    drop_if(p, is_stale);
    for (size_t i = 0; i < count; i++)
        if (ranges[i].len && ranges[i].len <= WIRE_RANGE_BYTES_MAX &&
            strlen(ranges[i].name) <= WIRE_NAME_MAX && !join(p, &ranges[i]))
            append(p, &ranges[i]);
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
}

/* ---- fetching --------------------------------------------------------------------------------- */

/* An answer as it comes: heads and bytes, for the parts of one request in their order. */
struct fetch {
    struct part *parts[BATCH_PARTS];
    bool failed[BATCH_PARTS]; /* becomes theirs with the lock: others look at them */
    size_t count, at;
    uint8_t head[WIRE_PART_HEAD];
    size_t head_len;
    uint64_t left; /* bytes of parts[at] that are still to come */
    uint64_t off;
    bool in_body;
};

static int take_head(struct fetch *f)
{
    struct wire_part h;
    struct part *x = f->parts[f->at];
    if (wire_part_take(f->head, &h, NULL))
        return -1;
    f->head_len = 0;
    if (h.cls || h.len != x->len) { /* shorter than was expected: no use */
        f->failed[f->at] = true;
        if (h.len)
            return -1;
        f->at++;
        return 0;
    }
    f->left = h.len;
    f->off = 0;
    f->in_body = true;
    return 0;
}

static int take(void *arg, const uint8_t *p, size_t len)
{
    struct fetch *f = arg;
    while (len) {
        if (f->at == f->count)
            return -1;
        if (!f->in_body) {
            size_t n = WIRE_PART_HEAD - f->head_len < len ? WIRE_PART_HEAD - f->head_len : len;
            memcpy(f->head + f->head_len, p, n);
            f->head_len += n;
            p += n;
            len -= n;
            if (f->head_len == WIRE_PART_HEAD && take_head(f))
                return -1;
            continue;
        }
        size_t n = f->left < len ? (size_t)f->left : len;
        memcpy(f->parts[f->at]->bytes + f->off, p, n);
        f->off += n;
        f->left -= n;
        p += n;
        len -= n;
        if (!f->left) {
            f->in_body = false;
            f->at++;
        }
    }
    return 0;
}

/* Without the lock. */
static void fetch(struct prefetch *p, struct fetch *f)
{
    CLEANUP(buf_done) struct buf body = {.max = (size_t)1 << 20};
    for (size_t i = 0; i < f->count; i++) {
        struct part *x = f->parts[i];
        struct wire_range r = {.off = x->off, .len = x->len};
        memcpy(r.name, x->name, sizeof r.name);
        x->bytes = mem_alloc((size_t)x->len);
        if (!x->bytes)
            body.failed = true;
        wire_range_put(&body, &r);
    }
    const struct client_piece piece = {body.data, body.len};
    struct client_call call = {.method = "POST", .path = p->path, .type = WIRE_BINARY,
                               .pieces = &piece, .piece_count = 1, .take = take, .arg = f};
    if (body.failed || client_do(p->client, &call, NULL) || f->at != f->count)
        for (size_t i = f->at; i < f->count; i++)
            f->failed[i] = true;
}

/* With the lock, before and after. */
static void fetch_now(struct prefetch *p, struct fetch *f)
{
    for (size_t i = 0; i < f->count; i++) {
        f->parts[i]->state = COMING;
        f->parts[i]->readers++;
        p->ahead += f->parts[i]->len;
    }
    (void)pthread_mutex_unlock(&p->lock);
    fetch(p, f);
    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < f->count; i++) {
        f->parts[i]->state = HERE;
        f->parts[i]->failed = f->failed[i];
        f->parts[i]->readers--;
    }
    (void)pthread_cond_broadcast(&p->came);
}

/* The next parts that wait, as many as go into one request and there is room for (U1). */
static bool choose(struct prefetch *p, struct fetch *f)
{
    uint64_t bytes = 0;
    f->count = 0;
    for (struct part *x = p->first; x && f->count < BATCH_PARTS; x = x->next) {
        if (x->state != WAITING)
            continue;
        if (p->ahead + bytes + x->len > AHEAD_BYTES || (f->count && bytes + x->len > BATCH_BYTES))
            break;
        bytes += x->len;
        f->parts[f->count++] = x;
    }
    return f->count > 0;
}

static void *fetch_ahead(void *arg)
{
    struct prefetch *p = arg;
    struct fetch f;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        f = (struct fetch){0};
        if (choose(p, &f))
            fetch_now(p, &f);
        else
            (void)pthread_cond_wait(&p->work, &p->lock);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* With the lock, before and after; not while it copies, for others read meanwhile. */
static bool copy_out(struct prefetch *p, struct part *x, uint64_t off, void *out, size_t len)
{
    if (x->failed)
        return false;
    (void)pthread_mutex_unlock(&p->lock);
    memcpy(out, x->bytes + (off - x->off), len);
    (void)pthread_mutex_lock(&p->lock);
    x->wanted = x->wanted > len ? x->wanted - len : 0;
    return true;
}

int prefetch_read(struct prefetch *p, const char *name, uint64_t off, void *out, size_t len)
{
    bool got = false;
    (void)pthread_mutex_lock(&p->lock);
    struct part *x = find(p, name, off, len);
    if (x) {
        struct fetch f = {.parts = {x}, .count = 1};
        if (x->state == WAITING)
            fetch_now(p, &f);
        x->readers++;
        while (x->state == COMING)
            (void)pthread_cond_wait(&p->came, &p->lock);
        got = copy_out(p, x, off, out, len);
        x->readers--;
        if (is_over(p, x))
            drop_if(p, is_over);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return got;
}

/* ---- beginning and end ------------------------------------------------------------------------------ */

int prefetch_new(struct client *c, const char *path, struct prefetch **out, struct err *e)
{
    struct prefetch *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_no_memory(e, "fetching ahead");
    p->client = c;
    p->path = path;
    p->last = &p->first;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work, NULL);
    (void)pthread_cond_init(&p->came, NULL);
    for (; p->thread_count < FETCHERS; p->thread_count++) {
        int error = pthread_create(&p->threads[p->thread_count], NULL, fetch_ahead, p);
        if (error) {
            prefetch_free(p);
            return err_sys(e, error, "start a thread");
        }
    }
    *out = p;
    return 0;
}

void prefetch_free(struct prefetch *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        (void)pthread_join(p->threads[i], NULL);
    for (struct part *x = p->first; x;) {
        struct part *next = x->next;
        part_free(p, x);
        x = next;
    }
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_cond_destroy(&p->came);
    mem_free(p);
}
