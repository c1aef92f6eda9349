/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying needed frames into new packs. Frames move as they are, sealed, header
 * and all; only their place changes, and the new footer says where they came
 * from. The new packs are complete and durable before anything is condemned.
 *
 * C1 Every frame is hashed against its footer on the way. A pack with a frame
 *    that does not verify stays as it is: what is left of it may be mended.
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
#define READ_BYTES  ((size_t)FRAME_SEALED_MAX + FRAME_HEADER_BYTES)

struct compaction {
    struct vault *from, *to;
    const struct gc_marks *m;
    struct damage *damage;
    struct progress *progress;
    struct gc_result *result;
    uint8_t *room; /* READ_BYTES: as many whole frames as fit */
    /* the pack being written */
    struct store_writer *object;
    struct pack_header header;
    uint64_t end;
    struct buf rows, origins;
    uint32_t frames;
    struct id_map ids; /* from chunk ids to its frames */
    bool dirs[256]; /* of packs that were written */
    bool parity;    /* one of the packs that this one comes from has it */
};

struct source {
    const struct gc_pack *pack;
    struct pack_contents contents;
    uint32_t origin; /* rows before it belong to frames that are done */
    bool parity;
};

/* ---- the new pack ----------------------------------------------------------------------- */

static const uint8_t *id_of(const void *owner, uint32_t frame)
{
    return ((const struct compaction *)owner)->rows.data + (size_t)frame * PACK_ROW_BYTES;
}

static int begin_pack(struct compaction *c, const struct pack_header *like, struct err *e)
{
    if (store_create(c->to->store, &c->object, e))
        return -1;
    c->header = *like;
    memset(c->header.session, 0, UID_BYTES); /* no session: docs/format/vault.md */
    c->end = PACK_HEADER_BYTES;
    c->frames = 0;
    c->parity = false;
    buf_reset(&c->rows);
    buf_reset(&c->origins);
    id_map_clear(&c->ids);
    c->rows.max = c->origins.max = PACK_FOOTER_MAX;
    return 0;
}

static int by_frame(const void *a, const void *b)
{
    uint32_t x = get_u32(a), y = get_u32(b);
    return x == y ? memcmp(a, b, PACK_ORIGIN_BYTES) : x < y ? -1 : 1;
}

static int write_ends(struct compaction *c, uint8_t id_out[ID_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf footer = {.max = 3 * (size_t)PACK_FOOTER_MAX};
    uint8_t header[PACK_HEADER_BYTES], trailer[PACK_TRAILER_BYTES];
    pack_header_encode(&c->header, header);
    qsort(c->origins.data, c->origins.len / PACK_ORIGIN_BYTES, PACK_ORIGIN_BYTES, by_frame);
    pack_footer_encode(&footer, c->rows.data, c->frames, c->origins.data,
                       (uint32_t)(c->origins.len / PACK_ORIGIN_BYTES));
    if (buf_check(&footer, "a pack's footer", e))
        return -1;
    pack_id(header, footer.data, footer.len, id_out);
    pack_trailer_encode((uint32_t)footer.len, trailer);
    buf_put(&footer, trailer, sizeof trailer);
    if (buf_check(&footer, "a pack's footer", e) ||
        store_write(c->object, 0, header, sizeof header, e))
        return -1;
    return store_write(c->object, c->end, footer.data, footer.len, e);
}

static int end_pack(struct compaction *c, struct err *e)
{
    uint8_t id[ID_BYTES];
    char name[PACK_NAME_BYTES];
    struct err why = ERR_INIT;
    if (!c->object)
        return 0;
    if (buf_check(&c->rows, "a pack's footer", e) || buf_check(&c->origins, "a pack's footer", e) ||
        write_ends(c, id, e))
        return -1;
    pack_name(id, name);
    if (store_writer_commit(TAKE(c->object), name, &why) && why.cls != ERR_EXISTS) {
        if (e)
            *e = why;
        return -1;
    }
    c->dirs[id[0]] = true;
    c->result->packs_written++;
    return c->parity ? parity_put(c->to, id, e) : 0;
}

static bool is_full(const struct compaction *c, size_t more)
{
    uint64_t target = c->header.kind == FRAME_DATA ? DATA_TARGET : META_TARGET;
    return c->end + more > target + READ_BYTES || c->end >= target ||
           c->rows.len + c->origins.len > PACK_FOOTER_MAX / 2;
}

static bool fits(const struct compaction *c, const struct pack_header *from)
{
    return c->object && c->header.kind == from->kind &&
           memcmp(c->header.writer, from->writer, UID_BYTES) == 0;
}

/* ---- one frame ----------------------------------------------------------------------------- */

static void put_origin(struct compaction *c, uint32_t now, const uint8_t *pack, uint32_t frame)
{
    buf_put_u32(&c->origins, now);
    buf_put(&c->origins, pack, ID_BYTES);
    buf_put_u32(&c->origins, frame);
}

/* C3. Rows ascend by frame, and so do we. */
static void put_origins(struct compaction *c, uint32_t now, struct source *s, uint32_t frame)
{
    const struct pack_footer *f = &s->contents.footer;
    put_origin(c, now, s->pack->id, frame);
    for (; s->origin < f->origin_count; s->origin++) {
        const uint8_t *row = f->origins + (size_t)s->origin * PACK_ORIGIN_BYTES;
        if (get_u32(row) > frame)
            return;
        const struct gc_pack *p = gc_marks_find(c->m, row + 4);
        uint32_t was = get_u32(row + 36);
        if (get_u32(row) == frame && p && p->used && was < p->frames && refset_bit(p->used, was))
            put_origin(c, now, row + 4, was);
    }
}

static int write_frame(struct compaction *c, const uint8_t *bytes, const struct pack_row *row,
                       struct err *e)
{
    uint8_t encoded[PACK_ROW_BYTES];
    struct pack_row moved = *row;
    size_t len = FRAME_HEADER_BYTES + (size_t)row->len;
    moved.offset = (uint32_t)c->end;
    pack_row_encode(&moved, encoded);
    buf_put(&c->rows, encoded, sizeof encoded);
    if (c->rows.failed || !id_map_grow(&c->ids))
        return err_no_memory(e, "a pack's footer");
    id_map_put(&c->ids, row->id, c->frames);
    if (store_write(c->object, c->end, bytes, len, e))
        return -1;
    c->end += len;
    c->frames++;
    c->result->bytes_copied += len;
    if (c->progress)
        progress_add(&c->progress->bytes, len);
    return 0;
}

/* ---- one pack ------------------------------------------------------------------------------- */

static void row_at(const struct source *s, uint32_t i, struct pack_row *out)
{
    pack_row_decode(s->contents.footer.rows + (size_t)i * PACK_ROW_BYTES, out);
}

static bool is_needed(const struct source *s, uint32_t i)
{
    return i < s->pack->frames && refset_bit(s->pack->used, i);
}

/* Reads whole frames from `first` on, as many needed ones as stand together and
 * fit; the number of frames. */
static int read_some(struct compaction *c, const struct source *s, uint32_t first,
                     uint32_t *count_out, struct err *e)
{
    struct pack_row row;
    row_at(s, first, &row);
    uint64_t begin = row.offset, end = begin;
    uint32_t i = first;
    for (; i < s->contents.footer.count && is_needed(s, i); i++) {
        row_at(s, i, &row);
        uint64_t next = (uint64_t)row.offset + FRAME_HEADER_BYTES + row.len;
        if (next - begin > READ_BYTES)
            break;
        end = next;
    }
    *count_out = i - first;
    return store_read(s->contents.reader, begin, c->room, (size_t)(end - begin), e);
}

static int check_frame(const uint8_t *bytes, const struct pack_row *row, struct err *e)
{
    uint8_t hash[HASH_BYTES];
    hash_bytes(bytes, FRAME_HEADER_BYTES + (size_t)row->len, hash);
    if (memcmp(hash, row->hash, HASH_BYTES) == 0)
        return 0;
    return err_set(e, ERR_DAMAGED, "frame at offset %u: its hash does not match", row->offset);
}

static int copy_frame(struct compaction *c, struct source *s, uint32_t i,
                      const uint8_t *bytes, struct err *e)
{
    struct pack_row row;
    row_at(s, i, &row);
    if (check_frame(bytes, &row, e))
        return -1;
    if (c->object && (!fits(c, &s->contents.header) || is_full(c, row.len)) && end_pack(c, e))
        return -1;
    if (!c->object && begin_pack(c, &s->contents.header, e))
        return -1;
    c->parity = c->parity || s->parity;
    /* Two sessions at once may both have stored a chunk: here it is once. */
    uint32_t now = id_map_find(&c->ids, c, row.id);
    put_origins(c, now == ID_MAP_NONE ? c->frames : now, s, i);
    return now == ID_MAP_NONE ? write_frame(c, bytes, &row, e) : 0;
}

static int copy_frames(struct compaction *c, struct source *s, struct err *e)
{
    uint32_t count = s->contents.footer.count;
    for (uint32_t i = 0; i < count;) {
        uint32_t n;
        struct pack_row first, row;
        if (!is_needed(s, i)) {
            i++;
            continue;
        }
        if (c->progress && progress_cancelled(c->progress))
            return err_set(e, ERR_CANCELLED, "interrupted; nothing is lost");
        if (read_some(c, s, i, &n, e))
            return -1;
        row_at(s, i, &first);
        for (uint32_t k = i; k < i + n; k++) {
            row_at(s, k, &row);
            if (copy_frame(c, s, k, c->room + (row.offset - first.offset), e))
                return -1;
        }
        i += n;
    }
    return 0;
}

/* 1 if it is damaged, and stays (C1). */
static int copy_pack(struct compaction *c, const struct gc_pack *p, struct err *e)
{
    struct source s = {.pack = p};
    struct err why = ERR_INIT;
    int rc = pack_contents_read(c->from, p->id, &s.contents, &why);
    if (rc == 0 && s.contents.footer.count != p->frames)
        rc = err_set(&why, ERR_DAMAGED, "holds %u frames where the index has %u",
                     s.contents.footer.count, p->frames);
    s.parity = parity_exists(c->from, p->id);
    if (rc == 0)
        rc = copy_frames(c, &s, &why);
    pack_contents_done(&s.contents);
    if (rc == 0)
        return 0;
    if (why.cls == ERR_DAMAGED) {
        char name[PACK_NAME_BYTES];
        pack_name(p->id, name);
        damage_report(c->damage, name, why.msg);
        return 1;
    }
    if (e)
        *e = why;
    return -1;
}

/* ---- all ----------------------------------------------------------------------------------------- */

static int copy_all(struct compaction *c, struct gc_plan *plan, struct err *e)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < plan->copy_count; i++) {
        int rc = copy_pack(c, &c->m->packs[plan->copy[i]], e);
        if (rc < 0)
            return -1;
        if (rc == 0)
            plan->copy[kept++] = plan->copy[i];
    }
    plan->copy_count = kept;
    c->result->packs_copied += kept;
    return end_pack(c, e) || packs_sync(c->to, c->dirs, e) ? -1 : 0;
}

int gc_compact(struct vault *from, struct vault *to, const struct gc_marks *m,
               struct gc_plan *plan, struct damage *d, struct progress *progress,
               struct gc_result *result, struct err *e)
{
    struct compaction c = {.from = from, .to = to, .m = m, .damage = d, .progress = progress, .result = result,
                           .ids = {.key = id_of}};
    if (!plan->copy_count)
        return 0;
    c.room = mem_alloc(READ_BYTES);
    int rc = c.room ? copy_all(&c, plan, e) : err_no_memory(e, "copying frames");
    store_writer_abort(c.object);
    buf_done(&c.rows);
    buf_done(&c.origins);
    id_map_done(&c.ids);
    mem_free(c.room);
    return rc;
}
