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

/* ---- upkeep_scrub.c ---------------------------------------------------------------------------- */

struct upkeep_damage {
    char text[1024]; /* the first few */
    uint64_t count;
    struct buf packs; /* ids of those that are named */
};
void upkeep_note_damage(void *damage, const char *object, const char *message); /* a vault_damage */
/* Verifies structure and a share of the packs, mends, and tells whom it touches. `d` has what was found before. */
MUST_CHECK int upkeep_scrub(struct server *s, const struct catalog_vault *about, struct vault *v,
                            struct upkeep_damage *d, unsigned share, struct err *e);

/* The policy in force becomes rules of the vault at once: when one is made, or a policy is set. */
MUST_CHECK int upkeep_rules(struct server *s, const uint8_t vault[UID_BYTES], struct err *e);
/* For requests that were agreed to. */
MUST_CHECK int upkeep_confirm_clock(struct server *s, const uint8_t vault[UID_BYTES], struct err *e);
/* In every vault, and then of the server; `what` says in how many. */
MUST_CHECK int upkeep_confirm_clocks(struct server *s, char *what, size_t cap, struct err *e);
/* Snapshots that `named` says yes to go to the trash; the floor, locks and holds hold. `what` says how many. */
/* What is held is so no longer; `what` says how many. */
MUST_CHECK int upkeep_release_named(struct server *s, const uint8_t vault[UID_BYTES],
                                    bool (*named)(const json_t *o, uint64_t sequence), const json_t *o,
                                    char *what, size_t cap, struct err *e);
MUST_CHECK int upkeep_forget_named(struct server *s, const uint8_t vault[UID_BYTES],
                                   bool (*named)(const json_t *o, uint64_t sequence), const json_t *o,
                                   char *what, size_t cap, struct err *e);

#endif
