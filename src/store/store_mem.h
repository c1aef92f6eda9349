/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the memory store: store_mem.c keeps the names and their durability,
 * store_mem_object.c the bytes (writers and readers), store_mem_cut.c cuts the
 * power.
 */
#ifndef ABRI_STORE_STORE_MEM_H
#define ABRI_STORE_STORE_MEM_H

#include "store/store_seam.h"
#include "store/store_test.h"

#include <pthread.h>
#include <stdatomic.h>

/* The bytes of a committed object: never changed again, shared by names,
 * readers and the stores that a power cut leaves. */
struct mem_object {
    atomic_uint refs;
    size_t len;
    uint8_t *data; /* not NULL, even if len is 0 */
};

/* A name, as a process sees it and as the disk has it. */
struct mem_name {
    char name[STORE_NAME_MAX + 1];
    struct mem_object *now;     /* NULL: removed */
    struct mem_object *durable; /* NULL: not on disk */
};

struct mem_dir {
    char path[STORE_NAME_MAX + 1];
    bool durable; /* its own entry in the directory above */
};

struct mem_store {
    struct store base;
    pthread_mutex_t lock;   /* of everything below */
    struct mem_name *names; /* ascending */
    size_t name_count, name_cap;
    struct mem_dir *dirs; /* in the order in which they were made: parents first */
    size_t dir_count, dir_cap;
    struct mem_lease *leases; /* newest first */
};

static inline struct mem_store *mem_store_of(struct store *s)
{
    return (struct mem_store *)s;
}

extern const struct store_impl store_mem_impl;

/* ---- store_mem.c; the caller holds the lock ---- */

/* The entry of `name`, or where it would stand (*found_out tells). */
size_t mem_name_find(const struct mem_store *s, const char *name, bool *found_out);
/* Gives `name` the objects, whose references it takes over (NULL is fine). */
MUST_CHECK int mem_name_put(struct mem_store *s, const char *name, struct mem_object *now,
                            struct mem_object *durable, struct err *e);
bool mem_dir_exists(const struct mem_store *s, const char *path);
MUST_CHECK int mem_dir_put(struct mem_store *s, const char *path, bool durable, struct err *e);
/* ERR_EXISTS if taken, ERR_DAMAGED below an object; makes missing directories. */
MUST_CHECK int mem_name_commit(struct mem_store *s, const char *name, struct mem_object *o,
                               struct err *e);
/* The same, but another object may have the name: its place is taken. */
MUST_CHECK int mem_name_replace(struct mem_store *s, const char *name, struct mem_object *o,
                                struct err *e);

/* ---- store_mem_object.c ---- */

/* Takes `data` on success. */
struct mem_object *mem_object_new(uint8_t *data, size_t len);
struct mem_object *mem_object_ref(struct mem_object *o); /* NULL gives NULL */
void mem_object_unref(struct mem_object *o);             /* NULL is fine */

int mem_create(struct store *s, struct store_writer **out, struct err *e);
int mem_write(struct store_writer *w, uint64_t off, const void *p, size_t len, struct err *e);
int mem_commit(struct store_writer *w, const char *name, struct err *e);
int mem_replace(struct store_writer *w, const char *name, struct err *e);
void mem_abort(struct store_writer *w);
int mem_open(struct store *s, const char *name, struct store_reader **out, struct err *e);
int mem_read(struct store_reader *r, uint64_t off, void *p, size_t len, struct err *e);
const uint8_t *mem_map(struct store_reader *r);
void mem_reader_close(struct store_reader *r);

/* ---- store_mem_lease.c ---- */

int mem_lease_take(struct store *s, const char *name, struct store_lease **out, struct err *e);
bool mem_lease_held(struct store_lease *l);
void mem_lease_drop(struct store_lease *l);
int mem_lease_list(struct store *s, store_each_lease *each, void *arg, struct err *e);

#endif
