/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at every few minutes, by the catalogue alone: machines that are silent or flood, certificates
 * and tokens that nobody uses, quotas, requests that are over. Raises alarms, and ends those whose cause is gone. */
#ifndef ABRI_SERVER_WATCH_H
#define ABRI_SERVER_WATCH_H

#include "server/server_internal.h"

void watch_all(struct server *s);
/* Without a snapshot for longer than its policy says. */
MUST_CHECK int watch_is_silent(struct server *s, const struct catalog_identity *machine, int64_t now_ns, bool *out,
                               struct err *e);

/* Why nothing protects a machine: "revoked" (until somebody has said that it is known: alarms.h), "never" made a snapshot, "silent".
 * NULL: it is protected, or a person, or nobody's concern any more. */
MUST_CHECK int watch_why_unprotected(struct server *s, const struct catalog_identity *i, int64_t now_ns, const char **out, struct err *e);

#endif
