/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads fanned names. Knows no kind of object. */
#include "vault/fanned_name.h"

#include "base/bytes.h"

#include <string.h>

#define DIGITS (2 * (size_t)ID_BYTES)

void fanned_name(const char *dir, const uint8_t id[static ID_BYTES], char *out)
{
    size_t at = strlen(dir);
    memcpy(out, dir, at);
    out[at] = '/';
    hex_encode(id, 1, out + at + 1);
    out[at + 3] = '/';
    hex_encode(id, ID_BYTES, out + at + 4);
}

bool fanned_name_decode(const char *dir, const char *name, uint8_t id_out[static ID_BYTES])
{
    size_t at = strlen(dir);
    uint8_t id[ID_BYTES];
    char fan[3];
    if (strlen(name) != at + 4 + DIGITS || memcmp(name, dir, at) != 0 || name[at] != '/' ||
        name[at + 3] != '/' || !hex_decode(name + at + 4, DIGITS, id, ID_BYTES))
        return false;
    hex_encode(id, 1, fan);
    if (memcmp(name + at + 1, fan, 2) != 0)
        return false;
    memcpy(id_out, id, ID_BYTES);
    return true;
}
