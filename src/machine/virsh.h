/* SPDX-License-Identifier: Apache-2.0 */
/* Asking virsh. */
#ifndef ABRI_MACHINE_VIRSH_H
#define ABRI_MACHINE_VIRSH_H

#include "base/bytes.h"
#include "base/err.h"

/* Runs `virsh -q [-c connection] ARG…` to its end (the list ends with NULL) and appends what it
 * printed to `out` (may be NULL). -1: what it said on standard error is the message. */
MUST_CHECK int virsh_ask(const char *connection, struct buf *out, struct err *e, ...);

#endif
