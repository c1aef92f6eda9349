/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from a vault on somebody's behalf: who he is, what he may see, and that the log knows of it.
 *
 * A7 What may be seen is one table (wire/objects.c) and, of packs with the right "add" alone, their ends
 *    (vault/keeper_view.c). What may not be seen is answered as what is not there.
 * A8 Nothing is read before the log says who begins to read (tally.c, B4); the right "add" alone reads nothing of
 *    history, and is not recorded.
 */
#ifndef ABRI_SERVER_READING_H
#define ABRI_SERVER_READING_H

#include "server/server_internal.h"

struct reading {
    struct request *q;
    struct vault_access access;
    struct vault_entry *v;
    struct keeper_view *view; /* with the right "add" alone, once packs are asked for */
};
/* Of the vault in the request's path. -1: answered. */
int reading_begin(struct request *q, struct reading *r);
void reading_done(struct reading *r);
bool reading_may(const struct reading *r); /* the right "read" */
/* A8; `bytes` more were given. Who may only add is not recorded. */
MUST_CHECK int reading_note(struct reading *r, uint64_t bytes, struct err *e);
/* A7: whether these bytes of the object may be seen. ERR_NOT_FOUND, ERR_REFUSED. */
MUST_CHECK int reading_check(struct reading *r, const char *name, uint64_t off, uint64_t len, struct err *e);
/* Appends lines. */
MUST_CHECK int reading_list(struct reading *r, const char *dir, struct buf *out, struct err *e);
void reading_refuse(struct request *q, const struct err *why);

#endif
