/* SPDX-License-Identifier: Apache-2.0 */
/* The objects `vault` and `keeper` as bytes. Pure; takes hostile input. */
#ifndef ABRI_VAULT_CONFIG_FORMAT_H
#define ABRI_VAULT_CONFIG_FORMAT_H

#include "vault/vault.h"

#define CONFIG_BYTES 200u
#define KEEPER_BYTES 76u

void config_encode(const struct vault_info *info, const struct sign_key *owner,
                   uint8_t out[static CONFIG_BYTES]);
/* Verifies the signature by the owner's key that the object itself names. */
MUST_CHECK int config_decode(const uint8_t *p, size_t len, struct vault_info *out, struct err *e);

void keeper_encode(const struct sign_key *keeper, uint8_t out[static KEEPER_BYTES]);
MUST_CHECK int keeper_decode(const uint8_t *p, size_t len, struct sign_key *out, struct err *e);

#endif
