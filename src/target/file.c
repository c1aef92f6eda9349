/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular files: made new (T2), written, finished. The common case, a small file
 * under a new name, costs open, write, utimes and close, and chown and chmod
 * only if the system did not create it right already.
 *
 *  F1 until the owner is right nobody but the owner can open the file.
 */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TRIES 4

struct target_file {
    struct place at; /* at.dir: a reference; at.name: own; at.fd -1 in a dry run */
    const struct entry *meta;
    _Atomic uint32_t refs;
    _Atomic bool failed;
};

/* ---- creating ------------------------------------------------------------------------ */

/* Which owner the system gave; learnt once per directory. */
static int learn_owner(struct place *at, uint64_t made, struct err *e)
{
    if (made == MADE_UNKNOWN) {
        struct stat st;
        if (fstat(at->fd, &st))
            return err_sys(e, errno, "look at the new file");
        made = (uint64_t)st.st_uid << 32 | st.st_gid;
        atomic_store_explicit(&at->dir->made, made, memory_order_relaxed);
    }
    at->uid = (uint32_t)(made >> 32);
    at->gid = (uint32_t)made;
    return 0;
}

static mode_t first_mode(const struct target *t, const struct entry *meta, bool owned)
{
    mode_t mode = meta->mode & (owned ? 0777u : 0700u); /* F1 */
    /* Without root, user xattrs can only be set on what may be written. */
    return meta->xattr_count && t->euid != 0 ? mode | 0600 : mode;
}

/* at->fd is -1 if the file is skipped. */
static int create(struct place *at, int dirfd, const struct entry *meta, struct err *e)
{
    struct target_dir *d = at->dir;
    uint64_t made = atomic_load_explicit(&d->made, memory_order_relaxed);
    bool owned = made == ((uint64_t)meta->uid << 32 | meta->gid);
    mode_t mode = first_mode(d->t, meta, owned);
    enum target_decision decision = TARGET_WRITE;
    at->fd = -1;
    for (int i = 0; i < TRIES && at->fd < 0; i++) {
        at->fd = target_openat(d->t, dirfd, at->name, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (at->fd < 0 && errno != EEXIST)
            return err_sys(e, errno, "create the file");
        if (at->fd < 0 && existing_clear(d, dirfd, at->name, meta, &decision, e))
            return -1;
        if (decision == TARGET_SKIP)
            return 0;
    }
    if (at->fd < 0)
        return err_set(e, ERR_BUSY, "create the file: somebody else keeps taking its name");
    bool sure = !d->inherits_acl && d->t->umask != 0777;
    at->mode = sure ? mode & ~d->t->umask : UINT32_MAX;
    at->had_xattrs = d->inherits_acl;
    at->had_attrs = d->inherits_attrs;
    if (learn_owner(at, made, e)) {
        file_close(&at->fd);
        return -1;
    }
    apply_early(at, meta);
    return 0;
}

/* ---- the whole content at hand ---------------------------------------------------------- */

static int put(struct place *at, int dirfd, const struct entry *meta, const void *p, size_t len,
               struct err *e)
{
    if (create(at, dirfd, meta, e))
        return -1;
    if (at->fd < 0)
        return 0;
    if (len && file_write(at->fd, p, len)) {
        int saved = errno;
        file_close(&at->fd);
        (void)unlinkat(dirfd, at->name, 0);
        return err_sys(e, saved, "write the file");
    }
    apply_meta(at, meta, true);
    return close(at->fd) ? err_sys(e, errno, "close the file") : 0;
}

int target_file_put(struct target_dir *parent, const char *name, const struct entry *meta,
                    const void *p, size_t len, enum target_decision *decision_out, struct err *e)
{
    if (name_check(name, e))
        return -1;
    if (parent->t->o.dry_run)
        return existing_foresee(parent, name, meta, decision_out, e);
    struct place at = {.dir = parent, .name = name};
    int dirfd;
    if (dir_pin(parent, &dirfd, e))
        return -1;
    int rc = put(&at, dirfd, meta, p, len, e);
    dir_unpin(parent);
    if (rc == 0)
        *decision_out = at.fd < 0 ? TARGET_SKIP : TARGET_WRITE;
    return rc;
}

/* ---- in pieces ---------------------------------------------------------------------------- */

static void file_free(struct target_file *f)
{
    struct target_dir *parent = f->at.dir;
    mem_free(f);
    target_dir_unref(parent);
}

static struct target_file *file_new(struct target_dir *parent, const char *name,
                                    const struct entry *meta)
{
    size_t name_len = strlen(name);
    struct target_file *f = mem_zalloc(sizeof *f + name_len + 1);
    if (!f)
        return NULL;
    f->at.name = memcpy(f + 1, name, name_len + 1);
    f->at.dir = target_dir_ref(parent);
    f->at.fd = -1;
    f->meta = meta;
    atomic_init(&f->refs, 1);
    atomic_init(&f->failed, false);
    return f;
}

static int file_create(struct target_file *f, enum target_decision *out, struct err *e)
{
    struct target_dir *d = f->at.dir;
    int dirfd;
    if (d->t->o.dry_run)
        return existing_foresee(d, f->at.name, f->meta, out, e);
    if (dir_pin(d, &dirfd, e))
        return -1;
    int rc = create(&f->at, dirfd, f->meta, e);
    *out = f->at.fd < 0 ? TARGET_SKIP : TARGET_WRITE;
    if (rc == 0 && f->at.fd >= 0 && f->meta->size &&
        (f->meta->size > INT64_MAX || ftruncate(f->at.fd, (off_t)f->meta->size))) {
        rc = err_sys(e, f->meta->size > INT64_MAX ? EFBIG : errno, "give the file its size");
        (void)unlinkat(dirfd, f->at.name, 0);
        file_close(&f->at.fd);
    }
    dir_unpin(d);
    return rc;
}

int target_file_make(struct target_dir *parent, const char *name, const struct entry *meta,
                     struct target_file **out, struct err *e)
{
    if (name_check(name, e))
        return -1;
    struct target_file *f = file_new(parent, name, meta);
    if (!f)
        return err_no_memory(e, "a file");
    enum target_decision decision;
    int rc = file_create(f, &decision, e);
    if (rc || decision == TARGET_SKIP)
        file_free(TAKE(f));
    if (rc == 0)
        *out = f;
    return rc;
}

struct target_file *target_file_ref(struct target_file *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

int target_file_write(struct target_file *f, uint64_t off, const void *p, size_t len, struct err *e)
{
    if (f->at.fd < 0)
        return 0;
    if (off <= INT64_MAX - len && file_pwrite(f->at.fd, p, len, (off_t)off) == 0)
        return 0;
    int saved = off > INT64_MAX - len ? EFBIG : errno;
    target_file_fail(f);
    return err_sys(e, saved, "write the file");
}

void target_file_fail(struct target_file *f)
{
    atomic_store_explicit(&f->failed, true, memory_order_relaxed);
}

void target_file_unref(struct target_file *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (f->at.fd >= 0) {
        struct err e = ERR_INIT;
        apply_meta(&f->at, f->meta, !atomic_load_explicit(&f->failed, memory_order_relaxed));
        if (close(f->at.fd)) {
            (void)err_sys(&e, errno, "it may be incomplete: close the file");
            problem_report(f->at.dir, f->at.name, &e);
        }
    }
    file_free(f);
}
