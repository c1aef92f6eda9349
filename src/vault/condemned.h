/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condemnations that a vault holds, read into memory. Sessions need them to
 * leave the packs alone, collections to go on where the last one stopped.
 */
#ifndef ABRI_VAULT_CONDEMNED_H
#define ABRI_VAULT_CONDEMNED_H

#include "vault/condemn_format.h"
#include "vault/vault_internal.h"

#define CONDEMNED_NAME_BYTES 48

struct condemned_one {
    char name[CONDEMNED_NAME_BYTES];
    struct buf bytes;
    struct condemnation c; /* borrows from `bytes` */
};

struct condemned {
    struct condemned_one *items;
    size_t count, cap;
};
void condemned_done(struct condemned *l);

/* Every condemnation that verifies; others are reported and left out: then their
 * packs are in use again, and a later collection begins anew with them. */
MUST_CHECK int condemned_read(struct vault *v, struct damage *d, struct condemned *out,
                              struct err *e);
/* Writes one durably, as a new object; adds it to `l`. */
MUST_CHECK int condemned_put(struct vault *v, struct condemned *l, const struct condemnation *c,
                             struct err *e);
/* Removes item `at`, durably. */
MUST_CHECK int condemned_drop(struct vault *v, struct condemned *l, size_t at, struct err *e);

/* Marks their packs in the vault's set, and no others: index_find then passes
 * them over for sessions, and prefers others for readers. Only for a list that was
 * read before the packs in the set were listed: one that was dropped in between
 * may have been dropped because its packs are gone. Needs the vault's lock. */
void condemned_mark(struct vault *v, const struct condemned *l);

#endif
