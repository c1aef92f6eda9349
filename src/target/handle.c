/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of directories. A bounded number stays open, least recently used
 * ones are closed; a closed one is opened again from its nearest open ancestor,
 * name by name.
 *
 *  H1 a directory that is opened again is the same (device, inode), and no
 *     symbolic link was followed to it; ".." is never used.
 *  H2 the root stays open, so every directory has an open ancestor.
 *  H3 the list holds exactly the open directories, but the root, that nobody uses.
 */
#include "target/target_internal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>

/* ---- the list; the lock is held ------------------------------------------------ */

static void list_remove(struct target_dir *d)
{
    struct target *t = d->t;
    *(d->newer ? &d->newer->older : &t->newest) = d->older;
    *(d->older ? &d->older->newer : &t->oldest) = d->newer;
    d->newer = d->older = NULL;
}

static void list_add(struct target_dir *d)
{
    struct target *t = d->t;
    d->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = d;
    t->newest = d;
}

static bool close_oldest(struct target *t)
{
    struct target_dir *d = t->oldest;
    if (!d)
        return false;
    list_remove(d);
    file_close(&d->fd);
    t->open_dirs--;
    return true;
}

static void install_locked(struct target_dir *d, int fd)
{
    struct target *t = d->t;
    if (d->fd >= 0) { /* another thread was faster */
        file_close(&fd);
        return;
    }
    if (t->open_dirs >= TARGET_OPEN_DIRS)
        (void)close_oldest(t);
    d->fd = fd;
    t->open_dirs++;
    if (d->parent)
        list_add(d);
}

static void pin_locked(struct target_dir *d)
{
    if (d->pins++ == 0 && d->parent)
        list_remove(d);
}

static void unpin_locked(struct target_dir *d)
{
    if (--d->pins == 0 && d->parent)
        list_add(d);
}

/* ---- opening -------------------------------------------------------------------- */

int target_openat(struct target *t, int dirfd, const char *name, int flags, mode_t mode)
{
    flags |= O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
    for (;;) {
        int fd = openat(dirfd, name, flags, mode);
        if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
            return fd;
        int saved = errno;
        (void)pthread_mutex_lock(&t->lock);
        bool spared = close_oldest(t);
        (void)pthread_mutex_unlock(&t->lock);
        errno = saved;
        if (!spared)
            return -1;
    }
}

int target_open_dir(struct target *t, int dirfd, const char *name)
{
    return target_openat(t, dirfd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
}

/* H1; the name in its pinned parent. */
static int reopen(struct target_dir *d, int parent_fd, struct err *e)
{
    struct stat st;
    int fd = target_open_dir(d->t, parent_fd, d->name);
    if (fd < 0)
        return err_sys(e, errno, "open the restored directory '%s' again", d->name);
    if (fstat(fd, &st) == 0 && st.st_dev == d->dev && st.st_ino == d->ino)
        return fd;
    file_close(&fd);
    return err_set(e, ERR_IO,
                   "the restored directory '%s' was moved or replaced meanwhile: make "
                   "sure that nobody else changes the target, and restore again",
                   d->name);
}

/* The closed directory nearest to `d` whose parent is open, that one pinned. */
static struct target_dir *pin_open_ancestor(struct target_dir *d)
{
    while (d->parent->fd < 0)
        d = d->parent;
    pin_locked(d->parent);
    return d;
}

int dir_pin(struct target_dir *d, int *fd_out, struct err *e)
{
    struct target *t = d->t;
    (void)pthread_mutex_lock(&t->lock);
    while (d->fd < 0) {
        struct target_dir *next = pin_open_ancestor(d);
        int parent_fd = next->parent->fd;
        (void)pthread_mutex_unlock(&t->lock);
        int fd = reopen(next, parent_fd, e);
        (void)pthread_mutex_lock(&t->lock);
        unpin_locked(next->parent);
        if (fd < 0) {
            (void)pthread_mutex_unlock(&t->lock);
            return -1;
        }
        install_locked(next, fd);
    }
    pin_locked(d);
    *fd_out = d->fd;
    (void)pthread_mutex_unlock(&t->lock);
    return 0;
}

void dir_unpin(struct target_dir *d)
{
    (void)pthread_mutex_lock(&d->t->lock);
    unpin_locked(d);
    (void)pthread_mutex_unlock(&d->t->lock);
}

void dir_install(struct target_dir *d, int fd)
{
    (void)pthread_mutex_lock(&d->t->lock);
    install_locked(d, fd);
    (void)pthread_mutex_unlock(&d->t->lock);
}

void dir_release(struct target_dir *d)
{
    (void)pthread_mutex_lock(&d->t->lock);
    if (d->fd >= 0) {
        if (d->parent && d->pins == 0)
            list_remove(d);
        file_close(&d->fd);
        d->t->open_dirs--;
    }
    (void)pthread_mutex_unlock(&d->t->lock);
}
