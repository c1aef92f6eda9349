/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of abrid, and what is written about it: --help and the man page, from one text. */
#ifndef ABRI_DAEMON_OPTIONS_H
#define ABRI_DAEMON_OPTIONS_H

#include "daemon/settings.h"

struct options {
    struct settings said;
    const char *config; /* NULL: not said */
    bool check_config, new_owner_token, help, version, manual;
};

MUST_CHECK int options_parse(int argc, char **argv, struct options *out, struct err *e);
void options_done(struct options *o);
void options_help(FILE *f);
void options_manual(FILE *f); /* abrid(8), in the macros of man(7) */

#endif
