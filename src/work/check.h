/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a check: the data first, then the trees that name it. */
#ifndef ABRI_WORK_CHECK_H
#define ABRI_WORK_CHECK_H

#include "work/work_internal.h"

/* Chunks that do not verify, and in which pack; sorted. The same chunk may be whole
 * in another pack. An id of zeros stands for everything in the pack. */
struct bad_chunk {
    uint8_t id[ID_BYTES];
    uint32_t pack; /* as in frame_loc */
};
struct bad_chunks {
    struct bad_chunk *items;
    size_t count, cap;
};
void bad_chunks_done(struct bad_chunks *b);
bool bad_chunks_has(const struct bad_chunks *b, const uint8_t id[ID_BYTES], uint32_t pack);

/* Reads the chosen packs, every byte, on all processors; with a key, opens
 * every seal and names the content again. Adds to `result`, fills `bad`. */
MUST_CHECK int check_data(struct access *a, const struct check_options *o,
                          struct check_result *result, struct bad_chunks *bad, struct err *e);

#endif
