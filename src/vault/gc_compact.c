/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying the needed frames of packs that are needed in part, as the plan says.
 * The new packs are complete and durable before anything is condemned.
 *
 * C1 Every frame is hashed against its footer on the way. A pack with a frame
 *    that does not verify stays as it is: what is left of it may be mended.
 * C2 and C3 are kept by gc_output.c.
 */
#include "vault/gc.h"

#include "base/mem.h"
#include "vault/parity.h"
#include "vault/refset_format.h"

#include <string.h>

struct compaction {
    struct vault *from;
    const struct gc_marks *m;
    struct damage *damage;
    struct progress *progress;
    struct gc_result *result;
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
    uint32_t i = first;
    for (; i < s->contents.footer.count && is_needed(s, i); i++) {
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
    if (gc_source_check(&row, bytes, e) ||
        gc_output_put(&c->out, &s->contents.header, s->parity, bytes, &row, &now, e))
        return -1;
    gc_output_origins(&c->out, now, c->m, s, i);
    return 0;
}

static int copy_frames(struct compaction *c, struct gc_source *s, struct err *e)
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
        gc_source_row(s, i, &first);
        for (uint32_t k = i; k < i + n; k++) {
            gc_source_row(s, k, &row);
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
    struct gc_source s;
    struct err why = ERR_INIT;
    int rc = gc_source_open(c->from, p, &s, &why);
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
    return gc_output_end(&c->out, e);
}

int gc_compact(struct vault *from, struct vault *to, const struct gc_marks *m,
               struct gc_plan *plan, struct damage *d, struct progress *progress,
               struct gc_result *result, struct err *e)
{
    struct compaction c = {.from = from, .m = m, .damage = d, .progress = progress, .result = result};
    if (!plan->copy_count)
        return 0;
    gc_output_init(&c.out, to, progress, result);
    c.room = mem_alloc(GC_READ_BYTES);
    int rc = c.room ? copy_all(&c, plan, e) : err_no_memory(e, "copying frames");
    gc_output_done(&c.out);
    mem_free(c.room);
    return rc;
}
