/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's files: written under another name, synced, named, and the name synced. All that
 * changes the disk goes through the table of tlog_test.h.
 */
#include "tlog/tlog_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the real calls ----------------------------------------------------------------------- */

static int system_create(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return openat(dirfd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static ssize_t system_pwrite(void *arg, int fd, const char *path, const void *p, size_t len,
                             off_t off)
{
    (void)arg;
    (void)path;
    return pwrite(fd, p, len, off);
}

static int system_fdatasync(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)path;
    return fdatasync(fd);
}

static int system_sync_dir(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)path;
    return fsync(fd);
}

static int system_rename(void *arg, int dirfd, const char *from, const char *to)
{
    (void)arg;
    return renameat(dirfd, from, dirfd, to);
}

static int system_unlink(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return unlinkat(dirfd, path, 0);
}

static int system_mkdir(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return mkdirat(dirfd, path, 0750);
}

static int system_rmdir(void *arg, int dirfd, const char *path)
{
    (void)arg;
    return unlinkat(dirfd, path, AT_REMOVEDIR);
}

const struct tlog_ops tlog_system = {system_create,   system_pwrite, system_fdatasync,
                                     system_sync_dir, system_rename, system_unlink,
                                     system_mkdir,    system_rmdir};

/* ---- directories ------------------------------------------------------------------------------
 */

static int add_dir(struct dir_set *dirs, const char *path, size_t len, struct err *e)
{
    for (unsigned i = 0; i < dirs->count; i++)
        if (strlen(dirs->paths[i]) == len && memcmp(dirs->paths[i], path, len) == 0)
            return 0;
    if (dirs->count == DIR_SET_MAX)
        return err_set(e, ERR_LIMIT, "too many directories to sync at once");
    memcpy(dirs->paths[dirs->count], path, len);
    dirs->paths[dirs->count++][len] = '\0';
    return 0;
}

/* Makes the directories of `path` and notes them, the deepest last. */
static int make_dirs(struct log_files *f, const char *path, struct dir_set *dirs, struct err *e)
{
    char dir[TLOG_PATH_BYTES];
    if (add_dir(dirs, "", 0, e))
        return -1;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        unsigned before = dirs->count;
        if (add_dir(dirs, path, len, e))
            return -1;
        if (dirs->count == before)
            continue; /* made a moment ago */
        memcpy(dir, path, len);
        dir[len] = '\0';
        if (f->ops->mkdir(f->arg, f->dirfd, dir) && errno != EEXIST)
            return err_sys(e, errno, "log '%s': make '%s'", f->name, dir);
    }
    return 0;
}

/* Deepest first, so that a name is durable only when what it leads to is. */
int files_sync(struct log_files *f, struct dir_set *dirs, struct err *e)
{
    for (unsigned i = dirs->count; i-- > 0;) {
        const char *path = dirs->paths[i];
        CLEANUP(file_close)
        int fd =
            openat(f->dirfd, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || f->ops->sync_dir(f->arg, fd, path))
            return err_sys(e, errno, "log '%s': sync '%s'", f->name, path);
    }
    dirs->count = 0;
    return 0;
}

void files_remove_dir(struct log_files *f, const char *path)
{
    int fd = openat(f->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!stream) {
        file_close(&fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        char full[TLOG_PATH_BYTES];
        size_t len = strlen(path), name_len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || len + name_len + 2 > sizeof full)
            continue;
        memcpy(full, path, len);
        full[len] = '/';
        memcpy(full + len + 1, entry->d_name, name_len + 1);
        (void)f->ops->unlink(f->arg, f->dirfd, full);
    }
    (void)closedir(stream);
    (void)f->ops->rmdir(f->arg, f->dirfd, path);
}

/* ---- files
 * --------------------------------------------------------------------------------------- */

static int write_all(struct log_files *f, int fd, const char *path, const void *p, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n =
            f->ops->pwrite(f->arg, fd, path, (const char *)p + done, len - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return f->ops->fdatasync(f->arg, fd, path);
}

/* The descriptor of a file that is synced and named, not yet durably. */
static int write_named(struct log_files *f, const char *tmp, const char *path, const void *p,
                       size_t len, struct err *e)
{
    if (f->ops->unlink(f->arg, f->dirfd, tmp) && errno != ENOENT)
        return err_sys(e, errno, "log '%s': remove '%s'", f->name, tmp);
    CLEANUP(file_close) int fd = f->ops->create(f->arg, f->dirfd, tmp);
    if (fd < 0 || write_all(f, fd, tmp, p, len) || f->ops->rename(f->arg, f->dirfd, tmp, path)) {
        int saved = errno;
        if (fd >= 0)
            (void)f->ops->unlink(f->arg, f->dirfd, tmp);
        return err_sys(e, saved, "log '%s': write '%s'", f->name, path);
    }
    int named = fd;
    fd = -1;
    return named;
}

int files_write(struct log_files *f, const char *tmp, const char *path, const void *p, size_t len,
                struct dir_set *dirs, struct err *e)
{
    if (make_dirs(f, path, dirs, e))
        return -1;
    CLEANUP(file_close) int fd = write_named(f, tmp, path, p, len, e);
    return fd < 0 ? -1 : 0;
}

int files_replace(struct log_files *f, const char *tmp, const char *path, const void *p, size_t len,
                  int *fd_out, struct err *e)
{
    CLEANUP(file_close) int fd = write_named(f, tmp, path, p, len, e);
    if (fd < 0)
        return -1;
    if (f->ops->sync_dir(f->arg, f->dirfd, ""))
        return err_sys(e, errno, "log '%s': sync the name '%s'", f->name, path);
    if (fd_out) {
        *fd_out = fd;
        fd = -1;
    }
    return 0;
}

int files_read(struct log_files *f, const char *path, size_t max, struct buf *out, struct err *e)
{
    struct err caught = ERR_INIT;
    size_t before = out->len;
    if (file_slurp(f->dirfd, path, max, out, &caught) == 0)
        return 0;
    out->len = before;
    if (caught.cls == ERR_LIMIT)
        err_reclass(&caught, ERR_DAMAGED);
    err_give(e, &caught);
    return err_wrap(e, "log '%s'", f->name);
}
