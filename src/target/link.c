/* SPDX-License-Identifier: Apache-2.0 */
/* Hard links between restored files, and opening what was restored: paths below
 * the target, gone down name by name (T1). */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int path_check(const char *path, struct err *e)
{
    if (path_is_valid(path, strnlen(path, ENTRY_PATH_MAX + 1)))
        return 0;
    return err_set(e, ERR_DAMAGED, "the snapshot names a path that none can have");
}

/* Opens the parent of `path`; *name_out points at the last component. */
static int open_parent(struct target *t, const char *path, const char **name_out, struct err *e)
{
    char name[ENTRY_NAME_MAX + 1];
    int fd = fcntl(t->root->fd, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        memcpy(name, path, (size_t)(slash - path));
        name[slash - path] = '\0';
        int next = target_openat(t, fd, name, O_PATH | O_DIRECTORY, 0);
        int saved = errno;
        file_close(&fd);
        errno = saved;
        fd = next;
    }
    *name_out = path;
    return fd < 0 ? err_sys(e, errno, "open the directory of '%s'", path) : fd;
}

int target_open_file(struct target *t, const char *path, int *fd_out, struct err *e)
{
    const char *name;
    struct stat st;
    if (path_check(path, e))
        return -1;
    if (t->root->absent)
        return err_sys(e, ENOENT, "open '%s'", path);
    CLEANUP(file_close) int dirfd = open_parent(t, path, &name, e);
    if (dirfd < 0)
        return -1;
    int fd = target_openat(t, dirfd, name, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, errno, "open '%s'", name);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *fd_out = fd;
        return 0;
    }
    file_close(&fd);
    return err_set(e, ERR_IO, "'%s' is not a regular file", name);
}

/* ---- hard links -------------------------------------------------------------------------- */

struct link_ends {
    int from_fd;
    const char *from;
    int to_fd;
    const char *to;
};

/* A file that has its immutable flag already takes no link: lift it for a moment. */
static int link_locked(const struct link_ends *l)
{
    const int locks = FS_IMMUTABLE_FL | FS_APPEND_FL;
    int flags = 0;
    CLEANUP(file_close)
    int fd = openat(l->from_fd, l->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) || !(flags & locks)) {
        errno = EPERM;
        return -1;
    }
    int lifted = flags & ~locks;
    if (ioctl(fd, FS_IOC_SETFLAGS, &lifted))
        return -1;
    int rc = linkat(l->from_fd, l->from, l->to_fd, l->to, 0);
    int saved = errno;
    (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    errno = saved;
    return rc;
}

static int make_link(const struct target *t, const struct link_ends *l, struct err *e)
{
    struct stat st;
    int rc = linkat(l->from_fd, l->from, l->to_fd, l->to, 0);
    /* Where others may write, the name may be that of another file by now. */
    if (rc && errno == EPERM && fstat(l->from_fd, &st) == 0 && !dir_is_shared(t, &st))
        rc = link_locked(l);
    return rc ? err_sys(e, errno, "make the hard link to '%s'", l->from) : 0;
}

static bool is_as_new(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec > b->st_mtim.tv_sec ||
           (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec >= b->st_mtim.tv_nsec);
}

/* About the name that is to become the link; clears it if it is taken. */
static int clear_name(const struct target_dir *parent, const struct link_ends *l,
                      enum target_decision *out, struct err *e)
{
    const struct target *t = parent->t;
    struct stat from, to;
    *out = TARGET_WRITE;
    if (fstatat(l->from_fd, l->from, &from, AT_SYMLINK_NOFOLLOW))
        return err_sys(e, errno, "look at '%s', to which a hard link is due", l->from);
    if (fstatat(l->to_fd, l->to, &to, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : err_sys(e, errno, "look at what has this name");
    bool is_link = from.st_dev == to.st_dev && from.st_ino == to.st_ino;
    if (is_link || t->o.overwrite == TARGET_NEVER ||
        (t->o.overwrite == TARGET_IF_NEWER && is_as_new(&to, &from))) {
        *out = TARGET_SKIP;
        return 0;
    }
    return t->o.dry_run ? 0 : existing_remove(parent, l->to_fd, l->to, S_ISDIR(to.st_mode), e);
}

static int link_from(struct target_dir *parent, struct link_ends *l, enum target_decision *out,
                     struct err *e)
{
    enum target_decision decision;
    if (dir_pin(parent, &l->to_fd, e))
        return -1;
    int rc = clear_name(parent, l, &decision, e);
    if (rc == 0 && decision == TARGET_WRITE && !parent->t->o.dry_run)
        rc = make_link(parent->t, l, e);
    dir_unpin(parent);
    if (rc == 0)
        *out = decision;
    return rc;
}

int target_link_make(struct target_dir *parent, const char *name, const char *existing,
                     enum target_decision *decision_out, struct err *e)
{
    if (name_check(name, e) || path_check(existing, e))
        return -1;
    struct link_ends l = {.to = name};
    struct target *t = parent->t;
    if (parent->absent) {
        *decision_out = TARGET_WRITE;
        return 0;
    }
    CLEANUP(file_close) int from_fd = open_parent(t, existing, &l.from, t->o.dry_run ? NULL : e);
    l.from_fd = from_fd;
    if (from_fd >= 0 &&
        (!t->o.dry_run || faccessat(from_fd, l.from, F_OK, AT_SYMLINK_NOFOLLOW) == 0))
        return link_from(parent, &l, decision_out, e);
    if (!t->o.dry_run)
        return -1;
    /* What it would link to would have been restored by then. */
    return existing_foresee(parent, name, NULL, decision_out, e);
}
