/* SPDX-License-Identifier: Apache-2.0 */
/* A pretended clock, for tests alone: what clock_realtime_ns and clock_read
 * give from now on; NULL ends it. `r` is borrowed and may change meanwhile. */
#ifndef ABRI_BASE_CLOCK_TEST_H
#define ABRI_BASE_CLOCK_TEST_H

#include "base/clock.h"

void clock_pretend(const struct clock_reading *r);

#endif
