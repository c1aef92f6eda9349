/* SPDX-License-Identifier: Apache-2.0 */
#include "shelf.h"

#include <stdlib.h>
#include <string.h>

struct seal_ids *ids;

int shelf_set_up(void **state)
{
    static const uint8_t id_key[SEAL_KEY_BYTES] = {1};
    (void)state;
    return sign_init(NULL) || seal_ids_new(id_key, &ids, NULL);
}

int shelf_tear_down(void **state)
{
    (void)state;
    seal_ids_free(ids);
    return 0;
}

void shelf_init(struct shelf *s, const struct seal_ids *names)
{
    *s = (struct shelf){.cap = 1024, .ids = names};
    s->chunks = calloc(s->cap, sizeof *s->chunks);
    if (!s->chunks)
        abort();
}

void shelf_done(struct shelf *s)
{
    for (size_t i = 0; i < s->cap; i++)
        free(s->chunks[i].p);
    free(s->chunks);
    *s = (struct shelf){0};
}

static struct shelf_chunk *slot(struct shelf *s, const uint8_t *id)
{
    size_t at = (size_t)get_u64(id) & (s->cap - 1);
    while (s->chunks[at].p && memcmp(s->chunks[at].id, id, SEAL_ID_BYTES) != 0)
        at = (at + 1) & (s->cap - 1);
    return &s->chunks[at];
}

static void grow(struct shelf *s)
{
    struct shelf bigger = {.cap = 2 * s->cap, .count = s->count};
    bigger.chunks = calloc(bigger.cap, sizeof *bigger.chunks);
    if (!bigger.chunks)
        abort();
    for (size_t i = 0; i < s->cap; i++)
        if (s->chunks[i].p)
            *slot(&bigger, s->chunks[i].id) = s->chunks[i];
    free(s->chunks);
    s->chunks = bigger.chunks;
    s->cap = bigger.cap;
}

int shelf_put(void *arg, const uint8_t id[SEAL_ID_BYTES], const void *p, size_t len, struct err *e)
{
    struct shelf *s = arg;
    uint8_t actual[SEAL_ID_BYTES];
    if (s->ids) {
        seal_id(s->ids, SEAL_META, p, len, actual);
        if (memcmp(actual, id, sizeof actual) != 0)
            return err_set(e, ERR_DAMAGED, "shelf: a chunk under a wrong name");
    }
    if (len > CONTENT_NODE_MAX)
        return err_set(e, ERR_LIMIT, "shelf: a node of %zu bytes", len);
    s->puts++;
    struct shelf_chunk *c = slot(s, id);
    if (c->p)
        return 0;
    c->p = malloc(len ? len : 1);
    if (!c->p)
        abort();
    memcpy(c->id, id, SEAL_ID_BYTES);
    memcpy(c->p, p, len);
    c->len = len;
    if (++s->count * 2 > s->cap)
        grow(s);
    return 0;
}

int shelf_get(void *arg, const uint8_t id[SEAL_ID_BYTES], struct buf *out, struct err *e)
{
    struct shelf *s = arg;
    struct shelf_chunk *c = slot(s, id);
    if (!c->p)
        return err_set(e, ERR_NOT_FOUND, "shelf: no such chunk");
    s->fetches++;
    buf_put(out, c->p, c->len);
    return buf_check(out, "a node", e);
}

struct shelf_chunk *shelf_find(struct shelf *s, const uint8_t id[SEAL_ID_BYTES])
{
    struct shelf_chunk *c = slot(s, id);
    return c->p ? c : NULL;
}

size_t shelf_missing(const struct shelf *a, struct shelf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < a->cap; i++)
        n += a->chunks[i].p && !shelf_find(b, a->chunks[i].id);
    return n;
}
