/* SPDX-License-Identifier: Apache-2.0 */
/* What files hold, and their extended attributes. An open file is a view; its bytes come from the one cache of all. */
#include "mount/mount_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define READ_MAX ((size_t)1 << 20)

static struct view *view_of(const struct fuse_file_info *fi)
{
    return (struct view *)(uintptr_t)fi->fh;
}

static int open_view(struct mounted *m, fuse_ino_t ino, struct view **out)
{
    CLEANUP(place_done) struct place p = {0};
    struct err e = ERR_INIT;
    struct node n;
    if (!node_of(m, ino, &n))
        return ENOENT;
    if (!node_is_tree(&n) || n.number == 0)
        return EISDIR;
    int failed = mounted_place(m, &n, &p);
    if (failed)
        return failed;
    if (place_entry(&p)->type != ENTRY_FILE)
        return place_entry(&p)->type == ENTRY_DIR ? EISDIR : EINVAL;
    return view_open(m->cache, place_entry(&p), out, &e) ? mounted_problem(m, &e) : 0;
}

void answer_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct view *v = NULL;
    int failed = open_view(fuse_req_userdata(req), ino, &v);
    if (failed) {
        (void)fuse_reply_err(req, failed);
        return;
    }
    fi->fh = (uintptr_t)v;
    fi->keep_cache = 1; /* it never changes */
    if (fuse_reply_open(req, fi) == -ENOENT)
        view_close(v); /* who asked has gone: there will be no release */
}

void answer_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct mounted *m = fuse_req_userdata(req);
    struct view *v = view_of(fi);
    struct err e = ERR_INIT;
    uint64_t from = (uint64_t)off, left = from < view_size(v) ? view_size(v) - from : 0;
    size_t len = size < READ_MAX ? size : READ_MAX;
    (void)ino;
    len = left < len ? (size_t)left : len;
    CLEANUP_FREE void *bytes = mem_alloc(len + 1);
    if (!bytes)
        (void)fuse_reply_err(req, ENOMEM);
    else if (len && view_read(v, from, bytes, len, &e))
        (void)fuse_reply_err(req, mounted_problem(m, &e));
    else
        (void)fuse_reply_buf(req, bytes, len);
}

void answer_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    view_close(view_of(fi));
    (void)fuse_reply_err(req, 0);
}

/* ---- extended attributes ----------------------------------------------------------------------------- */

/* The entry of a file of a tree; 0 and no place for what is ours. */
static int entry_of(fuse_req_t req, fuse_ino_t ino, struct place *p)
{
    struct mounted *m = fuse_req_userdata(req);
    struct node n;
    if (!node_of(m, ino, &n))
        return ENOENT;
    return node_is_tree(&n) && n.number ? mounted_place(m, &n, p) : 0;
}

/* As getxattr(2): how long it is if `size` is 0. */
static void give(fuse_req_t req, const void *p, size_t len, size_t size)
{
    if (size == 0)
        (void)fuse_reply_xattr(req, len);
    else if (len > size)
        (void)fuse_reply_err(req, ERANGE);
    else
        (void)fuse_reply_buf(req, p, len);
}

void answer_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    CLEANUP(place_done) struct place p = {0};
    int failed = entry_of(req, ino, &p);
    const struct entry *en = failed == 0 && p.slot ? place_entry(&p) : NULL;
    for (size_t i = 0; en && i < en->xattr_count; i++)
        if (strcmp(en->xattrs[i].name, name) == 0) {
            give(req, en->xattrs[i].value, en->xattrs[i].value_len, size);
            return;
        }
    (void)fuse_reply_err(req, failed ? failed : ENODATA);
}

void answer_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    CLEANUP(place_done) struct place p = {0};
    CLEANUP(buf_done) struct buf names = {0};
    int failed = entry_of(req, ino, &p);
    const struct entry *en = failed == 0 && p.slot ? place_entry(&p) : NULL;
    for (size_t i = 0; en && i < en->xattr_count; i++)
        buf_put(&names, en->xattrs[i].name, strlen(en->xattrs[i].name) + 1);
    if (failed || names.failed)
        (void)fuse_reply_err(req, failed ? failed : ENOMEM);
    else
        give(req, names.len ? (const void *)names.data : "", names.len, size);
}
