/* SPDX-License-Identifier: Apache-2.0 */
/* abri hold: keeps snapshots until somebody releases them. Needs no key. */
#include "cli/json_out.h"

#include "base/mem.h"

struct hold_args {
    const char *reason;
    bool release;
};

static const struct option_spec options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(hold_args, reason),
     .help = "why; everybody who lists snapshots or forgets some reads it"},
    {.name = "release", .kind = OPTION_FLAG, OPTION_AT(hold_args, release),
     .help = "end all holds of the snapshots"},
};

static int check_args(const struct hold_args *a, struct err *e)
{
    if (a->release && a->reason)
        return err_set(e, ERR_USAGE, "--reason and --release contradict each other");
    if (!a->release && !a->reason)
        return err_set(e, ERR_USAGE, "a hold needs a reason: abri hold SNAP --reason TEXT");
    return 0;
}

static void tell(struct cli *c, const struct snapshot *s, const char *reason)
{
    char id[SHORT_ID_BYTES];
    if (c->global.json) {
        json_t *o = json_object_of(reason ? "held" : "released");
        json_put_hex(o, "id", s->id, ID_BYTES);
        if (reason)
            json_put_string(o, "reason", reason);
        json_emit(c, stdout, o);
        return;
    }
    short_id(s->id, id);
    say_note(c, "snapshot %s is %s", id, reason ? "held" : "released");
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct hold_args *a = args;
    CLEANUP(snaps_done) struct snaps snaps = {0};
    if (command_expect_words(&cmd_hold, w, 1, SIZE_MAX, e) || check_args(a, e) ||
        snaps_open_to_change(c, false, &snaps, e))
        return -1;
    CLEANUP_FREE const struct snapshot **found = mem_array(w->count, sizeof *found);
    if (!found)
        return err_no_memory(e, "the snapshots to hold");
    if (snaps_find_all(&snaps, w, found, e))
        return -1;
    for (size_t i = 0; i < w->count; i++) {
        struct vault *v = snaps.access.vault;
        if (a->release ? vault_release(v, found[i], e) : vault_hold(v, found[i], a->reason, e))
            return snapshot_wrap(found[i], e);
        tell(c, found[i], a->release ? NULL : a->reason);
    }
    return 0;
}

const struct command cmd_hold = {
    .name = "hold",
    .summary = "keep snapshots until they are released",
    .operands = "SNAP…",
    .description =
        "Holds snapshots: while a hold stands, `abri forget` keeps them, whatever its rules say. For "
        "what is under suspicion, or must not go before somebody has looked. A hold has no end but "
        "`abri hold --release`. Needs no passphrase.",
    .examples = {{"abri -r /mnt/vault hold latest --reason 'last one before the incident'",
                  "keep it until it is released"},
                 {"abri -r /mnt/vault hold --release 3f2a91c0", "it may go again"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct hold_args),
    .run = run,
};
