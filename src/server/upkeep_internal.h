/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of upkeep share: a vault that is being looked after. */
#ifndef ABRI_SERVER_UPKEEP_INTERNAL_H
#define ABRI_SERVER_UPKEEP_INTERNAL_H

#include "server/upkeep.h"

struct tending {
    struct server *s;
    const struct catalog_vault *about;
    struct store *store;
    struct vault *v;
    struct retention policy;
    struct policy_clock clock;
    bool frozen; /* by the server's own doubt */
    struct upkeep_damage damage;
};
/* Opens the vault apart, its policy in force as its rules; `about` is filled in. Done also where it failed. */
MUST_CHECK int tending_begin(struct tending *t, struct server *s, struct catalog_vault *about,
                             const uint8_t vault[UID_BYTES], struct err *e);
void tending_done(struct tending *t);
/* C2: what happens to a snapshot, in the log before it happens. */
MUST_CHECK int tending_record(struct tending *t, enum event_kind kind, const struct snapshot *s,
                              const char *text, struct err *e);
/* K2: under the floor, or locked, for as long as that was made for, in ticks. */
bool tending_is_protected(struct tending *t, const struct snapshot *s, int64_t floor_ns);
/* K2: it was in the trash for as long as that was made for, in ticks. */
bool tending_window_is_over(struct tending *t, const struct snapshot *s);
/* A vault_refused: a snapshot that was not forgotten after all. */
void tending_refused(void *tending, const struct snapshot *s, const char *why);

/* ---- upkeep_end.c: of a vault that is ending ---------------------------------------------------- */

/* Whatever nothing protects goes to the trash. The clock was judged, and is trusted. */
MUST_CHECK int upkeep_end_forget(struct tending *t, const struct snapshot_list *living, struct err *e);
/* When nothing is left that could be brought back, the log says that the vault is gone. Nothing is removed yet. */
MUST_CHECK int upkeep_end_close(struct tending *t, struct err *e);

#endif
