/* SPDX-License-Identifier: Apache-2.0 */
#include "http/pace.h"

int64_t pace_await(struct pace *p, int64_t now_ms, uint32_t stretch_ms)
{
    if (!p->since_ms)
        *p = (struct pace){.since_ms = now_ms};
    return p->since_ms + stretch_ms;
}

void pace_rest(struct pace *p)
{
    *p = (struct pace){0};
}

enum pace_verdict pace_judge(struct pace *p, int64_t now_ms, uint32_t stretch_ms, uint32_t bytes,
                             int64_t *since_out)
{
    if (!p->since_ms || now_ms - p->since_ms < stretch_ms)
        return PACE_EARLY;
    /* A loop that was held up looks late: what moved is held against the time that one was asked for. */
    enum pace_verdict v = p->moved < bytes ? PACE_SLOW : PACE_KEPT;
    *since_out = p->since_ms;
    *p = (struct pace){.since_ms = now_ms};
    return v;
}
