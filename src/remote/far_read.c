/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading objects of a server: the first request brings the beginning of an object and its length;
 * most objects are no longer than that.
 */
#include "remote/far_store.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BYTES ((uint64_t)64 << 10)

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
    r->begin.max = FIRST_BYTES;
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
    struct buf out = {.data = p, .cap = len, .max = len}; /* never grows: cap is max */
    if (fetch(r->store, base->name, off, len, &out, NULL, e))
        return -1;
    if (out.len != len)
        return err_set(e, ERR_DAMAGED, "%s: the server sent too little", base->name);
    return 0;
}

const uint8_t *far_map(struct store_reader *base)
{
    struct far_reader *r = (struct far_reader *)base;
    return r->near ? store_reader_map(r->near) : NULL;
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
};

/* A server may say what it likes: only names that a store may have, below the directory. */
static int hand_on(void *arg, const char *name, uint64_t len, struct err *e)
{
    const struct listing *l = arg;
    if (!store_name_valid(name) || !store_name_below(name, l->dir))
        return 0;
    return l->each(l->arg, name, len, e);
}

int far_list(struct store *s, const char *dir, store_each *each, void *arg, struct err *e)
{
    struct far_store *f = far_of(s);
    CLEANUP(buf_done) struct buf answer = {.max = WIRE_LIST_MAX};
    char path[FAR_PATH_MAX];
    struct listing l = {dir, each, arg};
    if (far_is_near(dir))
        return store_list(f->near, dir, each, arg, e);
    if (wire_list_access(dir) == WIRE_NEVER)
        return 0;
    far_path(f, path, "objects?under=%s", dir);
    struct client_call call = {.method = "GET", .path = path, .answer = &answer};
    if (client_do(f->remote->client, &call, e))
        return -1;
    return wire_list_take(answer.data, answer.len, hand_on, &l, e);
}
