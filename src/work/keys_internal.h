/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs on keys share. */
#ifndef ABRI_WORK_KEYS_INTERNAL_H
#define ABRI_WORK_KEYS_INTERNAL_H

#include "work/keys.h"

/* Puts `k` wrapped by a passphrase, under a new name. */
MUST_CHECK int keys_wrap(struct access *a, const struct recovery_key *k,
                         const struct new_passphrase *p, char name_out[KEY_NAME_BYTES],
                         struct err *e);

#endif
