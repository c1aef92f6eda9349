/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: the three lines that name a log, its size and its root, signed by the log.
 *
 * Invariants
 * 1. Of each checkpoint there is exactly one text, and of each text and key one signature: the same
 * log of the same size always writes the same note.
 * 2. What is believed is signed: nothing is read from a note before its signature is verified.
 */
#include "sign/note_format.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SIZE_DIGITS_MAX 19 /* of 2^63 - 1 */

/* ---- the text ---------------------------------------------------------------------------- */

int checkpoint_text(const struct checkpoint *c, struct buf *out, struct err *e)
{
    size_t origin_len = strnlen(c->origin, NOTE_NAME_MAX + 1);
    if (origin_len > NOTE_NAME_MAX || !note_name_is_good(c->origin, origin_len))
        return err_set(e, ERR_USAGE, "the origin of a log has 1 to %d bytes, no spaces and no '+'",
                       NOTE_NAME_MAX);
    char size[32];
    int digits = snprintf(size, sizeof size, "\n%" PRIu64 "\n", c->size);
    buf_put(out, c->origin, origin_len);
    buf_put(out, size, (size_t)digits);
    base64_put(out, c->root, MERKLE_BYTES);
    buf_put_u8(out, '\n');
    return 0;
}

/* The next line without its newline; NULL if there is none or it is empty. */
static const char *take_line(const char **text, size_t *left, size_t *len_out)
{
    const char *line = *text;
    const char *end = memchr(line, '\n', *left);
    if (!end || end == line)
        return NULL;
    *len_out = (size_t)(end - line);
    *left -= *len_out + 1;
    *text = end + 1;
    return line;
}

static bool parse_size(const char *line, size_t len, uint64_t *out)
{
    uint64_t size = 0;
    if (len == 0 || len > SIZE_DIGITS_MAX || (line[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        size = 10 * size + (uint64_t)(line[i] - '0');
    }
    *out = size;
    return size <= INT64_MAX;
}

static bool parse_root(const char *line, size_t len, uint8_t out[MERKLE_BYTES])
{
    const char *end = NULL;
    size_t decoded = 0;
    return sodium_base642bin(out, MERKLE_BYTES, line, len, NULL, &decoded, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           decoded == MERKLE_BYTES && end == line + len;
}

int checkpoint_parse(const char *text, size_t len, struct checkpoint *out, struct err *e)
{
    struct checkpoint c = {0};
    size_t left = len, origin_len, line_len;
    const char *origin = take_line(&text, &left, &origin_len);
    if (!origin || origin_len > NOTE_NAME_MAX || !note_name_is_good(origin, origin_len))
        return err_set(e, ERR_DAMAGED, "the checkpoint does not begin with an origin");
    memcpy(c.origin, origin, origin_len);
    const char *line = take_line(&text, &left, &line_len);
    if (!line || !parse_size(line, line_len, &c.size))
        return err_set(e, ERR_DAMAGED, "the checkpoint of '%s' has no size", c.origin);
    line = take_line(&text, &left, &line_len);
    if (!line || !parse_root(line, line_len, c.root))
        return err_set(e, ERR_DAMAGED, "the checkpoint of '%s' has no root", c.origin);
    while (left > 0) /* extensions: signed, and nothing to us */
        if (!take_line(&text, &left, &line_len))
            return err_set(e, ERR_DAMAGED, "the checkpoint of '%s' has an empty line", c.origin);
    *out = c;
    return 0;
}

/* ---- the note ------------------------------------------------------------------------------ */

int checkpoint_sign(const struct checkpoint *c, const struct sign_key *key, struct buf *out,
                    struct err *e)
{
    uint8_t signature[SIGN_BYTES], id[NOTE_ID_BYTES];
    size_t before = out->len;
    if (checkpoint_text(c, out, e))
        return -1;
    if (!out->failed)
        (void)crypto_sign_detached(signature, NULL, out->data + before, out->len - before,
                                   key->secret);
    note_key_id(c->origin, NOTE_ALG_ED25519, key->public_key, id);
    buf_put_u8(out, '\n');
    note_put_line(out, c->origin, id, signature, sizeof signature);
    if (out->failed)
        out->len = before;
    return buf_check(out, "a checkpoint", e);
}

int note_verify(const void *note, size_t len, const struct note_key *key, size_t *text_len_out,
                struct err *e)
{
    struct note_view view;
    uint8_t signature[SIGN_BYTES];
    if (note_split(note, len, &view, e))
        return -1;
    int found = note_find(&view, key, NOTE_ALG_ED25519, signature, sizeof signature);
    if (found == 0)
        return err_set(e, ERR_DAMAGED, "the note is not signed by '%s' with the key that is known",
                       key->name);
    if (found < 0 || crypto_sign_verify_detached(signature, (const uint8_t *)view.text,
                                                 view.text_len, key->public_key) != 0)
        return err_set(e, ERR_DAMAGED, "the signature of '%s' is not valid: the note was changed",
                       key->name);
    *text_len_out = view.text_len;
    return 0;
}

int checkpoint_verify(const void *text, size_t len, const struct note_key *log,
                      struct checkpoint *out, struct err *e)
{
    struct checkpoint c;
    size_t text_len;
    if (note_verify(text, len, log, &text_len, e) || checkpoint_parse(text, text_len, &c, e))
        return err_wrap(e, "checkpoint");
    if (strcmp(c.origin, log->name) != 0)
        return err_set(e, ERR_DAMAGED, "checkpoint: it is about '%s', not '%s'", c.origin,
                       log->name);
    uint8_t empty[MERKLE_BYTES];
    merkle_empty(empty);
    if (c.size == 0 && memcmp(c.root, empty, sizeof empty) != 0)
        return err_set(e, ERR_DAMAGED, "checkpoint: an empty log has another root");
    *out = c;
    return 0;
}
