/* SPDX-License-Identifier: Apache-2.0 */
/* How many snapshots a machine makes: more than expected is an alarm; many times more is refused, but never the one
 * of an hour. By the keeper's times alone, which a flood cannot move. */
#ifndef ABRI_SERVER_FLOODS_H
#define ABRI_SERVER_FLOODS_H

#include "server/retention.h"
#include "server/server_internal.h"

/* Whether one more may be received now; ERR_BUSY says when the next may. */
MUST_CHECK int flood_admit(struct server *s, const uint8_t machine[EVENT_ID_BYTES], const struct retention *policy,
                           int64_t now_ns, struct err *e);
/* Raises the alarm or ends it. */
void flood_watch(struct server *s, const struct catalog_identity *machine, const struct retention *policy,
                 int64_t now_ns);

/* The same, of the bytes that it uploaded today and yesterday (UTC), as far as the log has them. */
void flood_watch_bytes(struct server *s, const struct catalog_identity *machine, const struct retention *policy,
                       int64_t now_ns);
/* Whether a day is one that nobody expects: much, and ten times the mean of the 30 days before, or of as many as there were: in the
 * first week nothing is usual yet. */
bool flood_is_unusual(const struct catalog_uploaded *u, int64_t day);

#endif
