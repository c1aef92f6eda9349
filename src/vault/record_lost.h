/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are damaged or missing, as far as parity still tells of them. */
#ifndef ABRI_VAULT_RECORD_LOST_H
#define ABRI_VAULT_RECORD_LOST_H

#include "vault/record_read.h"

/* The sequences above l->above that are missing although nobody removed them;
 * ascending. `there`: what record_list has found above the same; only what is not in
 * it is looked for. */
MUST_CHECK int records_lost(struct vault *v, const struct sequences *there, struct sequences *l,
                            struct err *e);
/* record_read; of one that is damaged or missing, what its parity leads to. Writes
 * nothing. */
MUST_CHECK int record_read_mended(struct vault *v, uint64_t sequence, struct record *r,
                                  struct err *e);

#endif
