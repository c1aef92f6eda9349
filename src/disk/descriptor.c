/* SPDX-License-Identifier: Apache-2.0 */
/* A raw file or a block device, by its descriptor. */
#include "disk/disk_internal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int descriptor_begin(struct disk *d, struct err *e)
{
    struct stat st;
    d->info.kernel_map = true;
    if (fstat(d->fd, &st))
        return err_sys(e, errno, "look at it");
    if (S_ISBLK(st.st_mode)) {
        if (ioctl(d->fd, BLKGETSIZE64, &d->info.size))
            return err_sys(e, errno, "ask for its size");
    } else {
        d->info.size = (uint64_t)st.st_size;
        d->sparse = (uint64_t)st.st_blocks * 512 < d->info.size;
        d->info.has_stat = true;
        d->info.ino = st.st_ino;
        d->info.ctime_s = st.st_ctim.tv_sec;
        d->info.ctime_ns = (uint32_t)st.st_ctim.tv_nsec;
        d->info.mtime_s = st.st_mtim.tv_sec;
        d->info.mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
    }
    (void)posix_fadvise(d->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

/* The byte that QEMU locks for the permission to write (its include/block/block-common.h). */
#define QEMU_WRITES_LOCK 101

int descriptor_check_free(const struct disk *d, struct err *e)
{
    struct flock held = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_WRITES_LOCK, .l_len = 1};
    if (fcntl(d->fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK)
        return err_set(e, ERR_BUSY,
                       "a running machine uses it: back it up with --domain, or through its NBD export");
    return 0;
}

bool disk_changed(const struct disk *d)
{
    struct stat st;
    const struct disk_info *i = &d->info;
    if (!i->has_stat)
        return false;
    return fstat(d->fd, &st) || (uint64_t)st.st_size != i->size ||
           st.st_ctim.tv_sec != i->ctime_s || (uint32_t)st.st_ctim.tv_nsec != i->ctime_ns ||
           st.st_mtim.tv_sec != i->mtime_s || (uint32_t)st.st_mtim.tv_nsec != i->mtime_ns;
}

int descriptor_map(struct disk *d, uint64_t off, struct disk_extent *out)
{
    uint64_t data = off, end = d->info.size;
    bool found = !d->sparse || file_next_data(d->fd, off, d->info.size, &data, &end);
    if (!found)
        *out = (struct disk_extent){.end = d->info.size, .zero = true};
    else if (data > off)
        *out = (struct disk_extent){.end = data, .zero = true};
    else
        *out = (struct disk_extent){.end = end};
    return 0;
}
