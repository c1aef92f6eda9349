/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons as words for people, and as names for programs. Decides nothing. */
#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const why_names[] = {
    [POLICY_WHY_UNSET] = "unset", [POLICY_WHY_RULE] = "rule",    [POLICY_WHY_WITHIN] = "within",
    [POLICY_WHY_TAG] = "tag",     [POLICY_WHY_LOCK] = "lock",    [POLICY_WHY_HOLD] = "hold",
    [POLICY_WHY_DOUBT] = "doubt", [POLICY_WHY_FLOOR] = "floor",  [POLICY_WHY_FUTURE] = "future",
    [POLICY_WHY_CLOCK] = "clock", [POLICY_WHY_NO_RULE] = "none", [POLICY_WHY_TRASH] = "trash",
    [POLICY_WHY_NAMED] = "named",
};

const char *policy_why_name(enum policy_why why)
{
    return (size_t)why < sizeof why_names / sizeof *why_names ? why_names[why] : "unknown";
}

static void rule_text(const struct policy_reason *r, char *out)
{
    const char *oldest = r->oldest ? "oldest, " : "";
    const char *grain = policy_grain_name(r->grain);
    if (r->of == POLICY_UNLIMITED)
        (void)snprintf(out, POLICY_TEXT_BYTES, "%s%s %" PRIu64, oldest, grain, r->number);
    else
        (void)snprintf(out, POLICY_TEXT_BYTES, "%s%s %" PRIu64 " of %" PRIu64, oldest, grain,
                       r->number, r->of);
}

static void within_text(const struct policy_reason *r, char *out)
{
    char span[POLICY_SPAN_TEXT_BYTES];
    policy_span_text(&r->span, span);
    if (r->grain == POLICY_EACH)
        (void)snprintf(out, POLICY_TEXT_BYTES, "within %s", span);
    else
        (void)snprintf(out, POLICY_TEXT_BYTES, "%s%s within %s", r->oldest ? "oldest, " : "",
                       policy_grain_name(r->grain), span);
}

void policy_reason_text(const struct policy_reason *r, const struct policy_clock *clock,
                        char out[POLICY_TEXT_BYTES])
{
    char until[CALENDAR_TEXT_BYTES], length[CALENDAR_TEXT_BYTES], why[POLICY_TEXT_BYTES];
    calendar_text(r->until_ns, until);
    calendar_length_text(r->length_ns, length);
    switch (r->why) {
    case POLICY_WHY_RULE: rule_text(r, out); return;
    case POLICY_WHY_WITHIN: within_text(r, out); return;
    case POLICY_WHY_TAG: (void)snprintf(out, POLICY_TEXT_BYTES, "tag '%s'", r->text); return;
    case POLICY_WHY_LOCK: (void)snprintf(out, POLICY_TEXT_BYTES, "locked until %s", until); return;
    case POLICY_WHY_HOLD: (void)snprintf(out, POLICY_TEXT_BYTES, "held: %s", r->text); return;
    case POLICY_WHY_DOUBT:
        (void)snprintf(out, POLICY_TEXT_BYTES, "a mark of it cannot be read");
        return;
    case POLICY_WHY_FLOOR:
        (void)snprintf(out, POLICY_TEXT_BYTES, "younger than the floor of %s, until %s", length,
                       until);
        return;
    case POLICY_WHY_FUTURE:
        (void)snprintf(out, POLICY_TEXT_BYTES, "received later than now, by the clock");
        return;
    case POLICY_WHY_CLOCK:
        policy_clock_text(clock, why);
        (void)snprintf(out, POLICY_TEXT_BYTES, "the clock is not trusted: %.1200s", why);
        return;
    case POLICY_WHY_NO_RULE: (void)snprintf(out, POLICY_TEXT_BYTES, "no rule keeps it"); return;
    case POLICY_WHY_NAMED: (void)snprintf(out, POLICY_TEXT_BYTES, "named"); return;
    case POLICY_WHY_TRASH: (void)snprintf(out, POLICY_TEXT_BYTES, "in the trash already"); return;
    case POLICY_WHY_UNSET: break;
    }
    (void)snprintf(out, POLICY_TEXT_BYTES, "(no reason)");
}
