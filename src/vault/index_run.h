/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One immutable sorted run of the index: mapped from the store, or an image in
 * memory until it is stored. Reading is thread-safe; every block is verified
 * before its first use.
 */
#ifndef ABRI_VAULT_INDEX_RUN_H
#define ABRI_VAULT_INDEX_RUN_H

#include "store/store.h"
#include "vault/index_format.h"

#include <stdatomic.h>

#define INDEX_NAME_BYTES 40 /* "index/" + 32 digits + NUL */

struct index_run {
    char name[INDEX_NAME_BYTES]; /* empty: only in memory */
    struct store_reader *reader;
    uint8_t *memory;     /* the image, if it is not mapped */
    const uint8_t *base; /* wherever it is */
    struct index_header h;
    _Atomic uint64_t *intact; /* a bit per block: verified */
    /* The vault's number of each pack of the run; PACK_NONE for those that are
     * gone or that another run describes. Guarded by the vault's lock. */
    uint32_t *map;
    uint32_t used; /* entries of `map` that are not PACK_NONE */
};

/* Opens index object `name`. ERR_DAMAGED, ERR_NEWER if it is of no use. */
MUST_CHECK int index_run_open(struct store *s, const char *name, const uint8_t vault[UID_BYTES],
                              struct index_run **out, struct err *e);
/* Takes over `image`, whether it succeeds or not. */
MUST_CHECK int index_run_of_image(uint8_t *image, uint64_t len, const uint8_t vault[UID_BYTES],
                                  struct index_run **out, struct err *e);
void index_run_close(struct index_run *r); /* NULL is fine */

void index_run_pack(const struct index_run *r, uint32_t i, struct index_pack *out);

/* The position of the first entry whose id is not below `id` (the entry count
 * if there is none), or -1 if a block on the way is damaged. */
int64_t index_run_seek(const struct index_run *r, const uint8_t id[static ID_BYTES]);
/* False if the entry's block is damaged. */
bool index_run_entry(const struct index_run *r, uint64_t position, struct index_entry *out);

#endif
