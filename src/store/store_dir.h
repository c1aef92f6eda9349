/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the directory store, shared by its files:
 *   store_dir.c        opening, syncing, listing, removing
 *   store_dir_path.c   reaching a path below the top without following links
 *   store_dir_tmp.c    temporaries: made, told from dead ones, removed
 *   store_dir_lease.c  leases: who is at work
 *   store_dir_write.c  filling and naming an object
 *   store_dir_read.c   reading and mapping an object
 */
#ifndef ABRI_STORE_STORE_DIR_H
#define ABRI_STORE_STORE_DIR_H

#include "store/store_seam.h"
#include "store/store_test.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

struct dir_store {
    struct store base;
    const struct store_dir_ops *ops;
    void *arg;
    int top; /* the vault's directory, O_DIRECTORY */
    atomic_bool no_openat2;
    atomic_bool no_rename_new; /* the file system refused it once */
    pthread_mutex_t tmp_lock;
    int tmp; /* "tmp", opened when first needed; -1 before */
    char *location;
};

static inline struct dir_store *dir_store_of(struct store *s)
{
    return (struct dir_store *)s;
}

extern const struct store_impl store_dir_impl;

/* ---- store_dir_path.c ---- */

/* Opens `path` ("" is the top) below the top. -1 and errno: ELOOP if there is
 * a symbolic link anywhere in it, ENOTDIR if a parent is not a directory. */
int dir_open_beneath(struct dir_store *s, const char *path, int flags);
/* The directory that holds `name`, for *at() calls only (O_PATH); `make`: makes
 * those that are missing. *base_out points into `name`. */
int dir_open_parent(struct dir_store *s, const char *name, bool make, const char **base_out);
/* Fills the error for a failed `verb` ("open", "write") of `name` ("" is the top). */
int dir_fail(const struct dir_store *s, int os_errno, const char *verb, const char *name,
             struct err *e);
/* closedir for the cleanup attribute. */
void dir_stream_close(DIR **d);

/* ---- store_dir_tmp.c ---- */

#define DIR_TMP_PATH_MAX 80
struct dir_tmp {
    int dirfd;                   /* of "tmp"; the store's */
    int fd;                      /* locked as long as it is open */
    char path[DIR_TMP_PATH_MAX]; /* "tmp/abri-…" */
};
static inline const char *dir_tmp_name(const struct dir_tmp *t)
{
    return t->path + sizeof "tmp/" - 1;
}

/* The directory of temporaries, made if missing. `again`: the one we had is
 * gone (anyone may delete "tmp"). Gives a descriptor that the store keeps; -1 and
 * errno. */
int dir_tmp_place(struct dir_store *s, bool again);
MUST_CHECK int dir_tmp_create(struct dir_store *s, struct dir_tmp *out, struct err *e);
void dir_tmp_unlink(struct dir_store *s, const struct dir_tmp *t);
/* Best effort: a store that cannot be cleaned can still be read. */
void dir_tmp_remove_dead(struct dir_store *s);

/* ---- store_dir_write.c, store_dir_read.c: the seam ---- */

int dir_create(struct store *s, struct store_writer **out, struct err *e);
int dir_write(struct store_writer *w, uint64_t off, const void *p, size_t len, struct err *e);
void dir_write_hint(struct store_writer *w, uint64_t off, uint64_t len);
int dir_commit(struct store_writer *w, const char *name, struct err *e);
int dir_replace(struct store_writer *w, const char *name, struct err *e);
void dir_abort(struct store_writer *w);

int dir_open(struct store *s, const char *name, struct store_reader **out, struct err *e);
int dir_read(struct store_reader *r, uint64_t off, void *p, size_t len, struct err *e);
const uint8_t *dir_map(struct store_reader *r);
void dir_reader_close(struct store_reader *r);

/* ---- store_dir_lease.c: the seam ---- */

int dir_lease_take(struct store *s, const char *name, struct store_lease **out, struct err *e);
bool dir_lease_held(struct store_lease *l);
void dir_lease_drop(struct store_lease *l);
int dir_lease_list(struct store *s, store_each_lease *each, void *arg, struct err *e);

#endif
