/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry: what one thing in a file system is. The vocabulary shared by those
 * who read the world (source), store it (content) and write it back (target).
 * docs/format/tree.md gives the meaning and the limits of each field.
 *
 * An entry only borrows: its strings and arrays belong to whoever filled it,
 * for as long as that function's header says.
 */
#ifndef ABRI_ENTRY_ENTRY_H
#define ABRI_ENTRY_ENTRY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_PATH_MAX ((size_t)1 << 20)
#define ENTRY_NAME_MAX 255u
#define ENTRY_TARGET_MAX ((size_t)64 << 10)
#define ENTRY_XATTRS_MAX 4096u
#define ENTRY_XATTR_VALUE_MAX ((size_t)1 << 20)
/* Of all values of one entry, so that a tree node of 8 MiB holds it. */
#define ENTRY_XATTRS_BYTES_MAX ((size_t)4 << 20)
#define ENTRY_NOTE_MAX ((size_t)64 << 10)
#define ENTRY_ID_BYTES 32

enum entry_type {
    ENTRY_UNSET = 0,
    ENTRY_FILE,
    ENTRY_DIR,
    ENTRY_SYMLINK,
    ENTRY_FIFO,
    ENTRY_SOCKET,
    ENTRY_CHAR,
    ENTRY_BLOCK
};

/* FS_IOC_GETFLAGS bits that are kept. */
#define ENTRY_ATTR_COMPRESSED 0x4u
#define ENTRY_ATTR_IMMUTABLE 0x10u
#define ENTRY_ATTR_APPEND 0x20u
#define ENTRY_ATTR_NODUMP 0x40u
#define ENTRY_ATTR_NOATIME 0x80u
#define ENTRY_ATTR_NOCOW 0x800000u
#define ENTRY_ATTRS 0x8000f4u

struct entry_xattr {
    const char *name;
    const uint8_t *value;
    size_t value_len;
};

enum item_kind { ITEM_HOLE = 0, ITEM_CHUNK = 1, ITEM_SLICE = 2 };

/* A stretch of a file's content. */
struct item {
    enum item_kind kind;
    uint32_t offset; /* within the chunk; 0 for ITEM_CHUNK */
    uint64_t len;
    uint8_t id[ENTRY_ID_BYTES];
};

struct entry {
    const char *path; /* NUL-terminated, relative to "/" */
    size_t path_len;
    enum entry_type type;
    uint32_t mode; /* low 12 bits */
    uint32_t uid, gid;
    const char *user, *group; /* "" if unknown */
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint64_t size; /* of files */
    bool has_link;
    uint64_t link;
    uint32_t dev_major, dev_minor;
    const char *target; /* of symbolic links; NUL-terminated */
    size_t target_len;
    uint32_t attrs;
    const struct entry_xattr *xattrs; /* ascending by name */
    size_t xattr_count;
    const struct item *items; /* inline content */
    size_t item_count;
    bool has_list; /* content in a list of this level and id instead */
    uint8_t list_level;
    uint8_t list_id[ENTRY_ID_BYTES];
    bool partial;
    const uint8_t *note; /* of a disk (layout.h), encoded; says nothing about the content */
    size_t note_len;     /* 0: it has none */
};

/* Order of the table of entries: bytewise, '/' before everything else. */
int path_compare(const char *a, size_t a_len, const char *b, size_t b_len);
/* Whether the format allows it: non-empty, no empty, "." or ".." component,
 * no NUL, lengths within limits. */
bool path_is_valid(const char *path, size_t len);
/* Length of the parent's path; 0 for a top-level name. */
size_t path_parent_len(const char *path, size_t len);
/* True if `path` is `dir` or lies below it; an empty `dir` holds everything. */
bool path_is_below(const char *path, size_t len, const char *dir, size_t dir_len);

/* Deep copy into one allocation, freed by mem_free; NULL if out of memory. */
struct entry *entry_dup(const struct entry *e);

/* In what two entries differ, whatever their paths: a sum of these, 0 if in
 * nothing. Content is compared by the names of chunks: the same bytes cut or
 * bundled in another way count as different. */
enum {
    ENTRY_DIFFERS_TYPE = 1,
    ENTRY_DIFFERS_CONTENT = 2, /* of files; target of links; numbers of devices */
    ENTRY_DIFFERS_META = 4     /* mode, owner, mtime, hard link, attributes, xattrs */
};
unsigned entry_compare(const struct entry *a, const struct entry *b);

/* Nanoseconds since 1970; times out of range give the nearest that is in it. */
int64_t entry_mtime_ns(const struct entry *e);
const char *entry_type_name(enum entry_type t); /* "file", "dir", … */

#endif
