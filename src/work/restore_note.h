/* SPDX-License-Identifier: Apache-2.0 */
/* The note that a restore leaves while it is under way, in the cache. */
#ifndef ABRI_WORK_RESTORE_NOTE_H
#define ABRI_WORK_RESTORE_NOTE_H

#include "work/work_internal.h"

/* While a restore of `what` into `target` runs, its note exists and is locked.
 * A note that exists and is not locked belongs to a restore that was cut off:
 * *resumes_out. ERR_BUSY if one is running. Without a cache there is no note. */
struct restore_note {
    int fd; /* -1: none */
    char path[4096];
};
MUST_CHECK int restore_note_begin(const struct work_dirs *dirs, const char *target,
                                  const uint8_t snapshot[ID_BYTES], const char *what,
                                  struct restore_note *out, bool *resumes_out, struct err *e);
/* `finished`: nothing is left to go on with, so the note goes away. */
void restore_note_end(struct restore_note *n, bool finished);

#endif
