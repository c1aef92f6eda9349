/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a vault now and then. The vault is opened apart, so that nobody who backs up
 * or restores waits for it. */
#ifndef ABRI_SERVER_UPKEEP_H
#define ABRI_SERVER_UPKEEP_H

#include "server/retention.h"
#include "server/server_internal.h"

/* The policy in force: the vault's own, or its tenant's, or the default. */
MUST_CHECK int upkeep_policy(struct server *s, const struct catalog_vault *v,
                             struct retention *out, struct err *e);
/* Rules, forgetting, collecting, and a share of the scrub: 0 … 6 of a week, or UPKEEP_SHARES for all. */
MUST_CHECK int upkeep_vault(struct server *s, const struct catalog_vault *v, unsigned share,
                            struct err *e);
#define UPKEEP_SHARES 7u

#endif
