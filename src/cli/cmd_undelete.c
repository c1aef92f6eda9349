/* SPDX-License-Identifier: Apache-2.0 */
/* abri undelete: brings snapshots back from the trash. Needs no key. */
#include "cli/json_out.h"

#include "base/mem.h"

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(snaps_done) struct snaps snaps = {0};
    if (command_expect_words(&cmd_undelete, w, 1, SIZE_MAX, e) || snaps_open_to_change(c, true, &snaps, e))
        return -1;
    CLEANUP_FREE const struct snapshot **found = mem_array(w->count, sizeof *found);
    if (!found)
        return err_no_memory(e, "the snapshots to bring back");
    if (snaps_find_all(&snaps, w, found, e))
        return -1;
    for (size_t i = 0; i < w->count; i++) {
        char id[SHORT_ID_BYTES];
        if (vault_undelete(snaps.access.vault, found[i], e))
            return snapshot_wrap(found[i], e);
        if (c->global.json) {
            json_t *o = json_object_of("undeleted");
            json_put_hex(o, "id", found[i]->id, ID_BYTES);
            json_emit(c, stdout, o);
            continue;
        }
        short_id(found[i]->id, id);
        say_note(c, "snapshot %s is back", id);
    }
    return 0;
}

const struct command cmd_undelete = {
    .name = "undelete",
    .summary = "bring snapshots back from the trash",
    .operands = "SNAP…",
    .description =
        "Takes back what `abri forget` did, as long as the trash window lasts (`abri floor` shows how "
        "long): `abri snapshots --trash` lists what can be brought back, and until when. Needs no "
        "passphrase.",
    .examples = {{"abri -r /mnt/vault undelete 3f2a91c0", "it is a snapshot like any other again"},
                 {"abri -r /mnt/vault undelete latest", "the newest one in the trash"}},
    .run = run,
};
