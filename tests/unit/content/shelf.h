/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata chunks in memory, in place of a vault. Its own memory does not count
 * for mem_fail_nth, so that a test counts the allocations of content alone. */
#ifndef ABRI_TESTS_CONTENT_SHELF_H
#define ABRI_TESTS_CONTENT_SHELF_H

#include "content/content.h"

struct shelf_chunk {
    uint8_t id[SEAL_ID_BYTES];
    uint8_t *p;
    size_t len;
};

struct shelf {
    struct shelf_chunk *chunks; /* open addressing by id */
    size_t cap, count;
    size_t puts, fetches;
    const struct seal_ids *ids; /* checks the names; NULL: not */
};

/* The keys that name chunks in a test, from shelf_set_up to shelf_tear_down. */
extern struct seal_ids *ids;
int shelf_set_up(void **state);
int shelf_tear_down(void **state);

void shelf_init(struct shelf *s, const struct seal_ids *names);
void shelf_done(struct shelf *s);
content_sink shelf_put;
content_fetch shelf_get; /* ERR_NOT_FOUND if there is none */
/* The bytes themselves, to be read or spoiled; NULL if there are none. */
struct shelf_chunk *shelf_find(struct shelf *s, const uint8_t id[SEAL_ID_BYTES]);
/* How many chunks of `a` are not in `b`. */
size_t shelf_missing(const struct shelf *a, struct shelf *b);

#endif
