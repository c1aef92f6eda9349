/* SPDX-License-Identifier: Apache-2.0 */
/* Events of every kind, made by rule: all fields that a kind may have, or only those that it needs. */
#ifndef ABRI_TESTS_SERVER_SAMPLE_H
#define ABRI_TESTS_SERVER_SAMPLE_H

#include "server/event_internal.h"

/* Sets one field to a value of its type that tells it from others. */
void sample_field(struct event *ev, enum field f);
/* What the field is when nobody set it. */
void sample_clear(struct event *ev, enum field f);
struct event sample_event(enum event_kind k, bool whole);

#endif
