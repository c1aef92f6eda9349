/* SPDX-License-Identifier: Apache-2.0 */
/* A copy under way: copy.c brings snapshots, copy_objects.c what opens them. */
#ifndef ABRI_VAULT_COPY_INTERNAL_H
#define ABRI_VAULT_COPY_INTERNAL_H

#include "vault/vault_internal.h"

/* Brings certificates, lists of recipients, wrapped keys and sessions' keys that `to`
 * lacks; counts them in `brought`. With dry_run nothing is written, only that the
 * lists agree is seen to. ERR_USAGE if the lists of recipients have parted. */
MUST_CHECK int copy_objects(struct vault *from, struct vault *to, bool dry_run, struct damage *d,
                            uint64_t *brought, struct err *e);
/* Certificates and sessions' keys alone, and only those of which `to` has nothing: lost
 * ones. Whom the vault is sealed for stays as it is. */
MUST_CHECK int copy_missing(struct vault *from, struct vault *to, struct damage *d,
                            uint64_t *brought, struct err *e);
/* Writers that `from` refuses and `to` does not. */
MUST_CHECK int copy_revoked(struct vault *from, struct vault *to, uint64_t *count_out,
                            struct err *e);

#endif
