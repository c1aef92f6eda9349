/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that watch a server's log share (decisions/0017). */
#ifndef ABRI_REMOTE_WITNESS_H
#define ABRI_REMOTE_WITNESS_H

#include "remote/remote_internal.h"
#include "sign/note.h"

#define WITNESS_ANSWER_MAX ((size_t)128 << 10)

/* ---- witness_judge.c: pure ------------------------------------------------------------------ */

/* A checkpoint that this machine saw. */
struct sighting {
    struct checkpoint c;
    uint64_t time_s; /* by its own clock; 0: not known */
};
/* What a server says of its log now. */
struct testimony {
    struct buf note;
    size_t count;
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES]; /* that it goes on from what was kept */
};
void testimony_done(struct testimony *t);
/* Reads {"checkpoint": "…", "proof": ["…"]}. ERR_DAMAGED; ERR_NO_MEMORY. */
MUST_CHECK int testimony_take(const void *json, size_t len, struct testimony *out, struct err *e);
/* Reads {"proof": […]} into it. */
MUST_CHECK int testimony_take_proof(const json_t *proof, struct testimony *out, struct err *e);
/* Whether it is signed by the log, and goes on from what was kept (NULL: nothing was). ERR_DAMAGED says what is wrong. */
MUST_CHECK int witness_judge(const struct sighting *kept, const struct note_key *log,
                             const struct testimony *t, struct checkpoint *now_out, struct err *e);

/* ---- witness_files.c: below the identity's directory ------------------------------------------ */

/* The key of this identity for co-signing: the one that is kept, or a new one that is kept nowhere yet. Its text is
 * appended, NUL-terminated. */
MUST_CHECK int witness_key_prepare(const char *dir, struct sign_key *out, struct buf *text, struct err *e);
MUST_CHECK int witness_key_save(const char *dir, const struct sign_key *key, struct err *e);
/* The one that is kept. ERR_NOT_FOUND. */
MUST_CHECK int witness_key_load(const char *dir, struct sign_key *out, struct err *e);
/* "witness.<16 digits of the key>": names of machines are nobody else's business. */
void witness_name(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct note_key *out);

/* The kept note, appended, and what it says. ERR_NOT_FOUND: none is; ERR_DAMAGED: it is not of this log. */
MUST_CHECK int witness_kept(const char *dir, const struct note_key *log, const struct note_key *me,
                            struct buf *note, struct sighting *out, struct err *e);
MUST_CHECK int witness_keep(const char *dir, const struct buf *note, struct err *e);
/* Writes both sides into a file that never replaces another. */
MUST_CHECK int witness_evidence(const char *dir, const char *what, const struct buf *kept,
                                const void *said, size_t said_len, char path_out[IDENTITY_PATH_MAX],
                                struct err *e);
/* A descriptor that holds the directory until it is closed; -1: somebody else has it. */
int witness_lock(const char *dir);

#endif
