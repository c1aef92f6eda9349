/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room that uploads may not take: what is acknowledged must be entered in the log, a reading begins with an entry, and
 * what the catalogue cannot follow stops everything (record.c). So packs are refused while there still is room for
 * all that; it is the packs that fill disks.
 */
#include "server/server_internal.h"

#include <errno.h>
#include <sys/statvfs.h>

#define RESERVE_BYTES (UINT64_C(64) << 20)
#define RESERVE_SHARE 16u /* of a small file system */

int server_room(const struct server *s, uint64_t len, struct err *e)
{
    struct statvfs fs;
    if (statvfs(s->installation.root, &fs))
        return err_sys(e, errno, "look at '%s'", s->installation.root);
    uint64_t all = (uint64_t)fs.f_blocks * fs.f_frsize, left = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t reserve = all / RESERVE_SHARE < RESERVE_BYTES ? all / RESERVE_SHARE : RESERVE_BYTES;
    return left >= reserve && left - reserve >= len
               ? 0
               : err_set(e, ERR_NO_SPACE, "%llu MiB are left at '%s', of which %llu are for the log",
                         (unsigned long long)(left >> 20), s->installation.root,
                         (unsigned long long)(reserve >> 20));
}
