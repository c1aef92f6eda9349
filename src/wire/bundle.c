/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of several parts: the objects of a new vault; a snapshot. */
#include "wire/wire.h"

#include <string.h>

void wire_bundle_begin(struct buf *out, size_t count)
{
    buf_put(out, "abri.BUN", 8);
    buf_put_u32(out, 1);
    buf_put_u32(out, (uint32_t)count);
}

/* Names with their NUL, so that they can be borrowed. */
void wire_bundle_put(struct buf *out, const struct wire_object *o)
{
    buf_put_blob(out, o->name, strlen(o->name) + 1);
    buf_put_blob(out, o->bytes, o->len);
}

static int take_object(struct cursor *c, struct wire_object *out, struct err *e)
{
    size_t n;
    const uint8_t *name = cursor_blob(c, WIRE_NAME_MAX + 1, &n);
    if (!name || n < 2 || memchr(name, '\0', n) != name + n - 1)
        return err_set(e, ERR_USAGE, "a new vault: malformed");
    out->name = (const char *)name;
    out->bytes = cursor_blob(c, WIRE_BUNDLE_MAX, &out->len);
    return cursor_check(c, false, "a new vault", e);
}

int wire_bundle_take(const uint8_t *p, size_t len, struct wire_object out[WIRE_BUNDLE_OBJECTS],
                     size_t *count_out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    const uint8_t *magic = cursor_bytes(&c, 8);
    if (!magic || memcmp(magic, "abri.BUN", 8) != 0)
        return err_set(e, ERR_USAGE, "a new vault: malformed");
    if (cursor_u32(&c) != 1)
        return err_set(e, ERR_NEWER, "a new vault: of a newer format than this server reads");
    uint32_t count = cursor_u32(&c);
    if (count > WIRE_BUNDLE_OBJECTS)
        return err_set(e, ERR_LIMIT, "a new vault of %u objects; %u are possible", count,
                       WIRE_BUNDLE_OBJECTS);
    for (uint32_t i = 0; i < count; i++)
        if (take_object(&c, &out[i], e))
            return -1;
    if (cursor_check(&c, true, "a new vault", e))
        return -1;
    *count_out = count;
    return 0;
}

void wire_snapshot_head(uint32_t w_len, uint32_t refs_len, uint8_t out[static WIRE_SNAPSHOT_HEAD])
{
    memcpy(out, "abri.SUB", 8);
    put_u32(out + 8, w_len);
    put_u32(out + 12, refs_len);
}

int wire_snapshot_take(const uint8_t *p, size_t len, const uint8_t **w, size_t *w_len,
                       const uint8_t **refs, size_t *refs_len, struct err *e)
{
    if (len < WIRE_SNAPSHOT_HEAD || memcmp(p, "abri.SUB", 8) != 0)
        return err_set(e, ERR_USAGE, "a snapshot: malformed");
    uint32_t a = get_u32(p + 8), b = get_u32(p + 12);
    if ((uint64_t)a + b != len - WIRE_SNAPSHOT_HEAD)
        return err_set(e, ERR_USAGE, "a snapshot: its parts have other lengths than it says");
    *w = p + WIRE_SNAPSHOT_HEAD;
    *w_len = a;
    *refs = *w + a;
    *refs_len = b;
    return 0;
}
