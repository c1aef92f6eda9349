/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of files, and what is said of them.
 *
 *  N1 A number alone says what it means: 4 bits of kind, 24 of a slot (snapshot, host, tag), 36 of an entry's number in
 *     its tree. Nothing is kept for it, and nothing is forgotten.
 *  N2 Number 1 is the root of all; where one snapshot is mounted, that is the top of its tree.
 *  N3 Hard links of one file have numbers of their own, and one st_ino that no number has (its highest bit is set):
 *     so programs that copy trees find them. How many there are is not known: their count is 2.
 */
#include "mount/mount_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define LINKED_BIT (UINT64_C(1) << 63)
#define TREE_TIMEOUT_S 86400.0 /* a snapshot never changes */
#define LIST_TIMEOUT_S 1.0     /* lists of snapshots do */

fuse_ino_t node_ino(const struct node *n)
{
    if (n->kind == NODE_FIXED)
        return n->number;
    return (uint64_t)n->kind << (NODE_SLOT_BITS + NODE_NUMBER_BITS) | (uint64_t)n->slot << NODE_NUMBER_BITS | n->number;
}

bool node_of(const struct mounted *m, fuse_ino_t ino, struct node *out)
{
    if (ino == FUSE_ROOT_ID && m->o->snapshot) {
        *out = (struct node){.kind = NODE_TREE};
        return true;
    }
    *out = (struct node){
        .kind = (enum node_kind)(ino >> (NODE_SLOT_BITS + NODE_NUMBER_BITS)),
        .slot = (uint32_t)(ino >> NODE_NUMBER_BITS) & ((1u << NODE_SLOT_BITS) - 1),
        .number = ino & ((UINT64_C(1) << NODE_NUMBER_BITS) - 1),
    };
    return ino < (uint64_t)NODE_KINDS << (NODE_SLOT_BITS + NODE_NUMBER_BITS);
}

bool node_is_tree(const struct node *n)
{
    return n->kind == NODE_TREE || n->kind == NODE_TREE_HOST;
}

double node_timeout_s(const struct node *n)
{
    return node_is_tree(n) && n->number ? TREE_TIMEOUT_S : LIST_TIMEOUT_S;
}

static void set_times(struct stat *st, struct timespec t)
{
    st->st_atim = st->st_mtim = st->st_ctim = t;
}

void node_link_text(const struct node *n, const struct snapshot_face *face, char out[SNAPSHOT_NAME_BYTES + 32])
{
    const char *before = n->kind == NODE_LINK_ID ? "../snapshots/" : n->kind == NODE_LINK_TAG ? "../../snapshots/" : "";
    (void)snprintf(out, SNAPSHOT_NAME_BYTES + 32, "%s%s", before, face->name);
}

void node_stat(const struct mounted *m, const struct node *n, const struct snapshot_face *face, struct stat *out)
{
    bool is_link = n->kind == NODE_LINK_ID || n->kind == NODE_LINK_TAG || n->kind == NODE_LINK_HERE;
    int64_t ns = face ? face->dated_ns : m->since_ns;
    char text[SNAPSHOT_NAME_BYTES + 32];
    memset(out, 0, sizeof *out);
    out->st_ino = node_ino(n);
    out->st_mode = is_link ? S_IFLNK | 0777 : S_IFDIR | 0555;
    out->st_nlink = 1; /* of a directory: it is not known how many it holds */
    out->st_uid = m->o->owner_root ? 0 : m->uid;
    out->st_gid = m->o->owner_root ? 0 : m->gid;
    out->st_blksize = 4096;
    set_times(out, (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S});
    if (is_link && face) {
        node_link_text(n, face, text);
        out->st_size = (off_t)strlen(text);
    }
}

static mode_t type_bits(enum entry_type t)
{
    switch (t) {
    case ENTRY_FILE: return S_IFREG;
    case ENTRY_DIR: return S_IFDIR;
    case ENTRY_SYMLINK: return S_IFLNK;
    case ENTRY_FIFO: return S_IFIFO;
    case ENTRY_SOCKET: return S_IFSOCK;
    case ENTRY_CHAR: return S_IFCHR;
    case ENTRY_BLOCK: return S_IFBLK;
    case ENTRY_UNSET: break;
    }
    return 0;
}

/* splitmix64: other snapshots have other numbers. */
static uint64_t linked_ino(const struct node *n, uint64_t link)
{
    uint64_t z = link + ((uint64_t)n->kind << NODE_SLOT_BITS | n->slot) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) | LINKED_BIT;
}

void node_stat_entry(const struct mounted *m, const struct node *n, const struct entry *en, struct stat *out)
{
    memset(out, 0, sizeof *out);
    out->st_ino = en->has_link ? linked_ino(n, en->link) : node_ino(n);
    out->st_mode = type_bits(en->type) | (en->mode & 07777);
    out->st_nlink = en->has_link ? 2 : 1;
    out->st_uid = m->o->owner_root ? 0 : en->uid;
    out->st_gid = m->o->owner_root ? 0 : en->gid;
    out->st_blksize = 4096;
    set_times(out, (struct timespec){.tv_sec = en->mtime_s, .tv_nsec = (long)en->mtime_ns});
    if (en->type == ENTRY_FILE)
        out->st_size = en->size < INT64_MAX ? (off_t)en->size : INT64_MAX;
    else if (en->type == ENTRY_SYMLINK)
        out->st_size = (off_t)en->target_len;
    if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK)
        out->st_rdev = makedev(en->dev_major, en->dev_minor);
    out->st_blocks = (blkcnt_t)((uint64_t)out->st_size / 512 + ((uint64_t)out->st_size % 512 != 0));
}

/* ---- of trees ------------------------------------------------------------------------------------ */

int mounted_tree(struct mounted *m, const struct node *n, struct tree_ref *out)
{
    struct err e = ERR_INIT;
    return catalog_tree(m->catalog, n->slot, out, &e) ? mounted_problem(m, &e) : 0;
}

int mounted_place(struct mounted *m, const struct node *n, struct place *out)
{
    struct err e = ERR_INIT;
    struct tree_ref tree;
    if (!node_is_tree(n) || n->number == 0)
        return EINVAL;
    int failed = mounted_tree(m, n, &tree);
    if (failed)
        return failed;
    int rc = place_at(out, m->pages, &tree, n->number - 1, &e);
    return rc < 0 ? mounted_problem(m, &e) : rc == 0 ? ENOENT : 0;
}
