/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault on a server as a store. What is derived ("index/") is kept on this side, below
 * the cache directory or in memory; everything else is the server's.
 */
#ifndef ABRI_REMOTE_FAR_STORE_H
#define ABRI_REMOTE_FAR_STORE_H

#include "remote/prefetch.h"
#include "remote/remote_internal.h"
#include "remote/runs.h"
#include "store/store_seam.h"

#include <pthread.h>

struct far_store {
    struct store base;
    struct remote *remote;
    struct store *near; /* for "index/" */
    char vault[2 * UID_BYTES + 1];
    char where[400]; /* for messages */
    pthread_mutex_t lock;
    char session[2 * UID_BYTES + 1]; /* the one that is under way; "" if there is none */
    char begun[2 * UID_BYTES + 1];   /* by the storing of its key, and not taken yet; or ended by its snapshot */
    struct outline *outline;
    void *spare; /* blocks of uploads that ended: a list through their first bytes */
    struct prefetch *ahead;          /* NULL until something is expected */
    struct runs *runs;               /* for what nobody expected */
    char read_path[64];
    struct far_lengths *lengths; /* of packs, as they were listed */
};

static inline struct far_store *far_of(struct store *s)
{
    return (struct far_store *)s;
}

/* "/v1/vaults/<id>/" and the rest. */
#define FAR_PATH_MAX 512
void far_path(const struct far_store *f, char out[FAR_PATH_MAX], const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static inline bool far_is_near(const char *name)
{
    return name[0] == 'i' && name[1] == 'n'; /* "index", "index/…" */
}

/* ---- far_read.c, far_write.c: the seam -------------------------------------------------- */

int far_open(struct store *s, const char *name, struct store_reader **out, struct err *e);
int far_read(struct store_reader *r, uint64_t off, void *p, size_t len, struct err *e);
const uint8_t *far_map(struct store_reader *r);
void far_reader_close(struct store_reader *r);
int far_list(struct store *s, const char *dir, store_each *each, void *arg, struct err *e);

void far_expect(struct store *s, const struct store_range *ranges, size_t count);
void far_lengths_free(struct far_lengths *l);

void far_blocks_free(struct far_store *f);
int far_create(struct store *s, struct store_writer **out, struct err *e);
int far_write(struct store_writer *w, uint64_t off, const void *p, size_t len, struct err *e);
int far_commit(struct store_writer *w, const char *name, struct err *e);
int far_replace(struct store_writer *w, const char *name, struct err *e);
void far_abort(struct store_writer *w);

/* ---- far_keeper.c -------------------------------------------------------------------------- */

/* The session's key was sent, and with it the session began: "" and it is not known yet. */
void far_begun(struct far_store *f, const char *session);
int far_past(void *store, const uint8_t writer[UID_BYTES], struct writer_past *out, struct err *e);
int far_receive(void *store, const uint8_t session[UID_BYTES], const struct buf *w,
                const struct buf *refs, struct err *e);
int far_lease_take(struct store *s, const char *name, struct store_lease **out, struct err *e);
bool far_lease_held(struct store_lease *l);
void far_lease_drop(struct store_lease *l);
int far_lease_list(struct store *s, store_each_lease *each, void *arg, struct err *e);

#endif
