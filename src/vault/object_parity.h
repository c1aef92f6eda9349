/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parity of the objects beside packs: `parity/sessions/<id>` and so on, the same
 * format as a pack's, with H(the object) in the place of the pack's id. An object
 * of up to 1 MiB has as many parity blocks as blocks: a copy.
 *
 * Q1 Parity is written behind its object, when that is durable, name and all.
 * Q2 Whoever removes an object removes its parity first, durably. So where an
 *    object is missing and its parity is there, nobody here removed it.
 * Q3 Whoever wrote parity looks again whether the object is there, and takes it
 *    back if not; whoever removed an object removes parity once more. So no order
 *    of the two leaves parity of what was removed.
 * Q4 Nothing that is read depends on parity, and no writing fails for want of it.
 */
#ifndef ABRI_VAULT_OBJECT_PARITY_H
#define ABRI_VAULT_OBJECT_PARITY_H

#include "vault/object_kinds.h"
#include "vault/parity_format.h"

/* Appends the parity object of these bytes: of 1 … PARITY_PACK_MAX of them; of
 * others, nothing. */
MUST_CHECK int object_parity_of(struct vault *v, const void *p, size_t len, struct buf *out,
                                struct err *e);
/* Writes it (Q1, Q3), in the place of what is there. Its name is not synced. Those
 * who have just put the object pass on without it (Q4). */
int object_parity_put(struct vault *v, const char *object, const void *p, size_t len,
                      struct err *e);
/* Q2: before the object goes; durable, also if there was none. */
MUST_CHECK int object_parity_remove(struct vault *v, const char *object, struct err *e);
/* Q3: after the object went. */
void object_parity_remove_again(struct vault *v, const char *object);
/* Several of one directory, "snapshots": remove each with _remove_again, then sync. */
MUST_CHECK int object_parity_sync(struct vault *v, const char *dir, struct err *e);

/* Q2: whether an object of this name is missing, and nobody removed it. */
bool object_was_lost(struct vault *v, const char *object);
bool object_has_parity(struct vault *v, const char *object);

/* What the object was, by its parity, as long as that tells: its hash matches. 1 and
 * appended to `whole`; 0 and `why` (ERR_NOT_FOUND: it has no parity; ERR_NEWER); -1
 * without memory. Proves no more than that: the caller verifies. Secret if the
 * object is. */
int object_mend(struct store *s, const char *object, const struct buf *damaged,
                struct buf *whole, struct parity_head *head_out, struct err *why);
/* False if `damaged` says that it is of a newer format than `whole`, and differs
 * in more than that: then it may be what it says, and must stay. */
bool object_may_be_replaced(const struct buf *damaged, const struct buf *whole);

/* Wipes, then buf_done: for what may be the keeper's key. */
void object_buf_done(struct buf *b);

#endif
