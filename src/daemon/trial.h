/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots for trials (abrid --trial): servers whose clocks are moved at will, so that a year passes in a minute.
 * `abri selftest --attacks` starts such ones. What says so is the file <root>/trial, which is there before anything else
 * is: a root that has ever served in earnest can never become one, and one of these never serves in earnest.
 *
 *     clock wall +SECONDS   as if somebody had set the real clock (- : back)
 *     clock pass SECONDS    as if that time had passed, for all clocks
 *     clock boot            as if the machine had been started again
 *     upkeep                a round of upkeep begins; answers how many have ended
 *     rounds                how many have ended
 *
 * These are lines of the control socket (control.h), refused by all other servers.
 */
#ifndef ABRI_DAEMON_TRIAL_H
#define ABRI_DAEMON_TRIAL_H

#include "base/err.h"
#include "server/server.h"

/* Before the root is opened: `asked` for by --trial. Makes a new root one, sets the clocks to where they were;
 * ERR_USAGE if the root is of the other kind. */
MUST_CHECK int trial_begin(const char *root, bool asked, struct err *e);
/* Whether it is a line for trials; then its answer is in `out`, or the error. */
bool trial_knows(const char *line);
MUST_CHECK int trial_do(const char *root, struct server *s, const char *line, char *out, size_t cap, struct err *e);

#endif
