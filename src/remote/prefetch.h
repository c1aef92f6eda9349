/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching ahead: what will be read soon comes in few large requests, several at once, before anybody
 * asks for it. Any thread.
 */
#ifndef ABRI_REMOTE_PREFETCH_H
#define ABRI_REMOTE_PREFETCH_H

#include "remote/client.h"
#include "store/store.h"

struct prefetch;
/* `path` is that of the call that reads ranges; both are borrowed. */
MUST_CHECK int prefetch_new(struct client *c, const char *path, struct prefetch **out,
                            struct err *e);
void prefetch_free(struct prefetch *p); /* NULL is fine */
void prefetch_expect(struct prefetch *p, const struct store_range *ranges, size_t count);
/* 1: the bytes are in `out`; 0: nothing is known of them, ask for them alone. Waits for what is
 * on its way. What could not be fetched is not known: asking alone tells why. */
int prefetch_read(struct prefetch *p, const char *name, uint64_t off, void *out, size_t len);

#endif
