/* SPDX-License-Identifier: Apache-2.0 */
/* What parse.c and string.c share: a place in the text that never passes its end. */
#ifndef ABRI_PROFILE_INTERNAL_H
#define ABRI_PROFILE_INTERNAL_H

#include "base/bytes.h"
#include "profile/profile.h"

struct reader {
    const char *p, *end;
    struct profile_place at;
};

#define READER_END (-1)
/* The next byte, or READER_END. */
static inline int reader_peek(const struct reader *r)
{
    return r->p < r->end ? (unsigned char)*r->p : READER_END;
}
void reader_skip(struct reader *r); /* one byte, if there is one */
/* ERR_USAGE "line …, column …: <message>"; returns -1. */
int reader_fail(struct profile_place at, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Reads a string from its opening quote to behind its closing one; appends it
 * to `out`, ended with NUL. */
MUST_CHECK int reader_string(struct reader *r, struct buf *out, struct err *e);

#endif
