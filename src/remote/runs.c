/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading on.
 *
 * R1 More is asked for only where a reading goes on from an earlier one, or skips little; twice as much each time.
 * R2 What is here is bounded: HELD_BYTES; what was used longest ago gives way.
 */
#include "remote/runs.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

#define RUNS        32u
#define HELD_BYTES  ((size_t)16 << 20)
#define AT_ONCE_MIN ((size_t)256 << 10)
#define AT_ONCE_MAX ((size_t)2 << 20)
#define GAP_BYTES   ((uint64_t)256 << 10) /* that may be skipped */

struct run {
    char name[WIRE_NAME_MAX + 1];
    uint64_t off, len; /* that was read or fetched */
    struct buf bytes;  /* all of it, or nothing */
    uint64_t used;     /* when, by a counter; 0: free */
};
struct runs {
    pthread_mutex_t lock;
    struct run items[RUNS];
    uint64_t clock;
    bool stopped;
};

int runs_new(struct runs **out, struct err *e)
{
    struct runs *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "reading on");
    (void)pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return 0;
}

static void run_done(struct run *x)
{
    buf_done(&x->bytes);
    *x = (struct run){0};
}

void runs_free(struct runs *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < RUNS; i++)
        run_done(&r->items[i]);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* The place for another: a free one, or the one that was used longest ago. */
static struct run *oldest(struct runs *r, bool with_bytes)
{
    struct run *found = NULL;
    for (unsigned i = 0; i < RUNS; i++)
        if ((!with_bytes || r->items[i].bytes.len) && (!found || r->items[i].used < found->used))
            found = &r->items[i];
    return found;
}

static size_t held(const struct runs *r)
{
    size_t n = 0;
    for (unsigned i = 0; i < RUNS; i++)
        n += r->items[i].bytes.len;
    return n;
}

bool runs_read(struct runs *r, const char *name, uint64_t off, void *p, size_t len)
{
    bool got = false;
    (void)pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < RUNS && !got; i++) {
        struct run *x = &r->items[i];
        got = off >= x->off && off - x->off <= x->bytes.len && len <= x->bytes.len - (off - x->off) && strcmp(x->name, name) == 0;
        if (!got)
            continue;
        memcpy(p, x->bytes.data + (off - x->off), len);
        x->used = ++r->clock;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return got;
}

/* R1: the longest that ends a little before `off`, or behind it, but too early. */
static uint64_t before(const struct runs *r, const char *name, uint64_t off)
{
    uint64_t len = 0;
    for (unsigned i = 0; i < RUNS; i++) {
        const struct run *x = &r->items[i];
        if (x->used && off > x->off && off - x->off <= x->len + GAP_BYTES && x->len > len && strcmp(x->name, name) == 0)
            len = x->len;
    }
    return len;
}

size_t runs_want(struct runs *r, const char *name, uint64_t off, size_t len, uint64_t object_len)
{
    (void)pthread_mutex_lock(&r->lock);
    uint64_t last = r->stopped ? 0 : before(r, name, off);
    (void)pthread_mutex_unlock(&r->lock);
    if (!last)
        return len;
    uint64_t want = 2 * last < AT_ONCE_MIN ? AT_ONCE_MIN : 2 * last < AT_ONCE_MAX ? 2 * last : AT_ONCE_MAX;
    uint64_t left = object_len > off ? object_len - off : 0;
    want = want < left ? want : left;
    return want > len ? (size_t)want : len;
}

void runs_keep(struct runs *r, const char *name, uint64_t off, size_t len, struct buf *bytes)
{
    (void)pthread_mutex_lock(&r->lock);
    while (held(r) + bytes->len > HELD_BYTES && held(r)) /* R2 */
        run_done(oldest(r, true));
    struct run *x = oldest(r, false);
    run_done(x);
    (void)memcpy(x->name, name, strlen(name) + 1);
    x->off = off;
    x->len = len;
    x->bytes = *bytes;
    x->used = ++r->clock;
    *bytes = (struct buf){0};
    (void)pthread_mutex_unlock(&r->lock);
}

void runs_stop(struct runs *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->stopped = true;
    (void)pthread_mutex_unlock(&r->lock);
}
