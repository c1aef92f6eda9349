/* SPDX-License-Identifier: Apache-2.0 */
/* A check under way. */
#ifndef ABRI_VAULT_CHECK_INTERNAL_H
#define ABRI_VAULT_CHECK_INTERNAL_H

#include "vault/record_format.h"
#include "vault/vault_internal.h"

#define CHECK_NO_FOOTER UINT32_MAX

/* Frames that compaction moved: where each came from, and where it is. */
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
/* Where frame `frame` of pack `id` is now, or NULL. */
const struct origin *origins_find(const struct origins *o, const uint8_t id[ID_BYTES],
                                  uint32_t frame);

struct check {
    struct vault *vault;
    struct damage damage;
    struct vault_check_stats stats;
    uint32_t *frames_of; /* by number of the pack, or CHECK_NO_FOOTER */
    uint32_t pack_count;
    struct origins origins;
};

/* Every record: structure, signatures, chains, references. */
MUST_CHECK int check_records(struct check *c, struct err *e);

#endif
