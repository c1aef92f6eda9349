/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: named immutable objects. The seam below the vault: a directory today,
 * memory for tests, object storage later; layers that count, fail or cut the
 * power stack on the same seam.
 *
 * Names are relative paths of 1 to 4 components of [a-z0-9._-], not beginning
 * with '.', together at most 200 bytes: "packs/3f/3f2a…", "snapshots/0000…01".
 * The first component is never "tmp", which belongs to the store. Any other
 * name is refused with ERR_USAGE. A name is an object or a directory, never
 * both: committing below an object is ERR_DAMAGED.
 * An object is written once: created under a temporary name, filled, and named
 * by commit. It is never changed afterwards; a damaged one is replaced whole
 * (store_writer_replace).
 *
 * Durability: after store_writer_commit the object's bytes are durable
 * (fdatasync); its *name* is durable after store_sync of its directory.
 * A name that was never synced may vanish in a power cut; its content never
 * appears torn under a committed name.
 *
 * Threads: all functions may be called from several threads at once; one
 * writer's store_write calls may run concurrently if their ranges are disjoint.
 */
#ifndef ABRI_STORE_STORE_H
#define ABRI_STORE_STORE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NAME_MAX 200

struct store;        /* one opened location */
struct store_writer; /* one object being written */
struct store_reader; /* one object opened for reading */

/* ---- implementations --------------------------------------------------- */

/* A directory that is there; else ERR_NOT_FOUND. Removes temporaries of dead
 * processes; otherwise opening writes nothing, so a read-only directory can be
 * read (writing to it is then ERR_READ_ONLY). `path` may be a symbolic link; a
 * link below it is never followed but is ERR_DAMAGED. */
MUST_CHECK int store_dir_open(const char *path, struct store **out, struct err *e);
/* Makes the directory (mode 0700; its parent must exist), or accepts one that
 * holds nothing but names listed in `unfinished` (what a creation that was cut
 * short leaves; ends with NULL; NULL: none), a "lost+found", and an empty
 * "tmp". ERR_EXISTS if it holds more. */
MUST_CHECK int store_dir_create(const char *path, const char *const *unfinished,
                                struct store **out, struct err *e);
/* Memory; contents vanish with store_close. */
MUST_CHECK int store_mem_open(struct store **out, struct err *e);

void store_close(struct store *s); /* NULL is fine */
/* For messages: the path of a directory, "memory". */
const char *store_location(const struct store *s);

/* ---- writing ------------------------------------------------------------ */

MUST_CHECK int store_create(struct store *s, struct store_writer **out, struct err *e);
MUST_CHECK int store_write(struct store_writer *w, uint64_t off, const void *p, size_t len,
                           struct err *e);
/* Tells the system to start writing out; a hint that cannot fail. */
void store_write_hint(struct store_writer *w, uint64_t off, uint64_t len);
/* Makes the bytes durable and names them. ERR_EXISTS if the name is taken: the
 * existing object stays as it is, the new one is discarded. Missing parent
 * directories are made. Frees `w` whether it succeeds or not. */
MUST_CHECK int store_writer_commit(struct store_writer *w, const char *name, struct err *e);
/* The same, but takes the place of an object that has the name, in one step: at
 * every moment, also after a power cut, the name has the old bytes or the new
 * ones, whole. For repair alone, which gives back what an object always was;
 * readers that have the old one open keep it. ERR_DAMAGED if the name is a
 * directory. */
MUST_CHECK int store_writer_replace(struct store_writer *w, const char *name, struct err *e);
void store_writer_abort(struct store_writer *w); /* NULL is fine */
/* create + write + commit; does not sync the name. */
MUST_CHECK int store_put(struct store *s, const char *name, const void *p, size_t len,
                         struct err *e);
/* Makes durable every name that was committed, removed or made in directory
 * `dir` ("" is the top), and the directories leading to it (not the other
 * names in those). ERR_NOT_FOUND if there is no such directory. */
MUST_CHECK int store_sync(struct store *s, const char *dir, struct err *e);

/* ---- reading ------------------------------------------------------------ */

MUST_CHECK int store_open(struct store *s, const char *name, struct store_reader **out,
                          struct err *e);
uint64_t store_reader_len(const struct store_reader *r);
/* Exactly `len` bytes; ERR_DAMAGED if the object ends before. */
MUST_CHECK int store_read(struct store_reader *r, uint64_t off, void *p, size_t len, struct err *e);
/* A read-only mapping of the whole object, or NULL if the store has none (then
 * use store_read). Valid until store_reader_close. Its length is
 * store_reader_len, as it was at store_open: abri never changes an object, but
 * if something else truncates the file, or the disk fails, touching the mapping
 * kills the process with SIGBUS. Where that must not happen, use store_read. */
const uint8_t *store_reader_map(struct store_reader *r);
void store_reader_close(struct store_reader *r); /* NULL is fine */

/* What will be read soon, in about this order, each once: a store that is far away fetches it
 * ahead and many at once. Only a hint; wrong ones cost time alone. Names are borrowed for the call. */
struct store_range {
    const char *name;
    uint64_t off, len;
};
void store_expect(struct store *s, const struct store_range *ranges, size_t count);
/* Whether hints are of any use. */
bool store_is_far(const struct store *s);

/* Calls `each` for every object below directory `dir` ("packs" finds
 * "packs/3f/3f2a…"; full names, any order). A missing directory has no
 * objects. `each` returns 0 to go on; anything else ends the list and is
 * returned; it may open, put and remove objects. Temporaries never appear, nor
 * does anything that is not a regular file with a valid name. */
typedef int store_each(void *arg, const char *name, uint64_t len_bytes, struct err *e);
MUST_CHECK int store_list(struct store *s, const char *dir, store_each *each, void *arg,
                          struct err *e);

/* ---- leases: who is at work -------------------------------------------------

 * A lease says that its holder is at work, for as long as the process lives:
 * the kernel ends it, however the process goes, so nothing is ever stale. It
 * is no object and survives no power cut. Names have 1 to 64 of [a-z0-9-]. */

struct store_lease;
/* ERR_BUSY if a living holder has the name. */
MUST_CHECK int store_lease_take(struct store *s, const char *name, struct store_lease **out,
                                struct err *e);
/* False if somebody took it away (removed "tmp" while we were at work): then
 * what relies on it must not go on. */
bool store_lease_held(struct store_lease *l);
void store_lease_drop(struct store_lease *l); /* NULL is fine */
/* Calls `each` with the name of every lease whose holder lives: surely those
 * taken before the call and not dropped during it. Removes what dead ones left.
 * Where the file system has no locks, all count as living. */
typedef int store_each_lease(void *arg, const char *name, struct err *e);
MUST_CHECK int store_lease_list(struct store *s, store_each_lease *each, void *arg,
                                struct err *e);

/* ---- removing (for derived data, and for the collector) ------------------- */

/* ERR_NOT_FOUND if there is no such object. */
MUST_CHECK int store_remove(struct store *s, const char *name, struct err *e);

#endif
