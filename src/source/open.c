/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as they are opened for reading: without following links, without side
 * effects, and whether they stayed what they were. Does not read content.
 */
#include "source/dir.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int source_open(struct source_dir *dir, const char *name, struct err *e)
{
    int fd = source_openat(dir->fd, name, O_NONBLOCK);
    if (fd < 0)
        return err_sys(e, errno, "open for reading");
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    file_close(&fd);
    return err_set(e, ERR_IO, "is no longer a regular file: something replaced it meanwhile");
}

bool source_changed(const struct source_item *before, int fd)
{
    struct stat st;
    if (fstat(fd, &st))
        return true;
    return !S_ISREG(st.st_mode) || before->type != ENTRY_FILE || st.st_dev != before->dev ||
           st.st_ino != before->ino || (uint64_t)st.st_size != before->size ||
           st.st_mtim.tv_sec != before->mtime_s || st.st_mtim.tv_nsec != before->mtime_ns ||
           st.st_ctim.tv_sec != before->ctime_s || st.st_ctim.tv_nsec != before->ctime_ns;
}
