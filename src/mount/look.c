/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: from a directory and a name to a file, what is said of a file, where links lead. Names come from the kernel,
 * which gives one component at a time.
 */
#include "mount/mount_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

struct found {
    struct node node;
    struct stat st;
};

static void is_list(struct mounted *m, enum node_kind kind, uint32_t slot, uint64_t number,
                    const struct snapshot_face *face, struct found *out)
{
    out->node = (struct node){.kind = kind, .slot = slot, .number = number};
    node_stat(m, &out->node, face, &out->st);
}

/* ---- lists ------------------------------------------------------------------------------------------ */

static int look_in_root(struct mounted *m, const char *name, struct found *out)
{
    static const char *const names[] = {"hosts", "snapshots", "tags", "ids"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            is_list(m, NODE_FIXED, 0, FIXED_HOSTS + i, NULL, out);
            return 0;
        }
    return ENOENT;
}

/* In a directory of snapshots: one of them, or the newest by its second name. */
static int look_among(struct mounted *m, enum face_of of, uint32_t which, enum node_kind kind, const char *name,
                      struct found *out)
{
    struct snapshot_face face;
    if (strcmp(name, "latest") == 0) {
        if (!catalog_latest(m->catalog, of, which, &face))
            return ENOENT;
        is_list(m, NODE_LINK_HERE, face.slot, 0, &face, out);
        return 0;
    }
    if (!catalog_by_name(m->catalog, of, which, name, &face))
        return ENOENT;
    is_list(m, kind, face.slot, 0, &face, out);
    return 0;
}

static int look_in_ids(struct mounted *m, const char *name, struct found *out)
{
    struct snapshot_face face;
    if (!catalog_by_id(m->catalog, name, &face))
        return ENOENT;
    is_list(m, NODE_LINK_ID, face.slot, 0, &face, out);
    return 0;
}

static int look_among_groups(struct mounted *m, enum face_of of, enum node_kind kind, const char *name,
                             struct found *out)
{
    struct err e = ERR_INIT;
    uint32_t which;
    if (of == FACE_HOST && catalog_name_hosts(m->catalog, &e))
        return mounted_problem(m, &e);
    if (!catalog_group_by_name(m->catalog, of, name, &which))
        return ENOENT;
    is_list(m, kind, which, 0, NULL, out);
    return 0;
}

static int look_in_list(struct mounted *m, const struct node *dir, const char *name, struct found *out)
{
    struct err e = ERR_INIT;
    if (catalog_refresh(m->catalog, &e))
        (void)mounted_problem(m, &e);
    if (dir->kind == NODE_HOST)
        return look_among(m, FACE_HOST, dir->slot, NODE_TREE_HOST, name, out);
    if (dir->kind == NODE_TAG)
        return look_among(m, FACE_TAG, dir->slot, NODE_LINK_TAG, name, out);
    if (dir->kind != NODE_FIXED)
        return ENOTDIR;
    switch (dir->number) {
    case FIXED_ROOT: return look_in_root(m, name, out);
    case FIXED_HOSTS: return look_among_groups(m, FACE_HOST, NODE_HOST, name, out);
    case FIXED_SNAPSHOTS: return look_among(m, FACE_ANY, 0, NODE_TREE, name, out);
    case FIXED_TAGS: return look_among_groups(m, FACE_TAG, NODE_TAG, name, out);
    case FIXED_IDS: return look_in_ids(m, name, out);
    default: return ENOENT;
    }
}

/* ---- trees ------------------------------------------------------------------------------------------- */

/* The path of an entry of a directory, in `path`. */
static int path_in(struct mounted *m, const struct node *dir, const char *name, struct buf *path)
{
    CLEANUP(place_done) struct place p = {0};
    if (dir->number) {
        int failed = mounted_place(m, dir, &p);
        if (failed)
            return failed;
        const struct entry *en = place_entry(&p);
        if (en->type != ENTRY_DIR)
            return ENOTDIR;
        buf_put(path, en->path, en->path_len);
        buf_put_u8(path, '/');
    }
    buf_put(path, name, strlen(name));
    return path->failed ? ENOENT : 0;
}

static int look_in_tree(struct mounted *m, const struct node *dir, const char *name, struct found *out)
{
    CLEANUP(place_done) struct place p = {0};
    CLEANUP(buf_done) struct buf path = {.max = ENTRY_PATH_MAX};
    struct err e = ERR_INIT;
    struct tree_ref tree;
    int failed = mounted_tree(m, dir, &tree);
    if (failed == 0)
        failed = path_in(m, dir, name, &path);
    if (failed)
        return failed;
    int rc = place_seek(&p, m->pages, &tree, (const char *)path.data, path.len, &e);
    if (rc <= 0)
        return rc ? mounted_problem(m, &e) : ENOENT;
    const struct entry *en = place_entry(&p);
    if (en->path_len != path.len || memcmp(en->path, path.data, path.len) != 0)
        return ENOENT;
    out->node = (struct node){.kind = dir->kind, .slot = dir->slot, .number = p.number + 1};
    node_stat_entry(m, &out->node, en, &out->st);
    return 0;
}

void answer_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct mounted *m = fuse_req_userdata(req);
    struct node dir = {0};
    struct found f;
    int failed = ENOENT;
    if (strlen(name) > ENTRY_NAME_MAX)
        failed = ENAMETOOLONG;
    else if (node_of(m, parent, &dir))
        failed = node_is_tree(&dir) ? look_in_tree(m, &dir, name, &f) : look_in_list(m, &dir, name, &f);
    struct fuse_entry_param answer = {0};
    if (failed == ENOENT && node_is_tree(&dir)) {
        answer.entry_timeout = 86400; /* nor will it ever be there */
        (void)fuse_reply_entry(req, &answer);
        return;
    }
    if (failed) {
        (void)fuse_reply_err(req, failed);
        return;
    }
    answer = (struct fuse_entry_param){.ino = node_ino(&f.node), .attr = f.st};
    answer.attr_timeout = answer.entry_timeout = node_timeout_s(&f.node);
    (void)fuse_reply_entry(req, &answer);
}

/* ---- what is said of a file ------------------------------------------------------------------------------ */

static int stat_of(struct mounted *m, const struct node *n, struct stat *out)
{
    CLEANUP(place_done) struct place p = {0};
    struct snapshot_face face;
    bool has_face = n->kind >= NODE_LINK_ID && catalog_face(m->catalog, n->slot, &face);
    if (!node_is_tree(n) || n->number == 0) {
        node_stat(m, n, has_face ? &face : NULL, out);
        return 0;
    }
    int failed = mounted_place(m, n, &p);
    if (failed == 0)
        node_stat_entry(m, n, place_entry(&p), out);
    return failed;
}

void answer_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct mounted *m = fuse_req_userdata(req);
    struct node n;
    struct stat st;
    (void)fi;
    int failed = node_of(m, ino, &n) ? stat_of(m, &n, &st) : ENOENT;
    if (failed)
        (void)fuse_reply_err(req, failed);
    else
        (void)fuse_reply_attr(req, &st, node_timeout_s(&n));
}

void answer_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct mounted *m = fuse_req_userdata(req);
    CLEANUP(place_done) struct place p = {0};
    struct node n;
    struct snapshot_face face;
    char text[SNAPSHOT_NAME_BYTES + 32];
    if (!node_of(m, ino, &n)) {
        (void)fuse_reply_err(req, ENOENT);
    } else if (!node_is_tree(&n)) {
        if (n.kind < NODE_LINK_ID || !catalog_face(m->catalog, n.slot, &face)) {
            (void)fuse_reply_err(req, EINVAL);
            return;
        }
        node_link_text(&n, &face, text);
        (void)fuse_reply_readlink(req, text);
    } else {
        int failed = mounted_place(m, &n, &p);
        if (failed == 0 && place_entry(&p)->type != ENTRY_SYMLINK)
            failed = EINVAL;
        if (failed)
            (void)fuse_reply_err(req, failed);
        else
            (void)fuse_reply_readlink(req, place_entry(&p)->target);
    }
}
