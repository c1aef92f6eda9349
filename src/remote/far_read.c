/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading objects of a server: the first request brings the beginning of an object and its length;
 * most objects are no longer than that. Of packs the length is known from the list, and what was
 * expected comes ahead (prefetch.c).
 */
#include "remote/far_outline.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES WIRE_OUTLINE_PIECE

struct far_reader {
    struct store_reader base;
    struct far_store *store;
    struct store_reader *near; /* of "index/"; then the rest is not used */
    struct buf begin;
};

static int fetch(struct far_store *f, const char *name, uint64_t off, uint64_t len,
                 struct buf *out, uint64_t *object_len, struct err *e)
{
    char path[FAR_PATH_MAX];
    far_path(f, path, "objects/%s", name);
    struct client_call call = {.method = "GET", .path = path, .ranged = true, .first = off,
                               .last = off + len - 1, .answer = out};
    if (client_do(f->remote->client, &call, e))
        return -1;
    if (object_len)
        *object_len = call.object_len;
    return 0;
}

/* ---- lengths of packs ----------------------------------------------------------------- */

struct pack_length {
    uint8_t id[ID_BYTES];
    uint64_t len;
};
struct far_lengths {
    struct buf items; /* of struct pack_length, ascending */
};

void far_lengths_free(struct far_lengths *l)
{
    if (l)
        buf_done(&l->items);
    mem_free(l);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

static bool pack_id_of(const char *name, uint8_t id[ID_BYTES])
{
    return strncmp(name, "packs/", 6) == 0 && strlen(name) == 9 + 2 * (size_t)ID_BYTES &&
           hex_decode(name + 9, 2 * (size_t)ID_BYTES, id, ID_BYTES);
}

static bool known_length(struct far_store *f, const char *name, uint64_t *out)
{
    struct pack_length key, *found = NULL;
    if (!pack_id_of(name, key.id))
        return false;
    (void)pthread_mutex_lock(&f->lock);
    if (f->lengths && f->lengths->items.len)
        found = bsearch(&key, f->lengths->items.data, f->lengths->items.len / sizeof key,
                        sizeof key, by_id);
    if (found)
        *out = found->len;
    (void)pthread_mutex_unlock(&f->lock);
    return found != NULL;
}

/* Takes the place of what was known; without memory nothing is known. */
static void keep_lengths(struct far_store *f, struct far_lengths *l)
{
    if (l && l->items.failed) {
        far_lengths_free(l);
        l = NULL;
    }
    if (l && l->items.len)
        qsort(l->items.data, l->items.len / sizeof(struct pack_length), sizeof(struct pack_length), by_id);
    (void)pthread_mutex_lock(&f->lock);
    struct far_lengths *old = f->lengths;
    f->lengths = l;
    (void)pthread_mutex_unlock(&f->lock);
    far_lengths_free(old);
}

/* ---- objects ------------------------------------------------------------------------------- */

static int open_near(struct far_store *f, const char *name, struct far_reader *r, struct err *e)
{
    if (store_open(f->near, name, &r->near, e))
        return -1;
    r->base.len = store_reader_len(r->near);
    return 0;
}

static int open_far(struct far_store *f, const char *name, struct far_reader *r, struct err *e)
{
    if (wire_object_access(name) == WIRE_NEVER) /* what no server shows */
        return err_set(e, ERR_NOT_FOUND, "%s: not on a server", name);
    if (known_length(f, name, &r->base.len))
        return 0;
    r->begin.max = FIRST_BYTES;
    int rc = outline_object(f->outline, name, &r->begin, &r->base.len, e);
    if (rc)
        return rc < 0 ? -1 : 0;
    if (fetch(f, name, 0, FIRST_BYTES, &r->begin, &r->base.len, e))
        return -1;
    if (r->begin.len <= r->base.len) /* of packs, who may only add sees no more than the header */
        return 0;
    return err_set(e, ERR_DAMAGED, "%s: the server sent more than it announced", name);
}

int far_open(struct store *s, const char *name, struct store_reader **out, struct err *e)
{
    struct far_store *f = far_of(s);
    struct far_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, name);
    r->base.impl = s->impl;
    r->store = f;
    (void)snprintf(r->base.name, sizeof r->base.name, "%s", name);
    if (far_is_near(name) ? open_near(f, name, r, e) : open_far(f, name, r, e)) {
        far_reader_close(&r->base);
        return -1;
    }
    *out = &r->base;
    return 0;
}

/* With what follows. 0: it came; 1: not more than was asked for, if that; -1. */
static int read_on(struct far_reader *r, uint64_t off, void *p, size_t len, size_t want, struct err *e)
{
    struct far_store *f = r->store;
    struct buf bytes = {.max = want};
    struct err why = ERR_INIT;
    int rc = fetch(f, r->base.name, off, want, &bytes, NULL, &why);
    if (!rc && bytes.len >= len) {
        memcpy(p, bytes.data, len);
        runs_keep(f->runs, r->base.name, off, bytes.len, &bytes);
        return 0;
    }
    buf_done(&bytes);
    if (rc && (why.cls == ERR_OFFLINE || why.cls == ERR_CANCELLED))
        return err_give(e, &why);
    runs_stop(f->runs);
    return 1;
}

/* Nobody expected it. */
static int read_alone(struct far_reader *r, uint64_t off, void *p, size_t len, struct err *e)
{
    struct far_store *f = r->store;
    struct buf out = {.data = p, .cap = len, .max = len}, none = {0}; /* never grows: cap is max */
    size_t want = runs_want(f->runs, r->base.name, off, len, r->base.len);
    int rc = want > len ? read_on(r, off, p, len, want, e) : 1;
    if (rc <= 0)
        return rc;
    if (fetch(f, r->base.name, off, len, &out, NULL, e))
        return -1;
    if (out.len != len)
        return err_set(e, ERR_DAMAGED, "%s: the server sent too little", r->base.name);
    runs_keep(f->runs, r->base.name, off, len, &none);
    return 0;
}

int far_read(struct store_reader *base, uint64_t off, void *p, size_t len, struct err *e)
{
    struct far_reader *r = (struct far_reader *)base;
    if (r->near)
        return store_read(r->near, off, p, len, e);
    if (len == 0)
        return 0;
    if (off + len <= r->begin.len) {
        memcpy(p, r->begin.data + off, len);
        return 0;
    }
    if (r->store->ahead && prefetch_read(r->store->ahead, base->name, off, p, len))
        return 0;
    return runs_read(r->store->runs, base->name, off, p, len) ? 0 : read_alone(r, off, p, len, e);
}

const uint8_t *far_map(struct store_reader *base)
{
    struct far_reader *r = (struct far_reader *)base;
    return r->near ? store_reader_map(r->near) : NULL;
}

/* Made by the first who expects anything: most never do. */
void far_expect(struct store *s, const struct store_range *ranges, size_t count)
{
    struct far_store *f = far_of(s);
    (void)pthread_mutex_lock(&f->lock);
    if (!f->ahead) {
        (void)snprintf(f->read_path, sizeof f->read_path, "/v1/vaults/%s/read", f->vault);
        (void)!prefetch_new(f->remote->client, f->read_path, &f->ahead, NULL);
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (f->ahead)
        prefetch_expect(f->ahead, ranges, count);
}

void far_reader_close(struct store_reader *base)
{
    struct far_reader *r = (struct far_reader *)base;
    store_reader_close(r->near);
    buf_done(&r->begin);
    mem_free(r);
}

/* ---- lists ------------------------------------------------------------------------------ */

struct listing {
    const char *dir;
    store_each *each;
    void *arg;
    struct far_lengths *lengths; /* NULL: it is not packs that are listed */
};

/* A server may say what it likes: only names that a store may have, below the directory. */
static int hand_on(void *arg, const char *name, uint64_t len, struct err *e)
{
    const struct listing *l = arg;
    struct pack_length known = {.len = len};
    if (!store_name_valid(name) || !store_name_below(name, l->dir))
        return 0;
    if (l->lengths && pack_id_of(name, known.id))
        buf_put(&l->lengths->items, &known, sizeof known);
    return l->each(l->arg, name, len, e);
}

static int ask_list(struct far_store *f, const char *dir, struct buf *answer, struct err *e)
{
    char path[FAR_PATH_MAX];
    far_path(f, path, "objects?under=%s", dir);
    struct client_call call = {.method = "GET", .path = path, .answer = answer};
    if (client_do(f->remote->client, &call, e))
        return -1;
    outline_listed(f->outline, dir, answer);
    return 0;
}

int far_list(struct store *s, const char *dir, store_each *each, void *arg, struct err *e)
{
    struct far_store *f = far_of(s);
    CLEANUP(buf_done) struct buf answer = {.max = WIRE_LIST_MAX};
    struct listing l = {dir, each, arg, NULL};
    bool packs = strcmp(dir, "packs") == 0;
    if (far_is_near(dir))
        return store_list(f->near, dir, each, arg, e);
    if (wire_list_access(dir) == WIRE_NEVER)
        return 0;
    int known = outline_list(f->outline, dir, &answer, e);
    if (known < 0 || (known == 0 && ask_list(f, dir, &answer, e)))
        return -1;
    if (packs && (l.lengths = mem_zalloc(sizeof *l.lengths)) != NULL)
        l.lengths->items.max = WIRE_LIST_MAX;
    int rc = wire_list_take(answer.data, answer.len, hand_on, &l, e);
    if (packs)
        keep_lengths(f, l.lengths);
    return rc;
}
