/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading on: whoever reads an object piece by piece, forward, gets more with each request, so that a tree of many nodes does not
 * cost a round trip for each. Nothing is fetched that was not preceded by what lies before it.
 * Threads: any.
 */
#ifndef ABRI_REMOTE_RUNS_H
#define ABRI_REMOTE_RUNS_H

#include "wire/wire.h"

struct runs;
MUST_CHECK int runs_new(struct runs **out, struct err *e);
void runs_free(struct runs *r); /* NULL is fine */
/* Whether those bytes are here: copied. */
bool runs_read(struct runs *r, const char *name, uint64_t off, void *p, size_t len);
/* How many bytes to ask for from `off` on, `len` at least, of an object of that length. */
size_t runs_want(struct runs *r, const char *name, uint64_t off, size_t len, uint64_t object_len);
/* What came from there; takes the bytes. With none, that so many were read. */
void runs_keep(struct runs *r, const char *name, uint64_t off, size_t len, struct buf *bytes);
/* The server does not give more than was asked for: it is not asked again. */
void runs_stop(struct runs *r);

#endif
