/* SPDX-License-Identifier: Apache-2.0 */
/* abri repair: mends what can be mended, from parity and from a replica, and names
 * the rest. */
#include "cli/check.h"

#include "base/mem.h"

struct repair_args {
    const char *from;
    bool keyless;
};

static const struct option_spec options[] = {
    {.name = "from", .kind = OPTION_TEXT, .arg = "VAULT", OPTION_AT(repair_args, from),
     .help = "take what parity cannot mend from this replica"},
    {.name = "keyless", .kind = OPTION_FLAG, OPTION_AT(repair_args, keyless),
     .help = "ask for no passphrase; name no files"},
};

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct repair_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct check_options o = check_options_of(c);
    struct check_result result = {0};
    struct vault_repair_result mended = {0};
    o.read_data = true;
    o.subset = 1;
    if (command_expect_words(&cmd_repair, w, 0, 0, e) || check_mend(c, a->from, &o, &mended, e) ||
        (a->keyless ? cli_open(c, &access, e) : cli_open_reader(c, &access, e)) ||
        check_look(c, &access, &o, &result, e))
        return -1;
    check_tell(c, &result, &o, &mended);
    return check_verdict(&result, e);
}

const struct command cmd_repair = {
    .name = "repair",
    .summary = "mend damage, from parity and from a replica",
    .operands = "",
    .description =
        "Reads everything; mends what is damaged by its parity, as `abri check --repair` does; and takes the "
        "rest from a replica, if one is given: packs, sessions' keys, certificates, and the records of "
        "snapshots that were copied there. Only what verifies, to the last byte, as what it was takes the "
        "place of anything. Mending needs no passphrase; looking afterwards does, to name the files that are "
        "still damaged, if any are. A snapshot whose record is gone is brought back by `abri copy`.\n"
        "\n"
        "A pack that nothing could mend is kept and set aside: the next backup stores again what the machine "
        "still has of it, and what it holds whole stays restorable.",
    .examples = {{"abri -r /mnt/vault repair", "by parity alone"},
                 {"abri -r /mnt/vault repair --from /mnt/offsite/vault", "and from a replica"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct repair_args),
    .run = run,
};
