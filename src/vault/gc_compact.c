/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying the needed frames of packs that are needed in part, as the plan says.
 * The new packs are complete and durable before anything is condemned.
 *
 * C1 Every frame is hashed against its footer on the way. A pack with a frame
 *    that does not verify stays as it is: what is left of it may be mended. (A
 *    transfer to another vault takes what is sound of it.)
 * C2 and C3 are kept by gc_output.c.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/parity.h"
#include "vault/refset_format.h"

#include <string.h>

struct compaction {
    const struct gc_copying *how;
    struct gc_output out;
    uint8_t *room; /* GC_READ_BYTES: as many whole frames as fit */
};

/* ---- one pack ------------------------------------------------------------------------------- */

static bool is_needed(const struct gc_source *s, uint32_t i)
{
    return i < s->pack->frames && refset_bit(s->pack->used, i);
}

/* Reads whole frames from `first` on, as many needed ones as stand together and
 * fit; the number of frames. */
static int read_some(struct compaction *c, const struct gc_source *s, uint32_t first,
                     uint32_t *count_out, struct err *e)
{
    struct pack_row row;
    gc_source_row(s, first, &row);
    uint64_t begin = row.offset, end = begin;
    uint32_t i = first, most = c->how->salvage ? first + 1 : UINT32_MAX;
    for (; i < most && i < s->contents.footer.count && is_needed(s, i); i++) {
        gc_source_row(s, i, &row);
        uint64_t next = (uint64_t)row.offset + FRAME_HEADER_BYTES + row.len;
        if (next - begin > GC_READ_BYTES)
            break;
        end = next;
    }
    *count_out = i - first;
    return store_read(s->contents.reader, begin, c->room, (size_t)(end - begin), e);
}

static int copy_frame(struct compaction *c, struct gc_source *s, uint32_t i,
                      const uint8_t *bytes, struct err *e)
{
    struct pack_row row;
    uint32_t now;
    gc_source_row(s, i, &row);
    const uint8_t *writer = s->contents.header.writer;
    if (gc_source_check(&row, bytes, e) ||
        (c->how->owners && session_owners_check(c->how->owners, bytes, writer, e)) ||
        gc_output_put(&c->out, &s->contents.header, s->parity, bytes, &row, &now, e))
        return -1;
    gc_output_origins(&c->out, now, c->how->marks, s, i);
    return 0;
}

static void report(struct compaction *c, const struct gc_source *s, const struct err *why)
{
    char name[PACK_NAME_BYTES];
    pack_name(s->pack->id, name);
    damage_report(c->how->damage, name, why->msg);
}

/* Frames first … first + n − 1 stand together. */
static int copy_some(struct compaction *c, struct gc_source *s, uint32_t from, uint32_t *count_out,
                     struct err *e)
{
    struct pack_row first, row;
    if (read_some(c, s, from, count_out, e))
        return e->cls == ERR_IO && c->how->salvage ? err_reclass(e, ERR_DAMAGED) : -1;
    gc_source_row(s, from, &first);
    for (uint32_t k = from; k < from + *count_out; k++) {
        gc_source_row(s, k, &row);
        if (copy_frame(c, s, k, c->room + (row.offset - first.offset), e))
            return -1;
    }
    return 0;
}

/* 1 if frames were left out, which is told once. */
static int copy_frames(struct compaction *c, struct gc_source *s, struct err *e)
{
    uint32_t count = s->contents.footer.count, left_out = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t n = 1;
        struct err why = ERR_INIT;
        if (!is_needed(s, i)) {
            i++;
            continue;
        }
        if (c->how->progress && progress_cancelled(c->how->progress))
            return err_set(e, ERR_CANCELLED, "interrupted; nothing is lost");
        if (copy_some(c, s, i, &n, &why)) {
            if (!c->how->salvage || why.cls != ERR_DAMAGED)
                return err_give(e, &why);
            if (!left_out++)
                report(c, s, &why);
        }
        i += n;
    }
    return left_out > 0;
}

/* 1 if it is damaged, and stays (C1). */
static int copy_pack(struct compaction *c, const struct gc_pack *p, struct err *e)
{
    struct gc_source s;
    struct err why = ERR_INIT;
    int rc = gc_source_open(c->how->from, p, &s, &why);
    if (rc == 0)
        rc = copy_frames(c, &s, &why);
    pack_contents_done(&s.contents);
    if (rc >= 0)
        return rc;
    if (why.cls != ERR_DAMAGED && !(c->how->salvage && why.cls == ERR_NOT_FOUND))
        return err_give(e, &why);
    report(c, &s, &why);
    return 1;
}

/* ---- all ----------------------------------------------------------------------------------------- */

static int copy_all(struct compaction *c, struct gc_plan *plan, struct err *e)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < plan->copy_count; i++) {
        int rc = copy_pack(c, &c->how->marks->packs[plan->copy[i]], e);
        if (rc < 0)
            return -1;
        if (rc == 0)
            plan->copy[kept++] = plan->copy[i];
    }
    plan->copy_count = kept;
    c->how->result->packs_copied += kept;
    return gc_output_end(&c->out, e);
}

int gc_compact(const struct gc_copying *how, struct gc_plan *plan, struct err *e)
{
    struct compaction c = {.how = how};
    if (!plan->copy_count)
        return 0;
    gc_output_init(&c.out, how->to, how->progress, how->result);
    c.room = mem_alloc(GC_READ_BYTES);
    int rc = c.room ? copy_all(&c, plan, e) : err_no_memory(e, "copying frames");
    gc_output_done(&c.out);
    mem_free(c.room);
    return rc;
}
