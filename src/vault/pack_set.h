/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every pack that an opened vault has seen, numbered in order of appearance.
 * Numbers and the ids behind them never change until the vault is closed, so
 * both may be read without a lock; adding needs the vault's lock.
 */
#ifndef ABRI_VAULT_PACK_SET_H
#define ABRI_VAULT_PACK_SET_H

#include "vault/id_map.h"
#include "vault/vault.h"

#include <stdatomic.h>

#define PACK_NONE          UINT32_MAX
#define PACK_SEGMENTS      20u
#define PACK_SEGMENT_FIRST 256u
#define PACK_SET_MAX       ((PACK_SEGMENT_FIRST << PACK_SEGMENTS) - PACK_SEGMENT_FIRST)

struct pack {
    uint8_t id[ID_BYTES];
    uint8_t writer[UID_BYTES];
    uint32_t frame_count;
    enum frame_kind kind;
    bool known;            /* the fields above are filled, and moved_in */
    bool moved_in;         /* compaction wrote it: its footer names origins */
    _Atomic uint64_t condemned; /* 0: no; else when it was marked */
    _Atomic uint64_t swept;     /* the same: condemned, and needed by no record */
    _Atomic uint64_t damaged;   /* the same: condemned, since a repair could not mend it */
    _Atomic bool unsynced; /* its name may not survive a power cut yet */
    uint64_t seen;         /* the last refresh that listed it */
    uint64_t len;          /* bytes, as it was listed */
    uint64_t covered;      /* the last refresh in which a run described it */
};

struct pack_set {
    struct pack *segments[PACK_SEGMENTS]; /* doubling in size, never moved */
    _Atomic uint32_t count;
    struct id_map map;
};

void pack_set_init(struct pack_set *s);
void pack_set_done(struct pack_set *s);
/* `number` must be below the count. */
struct pack *pack_set_at(const struct pack_set *s, uint32_t number);
/* PACK_NONE if the set does not know the pack. */
uint32_t pack_set_find(const struct pack_set *s, const uint8_t id[static ID_BYTES]);
/* Finds or adds; a new one is unsynced and not known. */
MUST_CHECK int pack_set_add(struct pack_set *s, const uint8_t id[static ID_BYTES],
                            uint32_t *number_out, struct err *e);

#endif
