/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories while they are restored: made 0700, so that nobody else meddles
 * with what is being written into them, and given their metadata when the last
 * reference goes, so that writing into them does not undo it.
 *
 *  D1 a directory holds a reference to its parent: parents are finished last.
 */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRIES 4 /* if somebody takes the name again and again */

static void dir_free(struct target_dir *d)
{
    mem_free(d->meta);
    mem_free(d->name);
    mem_free(d);
}

static struct target_dir *dir_new(struct target_dir *parent, const char *name,
                                  const struct entry *meta)
{
    struct target_dir *d = mem_zalloc(sizeof *d);
    if (!d)
        return NULL;
    d->t = parent->t;
    d->fd = -1;
    d->name = mem_strdup(name);
    d->meta = meta ? entry_dup(meta) : NULL;
    atomic_init(&d->refs, 1);
    atomic_init(&d->made, MADE_UNKNOWN);
    if (!d->name || (meta && !d->meta)) {
        dir_free(d);
        return NULL;
    }
    d->parent = target_dir_ref(parent);
    return d;
}

/* For what was never made: no metadata is applied. */
static void dir_drop(struct target_dir *d)
{
    struct target_dir *parent = d->parent;
    dir_free(d);
    target_dir_unref(parent);
}

/* ---- opening what is there -------------------------------------------------------- */

/* Without root a directory of ours may refuse us: lend us the rights meanwhile. */
static int open_refused(struct target_dir *d, int dirfd)
{
    struct stat st;
    char path[32];
    CLEANUP(file_close)
    int fd = target_openat(d->t, dirfd, d->name, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fstat(fd, &st) || chmod(path, (st.st_mode & 07777) | 0700))
        return -1;
    d->mode_lent = true;
    d->mode = st.st_mode & 07777;
    return target_open_dir(d->t, dirfd, d->name);
}

static void lend_mode(struct target_dir *d, int fd, const struct stat *st)
{
    uint32_t mode = st->st_mode & 07777;
    if (d->mode_lent || d->t->euid == 0 || (mode & 0700) == 0700)
        return;
    if (fchmod(fd, mode | 0700) == 0) {
        d->mode_lent = true;
        d->mode = mode;
    }
}

bool dir_is_shared(const struct target *t, const struct stat *st)
{
    /* The group bits of a directory with an ACL are its mask: they bound all others. */
    return st->st_uid != t->euid || (st->st_mode & 022);
}

/* What new files will inherit from a directory that was there before. */
static void look_at_existing(struct target_dir *d, int fd)
{
    int flags = 0;
    d->inherits_acl = fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
        return;
    d->inherits_attrs = ((uint32_t)flags & ENTRY_ATTRS) != 0;
    const int locks = FS_IMMUTABLE_FL | FS_APPEND_FL;
    if (d->meta && (flags & locks)) { /* the entry says whether they come back */
        flags &= ~locks;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
}

/* So that target_close can sync it. */
static void remember_fs(struct target *t, uint64_t dev, int fd)
{
    (void)pthread_mutex_lock(&t->lock);
    uint32_t i = 0;
    while (i < t->fs_count && t->fs_dev[i] != dev)
        i++;
    if (i == t->fs_count && i < TARGET_FS_MAX) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy >= 0) {
            t->fs_dev[i] = dev;
            t->fs_fd[i] = copy;
            t->fs_count++;
        }
    }
    (void)pthread_mutex_unlock(&t->lock);
}

static int dir_open(struct target_dir *d, int dirfd, struct err *e)
{
    struct stat st;
    int fd = target_open_dir(d->t, dirfd, d->name);
    if (fd < 0 && errno == EACCES && d->existed)
        fd = open_refused(d, dirfd);
    if (fd < 0)
        return err_sys(e, errno, "open the directory");
    if (fstat(fd, &st)) {
        int saved = errno;
        file_close(&fd);
        return err_sys(e, saved, "open the directory");
    }
    d->dev = st.st_dev;
    d->ino = st.st_ino;
    if (d->existed) {
        look_at_existing(d, fd);
        d->shared = dir_is_shared(d->t, &st);
        lend_mode(d, fd, &st);
    } else { /* new files get the owner that it got */
        atomic_store(&d->made, (uint64_t)st.st_uid << 32 | st.st_gid);
        d->inherits_acl = d->parent->inherits_acl;
        d->inherits_attrs = d->parent->inherits_attrs;
    }
    if (d->dev != d->parent->dev)
        remember_fs(d->t, d->dev, fd);
    dir_install(d, fd);
    return 0;
}

/* ---- making ------------------------------------------------------------------------- */

static int make_or_accept(struct target_dir *d, int dirfd, enum target_decision *out, struct err *e)
{
    struct stat st;
    *out = TARGET_WRITE;
    for (int i = 0; i < TRIES; i++) {
        if (mkdirat(dirfd, d->name, 0700) == 0)
            return dir_open(d, dirfd, e);
        if (errno != EEXIST)
            return err_sys(e, errno, "make the directory");
        if (fstatat(dirfd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
            d->existed = true;
            return dir_open(d, dirfd, e);
        }
        if (existing_clear(d->parent, dirfd, d->name, d->meta, out, e))
            return -1;
        if (*out == TARGET_SKIP)
            return 0;
    }
    return err_set(e, ERR_BUSY, "make the directory: somebody else keeps taking its name");
}

/* Dry run: opened if it is there, else absent. */
static int foresee(struct target_dir *d, enum target_decision *out, struct err *e)
{
    struct stat st;
    int dirfd, rc;
    *out = TARGET_WRITE;
    d->absent = true;
    if (d->parent->absent)
        return 0;
    if (dir_pin(d->parent, &dirfd, e))
        return -1;
    if (fstatat(dirfd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
        int fd = target_open_dir(d->t, dirfd, d->name);
        d->absent = fd < 0;
        d->dev = st.st_dev;
        d->ino = st.st_ino;
        rc = 0;
        if (fd >= 0)
            dir_install(d, fd);
    } else {
        rc = existing_clear(d->parent, dirfd, d->name, d->meta, out, e);
    }
    dir_unpin(d->parent);
    return rc;
}

int target_dir_make(struct target_dir *parent, const char *name, const struct entry *meta,
                    struct target_dir **out, struct err *e)
{
    if (name_check(name, e))
        return -1;
    struct target_dir *d = dir_new(parent, name, meta);
    if (!d)
        return err_no_memory(e, "a directory");
    enum target_decision decision;
    int dirfd, rc;
    if (d->t->o.dry_run) {
        rc = foresee(d, &decision, e);
    } else {
        rc = dir_pin(parent, &dirfd, e);
        if (rc == 0) {
            rc = make_or_accept(d, dirfd, &decision, e);
            dir_unpin(parent);
        }
    }
    if (rc || decision == TARGET_SKIP)
        dir_drop(d);
    if (rc)
        return -1;
    *out = decision == TARGET_SKIP ? NULL : d;
    return 0;
}

/* ---- finishing ------------------------------------------------------------------------ */

static void finish_fd(struct target_dir *d, int fd)
{
    struct stat st;
    if (!d->meta) {
        (void)fchmod(fd, d->mode);
        return;
    }
    if (fstat(fd, &st))
        return;
    struct place at = {.dir = d,
                       .fd = fd,
                       .had_xattrs = d->existed || d->inherits_acl,
                       .had_attrs = d->existed || d->inherits_attrs,
                       .uid = st.st_uid,
                       .gid = st.st_gid,
                       .mode = st.st_mode & 07777};
    apply_meta(&at, d->meta, true);
}

static void finish(struct target_dir *d)
{
    int fd;
    struct err e = ERR_INIT;
    if (d->t->o.dry_run || (!d->meta && !d->mode_lent))
        return;
    if (dir_pin(d, &fd, &e)) {
        (void)err_wrap(&e, "its owner, mode and time could not be set");
        problem_report(d, NULL, &e);
        return;
    }
    finish_fd(d, fd);
    dir_unpin(d);
}

struct target_dir *target_dir_ref(struct target_dir *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void target_dir_unref(struct target_dir *d)
{
    /* A loop, not a recursion: trees may be deeper than stacks. */
    while (d && atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) == 1) {
        struct target_dir *parent = d->parent;
        finish(d);
        dir_release(d);
        dir_free(d);
        d = parent;
    }
}
