/* SPDX-License-Identifier: Apache-2.0 */
/* abri help [COMMAND | TOPIC] */
#include "cli/cli.h"

#include <string.h>

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)c;
    (void)args;
    if (command_expect_words(&cmd_help, w, 0, 2, e))
        return -1;
    if (w->count == 0) {
        help_overview(stdout);
        return 0;
    }
    const struct command *cmd = command_find(w->items[0]);
    if (w->count == 2 && (!cmd || !cmd->verbs))
        return err_set(e, ERR_USAGE, "no help on '%.64s %.64s': `abri help` lists commands",
                       w->items[0], w->items[1]);
    if (w->count == 2 && command_choose(cmd, w->items[1], &cmd, e))
        return -1;
    if (cmd && cmd->verbs) {
        help_group(stdout, cmd);
        return 0;
    }
    if (cmd) {
        help_command(stdout, cmd);
        return 0;
    }
    if (help_topic(stdout, w->items[0]))
        return 0;
    return err_set(e, ERR_USAGE, "no help on '%.64s': `abri help` lists commands and topics",
                   w->items[0]);
}

const struct command cmd_help = {
    .name = "help",
    .summary = "explain a command or a topic",
    .operands = "[COMMAND… | TOPIC]",
    .description = "Explains a command or a topic; alone, lists them.",
    .examples = {{"abri help backup", "all about one command"},
                 {"abri help exit-codes", "what the exit statuses mean"}},
    .run = run,
};
