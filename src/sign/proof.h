/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proof that an entry is in a log, as one text that is checked without the log (C2SP tlog-proof, v1):
 *
 *     c2sp.org/tlog-proof@v1\n
 *     extra <base64>\n                 may be missing; here: the entry
 *     index <n>\n
 *     <hash, base64>\n …
 *     \n
 *     <checkpoint, with its cosignatures>
 *
 * There is one text of each proof: what is written otherwise is refused. Pure functions.
 */
#ifndef ABRI_SIGN_PROOF_H
#define ABRI_SIGN_PROOF_H

#include "sign/note.h"

#define LOG_PROOF_MAX       ((size_t)256 << 10)
#define LOG_PROOF_EXTRA_MAX ((size_t)65535) /* an entry */

struct log_proof {
    uint64_t index;
    size_t count;
    uint8_t hashes[MERKLE_PROOF_MAX][MERKLE_BYTES];
    struct buf extra; /* len 0: none */
    struct buf note;
};
void log_proof_done(struct log_proof *p);

/* Appends the text. ERR_LIMIT if it is too long. */
MUST_CHECK int log_proof_put(const struct log_proof *p, struct buf *out, struct err *e);
/* Reads it; nothing is verified. ERR_DAMAGED. */
MUST_CHECK int log_proof_take(const void *text, size_t len, struct log_proof *out, struct err *e);
/* Whether `entry` is number p->index of the log that signed p->note: the checkpoint. ERR_DAMAGED. */
MUST_CHECK int log_proof_verify(const struct log_proof *p, const void *entry, size_t len,
                                const struct note_key *log, struct checkpoint *out, struct err *e);

#endif
