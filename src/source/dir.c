/* SPDX-License-Identifier: Apache-2.0 */
/* Counted directory handles. The last one who lets go closes. */
#include "source/dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>

struct source_dir *source_dir_new(int fd)
{
    struct source_dir *d = mem_alloc(sizeof *d);
    if (!d) {
        file_close(&fd);
        return NULL;
    }
    atomic_init(&d->refs, 1);
    d->fd = fd;
    return d;
}

struct source_dir *source_dir_ref(struct source_dir *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void source_dir_unref(struct source_dir *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
        return;
    file_close(&d->fd);
    mem_free(d);
}

int source_openat(int dirfd, const char *name, int flags)
{
    flags |= O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
    int fd = openat(dirfd, name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(dirfd, name, flags) : fd;
}
