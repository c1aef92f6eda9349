/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed keys, and breaking an object byte by byte. */
#ifndef ABRI_TESTS_SEAL_FIXTURE_H
#define ABRI_TESTS_SEAL_FIXTURE_H

#include "seal/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

extern const uint8_t fixture_vault[SEAL_UID_BYTES];
extern const uint8_t fixture_id_key[SEAL_KEY_BYTES];

/* Bytes first, first + 1, … */
void fixture_run(uint8_t first, uint8_t *out, size_t len);
/* Fixed ones, equal to those behind known.c. Free with the functions of seal. */
struct vault_secrets *fixture_secrets(void);
struct recovery_key *fixture_recovery(void);
struct data_key *fixture_data_key(void);
struct writer_key *fixture_writer(void);
void fixture_owner(uint8_t public_key_out[SIGN_PUBLIC_BYTES]);
struct recipients fixture_recipients(const struct recovery_key *k);

/* Calls `open` for the object with every single byte changed, and for every
 * proper beginning of it. It must fail each time, with one of these classes:
 * ERR_DAMAGED, ERR_NEWER (in the version alone), or `also`. */
typedef int fixture_open(void *arg, const void *p, size_t len, struct err *e);
void fixture_refuses_changes(const struct buf *object, enum err_class also, fixture_open *open,
                             void *arg);

int fixture_setup(void **state); /* sign_init */

#endif
