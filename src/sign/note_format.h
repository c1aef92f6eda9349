/* SPDX-License-Identifier: Apache-2.0 */
/* C2SP signed notes as bytes: the text, and the lines of signatures below it. */
#ifndef ABRI_SIGN_NOTE_FORMAT_H
#define ABRI_SIGN_NOTE_FORMAT_H

#include "sign/note.h"

#define NOTE_ID_BYTES        4
#define NOTE_ALG_ED25519     1
#define NOTE_ALG_COSIGNATURE 4
#define NOTE_COSIGNED_BYTES  (8 + SIGN_BYTES) /* seconds, big-endian, and the signature */

/* A note in memory that is not ours; all pointers lead into it. */
struct note_view {
    const char *text;
    size_t text_len; /* with its last newline */
    const char *lines;
    size_t lines_len;
};
/* ERR_DAMAGED unless it is a well-formed note within the limits, every line of it. */
MUST_CHECK int note_split(const void *note, size_t len, struct note_view *out, struct err *e);

/* One line: "— <name> <base64>\n". */
struct note_line {
    const char *name;
    size_t name_len;
    const char *base64;
    size_t base64_len;
};
/* Takes the next line off `*lines`; false if it is not well formed. */
bool note_next_line(const char **lines, size_t *len, struct note_line *out);
/* The signature of that key, if exactly one line has its name and id: 1 and `payload_len` bytes; 0:
 * none; -1: two, or one of another length. */
int note_find(const struct note_view *note, const struct note_key *key, uint8_t algorithm,
              uint8_t *payload_out, size_t payload_len);
/* Appends a line. */
void note_put_line(struct buf *out, const char *name, const uint8_t id[NOTE_ID_BYTES],
                   const void *payload, size_t len);

void note_key_id(const char *name, uint8_t algorithm, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                 uint8_t out[NOTE_ID_BYTES]);
/* No NUL, controls, Unicode spaces or '+', well-formed UTF-8, not empty. */
bool note_name_is_good(const char *name, size_t len);

/* The first three lines of a checkpoint's text. */
MUST_CHECK int checkpoint_parse(const char *text, size_t len, struct checkpoint *out,
                                struct err *e);
/* Appends them. ERR_USAGE if the origin is no name. */
MUST_CHECK int checkpoint_text(const struct checkpoint *c, struct buf *out, struct err *e);

#endif
