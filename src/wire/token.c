/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as people type them: base32 (RFC 4648, small letters) with a check that finds typing errors. */
#include "wire/wire.h"

#include <ctype.h>
#include <string.h>

#define RAW_BYTES  (WIRE_PIN_BYTES + WIRE_SECRET_BYTES + 2)
#define TEXT_CHARS ((RAW_BYTES * 8 + 4) / 5)

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char prefix[] = "abri";

/* CRC-16/CCITT: every single wrong character and every exchange of neighbours changes it. */
static uint16_t check_of(const uint8_t *p, size_t len)
{
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ (uint16_t)(p[i] << 8));
        for (int k = 0; k < 8; k++)
            crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

void wire_token_text(const struct wire_token *t, char out[WIRE_TOKEN_TEXT])
{
    uint8_t raw[RAW_BYTES];
    memcpy(raw, t->pin, WIRE_PIN_BYTES);
    memcpy(raw + WIRE_PIN_BYTES, t->secret, WIRE_SECRET_BYTES);
    put_u16(raw + RAW_BYTES - 2, check_of(raw, RAW_BYTES - 2));
    size_t n = 0, bits = 0;
    uint32_t acc = 0;
    memcpy(out, "abri-", 5);
    n = 5;
    for (size_t i = 0; i < RAW_BYTES; i++) {
        acc = acc << 8 | raw[i];
        for (bits += 8; bits >= 5; bits -= 5)
            out[n++] = alphabet[acc >> (bits - 5) & 31];
    }
    if (bits)
        out[n++] = alphabet[acc << (5 - bits) & 31];
    out[n] = '\0';
    explicit_bzero(raw, sizeof raw);
}

/* The letters without dashes, blanks and the prefix; how many, at most `cap`. */
static size_t squeeze(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    for (; *text && n < cap; text++)
        if (*text != '-' && !isspace((unsigned char)*text))
            out[n++] = (char)tolower((unsigned char)*text);
    return n;
}

static bool decode(const char *chars, uint8_t raw[RAW_BYTES])
{
    uint32_t acc = 0;
    size_t bits = 0, n = 0;
    for (size_t i = 0; i < TEXT_CHARS; i++) {
        const char *at = memchr(alphabet, chars[i], 32);
        if (!at)
            return false;
        acc = acc << 5 | (uint32_t)(at - alphabet);
        bits += 5;
        if (bits >= 8 && n < RAW_BYTES) {
            raw[n++] = (uint8_t)(acc >> (bits - 8));
            bits -= 8;
        }
    }
    return n == RAW_BYTES && (acc & ((1u << bits) - 1)) == 0;
}

int wire_token_parse(const char *text, struct wire_token *out, struct err *e)
{
    char chars[sizeof prefix - 1 + TEXT_CHARS + 1];
    uint8_t raw[RAW_BYTES];
    size_t n = squeeze(text, chars, sizeof chars);
    if (n != sizeof prefix - 1 + TEXT_CHARS || memcmp(chars, prefix, sizeof prefix - 1) != 0 ||
        !decode(chars + sizeof prefix - 1, raw) ||
        get_u16(raw + RAW_BYTES - 2) != check_of(raw, RAW_BYTES - 2)) {
        explicit_bzero(chars, sizeof chars);
        return err_set(e, ERR_USAGE, "that is no token: a character is wrong or missing");
    }
    memcpy(out->pin, raw, WIRE_PIN_BYTES);
    memcpy(out->secret, raw + WIRE_PIN_BYTES, WIRE_SECRET_BYTES);
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(chars, sizeof chars);
    return 0;
}
