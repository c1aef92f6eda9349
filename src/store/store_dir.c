/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory as a store: each object is a file, each name a path below the
 * vault's directory. Here: opening, syncing, listing, removing. store_dir.h
 * tells where the rest is.
 *
 * Keeps no list of what exists: the file system is the only truth, so several
 * processes may use one directory at once.
 *
 * Invariants
 * 1. Opening an existing directory writes nothing but the removal of dead
 *    temporaries, and does not fail if that fails.
 * 2. When store_sync returns, the directory and every directory from it to the
 *    top have been synced; and at creation the top's own name.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the real system calls --------------------------------------------------- */

static int sys_create(void *arg, const struct store_dir_at *at)
{
    (void)arg;
    return openat(at->dirfd, at->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static ssize_t sys_pwrite(void *arg, int fd, const char *path, const void *p, size_t len, off_t off)
{
    (void)arg;
    (void)path;
    return pwrite(fd, p, len, off);
}

static int sys_fdatasync(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)path;
    int rc;
    do {
        rc = fdatasync(fd);
    } while (rc && errno == EINTR);
    return rc;
}

/* Some file systems cannot sync one directory; they have to sync everything. */
static int sys_sync_dir(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)path;
    int rc;
    do {
        rc = fsync(fd);
    } while (rc && errno == EINTR);
    return rc && errno == EINVAL ? syncfs(fd) : rc;
}

static int sys_rename_new(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    (void)arg;
    return renameat2(from->dirfd, from->name, to->dirfd, to->name, RENAME_NOREPLACE);
}

static int sys_rename(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    (void)arg;
    return renameat(from->dirfd, from->name, to->dirfd, to->name);
}

static int sys_link(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    (void)arg;
    return linkat(from->dirfd, from->name, to->dirfd, to->name, 0);
}

static int sys_unlink(void *arg, const struct store_dir_at *at)
{
    (void)arg;
    return unlinkat(at->dirfd, at->name, 0);
}

static int sys_mkdir(void *arg, const struct store_dir_at *at)
{
    (void)arg;
    return mkdirat(at->dirfd, at->name, 0700);
}

const struct store_dir_ops store_dir_system = {
    .create = sys_create,
    .pwrite = sys_pwrite,
    .fdatasync = sys_fdatasync,
    .sync_dir = sys_sync_dir,
    .rename_new = sys_rename_new,
    .rename = sys_rename,
    .link = sys_link,
    .unlink = sys_unlink,
    .mkdir = sys_mkdir,
};

/* ---- opening ------------------------------------------------------------------- */

static void dir_close(struct store *base)
{
    struct dir_store *s = dir_store_of(base);
    file_close(&s->tmp);
    file_close(&s->top);
    (void)pthread_mutex_destroy(&s->tmp_lock);
    mem_free(s->location);
    mem_free(s);
}

static const char *dir_location(const struct store *s)
{
    return ((const struct dir_store *)s)->location;
}

static struct dir_store *dir_store_new(const char *path, const struct store_dir_ops *ops, void *arg)
{
    CLEANUP_FREE char *location = mem_strdup(path);
    struct dir_store *s = mem_zalloc(sizeof *s);
    if (!s || !location) {
        mem_free(s);
        return NULL;
    }
    s->base.impl = &store_dir_impl;
    s->ops = ops;
    s->arg = arg;
    s->top = -1;
    s->tmp = -1;
    s->location = TAKE(location);
    atomic_init(&s->no_openat2, ops->no_openat2);
    (void)pthread_mutex_init(&s->tmp_lock, NULL);
    return s;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Refuses a directory that holds more than what a new file system, or a
 * creation that was cut short, leaves. */
static int check_empty(struct dir_store *s, const char *dir, const char *const *unfinished,
                       struct err *e)
{
    int fd = dir_open_beneath(s, dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return dir_fail(s, errno, "read", dir, e);
    CLEANUP(dir_stream_close) DIR *d = fdopendir(fd);
    if (!d) {
        file_close(&fd);
        return dir_fail(s, errno, "read", dir, e);
    }
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (dir[0] == '\0' && strcmp(name, "lost+found") == 0)
            continue;
        if (dir[0] == '\0' && strcmp(name, "tmp") == 0 && check_empty(s, "tmp", NULL, NULL) == 0)
            continue;
        if (is_listed(unfinished, name))
            continue;
        return err_set(e, ERR_EXISTS, "'%s' is not empty: choose a new or an empty directory",
                       s->location);
    }
    return 0;
}

static int sync_top_name(struct dir_store *s, struct err *e)
{
    CLEANUP(file_close) int parent = openat(s->top, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A parent that we may not read can only be synced with its file system. */
    if (s->ops->sync_dir(s->arg, parent >= 0 ? parent : s->top, "..") ||
        (parent < 0 && syncfs(s->top)))
        return dir_fail(s, errno, "make durable", "", e);
    return 0;
}

static const char *const nothing[] = {NULL};

/* `unfinished`: NULL if the directory must be there already. */
static int open_top(struct dir_store *s, const char *const *unfinished, struct err *e)
{
    struct store_dir_at at = {.dirfd = AT_FDCWD, .name = s->location, .path = ""};
    if (unfinished && s->ops->mkdir(s->arg, &at) && errno != EEXIST)
        return dir_fail(s, errno, "make", "", e);
    s->top = open(s->location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->top < 0)
        return dir_fail(s, errno, "open", "", e);
    dir_tmp_remove_dead(s);
    if (unfinished && (check_empty(s, "", unfinished, e) || sync_top_name(s, e)))
        return -1;
    return 0;
}

static int dir_new(const char *path, const char *const *unfinished,
                   const struct store_dir_ops *ops, void *arg, struct store **out, struct err *e)
{
    struct dir_store *s = dir_store_new(path, ops, arg);
    if (!s)
        return err_no_memory(e, "a store");
    if (open_top(s, unfinished, e)) {
        dir_close(&s->base);
        return -1;
    }
    *out = &s->base;
    return 0;
}

int store_dir_open_with(const char *path, bool create, const struct store_dir_ops *ops, void *arg,
                        struct store **out, struct err *e)
{
    return dir_new(path, create ? nothing : NULL, ops, arg, out, e);
}

int store_dir_open(const char *path, struct store **out, struct err *e)
{
    return dir_new(path, NULL, &store_dir_system, NULL, out, e);
}

int store_dir_create(const char *path, const char *const *unfinished, struct store **out,
                     struct err *e)
{
    return dir_new(path, unfinished ? unfinished : nothing, &store_dir_system, NULL, out, e);
}

/* ---- syncing, removing ------------------------------------------------------------ */

static int dir_sync(struct store *base, const char *dir, struct err *e)
{
    struct dir_store *s = dir_store_of(base);
    char path[STORE_NAME_MAX + 1];
    memcpy(path, dir, strlen(dir) + 1);
    for (;;) {
        CLEANUP(file_close) int fd = dir_open_beneath(s, path, O_RDONLY | O_DIRECTORY);
        if (fd < 0 || s->ops->sync_dir(s->arg, fd, path))
            return dir_fail(s, errno, "make durable", path, e);
        if (path[0] == '\0')
            return 0;
        char *slash = strrchr(path, '/');
        *(slash ? slash : path) = '\0';
    }
}

static int dir_remove(struct store *base, const char *name, struct err *e)
{
    struct dir_store *s = dir_store_of(base);
    struct store_dir_at at = {.path = name};
    CLEANUP(file_close) int parent = dir_open_parent(s, name, false, &at.name);
    at.dirfd = parent;
    if (parent >= 0 && s->ops->unlink(s->arg, &at) == 0)
        return 0;
    if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR)
        return err_set(e, ERR_NOT_FOUND, "there is no '%s' in '%s'", name, s->location);
    return dir_fail(s, errno, "remove", name, e);
}

/* ---- listing ------------------------------------------------------------------------ */

struct walk {
    struct dir_store *store;
    store_each *each;
    void *arg;
    struct err *e;
    char path[STORE_NAME_MAX + 1]; /* what is being looked at */
};

static int walk_dir(struct walk *w, int fd);

/* `len` is that of the directory's path. What has no valid name is no object,
 * and "tmp" is not valid: neither is looked at. */
static int walk_entry(struct walk *w, int dirfd, size_t len, const char *entry)
{
    size_t entry_len = strlen(entry);
    size_t slash = len > 0 ? 1 : 0;
    if (len + slash + entry_len >= sizeof w->path)
        return 0;
    if (slash)
        w->path[len] = '/';
    memcpy(w->path + len + slash, entry, entry_len + 1);
    struct stat st;
    if (!store_name_valid(w->path))
        return 0;
    if (fstatat(dirfd, entry, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : dir_fail(w->store, errno, "look at", w->path, w->e);
    if (S_ISREG(st.st_mode))
        return w->each(w->arg, w->path, (uint64_t)st.st_size, w->e);
    if (!S_ISDIR(st.st_mode))
        return 0;
    int fd = openat(dirfd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : dir_fail(w->store, errno, "list", w->path, w->e);
    return walk_dir(w, fd);
}

/* Takes `fd`. As deep as names have components, no deeper. */
static int walk_dir(struct walk *w, int fd)
{
    size_t len = strlen(w->path);
    CLEANUP(dir_stream_close) DIR *d = fdopendir(fd);
    if (!d) {
        int failed = errno;
        file_close(&fd);
        return dir_fail(w->store, failed, "list", w->path, w->e);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (!entry)
            break;
        int rc = walk_entry(w, fd, len, entry->d_name);
        w->path[len] = '\0';
        if (rc)
            return rc;
    }
    return errno ? dir_fail(w->store, errno, "list", w->path, w->e) : 0;
}

static int dir_list(struct store *base, const char *dir, store_each *each, void *arg, struct err *e)
{
    struct walk w = {.store = dir_store_of(base), .each = each, .arg = arg, .e = e};
    int fd = dir_open_beneath(w.store, dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : dir_fail(w.store, errno, "list", dir, e);
    memcpy(w.path, dir, strlen(dir) + 1);
    return walk_dir(&w, fd);
}

const struct store_impl store_dir_impl = {
    .close = dir_close,
    .location = dir_location,
    .create = dir_create,
    .write = dir_write,
    .write_hint = dir_write_hint,
    .commit = dir_commit,
    .replace = dir_replace,
    .abort = dir_abort,
    .sync = dir_sync,
    .open = dir_open,
    .read = dir_read,
    .map = dir_map,
    .reader_close = dir_reader_close,
    .list = dir_list,
    .remove = dir_remove,
    .lease_take = dir_lease_take,
    .lease_held = dir_lease_held,
    .lease_drop = dir_lease_drop,
    .lease_list = dir_lease_list,
};
