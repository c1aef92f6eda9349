/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of the whole server, watched while it runs and over restarts (policy/guard.c). In doubt nothing is forgotten
 * or freed in any vault, until two people have confirmed the clock. Any thread.
 */
#ifndef ABRI_SERVER_CLOCK_GUARD_H
#define ABRI_SERVER_CLOCK_GUARD_H

#include "policy/policy.h"
#include "server/server_internal.h"

/* ticks.c: the file */
void ticks_encode(const struct policy_guard *g, struct buf *out);
bool ticks_decode(const uint8_t *p, size_t len, struct policy_guard *out);
/* ERR_NOT_FOUND; ERR_DAMAGED. From an earlier version come ticks alone: no runs. */
MUST_CHECK int ticks_load(const struct server *s, struct policy_guard *out, struct err *e);
MUST_CHECK int ticks_store(const struct server *s, const struct policy_guard *g, struct err *e);

/* clock_guard.c. With log and catalogue open: looks for the first time. */
MUST_CHECK int clock_guard_open(struct server *s, struct err *e);
void clock_guard_close(struct server *s);
/* Looks again, keeps what it saw; new doubt is an alarm and an entry of the log. Whether the clock is trusted. */
bool clock_guard_look(struct server *s);
/* Two people say that it is right. */
MUST_CHECK int clock_guard_confirm(struct server *s, struct err *e);
/* Whether what began at `since_ns` by the clock has lasted so long, in ticks. */
bool clock_guard_has_lasted(struct server *s, int64_t since_ns, int64_t length_ns);
void clock_guard_verdict(struct server *s, struct policy_clock *out);

#endif
