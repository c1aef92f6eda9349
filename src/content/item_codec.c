/* SPDX-License-Identifier: Apache-2.0 */
#include "content/content_internal.h"

#include <string.h>

void item_encode(struct item_run *run, const struct item *it, struct buf *out)
{
    switch (it->kind) {
    case ITEM_HOLE:
        buf_put_varint(out, TAG_HOLE);
        buf_put_varint(out, it->len);
        return;
    case ITEM_CHUNK:
        buf_put_varint(out, TAG_CHUNK);
        buf_put_varint(out, it->len);
        buf_put(out, it->id, SEAL_ID_BYTES);
        return;
    case ITEM_SLICE:
        if (run->valid && run->end == it->offset && !memcmp(run->id, it->id, SEAL_ID_BYTES)) {
            buf_put_varint(out, TAG_NEXT);
        } else {
            buf_put_varint(out, TAG_SLICE);
            buf_put(out, it->id, SEAL_ID_BYTES);
            buf_put_varint(out, it->offset);
            memcpy(run->id, it->id, SEAL_ID_BYTES);
            run->valid = true;
        }
        buf_put_varint(out, it->len);
        run->end = it->offset + it->len;
        return;
    }
}

static bool slice_rest(struct item_run *run, struct cursor *c, struct item *it)
{
    it->kind = ITEM_SLICE;
    it->len = cursor_varint_max(c, SEAL_PLAIN_MAX);
    memcpy(it->id, run->id, SEAL_ID_BYTES);
    it->offset = (uint32_t)run->end;
    run->end += it->len;
    return run->end <= SEAL_PLAIN_MAX;
}

bool item_decode(struct item_run *run, struct cursor *c, struct item *it)
{
    bool ok = true;
    uint64_t tag = cursor_varint(c);
    it->offset = 0;
    switch (tag) {
    case TAG_HOLE:
        it->kind = ITEM_HOLE;
        it->len = cursor_varint_max(c, INT64_MAX);
        memset(it->id, 0, SEAL_ID_BYTES);
        break;
    case TAG_CHUNK:
        it->kind = ITEM_CHUNK;
        it->len = cursor_varint_max(c, SEAL_PLAIN_MAX);
        cursor_copy(c, it->id, SEAL_ID_BYTES);
        break;
    case TAG_SLICE:
        run->valid = cursor_copy(c, run->id, SEAL_ID_BYTES);
        run->end = cursor_varint_max(c, SEAL_PLAIN_MAX);
        ok = slice_rest(run, c, it);
        break;
    case TAG_NEXT: ok = run->valid && slice_rest(run, c, it); break;
    default: ok = false;
    }
    if (!ok || it->len == 0)
        c->bad = true;
    return !c->bad;
}
