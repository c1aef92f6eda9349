/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a profile that go with a command: before, after, on-failure. */
#ifndef ABRI_CLI_HOOKS_H
#define ABRI_CLI_HOOKS_H

#include "cli/cli.h"

#define HOOK_KEYS                                                                                  \
    {"before", PROFILE_ARRAY}, {"after", PROFILE_ARRAY}, {"on-failure", PROFILE_ARRAY}

struct hooked {
    int (*work)(struct cli *c, void *arg, struct err *e);
    void *arg;
    const char *snapshot; /* filled by `work`, "" until then */
};

/*
 * Runs the work between `before` and `after` of the table, and `on-failure` if
 * something failed. A failing `before` stops it: ERR_IO. `after` runs whatever came
 * of the work; if it alone fails, that is ERR_INCOMPLETE. Their standard output is
 * our standard error; their environment is made for them and holds no secret.
 */
MUST_CHECK int hooks_around(struct cli *c, const char *table, const struct hooked *h,
                            struct err *e);

#endif
