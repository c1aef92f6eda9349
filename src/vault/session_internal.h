/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session under way: chunks that it added and that no run describes yet,
 * packs being filled and packs sealed, and what its snapshot refers to.
 */
#ifndef ABRI_VAULT_SESSION_INTERNAL_H
#define ABRI_VAULT_SESSION_INTERNAL_H

#include "vault/vault_internal.h"

#define SESSION_CLAIMED UINT32_MAX /* as a pack: promised, not added yet */

/* Chunks of this session: dense entries and a map into them. `pack` counts in
 * session.packs, or is SESSION_CLAIMED. */
struct session_table {
    struct index_entry *entries;
    uint32_t count, cap;
    struct id_map map;
};

/* Not written → filling → closed (full, or flushed) → sealed (named) →
 * described (a run of the vault knows it). */
struct session_pack {
    enum frame_kind kind;
    uint32_t number;             /* in session.packs */
    struct store_writer *object; /* until sealed */
    uint64_t end;                /* where the next frame goes */
    uint32_t frames;
    uint8_t *rows; /* encoded footer rows; until sealed */
    uint32_t row_cap;
    uint32_t busy; /* threads that are writing into it */
    bool closed, sealed, described;
    uint8_t id[ID_BYTES]; /* once sealed */
    struct session_pack *next; /* that waits for a sealer */
};

/* Threads that seal, and the packs that wait for them. */
struct session_sealers {
    unsigned count;
    pthread_t threads[SESSION_SEALERS_MAX];
    pthread_cond_t work;
    struct session_pack *first, **last;
    unsigned waiting;
    bool closing;
};

struct session_refs {
    uint8_t **bits; /* by the vault's number of the pack; NULL: none */
    uint32_t cap;
};

/* The lease of a session is named by this and its id. */
#define SESSION_LEASE "session-"

struct session {
    struct vault *vault;
    struct store_lease *lease; /* until its end: collections wait for it */
    uint8_t writer[UID_BYTES], id[UID_BYTES];
    struct scope *scope; /* packs that it may refer to */
    uint32_t data_target, meta_target;
    size_t table_max; /* entries; more are handed over. Tests lower it */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* a closed pack was sealed, or failed */
    struct session_table table;
    struct session_pack **packs;
    uint32_t pack_count, pack_cap;
    struct session_pack *current[3]; /* by kind */
    uint32_t unsealed;               /* packs that are not sealed yet */
    uint32_t claims;                 /* promised and not added */
    struct session_refs refs;
    struct session_sealers sealers;
    struct session_stats stats;
    _Atomic uint64_t spills; /* times that entries moved from table to runs */
    bool no_parity;
    bool flushed, committed;
    bool failed; /* then nothing goes on */
    struct err failure;
};

/* ---- session_table.c: all need the session's lock -------------------------------- */

void session_table_init(struct session_table *t);
void session_table_done(struct session_table *t);
struct index_entry *session_table_find(const struct session_table *t, const uint8_t id[ID_BYTES]);
/* Adds an absent id, claimed. */
MUST_CHECK int session_table_claim(struct session_table *t, const uint8_t id[ID_BYTES],
                                   struct index_entry **out, struct err *e);
/* Keeps only the entries from `first` on. */
void session_table_drop(struct session_table *t, uint32_t first);

/* Notes that the snapshot refers to a frame (or all frames) of a vault's pack. */
MUST_CHECK int session_refs_set(struct session *s, uint32_t pack, uint32_t frame, struct err *e);
MUST_CHECK int session_refs_set_all(struct session *s, uint32_t pack, struct err *e);

/* ---- session_pack.c ----------------------------------------------------------------- */

/* Keeps the first error; later calls of the session give it again. Returns -1.
 * Needs the session's lock. */
int session_fail(struct session *s, const struct err *why, struct err *e);
/* -1 and the error if the session failed before. */
MUST_CHECK int session_check(const struct session *s, struct err *e);
/* Seals a closed pack that nobody writes into any more. */
MUST_CHECK int session_seal(struct session *s, struct session_pack *p, struct err *e);
/* Closes and seals what is being filled; waits for other threads. */
MUST_CHECK int session_seal_all(struct session *s, struct err *e);
void session_packs_done(struct session *s);

/* ---- session_sealers.c ---------------------------------------------------------------- */

MUST_CHECK int session_sealers_start(struct session *s, unsigned count, struct err *e);
/* Waits for those that are sealing; what still waits is left. */
void session_sealers_stop(struct session *s);
/* Leaves a closed pack to them; waits if too many wait already. Without sealers, seals it. */
MUST_CHECK int session_sealers_give(struct session *s, struct session_pack *p, struct err *e);

/* ---- session_spill.c ------------------------------------------------------------------ */

/* Turns the sealed packs' entries into a run of the vault and drops them from
 * the table. Needs the session's lock. */
MUST_CHECK int session_spill(struct session *s, struct err *e);

#endif
