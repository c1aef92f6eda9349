/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of the directory store: empty files "tmp/lease-<name>", locked (flock)
 * by their holder. The lock tells who lives; the file only carries it.
 *
 * Invariants
 * 1. Whoever holds a lease has locked a file that had its name after the lock
 *    was taken (store_dir_tmp.c, 2).
 * 2. A file is removed only under its lock: by its holder, or by whoever finds
 *    it unlocked. So a living lease keeps its name.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASE_PREFIX "lease-"
#define LEASE_TRIES  100

struct dir_lease {
    struct store_lease base;
    struct dir_store *store;
    struct dir_tmp tmp; /* its file, locked */
};

static int open_again(int dirfd, const char *name)
{
    /* Writable, because NFS locks only what may be written. */
    return openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Makes or finds the file. -1 and errno; ENOENT if it went in between. */
static int make_file(struct dir_store *s, struct dir_tmp *t, bool again)
{
    t->dirfd = dir_tmp_place(s, again);
    if (t->dirfd < 0)
        return -1;
    struct store_dir_at at = {.dirfd = t->dirfd, .name = dir_tmp_name(t), .path = t->path};
    t->fd = s->ops->create(s->arg, &at);
    if (t->fd < 0 && errno == EEXIST)
        t->fd = open_again(t->dirfd, at.name);
    return t->fd < 0 ? -1 : 0;
}

static bool has_its_name(const struct dir_tmp *t)
{
    struct stat mine, named;
    return fstat(t->fd, &mine) == 0 &&
           fstatat(t->dirfd, dir_tmp_name(t), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

static int claim_file(struct dir_store *s, const char *name, struct dir_tmp *t, struct err *e)
{
    bool again = false;
    for (int i = 0; i < LEASE_TRIES; i++) {
        if (make_file(s, t, again)) {
            if (errno != ENOENT || (again && i > LEASE_TRIES / 2))
                return dir_fail(s, errno, "write to", "tmp", e);
            again = true;
            continue;
        }
        if (flock(t->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
            file_close(&t->fd);
            return err_set(e, ERR_BUSY, "'%s' is under way already in '%s'", name, s->location);
        }
        if (has_its_name(t))
            return 0;
        file_close(&t->fd);
    }
    return err_set(e, ERR_BUSY, "cannot keep a file in '%s/tmp': others remove them", s->location);
}

int dir_lease_take(struct store *base, const char *name, struct store_lease **out, struct err *e)
{
    struct dir_store *s = dir_store_of(base);
    struct dir_lease *l = mem_zalloc(sizeof *l);
    if (!l)
        return err_no_memory(e, "a lease");
    l->base.impl = base->impl;
    l->store = s;
    (void)snprintf(l->tmp.path, sizeof l->tmp.path, "tmp/" LEASE_PREFIX "%s", name);
    if (claim_file(s, name, &l->tmp, e)) {
        mem_free(l);
        return -1;
    }
    *out = &l->base;
    return 0;
}

bool dir_lease_held(struct store_lease *base)
{
    return has_its_name(&((struct dir_lease *)base)->tmp);
}

void dir_lease_drop(struct store_lease *base)
{
    struct dir_lease *l = (struct dir_lease *)base;
    if (has_its_name(&l->tmp))
        dir_tmp_unlink(l->store, &l->tmp);
    file_close(&l->tmp.fd);
    mem_free(l);
}

/* ---- listing ----------------------------------------------------------------------- */

/* True if a process holds the lease. A file that nobody holds is removed. */
static bool is_living(struct dir_store *s, int dirfd, const char *name)
{
    char path[DIR_TMP_PATH_MAX];
    CLEANUP(file_close) int fd = open_again(dirfd, name);
    struct stat st;
    if (fd < 0)
        return errno != ENOENT; /* what cannot be asked counts as living */
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB))
        return true;
    if (snprintf(path, sizeof path, "tmp/%s", name) < (int)sizeof path) {
        struct store_dir_at at = {.dirfd = dirfd, .name = name, .path = path};
        (void)s->ops->unlink(s->arg, &at);
    }
    return false;
}

int dir_lease_list(struct store *base, store_each_lease *each, void *arg, struct err *e)
{
    struct dir_store *s = dir_store_of(base);
    int fd = dir_open_beneath(s, "tmp", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return errno == ENOENT ? 0 : dir_fail(s, errno, "list", "tmp", e);
    CLEANUP(dir_stream_close) DIR *d = fdopendir(fd);
    if (!d) {
        file_close(&fd);
        return dir_fail(s, errno, "list", "tmp", e);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (!entry)
            return errno ? dir_fail(s, errno, "list", "tmp", e) : 0;
        const char *name = entry->d_name + sizeof LEASE_PREFIX - 1;
        if (strncmp(entry->d_name, LEASE_PREFIX, sizeof LEASE_PREFIX - 1) != 0 ||
            !store_lease_name_valid(name) || !is_living(s, fd, entry->d_name))
            continue;
        int rc = each(arg, name, e);
        if (rc)
            return rc;
    }
}
