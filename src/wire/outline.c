/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An outline: what whoever opens a vault asks next, in one answer. Items follow each other until the end:
 *
 *     "abri.OUT" ‖ u32 1 ‖ { u8 1 ‖ blob directory ‖ blob lines "<length> <name>"
 *                          | u8 2 ‖ blob name ‖ u64 length of the object ‖ blob its first bytes
 *                          | u8 3 ‖ writer[16] ‖ u64 sequence ‖ snapshot[32] }… ‖ u8 0
 *
 * Names with their NUL, so that they can be borrowed. What a reader does not know is not there: other kinds are another version.
 */
#include "wire/wire.h"

#include <string.h>

enum { END, LIST, OBJECT, PAST };

void wire_outline_begin(struct buf *out)
{
    buf_put(out, "abri.OUT", 8);
    buf_put_u32(out, 1);
}

void wire_outline_list(struct buf *out, const char *dir, const struct buf *lines)
{
    buf_put_u8(out, LIST);
    buf_put_blob(out, dir, strlen(dir) + 1);
    buf_put_blob(out, lines->data, lines->len);
}

void wire_outline_object(struct buf *out, const char *name, uint64_t object_len, const void *p, size_t len)
{
    buf_put_u8(out, OBJECT);
    buf_put_blob(out, name, strlen(name) + 1);
    buf_put_u64(out, object_len);
    buf_put_blob(out, p, len);
}

void wire_outline_past(struct buf *out, const uint8_t writer[WIRE_ID_BYTES], uint64_t sequence,
                       const uint8_t snapshot[WIRE_HASH_BYTES])
{
    buf_put_u8(out, PAST);
    buf_put(out, writer, WIRE_ID_BYTES);
    buf_put_u64(out, sequence);
    buf_put(out, snapshot, WIRE_HASH_BYTES);
}

void wire_outline_end(struct buf *out)
{
    buf_put_u8(out, END);
}

/* ---- reading one ------------------------------------------------------------------------- */

static int malformed(struct err *e)
{
    return err_set(e, ERR_DAMAGED, "the server's outline of the vault: malformed");
}

static const char *take_name(struct cursor *c)
{
    size_t n;
    const uint8_t *name = cursor_blob(c, WIRE_NAME_MAX + 1, &n);
    return name && n >= 2 && memchr(name, '\0', n) == name + n - 1 ? (const char *)name : NULL;
}

static int take_list(struct cursor *c, const struct wire_outline_sink *s, struct err *e)
{
    size_t n;
    const char *dir = take_name(c);
    const uint8_t *lines = cursor_blob(c, WIRE_LIST_MAX, &n);
    return dir && lines ? s->list(s->arg, dir, lines, n, e) : malformed(e);
}

static int take_object(struct cursor *c, const struct wire_outline_sink *s, struct err *e)
{
    size_t n;
    const char *name = take_name(c);
    uint64_t len = cursor_u64(c);
    const uint8_t *p = cursor_blob(c, WIRE_OUTLINE_PIECE, &n);
    /* As much of it as an outline has: no more, no less. */
    if (!name || !p || n != (len < WIRE_OUTLINE_PIECE ? len : WIRE_OUTLINE_PIECE))
        return malformed(e);
    return s->object(s->arg, name, len, p, n, e);
}

static int take_past(struct cursor *c, const struct wire_outline_sink *s, struct err *e)
{
    const uint8_t *writer = cursor_bytes(c, WIRE_ID_BYTES);
    uint64_t sequence = cursor_u64(c);
    const uint8_t *snapshot = cursor_bytes(c, WIRE_HASH_BYTES);
    return writer && snapshot ? s->past(s->arg, writer, sequence, snapshot, e) : malformed(e);
}

int wire_outline_take(const void *p, size_t len, const struct wire_outline_sink *s, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    const uint8_t *magic = cursor_bytes(&c, 8);
    if (!magic || memcmp(magic, "abri.OUT", 8) != 0)
        return malformed(e);
    uint32_t version = cursor_u32(&c);
    if (c.bad)
        return malformed(e);
    if (version != 1)
        return err_set(e, ERR_NEWER, "the server's outline of the vault is of a newer version than this program reads");
    for (;;) {
        int rc;
        switch (cursor_u8(&c)) {
        case END: return !c.bad && c.p == c.end ? 0 : malformed(e);
        case LIST: rc = take_list(&c, s, e); break;
        case OBJECT: rc = take_object(&c, s, e); break;
        case PAST: rc = take_past(&c, s, e); break;
        default: return malformed(e);
        }
        if (rc)
            return rc;
    }
}
