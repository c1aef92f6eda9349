/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a temporary and giving it its name.
 *
 *   store_create        tmp/abri-…, locked
 *   store_write         pwrite
 *   store_writer_commit fdatasync, missing parents, then one atomic step that
 *                       fails if the name is taken: renameat2 with
 *                       RENAME_NOREPLACE, or link and unlink where the file
 *                       system lacks it (NFS)
 *   store_writer_replace  the same, but the step is a plain rename
 *
 * Does not sync directories: that is store_sync, once for many objects.
 *
 * Invariants
 * 1. Nothing gets a name before its bytes are durable.
 * 2. A failed write or sync is final: the object is never named, since the
 *    kernel reports a lost write only once.
 * 3. An existing name is never replaced, save by store_writer_replace.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct dir_writer {
    struct store_writer base;
    struct dir_store *store;
    struct dir_tmp tmp;
    atomic_int failed; /* errno of the first failed write */
};

static struct dir_writer *dir_writer_of(struct store_writer *w)
{
    return (struct dir_writer *)w;
}

int dir_create(struct store *s, struct store_writer **out, struct err *e)
{
    struct dir_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "a new object");
    if (dir_tmp_create(dir_store_of(s), &w->tmp, e)) {
        mem_free(w);
        return -1;
    }
    w->base.impl = s->impl;
    w->store = dir_store_of(s);
    *out = &w->base;
    return 0;
}

int dir_write(struct store_writer *base, uint64_t off, const void *p, size_t len, struct err *e)
{
    struct dir_writer *w = dir_writer_of(base);
    const struct store_dir_ops *ops = w->store->ops;
    for (size_t done = 0; done < len;) {
        ssize_t n = ops->pwrite(w->store->arg, w->tmp.fd, w->tmp.path, (const char *)p + done,
                                len - done, (off_t)(off + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int failed = n < 0 ? errno : ENOSPC;
            atomic_store(&w->failed, failed);
            return dir_fail(w->store, failed, "write to", w->tmp.path, e);
        }
        done += (size_t)n;
    }
    return 0;
}

void dir_write_hint(struct store_writer *base, uint64_t off, uint64_t len)
{
    (void)sync_file_range(dir_writer_of(base)->tmp.fd, (off_t)off, (off_t)len,
                          SYNC_FILE_RANGE_WRITE);
}

static void writer_free(struct dir_writer *w)
{
    file_close(&w->tmp.fd);
    mem_free(w);
}

void dir_abort(struct store_writer *base)
{
    struct dir_writer *w = dir_writer_of(base);
    dir_tmp_unlink(w->store, &w->tmp);
    writer_free(w);
}

/* link, for file systems that cannot rename without replacing. Over a network
 * the answer to a link that was made may be lost, and its repetition fails
 * with EEXIST; the number of links tells the truth. */
static int link_new(struct dir_writer *w, const struct store_dir_at *from,
                    const struct store_dir_at *to)
{
    struct dir_store *s = w->store;
    if (s->ops->link(s->arg, from, to)) {
        int failed = errno;
        struct stat st;
        if (fstat(w->tmp.fd, &st) || st.st_nlink != 2) {
            errno = failed == EPERM ? EOPNOTSUPP : failed;
            return -1;
        }
    }
    dir_tmp_unlink(s, &w->tmp);
    return 0;
}

static int name_new(struct dir_writer *w, const struct store_dir_at *to)
{
    struct dir_store *s = w->store;
    struct store_dir_at from = {
        .dirfd = w->tmp.dirfd, .name = dir_tmp_name(&w->tmp), .path = w->tmp.path};
    if (!atomic_load_explicit(&s->no_rename_new, memory_order_relaxed)) {
        if (s->ops->rename_new(s->arg, &from, to) == 0)
            return 0;
        if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
            return -1;
        atomic_store_explicit(&s->no_rename_new, true, memory_order_relaxed);
    }
    return link_new(w, &from, to);
}

static int name_fail(const struct dir_store *s, int os_errno, const char *name, struct err *e)
{
    switch (os_errno) {
    case EEXIST: return err_set(e, ERR_EXISTS, "'%s' already exists in '%s'", name, s->location);
    case EOPNOTSUPP:
        return err_sys(e, os_errno,
                       "cannot name '%s/%s': this file system can neither rename without "
                       "replacing nor link; keep the vault on another one",
                       s->location, name);
    case EXDEV:
        return err_sys(e, os_errno,
                       "cannot name '%s/%s': 'tmp' and the object's directory must be on one "
                       "file system",
                       s->location, name);
    default: return dir_fail(s, os_errno, "name", name, e);
    }
}

static int parent_fail(const struct dir_store *s, int os_errno, const char *name, struct err *e)
{
    if (os_errno == ENOTDIR)
        return err_set(e, ERR_DAMAGED,
                       "cannot name '%s/%s': something that is no directory is in its way",
                       s->location, name);
    return dir_fail(s, os_errno, "make the directory of", name, e);
}

static int name_over(struct dir_writer *w, const struct store_dir_at *to)
{
    struct dir_store *s = w->store;
    struct store_dir_at from = {
        .dirfd = w->tmp.dirfd, .name = dir_tmp_name(&w->tmp), .path = w->tmp.path};
    return s->ops->rename(s->arg, &from, to);
}

static int commit(struct dir_writer *w, const char *name, bool over, struct err *e)
{
    struct dir_store *s = w->store;
    int failed = atomic_load(&w->failed);
    if (failed)
        return dir_fail(s, failed, "keep after a failed write", name, e);
    if (s->ops->fdatasync(s->arg, w->tmp.fd, w->tmp.path))
        return dir_fail(s, errno, "make durable", name, e);
    struct store_dir_at to = {.path = name};
    CLEANUP(file_close) int parent = dir_open_parent(s, name, true, &to.name);
    if (parent < 0)
        return parent_fail(s, errno, name, e);
    to.dirfd = parent;
    if (!over)
        return name_new(w, &to) ? name_fail(s, errno, name, e) : 0;
    if (name_over(w, &to) == 0)
        return 0;
    return errno == EISDIR ? err_set(e, ERR_DAMAGED, "cannot name '%s/%s': a directory is in its way",
                                     s->location, name)
                           : name_fail(s, errno, name, e);
}

static int finish(struct store_writer *base, const char *name, bool over, struct err *e)
{
    struct dir_writer *w = dir_writer_of(base);
    if (commit(w, name, over, e)) {
        dir_abort(base);
        return -1;
    }
    writer_free(w);
    return 0;
}

int dir_commit(struct store_writer *base, const char *name, struct err *e)
{
    return finish(base, name, false, e);
}

int dir_replace(struct store_writer *base, const char *name, struct err *e)
{
    return finish(base, name, true, e);
}
