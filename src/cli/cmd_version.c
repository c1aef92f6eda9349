/* SPDX-License-Identifier: Apache-2.0 */
/* abri version */
#include "cli/json_out.h"

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    if (command_expect_words(&cmd_version, w, 0, 0, e))
        return -1;
    if (c->global.json) {
        json_t *o = json_object_of("version");
        json_put_string(o, "version", ABRI_VERSION);
        json_put_number(o, "vault_format", VAULT_FORMAT);
        json_emit(c, stdout, o);
    } else {
        say(c, "abri %s (vault format %d)", ABRI_VERSION, VAULT_FORMAT);
    }
    return 0;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "print the program's version",
    .operands = "",
    .description = "Prints the version of the program and of the vault format that it writes.",
    .examples = {{"abri version", "for people"}, {"abri version --json", "for programs"}},
    .run = run,
};
