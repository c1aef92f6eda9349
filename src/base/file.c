/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void file_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

ssize_t file_pread(int fd, void *p, size_t len, off_t off)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)p + done, len - done, off + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t file_read(int fd, void *p, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = read(fd, (char *)p + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int file_pwrite(int fd, const void *p, size_t len, off_t off)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pwrite(fd, (const char *)p + done, len - done, off + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

int file_write(int fd, const void *p, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, (const char *)p + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

int file_slurp(int dirfd, const char *path, size_t max, struct buf *out, struct err *e)
{
    CLEANUP(file_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, errno, "open '%s'", path);
    for (;;) {
        uint8_t *at = buf_reserve(out, 65536);
        if (!at)
            return buf_check(out, path, e);
        ssize_t n = file_read(fd, at, 65536);
        if (n < 0)
            return err_sys(e, errno, "read '%s'", path);
        if (n == 0)
            return 0;
        buf_added(out, (size_t)n);
        if (out->len > max)
            return err_set(e, ERR_LIMIT, "'%s' is longer than its limit of %zu bytes", path, max);
    }
}

static int write_and_rename(int dirfd, const char *base, const char *tmp, const void *p,
                            size_t len, mode_t mode)
{
    CLEANUP(file_close)
    int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -1;
    if (file_write(fd, p, len) || fdatasync(fd) || renameat(dirfd, tmp, dirfd, base)) {
        int saved = errno;
        (void)unlinkat(dirfd, tmp, 0);
        errno = saved;
        return -1;
    }
    return fsync(dirfd);
}

int file_replace(const char *path, const void *p, size_t len, mode_t mode, struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    CLEANUP_FREE char *dir = mem_strdup(path);
    if (!dir)
        return err_no_memory(e, "a file name");
    if (slash)
        dir[slash == path ? 1 : slash - path] = '\0';
    CLEANUP(file_close) int dirfd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return err_sys(e, errno, "open the directory of '%s'", path);
    char tmp[300];
    if ((size_t)snprintf(tmp, sizeof tmp, ".%s.%ld.tmp", base, (long)getpid()) >= sizeof tmp)
        return err_set(e, ERR_LIMIT, "'%s': the name is too long", path);
    (void)unlinkat(dirfd, tmp, 0);
    if (write_and_rename(dirfd, base, tmp, p, len, mode))
        return err_sys(e, errno, "write '%s'", path);
    return 0;
}

int file_make_dirs(const char *path, mode_t mode, struct err *e)
{
    CLEANUP_FREE char *copy = mem_strdup(path);
    if (!copy)
        return err_no_memory(e, "a file name");
    for (char *at = copy + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(copy, mode) && errno != EEXIST)
            return err_sys(e, errno, "make the directory '%s'", copy);
        *at = kept;
        if (kept == '\0')
            return 0;
    }
}

int file_next_data(int fd, uint64_t off, uint64_t size, uint64_t *data_out, uint64_t *end_out)
{
    if (off >= size)
        return 0;
    off_t data = off > INT64_MAX ? -1 : lseek(fd, (off_t)off, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        return 0;
    off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
    if (data < 0 || hole <= data) { /* cannot tell */
        *data_out = off;
        *end_out = size;
        return 1;
    }
    if ((uint64_t)data >= size)
        return 0;
    *data_out = (uint64_t)data;
    *end_out = (uint64_t)hole < size ? (uint64_t)hole : size;
    return 1;
}
