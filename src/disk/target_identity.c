/* SPDX-License-Identifier: Apache-2.0 */
/* Which file or device a target is: what a restore that was cut off compares before it goes on. */
#include "disk/disk_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int disk_identify(const char *target, struct disk_identity *out, struct err *e)
{
    struct statx x;
    if (disk_is_uri(target)) {
        *out = (struct disk_identity){.place = DISK_PLACE_URI};
        return 0;
    }
    if (statx(AT_FDCWD, target, 0, STATX_BASIC_STATS | STATX_BTIME, &x)) {
        if (errno != ENOENT)
            return err_sys(e, errno, "look at '%s'", target);
        *out = (struct disk_identity){.place = DISK_PLACE_NOTHING};
        return 0;
    }
    if (S_ISBLK(x.stx_mode)) {
        *out = (struct disk_identity){.place = DISK_PLACE_DEVICE,
                                      .device = makedev(x.stx_rdev_major, x.stx_rdev_minor)};
        return 0;
    }
    if (!S_ISREG(x.stx_mode))
        return err_set(e, ERR_USAGE, "'%s' is neither a file nor a block device", target);
    *out = (struct disk_identity){.place = DISK_PLACE_FILE,
                                  .device = makedev(x.stx_dev_major, x.stx_dev_minor),
                                  .ino = x.stx_ino};
    if (x.stx_mask & STATX_BTIME)
        out->born_ns = (int64_t)x.stx_btime.tv_sec * NS_PER_S + x.stx_btime.tv_nsec;
    return 0;
}
