/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of notes as text, "<name>+<id>+<base64>", and their ids. */
#include "sign/note_format.h"

#include <sodium.h>
#include <string.h>

void note_key_id(const char *name, uint8_t algorithm, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                 uint8_t out[NOTE_ID_BYTES])
{
    uint8_t tail[2] = {'\n', algorithm};
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state h;
    (void)crypto_hash_sha256_init(&h);
    (void)crypto_hash_sha256_update(&h, (const uint8_t *)name, strlen(name));
    (void)crypto_hash_sha256_update(&h, tail, sizeof tail);
    (void)crypto_hash_sha256_update(&h, public_key, SIGN_PUBLIC_BYTES);
    (void)crypto_hash_sha256_final(&h, hash);
    memcpy(out, hash, NOTE_ID_BYTES);
}

int note_key_text(const struct note_key *k, bool cosigner, struct buf *out, struct err *e)
{
    size_t name_len = strnlen(k->name, NOTE_NAME_MAX + 1);
    if (name_len > NOTE_NAME_MAX || !note_name_is_good(k->name, name_len))
        return err_set(e, ERR_USAGE, "a key's name has 1 to %d bytes, no spaces and no '+'",
                       NOTE_NAME_MAX);
    uint8_t id[NOTE_ID_BYTES], both[1 + SIGN_PUBLIC_BYTES];
    char hex[2 * NOTE_ID_BYTES + 1];
    both[0] = cosigner ? NOTE_ALG_COSIGNATURE : NOTE_ALG_ED25519;
    memcpy(both + 1, k->public_key, SIGN_PUBLIC_BYTES);
    note_key_id(k->name, both[0], k->public_key, id);
    hex_encode(id, sizeof id, hex);
    size_t before = out->len;
    buf_put(out, k->name, name_len);
    buf_put_u8(out, '+');
    buf_put(out, hex, sizeof hex - 1);
    buf_put_u8(out, '+');
    base64_put(out, both, sizeof both);
    if (out->failed)
        out->len = before;
    return buf_check(out, "a key", e);
}

/* Algorithm and public key from base64; 0 if it is neither of the two that we know. */
static uint8_t parse_material(const char *base64, struct note_key *k)
{
    uint8_t both[1 + SIGN_PUBLIC_BYTES];
    size_t len = 0;
    const char *end = NULL;
    size_t text_len = strnlen(base64, 2 * sizeof both);
    if (sodium_base642bin(both, sizeof both, base64, text_len, NULL, &len, &end,
                          sodium_base64_VARIANT_ORIGINAL) ||
        end != base64 + text_len || *end != '\0' || len != sizeof both ||
        (both[0] != NOTE_ALG_ED25519 && both[0] != NOTE_ALG_COSIGNATURE))
        return 0;
    memcpy(k->public_key, both + 1, SIGN_PUBLIC_BYTES);
    return both[0];
}

int note_key_parse(const char *text, struct note_key *out, bool *cosigner_out, struct err *e)
{
    struct note_key k = {0};
    uint8_t said[NOTE_ID_BYTES], id[NOTE_ID_BYTES];
    const char *plus = memchr(text, '+', strnlen(text, NOTE_NAME_MAX + 1));
    if (!plus || !note_name_is_good(text, (size_t)(plus - text)) ||
        strnlen(plus, 2 * NOTE_ID_BYTES + 3) < 2 * NOTE_ID_BYTES + 3 ||
        !hex_decode(plus + 1, 2 * NOTE_ID_BYTES, said, sizeof said) ||
        plus[2 * NOTE_ID_BYTES + 1] != '+')
        return err_set(e, ERR_USAGE, "not a key: expected <name>+<8 hex digits>+<base64>");
    memcpy(k.name, text, (size_t)(plus - text));
    uint8_t algorithm = parse_material(plus + 2 * NOTE_ID_BYTES + 2, &k);
    if (algorithm == 0)
        return err_set(e, ERR_USAGE, "the key '%s' is not an Ed25519 key", k.name);
    note_key_id(k.name, algorithm, k.public_key, id);
    if (memcmp(id, said, sizeof id) != 0)
        return err_set(e, ERR_USAGE, "the key '%s' does not fit its id: it was changed or cut",
                       k.name);
    *out = k;
    *cosigner_out = algorithm == NOTE_ALG_COSIGNATURE;
    return 0;
}
