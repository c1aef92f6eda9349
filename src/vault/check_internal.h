/* SPDX-License-Identifier: Apache-2.0 */
/* A check under way. */
#ifndef ABRI_VAULT_CHECK_INTERNAL_H
#define ABRI_VAULT_CHECK_INTERNAL_H

#include "vault/condemned.h"
#include "vault/origins.h"
#include "vault/record_format.h"
#include "vault/vault_internal.h"

#define CHECK_NO_FOOTER UINT32_MAX

struct check {
    struct vault *vault;
    struct damage damage;
    struct vault_check_stats stats;
    uint32_t *frames_of; /* by number of the pack, or CHECK_NO_FOOTER */
    uint32_t pack_count;
    struct origins origins;
};

/* Whether the object `why` speaks of is gone because a collection removed it. */
bool check_was_collected(const struct check *c, uint32_t pack, const struct err *why);

/* Every record: structure, signatures, chains, references. */
MUST_CHECK int check_records(struct check *c, struct err *e);

#endif
