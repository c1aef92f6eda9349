/* SPDX-License-Identifier: Apache-2.0 */
/* Whether rules make sense together. Decides about no snapshot. */
#include "policy/policy_internal.h"

static const char *const grain_names[POLICY_GRAINS] = {
    [POLICY_EACH] = "last",     [POLICY_HOURLY] = "hourly",   [POLICY_DAILY] = "daily",
    [POLICY_WEEKLY] = "weekly", [POLICY_MONTHLY] = "monthly", [POLICY_YEARLY] = "yearly",
};

const char *policy_grain_name(enum policy_grain g)
{
    return (unsigned)g < POLICY_GRAINS ? grain_names[g] : "unknown";
}

/* "keep-within", "keep-within-daily" */
static const char *dash(enum policy_grain g)
{
    return g == POLICY_EACH ? "" : "-";
}

static const char *behind_within(enum policy_grain g)
{
    return g == POLICY_EACH ? "" : grain_names[g];
}

/* Rule `g` keeps all that rule `h`, of coarser grain, could keep. */
static bool swallows(const struct policy_rules *r, enum policy_grain g, enum policy_grain h)
{
    return r->keep[g] == POLICY_UNLIMITED && r->keep[h] > 0;
}

static bool swallows_within(const struct policy_rules *r, enum policy_grain g, enum policy_grain h)
{
    const struct policy_span *a = &r->within[g], *b = &r->within[h];
    return !policy_span_is_zero(a) && !policy_span_is_zero(b) &&
           policy_span_longest_ns(b) <= policy_span_longest_ns(a);
}

static int check_pair(const struct policy_rules *r, enum policy_grain g, enum policy_grain h,
                      struct err *e)
{
    if (swallows(r, g, h))
        return err_set(e, ERR_USAGE,
                       "the rules contradict each other: keep-%s unlimited keeps all that keep-%s "
                       "would; give one of them",
                       grain_names[g], grain_names[h]);
    if (swallows_within(r, g, h))
        return err_set(e, ERR_USAGE,
                       "the rules contradict each other: keep-within%s%s reaches as far back as "
                       "keep-within%s%s and keeps more; give the coarser one a longer time",
                       dash(g), behind_within(g), dash(h), behind_within(h));
    return 0;
}

int policy_rules_check(const struct policy_rules *r, struct err *e)
{
    bool any = r->tag_count > 0;
    for (int g = 0; g < POLICY_GRAINS; g++)
        any = any || r->keep[g] || !policy_span_is_zero(&r->within[g]);
    if (!any)
        return err_set(
            e, ERR_USAGE,
            "no rule says what to keep: give some, such as --keep-daily 7 --keep-weekly 5");
    for (size_t i = 0; i < r->tag_count; i++)
        if (!*r->tags[i])
            return err_set(e, ERR_USAGE, "keep-tag needs the name of a tag");
    for (int g = 0; g < POLICY_GRAINS; g++)
        for (int h = g + 1; h < POLICY_GRAINS; h++)
            if (check_pair(r, (enum policy_grain)g, (enum policy_grain)h, e))
                return -1;
    return 0;
}
