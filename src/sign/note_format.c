/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of a note: UTF-8 without controls, the text up to the last empty line, and signatures.
 * Nothing is verified here.
 *
 * Invariants
 * 1. What note_split accepts is read in one way only: the last empty line divides it, and each line
 * below is a dash, a name and canonical base64.
 * 2. No line of a known key is passed over: two with its name and id make the note unusable.
 */
#include "sign/note_format.h"

#include <sodium.h>
#include <string.h>

#define DASH     "\xe2\x80\x94 " /* U+2014 and a space */
#define DASH_LEN (sizeof DASH - 1)
#define PAYLOAD_MAX                                                                                \
    ((size_t)8 << 10) /* bytes of a signature; the longest that C2SP knows are below 5 kB */

/* ---- characters ------------------------------------------------------------------------ */

/* Takes a character off; false if it is not well-formed UTF-8 (Unicode, table 3-7). */
static bool next_rune(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
    uint8_t first = *(*p)++;
    unsigned more = first < 0x80   ? 0
                    : first < 0xc2 ? 9
                    : first < 0xe0 ? 1
                    : first < 0xf0 ? 2
                    : first < 0xf5 ? 3
                                   : 9;
    uint32_t rune = more == 0 ? first : first & (0x3fu >> more);
    if (more > 3 || (size_t)(end - *p) < more)
        return false;
    for (unsigned i = 0; i < more; i++, (*p)++) {
        if ((**p & 0xc0) != 0x80)
            return false;
        rune = rune << 6 | (**p & 0x3f);
    }
    if ((more == 2 && rune < 0x800) || (more == 3 && (rune < 0x10000 || rune > 0x10ffff)) ||
        (rune >= 0xd800 && rune <= 0xdfff))
        return false;
    *out = rune;
    return true;
}

static bool is_space(uint32_t rune)
{
    return rune == ' ' || (rune >= 0x09 && rune <= 0x0d) || rune == 0x85 || rune == 0xa0 ||
           rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 ||
           rune == 0x2029 || rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

static bool is_note_text(const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    uint32_t rune;
    while (p < end)
        if (!next_rune(&p, end, &rune) || (rune < 0x20 && rune != '\n'))
            return false;
    return true;
}

bool note_name_is_good(const char *name, size_t len)
{
    const uint8_t *p = (const uint8_t *)name, *end = p + len;
    uint32_t rune;
    while (p < end)
        if (!next_rune(&p, end, &rune) || rune < 0x20 || rune == 0x7f || rune == '+' ||
            is_space(rune))
            return false;
    return len > 0;
}

/* ---- lines ------------------------------------------------------------------------------- */

bool note_next_line(const char **lines, size_t *len, struct note_line *out)
{
    const char *end = memchr(*lines, '\n', *len);
    if (!end || (size_t)(end - *lines) < DASH_LEN || memcmp(*lines, DASH, DASH_LEN) != 0)
        return false;
    const char *name = *lines + DASH_LEN;
    const char *space = memchr(name, ' ', (size_t)(end - name));
    if (!space)
        return false;
    *out = (struct note_line){.name = name,
                              .name_len = (size_t)(space - name),
                              .base64 = space + 1,
                              .base64_len = (size_t)(end - space - 1)};
    *len -= (size_t)(end + 1 - *lines);
    *lines = end + 1;
    return true;
}

/* Id and signature: at least five bytes. Needs no memory, so that a want of it is never taken for
 * damage. */
static bool is_payload(const struct note_line *line)
{
    uint8_t decoded[PAYLOAD_MAX];
    const char *end = NULL;
    size_t len = 0;
    return sodium_base642bin(decoded, sizeof decoded, line->base64, line->base64_len, NULL, &len,
                             &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           end == line->base64 + line->base64_len && len > NOTE_ID_BYTES;
}

static int check_lines(const struct note_view *note, struct err *e)
{
    const char *at = note->lines;
    size_t left = note->lines_len, count = 0;
    while (left > 0) {
        struct note_line line;
        if (!note_next_line(&at, &left, &line) || !note_name_is_good(line.name, line.name_len) ||
            !is_payload(&line))
            return err_set(e, ERR_DAMAGED, "signature %zu of the note is not well formed",
                           count + 1);
        if (++count > NOTE_SIGNATURES_MAX)
            return err_set(e, ERR_DAMAGED, "the note has more than %d signatures",
                           NOTE_SIGNATURES_MAX);
    }
    return count ? 0 : err_set(e, ERR_DAMAGED, "the note has no signature");
}

int note_split(const void *note, size_t len, struct note_view *out, struct err *e)
{
    const char *p = note;
    if (len > NOTE_MAX)
        return err_set(e, ERR_DAMAGED, "the note is longer than %zu KiB", NOTE_MAX >> 10);
    if (!is_note_text(note, len))
        return err_set(e, ERR_DAMAGED, "the note is not UTF-8 text without control characters");
    size_t at = len;
    while (at >= 2 && !(p[at - 1] == '\n' && p[at - 2] == '\n'))
        at--;
    if (at < 2)
        return err_set(e, ERR_DAMAGED, "the note has no empty line before its signatures");
    struct note_view view = {.text = p, .text_len = at - 1, .lines = p + at, .lines_len = len - at};
    if (check_lines(&view, e))
        return -1;
    *out = view;
    return 0;
}

int note_find(const struct note_view *note, const struct note_key *key, uint8_t algorithm,
              uint8_t *payload_out, size_t payload_len)
{
    uint8_t id[NOTE_ID_BYTES], found[NOTE_ID_BYTES + NOTE_COSIGNED_BYTES];
    struct note_line line;
    const char *at = note->lines;
    size_t left = note->lines_len, name_len = strlen(key->name);
    int count = 0;
    note_key_id(key->name, algorithm, key->public_key, id);
    while (left > 0 && note_next_line(&at, &left, &line)) {
        /* The id is in the first five and a third digits: eight always hold it. */
        uint8_t head[6];
        if (line.name_len != name_len || memcmp(line.name, key->name, name_len) != 0 ||
            line.base64_len < 8 ||
            sodium_base642bin(head, sizeof head, line.base64, 8, NULL, NULL, NULL,
                              sodium_base64_VARIANT_ORIGINAL) ||
            memcmp(head, id, sizeof id) != 0)
            continue;
        size_t decoded = 0;
        if (++count > 1 || payload_len > NOTE_COSIGNED_BYTES ||
            sodium_base642bin(found, NOTE_ID_BYTES + payload_len, line.base64, line.base64_len,
                              NULL, &decoded, NULL, sodium_base64_VARIANT_ORIGINAL) ||
            decoded != NOTE_ID_BYTES + payload_len)
            return -1;
    }
    if (count)
        memcpy(payload_out, found + NOTE_ID_BYTES, payload_len);
    return count;
}

void note_put_line(struct buf *out, const char *name, const uint8_t id[NOTE_ID_BYTES],
                   const void *payload, size_t len)
{
    uint8_t both[NOTE_ID_BYTES + NOTE_COSIGNED_BYTES];
    memcpy(both, id, NOTE_ID_BYTES);
    memcpy(both + NOTE_ID_BYTES, payload, len);
    buf_put(out, DASH, DASH_LEN);
    buf_put(out, name, strlen(name));
    buf_put_u8(out, ' ');
    base64_put(out, both, NOTE_ID_BYTES + len);
    buf_put_u8(out, '\n');
}
