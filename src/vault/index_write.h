/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a run, entry by entry in ascending order, to an image in memory or
 * to an object of the store.
 */
#ifndef ABRI_VAULT_INDEX_WRITE_H
#define ABRI_VAULT_INDEX_WRITE_H

#include "store/store.h"
#include "vault/index_format.h"

struct index_writer {
    uint8_t vault[UID_BYTES];
    const struct index_pack *packs; /* borrowed */
    uint32_t pack_count;
    struct store_writer *object; /* NULL: in memory */
    uint8_t *image;
    uint64_t image_len;
    uint8_t *blocks; /* collected, to be written many at a time */
    uint32_t block_fill, entry_fill;
    uint64_t entry_count, blocks_done;
    struct buf fences;
};

/* With `s` it writes an object; without, an image with room for `entries_max`
 * entries. `packs` must stay until the end. */
MUST_CHECK int index_write_begin(struct index_writer *w, struct store *s,
                                 const uint8_t vault[UID_BYTES], const struct index_pack *packs,
                                 uint32_t pack_count, uint64_t entries_max, struct err *e);
MUST_CHECK int index_write_entry(struct index_writer *w, const struct index_entry *n,
                                 struct err *e);
/* Completes the image and hands it over. */
MUST_CHECK int index_write_image(struct index_writer *w, uint8_t **out, uint64_t *len_out,
                                 struct err *e);
/* Completes the object and commits it as `name`. */
MUST_CHECK int index_write_object(struct index_writer *w, const char *name, struct err *e);
/* Frees; after a begin that failed, too. */
void index_write_done(struct index_writer *w);

#endif
