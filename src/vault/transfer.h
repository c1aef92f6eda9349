/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that move from one replica to another, sealed as they are.
 * What is needed is said by reference sets; what is there already does not move.
 *
 * T1 A pack keeps its name only if every byte of it verifies; a frame that moves
 *    alone is hashed against its footer, and the new pack says where it came from.
 *    Either way it is believed to be of its writer only by signatures (session_owners.h),
 *    so the keys of sessions come before frames.
 * T2 When transfer_run returns 0, all that moved is durable, name and all, and so
 *    are the packs that were there.
 * T3 The caller holds a session's lease of `to` from before transfer_begin until
 *    its records are written, so that no collection takes away what is there.
 */
#ifndef ABRI_VAULT_TRANSFER_H
#define ABRI_VAULT_TRANSFER_H

#include "vault/gc.h"

struct transfer {
    struct vault *from, *to;
    /* Packs of `to`, ID_BYTES each, whose frames do not count as there: whole ones that
     * come take their place. NULL: those that are condemned, whose names stay theirs. */
    const struct buf *lost;
    struct buf *came; /* NULL, or gets the ids of packs that came whole */
    bool no_parity;
    struct damage *damage;     /* of `from` */
    struct progress *progress; /* bytes, bytes_total; may be NULL */
    struct session_owners owners; /* of `to` */
    struct gc_marks needs;     /* packs of `from`, and others that are named */
    uint64_t packs, frames_packs, bytes; /* came whole; were written of single frames; in all */
};

/* With the fields before `owners` filled in. Looks at both vaults anew. */
MUST_CHECK int transfer_begin(struct transfer *t, struct err *e);
void transfer_done(struct transfer *t);
/* ERR_DAMAGED if the set contradicts itself, another, or a pack. */
MUST_CHECK int transfer_need(struct transfer *t, const struct refset *refs, struct err *e);
/* An estimate of what transfer_run would write. */
MUST_CHECK int transfer_estimate(struct transfer *t, uint64_t *bytes_out, struct err *e);
/* Moves what it can; what is damaged in `from` is reported. */
MUST_CHECK int transfer_run(struct transfer *t, struct err *e);
/* How many frames of the set are not in `to`; the first one's pack, unless NULL. */
uint64_t transfer_lacks(const struct transfer *t, const struct refset *refs,
                        uint8_t pack_out[ID_BYTES]);

#endif
