/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and small objects of a vault in one answer. */
#ifndef ABRI_SERVER_OUTLINE_H
#define ABRI_SERVER_OUTLINE_H

#include "server/reading.h"

enum outline_of {
    OUTLINE_OPEN,    /* what anybody with a right in the vault begins with */
    OUTLINE_SESSION, /* the same, what the writer may build upon, and where its chain stands */
    OUTLINE_READ     /* history: keys, marks, records, sessions. ERR_REFUSED without the right */
};
/* `past` for OUTLINE_SESSION. */
MUST_CHECK int outline_make(struct reading *r, enum outline_of of, const struct writer_past *past,
                            struct buf *out, struct err *e);

#endif
