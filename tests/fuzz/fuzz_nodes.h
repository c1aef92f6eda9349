/* SPDX-License-Identifier: Apache-2.0 */
/* Several nodes in one input: u8 level ‖ u32 number that the top promises, then
 * per node u16 length ‖ bytes. A node is fetched by the first byte of its id:
 * its place among them, round and round. */
#ifndef ABRI_TESTS_FUZZ_NODES_H
#define ABRI_TESTS_FUZZ_NODES_H

#include "content/content.h"

#include <stdlib.h>

/* More than any input of the size that is searched can need if each node is
 * entered once: so many fetches mean that a reader runs in circles. */
#define NODES_FETCHES_MAX 1000000u

struct nodes {
    uint8_t level;
    uint64_t promised;
    const uint8_t *at[256];
    size_t len[256];
    size_t count, fetches;
};

static inline bool nodes_split(struct nodes *n, const uint8_t *p, size_t len)
{
    struct cursor c = cursor_of(p, len);
    n->level = cursor_u8(&c) % (CONTENT_LEVEL_MAX + 1);
    n->promised = cursor_u32(&c);
    n->count = n->fetches = 0;
    while (n->count < 256 && cursor_left(&c) > 2) {
        size_t want = cursor_u16(&c);
        n->len[n->count] = want < cursor_left(&c) ? want : cursor_left(&c);
        n->at[n->count] = cursor_bytes(&c, n->len[n->count]);
        n->count++;
    }
    return n->count > 0;
}

static inline int nodes_fetch(void *arg, const uint8_t id[SEAL_ID_BYTES], struct buf *out,
                              struct err *e)
{
    struct nodes *n = arg;
    (void)e;
    if (++n->fetches > NODES_FETCHES_MAX)
        abort();
    size_t i = id[0] % n->count;
    buf_put(out, n->at[i], n->len[i]);
    return 0;
}

#endif
