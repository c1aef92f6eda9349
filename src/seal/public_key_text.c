/* SPDX-License-Identifier: Apache-2.0 */
/* A public key as text that people copy: hexadecimal, with a check so that a
 * mistyped key never becomes a recipient. */
#include "seal/seal_internal.h"

#include <stdio.h>
#include <string.h>

#define CHECK_BYTES 4u

static void check_of(const uint8_t public_key[32], uint8_t out[CHECK_BYTES])
{
    static const char purpose[] = "abri public key";
    uint8_t hash[HASH_BYTES];
    hash_two(purpose, strlen(purpose), public_key, 32, hash);
    memcpy(out, hash, CHECK_BYTES);
}

void public_key_format(const uint8_t public_key[32], char out[PUBLIC_KEY_TEXT_BYTES])
{
    uint8_t check[CHECK_BYTES];
    check_of(public_key, check);
    memcpy(out, PUBLIC_KEY_PREFIX, strlen(PUBLIC_KEY_PREFIX));
    hex_encode(public_key, 32, out + strlen(PUBLIC_KEY_PREFIX));
    hex_encode(check, CHECK_BYTES, out + strlen(PUBLIC_KEY_PREFIX) + 64);
}

int public_key_parse(const char *text, uint8_t out[32], struct err *e)
{
    static const char blanks[] = " \t\r\n";
    uint8_t key[32 + CHECK_BYTES], check[CHECK_BYTES];
    text += strspn(text, blanks);
    size_t len = strcspn(text, blanks), prefix = strlen(PUBLIC_KEY_PREFIX);
    if (text[len + strspn(text + len, blanks)] != '\0' || len <= prefix ||
        memcmp(text, PUBLIC_KEY_PREFIX, prefix) != 0)
        return err_set(e, ERR_USAGE, "'%.40s' is no public key: it begins with %s", text, PUBLIC_KEY_PREFIX);
    if (!hex_decode(text + prefix, len - prefix, key, sizeof key))
        return err_set(e, ERR_USAGE,
                       "a public key has %u digits behind '%s': this one has other characters, or "
                       "%zu",
                       2 * (32 + CHECK_BYTES), PUBLIC_KEY_PREFIX, len - prefix);
    check_of(key, check);
    if (memcmp(check, key + 32, CHECK_BYTES) != 0)
        return err_set(e, ERR_USAGE, "the public key is mistyped: its last digits do not fit");
    memcpy(out, key, 32);
    return 0;
}
