/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer's plan, shared by its two files. */
#ifndef ABRI_VAULT_TRANSFER_INTERNAL_H
#define ABRI_VAULT_TRANSFER_INTERNAL_H

#include "vault/transfer.h"

struct transfer_plan {
    uint32_t *whole, *parts; /* places in needs.packs */
    uint32_t whole_count, parts_count;
    uint64_t bytes;
};
void transfer_plan_done(struct transfer_plan *p);

/* Brings the packs of plan->whole; one that turns out damaged goes over to
 * plan->parts. */
MUST_CHECK int transfer_packs(struct transfer *t, struct transfer_plan *plan, struct err *e);

#endif
