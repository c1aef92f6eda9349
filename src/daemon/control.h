/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, <root>/control: one line in, one line out.
 *
 *     new-owner-token   →   ok abri enrol https://… abri-…   |   error <exit status> <message>
 *     clock …, upkeep, rounds: of a server for trials alone (trial.h)
 *
 * For root and for the user who runs abrid: the socket has mode 0600, and the kernel is asked who calls.
 */
#ifndef ABRI_DAEMON_CONTROL_H
#define ABRI_DAEMON_CONTROL_H

#include "base/err.h"
#include "daemon/local.h"

#define CONTROL_LINE_MAX 1024

/* Makes a token and writes the command that uses it, at most CONTROL_LINE_MAX bytes. Any thread. */
typedef int control_token(void *arg, char *out, size_t cap, struct err *e);
/* A line of trial.h; NULL for a server that is in earnest. */
typedef int control_trial(void *arg, const char *line, char *out, size_t cap, struct err *e);
MUST_CHECK int control_open(const char *root, control_token *token, control_trial *trial, void *arg, struct local_door **out,
                            struct err *e);
void control_remove(const char *root); /* after the door was closed */
/* Asks the abrid that serves `root`; prints nothing. */
MUST_CHECK int control_ask_token(const char *root, char *out, size_t cap, struct err *e);

#endif
