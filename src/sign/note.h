/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: what a log says of itself, as text that is signed. C2SP formats: signed-note,
 * tlog-checkpoint, tlog-cosignature (v1). The text is
 *
 *     <origin>\n<size>\n<root, base64>\n\n— <name> <base64 of key id ‖ signature>\n…
 *
 * Keys are Ed25519 and used for nothing else (no context is signed, C2SP has none). Text from
 * outside is at most NOTE_MAX bytes and NOTE_SIGNATURES_MAX signatures; unknown ones are passed
 * over, as C2SP demands.
 */
#ifndef ABRI_SIGN_NOTE_H
#define ABRI_SIGN_NOTE_H

#include "base/bytes.h"
#include "sign/merkle.h"
#include "sign/sign.h"

#define NOTE_MAX            ((size_t)64 << 10)
#define NOTE_SIGNATURES_MAX 100
#define NOTE_NAME_MAX       200 /* of an origin or a key: no spaces, no '+', no control characters */

struct note_key { /* who may have signed */
    char name[NOTE_NAME_MAX + 1];
    uint8_t public_key[SIGN_PUBLIC_BYTES];
};
/* "<name>+<key id, 8 hex>+<base64 of algorithm ‖ public key>": C2SP's form. ERR_USAGE if it is
 * none. `cosigner`: algorithm 4 instead of 1. */
MUST_CHECK int note_key_text(const struct note_key *k, bool cosigner, struct buf *out,
                             struct err *e);
MUST_CHECK int note_key_parse(const char *text, struct note_key *out, bool *cosigner_out,
                              struct err *e);

/* Demands a well-formed note of any text with a valid signature (algorithm 1) of `key`, in exactly
 * one line. The text is the first `*text_len_out` bytes. ERR_DAMAGED. */
MUST_CHECK int note_verify(const void *note, size_t len, const struct note_key *key,
                           size_t *text_len_out, struct err *e);

struct checkpoint {
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size;
    uint8_t root[MERKLE_BYTES];
};

/* Appends the whole note, signed by the log under the name `origin`. */
MUST_CHECK int checkpoint_sign(const struct checkpoint *c, const struct sign_key *key,
                               struct buf *out, struct err *e);
/* Reads a note and demands a valid signature of `log` (whose name is the origin). ERR_DAMAGED: not
 * well formed, or not signed. Every byte of the text and of the log's own line counts: anything
 * changed is refused; lines of others need only be well formed. */
MUST_CHECK int checkpoint_verify(const void *text, size_t len, const struct note_key *log,
                                 struct checkpoint *out, struct err *e);
/* Appends one line: a witness's cosignature over the note, at `time_s` (seconds since 1970). */
MUST_CHECK int checkpoint_cosign(const void *text, size_t len, const char *witness,
                                 const struct sign_key *key, uint64_t time_s, struct buf *line_out,
                                 struct err *e);
/* Whether the note carries a valid cosignature of that witness; its time. */
bool checkpoint_cosigned(const void *text, size_t len, const struct note_key *witness,
                         uint64_t *time_s_out);

/* Standard base64 with padding. */
void base64_put(struct buf *out, const void *p, size_t len);
/* Appends; ERR_DAMAGED unless canonical. */
MUST_CHECK int base64_get(const char *text, size_t len, struct buf *out, struct err *e);

#endif
