/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one frame. Packs stay open while they are popular: a small cache of
 * readers, shared by all threads, that closes the one unused for longest.
 */
#include "base/mem.h"
#include "vault/vault_internal.h"

#include <string.h>

#define READERS 64u

struct cached_reader {
    struct store_reader *reader; /* NULL: free */
    uint32_t pack;
    uint32_t users;
    uint64_t used; /* when last, in uses */
};

struct reader_cache {
    pthread_mutex_t lock;
    uint64_t uses;
    struct cached_reader slots[READERS];
};

int reader_cache_new(struct reader_cache **out, struct err *e)
{
    struct reader_cache *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_no_memory(e, "the vault");
    (void)pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return 0;
}

void reader_cache_free(struct reader_cache *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < READERS; i++)
        store_reader_close(c->slots[i].reader);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

void reader_cache_forget(struct reader_cache *c)
{
    (void)pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < READERS; i++)
        if (!c->slots[i].users) {
            store_reader_close(c->slots[i].reader);
            c->slots[i] = (struct cached_reader){0};
        }
    (void)pthread_mutex_unlock(&c->lock);
}

static struct cached_reader *take_cached(struct reader_cache *c, uint32_t pack)
{
    struct cached_reader *found = NULL;
    (void)pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < READERS && !found; i++)
        if (c->slots[i].reader && c->slots[i].pack == pack)
            found = &c->slots[i];
    if (found) {
        found->users++;
        found->used = ++c->uses;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

/* The slot to use for another reader; NULL if all are being read from. */
static struct cached_reader *idle_slot(struct reader_cache *c)
{
    struct cached_reader *idle = NULL;
    for (unsigned i = 0; i < READERS; i++) {
        struct cached_reader *s = &c->slots[i];
        if (!s->reader)
            return s;
        if (!s->users && (!idle || s->used < idle->used))
            idle = s;
    }
    return idle;
}

/* Keeps `r` for others; NULL if there is no room and the caller must close. */
static struct cached_reader *put_cached(struct reader_cache *c, uint32_t pack,
                                        struct store_reader *r)
{
    struct store_reader *old = NULL;
    (void)pthread_mutex_lock(&c->lock);
    struct cached_reader *s = idle_slot(c);
    if (s) {
        old = s->reader;
        *s = (struct cached_reader){.reader = r, .pack = pack, .users = 1, .used = ++c->uses};
    }
    (void)pthread_mutex_unlock(&c->lock);
    store_reader_close(old);
    return s;
}

static void release(struct reader_cache *c, struct cached_reader *s)
{
    (void)pthread_mutex_lock(&c->lock);
    s->users--;
    (void)pthread_mutex_unlock(&c->lock);
}

static int read_from(struct store_reader *r, const struct frame_loc *loc, uint8_t *buf,
                     struct frame *out, struct err *e)
{
    struct frame f;
    uint32_t len;
    if (store_read(r, loc->offset, buf, FRAME_HEADER_BYTES + (size_t)loc->len, e) ||
        frame_header_decode(buf, FRAME_HEADER_BYTES, &f, &len, e))
        return -1;
    if (len != loc->len)
        return err_set(e, ERR_DAMAGED, "frame header: %u bytes where the footer says %u", len,
                       loc->len);
    *out = f;
    return 0;
}

/* The cache first, then a fresh reader, which is kept if there is room. */
static int read_located(struct vault *v, const char *name, const struct frame_loc *loc,
                        uint8_t *buf, struct frame *out, struct err *e)
{
    struct cached_reader *s = take_cached(v->readers, loc->pack);
    if (s) {
        int rc = read_from(s->reader, loc, buf, out, e);
        release(v->readers, s);
        return rc;
    }
    struct store_reader *r = NULL;
    if (store_open(v->store, name, &r, e))
        return -1;
    s = put_cached(v->readers, loc->pack, r);
    int rc = read_from(r, loc, buf, out, e);
    if (s)
        release(v->readers, s);
    else
        store_reader_close(r);
    return rc;
}

int vault_read_frame(struct vault *v, const struct frame_loc *loc, uint8_t *buf, struct frame *out,
                     struct err *e)
{
    if (loc->pack >= atomic_load_explicit(&v->packs.count, memory_order_acquire) ||
        loc->len > FRAME_SEALED_MAX)
        return err_set(e, ERR_USAGE, "a place that is not in this vault");
    char name[PACK_NAME_BYTES];
    pack_name(pack_set_at(&v->packs, loc->pack)->id, name);
    if (read_located(v, name, loc, buf, out, e))
        return err_wrap(e, "%s at offset %u", name, loc->offset);
    return 0;
}

/* ---- ahead ------------------------------------------------------------------------------- */

#define EXPECT_BATCH 512u

struct expecting {
    struct store_range ranges[EXPECT_BATCH];
    char names[EXPECT_BATCH][PACK_NAME_BYTES];
    size_t count;
};

static void add_range(struct vault *v, struct expecting *x, const struct frame_loc *loc)
{
    size_t i = x->count++;
    pack_name(pack_set_at(&v->packs, loc->pack)->id, x->names[i]);
    x->ranges[i] = (struct store_range){.name = x->names[i], .off = loc->offset,
                                        .len = FRAME_HEADER_BYTES + (uint64_t)loc->len};
}

void vault_expect(struct vault *v, const struct frame_loc *locs, size_t count)
{
    struct expecting *x = store_is_far(v->store) ? mem_alloc(sizeof *x) : NULL;
    uint32_t packs = atomic_load_explicit(&v->packs.count, memory_order_acquire);
    if (!x)
        return;
    x->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (locs[i].pack < packs)
            add_range(v, x, &locs[i]);
        if (x->count == EXPECT_BATCH || i + 1 == count) {
            store_expect(v->store, x->ranges, x->count);
            x->count = 0;
        }
    }
    mem_free(x);
}
