/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of parity: Reed-Solomon with a Cauchy matrix over GF(2^8), by
 * libisal. Shard numbers: 0 … data − 1, then parity rows. Pure; thread-safe.
 */
#ifndef ABRI_VAULT_PARITY_CODE_H
#define ABRI_VAULT_PARITY_CODE_H

#include "vault/parity_format.h"

/* Bytes of all check words. */
size_t parity_words_len(const struct parity_head *h);

/* CRC-32C (Castagnoli). Finds what rots, at memory speed; proves nothing. */
uint32_t parity_word(const uint8_t *p, size_t len);

/* A linear map from `data` shards to `rows` shards. Free with mem_free. */
struct parity_code;
/* To the parity rows. NULL without memory. */
struct parity_code *parity_code_new(uint32_t data, uint32_t rows);
/* From the data shards that are there, with the parity rows `use` in the places of
 * the `count` shards `lost`, to the lost ones. NULL without memory. */
struct parity_code *parity_code_mend(uint32_t data, const uint32_t *lost, const uint32_t *use,
                                     uint32_t count);
void parity_code_run(const struct parity_code *c, int len, uint8_t **from, uint8_t **to);

#endif
