/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmp: the control socket of a QEMU (docs/interop/qmp-spec of QEMU). One command at a time; events
 * that come meanwhile wait in order. What QEMU says is bounded, for a guest may have taken it over.
 */
#ifndef ABRI_MACHINE_QMP_H
#define ABRI_MACHINE_QMP_H

#include "base/err.h"

#include <jansson.h>

#define QMP_LINE_MAX   ((size_t)1 << 20)
#define QMP_EVENTS_MAX 256u

struct qmp;
/* Connects and greets. ERR_OFFLINE if nobody answers within `timeout_ms`. */
MUST_CHECK int qmp_open(const char *socket, int timeout_ms, struct qmp **out, struct err *e);
void qmp_close(struct qmp *q); /* NULL is fine */
/* Runs a command; takes over `arguments` (NULL: none). *reply_out (may be NULL) is what it
 * returned, to be json_decref'd. ERR_OFFLINE if QEMU went away; ERR_IO with what it says if it
 * refuses. */
MUST_CHECK int qmp_do(struct qmp *q, const char *command, json_t *arguments, json_t **reply_out,
                      struct err *e);
/* 1 and the next event ({"event": NAME, "data": …}), to be json_decref'd; 0 if none came in time.
 */
MUST_CHECK int qmp_event(struct qmp *q, int timeout_ms, json_t **out, struct err *e);

#endif
