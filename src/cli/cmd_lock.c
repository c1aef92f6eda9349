/* SPDX-License-Identifier: Apache-2.0 */
/* abri lock: keeps snapshots until a date, whatever rules say. Needs no key. */
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

struct lock_args {
    const char *until;
};

static const struct option_spec options[] = {
    {.name = "until", .kind = OPTION_TEXT, .arg = "DATE|TIME", OPTION_AT(lock_args, until),
     .help = "a date (2027-12-31, up to its end), or for how long from now: 30d, 1y6m, 36h"},
};

static int parse_until(const char *text, int64_t *out, struct err *e)
{
    struct policy_span span;
    if (!text)
        return err_set(e, ERR_USAGE, "until when? abri lock SNAP --until 2027-12-31 (or 30d)");
    if (policy_span_parse(text, &span))
        *out = policy_span_after(&span, clock_realtime_ns());
    else if (!clock_parse(text, out))
        return err_set(e, ERR_USAGE, "--until: '%s' is neither a date nor a time such as 30d or 1y6m",
                       text);
    return 0;
}

static void tell(struct cli *c, const struct snapshot *s, int64_t until_ns)
{
    char id[SHORT_ID_BYTES], until[CLOCK_TEXT_BYTES];
    if (c->global.json) {
        json_t *o = json_object_of("locked");
        json_put_hex(o, "id", s->id, ID_BYTES);
        json_put_time(o, "until", until_ns);
        json_emit(c, stdout, o);
        return;
    }
    short_id(s->id, id);
    clock_format(until_ns, until);
    say_note(c, "snapshot %s is locked until %s", id, until);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct lock_args *a = args;
    CLEANUP(snaps_done) struct snaps snaps = {0};
    int64_t until_ns;
    if (command_expect_words(&cmd_lock, w, 1, SIZE_MAX, e) || parse_until(a->until, &until_ns, e) ||
        snaps_open_to_change(c, false, &snaps, e))
        return -1;
    CLEANUP_FREE const struct snapshot **found = mem_array(w->count, sizeof *found);
    if (!found)
        return err_no_memory(e, "the snapshots to lock");
    if (snaps_find_all(&snaps, w, found, e))
        return -1;
    for (size_t i = 0; i < w->count; i++) {
        if (vault_lock(snaps.access.vault, found[i], until_ns, e))
            return snapshot_wrap(found[i], e);
        tell(c, found[i], until_ns);
    }
    return 0;
}

const struct command cmd_lock = {
    .name = "lock",
    .summary = "keep snapshots until a date, whatever rules say",
    .operands = "SNAP…",
    .description =
        "Locks snapshots: until the date, `abri forget` keeps them and nothing is freed that they need. "
        "A lock can be extended, but neither shortened nor taken away. The keeper's clock counts; if it "
        "is moved, nothing is freed (see `abri clock`). Needs no passphrase.",
    .examples = {{"abri -r /mnt/vault lock latest --until 2027-12-31", "keep it over the year"},
                 {"abri -r /mnt/vault lock 3f2a91c0 --until 90d", "for ninety days from now"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct lock_args),
    .run = run,
};
