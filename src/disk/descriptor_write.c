/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zeros in a raw file or on a block device, by its descriptor: without space where the
 * file system or the device can do that, else written.
 */
#include "disk/disk_internal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define SECTOR     ((uint64_t)512)
#define STEP_BYTES ((uint64_t)128 << 20) /* a device may take a while: so that ^C is heard */

static int write_zeros(int fd, uint64_t off, uint64_t len)
{
    static const uint8_t zeros[(size_t)64 << 10];
    while (len) {
        size_t n = len < sizeof zeros ? (size_t)len : sizeof zeros;
        if (file_pwrite(fd, zeros, n, (off_t)off))
            return -1;
        off += n;
        len -= n;
    }
    return 0;
}

static bool cannot(int why)
{
    return why == EOPNOTSUPP || why == ENOTTY || why == EINVAL || why == ENOSYS;
}

static int zero_device(int fd, uint64_t off, uint64_t len)
{
    uint64_t range[2] = {off, len / SECTOR * SECTOR};
    if (off % SECTOR || range[1] == 0)
        return write_zeros(fd, off, len);
    if (ioctl(fd, BLKZEROOUT, range))
        return cannot(errno) ? write_zeros(fd, off, len) : -1;
    return write_zeros(fd, off + range[1], len - range[1]);
}

static int zero_file(int fd, uint64_t off, uint64_t len)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
        return 0;
    return cannot(errno) ? write_zeros(fd, off, len) : -1;
}

int descriptor_zero(struct disk *d, uint64_t off, uint64_t len)
{
    while (len) {
        uint64_t n = len < STEP_BYTES ? len : STEP_BYTES;
        if (disk_is_cancelled(d)) {
            errno = EINTR;
            return -1;
        }
        if (d->info.has_stat ? zero_file(d->fd, off, n) : zero_device(d->fd, off, n))
            return -1;
        off += n;
        len -= n;
    }
    return 0;
}
