/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: reading the world. A walk over directories in the order of the
 * table of entries (entry.h, path_compare), and the metadata of what it finds.
 * Reads only; follows no symbolic link below the given paths; never opens
 * anything but regular files and directories.
 *
 * Bounds: open descriptors do not grow with depth (the walk keeps the deepest
 * SOURCE_OPEN_DIRS directories open and reopens others by ".." with a check of
 * device and inode, so that paths longer than PATH_MAX work); memory does not
 * grow with the number of files, except for the names of one directory and its
 * ancestors.
 */
#ifndef ABRI_SOURCE_SOURCE_H
#define ABRI_SOURCE_SOURCE_H

#include "base/err.h"
#include "entry/entry.h"
#include "select/select.h"

#include <sys/types.h>

#define SOURCE_OPEN_DIRS 64

/* A directory that files are opened through. Counted references; may be kept
 * and dropped by any thread. */
struct source_dir;
struct source_dir *source_dir_ref(struct source_dir *d);
void source_dir_unref(struct source_dir *d); /* NULL is fine */

/* What statx said, and where it is. Strings are borrowed until the next call. */
struct source_item {
    const char *path; /* relative to "/", NUL-terminated */
    size_t path_len;
    const char *name; /* its last component, within path */
    struct source_dir *dir; /* the parent; borrowed, ref to keep */
    enum entry_type type;
    uint32_t mode, uid, gid; /* mode: low 12 bits */
    uint64_t size, blocks;   /* bytes; 512-byte blocks allocated */
    int64_t mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
    uint64_t dev, ino;
    uint32_t nlink;
    uint32_t dev_major, dev_minor; /* of a device node */
    uint32_t attrs;                /* ENTRY_ATTR_… from statx */
    bool is_ancestor; /* only here because a requested path lies below it */
};

struct walk_options {
    const char *const *paths; /* as the user gave them; at least one */
    size_t path_count;
    const struct select *exclude; /* matched against the absolute path; may be NULL */
    bool one_file_system;
    bool exclude_caches;                  /* CACHEDIR.TAG with its signature */
    const char *const *exclude_if_present; /* "NAME" or "NAME:HEADER" */
    size_t exclude_if_present_count;
    uint64_t exclude_larger_than; /* bytes; 0: no limit */
    const char *const *never;     /* absolute paths not to enter: the vault itself, caches */
    size_t never_count;
    /* An item that could not be read; the walk goes on. Called on the walking thread. */
    void (*problem)(void *arg, const char *path, const struct err *e);
    void *arg;
};

struct walk;

/* Makes the paths absolute (against the working directory, symbolic links in
 * the parents of each resolved, the last component kept unless it ends with
 * '/'), sorts them, drops duplicates and those inside others, and checks that
 * each exists. ERR_NOT_FOUND names the first that does not. */
MUST_CHECK int walk_open(const struct walk_options *o, struct walk **out, struct err *e);
void walk_close(struct walk *w);
/* The absolute paths that it will visit. */
const char *const *walk_paths(const struct walk *w, size_t *count_out);
/* 1 and the next item in ascending order, 0 at the end, -1 if the walk itself
 * cannot go on (out of memory). Directories come before what they hold; the
 * parents of a requested path come as is_ancestor items, each once. A socket
 * is an item like any other; whiteouts and unknown types are problems. */
MUST_CHECK int walk_next(struct walk *w, struct source_item *out, struct err *e);

/* Opens a regular file for reading (O_NOFOLLOW, O_NONBLOCK against surprises,
 * O_NOATIME where allowed); fails if it is no longer a regular file. Returns
 * the descriptor or -1. Thread-safe. */
MUST_CHECK int source_open(struct source_dir *dir, const char *name, struct err *e);

/* Fills mode, owner numbers and names, times, size, device, attrs, link
 * (has_link if a non-directory has nlink > 1; link = a hash of dev and ino),
 * symbolic link target and xattrs of `e_out` from the item; `fd` is the open
 * file if there is one, else -1. path and content stay for the caller. What it
 * borrows lives in `m` until the next call with the same `m`. An xattr that
 * cannot be read is left out and reported through *err with ERR_INCOMPLETE, the
 * rest being filled. One `m` per thread. */
struct source_meta;
MUST_CHECK int source_meta_new(struct source_meta **out, struct err *e);
void source_meta_free(struct source_meta *m);
MUST_CHECK int source_meta_read(struct source_meta *m, const struct source_item *item, int fd,
                                struct entry *e_out, struct err *e);

/* Whether a file changed between two looks: type, size, mtime, ctime, ino. */
bool source_changed(const struct source_item *before, int fd);

/* Starts a command (no shell: argv[0] is looked up in PATH, NULL ends argv), its
 * output to be read from its descriptor. ERR_USAGE if it cannot be run. */
struct source_command;
MUST_CHECK int source_command_start(const char *const *argv, struct source_command **out,
                                    struct err *e);
int source_command_fd(const struct source_command *c); /* borrowed */
/* After the end of its output: ERR_IO unless it ended with status 0. */
MUST_CHECK int source_command_finish(struct source_command *c, struct err *e);
/* Ends it if it still runs. */
void source_command_free(struct source_command *c);

/* True if the beginning of a file (up to 4096 bytes) or its name says that it
 * is a disk image: partition tables, ext/xfs/btrfs super-blocks, qcow2, VMDK,
 * VDI, VHD(X), LUKS, LVM, or the usual suffixes. */
bool source_is_disk_image(const char *name, const uint8_t *head, size_t head_len);

#endif
