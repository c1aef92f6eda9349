/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a collection.
 *
 *   gc.c          the order of its steps, which is what makes it safe
 *   gc_expire.c   snapshots whose time in the trash is over
 *   gc_mark.c     which frames the records need
 *   gc_plan.c     which packs go, which are copied first
 *   gc_compact.c  copying what is needed in part
 *   gc_heal.c     references to damaged packs, led to sound copies
 *   gc_output.c   the packs that are written for both
 *
 * G1 Roots are all records that exist, forgotten ones in their trash window
 *    too. A record that cannot be read or trusted stops the collection: nobody
 *    knows what it needs.
 * G2 A frame that a record needs is in a pack that stays, or was copied into
 *    one that stays and names it as its origin.
 *    A pack that a repair set aside stays for as long as records need a frame that
 *    is, or may be, only there.
 * G3 Leases are listed before records are read, and condemnations are durable
 *    before leases are listed.
 * G4 Nothing is removed but what is swept, whose time is over by a clock that is
 *    trusted, and that the records, read again, do not need.
 */
#ifndef ABRI_VAULT_GC_H
#define ABRI_VAULT_GC_H

#include "vault/condemned.h"
#include "vault/id_map.h"
#include "vault/session_owners.h"

/* ---- gc_expire.c ------------------------------------------------------------------ */

/* Removes their records, durably, and then their marks; not with dry_run. Appends
 * their sequences to `gone`, u64 each. */
MUST_CHECK int gc_expire(struct vault *v, const struct gc_options *o, struct damage *d,
                         struct buf *gone, struct err *e);

/* ---- gc_mark.c -------------------------------------------------------------------- */

/* A pack that is there, or that a record names. */
struct gc_pack {
    uint8_t id[ID_BYTES];
    uint32_t number; /* in the vault's set; PACK_NONE: it is gone */
    uint32_t frames, used_count; /* used_count: bits in `used` */
    uint64_t bytes;  /* the whole object */
    uint8_t *used;   /* frames that records need; NULL: none */
    uint8_t *moved;  /* frames that are in another pack, too; only if it is gone or condemned */
    bool condemned;
    bool damaged;    /* condemned because a repair could not mend it */
    bool footerless; /* damaged, and its footer, too: nobody knows what was moved into it */
    bool readable;   /* its footer is known */
};

struct gc_marks {
    struct gc_pack *packs;
    uint32_t count, cap;
    struct id_map map; /* from ids to packs */
    uint64_t snapshots, references;
    bool unplaced; /* a frame is needed of a pack that is gone, and no row says where it is */
};
void gc_marks_done(struct gc_marks *m);
/* The same in three steps, for whoever chooses himself what is needed: every pack that
 * is there and known; a pack's part of a reference set (ERR_DAMAGED if it cannot be
 * so); and what has been moved. */
MUST_CHECK int gc_marks_begin(struct vault *v, const struct condemned *condemned,
                              struct gc_marks *out, struct err *e);
MUST_CHECK int gc_marks_add(struct gc_marks *m, const struct refset_pack *r, struct err *e);
MUST_CHECK int gc_marks_follow(struct vault *v, struct gc_marks *m, struct err *e);
/* Reads all records but those in `gone` (sequences). `condemned`: packs that count
 * as condemned. */
MUST_CHECK int gc_mark(struct vault *v, const struct condemned *condemned, const struct buf *gone,
                       struct damage *d, struct gc_marks *out, struct err *e);
struct gc_pack *gc_marks_find(const struct gc_marks *m, const uint8_t id[ID_BYTES]);
/* Whether a frame is needed from this very pack. */
bool gc_pack_is_needed(const struct gc_pack *p);

/* ---- gc_plan.c --------------------------------------------------------------------- */

struct gc_plan {
    uint32_t *copy; /* in marks.packs: partly needed, or small; ordered for copying */
    uint32_t copy_count;
    uint32_t *dead; /* not needed at all */
    uint32_t dead_count;
    uint64_t needed_bytes, copy_bytes;
};
void gc_plan_done(struct gc_plan *p);
/* `sessions`: UID_BYTES each, under way; their packs are left alone. */
MUST_CHECK int gc_plan(struct vault *v, const struct gc_marks *m, const struct gc_options *o,
                       const struct buf *sessions, struct gc_plan *out, struct err *e);

/* Sorts packs (places in marks.packs) as they are to be copied: what belongs together
 * stands together. */
MUST_CHECK int gc_order(struct vault *v, const struct gc_marks *m, uint32_t *packs, uint32_t count,
                        struct err *e);

/* ---- gc_output.c -------------------------------------------------------------------------- */

#define GC_READ_BYTES ((size_t)FRAME_SEALED_MAX + FRAME_HEADER_BYTES)

/* A pack that frames are taken from; they are asked for in ascending order. */
struct gc_source {
    const struct gc_pack *pack;
    struct pack_contents contents;
    uint32_t origin; /* rows before it belong to frames that are done */
    bool parity;
};
/* Always call pack_contents_done. ERR_DAMAGED, ERR_NOT_FOUND. */
MUST_CHECK int gc_source_open(struct vault *v, const struct gc_pack *p, struct gc_source *out,
                              struct err *e);
void gc_source_row(const struct gc_source *s, uint32_t frame, struct pack_row *out);
/* ERR_DAMAGED if header and sealed bytes are not what the footer says. */
MUST_CHECK int gc_source_check(const struct pack_row *row, const uint8_t *bytes, struct err *e);

/* Packs being written, one after the other. */
struct gc_output {
    struct vault *v;
    struct progress *progress;
    struct gc_result *result;
    struct store_writer *object;
    struct pack_header header;
    uint64_t end;
    struct buf rows, origins;
    uint32_t frames;
    struct id_map ids; /* from chunk ids to its frames */
    bool dirs[256];    /* of packs that were written */
    bool parity;       /* one of the packs that this one comes from has it */
};
void gc_output_init(struct gc_output *o, struct vault *v, struct progress *progress,
                    struct gc_result *result);
void gc_output_done(struct gc_output *o);
/* One frame, out of a pack with header `from`; *now_out: its ordinal, to be used
 * before the next is put. */
MUST_CHECK int gc_output_put(struct gc_output *o, const struct pack_header *from, bool parity,
                             const uint8_t *bytes, const struct pack_row *row, uint32_t *now_out,
                             struct err *e);
/* Says that the frame just put is frame `frame` of `s`, and of every pack that the
 * rows of `s` name for it and records still need. */
void gc_output_origins(struct gc_output *o, uint32_t now, const struct gc_marks *m,
                       struct gc_source *s, uint32_t frame);
/* Ends the last pack; all of them are durable. */
MUST_CHECK int gc_output_end(struct gc_output *o, struct err *e);

/* ---- gc_compact.c --------------------------------------------------------------------- */

struct gc_copying {
    struct vault *from, *to; /* may be one */
    const struct gc_marks *marks; /* of `from` */
    struct damage *damage;
    struct progress *progress;
    struct gc_result *result;
    bool salvage; /* sound frames of a damaged pack come all the same */
    /* NULL, or whose sessions those in `to` are: frames that belie their pack's writer
     * count as damaged. */
    const struct session_owners *owners;
};
/* Copies the needed frames of plan->copy into new packs, durably. A pack that cannot be
 * copied whole (a damaged frame) is taken out of the plan. */
MUST_CHECK int gc_compact(const struct gc_copying *c, struct gc_plan *plan, struct err *e);

/* ---- gc_heal.c ------------------------------------------------------------------------------ */

/* For frames that records need of packs that are damaged or gone: copies sound
 * ones of the same chunk, durably, with rows that name the places of the old. */
MUST_CHECK int gc_heal(struct vault *v, const struct gc_marks *m, struct progress *progress,
                       struct gc_result *result, struct err *e);

#endif
