/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a memory store: objects, their writers and readers.
 *
 * Invariant 1: an object is filled by one writer and, once committed, only read;
 * it lives as long as a name, a reader or a copy of the store refers to it.
 */
#include "store/store_mem.h"

#include "base/mem.h"

#include <string.h>

#define MEM_OBJECT_MAX ((uint64_t)1 << 32)

/* ---- objects ------------------------------------------------------------------- */

struct mem_object *mem_object_new(uint8_t *data, size_t len)
{
    struct mem_object *o = mem_zalloc(sizeof *o);
    if (!o)
        return NULL;
    atomic_init(&o->refs, 1);
    o->len = len;
    o->data = data;
    return o;
}

struct mem_object *mem_object_ref(struct mem_object *o)
{
    if (o)
        (void)atomic_fetch_add(&o->refs, 1);
    return o;
}

void mem_object_unref(struct mem_object *o)
{
    if (!o || atomic_fetch_sub(&o->refs, 1) != 1)
        return;
    mem_free(o->data);
    mem_free(o);
}

/* ---- writing --------------------------------------------------------------------- */

struct mem_writer {
    struct store_writer base;
    struct mem_store *store;
    pthread_mutex_t lock;
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

static struct mem_writer *mem_writer_of(struct store_writer *w)
{
    return (struct mem_writer *)w;
}

int mem_create(struct store *s, struct store_writer **out, struct err *e)
{
    struct mem_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "a new object");
    w->base.impl = s->impl;
    w->store = mem_store_of(s);
    (void)pthread_mutex_init(&w->lock, NULL);
    *out = &w->base;
    return 0;
}

/* Zeros stand between the ranges that are written, as in a file. */
static int grow(struct mem_writer *w, size_t len, struct err *e)
{
    if (len > w->cap) {
        size_t cap = w->cap ? w->cap : 4096;
        while (cap < len)
            cap *= 2;
        uint8_t *data = mem_realloc(w->data, cap, 1);
        if (!data)
            return err_no_memory(e, "an object's bytes");
        memset(data + w->cap, 0, cap - w->cap);
        w->data = data;
        w->cap = cap;
    }
    if (len > w->len)
        w->len = len;
    return 0;
}

int mem_write(struct store_writer *base, uint64_t off, const void *p, size_t len, struct err *e)
{
    struct mem_writer *w = mem_writer_of(base);
    (void)pthread_mutex_lock(&w->lock);
    int rc = off + len > MEM_OBJECT_MAX
                 ? err_set(e, ERR_NO_SPACE, "an object in memory is limited to 4 GiB")
                 : grow(w, (size_t)off + len, e);
    if (rc == 0)
        memcpy(w->data + off, p, len);
    else
        w->failed = true;
    (void)pthread_mutex_unlock(&w->lock);
    return rc;
}

void mem_abort(struct store_writer *base)
{
    struct mem_writer *w = mem_writer_of(base);
    mem_free(w->data);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

static int commit(struct mem_writer *w, const char *name, bool over, struct err *e)
{
    if (w->failed)
        return err_set(e, ERR_IO, "cannot keep '%s' after a failed write", name);
    if (!w->data && !(w->data = mem_alloc(0)))
        return err_no_memory(e, "an object");
    struct mem_object *o = mem_object_new(w->data, w->len);
    if (!o)
        return err_no_memory(e, "an object");
    w->data = NULL;
    (void)pthread_mutex_lock(&w->store->lock);
    int rc = over ? mem_name_replace(w->store, name, o, e) : mem_name_commit(w->store, name, o, e);
    (void)pthread_mutex_unlock(&w->store->lock);
    if (rc)
        mem_object_unref(o);
    return rc;
}

int mem_commit(struct store_writer *base, const char *name, struct err *e)
{
    int rc = commit(mem_writer_of(base), name, false, e);
    mem_abort(base);
    return rc;
}

int mem_replace(struct store_writer *base, const char *name, struct err *e)
{
    int rc = commit(mem_writer_of(base), name, true, e);
    mem_abort(base);
    return rc;
}

/* ---- reading ----------------------------------------------------------------------- */

struct mem_reader {
    struct store_reader base;
    struct mem_object *object;
};

static struct mem_reader *mem_reader_of(struct store_reader *r)
{
    return (struct mem_reader *)r;
}

int mem_open(struct store *base, const char *name, struct store_reader **out, struct err *e)
{
    struct mem_store *s = mem_store_of(base);
    struct mem_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "an open object");
    (void)pthread_mutex_lock(&s->lock);
    bool found;
    size_t at = mem_name_find(s, name, &found);
    r->object = found ? mem_object_ref(s->names[at].now) : NULL;
    (void)pthread_mutex_unlock(&s->lock);
    if (!r->object) {
        mem_free(r);
        return err_set(e, ERR_NOT_FOUND, "there is no '%s' in memory", name);
    }
    r->base.impl = base->impl;
    r->base.len = r->object->len;
    memcpy(r->base.name, name, strlen(name) + 1);
    *out = &r->base;
    return 0;
}

int mem_read(struct store_reader *base, uint64_t off, void *p, size_t len, struct err *e)
{
    (void)e;
    memcpy(p, mem_reader_of(base)->object->data + off, len);
    return 0;
}

const uint8_t *mem_map(struct store_reader *base)
{
    return mem_reader_of(base)->object->data;
}

void mem_reader_close(struct store_reader *base)
{
    struct mem_reader *r = mem_reader_of(base);
    mem_object_unref(r->object);
    mem_free(r);
}
