/* SPDX-License-Identifier: Apache-2.0 */
/* Directory handles, inside the room. */
#ifndef ABRI_SOURCE_DIR_H
#define ABRI_SOURCE_DIR_H

#include "source/source.h"

#include <stdatomic.h>

struct source_dir {
    _Atomic uint32_t refs;
    int fd; /* may be O_PATH */
};

/* Takes over `fd` in any case; NULL (and closed) if out of memory. */
struct source_dir *source_dir_new(int fd);

/* openat for reading that leaves the access time alone where it may: O_NOATIME
 * is for owners and root, others get EPERM. */
int source_openat(int dirfd, const char *name, int flags);

#endif
