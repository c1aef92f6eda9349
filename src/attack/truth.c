/* SPDX-License-Identifier: Apache-2.0 */
/* A world without the false snapshots: which of the true ones its rules would have kept, day by day. */
#include "attack/truth.h"

#include "base/mem.h"

#include <string.h>

void truth_done(struct truth *t)
{
    mem_free(t->all);
    mem_free(t->ids);
    mem_free(t->groups);
}

int truth_new(struct truth *t, struct err *e)
{
    t->all = mem_array(VICTIM_MAX, sizeof *t->all);
    t->ids = mem_array(VICTIM_MAX, sizeof *t->ids);
    t->groups = mem_array(VICTIM_MAX, sizeof *t->groups);
    return t->all && t->ids && t->groups ? 0 : err_no_memory(e, "snapshots");
}

static bool is_true(const struct victim_point *points, size_t count, const uint8_t id[ID_BYTES])
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(points[i].id, id, ID_BYTES) == 0)
            return true;
    return false;
}

static bool knows(const struct truth *t, const uint8_t id[ID_BYTES])
{
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(t->ids[i], id, ID_BYTES) == 0)
            return true;
    return false;
}

void truth_learn(struct truth *t, const struct victim_point *points, size_t count, const struct snapshot_list *l)
{
    for (size_t i = 0; i < l->count && t->count < VICTIM_MAX; i++) {
        const struct snapshot *s = &l->items[i];
        if (!is_true(points, count, s->id) || knows(t, s->id))
            continue;
        memcpy(t->ids[t->count], s->id, ID_BYTES);
        memcpy(t->groups[t->count], s->group, UID_BYTES);
        t->all[t->count] = (struct policy_snapshot){.sequence = s->seq, .received_ns = s->received_ns, .dated_ns = s->dated_ns,
                                                    .group = t->groups[t->count], .machine = "web"};
        t->count++;
    }
}

int truth_end_of_day(struct truth *t, const struct policy_rules *rules, int64_t floor_ns, int64_t now_ns, struct err *e)
{
    CLEANUP_FREE struct policy_decision *d = mem_array(t->count + 1, sizeof *d);
    const struct policy_clock clock = {.why = POLICY_CLOCK_TRUSTED, .now_ns = now_ns};
    const struct policy_question q = {.snapshots = t->all, .count = t->count, .rules = rules, .floor_ns = floor_ns,
                                      .clock = &clock};
    if (!d)
        return err_no_memory(e, "deciding what is kept");
    if (policy_decide(&q, d, e))
        return -1;
    for (size_t i = 0; i < t->count; i++)
        t->all[i].forgotten |= !d[i].keep;
    return 0;
}

size_t truth_lost(const struct truth *t, const struct snapshot_list *l)
{
    size_t missing = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool here = t->all[i].forgotten;
        for (size_t k = 0; k < l->count && !here; k++)
            here = memcmp(l->items[k].id, t->ids[i], ID_BYTES) == 0;
        missing += !here;
    }
    return missing;
}
