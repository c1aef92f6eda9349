/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and shares on paper (docs/format/sheet.md): bytes as symbols of 5 bits,
 * in lines that each carry a check, so that whoever types learns at once which
 * line is wrong.
 *
 *  P1 the check of a line finds every wrong symbol and every swap of two;
 *  P2 the check of the whole finds what is left, lines of two sheets mixed
 *     included;
 *  P3 buffers that held a secret are wiped.
 */
#include "seal/seal_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define CODE_PREFIX "ABRI1:"
#define LINE_SYMBOLS 20u
#define GROUP 4u
#define MODULUS 1021u /* the largest prime below 32²: two symbols hold it */
#define CHECK_BYTES 4u
#define KEY_BYTES (1u + SEAL_UID_BYTES + 32u + CHECK_BYTES)
#define SHARE_BYTES (KEY_BYTES + SHARE_SET_BYTES + 2u)
#define SYMBOLS_OF(bytes) (((bytes) * 8u + 4u) / 5u)
#define SYMBOLS_MAX SYMBOLS_OF(SHARE_BYTES)

static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct sheet *sheet_new(void)
{
    return seal_secret_alloc(sizeof(struct sheet));
}

void sheet_free(struct sheet *s)
{
    seal_secret_free(s);
}

/* ---- bytes ------------------------------------------------------------------ */

static void check_of(const uint8_t *p, size_t len, uint8_t out[CHECK_BYTES])
{
    static const char purpose[] = "abri sheet";
    uint8_t hash[HASH_BYTES];
    hash_two(purpose, strlen(purpose), p, len, hash);
    memcpy(out, hash, CHECK_BYTES);
}

static size_t encode(const struct sheet *s, uint8_t out[SHARE_BYTES])
{
    size_t n = 0;
    out[n++] = (uint8_t)s->kind;
    memcpy(out + n, s->share.vault_id, SEAL_UID_BYTES);
    n += SEAL_UID_BYTES;
    if (s->kind == SHEET_SHARE) {
        memcpy(out + n, s->share.set, SHARE_SET_BYTES);
        n += SHARE_SET_BYTES;
        out[n++] = s->share.k;
        out[n++] = s->share.x;
    }
    memcpy(out + n, s->share.y, 32);
    n += 32;
    check_of(out, n, out + n);
    return n + CHECK_BYTES;
}

static int decode(const uint8_t *p, size_t len, struct sheet *out, struct err *e)
{
    uint8_t check[CHECK_BYTES];
    struct cursor c = cursor_of(p, len);
    uint8_t kind = cursor_u8(&c);
    check_of(p, len - CHECK_BYTES, check);
    if (memcmp(check, p + len - CHECK_BYTES, CHECK_BYTES) != 0)
        return err_set(e, ERR_DAMAGED,
                       "each line is right by itself, but they are not of one sheet");
    out->kind = kind == SHEET_SHARE ? SHEET_SHARE : SHEET_KEY;
    cursor_copy(&c, out->share.vault_id, SEAL_UID_BYTES);
    if (out->kind == SHEET_SHARE) {
        cursor_copy(&c, out->share.set, SHARE_SET_BYTES);
        out->share.k = cursor_u8(&c);
        out->share.x = cursor_u8(&c);
    }
    cursor_copy(&c, out->share.y, 32);
    (void)cursor_bytes(&c, CHECK_BYTES);
    if (cursor_check(&c, true, "the sheet", e))
        return -1;
    if (out->kind == SHEET_SHARE && (out->share.k < 2 || out->share.x == 0))
        return err_set(e, ERR_DAMAGED, "the share says what cannot be");
    return 0;
}

static size_t length_of(unsigned kind)
{
    return kind == SHEET_KEY ? KEY_BYTES : kind == SHEET_SHARE ? SHARE_BYTES : 0;
}

/* ---- symbols ------------------------------------------------------------------ */

static void to_symbols(const uint8_t *p, size_t len, uint8_t out[SYMBOLS_MAX])
{
    for (size_t i = 0; i < SYMBOLS_OF(len); i++) {
        size_t bit = 5 * i, byte = bit / 8;
        unsigned two = (unsigned)p[byte] << 8 | (byte + 1 < len ? p[byte + 1] : 0u);
        out[i] = (uint8_t)(two >> (11 - bit % 8) & 31);
    }
}

/* False if bits behind the last byte are not zero. */
static bool from_symbols(const uint8_t *s, size_t count, uint8_t *out, size_t len)
{
    unsigned held = 0, bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        held = (held << 5 | s[i]) & 0xfff;
        bits += 5;
        if (bits >= 8 && n < len) {
            bits -= 8;
            out[n++] = (uint8_t)(held >> bits);
        }
    }
    return n == len && (held & ((1u << bits) - 1)) == 0;
}

/* The line's number and its symbols, read as one number of base 32. */
static unsigned line_check(unsigned number, const uint8_t *s, size_t count)
{
    unsigned r = number;
    for (size_t i = 0; i < count; i++)
        r = (r * 32 + s[i]) % MODULUS;
    return r;
}

/* -1 if the character is no symbol. Small letters, and those that look like
 * digits, are taken for what they look like. */
static int symbol_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    const char *at = c ? strchr(symbols, c) : NULL;
    return at ? (int)(at - symbols) : -1;
}

/* ---- printing -------------------------------------------------------------------- */

static void format_line(unsigned number, const uint8_t *s, size_t count,
                        char out[SHEET_LINE_BYTES])
{
    unsigned check = line_check(number, s, count);
    size_t n = 0;
    out[n++] = (char)('0' + number);
    out[n++] = ':';
    for (size_t i = 0; i < count; i++) {
        if (i % GROUP == 0)
            out[n++] = ' ';
        out[n++] = symbols[s[i]];
    }
    out[n++] = ' ';
    out[n++] = ' ';
    out[n++] = symbols[check >> 5];
    out[n++] = symbols[check & 31];
    out[n] = '\0';
}

static size_t symbols_of_sheet(const struct sheet *s, uint8_t out[SYMBOLS_MAX])
{
    uint8_t bytes[SHARE_BYTES];
    size_t len = encode(s, bytes);
    to_symbols(bytes, len, out);
    seal_wipe(bytes, sizeof bytes);
    return SYMBOLS_OF(len);
}

void sheet_format(const struct sheet *s, char lines[SHEET_LINES][SHEET_LINE_BYTES])
{
    uint8_t all[SYMBOLS_MAX];
    size_t count = symbols_of_sheet(s, all);
    for (unsigned i = 0; i < SHEET_LINES; i++) {
        size_t from = i * LINE_SYMBOLS, left = count - from;
        format_line(i + 1, all + from, left < LINE_SYMBOLS ? left : LINE_SYMBOLS, lines[i]);
    }
    seal_wipe(all, sizeof all);
}

void sheet_code(const struct sheet *s, char out[SHEET_CODE_BYTES])
{
    uint8_t all[SYMBOLS_MAX];
    size_t count = symbols_of_sheet(s, all), n = strlen(CODE_PREFIX);
    memcpy(out, CODE_PREFIX, n);
    for (size_t i = 0; i < count; i++)
        out[n++] = symbols[all[i]];
    out[n] = '\0';
    seal_wipe(all, sizeof all);
}

/* ---- reading ----------------------------------------------------------------------- */

struct reading {
    uint8_t symbols[SYMBOLS_MAX];
    size_t count;
    unsigned next; /* the line that is expected, from 1 */
};

/* Takes the symbols of a text without blanks and dashes: their count, or -1. */
static int take_symbols(const char *text, size_t len, uint8_t *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ' || text[i] == '-' || text[i] == '\t' || text[i] == '\r')
            continue;
        int s = symbol_of(text[i]);
        if (s < 0 || n == max)
            return -1;
        out[n++] = (uint8_t)s;
    }
    return (int)n;
}

/* Whether the text begins as line `number` does; *len_out is what to skip. */
static bool is_numbered(const char *text, size_t len, unsigned number, size_t *skip_out)
{
    size_t i = 0;
    while (i < len && (text[i] == ' ' || text[i] == '\t'))
        i++;
    if (i + 1 >= len || text[i] != (char)('0' + number) || text[i + 1] != ':')
        return false;
    *skip_out = i + 2;
    return true;
}

/* The symbols of one line without its check: their count, or -1. */
static int read_line(const char *text, size_t len, unsigned number, uint8_t out[LINE_SYMBOLS + 2])
{
    int n = take_symbols(text, len, out, LINE_SYMBOLS + 2);
    if (n < 3)
        return -1;
    unsigned check = line_check(number, out, (size_t)n - 2);
    return check >> 5 == out[n - 2] && (check & 31) == out[n - 1] ? n - 2 : -1;
}

bool sheet_line_is_good(const char *text, unsigned number)
{
    uint8_t line[LINE_SYMBOLS + 2];
    size_t len = strlen(text), skip = 0;
    (void)is_numbered(text, len, number, &skip); /* the number need not be typed */
    bool good = read_line(text + skip, len - skip, number, line) > 0;
    seal_wipe(line, sizeof line);
    return good;
}

static int finish(const struct reading *r, struct sheet *out, struct err *e)
{
    uint8_t bytes[SHARE_BYTES] = {0};
    unsigned kind = r->count > 1 ? (unsigned)r->symbols[0] << 3 | r->symbols[1] >> 2 : 0;
    size_t len = length_of(kind);
    int rc = 0;
    if (!len)
        rc = err_set(e, kind > SHEET_SHARE ? ERR_NEWER : ERR_DAMAGED,
                     "the sheet is of a kind that this abri does not know");
    else if (r->count != SYMBOLS_OF(len) || !from_symbols(r->symbols, r->count, bytes, len))
        rc = err_set(e, ERR_DAMAGED, "the sheet has %zu symbols instead of %zu", r->count,
                     (size_t)SYMBOLS_OF(len));
    else
        rc = decode(bytes, len, out, e);
    seal_wipe(bytes, sizeof bytes);
    return rc ? -1 : 1;
}

static int read_code(const char *text, size_t len, struct sheet *out, struct err *e)
{
    struct reading r = {0};
    int n = take_symbols(text, len, r.symbols, sizeof r.symbols);
    int rc = -1;
    if (n < 0) {
        err_set(e, ERR_DAMAGED, "the code behind %s has other characters, or too many", CODE_PREFIX);
    } else {
        r.count = (size_t)n;
        rc = finish(&r, out, e);
    }
    seal_wipe(&r, sizeof r);
    return rc;
}

/* 1: the sheet is complete, 0: go on. */
static int read_numbered(struct reading *r, const char *text, size_t len, struct sheet *out,
                         struct err *e)
{
    uint8_t line[LINE_SYMBOLS + 2];
    int n = read_line(text, len, r->next, line);
    int rc = 0;
    if (n < 0 || r->count + (size_t)n > SYMBOLS_MAX ||
        (r->next < SHEET_LINES && n != (int)LINE_SYMBOLS)) {
        rc = err_set(e, ERR_DAMAGED, "line %u is not as it was printed", r->next);
    } else {
        memcpy(r->symbols + r->count, line, (size_t)n);
        r->count += (size_t)n;
        if (r->next++ == SHEET_LINES)
            rc = finish(r, out, e);
    }
    seal_wipe(line, sizeof line);
    return rc;
}

static int find_in_line(struct reading *r, const char *line, size_t len, struct sheet *out,
                        struct err *e)
{
    size_t skip = 0, prefix = strlen(CODE_PREFIX);
    const char *code = memmem(line, len, CODE_PREFIX, prefix);
    if (code)
        return read_code(code + prefix, len - (size_t)(code - line) - prefix, out, e);
    if (is_numbered(line, len, r->next, &skip))
        return read_numbered(r, line + skip, len - skip, out, e);
    return 0;
}

int sheet_find(const char *text, size_t len, size_t *at, struct sheet *out, struct err *e)
{
    struct reading r = {.next = 1};
    struct sheet *s = sheet_new();
    int rc = s ? 0 : err_no_memory(e, "a sheet");
    size_t i = *at;
    while (rc == 0 && i < len) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t n = end ? (size_t)(end - text) - i : len - i;
        rc = find_in_line(&r, text + i, n, s, e);
        i += n + (end != NULL);
    }
    if (rc == 0 && r.next > 1)
        rc = err_set(e, ERR_DAMAGED, "line %u is missing", r.next);
    if (rc > 0) {
        *out = *s;
        *at = i;
    }
    seal_wipe(&r, sizeof r);
    sheet_free(s);
    return rc;
}
