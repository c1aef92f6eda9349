/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar of UTC, shared by the files of this room. */
#ifndef ABRI_POLICY_INTERNAL_H
#define ABRI_POLICY_INTERNAL_H

#include "policy/policy.h"

/* Which hour, day, week, month or year a time lies in: equal for times of the
 * same one, ascending with time. */
int64_t calendar_bucket(enum policy_grain g, int64_t ns);

#define CALENDAR_TEXT_BYTES 48
/* "2026-11-21 21:26:16 UTC" */
void calendar_text(int64_t ns, char out[CALENDAR_TEXT_BYTES]);
/* "12 s", "5 min", "3 h", "36 h", "12 days": rounded down, never negative. */
void calendar_length_text(int64_t ns, char out[CALENDAR_TEXT_BYTES]);

/* ns + more, at the ends of time where it leaves them. */
int64_t calendar_add(int64_t ns, int64_t more);

#endif
