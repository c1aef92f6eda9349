/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the room share. Locks, none of which is held while another is taken, but `catalog.lock`,
 * under which a root is opened:
 *   pages.lock    the opened nodes (pages.c)
 *   catalog.lock  which snapshots there are (catalog.c)
 *   said_lock     what is told (session.c)
 */
#ifndef ABRI_MOUNT_INTERNAL_H
#define ABRI_MOUNT_INTERNAL_H

#include "mount/mount.h"

#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>

/* ---- nodes of trees, opened ---------------------------------------------------------- */

struct pages;
struct page_slot { /* borrowed from page_get until page_put */
    struct page_slot *same_bucket, *newer, *older;
    uint8_t id[ID_BYTES];
    unsigned users;
    struct tree_page *page;
};
MUST_CHECK int pages_new(struct access *a, size_t bytes_max, struct pages **out, struct err *e);
void pages_free(struct pages *p);
MUST_CHECK int page_get(struct pages *p, const uint8_t id[ID_BYTES], uint8_t level, uint64_t entries,
                        struct page_slot **out, struct err *e);
void page_put(struct pages *p, struct page_slot *s);
size_t pages_bytes(struct pages *p);

/* ---- places in a tree ------------------------------------------------------------------- */

/* An entry and its number in the tree, from 0. Zeroed, it holds nothing. */
struct place {
    struct pages *pages;
    struct tree_ref tree;
    struct page_slot *slot;
    size_t index; /* in the page */
    uint64_t number;
};
void place_done(struct place *p);
const struct entry *place_entry(const struct place *p);
/* 1, or 0 if it has no such entry. `p` was zeroed or is at a place. */
MUST_CHECK int place_at(struct place *p, struct pages *pages, const struct tree_ref *tree, uint64_t number,
                        struct err *e);
/* The first entry at or behind `path`: 1, or 0 if there is none. */
MUST_CHECK int place_seek(struct place *p, struct pages *pages, const struct tree_ref *tree, const char *path,
                          size_t len, struct err *e);
/* The next entry; or the next that is not below this one. 1, or 0 at the end. */
MUST_CHECK int place_next(struct place *p, struct err *e);
MUST_CHECK int place_skip(struct place *p, struct err *e);

/* ---- which snapshots there are ------------------------------------------------------------ */

#define SNAPSHOT_NAME_BYTES 48
#define HOST_NAME_BYTES 256
#define NO_HOST UINT32_MAX

struct catalog;
struct catalog_options {
    struct access *access;
    const uint8_t *only; /* NULL: all */
    vault_damage *damaged;
    void *arg;
};
MUST_CHECK int catalog_new(const struct catalog_options *o, struct catalog **out, struct err *e);
void catalog_free(struct catalog *c);
/* Looks for snapshots that came or went, if the last look is REFRESH_NS ago. What fails leaves all as it is. */
MUST_CHECK int catalog_refresh(struct catalog *c, struct err *e);

/* Slots, tags and hosts are numbered from 0 and keep their numbers, also when they are gone. Each finder gives
 * the first at or behind a number that is there now, and belongs to what is asked for; false: none. */
struct snapshot_face { /* what is known without a key */
    uint32_t slot;
    char name[SNAPSHOT_NAME_BYTES], short_id[9];
    int64_t dated_ns;
};
enum face_of { FACE_ANY = 0, FACE_HOST, FACE_TAG };
bool catalog_find(struct catalog *c, enum face_of of, uint32_t which, uint32_t from, struct snapshot_face *out);
/* The newest; the one called so; the one with this short id. */
bool catalog_latest(struct catalog *c, enum face_of of, uint32_t which, struct snapshot_face *out);
bool catalog_by_name(struct catalog *c, enum face_of of, uint32_t which, const char *name, struct snapshot_face *out);
bool catalog_by_id(struct catalog *c, const char *short_id, struct snapshot_face *out);
/* Any that was ever seen. */
bool catalog_face(struct catalog *c, uint32_t slot, struct snapshot_face *out);
/* Works out whose every snapshot is: opens one root for each group that is new. */
MUST_CHECK int catalog_name_hosts(struct catalog *c, struct err *e);
bool catalog_group(struct catalog *c, enum face_of of, uint32_t from, uint32_t *which_out,
                   char name[HOST_NAME_BYTES]);
bool catalog_group_by_name(struct catalog *c, enum face_of of, const char *name, uint32_t *which_out);
/* Its tree; opens the root if nobody did. */
MUST_CHECK int catalog_tree(struct catalog *c, uint32_t slot, struct tree_ref *out, struct err *e);
/* A name that a directory can have, made of any text; never empty, ".", "..", nor with a '/'. */
void host_name_clean(const char *text, char out[HOST_NAME_BYTES]);

/* ---- the mounted thing ------------------------------------------------------------------------ */

struct mounted {
    const struct mount_options *o;
    struct access *access;
    struct pages *pages;
    struct catalog *catalog;
    struct view_cache *cache;
    uid_t uid;
    gid_t gid;
    int64_t since_ns;
    pthread_mutex_t said_lock;
    char said[ERR_MESSAGE_BYTES]; /* last, so that it is not said again and again */
};
/* Tells what is wrong and gives the errno for whoever asked. */
int mounted_problem(struct mounted *m, const struct err *e);

/* ---- numbers of files ----------------------------------------------------------------------------- */

/* What a FUSE number means: see node.c. */
enum node_kind {
    NODE_FIXED = 0, /* the root and the directories in it */
    NODE_HOST,      /* hosts/HOST */
    NODE_TAG,       /* tags/TAG */
    NODE_LINK_ID,   /* ids/ID */
    NODE_LINK_TAG,  /* tags/TAG/NAME */
    NODE_LINK_HERE, /* …/latest */
    NODE_TREE,      /* snapshots/NAME and what is in it */
    NODE_TREE_HOST, /* hosts/HOST/NAME and what is in it */
    NODE_KINDS
};
enum node_fixed { FIXED_ROOT = 1, FIXED_HOSTS, FIXED_SNAPSHOTS, FIXED_TAGS, FIXED_IDS };
struct node {
    enum node_kind kind;
    uint32_t slot;   /* snapshot, host or tag */
    uint64_t number; /* FIXED: which; TREE: 0 is the top, else 1 + the entry's number */
};
#define NODE_SLOT_BITS 24
#define NODE_NUMBER_BITS 36
fuse_ino_t node_ino(const struct node *n);
/* False if nothing has such a number. */
bool node_of(const struct mounted *m, fuse_ino_t ino, struct node *out);
bool node_is_tree(const struct node *n);
/* How long the kernel may believe what it heard of it. */
double node_timeout_s(const struct node *n);
void node_stat(const struct mounted *m, const struct node *n, const struct snapshot_face *face, struct stat *out);
void node_stat_entry(const struct mounted *m, const struct node *n, const struct entry *en, struct stat *out);
/* Where a link of ours leads. */
void node_link_text(const struct node *n, const struct snapshot_face *face, char out[SNAPSHOT_NAME_BYTES + 32]);

/* The place of a node of a tree that is not its top. 0, or an errno; the problem was told. */
int mounted_place(struct mounted *m, const struct node *n, struct place *out);
int mounted_tree(struct mounted *m, const struct node *n, struct tree_ref *out);

/* ---- answers (arg of the requests: struct mounted) --------------------------------------------------- */

void answer_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void answer_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void answer_readlink(fuse_req_t req, fuse_ino_t ino);
void answer_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void answer_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void answer_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void answer_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void answer_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void answer_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void answer_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void answer_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

#endif
