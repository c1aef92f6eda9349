/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing directories. Every call begins where the cookie of the last name says, and keeps nothing.
 *
 *  R1 Cookies: 1 and 2 stand behind "." and "..", 3 + n behind what is number n of its directory: an entry's number
 *     in the tree, a slot, a host, a tag. So a list that grows meanwhile neither repeats nor leaves out what was there.
 *  R2 Of a tree only the nodes are read in which children of the directory lie: what is below them is skipped.
 */
#include "mount/mount_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define COOKIE_FIRST 3u
#define COOKIE_LATEST ((uint64_t)1 << 62) /* behind everything else */
#define ANSWER_MAX ((size_t)1 << 20)

struct listing {
    struct mounted *m;
    fuse_req_t req;
    struct node dir;
    bool plus;
    char *to;
    size_t room, used;
};

/* False if there is no room for it. */
static bool put(struct listing *l, const char *name, const struct node *n, const struct stat *st, uint64_t cookie)
{
    size_t len, left = l->room - l->used;
    if (l->plus) {
        struct fuse_entry_param p = {.ino = node_ino(n), .attr = *st};
        p.attr_timeout = p.entry_timeout = node_timeout_s(n);
        len = fuse_add_direntry_plus(l->req, l->to + l->used, left, name, &p, (off_t)cookie);
    } else {
        len = fuse_add_direntry(l->req, l->to + l->used, left, name, st, (off_t)cookie);
    }
    if (len > left)
        return false;
    l->used += len;
    return true;
}

/* "." and "..": the kernel knows what they are, and takes only their names. */
static bool put_dots(struct listing *l, uint64_t from)
{
    struct stat st = {.st_mode = S_IFDIR, .st_ino = node_ino(&l->dir)};
    for (uint64_t i = from; i < 2; i++)
        if (!put(l, i ? ".." : ".", &l->dir, &st, i + 1))
            return false;
    return true;
}

/* ---- lists ------------------------------------------------------------------------------------------- */

static bool put_listed(struct listing *l, const char *name, enum node_kind kind, uint32_t slot, uint64_t number,
                       const struct snapshot_face *face, uint64_t cookie)
{
    struct node n = {.kind = kind, .slot = slot, .number = number};
    struct stat st;
    node_stat(l->m, &n, face, &st);
    return put(l, name, &n, &st, cookie);
}

static void list_root(struct listing *l, uint64_t from)
{
    static const char *const names[] = {"hosts", "snapshots", "tags", "ids"};
    for (uint64_t i = from; i < sizeof names / sizeof *names; i++)
        if (!put_listed(l, names[i], NODE_FIXED, 0, FIXED_HOSTS + i, NULL, COOKIE_FIRST + i))
            return;
}

static void list_snapshots(struct listing *l, enum face_of of, uint32_t which, enum node_kind kind, uint64_t from)
{
    struct snapshot_face face;
    for (uint64_t i = from; i <= UINT32_MAX && catalog_find(l->m->catalog, of, which, (uint32_t)i, &face);
         i = (uint64_t)face.slot + 1)
        if (!put_listed(l, kind == NODE_LINK_ID ? face.short_id : face.name, kind, face.slot, 0, &face,
                        COOKIE_FIRST + face.slot))
            return;
    if (kind == NODE_LINK_ID || from > UINT32_MAX || !catalog_latest(l->m->catalog, of, which, &face))
        return;
    (void)put_listed(l, "latest", NODE_LINK_HERE, face.slot, 0, &face, COOKIE_LATEST);
}

static int list_groups(struct listing *l, enum face_of of, enum node_kind kind, uint64_t from)
{
    struct err e = ERR_INIT;
    char name[HOST_NAME_BYTES];
    uint32_t which;
    if (of == FACE_HOST && catalog_name_hosts(l->m->catalog, &e))
        return mounted_problem(l->m, &e);
    for (uint64_t i = from; i <= UINT32_MAX && catalog_group(l->m->catalog, of, (uint32_t)i, &which, name);
         i = (uint64_t)which + 1)
        if (!put_listed(l, name, kind, which, 0, NULL, COOKIE_FIRST + which))
            break;
    return 0;
}

static int list_list(struct listing *l, uint64_t from)
{
    struct err e = ERR_INIT;
    if (from == 0 && catalog_refresh(l->m->catalog, &e))
        (void)mounted_problem(l->m, &e);
    if (l->dir.kind == NODE_HOST) {
        list_snapshots(l, FACE_HOST, l->dir.slot, NODE_TREE_HOST, from);
        return 0;
    }
    if (l->dir.kind == NODE_TAG) {
        list_snapshots(l, FACE_TAG, l->dir.slot, NODE_LINK_TAG, from);
        return 0;
    }
    if (l->dir.kind != NODE_FIXED)
        return ENOTDIR;
    switch (l->dir.number) {
    case FIXED_ROOT: list_root(l, from); break;
    case FIXED_SNAPSHOTS: list_snapshots(l, FACE_ANY, 0, NODE_TREE, from); break;
    case FIXED_IDS: list_snapshots(l, FACE_ANY, 0, NODE_LINK_ID, from); break;
    case FIXED_HOSTS: return list_groups(l, FACE_HOST, NODE_HOST, from);
    case FIXED_TAGS: return list_groups(l, FACE_TAG, NODE_TAG, from);
    default: return ENOENT;
    }
    return 0;
}

/* ---- trees ---------------------------------------------------------------------------------------------- */

/* Where the list goes on: 1, 0 at the end, -1. `path` gets the directory's. */
static int begin(struct listing *l, const struct tree_ref *tree, uint64_t from, struct place *p, struct buf *path,
                 struct err *e)
{
    int rc = 1;
    if (l->dir.number) {
        rc = place_at(p, l->m->pages, tree, l->dir.number - 1, e);
        if (rc <= 0)
            return rc;
        const struct entry *en = place_entry(p);
        if (en->type != ENTRY_DIR)
            return 0;
        buf_put(path, en->path, en->path_len);
        buf_put_u8(path, '/');
        if (buf_check(path, "a path", e))
            return -1;
    }
    if (from) { /* behind what was listed last, and what is below it */
        rc = place_at(p, l->m->pages, tree, from - 1, e);
        return rc > 0 ? place_skip(p, e) : rc;
    }
    return l->dir.number ? place_next(p, e) : place_at(p, l->m->pages, tree, 0, e);
}

static bool put_entry(struct listing *l, const struct place *p, size_t skip)
{
    const struct entry *en = place_entry(p);
    struct node n = {.kind = l->dir.kind, .slot = l->dir.slot, .number = p->number + 1};
    struct stat st;
    node_stat_entry(l->m, &n, en, &st);
    if (!l->plus)
        st.st_ino = node_ino(&n);
    return put(l, en->path + skip, &n, &st, COOKIE_FIRST + p->number);
}

static int list_tree(struct listing *l, uint64_t from)
{
    CLEANUP(place_done) struct place p = {0};
    CLEANUP(buf_done) struct buf path = {.max = ENTRY_PATH_MAX + 1};
    struct err e = ERR_INIT;
    struct tree_ref tree;
    int failed = mounted_tree(l->m, &l->dir, &tree);
    if (failed)
        return failed;
    int rc = begin(l, &tree, from, &p, &path, &e);
    while (rc > 0) {
        const struct entry *en = place_entry(&p);
        if (path.len && (en->path_len <= path.len || memcmp(en->path, path.data, path.len) != 0))
            break;
        /* Whose directory is missing (damage, or nobody honest wrote it) has no place to be shown at. */
        bool is_child = !memchr(en->path + path.len, '/', en->path_len - path.len);
        if (is_child && !put_entry(l, &p, path.len))
            break;
        rc = place_skip(&p, &e);
    }
    return rc < 0 ? mounted_problem(l->m, &e) : 0;
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static void answer(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
    struct listing l = {.m = fuse_req_userdata(req), .req = req, .plus = plus};
    uint64_t cookie = (uint64_t)off;
    int failed = 0;
    l.room = size < ANSWER_MAX ? size : ANSWER_MAX;
    l.to = mem_alloc(l.room + 1);
    if (!l.to || !node_of(l.m, ino, &l.dir)) {
        (void)fuse_reply_err(req, l.to ? ENOENT : ENOMEM);
        mem_free(l.to);
        return;
    }
    uint64_t from = cookie < COOKIE_FIRST ? 0 : cookie - COOKIE_FIRST + 1;
    if (cookie >= 2 || put_dots(&l, cookie))
        failed = node_is_tree(&l.dir) ? list_tree(&l, from) : list_list(&l, from);
    /* What came before damage is given; who asks for more hears of it. */
    if (failed && l.used == 0)
        (void)fuse_reply_err(req, failed);
    else
        (void)fuse_reply_buf(req, l.to, l.used);
    mem_free(l.to);
}

void answer_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    answer(req, ino, size, off, false);
}

void answer_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    answer(req, ino, size, off, true);
}

void answer_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct mounted *m = fuse_req_userdata(req);
    struct node n;
    if (!node_of(m, ino, &n)) {
        (void)fuse_reply_err(req, ENOENT);
        return;
    }
    fi->cache_readdir = fi->keep_cache = node_is_tree(&n); /* lists change */
    (void)fuse_reply_open(req, fi);
}
