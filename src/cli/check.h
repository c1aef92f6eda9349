/* SPDX-License-Identifier: Apache-2.0 */
/* What `check` and `repair` share. */
#ifndef ABRI_CLI_CHECK_H
#define ABRI_CLI_CHECK_H

#include "cli/cli.h"

/* With all events told as they come. */
struct check_options check_options_of(struct cli *c);
/* `from`: a replica to take from what cannot be mended otherwise; NULL: none. */
MUST_CHECK int check_mend(struct cli *c, const char *from, const struct check_options *o,
                          struct vault_repair_result *out, struct err *e);
MUST_CHECK int check_look(struct cli *c, struct access *access, const struct check_options *o,
                          struct check_result *out, struct err *e);
/* `m`: NULL if nothing was to be mended. */
void check_tell(struct cli *c, const struct check_result *r, const struct check_options *o,
                const struct vault_repair_result *m);
/* ERR_DAMAGED if damage is left. */
MUST_CHECK int check_verdict(const struct check_result *r, struct err *e);

#endif
