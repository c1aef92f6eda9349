/* SPDX-License-Identifier: Apache-2.0 */
/* The walk, inside the room: what its three files share. */
#ifndef ABRI_SOURCE_WALK_H
#define ABRI_SOURCE_WALK_H

#include "source/names.h"
#include "source/source.h"

#include <sys/stat.h>

/* A requested path, absolute; `rel` is what is behind the first '/'. */
struct request {
    char *path;
    const char *rel;
    size_t rel_len;
};

struct requests {
    struct request *items; /* ascending */
    const char **paths;    /* the same, for walk_paths */
    size_t count;
};

MUST_CHECK int requests_resolve(const struct walk_options *o, struct requests *out, struct err *e);
void requests_done(struct requests *r);
/* Absolute, symbolic links in the parents resolved, the last component kept
 * unless `path` ends with '/'. Allocated; NULL with errno. */
char *request_absolute(const char *path);

/* A tag whose presence makes a directory's other contents unwanted. */
struct skip_tag {
    char *name;
    const char *header; /* what the tag file must begin with, or NULL */
    size_t header_len;
};

struct skip_dir {
    uint64_t dev, ino;
    bool exists;
    char *path; /* absolute */
};

struct skips {
    const struct select *exclude;
    struct skip_tag *tags;
    size_t tag_count;
    struct skip_dir *never;
    size_t never_count;
    uint64_t larger_than;
};

MUST_CHECK int skips_init(const struct walk_options *o, struct skips *out, struct err *e);
void skips_done(struct skips *s);
/* If a tag lies in the open directory, index of its name in `n`; else SIZE_MAX. */
size_t skips_find_tag(const struct skips *s, const struct names *n, size_t first, int dirfd);
bool skips_never(const struct skips *s, const char *path, uint64_t dev, uint64_t ino);

/* A directory on the way down. */
struct level {
    struct source_dir *dir; /* NULL while closed */
    uint64_t dev, ino;
    size_t path_len;             /* of its path in walk.path, without a '/' at the end */
    struct names_mark names;     /* before its names */
    size_t next, end;            /* names still to visit */
    size_t request, request_end; /* requested paths below it, not yet passed */
    uint64_t allowed_dev;
    bool only_requested; /* an ancestor: visits requests, has no names */
};

/* What the next walk_next has to enter: the directory given last. */
struct entering {
    bool due;
    size_t name_at; /* in walk.path */
    size_t request, request_end;
    uint64_t allowed_dev;
    bool itself; /* was asked for: its file system is the one allowed, once open */
    bool only_requested;
};

struct walk {
    struct requests requests;
    struct skips skips;
    bool one_file_system;
    void (*problem)(void *arg, const char *path, const struct err *e);
    void *arg;

    struct names names;
    struct level *levels;
    size_t depth, level_cap;
    size_t open_from; /* levels from here on have their directory open */
    struct entering entering;
    char *path; /* absolute, of the current item */
    size_t path_len, path_cap;
    struct statx stx;
};

#endif
