/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two files hold the same bytes, though their chunks have other names:
 * a file is bundled with its neighbours, and they may have changed. Stretches of the
 * same chunks are not read, and reading ends at the first difference.
 */
#include "work/work_internal.h"

#include "base/mem.h"

#include <string.h>

/* One of the two contents. */
struct stream {
    struct list_reader *list;
    struct chunk_reader *chunks;
    struct item item; /* what is left of it: offset and len move on */
    const uint8_t *plain; /* of its chunk; NULL: not read yet */
    size_t plain_len;
};

static void stream_done(struct stream *s)
{
    list_reader_free(s->list);
    chunk_reader_free(s->chunks);
}

static int stream_open(struct stream *s, struct access *a, const struct entry *en, struct err *e)
{
    if (chunk_reader_new(a, true, &s->chunks, e) ||
        list_reader_new(chunk_reader_fetch, s->chunks, &s->list, e))
        return -1;
    return list_reader_begin(s->list, en, e);
}

/* 1 if there is an item with bytes left, 0 at the end. */
static int stream_fill(struct stream *s, struct err *e)
{
    while (s->item.len == 0) {
        int rc = list_reader_next(s->list, &s->item, e);
        if (rc <= 0)
            return rc;
        s->plain = NULL;
    }
    return 1;
}

static int stream_read(struct stream *s, struct err *e)
{
    if (s->plain || s->item.kind == ITEM_HOLE)
        return 0;
    if (chunk_reader_get(s->chunks, SEAL_DATA, s->item.id, &s->plain, &s->plain_len, e))
        return -1;
    if (s->item.offset > s->plain_len || s->item.len > s->plain_len - s->item.offset)
        return err_set(e, ERR_DAMAGED, "its chunk is shorter than the snapshot says");
    return 0;
}

static void stream_move(struct stream *s, uint64_t len)
{
    s->item.len -= len;
    if (s->item.kind != ITEM_HOLE)
        s->item.offset += (uint32_t)len;
}

/* The next `len` bytes of both: 1 if they are the same. */
static int compare_next(struct stream *a, struct stream *b, uint64_t len, struct err *e)
{
    const struct item *x = &a->item, *y = &b->item;
    bool hole_x = x->kind == ITEM_HOLE, hole_y = y->kind == ITEM_HOLE;
    if (hole_x && hole_y)
        return 1;
    if (!hole_x && !hole_y && x->offset == y->offset && memcmp(x->id, y->id, ID_BYTES) == 0)
        return 1;
    if (stream_read(a, e) || stream_read(b, e))
        return -1;
    if (hole_x)
        return bytes_are_zero(b->plain + y->offset, (size_t)len);
    if (hole_y)
        return bytes_are_zero(a->plain + x->offset, (size_t)len);
    return memcmp(a->plain + x->offset, b->plain + y->offset, (size_t)len) == 0;
}

static int compare_all(struct stream *a, struct stream *b, const struct progress *p,
                       struct err *e)
{
    for (;;) {
        int more = stream_fill(a, e);
        int other = more < 0 ? -1 : stream_fill(b, e);
        if (more < 0 || other < 0)
            return -1;
        if (!more || !other)
            return more == other;
        if (p && progress_cancelled(p))
            return err_set(e, ERR_CANCELLED, "interrupted");
        uint64_t len = a->item.len < b->item.len ? a->item.len : b->item.len;
        int same = compare_next(a, b, len, e);
        if (same <= 0)
            return same;
        stream_move(a, len);
        stream_move(b, len);
    }
}

int work_same_content(struct access *a, const struct entry *x, const struct entry *y,
                      const struct progress *p, struct err *e)
{
    CLEANUP(stream_done) struct stream s = {0}, t = {0};
    if (x->size != y->size)
        return 0;
    if (stream_open(&s, a, x, e) || stream_open(&t, a, y, e))
        return -1;
    return compare_all(&s, &t, p, e);
}
