/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: the opened vault and its parts.
 *
 * Locks, in the order in which they are taken:
 *   session.lock   a session's table, packs and references
 *   vault.maintain held by whoever refreshes, stores, merges or drops runs
 *   vault.lock     the set of packs, the array of runs, and the runs' maps:
 *                  shared to look something up, exclusive to change it
 * Runs leave the array only under `maintain` and `lock` together, so a holder
 * of `maintain` may use runs without `lock`; others may append meanwhile.
 * A session never takes `maintain` while it holds its own lock.
 */
#ifndef ABRI_VAULT_INTERNAL_H
#define ABRI_VAULT_INTERNAL_H

#include "vault/index_run.h"
#include "vault/origins.h"
#include "vault/pack_format.h"
#include "vault/pack_set.h"
#include "vault/vault.h"

#include <pthread.h>
#include <stdatomic.h>

#define INDEX_RUNS_MAX 8u                  /* more are merged */
#define INDEX_BATCH    ((size_t)256 << 10) /* entries of a run built in memory */

struct reader_cache; /* read_frame.c */
struct writer_cert;  /* writers.c */
struct resealed;     /* resealed.c */

struct vault {
    struct store *store;
    struct vault_info info;
    pthread_mutex_t maintain;
    pthread_rwlock_t lock;
    struct pack_set packs;
    struct index_run **runs;
    size_t run_count, run_cap;
    uint64_t refresh;    /* number of the last refresh */
    _Atomic bool loaded; /* a refresh succeeded */
    uint64_t condemnings; /* times that condemned packs were marked */
    struct origins origins;   /* loaded by the first who needs them after a refresh */
    uint64_t origins_refresh; /* of which they are; 0: of none */
    struct reader_cache *readers;
    struct writer_cert **writers; /* verified certificates */
    size_t writer_count;
    struct resealed *resealed; /* names; made on first use */
    pthread_mutex_t names;     /* guards it; taken alone */
    bool filling;       /* being created: parity is made when it is whole */
    bool far;           /* the keeper is elsewhere: */
    struct vault_keeper keeper;
    bool needs_repair;  /* `vault` itself was damaged, and read by its parity */
};

/* Where damage is reported to; `each` may be NULL. */
struct damage {
    vault_damage *each;
    void *arg;
    uint64_t count;
};
void damage_report(struct damage *d, const char *object, const char *message);

/* ---- objects.c ------------------------------------------------------------- */

/* Appends a whole object. ERR_LIMIT over `max`. */
MUST_CHECK int object_read(struct store *s, const char *name, size_t max, struct buf *out,
                           struct err *e);
bool object_exists(struct store *s, const char *name, struct err *e);
/* Random bytes from the kernel. */
MUST_CHECK int random_bytes(void *p, size_t len, struct err *e);
#define OBJECT_NAME_BYTES 64
/* The full name of a small object; ERR_USAGE if `name` cannot be one. */
MUST_CHECK int object_name(enum vault_kind kind, const char *name, char out[OBJECT_NAME_BYTES],
                           struct err *e);

/* What is wrong with one object: reported, and 0; but running out of memory
 * ends the work: -1. */
MUST_CHECK int damage_note(struct damage *d, const char *object, const struct err *why,
                           struct err *e);

/* ---- vault_open.c ------------------------------------------------------------ */

/* Reads and verifies the object `vault`. */
MUST_CHECK int config_read(struct store *s, struct vault_info *out, struct err *e);
/* A vault of which nothing is known yet. */
MUST_CHECK int vault_new(struct store *s, struct vault **out, struct err *e);
/* The object `keeper` of a store that need not hold a vault yet. */
MUST_CHECK int keeper_read(struct store *s, struct sign_key *out, struct err *e);
/* The keeper's signing key; wipe with sign_key_done. */
MUST_CHECK int keeper_load(struct vault *v, struct sign_key *out, struct err *e);

/* ---- pack_read.c --------------------------------------------------------------- */

/* A pack's verified header and footer. */
struct pack_contents {
    struct store_reader *reader;
    uint64_t len;
    uint64_t frames_end; /* where the footer begins */
    struct pack_header header;
    uint8_t *footer_bytes;
    struct pack_footer footer;
};
/* Fills `out` as far as it gets: on failure `reader` may be open all the same
 * (for salvage). Always call pack_contents_done. */
MUST_CHECK int pack_contents_read(struct vault *v, const uint8_t id[ID_BYTES],
                                  struct pack_contents *out, struct err *e);
void pack_contents_done(struct pack_contents *c);
/* Notes what a pack is (said->id is not looked at). False if it is already known
 * as something else. Needs the vault's lock. */
bool pack_describe(struct pack *p, const struct index_pack *said);

/* ---- index: index_find.c, index_refresh.c, index_build.c, index_store.c ---------- */

/* Loads the index if it never was. */
MUST_CHECK int index_ensure(struct vault *v, struct err *e);
/* Which packs a session may refer to (scope.c). */
struct scope;
/* For sessions: 1 and *out if a pack that is not condemned and lies within the
 * scope (NULL: any) holds the chunk, 0 if none does, -1 if that cannot be said.
 * Thread-safe. */
int index_find(struct vault *v, const uint8_t id[ID_BYTES], const struct scope *scope,
               struct frame_loc *out, struct err *e);
/* For readers: any place that `accept` (NULL: all) takes; one in a condemned pack
 * only if there is no other, and one in a damaged pack last. Thread-safe; `accept` is called with the lock held. */
typedef bool index_accept(const void *arg, const struct pack *p, const struct frame_loc *loc);
int index_find_any(struct vault *v, const uint8_t id[ID_BYTES], index_accept *accept,
                   const void *arg, struct frame_loc *out, struct err *e);
/* Makes a run in memory of `entries`, in any order, whose `pack` counts in
 * `packs`; of one id within a pack only the first is kept. */
MUST_CHECK int index_build(struct vault *v, struct index_entry *entries, size_t count,
                           const uint32_t *packs, uint32_t pack_count, struct index_run **out,
                           struct err *e);
/* Appends a run and takes it over. Needs the vault's lock. */
MUST_CHECK int index_append(struct vault *v, struct index_run *r, struct err *e);
/* Reads the footers of all packs that no run describes and makes runs of them.
 * Needs both locks. */
MUST_CHECK int index_read_footers(struct vault *v, struct damage *d, struct err *e);
/* Stores runs that are only in memory, merges if there are too many. Failures
 * are not the caller's business: the index is derived. Needs no lock. */
void index_maintain(struct vault *v);
void index_maintain_locked(struct vault *v); /* with `maintain` held */
/* One run out of several. Needs `maintain`. */
MUST_CHECK int index_merge(struct vault *v, struct index_run *const *runs, size_t count,
                           const char *name, struct err *e);
/* A new random name in index/. */
MUST_CHECK int index_new_name(char out[INDEX_NAME_BYTES], struct err *e);
/* Frees all runs. */
void index_close(struct vault *v);

/* Makes the names of packs durable: directory packs/aa for each aa that is
 * set. */
MUST_CHECK int packs_sync(struct vault *v, const bool dirs[256], struct err *e);

/* ---- read_frame.c ------------------------------------------------------------------ */

MUST_CHECK int reader_cache_new(struct reader_cache **out, struct err *e);
void reader_cache_free(struct reader_cache *c);
/* Closes those that nobody uses: packs were replaced. */
void reader_cache_forget(struct reader_cache *c);

/* ---- writers.c ------------------------------------------------------------------------ */

/* 1 and whom it succeeds, 0: nobody; -1. */
MUST_CHECK int writer_predecessor(struct vault *v, const uint8_t writer[UID_BYTES], uint8_t out[UID_BYTES],
                                  struct err *e);
/* The public key of a writer whose certificate the owner signed; borrowed
 * until vault_close. ERR_NOT_FOUND, ERR_DAMAGED. */
MUST_CHECK int writer_key(struct vault *v, const uint8_t writer[UID_BYTES], const uint8_t **key_out,
                          struct err *e);
void writers_done(struct vault *v);

/* ---- revoked.c: writers that are refused ------------------------------------------------ */

struct revoked {
    struct revocation *items;
    size_t count;
};
void revoked_done(struct revoked *r);
/* All revocations, verified. One that is damaged is reported and passed over,
 * or an error where `d` is NULL. */
MUST_CHECK int revoked_load(struct vault *v, struct damage *d, struct revoked *out,
                            struct err *e);
/* NULL if the writer is not revoked. */
const struct revocation *revoked_find(const struct revoked *r, const uint8_t writer[UID_BYTES]);
/* Whether a record of this writer with this keeper's sequence is refused. */
bool revoked_refuses(const struct revoked *r, const uint8_t writer[UID_BYTES], uint64_t sequence);
/* ERR_NO_KEY if the writer was revoked. */
MUST_CHECK int revoked_check(struct vault *v, const uint8_t writer[UID_BYTES], struct err *e);

/* ---- session.c ------------------------------------------------------------------------- */

/* What tells a collection that a session, or whoever acts as one, is under way. */
MUST_CHECK int session_lease_take(struct vault *v, const uint8_t session[UID_BYTES],
                                  struct store_lease **out, struct err *e);

/* ---- scope.c ---------------------------------------------------------------------------- */

/* Immutable once made, so any thread may ask. */
MUST_CHECK int scope_new(struct vault *v, const uint8_t writer[UID_BYTES], struct scope **out,
                         struct err *e);
void scope_free(struct scope *s);
/* An index_accept; arg is the scope. */
bool scope_allows(const void *scope, const struct pack *p, const struct frame_loc *loc);

/* ---- resealed.c -------------------------------------------------------------------------- */

void resealed_done(struct vault *v);
/* A session's original: its structure, its writer's signature and its name. */
MUST_CHECK int envelope_verify(struct vault *v, const uint8_t session[UID_BYTES], const uint8_t *p,
                               size_t len, uint8_t writer_out[UID_BYTES], struct err *e);
/* Its structure, the owner's signature and its name. */
MUST_CHECK int resealed_verify(struct vault *v, const char *name, const uint8_t *p, size_t len,
                               uint8_t writer_out[UID_BYTES], struct err *e);

#endif
