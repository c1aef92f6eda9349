/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that compaction moved: where each came from, and where it is. */
#ifndef ABRI_VAULT_ORIGINS_H
#define ABRI_VAULT_ORIGINS_H

#include "vault/pack_format.h"

struct origin {
    uint8_t pack[ID_BYTES]; /* it was there … */
    uint32_t frame;
    uint32_t now_pack, now_frame; /* … and is here, by number of the pack */
};
struct origins {
    struct origin *items;
    size_t count, cap;
};
void origins_done(struct origins *o);
MUST_CHECK int origins_add(struct origins *o, uint32_t number, const struct pack_footer *f,
                           struct err *e);
void origins_sort(struct origins *o);
/* Where frame `frame` of pack `id` is now, or NULL. After origins_sort. */
const struct origin *origins_find(const struct origins *o, const uint8_t id[ID_BYTES],
                                  uint32_t frame);
/* The first that was in pack `id`, or behind where it would stand: an index. */
size_t origins_first(const struct origins *o, const uint8_t id[ID_BYTES]);

/* Of all packs that the last refresh found; sorted. A footer that cannot be read
 * is passed over: whoever checks says so. */
MUST_CHECK int origins_load(struct vault *v, struct origins *out, struct err *e);
/* Those of the last refresh, in v->origins (snapshot_refs.c). */
MUST_CHECK int origins_ensure(struct vault *v, struct err *e);
/* Adds to a reference set the frames to which its own have been moved. */
MUST_CHECK int origins_resolve(struct vault *v, const struct origins *o, struct refset *r,
                               struct err *e);

#endif
