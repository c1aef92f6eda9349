/* SPDX-License-Identifier: Apache-2.0 */
/* A check under way. */
#ifndef ABRI_VAULT_CHECK_INTERNAL_H
#define ABRI_VAULT_CHECK_INTERNAL_H

#include "vault/condemned.h"
#include "vault/origins.h"
#include "vault/record_read.h"
#include "vault/vault_internal.h"

#define CHECK_NO_FOOTER UINT32_MAX
#define CHECK_NAMES_MAX ((size_t)1 << 30)

struct check {
    struct vault *vault;
    struct damage damage;
    struct vault_check_stats stats;
    uint32_t *frames_of; /* by number of the pack, or CHECK_NO_FOOTER */
    uint32_t pack_count;
    bool *looked_at; /* the same */
    struct origins origins;
    struct sequences records; /* that are checked */
};

/* Every record: structure, signatures, chains, references. */
MUST_CHECK int check_records(struct check *c, struct err *e);
/* Parity of what is no pack: whole, and beside its object. */
MUST_CHECK int check_parity(struct check *c, struct err *e);

#endif
