/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packs that a collection writes: frames as they are, sealed, header and all,
 * and rows that say where each came from. Does not judge frames: whoever puts
 * one has hashed it.
 *
 * C2 Frames of different writers never share a pack: a vault that is not shared
 *    stays so.
 * C3 A frame that is moved again takes along the rows of packs that records
 *    still name.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/parity.h"
#include "vault/refset_format.h"

#include <stdlib.h>
#include <string.h>

#define DATA_TARGET ((uint64_t)32 << 20)
#define META_TARGET ((uint64_t)8 << 20)

static const uint8_t *id_of(const void *owner, uint32_t frame)
{
    return ((const struct gc_output *)owner)->rows.data + (size_t)frame * PACK_ROW_BYTES;
}

void gc_output_init(struct gc_output *o, struct vault *v, struct progress *progress,
                    struct gc_result *result)
{
    *o = (struct gc_output){.v = v, .progress = progress, .result = result, .ids = {.key = id_of}};
}

void gc_output_done(struct gc_output *o)
{
    store_writer_abort(o->object);
    buf_done(&o->rows);
    buf_done(&o->origins);
    id_map_done(&o->ids);
    *o = (struct gc_output){0};
}

/* ---- where frames come from -------------------------------------------------------------- */

int gc_source_open(struct vault *v, const struct gc_pack *p, struct gc_source *out, struct err *e)
{
    *out = (struct gc_source){.pack = p, .parity = parity_exists(v, p->id)};
    if (pack_contents_read(v, p->id, &out->contents, e))
        return -1;
    if (out->contents.footer.count != p->frames)
        return err_set(e, ERR_DAMAGED, "holds %u frames where the index has %u",
                       out->contents.footer.count, p->frames);
    return 0;
}

void gc_source_row(const struct gc_source *s, uint32_t frame, struct pack_row *out)
{
    pack_row_decode(s->contents.footer.rows + (size_t)frame * PACK_ROW_BYTES, out);
}

int gc_source_check(const struct pack_row *row, const uint8_t *bytes, struct err *e)
{
    uint8_t hash[HASH_BYTES];
    hash_bytes(bytes, FRAME_HEADER_BYTES + (size_t)row->len, hash);
    if (memcmp(hash, row->hash, HASH_BYTES) == 0)
        return 0;
    return err_set(e, ERR_DAMAGED, "frame at offset %u: its hash does not match", row->offset);
}

/* ---- a pack ------------------------------------------------------------------------------- */

static int begin_pack(struct gc_output *o, const struct pack_header *like, struct err *e)
{
    if (store_create(o->v->store, &o->object, e))
        return -1;
    o->header = *like;
    memset(o->header.session, 0, UID_BYTES); /* no session: docs/format/vault.md */
    o->end = PACK_HEADER_BYTES;
    o->frames = 0;
    o->parity = false;
    buf_reset(&o->rows);
    buf_reset(&o->origins);
    id_map_clear(&o->ids);
    o->rows.max = o->origins.max = PACK_FOOTER_MAX;
    return 0;
}

static int by_frame(const void *a, const void *b)
{
    uint32_t x = get_u32(a), y = get_u32(b);
    return x == y ? memcmp(a, b, PACK_ORIGIN_BYTES) : x < y ? -1 : 1;
}

static int write_ends(struct gc_output *o, uint8_t id_out[ID_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf footer = {.max = 3 * (size_t)PACK_FOOTER_MAX};
    uint8_t header[PACK_HEADER_BYTES], trailer[PACK_TRAILER_BYTES];
    pack_header_encode(&o->header, header);
    qsort(o->origins.data, o->origins.len / PACK_ORIGIN_BYTES, PACK_ORIGIN_BYTES, by_frame);
    pack_footer_encode(&footer, o->rows.data, o->frames, o->origins.data,
                       (uint32_t)(o->origins.len / PACK_ORIGIN_BYTES));
    if (buf_check(&footer, "a pack's footer", e))
        return -1;
    pack_id(header, footer.data, footer.len, id_out);
    pack_trailer_encode((uint32_t)footer.len, trailer);
    buf_put(&footer, trailer, sizeof trailer);
    if (buf_check(&footer, "a pack's footer", e) ||
        store_write(o->object, 0, header, sizeof header, e))
        return -1;
    return store_write(o->object, o->end, footer.data, footer.len, e);
}

static int end_pack(struct gc_output *o, struct err *e)
{
    uint8_t id[ID_BYTES];
    char name[PACK_NAME_BYTES];
    struct err why = ERR_INIT;
    if (!o->object)
        return 0;
    if (buf_check(&o->rows, "a pack's footer", e) || buf_check(&o->origins, "a pack's footer", e) ||
        write_ends(o, id, e))
        return -1;
    pack_name(id, name);
    if (store_writer_commit(TAKE(o->object), name, &why) && why.cls != ERR_EXISTS)
        return err_give(e, &why);
    o->dirs[id[0]] = true;
    o->result->packs_written++;
    return o->parity ? parity_put(o->v, id, e) : 0;
}

static bool is_full(const struct gc_output *o, size_t more)
{
    uint64_t target = o->header.kind == FRAME_DATA ? DATA_TARGET : META_TARGET;
    return o->end + more > target + GC_READ_BYTES || o->end >= target ||
           o->rows.len + o->origins.len > PACK_FOOTER_MAX / 2;
}

static bool fits(const struct gc_output *o, const struct pack_header *from)
{
    return o->object && o->header.kind == from->kind &&
           memcmp(o->header.writer, from->writer, UID_BYTES) == 0;
}

/* ---- a frame -------------------------------------------------------------------------------- */

static int write_frame(struct gc_output *o, const uint8_t *bytes, const struct pack_row *row,
                       struct err *e)
{
    uint8_t encoded[PACK_ROW_BYTES];
    struct pack_row moved = *row;
    size_t len = FRAME_HEADER_BYTES + (size_t)row->len;
    moved.offset = (uint32_t)o->end;
    pack_row_encode(&moved, encoded);
    buf_put(&o->rows, encoded, sizeof encoded);
    if (o->rows.failed || !id_map_grow(&o->ids))
        return err_no_memory(e, "a pack's footer");
    id_map_put(&o->ids, row->id, o->frames);
    if (store_write(o->object, o->end, bytes, len, e))
        return -1;
    o->end += len;
    o->frames++;
    o->result->bytes_copied += len;
    if (o->progress)
        progress_add(&o->progress->bytes, len);
    return 0;
}

int gc_output_put(struct gc_output *o, const struct pack_header *from, bool parity,
                  const uint8_t *bytes, const struct pack_row *row, uint32_t *now_out,
                  struct err *e)
{
    if (o->object && (!fits(o, from) || is_full(o, row->len)) && end_pack(o, e))
        return -1;
    if (!o->object && begin_pack(o, from, e))
        return -1;
    o->parity = o->parity || parity;
    /* Two sessions at once may both have stored a chunk: here it is once. */
    uint32_t now = id_map_find(&o->ids, o, row->id);
    *now_out = now == ID_MAP_NONE ? o->frames : now;
    return now == ID_MAP_NONE ? write_frame(o, bytes, row, e) : 0;
}

static void put_origin(struct gc_output *o, uint32_t now, const uint8_t *pack, uint32_t frame)
{
    buf_put_u32(&o->origins, now);
    buf_put(&o->origins, pack, ID_BYTES);
    buf_put_u32(&o->origins, frame);
}

/* C3 */
static void put_older(struct gc_output *o, uint32_t now, const struct gc_marks *m,
                      struct gc_source *s, uint32_t frame)
{
    const struct pack_footer *f = &s->contents.footer;
    for (; s->origin < f->origin_count; s->origin++) {
        const uint8_t *row = f->origins + (size_t)s->origin * PACK_ORIGIN_BYTES;
        if (get_u32(row) > frame)
            return;
        const struct gc_pack *p = gc_marks_find(m, row + 4);
        uint32_t was = get_u32(row + 36);
        if (get_u32(row) == frame && p && p->used && was < p->frames && refset_bit(p->used, was))
            put_origin(o, now, row + 4, was);
    }
}

void gc_output_origins(struct gc_output *o, uint32_t now, const struct gc_marks *m,
                       struct gc_source *s, uint32_t frame)
{
    put_origin(o, now, s->pack->id, frame);
    put_older(o, now, m, s, frame);
}

int gc_output_end(struct gc_output *o, struct err *e)
{
    return end_pack(o, e) || packs_sync(o->v, o->dirs, e) ? -1 : 0;
}
