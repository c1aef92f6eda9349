/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system of a box: an own root in memory that holds bind mounts of what the program is
 * shown. Landlock alone would not do: it does not govern chmod, utimes or the sockets of the host,
 * and in a root of its own there is nothing to try them on. Does not decide what is shown (box.c).
 * Runs in the child: system calls and the stack.
 *
 * 1. What is shown is opened in the old root, before anything is mounted over, and attached in the
 *    new one after the old is gone: no link in what is shown leads outside.
 * 2. Every mount is nosuid; nodev but for devices; noexec but for the programs; read only but for
 * what is to be written.
 */
#include "box/box_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* linux/mount.h and sys/mount.h exclude each other in some versions of libc. */
#define TREE_CLONE     1u
#define TREE_CLOEXEC   O_CLOEXEC
#define FROM_EMPTY     4u /* MOVE_MOUNT_F_EMPTY_PATH */
#define WALK_RECURSIVE 0x8000u
#define ATTR_RDONLY    1u
#define ATTR_NOSUID    2u
#define ATTR_NODEV     4u
#define ATTR_NOEXEC    8u

struct attributes {
    uint64_t set, clear, propagation, userns_fd;
};

static int give_attributes(int fd, const char *path, unsigned flags, uint64_t set)
{
    struct attributes a = {.set = set};
    return (int)syscall(SYS_mount_setattr, fd, path, flags, &a, sizeof a);
}

static uint64_t attributes_of(const struct box_view *v)
{
    switch (v->kind) {
    case BOX_VIEW_PROGRAMS: return ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV;
    case BOX_VIEW_DEVICE: return ATTR_NOSUID | ATTR_NOEXEC;
    case BOX_VIEW_WRITE: return ATTR_NOSUID | ATTR_NOEXEC | (v->is_device ? 0 : ATTR_NODEV);
    default: return ATTR_RDONLY | ATTR_NOSUID | ATTR_NOEXEC | (v->is_device ? 0 : ATTR_NODEV);
    }
}

/* What is at the path becomes a mount that nobody has seen yet. */
static int take(struct box_view *v)
{
    struct stat st;
    long fd = syscall(SYS_open_tree, AT_FDCWD, v->path, TREE_CLONE | TREE_CLOEXEC | WALK_RECURSIVE);
    if (fd < 0)
        return v->optional && (errno == ENOENT || errno == ENOTDIR) ? 0 : -1;
    v->fd = (int)fd;
    if (syscall(SYS_fstat, v->fd, &st))
        return -1;
    v->is_dir = S_ISDIR(st.st_mode);
    v->is_device = S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode);
    return give_attributes(v->fd, "", AT_EMPTY_PATH | WALK_RECURSIVE, attributes_of(v));
}

/* A link among the programs (/lib -> usr/lib) is made again as a link. Its text waits in `texts`.
 */
static int take_link(const struct box_view *v, char text[BOX_LINK_MAX])
{
    text[0] = '\0';
    if (v->kind != BOX_VIEW_PROGRAMS)
        return 0;
    long n = syscall(SYS_readlinkat, AT_FDCWD, v->path, text, BOX_LINK_MAX - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return 1;
}

/* The directories above `path`, and a directory or an empty file at it, to mount upon. */
static int make_place(const char *path, bool is_dir)
{
    char part[PATH_MAX];
    size_t len = box_text_len(path);
    if (len >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i < len; i++) {
        if (path[i] != '/')
            continue;
        box_text_copy(part, path, i);
        part[i] = '\0';
        if (syscall(SYS_mkdirat, AT_FDCWD, part, 0755) && errno != EEXIST)
            return -1;
    }
    long rc = is_dir ? syscall(SYS_mkdirat, AT_FDCWD, path, 0755)
                     : syscall(SYS_mknodat, AT_FDCWD, path, S_IFREG | 0600, 0);
    return rc && errno != EEXIST ? -1 : 0;
}

static int show(struct box_view *v)
{
    if (v->kind == BOX_VIEW_TMP) {
        if (make_place(v->path, true) ||
            syscall(SYS_mount, "tmpfs", v->path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    "mode=0700,size=64m,nr_inodes=4096"))
            return -1;
        v->fd = (int)syscall(SYS_openat, AT_FDCWD, v->path, O_PATH | O_CLOEXEC);
        v->is_dir = true;
        return v->fd < 0 ? -1 : 0;
    }
    if (v->fd < 0)
        return 0;
    if (make_place(v->path, v->is_dir))
        return -1;
    return (int)syscall(SYS_move_mount, v->fd, "", AT_FDCWD, v->path, FROM_EMPTY);
}

/* /tmp is there on every system, and what is below it has been taken already. */
static int change_root(void)
{
    static const char base[] = "/tmp";
    if (syscall(SYS_mount, "tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "mode=0755,size=4m,nr_inodes=8192"))
        return -1;
    if (syscall(SYS_chdir, base) || syscall(SYS_pivot_root, ".", "."))
        return -1;
    if (syscall(SYS_umount2, ".", MNT_DETACH))
        return -1;
    return (int)syscall(SYS_chdir, "/");
}

#define LINKS_MAX 8

int box_mounts_make(struct box_plan *p, struct box_report *r)
{
    char links[LINKS_MAX][BOX_LINK_MAX];
    size_t link_of[LINKS_MAX], link_count = 0;
    r->step = BOX_STEP_MOUNTS;
    if (syscall(SYS_mount, "none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return -1;
    r->step = BOX_STEP_TAKE;
    for (r->view = 0; r->view < p->view_count; r->view++) {
        struct box_view *v = &p->views[r->view];
        if (v->kind == BOX_VIEW_TMP)
            continue;
        if (link_count < LINKS_MAX && take_link(v, links[link_count]))
            link_of[link_count++] = r->view;
        else if (take(v))
            return -1;
    }
    r->step = BOX_STEP_ROOT;
    if (change_root())
        return -1;
    r->step = BOX_STEP_SHOW;
    for (r->view = 0; r->view < p->view_count; r->view++)
        if (show(&p->views[r->view]))
            return -1;
    for (size_t i = 0; i < link_count; i++)
        if (syscall(SYS_symlinkat, links[i], AT_FDCWD, p->views[link_of[i]].path))
            return -1;
    r->step = BOX_STEP_ROOT;
    return give_attributes(AT_FDCWD, "/", 0, ATTR_RDONLY);
}
