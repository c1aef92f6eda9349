/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing objects to a server: gathered in memory, sent whole under their name. A pack is
 * kept until the server has it durably, so that a connection that breaks costs nothing but the
 * sending of that pack again.
 */
#include "remote/far_outline.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 20)
#define BLOCKS_MAX  512u

struct far_writer {
    struct store_writer base;
    struct far_store *store;
    pthread_mutex_t lock; /* guards the table; the blocks are their writers' */
    uint8_t *blocks[BLOCKS_MAX];
    uint64_t len;
};

int far_create(struct store *s, struct store_writer **out, struct err *e)
{
    struct far_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "an upload");
    w->base.impl = s->impl;
    w->store = far_of(s);
    (void)pthread_mutex_init(&w->lock, NULL);
    *out = &w->base;
    return 0;
}

/* ---- blocks: used again, so that memory is not fragmented by them ---------------------------- */

static uint8_t *take_block(struct far_store *f)
{
    (void)pthread_mutex_lock(&f->lock);
    void *block = f->spare;
    if (block)
        memcpy(&f->spare, block, sizeof f->spare);
    (void)pthread_mutex_unlock(&f->lock);
    return block ? block : mem_alloc(BLOCK_BYTES);
}

static void give_block(struct far_store *f, uint8_t *block)
{
    if (!block)
        return;
    (void)pthread_mutex_lock(&f->lock);
    memcpy(block, &f->spare, sizeof f->spare);
    f->spare = block;
    (void)pthread_mutex_unlock(&f->lock);
}

void far_blocks_free(struct far_store *f)
{
    for (void *block; (block = f->spare) != NULL;) {
        memcpy(&f->spare, block, sizeof f->spare);
        mem_free(block);
    }
}

/* The block, made if it was not there. */
static uint8_t *block_at(struct far_writer *w, size_t i)
{
    (void)pthread_mutex_lock(&w->lock);
    if (!w->blocks[i])
        w->blocks[i] = take_block(w->store);
    uint8_t *block = w->blocks[i];
    (void)pthread_mutex_unlock(&w->lock);
    return block;
}

static void note_end(struct far_writer *w, uint64_t end)
{
    (void)pthread_mutex_lock(&w->lock);
    if (end > w->len)
        w->len = end;
    (void)pthread_mutex_unlock(&w->lock);
}

int far_write(struct store_writer *base, uint64_t off, const void *p, size_t len, struct err *e)
{
    struct far_writer *w = (struct far_writer *)base;
    const uint8_t *from = p;
    if (off + len > (uint64_t)BLOCKS_MAX * BLOCK_BYTES)
        return err_set(e, ERR_LIMIT, "an upload of more than %u MiB", BLOCKS_MAX);
    for (size_t left = len; left;) {
        size_t at = (size_t)(off % BLOCK_BYTES);
        size_t n = BLOCK_BYTES - at < left ? BLOCK_BYTES - at : left;
        uint8_t *block = block_at(w, (size_t)(off / BLOCK_BYTES));
        if (!block)
            return err_no_memory(e, "an upload");
        memcpy(block + at, from, n);
        from += n;
        off += n;
        left -= n;
    }
    note_end(w, off);
    return 0;
}

void far_abort(struct store_writer *base)
{
    struct far_writer *w = (struct far_writer *)base;
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        give_block(w->store, w->blocks[i]);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

/* ---- sending -------------------------------------------------------------------------------- */

static int send_for(struct far_writer *w, const char *method, const char *path, struct buf *answer,
                    struct err *e)
{
    struct client_piece pieces[BLOCKS_MAX];
    size_t count = 0;
    for (uint64_t off = 0; off < w->len; off += BLOCK_BYTES) {
        uint64_t left = w->len - off;
        pieces[count++] = (struct client_piece){w->blocks[off / BLOCK_BYTES],
                                                left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES};
    }
    struct client_call call = {.method = method, .path = path, .type = WIRE_BINARY,
                               .pieces = pieces, .piece_count = count, .answer = answer};
    return client_do(w->store->remote->client, &call, e);
}

static int send_to(struct far_writer *w, const char *method, const char *path, struct err *e)
{
    return send_for(w, method, path, NULL, e);
}

/* With its key a session begins, and the server says what its writer asks next. One that was begun before, for keys
 * that were changed meanwhile, ends. */
static int put_session(struct far_writer *w, const char *name, struct err *e)
{
    char path[FAR_PATH_MAX];
    struct buf answer = {.max = WIRE_OUTLINE_MAX};
    far_begun(w->store, "");
    far_path(w->store, path, "%s?begin", name);
    int rc = send_for(w, "PUT", path, &answer, e);
    if (!rc && answer.len) {
        rc = outline_take(w->store->outline, &answer, e);
        if (!rc)
            far_begun(w->store, strchr(name, '/') + 1);
    }
    buf_done(&answer);
    return rc;
}

static int put_pack(struct far_writer *w, const char *name, struct err *e)
{
    char path[FAR_PATH_MAX], session[2 * UID_BYTES + 1];
    (void)pthread_mutex_lock(&w->store->lock);
    memcpy(session, w->store->session, sizeof session);
    (void)pthread_mutex_unlock(&w->store->lock);
    if (!*session)
        return err_set(e, ERR_USAGE, "packs belong to a session, and none is under way");
    far_path(w->store, path, "sessions/%s/%s", session, name);
    return send_to(w, "PUT", path, e);
}

static int put_near(struct far_writer *w, const char *name, struct err *e)
{
    struct store_writer *copy = NULL;
    if (store_create(w->store->near, &copy, e))
        return -1;
    for (uint64_t off = 0; off < w->len; off += BLOCK_BYTES) {
        uint64_t left = w->len - off;
        size_t n = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        if (store_write(copy, off, w->blocks[off / BLOCK_BYTES], n, e)) {
            store_writer_abort(copy);
            return -1;
        }
    }
    return store_writer_commit(copy, name, e);
}

static int send_as(struct far_writer *w, const char *name, struct err *e)
{
    char path[FAR_PATH_MAX];
    if (far_is_near(name))
        return put_near(w, name, e);
    if (strncmp(name, "packs/", 6) == 0)
        return put_pack(w, name, e);
    if (strncmp(name, "writers/", 8) == 0) {
        far_path(w->store, path, "writers");
        return send_to(w, "POST", path, e);
    }
    if (strncmp(name, "keys/", 5) == 0) {
        far_path(w->store, path, "%s", name);
        return send_to(w, "PUT", path, e);
    }
    if (strncmp(name, "sessions/", 9) != 0)
        return err_set(e, ERR_REFUSED, "%s: nothing of this kind can be put into a server's vault",
                       name);
    return put_session(w, name, e);
}

int far_commit(struct store_writer *base, const char *name, struct err *e)
{
    int rc = send_as((struct far_writer *)base, name, e);
    far_abort(base);
    return rc;
}

int far_replace(struct store_writer *base, const char *name, struct err *e)
{
    far_abort(base);
    return err_set(e, ERR_REFUSED, "%s: nothing can be replaced in a server's vault from outside",
                   name);
}
