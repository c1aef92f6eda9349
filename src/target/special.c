/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolic links, fifos, sockets and device nodes. They cannot be opened without
 * side effects, so their metadata goes through an O_PATH descriptor of what was
 * just made: a name swapped meanwhile is noticed, not followed.
 */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

static int make(struct target_dir *d, int dirfd, const char *name, const struct entry *meta,
                enum target_decision *out, struct err *e)
{
    for (int i = 0; i < TRIES; i++) {
        *out = TARGET_WRITE;
        if (make_node(dirfd, name, meta) == 0)
            return 0;
        if (errno == EPERM && (meta->type == ENTRY_CHAR || meta->type == ENTRY_BLOCK))
            return err_set(e, ERR_READ_ONLY, "only root can make device nodes");
        if (errno != EEXIST)
            return err_sys(e, errno, "make the %s", entry_type_name(meta->type));
        if (existing_clear(d, dirfd, name, meta, out, e))
            return -1;
        if (*out == TARGET_SKIP)
            return 0;
    }
    return err_set(e, ERR_BUSY, "make the %s: somebody else keeps taking its name",
                   entry_type_name(meta->type));
}

static int finish(struct target_dir *d, int dirfd, const char *name, const struct entry *meta,
                  struct err *e)
{
    struct stat st;
    CLEANUP(file_close) int fd = target_openat(d->t, dirfd, name, O_PATH, 0);
    if (fd < 0 || fstat(fd, &st))
        return err_sys(e, errno, "look at the new %s", entry_type_name(meta->type));
    /* Another name for something old (a hard link) has nlink > 1. */
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
    int rc = make(parent, dirfd, name, meta, &decision, e);
    if (rc == 0 && decision == TARGET_WRITE)
        rc = finish(parent, dirfd, name, meta, e);
    dir_unpin(parent);
    if (rc == 0)
        *decision_out = decision;
    return rc;
}
