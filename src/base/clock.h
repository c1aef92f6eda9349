/* SPDX-License-Identifier: Apache-2.0 */
/* Time, in nanoseconds; dates as people write them. */
#ifndef ABRI_BASE_CLOCK_H
#define ABRI_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)

int64_t clock_realtime_ns(void);
int64_t clock_monotonic_ns(void);
/* Since the machine was started, suspended or not: what hours are counted by. */
int64_t clock_running_ns(void);

#define CLOCK_BOOT_BYTES 16
/* One look at the machine's clocks, for judging whether the first tells the truth. */
struct clock_reading {
    int64_t realtime_ns;
    int64_t boottime_ns; /* since the machine was started, suspended or not */
    uint8_t boot_id[CLOCK_BOOT_BYTES]; /* differs from start to start; zeros: unknown */
};
void clock_read(struct clock_reading *out);

/* How far the clocks that this process sees are from those of the machine. Set by two alone: a server of trials
 * (abrid --trial), whose root is good for nothing else, and the attacks of `abri selftest`, which need a year in a
 * minute. clock_monotonic_ns does not move: what waits for seconds waits for real ones. */
struct clock_shift {
    int64_t wall_ns;   /* as if somebody had set the real clock */
    int64_t passed_ns; /* as if time had passed: for the real clock and the one since the start */
    uint32_t boots;    /* as if the machine had been started so often since */
};
void clock_set_shift(const struct clock_shift *s); /* any thread; copied */
struct clock_shift clock_get_shift(void);

#define CLOCK_TEXT_BYTES 32
/* "2026-11-21 21:26:16", local time. */
void clock_format(int64_t ns, char out[CLOCK_TEXT_BYTES]);
/* "2026-11-21T21:26:16.123456789Z" (nanoseconds), for machines. */
void clock_format_utc(int64_t ns, char out[CLOCK_TEXT_BYTES]);
/* Reads "2026-11-21", "2026-11-21 21:26", with seconds or a fraction of them, ' ' or 'T' between,
 * as local time, or UTC with a final 'Z'. *ns_out is the last nanosecond that
 * the text includes, so that "the newest at or before" means what it says. */
bool clock_parse(const char *text, int64_t *ns_out);

#endif
