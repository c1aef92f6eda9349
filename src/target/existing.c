/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that are taken: kept or cleared, as the operator chose. Clears by
 * unlinking the name (T2: never writes to what it stood for), and directories
 * only when they are empty (T3).
 */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool has_type(const struct stat *st, const struct entry *meta)
{
    switch (meta->type) {
    case ENTRY_FILE: return S_ISREG(st->st_mode) && (uint64_t)st->st_size == meta->size;
    case ENTRY_DIR: return S_ISDIR(st->st_mode);
    case ENTRY_SYMLINK: return S_ISLNK(st->st_mode) && (uint64_t)st->st_size == meta->target_len;
    case ENTRY_FIFO: return S_ISFIFO(st->st_mode);
    case ENTRY_SOCKET: return S_ISSOCK(st->st_mode);
    case ENTRY_CHAR:
    case ENTRY_BLOCK:
        return (meta->type == ENTRY_CHAR ? S_ISCHR(st->st_mode) : S_ISBLK(st->st_mode)) &&
               major(st->st_rdev) == meta->dev_major && minor(st->st_rdev) == meta->dev_minor;
    case ENTRY_UNSET: break;
    }
    return false;
}

static int compare_time(const struct stat *st, const struct entry *meta)
{
    if (st->st_mtim.tv_sec != meta->mtime_s)
        return st->st_mtim.tv_sec < meta->mtime_s ? -1 : 1;
    long ns = (long)meta->mtime_ns;
    return (st->st_mtim.tv_nsec > ns) - (st->st_mtim.tv_nsec < ns);
}

enum target_decision existing_decide(const struct target *t, const struct entry *meta,
                                     const struct stat *st)
{
    bool skip = false;
    switch (t->o.overwrite) {
    case TARGET_ALWAYS: break;
    case TARGET_IF_CHANGED: skip = meta && has_type(st, meta) && compare_time(st, meta) == 0; break;
    case TARGET_IF_NEWER: skip = !meta || compare_time(st, meta) >= 0; break;
    case TARGET_NEVER: skip = true; break;
    }
    return skip ? TARGET_SKIP : TARGET_WRITE;
}

/* An immutable file cannot be unlinked, and restored files may be immutable. The
 * flag is lifted for the unlink; other names of the file get it back (T2). Not
 * where others may write: they could name another file meanwhile. */
static int remove_locked(int dirfd, const char *name, int how)
{
    const int locks = FS_IMMUTABLE_FL | FS_APPEND_FL;
    CLEANUP(file_close)
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    int flags = 0;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) || !(flags & locks)) {
        errno = EPERM;
        return -1;
    }
    int lifted = flags & ~locks;
    if (ioctl(fd, FS_IOC_SETFLAGS, &lifted))
        return -1;
    int rc = unlinkat(dirfd, name, how);
    int saved = errno;
    (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    errno = saved;
    return rc;
}

int existing_remove(const struct target_dir *d, int dirfd, const char *name, bool is_dir,
                    struct err *e)
{
    int how = is_dir ? AT_REMOVEDIR : 0;
    int rc = unlinkat(dirfd, name, how);
    if (rc && errno == EPERM && !d->shared)
        rc = remove_locked(dirfd, name, how);
    if (rc == 0 || errno == ENOENT)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return err_set(e, ERR_EXISTS,
                       "a directory that is not empty has this name: move it away, "
                       "and restore again");
    return err_sys(e, errno, "remove what has this name");
}

int existing_clear(struct target_dir *d, int dirfd, const char *name, const struct entry *meta,
                   enum target_decision *out, struct err *e)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW)) {
        if (errno != ENOENT)
            return err_sys(e, errno, "look at what has this name");
        *out = TARGET_WRITE;
        return 0;
    }
    enum target_decision decision = existing_decide(d->t, meta, &st);
    if (decision == TARGET_WRITE && !d->t->o.dry_run &&
        existing_remove(d, dirfd, name, S_ISDIR(st.st_mode), e))
        return -1;
    *out = decision;
    return 0;
}

int existing_foresee(struct target_dir *d, const char *name, const struct entry *meta,
                     enum target_decision *out, struct err *e)
{
    if (d->absent) {
        *out = TARGET_WRITE;
        return 0;
    }
    int dirfd;
    if (dir_pin(d, &dirfd, e))
        return -1;
    int rc = existing_clear(d, dirfd, name, meta, out, e);
    dir_unpin(d);
    return rc;
}
