/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolic links, fifos, sockets and device nodes. They cannot be opened while
 * they are made, so their metadata goes through an O_PATH descriptor that is
 * opened by name afterwards.
 *
 *  S1 what gets metadata is what was just made. Where others may write, they
 *     could swap the name for a hard link to anything, and no look at the inode
 *     could tell; there it is made in a directory of our own and then renamed.
 */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TRIES 4

static mode_t type_bits(enum entry_type type)
{
    switch (type) {
    case ENTRY_SYMLINK: return S_IFLNK;
    case ENTRY_FIFO: return S_IFIFO;
    case ENTRY_SOCKET: return S_IFSOCK;
    case ENTRY_CHAR: return S_IFCHR;
    case ENTRY_BLOCK: return S_IFBLK;
    case ENTRY_FILE:
    case ENTRY_DIR:
    case ENTRY_UNSET: break;
    }
    return 0;
}

static int meta_check(const struct entry *meta, struct err *e)
{
    if (type_bits(meta->type) == 0)
        return err_set(e, ERR_DAMAGED, "the snapshot names a type that cannot be made here");
    if (meta->type != ENTRY_SYMLINK)
        return 0;
    if (meta->target && meta->target_len && memchr(meta->target, '\0', meta->target_len) == NULL)
        return 0;
    return err_set(e, ERR_DAMAGED, "the snapshot holds a symbolic link without a valid target");
}

static int make_node(int dirfd, const char *name, const struct entry *meta)
{
    if (meta->type == ENTRY_SYMLINK)
        return symlinkat(meta->target, dirfd, name);
    return mknodat(dirfd, name, type_bits(meta->type) | 0600,
                   makedev(meta->dev_major, meta->dev_minor));
}

static int make_failed(const struct entry *meta, struct err *e)
{
    if (errno == EPERM && (meta->type == ENTRY_CHAR || meta->type == ENTRY_BLOCK))
        return err_set(e, ERR_READ_ONLY, "only root can make device nodes");
    return err_sys(e, errno, "make the %s", entry_type_name(meta->type));
}

static int finish(struct target_dir *d, int dirfd, const char *made, const char *name,
                  const struct entry *meta, struct err *e)
{
    struct stat st;
    CLEANUP(file_close) int fd = target_openat(d->t, dirfd, made, O_PATH, 0);
    if (fd < 0 || fstat(fd, &st))
        return err_sys(e, errno, "look at the new %s", entry_type_name(meta->type));
    if ((st.st_mode & S_IFMT) != type_bits(meta->type) || st.st_nlink != 1)
        return err_set(e, ERR_IO,
                       "was replaced while it was restored: make sure that nobody "
                       "else changes the target");
    struct place at = {.dir = d,
                       .name = name,
                       .fd = fd,
                       .is_path = true,
                       .had_xattrs = d->inherits_acl,
                       .uid = st.st_uid,
                       .gid = st.st_gid,
                       .mode = st.st_mode & 07777};
    apply_meta(&at, meta, true);
    return 0;
}

/* Where nobody else writes. */
static int make_here(struct target_dir *d, int dirfd, const char *name, const struct entry *meta,
                     enum target_decision *out, struct err *e)
{
    int tries = 0;
    *out = TARGET_WRITE;
    while (make_node(dirfd, name, meta)) {
        if (errno != EEXIST || tries++ == TRIES)
            return make_failed(meta, e);
        if (existing_clear(d, dirfd, name, meta, out, e))
            return -1;
        if (*out == TARGET_SKIP)
            return 0;
    }
    return finish(d, dirfd, name, name, meta, e);
}

/* ---- where others may write -------------------------------------------------------- */

#define MADE "made" /* the name within the private directory */

struct private_dir {
    char name[32];
    int fd;
};

static int private_make(struct target_dir *d, int dirfd, struct private_dir *p, struct err *e)
{
    struct stat st;
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return err_sys(e, errno, "make a name");
    (void)snprintf(p->name, sizeof p->name, ".abri-%016llx", (unsigned long long)random);
    if (mkdirat(dirfd, p->name, 0700))
        return err_sys(e, errno, "make a directory to work in");
    p->fd = target_open_dir(d->t, dirfd, p->name);
    if (p->fd >= 0 && fstat(p->fd, &st) == 0 && st.st_uid == d->t->euid && !(st.st_mode & 077))
        return 0;
    file_close(&p->fd);
    (void)unlinkat(dirfd, p->name, AT_REMOVEDIR);
    return err_set(e, ERR_IO,
                   "the directory to work in was replaced: make sure that nobody else "
                   "changes the target");
}

static void private_remove(int dirfd, struct private_dir *p)
{
    (void)unlinkat(p->fd, MADE, 0);
    file_close(&p->fd);
    (void)unlinkat(dirfd, p->name, AT_REMOVEDIR);
}

/* Gives it its name, which may be taken. */
static int move_out(struct target_dir *d, int dirfd, const struct private_dir *p, const char *name,
                    const struct entry *meta, enum target_decision *out, struct err *e)
{
    for (int i = 0; i < TRIES; i++) {
        *out = TARGET_WRITE;
        if (renameat2(p->fd, MADE, dirfd, name, RENAME_NOREPLACE) == 0)
            return 0;
        bool cannot_tell = errno == EINVAL || errno == ENOSYS;
        if (errno != EEXIST && !cannot_tell)
            return make_failed(meta, e);
        if (existing_clear(d, dirfd, name, meta, out, e))
            return -1;
        if (*out == TARGET_SKIP || (cannot_tell && renameat(p->fd, MADE, dirfd, name) == 0))
            return 0;
    }
    return err_set(e, ERR_BUSY, "make the %s: somebody else keeps taking its name",
                   entry_type_name(meta->type));
}

static int make_apart(struct target_dir *d, int dirfd, const char *name, const struct entry *meta,
                      enum target_decision *out, struct err *e)
{
    struct private_dir p = {.fd = -1};
    if (private_make(d, dirfd, &p, e))
        return -1;
    int rc = make_node(p.fd, MADE, meta) ? make_failed(meta, e) : 0;
    if (rc == 0)
        rc = finish(d, p.fd, MADE, name, meta, e);
    if (rc == 0)
        rc = move_out(d, dirfd, &p, name, meta, out, e);
    private_remove(dirfd, &p);
    return rc;
}

int target_special_make(struct target_dir *parent, const char *name, const struct entry *meta,
                        enum target_decision *decision_out, struct err *e)
{
    if (name_check(name, e) || meta_check(meta, e))
        return -1;
    if (parent->t->o.dry_run)
        return existing_foresee(parent, name, meta, decision_out, e);
    enum target_decision decision;
    int dirfd;
    if (dir_pin(parent, &dirfd, e))
        return -1;
    int rc = parent->shared ? make_apart(parent, dirfd, name, meta, &decision, e)
                            : make_here(parent, dirfd, name, meta, &decision, e);
    dir_unpin(parent);
    if (rc == 0)
        *decision_out = decision;
    return rc;
}
