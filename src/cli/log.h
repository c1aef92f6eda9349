/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `abri log` share. */
#ifndef ABRI_CLI_LOG_H
#define ABRI_CLI_LOG_H

#include "cli/admin.h"

/* One line: `before`, time, kind, members. */
void log_say_event(struct cli *c, const char *before, json_t *event);
/* The number of an entry. */
MUST_CHECK int log_parse_index(const char *option, const char *text, uint64_t *out, struct err *e);

#endif
