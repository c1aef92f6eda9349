/* SPDX-License-Identifier: Apache-2.0 */
/* The target, inside the room. */
#ifndef ABRI_TARGET_INTERNAL_H
#define ABRI_TARGET_INTERNAL_H

#include "target/target.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* Directories open at once; more only while more threads use them. */
#define TARGET_OPEN_DIRS 256
/* File systems below the target that are synced at the end. */
#define TARGET_FS_MAX 16

#define MADE_UNKNOWN UINT64_MAX

struct target_dir {
    struct target *t;
    struct target_dir *parent; /* NULL: the root. Holds a reference */
    char *name;
    struct entry *meta; /* own copy, or NULL */
    _Atomic uint32_t refs;
    /* Guarded by t->lock. In the list: open and not in use. */
    int fd;
    uint32_t pins;
    struct target_dir *newer, *older;
    /* Constant once made. */
    uint64_t dev, ino;
    bool absent;       /* dry run: it does not exist */
    bool existed;      /* accepted, not made: may have attributes to remove */
    bool inherits_acl; /* it has a default ACL */
    bool inherits_attrs;
    bool shared;    /* others may write into it */
    bool mode_lent; /* got u+rwx for us; `mode` is to be given back */
    uint32_t mode;
    /* Owner that new files get here, (uid << 32 | gid): learnt from the first. */
    _Atomic uint64_t made;
};

/* What is reported once per run, not per file. */
enum once {
    ONCE_OWNER = 0,
    ONCE_ATTRS,
    ONCE_XATTR_SECURITY,
    ONCE_XATTR_TRUSTED,
    ONCE_XATTR_SYSTEM,
    ONCE_XATTR_USER,
    ONCE_COUNT
};

struct target {
    struct target_options o;
    char *path;
    struct target_dir *root;
    pthread_mutex_t lock;
    struct target_dir *newest, *oldest; /* open, unused directories */
    uint32_t open_dirs;
    int fs_fd[TARGET_FS_MAX]; /* one descriptor on each other file system */
    uint64_t fs_dev[TARGET_FS_MAX];
    uint32_t fs_count;
    uid_t euid;
    mode_t umask; /* 0777 if it is not known */
    _Atomic bool said[ONCE_COUNT];
};

/* ---- problem.c ---- */

/* ERR_DAMAGED unless `name` is one harmless path component. */
MUST_CHECK int name_check(const char *name, struct err *e);
/* Reports about `name` in `d` (NULL: about `d` itself). */
void problem_report(struct target_dir *d, const char *name, const struct err *e);
/* The same, the first time only; expected where only root could. */
void problem_once(struct target_dir *d, const char *name, enum once what, const struct err *e);

/* ---- dir.c ---- */

/* Whether somebody else than us can change the names in it. */
bool dir_is_shared(const struct target *t, const struct stat *st);

/* ---- handle.c ---- */

/* The directory's descriptor, kept open until unpin; opened again if need be. */
MUST_CHECK int dir_pin(struct target_dir *d, int *fd_out, struct err *e);
void dir_unpin(struct target_dir *d);
/* Hands over a descriptor that was just opened; the directory is not pinned. */
void dir_install(struct target_dir *d, int fd);
/* Closes for good. */
void dir_release(struct target_dir *d);
/* openat without following; spares descriptors of unused directories if there
 * are none left. */
int target_openat(struct target *t, int dirfd, const char *name, int flags, mode_t mode);
int target_open_dir(struct target *t, int dirfd, const char *name);

/* ---- existing.c ---- */

/* About a taken name: TARGET_SKIP, or TARGET_WRITE when it is free now (or
 * would be: dry run). */
MUST_CHECK int existing_clear(struct target_dir *d, int dirfd, const char *name,
                              const struct entry *meta, enum target_decision *out, struct err *e);
enum target_decision existing_decide(const struct target *t, const struct entry *meta,
                                     const struct stat *st);
/* Dry run: what would be decided for `name`. */
MUST_CHECK int existing_foresee(struct target_dir *d, const char *name, const struct entry *meta,
                                enum target_decision *out, struct err *e);
/* Unlinks a name of `d`, or removes an empty directory. */
MUST_CHECK int existing_remove(const struct target_dir *d, int dirfd, const char *name, bool is_dir,
                               struct err *e);

/* ---- apply.c ---- */

/* Something that was just made or accepted, by its descriptor. */
struct place {
    struct target_dir *dir; /* for messages: `name` in `dir`, or `dir` if NULL */
    const char *name;
    int fd;
    bool is_path;    /* the descriptor is O_PATH */
    bool had_xattrs; /* may carry attributes that are not in the entry */
    bool had_attrs;
    uint32_t uid, gid, mode; /* as they are now; mode ~0u: not known */
};

/* Attributes that must be there before the first byte (no-cow, compression). */
void apply_early(const struct place *at, const struct entry *meta);
/* The rest, in an order in which nothing undoes what came before:
 * owner, xattrs, mode, ACLs, time, flags. */
void apply_meta(const struct place *at, const struct entry *meta, bool with_time);
void apply_xattrs(const struct place *at, const struct entry *meta, bool acls);
/* Removes attributes that the entry does not have. */
void apply_xattrs_clear(const struct place *at, const struct entry *meta);

#define PLACE_PATH_BYTES 32
/* The descriptor as a path, for what O_PATH allows in no other way. */
const char *place_path(const struct place *at, char out[PLACE_PATH_BYTES]);

#endif
