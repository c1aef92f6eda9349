/* SPDX-License-Identifier: Apache-2.0 */
/* What `abri forget` decided, and how it is shown. */
#ifndef ABRI_CLI_FORGET_H
#define ABRI_CLI_FORGET_H

#include "cli/cli.h"

/* One snapshot that was decided about. */
struct fate {
    const struct snapshot *s;
    struct policy_decision d;
};

struct fates {
    struct fate *items; /* in the order of the list: oldest first */
    size_t count;
    struct policy_clock clock;
};

/* A table with every reason, or `decision` objects. */
MUST_CHECK int fates_show(struct cli *c, const struct fates *f, struct err *e);

#endif
