/* SPDX-License-Identifier: Apache-2.0 */
/* manual: documents made from the tables of cli. Each function writes one file. */
#ifndef ABRI_MANUAL_MANUAL_H
#define ABRI_MANUAL_MANUAL_H

#include "cli/cli.h"

#include <stdio.h>

/* What is completed behind an option or as a word. */
enum manual_value {
    MANUAL_NOTHING = 1, /* anybody's guess: a number, a date, a tag */
    MANUAL_PATH,
    MANUAL_DIR,
    MANUAL_WORDS /* the option's own */
};
enum manual_value manual_value_of(const struct option_spec *o);
enum manual_value manual_operand_of(const struct command *cmd);
/* Whether the option has a name that switches it off, and that. NULL: of every command. */
bool manual_off_name(const struct command *cmd, const struct option_spec *o,
                     char out[OPTION_NAME_MAX]);
#define MANUAL_OFF_HELP "whatever the profile says: not --" /* and the option's name */

void man_overview(FILE *f);
void man_command(FILE *f, const struct command *cmd);
void bash_completion(FILE *f);
void zsh_completion(FILE *f);
void fish_completion(FILE *f);

#endif
