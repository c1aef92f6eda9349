/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What retention is held against: the same rules applied to the true snapshots alone. Pure, but for memory.
 */
#ifndef ABRI_ATTACK_TRUTH_H
#define ABRI_ATTACK_TRUTH_H

#include "attack/world.h"

struct truth {
    struct policy_snapshot *all; /* the true ones, as received; `forgotten`: gone in the world without false ones, too */
    uint8_t (*ids)[ID_BYTES];
    uint8_t (*groups)[UID_BYTES];
    size_t count;
};
MUST_CHECK int truth_new(struct truth *t, struct err *e);
void truth_done(struct truth *t);
/* Takes those of `l` that are among the points and not known yet. */
void truth_learn(struct truth *t, const struct victim_point *points, size_t count, const struct snapshot_list *l);
/* The day ends there: what the rules and the floor do not keep is forgotten. */
MUST_CHECK int truth_end_of_day(struct truth *t, const struct policy_rules *rules, int64_t floor_ns, int64_t now_ns,
                                struct err *e);
/* How many that are kept there are not in `l`. */
size_t truth_lost(const struct truth *t, const struct snapshot_list *l);

#endif
