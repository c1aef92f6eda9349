/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cosignatures, version 1: a witness says that at a time it saw this checkpoint, and no
 * larger one that is not consistent with it. Whether that was so, the witness decides before it
 * calls.
 */
#include "sign/note_format.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What a witness signs over the text of a note. */
static int put_message(const struct note_view *note, uint64_t time_s, struct buf *out,
                       struct err *e)
{
    char head[64];
    int len = snprintf(head, sizeof head, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    buf_put(out, head, (size_t)len);
    buf_put(out, note->text, note->text_len);
    return buf_check(out, "a cosignature", e);
}

static void put_time(uint8_t out[8], uint64_t time_s)
{
    for (int i = 7; i >= 0; i--, time_s >>= 8)
        out[i] = (uint8_t)time_s;
}

static uint64_t get_time(const uint8_t p[8])
{
    uint64_t time_s = 0;
    for (int i = 0; i < 8; i++)
        time_s = time_s << 8 | p[i];
    return time_s;
}

int checkpoint_cosign(const void *text, size_t len, const char *witness, const struct sign_key *key,
                      uint64_t time_s, struct buf *line_out, struct err *e)
{
    struct note_view note;
    struct checkpoint c;
    size_t name_len = strnlen(witness, NOTE_NAME_MAX + 1);
    if (name_len > NOTE_NAME_MAX || !note_name_is_good(witness, name_len) || time_s > INT64_MAX)
        return err_set(e, ERR_USAGE,
                       "a witness has a name of 1 to %d bytes, without spaces and '+', and "
                       "a time from 1970 on",
                       NOTE_NAME_MAX);
    if (note_split(text, len, &note, e) || checkpoint_parse(note.text, note.text_len, &c, e))
        return -1;
    struct buf message = {0};
    if (put_message(&note, time_s, &message, e)) {
        buf_done(&message);
        return -1;
    }
    uint8_t payload[NOTE_COSIGNED_BYTES], id[NOTE_ID_BYTES];
    put_time(payload, time_s);
    (void)crypto_sign_detached(payload + 8, NULL, message.data, message.len, key->secret);
    buf_done(&message);
    note_key_id(witness, NOTE_ALG_COSIGNATURE, key->public_key, id);
    size_t before = line_out->len;
    note_put_line(line_out, witness, id, payload, sizeof payload);
    if (line_out->failed)
        line_out->len = before;
    return buf_check(line_out, "a cosignature", e);
}

bool checkpoint_cosigned(const void *text, size_t len, const struct note_key *witness,
                         uint64_t *time_s_out)
{
    struct note_view note;
    struct checkpoint c;
    uint8_t payload[NOTE_COSIGNED_BYTES];
    if (note_split(text, len, &note, NULL) ||
        checkpoint_parse(note.text, note.text_len, &c, NULL) ||
        note_find(&note, witness, NOTE_ALG_COSIGNATURE, payload, sizeof payload) != 1)
        return false;
    uint64_t time_s = get_time(payload);
    struct buf message = {0};
    bool good = time_s <= INT64_MAX && put_message(&note, time_s, &message, NULL) == 0 &&
                crypto_sign_verify_detached(payload + 8, message.data, message.len,
                                            witness->public_key) == 0;
    buf_done(&message);
    if (good)
        *time_s_out = time_s;
    return good;
}
