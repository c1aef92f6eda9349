/* SPDX-License-Identifier: Apache-2.0 */
/* What can be completed: told by how the tables name a value, and by
 * what a profile may set. */
#include "manual/manual.h"

#include "cli/settings.h"

#include <string.h>

enum manual_value manual_value_of(const struct option_spec *o)
{
    if (o->kind == OPTION_CHOICE)
        return MANUAL_WORDS;
    if (!o->arg)
        return MANUAL_NOTHING;
    if (strcmp(o->arg, "DIR") == 0 || strcmp(o->arg, "LOC") == 0 ||
        strcmp(o->arg, "VAULT") == 0)
        return MANUAL_DIR;
    return strcmp(o->arg, "FILE") == 0 || strcmp(o->arg, "PATH") == 0 ? MANUAL_PATH
                                                                      : MANUAL_NOTHING;
}

enum manual_value manual_operand_of(const struct command *cmd)
{
    bool is_path = strncmp(cmd->operands, "PATH", 4) == 0 || strncmp(cmd->operands, "FILE", 4) == 0 ||
                   strncmp(cmd->operands, "DIR", 3) == 0;
    return is_path ? MANUAL_PATH : MANUAL_NOTHING;
}

bool manual_off_name(const struct command *cmd, const struct option_spec *o,
                     char out[OPTION_NAME_MAX])
{
    if (!settings_can_be_off(cmd ? cmd->name : SETTINGS_TOP, o))
        return false;
    option_off_name(o, out);
    return true;
}
