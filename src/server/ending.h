/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a whole vault: asked for by two people (requests.h), then *ending*, until floors, locks, holds and the trash
 * let everything go; then *gone*, for ever. Until it is gone one person can keep it (docs/decisions/0021).
 *
 * Threads: any; nothing here with a vault's lock.
 */
#ifndef ABRI_SERVER_ENDING_H
#define ABRI_SERVER_ENDING_H

#include "server/server_internal.h"

/* ---- ending.c --------------------------------------------------------------------------------- */

#define ENDING_TEXT_BYTES 200
/* "this vault was ended on 2026-11-22 13:20 UTC by request 3f2a…", or that it is ending; of one that is neither: "". */
void ending_text(const struct catalog_vault *v, char out[ENDING_TEXT_BYTES]);
/* 0, or -1 and an answer was given: the vault is gone; for who would write also if it is ending. The caller has rights there. */
int ending_refuse_gone(struct request *q, const struct catalog_vault *v);
int ending_refuse_writers(struct request *q, const struct catalog_vault *v);

/* Carries out a request "delete": the log says that the vault is ending, its sessions end. Twice is fine. With server.decide. */
MUST_CHECK int ending_begin(struct server *s, const struct catalog_request *r, const char *reason, struct err *e);

/* Keeps it: what is in the trash comes back first, then writers may write again. ERR_EXISTS: it is not ending, or gone. */
struct ending_kept {
    uint64_t back, lost; /* snapshots that came back; that could not, for their time was over */
};
MUST_CHECK int ending_keep(struct server *s, const uint8_t vault[UID_BYTES], const uint8_t by[EVENT_ID_BYTES],
                           const char *reason, struct ending_kept *out, struct err *e);

/* What is left of it, and what protects that; a snapshot may be counted by several reasons. */
struct ending_state {
    uint64_t living, trash;
    uint64_t floor, lock, hold, doubt; /* protected by … */
    uint64_t damaged;                  /* records and marks that cannot be read: they keep the vault */
    int64_t earliest_ns, latest_ns;    /* when the first and the last snapshot may go, by the clock; 0: that is not known */
};
MUST_CHECK int ending_look(struct server *s, const struct catalog_vault *v, struct ending_state *out, struct err *e);

/* "ending" and "gone", as members of what describes a vault. */
void ending_describe(struct server *s, const struct catalog_vault *v, json_t *out);

/* The alarms about it, whatever a crash left out. */
void ending_tell(struct server *s, const struct catalog_vault *v);
void ending_tell_gone(struct server *s, const struct catalog_vault *v);

/* ---- ending_removal.c ---------------------------------------------------------------------------- */

/* Removes from the disk what the log says is gone, also what a crash cut off; what goes wrong is told, and done the next time. */
void ending_remove_gone(struct server *s);

#endif
