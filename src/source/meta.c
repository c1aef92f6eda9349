/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry says beside path and content: owners by number and name, times,
 * links, the target of a symbolic link, extended attributes. Asks the system
 * only for what statx did not say already.
 */
#include "source/dir.h"
#include "source/owner.h"
#include "source/xattr.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct source_meta {
    struct owners owners;
    struct xattrs xattrs;
    uint64_t no_flags_dev; /* a file system that has no FS_IOC_GETFLAGS */
    bool has_no_flags_dev;
    char path[32 + ENTRY_NAME_MAX + 1];
    char target[ENTRY_TARGET_MAX + 1];
};

int source_meta_new(struct source_meta **out, struct err *e)
{
    struct source_meta *m = mem_zalloc(sizeof *m);
    if (!m)
        return err_no_memory(e, "metadata");
    if (xattrs_init(&m->xattrs, e)) {
        mem_free(m);
        return -1;
    }
    *out = m;
    return 0;
}

void source_meta_free(struct source_meta *m)
{
    if (!m)
        return;
    owners_done(&m->owners);
    xattrs_done(&m->xattrs);
    mem_free(m);
}

/* Spreads device and inode over 64 bits (the finalizer of MurmurHash3, twice),
 * so that inodes of two devices hardly ever meet. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static uint64_t link_of(uint64_t dev, uint64_t ino)
{
    return mix(mix(dev) + ino);
}

static void fill_plain(const struct source_item *item, struct entry *out)
{
    out->type = item->type;
    out->mode = item->mode;
    out->uid = item->uid;
    out->gid = item->gid;
    out->mtime_s = item->mtime_s;
    out->mtime_ns = item->mtime_ns;
    out->size = item->type == ENTRY_FILE ? item->size : 0;
    out->has_link = item->type != ENTRY_DIR && item->nlink > 1;
    out->link = out->has_link ? link_of(item->dev, item->ino) : 0;
    bool is_device = item->type == ENTRY_CHAR || item->type == ENTRY_BLOCK;
    out->dev_major = is_device ? item->dev_major : 0;
    out->dev_minor = is_device ? item->dev_minor : 0;
    out->attrs = item->attrs;
    out->target = NULL;
    out->target_len = 0;
    out->xattrs = NULL;
    out->xattr_count = 0;
}

/* no-atime and no-cow are not in statx. One ioctl, unless this file system is
 * known to have none. */
static void fill_attrs(struct source_meta *m, const struct source_item *item, int fd,
                       struct entry *out)
{
    if (m->has_no_flags_dev && m->no_flags_dev == item->dev)
        return;
    int flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        out->attrs = (uint32_t)flags & ENTRY_ATTRS;
    } else if (errno == ENOTTY || errno == EOPNOTSUPP || errno == ENOSYS) {
        m->has_no_flags_dev = true;
        m->no_flags_dev = item->dev;
    }
}

static int fill_target(struct source_meta *m, const struct source_item *item, struct entry *out,
                       struct err *e)
{
    ssize_t len = readlinkat(item->dir->fd, item->name, m->target, sizeof m->target);
    if (len < 0)
        return err_sys(e, errno, "read the symbolic link");
    if ((size_t)len > ENTRY_TARGET_MAX)
        return err_set(e, ERR_LIMIT, "the symbolic link's target has over %zu bytes",
                       ENTRY_TARGET_MAX);
    m->target[len] = '\0';
    out->target = m->target;
    out->target_len = (size_t)len;
    return 0;
}

static int fill_xattrs(struct source_meta *m, const struct source_item *item, int fd,
                       struct entry *out, struct err *e)
{
    /* There is no listxattrat in the kernels that matter; this path is resolved
     * from the descriptor, so its length and its parents do not count. */
    if (fd < 0)
        (void)snprintf(m->path, sizeof m->path, "/proc/self/fd/%d/%s", item->dir->fd, item->name);
    struct xattr_place at = {.fd = fd, .path = m->path};
    int rc = xattrs_read(&m->xattrs, &at, e);
    if (rc && !m->xattrs.incomplete)
        return rc;
    out->xattrs = m->xattrs.count ? m->xattrs.items : NULL;
    out->xattr_count = m->xattrs.count;
    return rc;
}

int source_meta_read(struct source_meta *m, const struct source_item *item, int fd,
                     struct entry *e_out, struct err *e)
{
    CLEANUP(file_close) int own_fd = -1;
    if (fd < 0 && item->type == ENTRY_DIR)
        fd = own_fd = source_openat(item->dir->fd, item->name, O_DIRECTORY);
    fill_plain(item, e_out);
    if (item->type == ENTRY_SYMLINK && fill_target(m, item, e_out, e))
        return -1;
    if (fd >= 0)
        fill_attrs(m, item, fd, e_out);
    e_out->user = owners_user(&m->owners, item->uid);
    e_out->group = owners_group(&m->owners, item->gid);
    return fill_xattrs(m, item, fd, e_out, e);
}
