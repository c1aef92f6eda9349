/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: what no one person may do. A request is made, waits, is agreed to by somebody else with another role, and
 * where the tenant asks for it is signed by the tenant; then upkeep carries it out.
 */
#ifndef ABRI_SERVER_REQUESTS_H
#define ABRI_SERVER_REQUESTS_H

#include "server/retention.h"
#include "server/server_internal.h"

/* The kinds. */
#define REQUEST_POLICY "policy" /* a policy that keeps less: of `tenant` or `vault`; text: {"policy":{…}} */
#define REQUEST_FORGET "forget" /* snapshots of `vault` go to the trash, though rules keep them: {"sequences":[…]} */
#define REQUEST_RELEASE "release" /* what is held in `vault` is so no longer: {"sequences":[…]} */
#define REQUEST_DELETE "delete" /* all of `vault`, and then itself: {"reason":"…"}, or {} */
#define REQUEST_CLOCK  "clock"  /* the clock is right; waits for nothing */

enum request_state {
    REQUEST_UNSET = 0,
    REQUEST_OVER,      /* carried out, or cancelled */
    REQUEST_ALONE,     /* nobody else has agreed */
    REQUEST_UNSIGNED,  /* the tenant's signature is missing */
    REQUEST_WAITING,   /* for its time */
    REQUEST_READY
};
/* What it still needs. `policy` is the one in force for what it is about. */
enum request_state request_state(struct server *s, const struct catalog_request *r,
                                 const struct retention *policy);
const char *request_state_name(enum request_state st);
/* The policy in force for it. */
MUST_CHECK int request_policy(struct server *s, const struct catalog_request *r,
                              struct retention *out, struct err *e);
/* Whether it could be carried out as it is written: ERR_USAGE says why not. */
MUST_CHECK int request_check(struct server *s, const struct catalog_request *r, struct err *e);
/* What a tenant signs (sign_make, context "request"): id, kind, text. */
void request_message(const struct catalog_request *r, struct buf *out);
/* The alarm that told of it ends. */
void request_is_over(struct server *s, const struct catalog_request *r, const char *why);
/* Carries out all that are ready. */
void requests_execute(struct server *s);

#endif
