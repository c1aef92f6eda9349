/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaching a path below the vault's directory. Whoever can write there must not
 * be able to lead abri out of it, so no symbolic link is ever followed:
 * openat2 sees to it where the kernel has it, else each component is opened
 * with O_NOFOLLOW.
 *
 * Invariant 1: every descriptor given out lies below the top, or is the top.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void dir_stream_close(DIR **d)
{
    if (*d)
        (void)closedir(*d);
    *d = NULL;
}

static int open_in_kernel(struct dir_store *s, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do {
        fd = syscall(SYS_openat2, s->top, path, &how, sizeof how);
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)fd;
}

/* One component. A link in the place of a directory is reported as ENOTDIR by
 * the kernel; here it becomes ELOOP, as openat2 has it. */
static int open_component(int dirfd, const char *name, int flags)
{
    int fd;
    do {
        fd = openat(dirfd, name, flags | O_NOFOLLOW);
    } while (fd < 0 && errno == EINTR);
    if (fd >= 0 || errno != ENOTDIR)
        return fd;
    struct stat st;
    bool link = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
    errno = link ? ELOOP : ENOTDIR;
    return -1;
}

static int open_by_component(struct dir_store *s, const char *path, int flags)
{
    char part[STORE_NAME_MAX + 1];
    CLEANUP(file_close) int held = -1;
    int at = s->top;
    for (;;) {
        size_t len = strcspn(path, "/");
        if (len >= sizeof part) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        if (path[len] == '\0')
            return open_component(at, part, flags);
        int next = open_component(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return -1;
        file_close(&held);
        at = held = next;
        path += len + 1;
    }
}

int dir_open_beneath(struct dir_store *s, const char *path, int flags)
{
    flags |= O_CLOEXEC;
    if (path[0] == '\0')
        path = ".";
    if (!atomic_load_explicit(&s->no_openat2, memory_order_relaxed)) {
        int fd = open_in_kernel(s, path, flags);
        /* EPERM: what sandboxes answer to system calls that they do not know. */
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
        if (errno == ENOSYS)
            atomic_store_explicit(&s->no_openat2, true, memory_order_relaxed);
    }
    return open_by_component(s, path, flags);
}

/* At most three levels of recursion: names have at most four components. */
static int open_or_make_dir(struct dir_store *s, const char *dir, bool make)
{
    int fd = dir_open_beneath(s, dir, O_PATH | O_DIRECTORY);
    if (fd >= 0 || errno != ENOENT || !make || dir[0] == '\0')
        return fd;
    const char *base;
    CLEANUP(file_close) int parent = dir_open_parent(s, dir, true, &base);
    if (parent < 0)
        return -1;
    struct store_dir_at at = {.dirfd = parent, .name = base, .path = dir};
    if (s->ops->mkdir(s->arg, &at) && errno != EEXIST)
        return -1;
    return dir_open_beneath(s, dir, O_PATH | O_DIRECTORY);
}

int dir_open_parent(struct dir_store *s, const char *name, bool make, const char **base_out)
{
    char dir[STORE_NAME_MAX + 1];
    const char *slash = strrchr(name, '/');
    size_t len = slash ? (size_t)(slash - name) : 0;
    if (len >= sizeof dir) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(dir, name, len);
    dir[len] = '\0';
    *base_out = slash ? slash + 1 : name;
    return open_or_make_dir(s, dir, make);
}

int dir_fail(const struct dir_store *s, int os_errno, const char *verb, const char *name,
             struct err *e)
{
    const char *slash = name[0] != '\0' ? "/" : "";
    switch (os_errno) {
    case ELOOP:
    case EXDEV:
        return err_set(e, ERR_DAMAGED,
                       "cannot %s '%s%s%s': a symbolic link is in the way, and abri follows none "
                       "inside a vault; put the directory itself there, or mount it there",
                       verb, s->location, slash, name);
    case EROFS:
    case EACCES:
    case EPERM:
        return err_sys(e, os_errno,
                       "cannot %s '%s%s%s' (mount it writable, or run as the vault's owner)", verb,
                       s->location, slash, name);
    default: return err_sys(e, os_errno, "cannot %s '%s%s%s'", verb, s->location, slash, name);
    }
}
