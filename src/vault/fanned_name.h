/* SPDX-License-Identifier: Apache-2.0 */
/* Names of objects that are many: "DIR/aa/<64 digits>", spread over directories by
 * the first two digits. */
#ifndef ABRI_VAULT_FANNED_NAME_H
#define ABRI_VAULT_FANNED_NAME_H

#include "vault/vault.h"

/* `dir` is a literal: with the slashes, both numbers, and NUL. */
#define FANNED_NAME_BYTES(dir) (sizeof(dir "/aa/") + 2 * (size_t)ID_BYTES)

/* `out` has room for FANNED_NAME_BYTES(dir). */
void fanned_name(const char *dir, const uint8_t id[static ID_BYTES], char *out);
/* False for anything but what fanned_name() writes. */
bool fanned_name_decode(const char *dir, const char *name, uint8_t id_out[static ID_BYTES]);

#endif
