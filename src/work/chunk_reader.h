/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a chunk's name to its plaintext: for the pipelines, and for those who read at random (room
 * view). One thread at a time each; as many readers of one access as there are threads.
 */
#ifndef ABRI_WORK_CHUNK_READER_H
#define ABRI_WORK_CHUNK_READER_H

#include "work/work.h"

struct chunk_reader;
/* `a` was opened as a reader, and is borrowed. `verify_ids`: the name is worked out from the
 * plaintext again; without, the seal alone vouches for it. */
MUST_CHECK int chunk_reader_new(struct access *a, bool verify_ids, struct chunk_reader **out,
                                struct err *e);
void chunk_reader_free(struct chunk_reader *r);
/* Borrowed until the next call. ERR_DAMAGED names the pack. */
MUST_CHECK int chunk_reader_get(struct chunk_reader *r, enum seal_kind kind,
                                const uint8_t id[ID_BYTES], const uint8_t **plain_out,
                                size_t *len_out, struct err *e);
/* As a content_fetch for metadata; arg is the reader. */
int chunk_reader_fetch(void *arg, const uint8_t id[ID_BYTES], struct buf *out, struct err *e);

#endif
