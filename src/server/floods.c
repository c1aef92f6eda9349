/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L1 Nothing that a flood does removes or hides what was there before (policy, M1); here it is only told of, and slowed.
 * L2 Whatever was received before, one snapshot an hour always is: a limit never ends protection.
 * L3 Times in the future (a clock was set back) do not count.
 */
#include "server/floods.h"

#include "base/clock.h"
#include "server/alarms.h"

#include <inttypes.h>

#define HOUR_NS (INT64_C(3600) * NS_PER_S)
#define DAY_NS  (24 * HOUR_NS)

/* Whether the n-th newest (from 1) was received since `since`. */
static bool had(struct server *s, const uint8_t *machine, uint64_t n, int64_t since_ns, int64_t now_ns)
{
    int64_t received;
    return n && catalog_earlier_snapshot(s->catalog, machine, now_ns, n - 1, &received, NULL) == 0 && /* L3 */
           received > since_ns;
}

int flood_admit(struct server *s, const uint8_t machine[EVENT_ID_BYTES], const struct retention *policy,
                int64_t now_ns, struct err *e)
{
    char text[CLOCK_TEXT_BYTES];
    int64_t newest = 0;
    uint64_t limit = retention_snapshots_limit(policy);
    if (limit == POLICY_UNLIMITED || !had(s, machine, limit, now_ns - DAY_NS, now_ns) ||
        !had(s, machine, 1, now_ns - HOUR_NS, now_ns) || /* L2 */
        catalog_earlier_snapshot(s->catalog, machine, now_ns, 0, &newest, NULL))
        return 0;
    clock_format_utc(newest + HOUR_NS, text);
    return err_set(e, ERR_BUSY,
                   "this machine made %llu snapshots in 24 hours, which is all that its policy allows (snapshots_limit): "
                   "one an hour is taken until they are fewer, the next after %s",
                   (unsigned long long)limit, text);
}

void flood_watch(struct server *s, const struct catalog_identity *machine, const struct retention *policy,
                 int64_t now_ns)
{
    const struct alarm_cause c = {.name = ALARM_FLOOD, .tenant = machine->tenant, .id = machine->id};
    uint64_t expected = policy->snapshots_a_day;
    if (expected && expected != POLICY_UNLIMITED && had(s, machine->id, expected + 1, now_ns - DAY_NS, now_ns))
        alarm_raise(s, &c, ALARM_ONCE, "%s: more than %llu snapshots in 24 hours. Earlier ones stay as they are",
                    machine->name, (unsigned long long)expected);
    else
        alarm_over(s, &c, "no more than expected in the last 24 hours");
}

/* ---- bytes ------------------------------------------------------------------------------------ */

#define USUAL_DAYS 30
#define FIRST_DAYS 7
#define MUCH       (UINT64_C(10) << 30)

bool flood_is_unusual(const struct catalog_uploaded *u, int64_t day)
{
    int64_t days = day - u->first < USUAL_DAYS ? day - u->first : USUAL_DAYS;
    return u->bytes > MUCH && days >= FIRST_DAYS && u->bytes / 10 > u->before / (uint64_t)days;
}

/* Whether the alarm was raised for that day. */
static bool watch_day(struct server *s, const struct alarm_cause *c, const struct catalog_identity *machine,
                      const struct retention *policy, int64_t day)
{
    struct catalog_uploaded u;
    char text[CLOCK_TEXT_BYTES];
    if (catalog_uploaded(s->catalog, machine->id, day, &u, NULL))
        return false;
    bool above = u.bytes > policy->bytes_a_day, unusual = flood_is_unusual(&u, day);
    if (!above && !unusual)
        return false;
    clock_format_utc(day * DAY_NS, text);
    if (above)
        alarm_raise(s, c, ALARM_ONCE, "%s: %" PRIu64 " bytes uploaded on %.10s, its policy expects no more than %" PRIu64 ". They were taken",
                    machine->name, u.bytes, text, policy->bytes_a_day);
    else
        alarm_raise(s, c, ALARM_ONCE, "%s: %" PRIu64 " bytes uploaded on %.10s, more than ten times what is usual. They were taken",
                    machine->name, u.bytes, text);
    return true;
}

void flood_watch_bytes(struct server *s, const struct catalog_identity *machine, const struct retention *policy,
                       int64_t now_ns)
{
    const struct alarm_cause c = {.name = ALARM_BYTES, .tenant = machine->tenant, .id = machine->id};
    int64_t today = now_ns / DAY_NS;
    if (policy->bytes_silent || (!watch_day(s, &c, machine, policy, today) && !watch_day(s, &c, machine, policy, today - 1)))
        alarm_over(s, &c, "no more than expected, today and yesterday");
}
