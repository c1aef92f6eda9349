/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes of one thing, read into memory that is used again. */
#ifndef ABRI_SOURCE_XATTR_H
#define ABRI_SOURCE_XATTR_H

#include "base/bytes.h"
#include "entry/entry.h"

#include <sys/types.h>

struct xattrs {
    char *names; /* as listxattr gives them */
    struct buf values;
    struct entry_xattr *items;
    size_t count, cap;
    bool incomplete; /* some could not be read */
};

/* Where the attributes are: an open file, or (fd -1) a path that is not
 * followed at its end. */
struct xattr_place {
    int fd;
    const char *path;
};

MUST_CHECK int xattrs_init(struct xattrs *x, struct err *e);
void xattrs_done(struct xattrs *x);
/* Fills items, ascending by name. ERR_INCOMPLETE (and `incomplete`) with what
 * could be read there; other classes leave nothing. */
MUST_CHECK int xattrs_read(struct xattrs *x, const struct xattr_place *at, struct err *e);

#endif
