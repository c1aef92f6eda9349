/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: writing the world back, below one directory and nowhere else.
 *
 * Invariants, whatever the snapshot says and whatever already lies there:
 *  T1 every path is reached component by component from the target's own
 *     descriptor; no symbolic link is ever followed, no ".." ever used;
 *  T2 an existing file is never written to: it is unlinked and made anew, so
 *     that a hard link to something outside cannot be written through;
 *  T3 nothing but the target's own names is unlinked, and directories are
 *     never removed unless empty. target_listing_pass empties them first, name by
 *     name, without crossing a mount point: it alone removes what no entry replaces;
 *  T4 a file gets its final time only when its content is complete.
 * Thread-safe, except target_open and target_close.
 */
#ifndef ABRI_TARGET_TARGET_H
#define ABRI_TARGET_TARGET_H

#include "base/err.h"
#include "entry/entry.h"

enum target_overwrite {
    TARGET_ALWAYS = 1,
    TARGET_IF_CHANGED, /* skip what has the same type, size and mtime */
    TARGET_IF_NEWER,   /* skip what is as new or newer on disk */
    TARGET_NEVER       /* skip what exists */
};

struct target_options {
    enum target_overwrite overwrite;
    bool dry_run; /* touches nothing; decisions as if */
    /* Something could not be restored exactly; the restore goes on. `expected`:
     * only root could (an owner, a capability) and we are not; said once. Else
     * it is a failure (an xattr that the file system refuses, …). Any thread. */
    void (*problem)(void *arg, const char *path, bool expected, const struct err *e);
    void *arg;
};

struct target;
struct target_dir;  /* a directory being restored; counted references */
struct target_file; /* a regular file being restored; counted references */

/* Makes `path` (and missing parents) unless it is a directory already. ERR_USAGE
 * if it is something else. */
MUST_CHECK int target_open(const char *path, const struct target_options *o, struct target **out,
                           struct err *e);
/* syncfs, then frees. Every dir and file must have been released. */
MUST_CHECK int target_close(struct target *t, struct err *e);
struct target_dir *target_root(struct target *t); /* borrowed; its metadata is left alone */
/* Gives the root directory an entry's metadata at close (restoring SNAP:PATH). */
MUST_CHECK int target_root_meta(struct target *t, const struct entry *meta, struct err *e);

/* Makes directory `name` in `parent` (replacing a non-directory according to
 * `overwrite`; *out NULL with 0 if it is to be skipped with all below it). Its
 * metadata (copied from `meta`; NULL: leave as made) is applied when the last
 * reference goes. Holds a reference to the parent. */
MUST_CHECK int target_dir_make(struct target_dir *parent, const char *name,
                               const struct entry *meta, struct target_dir **out, struct err *e);
struct target_dir *target_dir_ref(struct target_dir *d);
void target_dir_unref(struct target_dir *d);

enum target_decision { TARGET_WRITE = 1, TARGET_SKIP };

/* Makes an empty file of meta->size bytes (all hole) and opens it, or decides
 * to skip it (then *out is NULL). `meta` must stay valid until the last
 * reference goes. One reference is returned. */
MUST_CHECK int target_file_make(struct target_dir *parent, const char *name,
                                const struct entry *meta, struct target_file **out, struct err *e);
struct target_file *target_file_ref(struct target_file *f);
MUST_CHECK int target_file_write(struct target_file *f, uint64_t off, const void *p, size_t len,
                                 struct err *e);
/* Marks the file as damaged: it keeps what was written, but its time is not
 * set (T4), so that a later run writes it again. */
void target_file_fail(struct target_file *f);
/* The last reference applies the metadata and closes. */
void target_file_unref(struct target_file *f);

/* Fast path for a file whose whole content is at hand: make, write, metadata,
 * close. *decision_out says whether it was written. */
MUST_CHECK int target_file_put(struct target_dir *parent, const char *name,
                               const struct entry *meta, const void *p, size_t len,
                               enum target_decision *decision_out, struct err *e);

/* A symbolic link, fifo, socket or device node, with its metadata. */
MUST_CHECK int target_special_make(struct target_dir *parent, const char *name,
                                   const struct entry *meta, enum target_decision *decision_out,
                                   struct err *e);

/* A hard link `name` in `parent` to the already restored `existing` (a path
 * relative to the target, reached as T1 demands). */
MUST_CHECK int target_link_make(struct target_dir *parent, const char *name,
                                const char *existing, enum target_decision *decision_out,
                                struct err *e);

/* ---- removing what the snapshot does not have -------------------------------- */

struct target_place {
    uint64_t dev, ino;
};
struct target_prune {
    /* Whether the path below the target may be removed. A directory goes when it, and all
     * that is in it, may. */
    bool (*selected)(void *arg, const char *path, size_t len);
    /* It was removed; in a dry run: it would be. */
    void (*removed)(void *arg, const char *path, bool is_dir);
    void (*problem)(void *arg, const char *path, const struct err *e);
    void *arg;
    const struct target_place *never; /* directories that are neither entered nor removed */
    size_t never_count;
};
struct target_listing;
/* Reads the names of the directory at `path` below the target ("" is the target).
 * *out is NULL if there is no such directory, or if it is, or lies below, a mount
 * point or a `never`. `how` is borrowed. One thread. */
MUST_CHECK int target_list(struct target *t, const char *path, const struct target_prune *how,
                           struct target_listing **out, struct err *e);
void target_listing_free(struct target_listing *l);
/* Removes the names before `name` (all that are left if NULL) that were not passed
 * yet. `name` itself stays; but if it is a directory and `clear_dir`, it goes
 * with all that is in it. Names must ascend from call to call. */
void target_listing_pass(struct target_listing *l, const char *name, bool clear_dir);

/* Opens what was restored at `path` (relative to the target), for verifying. */
MUST_CHECK int target_open_file(struct target *t, const char *path, int *fd_out, struct err *e);

#endif
