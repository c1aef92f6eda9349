/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper receives a snapshot: gives it the next sequence and the time, signs
 * that, and makes the record durable. Sessions commit through it, and copies from
 * other vaults arrive by it.
 */
#ifndef ABRI_VAULT_RECEPTION_H
#define ABRI_VAULT_RECEPTION_H

#include "vault/record_read.h"
#include "vault/vault_internal.h"

/* Everything that the next record has to know of the earlier ones; kept from
 * one attempt to the next, so that each record is read once. */
struct reception {
    struct vault *vault;
    struct sign_key keeper;
    const uint8_t *writer; /* whose last record is looked for, too; NULL: nobody's */
    uint64_t newest;       /* the highest name, readable or not */
    bool has_keeper;
    uint8_t k_hash[HASH_BYTES];
    int64_t received_ns;
    struct writer_past past; /* of `writer` */
    struct buf *arrived; /* NULL, or gets the ids of all that came since the last update */
};
/* Loads the keeper's key. `writer` is borrowed. */
MUST_CHECK int reception_begin(struct reception *r, struct vault *v, const uint8_t *writer,
                               struct err *e);
void reception_done(struct reception *r);
/* Reads the records that came since the last call. */
MUST_CHECK int reception_update(struct reception *r, struct err *e);

/* A snapshot as it comes in. */
struct received {
    const struct buf *w, *refs;         /* the writer's part, the reference set */
    const struct record_origin *origin; /* of a copy; NULL: from the writer itself */
};
/* 0: the record is there, durably, `id_out` is the snapshot's id, and the keeper's chain
 * goes on from there: another may follow without an update. 1: another
 * process took the sequence; update and try again, at most RECEPTION_TRIES times. */
MUST_CHECK int reception_put(struct reception *r, const struct received *what,
                             uint8_t id_out[ID_BYTES], struct err *e);
#define RECEPTION_TRIES 1000
int reception_gave_up(struct err *e); /* the error after so many; -1 */

#endif
